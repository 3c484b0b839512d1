/*
 * matvec_share.h: who computes what in matvec.hip: a block's run of pairs of weight rows, and what
 * becomes of their sums. See args_matvec.h.
 */
#ifndef RF_KERNELS_GPU_MATVEC_SHARE_H
#define RF_KERNELS_GPU_MATVEC_SHARE_H

#include "kernels/gpu/args_matvec.h"
#include "kernels/gpu/prelude.h"

typedef struct rf_gpu_matvec_args matvec_args;
typedef struct rf_gpu_matvec_part matvec_part;

/* What a block multiplies. */
typedef struct share {
    u64 offset;     /* bytes, to the weights of its expert */
    u32 first_pair; /* in the list of all pairs */
    u32 n_pairs;
    u32 output_row; /* of the first column */
    u32 group;      /* the first of the block's pairs that the warp has */
    u32 turn;       /* which of the warps that share it this is: its first step */
} share;

/* With experts the ids are read here: previous kernels must have ended. */
DEVICE share open_share(const matvec_args *a)
{
    share s = {};
    u32 block = block_x();
    s.group = warp() * a->split_inverse >> 16;
    s.turn = warp() - s.group * a->split;
    s.first_pair = block * a->block_pairs + minimum(block, a->longer_blocks);
    s.n_pairs = a->block_pairs + (block < a->longer_blocks ? 1 : 0);
    if (a->n_experts) {
        s.output_row = a->first_row + block_y();
        u32 id = (u32)GLOBAL(const i32, a->ids)[s.output_row];
        s.offset = minimum(id, a->n_experts - 1) * a->expert_bytes;
    }
    return s;
}

/* The row of the input that a column is a product with. */
DEVICE const f32 *input_row(const matvec_args *a, const share *s, u32 column, u32 stride)
{
    u32 row = (a->n_experts ? s->output_row / a->row_divisor : 0) + column;
    if (a->rows)
        row = (u32)GLOBAL(const i32, a->rows)[row];
    return GLOBAL(const f32, a->x) + (u64)row * stride;
}

/* ---- pairs ----------------------------------------------------------------------------------- */

/* The arguments are registers or constants: whole structs are not chosen among, which would put
 * them into memory. */
DEVICE u64 choose(u32 i, u64 first, u64 second, u64 third)
{
    return i == 0 ? first : i == 1 ? second : third;
}
#define OF_PART(i, field) choose(i, a->parts[0].field, a->parts[1].field, a->parts[2].field)

DEVICE u32 part_index(const matvec_args *a, u32 pair)
{
    return (pair >= a->parts[1].first_pair) + (pair >= a->parts[2].first_pair);
}

/* The numbers of a pair's rows in their part. Where m is odd the last has the same row twice. */
typedef struct pair_rows {
    u32 part;
    u32 row[2];
} pair_rows;

DEVICE pair_rows rows_of_pair(const matvec_args *a, u32 pair)
{
    pair_rows p;
    if (a->end == RF_GPU_MATVEC_SWIGLU) {
        p.part = 0;
        p.row[0] = p.row[1] = pair;
        return p;
    }
    p.part = part_index(a, pair);
    p.row[0] = 2 * (pair - (u32)OF_PART(p.part, first_pair));
    p.row[1] = minimum(p.row[0] + 1, (u32)OF_PART(p.part, m) - 1);
    return p;
}

/* The address of row r of a pair. */
DEVICE u64 weights_of(const matvec_args *a, const share *s, const pair_rows *p, u32 r)
{
    u64 base = a->end == RF_GPU_MATVEC_SWIGLU ? a->parts[r].weights : OF_PART(p->part, weights);
    return base + s->offset + p->row[r] * OF_PART(p->part, row_bytes);
}

/* ---- sums ------------------------------------------------------------------------------------ */

/* Sums each of n values, a power of two, over the warp. Value i is afterwards in values[0] of lane
 * i * WARP / n and those up to the next. Halves the values at each turn as long as there are
 * several. */
template <u32 n> DEVICE void warp_sums(f32 *values)
{
    u32 mask = WARP / 2;
    UNROLL
    for (u32 half = n / 2; half > 0; half /= 2, mask /= 2) {
        bool upper = lane() & mask;
        UNROLL
        for (u32 i = 0; i < half; i++) {
            f32 low = values[i], high = values[half + i];
            f32 kept = upper ? high : low;
            f32 given = upper ? low : high;
            values[i] = kept + shuffle_xor(given, mask);
        }
    }
    UNROLL
    for (; mask > 0; mask /= 2)
        values[0] += shuffle_xor(values[0], mask);
}

/* Puts the sums of a warp's share of the block's pair `local`, [2][columns] of each lane, where the
 * block's end finds them: [n_pairs][split][2][columns]. They are overwritten. */
template <u32 columns>
DEVICE void put_sums(const matvec_args *a, const share *s, u32 local, f32 *sums, bool more)
{
    const u32 n = 2 * columns;
    f32 *to = SHARED(f32) + (local * a->split + s->turn) * n;
    warp_sums<n>(sums);
    if (lane() % (WARP / n) == 0) {
        u32 i = lane() / (WARP / n);
        to[i] = more ? to[i] + sums[0] : sums[0];
    }
}

template <u32 columns> DEVICE f32 sum_of(const matvec_args *a, u32 local, u32 row, u32 column)
{
    const f32 *one = SHARED(const f32) + ((local * a->split * 2 + row) * columns + column);
    f32 sum = 0.0F;
    for (u32 w = 0; w < a->split; w++)
        sum += one[w * 2 * columns];
    return sum;
}

DEVICE f32 bias_of(u64 bias, u32 row)
{
    return bias ? GLOBAL(const f32, bias)[row] : 0.0F;
}

template <u32 columns> DEVICE void end_rows(const matvec_args *a, const share *s)
{
    u32 n = 2 * s->n_pairs;
    for (u32 i = thread(); i < n * minimum(columns, a->n_rows); i += n_threads()) {
        u32 column = columns == 1 ? 0 : i / n;
        u32 local = (i - column * n) / 2, r = i % 2;
        pair_rows p = rows_of_pair(a, s->first_pair + local);
        if (r == 1 && p.row[1] == p.row[0])
            continue;
        u32 row = r ? p.row[1] : p.row[0];
        f32 sum = sum_of<columns>(a, local, r, column) + bias_of(OF_PART(p.part, bias), row);
        f32 *out = GLOBAL(f32, OF_PART(p.part, out)) +
                   ((u64)(s->output_row + column) * OF_PART(p.part, m) + row);
        *out = a->end == RF_GPU_MATVEC_ADD ? *out + sum : sum;
    }
}

template <u32 columns> DEVICE void end_swiglu(const matvec_args *a, const share *s)
{
    u32 n = s->n_pairs;
    for (u32 i = thread(); i < n * minimum(columns, a->n_rows); i += n_threads()) {
        u32 column = columns == 1 ? 0 : i / n;
        u32 local = i - column * n, row = s->first_pair + local;
        f32 gate = sum_of<columns>(a, local, 0, column) + bias_of(a->parts[0].bias, row);
        f32 up = sum_of<columns>(a, local, 1, column) + bias_of(a->parts[1].bias, row);
        GLOBAL(f32, a->parts[0].out)
        [(u64)(s->output_row + column) * a->parts[0].m + row] = silu(gate) * up;
    }
}

/* All threads of the block go here, after their last sums. */
template <u32 columns> DEVICE void end_products(const matvec_args *a, const share *s)
{
    barrier();
    if (a->end == RF_GPU_MATVEC_SWIGLU)
        end_swiglu<columns>(a, s);
    else
        end_rows<columns>(a, s);
}

#endif
