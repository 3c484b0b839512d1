/*
 * matvec_share.h: who computes what in matvec.hip: a warp's pair of weight rows and its steps along
 * them; and what becomes of the sums. See args_matvec.h.
 */
#ifndef RF_KERNELS_GPU_MATVEC_SHARE_H
#define RF_KERNELS_GPU_MATVEC_SHARE_H

#include "kernels/gpu/args_matvec.h"
#include "kernels/gpu/prelude.h"

typedef struct rf_gpu_matvec_args matvec_args;
typedef struct rf_gpu_matvec_part matvec_part;

/* What a warp multiplies. */
typedef struct share {
    u64 weights[2]; /* address of each row */
    u32 row_bytes;
    u32 input_row; /* of the first column */
    u32 turn;      /* which of the warps that share the rows: its first step */
    bool active;   /* whether there are such rows */
} share;

/* The arguments are registers or constants: whole structs are not chosen among, which would put
 * them into memory. */
DEVICE u64 choose(u32 i, u64 first, u64 second, u64 third)
{
    return i == 0 ? first : i == 1 ? second : third;
}
#define OF_PART(i, field) choose(i, a->parts[0].field, a->parts[1].field, a->parts[2].field)

DEVICE matvec_part part_of(const matvec_args *a, u32 block)
{
    u32 i = (block >= a->parts[1].first_block) + (block >= a->parts[2].first_block);
    matvec_part p = {OF_PART(i, weights), OF_PART(i, row_bytes), OF_PART(i, bias),
                     OF_PART(i, out),     (u32)OF_PART(i, m),    (u32)OF_PART(i, first_block)};
    return p;
}

DEVICE u32 first_pair_of(const matvec_args *a, const matvec_part *part, u32 block)
{
    return (block - part->first_block) * (n_warps() / a->split);
}

/* With experts the ids are read here: previous kernels must have ended. */
DEVICE share open_share(const matvec_args *a)
{
    share s;
    matvec_part part = part_of(a, block_x());
    u64 offset = 0;
    u32 row = 0;
    if (a->n_experts) {
        row = a->first_row + block_y();
        u32 id = (u32)GLOBAL(const i32, a->ids)[row];
        offset = minimum(id, a->n_experts - 1) * a->expert_bytes;
    }
    s.row_bytes = (u32)part.row_bytes;
    s.input_row = row / a->row_divisor;
    s.turn = warp() % a->split;
    u32 pair = first_pair_of(a, &part, block_x()) + warp() / a->split;
    u32 last = part.m - 1;
    if (a->end == RF_GPU_MATVEC_SWIGLU) {
        s.active = pair <= last;
        pair = minimum(pair, last);
        s.weights[0] = a->parts[0].weights + offset + pair * part.row_bytes;
        s.weights[1] = a->parts[1].weights + offset + pair * part.row_bytes;
    } else {
        s.active = 2 * pair <= last;
        s.weights[0] = part.weights + offset + minimum(2 * pair, last) * part.row_bytes;
        s.weights[1] = part.weights + offset + minimum(2 * pair + 1, last) * part.row_bytes;
    }
    return s;
}

/* ---- sums ------------------------------------------------------------------------------------ */

/* Sums each of n values, a power of two, over the warp. Value i is afterwards in values[0] of lane
 * i * WARP / n and those up to the next. Halves the values at each turn as long as there are
 * several. */
template <u32 n> DEVICE void warp_sums(f32 *values)
{
    u32 mask = WARP / 2;
#pragma unroll
    for (u32 half = n / 2; half > 0; half /= 2, mask /= 2) {
        bool upper = lane() & mask;
#pragma unroll
        for (u32 i = 0; i < half; i++) {
            f32 low = values[i], high = values[half + i];
            f32 kept = upper ? high : low;
            f32 given = upper ? low : high;
            values[i] = kept + shuffle_xor(given, mask);
        }
    }
#pragma unroll
    for (; mask > 0; mask /= 2)
        values[0] += shuffle_xor(values[0], mask);
}

/* What one output is made of. */
typedef struct sum_source {
    const f32 *sums; /* [n_warps][2][columns] */
    u32 split;
    u32 columns;
} sum_source;

DEVICE f32 sum_of(const sum_source *from, u32 pair, u32 row, u32 column)
{
    const f32 *one = from->sums + ((pair * from->split * 2 + row) * from->columns + column);
    f32 sum = 0.0F;
    for (u32 w = 0; w < from->split; w++)
        sum += one[w * 2 * from->columns];
    return sum;
}

DEVICE f32 bias_of(const matvec_part *part, u32 row)
{
    return part->bias ? GLOBAL(const f32, part->bias)[row] : 0.0F;
}

/* Outputs of a block. */
typedef struct outputs {
    matvec_part part;
    u32 first_pair;
    u32 row; /* of the first column */
} outputs;

DEVICE outputs open_outputs(const matvec_args *a)
{
    outputs o;
    u32 block = forgotten(block_x()); /* so that nothing of this takes registers until now */
    o.part = part_of(a, block);
    o.first_pair = first_pair_of(a, &o.part, block);
    o.row = a->n_experts ? a->first_row + block_y() : 0;
    return o;
}

DEVICE void end_rows(const matvec_args *a, const sum_source *from)
{
    outputs o = open_outputs(a);
    u32 n = n_warps() / a->split * 2;
    u32 column = thread() / n, local = thread() % n;
    u32 row = 2 * o.first_pair + local;
    if (column >= minimum(from->columns, a->n_rows) || row >= o.part.m)
        return;
    f32 sum = sum_of(from, local / 2, local % 2, column) + bias_of(&o.part, row);
    f32 *out = GLOBAL(f32, o.part.out) + ((u64)(o.row + column) * o.part.m + row);
    *out = a->end == RF_GPU_MATVEC_ADD ? *out + sum : sum;
}

DEVICE void end_swiglu(const matvec_args *a, const sum_source *from)
{
    outputs o = open_outputs(a);
    u32 n = n_warps() / a->split;
    u32 column = thread() / n, local = thread() % n;
    u32 row = o.first_pair + local;
    if (column >= minimum(from->columns, a->n_rows) || row >= o.part.m)
        return;
    f32 gate = sum_of(from, local, 0, column) + bias_of(&a->parts[0], row);
    f32 up = sum_of(from, local, 1, column) + bias_of(&a->parts[1], row);
    GLOBAL(f32, o.part.out)[(u64)(o.row + column) * o.part.m + row] = silu(gate) * up;
}

/* sums: [2][columns] of each lane; is overwritten. All threads of the block go here. */
template <u32 columns> DEVICE void end_products(const matvec_args *a, f32 *sums)
{
    const u32 n = 2 * columns;
    f32 *shared = SHARED(f32);
    warp_sums<n>(sums);
    if (lane() % (WARP / n) == 0)
        shared[warp() * n + lane() / (WARP / n)] = sums[0];
    barrier();
    sum_source from = {shared, a->split, columns};
    if (a->end == RF_GPU_MATVEC_SWIGLU)
        end_swiglu(a, &from);
    else
        end_rows(a, &from);
}

#endif
