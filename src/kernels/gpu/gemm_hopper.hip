/*
 * gemm_hopper.hip: products of up to 64 rows of activations on NVIDIA's Hopper, for weights of
 * RF_WEIGHT; bounded by how fast weights come from memory. See args_gemm_hopper.h for who computes
 * what. For sm_90a alone.
 *
 * Matrix units take weights from registers, where lanes widen them from blocks as they are stored,
 * and activations from shared memory, which costs no instructions: they are packed in the order of
 * lanes (prepare_packed.hip). One thread begins all copies, of spans of all activations and of boxes
 * of weights; the first weights before the kernel ahead of this one has ended.
 */
#include "kernels/gpu/args_gemm_hopper.h"
#include "kernels/gpu/hopper.h"
#include "kernels/gpu/order.h"
#include "kernels/gpu/math.h"
#include "kernels/gpu/quants_whole.h"

static_assert(weights::SPLIT == RF_GPU_HOPPER_SPLIT(weights::BLOCK, weights::BYTES),
              "activations are packed for the lanes' units");

/* What a block multiplies, and what a thread has of it. */
template <typename W_, u32 ROWS_> struct product {
    typedef W_ W;
    static constexpr u32 ROWS = ROWS_; /* of activations, padded */
    static constexpr u32 N_SUMS = ROWS_ / 2;
    static constexpr u32 WEIGHT_BYTES = RF_GPU_HOPPER_WEIGHT_BYTES(W_::BLOCK, W_::BYTES);
    static constexpr u32 ROW = RF_GPU_HOPPER_ROW(WEIGHT_BYTES);
    static constexpr bool ALIGNED = WEIGHT_BYTES % 16 == 0;
    static constexpr u32 X_BYTES = RF_GPU_HOPPER_SPAN_BYTES(ROWS_), X_SPAN = RF_GPU_HOPPER_X(ROWS_);
    /* Whole numbers, summed a block at a time: quants_whole.h. */
    static constexpr bool WHOLE = whole<W_>::HAS;
    static constexpr bool SCALED = scaled<W_>::HAS;
    /* Registers are enough to begin with a lane's second units while the first are multiplied. */
    static constexpr bool ROOMY = ROWS_ <= 16;

    u32 k_group;    /* along k, that the warp is in */
    u32 row;        /* of the tile, the lane's first; with SwiGLU of gate's and of up's */
    u32 second_row; /* bytes from it to the lane's other one in shared memory */
    const u8 *weights; /* of the first in slot 0 */
    f32 sums[N_SUMS];
};

/* ---- who has what ---------------------------------------------------------------------------- */

/* Barriers of a slot: what is copied is there; and read by all warps. */
DEVICE u32 full_barrier(u32 slot)
{
    return shared_address(SHARED(u8)) + 8 * slot;
}
DEVICE u32 empty_barrier(u32 slot)
{
    return full_barrier(RF_GPU_HOPPER_MAX_SLOTS + slot);
}
/* Slots of activations, and behind them those of weights. */
template <typename S> DEVICE u32 activations(const rf_gpu_hopper_args &a, u32 slot)
{
    u32 start = (shared_address(SHARED(u8)) + 16 * RF_GPU_HOPPER_MAX_SLOTS + 1023U) & ~1023U;
    return start + slot * (a.k_groups * S::X_SPAN);
}
template <typename S> DEVICE u32 weights_of(const rf_gpu_hopper_args &a, u32 slot)
{
    return activations<S>(a, a.slots) + slot * (a.k_groups * a.weights_step);
}

/* Which spans of every tile are the block's. */
typedef struct share {
    u32 first, end;
} share;
DEVICE share share_of_block(const rf_gpu_hopper_args &a)
{
    u32 rank = a.cluster > 1 ? cluster_rank() : 0;
    share s = {a.n_spans * rank / a.cluster, a.n_spans * (rank + 1) / a.cluster};
    return s;
}

/* The part that a tile is of. */
DEVICE u32 part_of(const rf_gpu_hopper_args &a, u32 tile)
{
    u32 part = 0;
    if (a.end != RF_GPU_END_SWIGLU)
        while (part + 1 < a.n_parts && tile >= a.parts[part + 1].first_tile)
            part++;
    return part;
}

/* Bytes from a multiple of 16, where a box has to begin, to a span's first: rows begin at such. */
template <typename S> DEVICE u32 skew_of(u32 span)
{
    return S::ALIGNED ? 0 : span * S::WEIGHT_BYTES & 15;
}

/* ---- copies ---------------------------------------------------------------------------------- */

/* Begins to copy the weights of a stage. */
template <typename S>
DEVICE void copy_weights(const rf_gpu_hopper_args &a, u64 maps, u32 tile, u32 span, u32 n, u32 slot)
{
    bool gated = a.end == RF_GPU_END_SWIGLU;
    u32 part = part_of(a, tile), row = (tile - a.parts[part].first_tile) * a.box_rows;
    u32 full = full_barrier(slot);
    arrive_expecting(full, n * (S::X_BYTES + (gated ? 2 : 1) * a.box_rows * S::ROW));
#pragma unroll 1
    for (u32 i = 0; i < n; i++) {
        u32 to = weights_of<S>(a, slot) + i * a.weights_step;
        u32 column = ((span + i) * S::WEIGHT_BYTES - skew_of<S>(span + i)) / 2;
        copy_box(to, maps + part * sizeof(a.maps[0]), column, row, full);
        if (gated)
            copy_box(to + a.box_rows * S::ROW, maps + sizeof(a.maps[0]), column, row, full);
    }
}

template <typename S>
DEVICE void copy_activations(const rf_gpu_hopper_args &a, u32 span, u32 n, u32 slot)
{
    const u8 *from = GLOBAL(const u8, a.rows) + (u64)span * S::X_BYTES;
#pragma unroll 1
    for (u32 i = 0; i < n; i++)
        copy_bulk(activations<S>(a, slot) + i * S::X_SPAN, from + i * S::X_BYTES, S::X_BYTES,
                  full_barrier(slot));
}

/* A place among the stages of all tiles of the block. */
typedef struct stage {
    u32 tile, span, slot;
} stage;
DEVICE void next_stage(const rf_gpu_hopper_args &a, const share &s, stage *at)
{
    at->slot = at->slot + 1 == a.slots ? 0 : at->slot + 1;
    at->span += a.k_groups;
    if (at->span >= s.end) {
        at->span = s.first;
        at->tile += n_blocks_x() / a.cluster;
    }
}

/* What one thread of a block does: copies the first stages, weights before activations are there. Returns
 * where the next one is. */
template <typename S> DEVICE stage copy_first_stages(const rf_gpu_hopper_args &a, u64 maps)
{
    const share s = share_of_block(a);
    const stage first = {block_x() / a.cluster, s.first, 0};
    stage at = first;
    for (u32 i = 0; i < a.slots && at.tile < a.n_tiles; i++, next_stage(a, s, &at))
        copy_weights<S>(a, maps, at.tile, at.span, minimum(a.k_groups, s.end - at.span), at.slot);
    wait_in_order(a.order);
    show_to_copies(); /* what was packed */
    at = first;
    for (u32 i = 0; i < a.slots && at.tile < a.n_tiles; i++, next_stage(a, s, &at))
        copy_activations<S>(a, at.span, minimum(a.k_groups, s.end - at.span), at.slot);
    return at;
}

/* Copies a stage, when all warps have read what is in its slot; parity: of the round that this ends. */
template <typename S>
DEVICE void copy_stage(const rf_gpu_hopper_args &a, u64 maps, stage *at, u32 parity)
{
    const share s = share_of_block(a);
    const u32 n = minimum(a.k_groups, s.end - at->span);
    wait_for(empty_barrier(at->slot), parity);
    copy_weights<S>(a, maps, at->tile, at->span, n, at->slot);
    copy_activations<S>(a, at->span, n, at->slot);
    next_stage(a, s, at);
}

/* ---- matrix units ---------------------------------------------------------------------------- */

/* c = a * b^T (+ c where keep is 1): 64 rows of weights, of which a lane has two in four registers, by 8 to
 * 64 of activations, which the matrix unit finds by a description; 16 elements of k. */
DEVICE void multiply(f32 (&c)[4], u32 a0, u32 a1, u32 a2, u32 a3, u64 b, u32 keep)
{
    asm volatile("{\n.reg .pred keep;\nsetp.ne.b32 keep, %9, 0;\n"
                 "wgmma.mma_async.sync.aligned.m64n8k16.f32.f16.f16 {%0, %1, %2, %3}, "
                 "{%4, %5, %6, %7}, %8, keep, 1, 1, 0;\n}"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "l"(b), "r"(keep));
}
DEVICE void multiply(f32 (&c)[8], u32 a0, u32 a1, u32 a2, u32 a3, u64 b, u32 keep)
{
    asm volatile("{\n.reg .pred keep;\nsetp.ne.b32 keep, %13, 0;\n"
                 "wgmma.mma_async.sync.aligned.m64n16k16.f32.f16.f16 "
                 "{%0, %1, %2, %3, %4, %5, %6, %7}, {%8, %9, %10, %11}, %12, keep, 1, 1, 0;\n}"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]), "+f"(c[4]), "+f"(c[5]),
                   "+f"(c[6]), "+f"(c[7])
                 : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "l"(b), "r"(keep));
}
DEVICE void multiply(f32 (&c)[16], u32 a0, u32 a1, u32 a2, u32 a3, u64 b, u32 keep)
{
    asm volatile("{\n.reg .pred keep;\nsetp.ne.b32 keep, %21, 0;\n"
                 "wgmma.mma_async.sync.aligned.m64n32k16.f32.f16.f16 "
                 "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15}, "
                 "{%16, %17, %18, %19}, %20, keep, 1, 1, 0;\n}"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]), "+f"(c[4]), "+f"(c[5]),
                   "+f"(c[6]), "+f"(c[7]), "+f"(c[8]), "+f"(c[9]), "+f"(c[10]), "+f"(c[11]),
                   "+f"(c[12]), "+f"(c[13]), "+f"(c[14]), "+f"(c[15])
                 : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "l"(b), "r"(keep));
}
DEVICE void multiply(f32 (&c)[32], u32 a0, u32 a1, u32 a2, u32 a3, u64 b, u32 keep)
{
    asm volatile("{\n.reg .pred keep;\nsetp.ne.b32 keep, %37, 0;\n"
                 "wgmma.mma_async.sync.aligned.m64n64k16.f32.f16.f16 "
                 "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
                 "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31}, "
                 "{%32, %33, %34, %35}, %36, keep, 1, 1, 0;\n}"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]), "+f"(c[4]), "+f"(c[5]),
                   "+f"(c[6]), "+f"(c[7]), "+f"(c[8]), "+f"(c[9]), "+f"(c[10]), "+f"(c[11]),
                   "+f"(c[12]), "+f"(c[13]), "+f"(c[14]), "+f"(c[15]), "+f"(c[16]), "+f"(c[17]),
                   "+f"(c[18]), "+f"(c[19]), "+f"(c[20]), "+f"(c[21]), "+f"(c[22]), "+f"(c[23]),
                   "+f"(c[24]), "+f"(c[25]), "+f"(c[26]), "+f"(c[27]), "+f"(c[28]), "+f"(c[29]),
                   "+f"(c[30]), "+f"(c[31])
                 : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "l"(b), "r"(keep));
}

/* Activations of step 0 to 15 of a span, of 16 elements each, from `at` on. */
template <typename S> DEVICE u64 describe_step(u32 at, u32 step)
{
    return describe(at + step / 4 * (S::ROWS * 128) + step % 4 * 32);
}
/* The sums of runs: pieces of 8 rows by 16 bytes, 128 bytes on along k, 256 to the next rows; no swizzle. */
template <typename S> DEVICE u64 describe_runs(u32 at)
{
    return (u64)((at + S::ROWS * 512) >> 4 & 0x3FFFU) | (u64)(128 >> 4) << 16 |
           (u64)(256 >> 4) << 32;
}

/* ---- products -------------------------------------------------------------------------------- */

/* The lane's unit of turn 0 or 1 in both of its rows: those of one lane have bytes in common. weights: of
 * the first row */
template <typename S> DEVICE void load_units(const S &s, typename S::W::raw (&raw)[2], const u8 *weights, u32 turn)
{
    UNROLL
    for (u32 r = 0; r < 2; r++)
        S::W::load(raw[r], weights + r * s.second_row, lane() % 4 / 2 * 2 + turn, lane() & 1);
}

/* A unit of both rows by all activations. */
template <typename S>
DEVICE void multiply_parts(f32 (&c)[S::N_SUMS], const direct_a (&x)[UNIT_PARTS], u32 at, u32 turn,
                           bool keep)
{
    products_begin();
    UNROLL
    for (u32 i = 0; i < UNIT_PARTS; i++)
        UNROLL
        for (u32 s = 0; s < 2; s++)
            multiply(c, x[i].v[0][0][2 * s], x[i].v[1][0][2 * s], x[i].v[0][0][2 * s + 1],
                     x[i].v[1][0][2 * s + 1], describe_step<S>(at, 8 * turn + 2 * i + s),
                     keep || i + s > 0);
    products_commit();
}

/* The minimums of a lane's two runs in each row, by the sums of runs. */
template <typename S, typename H>
DEVICE void multiply_mins(f32 (&c)[S::N_SUMS], const H (&head)[2], u32 at)
{
    u32 first = 2 * (lane() & 1), pick = 0x4040U | first | (first + 1) << 8;
    u32 low = select_bytes(head[0].mins, 0, pick), high = select_bytes(head[1].mins, 0, pick);
    products_begin();
    multiply(c, low, high, low, high, describe_runs<S>(at), 0);
    products_commit();
}
template <typename S, typename H>
DEVICE void subtract_mins(S &s, const f32 (&c)[S::N_SUMS], const H (&head)[2])
{
    f32 by[2] = {-32.0F * head[0].dmin, -32.0F * head[1].dmin};
    UNROLL
    for (u32 i = 0; i < S::N_SUMS; i++)
        s.sums[i] = fused(by[i / 2 % 2], c[i], s.sums[i]);
}

/* A block of each of two rows, as whole numbers. Where registers are few, products are waited for before
 * the next operands are made. */
template <typename S> DEVICE void multiply_whole(S &s, u32 at, const u8 *weights)
{
    typedef whole<typename S::W> form;
    typename S::W::raw raw[2];
    typename form::head head[2];
    f32 c[S::N_SUMS], mins[S::N_SUMS];
    direct_a x[2][UNIT_PARTS];
    load_units(s, raw, weights, 0);
    UNROLL
    for (u32 r = 0; r < 2; r++)
        head[r] = form::head_of(raw[r], lane() % 4 >= 2);
    if constexpr (form::MINS)
        multiply_mins<S>(mins, head, at);
    UNROLL
    for (u32 r = 0; r < 2; r++)
        form::template parts<false>(raw[r], head[r], 0, r, x[0]);
    if constexpr (form::MINS && !S::ROOMY) {
        products_wait<0>();
        subtract_mins(s, mins, head);
    }
    load_units(s, raw, weights, 1);
    multiply_parts<S>(c, x[0], at, 0, false);
    if constexpr (!form::MINS) /* those with mins have the scales of both units */
        UNROLL
        for (u32 r = 0; r < 2; r++)
            head[r] = form::head_of(raw[r], lane() % 4 >= 2);
    if constexpr (!S::ROOMY)
        products_wait<0>();
    UNROLL
    for (u32 r = 0; r < 2; r++)
        form::template parts<false>(raw[r], head[r], 1, r, x[S::ROOMY]);
    multiply_parts<S>(c, x[S::ROOMY], at, 1, true);
    products_wait<0>();
    if constexpr (form::MINS && S::ROOMY)
        subtract_mins(s, mins, head);
    UNROLL
    for (u32 i = 0; i < S::N_SUMS; i++)
        s.sums[i] = fused(head[i / 2 % 2].d, c[i], s.sums[i]);
}

/* A unit of each of two rows, rounded to f16; paired as activations are. */
template <typename S>
DEVICE void widen_units(const typename S::W::raw (&raw)[2], direct_a (&x)[UNIT_PARTS])
{
    if constexpr (S::SCALED) {
        bool quick = is_scaled<typename S::W>(raw[0]) && is_scaled<typename S::W>(raw[1]);
        if (for_all_lanes(quick)) {
            UNROLL
            for (u32 i = 0; i < 2 * UNIT_PARTS; i++)
                x[i / 2].v[i % 2][0] = scaled_part<typename S::W>(raw[i % 2], i / 2);
            return;
        }
    }
    UNROLL
    for (u32 i = 0; i < 2 * UNIT_PARTS; i++)
        x[i / 2].v[i % 2][0] = half_part<typename S::W, !S::W::SPLIT>(raw[i % 2], i / 2);
}

template <typename S> DEVICE void multiply_rounded(S &s, u32 at, const u8 *weights)
{
    typename S::W::raw raw[2];
    direct_a x[2][UNIT_PARTS];
    load_units(s, raw, weights, 0);
    widen_units<S>(raw, x[0]);
    load_units(s, raw, weights, 1);
    multiply_parts<S>(s.sums, x[0], at, 0, true);
    if constexpr (!S::ROOMY)
        products_wait<0>();
    widen_units<S>(raw, x[S::ROOMY]);
    multiply_parts<S>(s.sums, x[S::ROOMY], at, 1, true);
    products_wait<0>();
}

/* ---- ends ------------------------------------------------------------------------------------ */

/* Where the sums of a row of weights go: its column of rows of `width`. */
typedef struct end_row {
    f32 *out;
    u32 width;
    f32 bias;
    bool exists;
} end_row;

/* Of the lane's row h: of gate or up with SwiGLU, otherwise eight apart. */
DEVICE end_row find_end(const rf_gpu_hopper_args &a, u32 tile, u32 row, u32 h)
{
    bool gated = a.end == RF_GPU_END_SWIGLU;
    u32 of_tile = part_of(a, tile), part = gated ? h : of_tile;
    u32 local = gated ? row : row + 8 * h;
    const struct rf_gpu_gemm_part *p = &a.parts[part];
    u32 m = (tile - a.parts[of_tile].first_tile) * a.box_rows + local;
    end_row e = {GLOBAL(f32, p->out) + m, p->m, 0.0F, local < a.box_rows && m < p->m};
    if (p->bias && e.exists)
        e.bias = GLOBAL(const f32, p->bias)[m];
    return e;
}

/* Sum i of a thread is of its row i / 2 % 2 of weights; and of row 8 * (i / 4) + 2 * (lane % 4) + i % 2 of
 * activations (PTX ISA, "Register fragments for wgmma.mma_async.m64nNk16"). */
DEVICE void store_sum(const rf_gpu_hopper_args &a, const end_row &e, u32 i, f32 value)
{
    u32 row = 8 * (i / 4) + 2 * (lane() % 4) + i % 2;
    if (!e.exists || row >= a.n_rows)
        return;
    f32 *out = e.out + (u64)row * e.width;
    *out = a.end == RF_GPU_END_ADD ? *out + value : value;
}

template <typename S> DEVICE void store_sums(const S &s, const rf_gpu_hopper_args &a, u32 tile)
{
    end_row e[2] = {find_end(a, tile, s.row, 0), find_end(a, tile, s.row, 1)};
    if (a.end == RF_GPU_END_SWIGLU) {
        UNROLL
        for (u32 i = 0; i < S::N_SUMS; i++)
            if (i / 2 % 2 == 0)
                store_sum(a, e[0], i,
                          silu(s.sums[i] + e[0].bias) * (s.sums[(i + 2) % S::N_SUMS] + e[1].bias));
        return;
    }
    UNROLL
    for (u32 i = 0; i < S::N_SUMS; i++)
        store_sum(a, e[i / 2 % 2], i, s.sums[i] + e[i / 2 % 2].bias);
}

/* Sum i, by all groups along k of all blocks of the cluster, in their order, some loads at a time. own: where
 * sum 0 would be were the thread of the first group along k */
DEVICE f32 add_up(const rf_gpu_hopper_args &a, u32 own, u32 i)
{
    constexpr u32 LOADS = 4;
    f32 sum = 0.0F;
    own += 4 * i * n_threads();
    for (u32 first = 0; first < a.cluster * a.k_groups; first += LOADS) {
        f32 v[LOADS];
        UNROLL
        for (u32 l = 0; l < LOADS; l++) {
            u32 from = minimum(first + l, a.cluster * a.k_groups - 1);
            v[l] = load_of_block(own + 4 * GROUP * (from % a.k_groups), from / a.k_groups);
        }
        UNROLL
        for (u32 l = 0; l < LOADS; l++)
            sum += first + l < a.cluster * a.k_groups ? v[l] : 0.0F;
    }
    return sum;
}

/* Where k was shared out: each of those that did ends a share of the sums. */
template <typename S> DEVICE void end_together(const S &s, const rf_gpu_hopper_args &a)
{
    const u32 unit = a.end == RF_GPU_END_SWIGLU ? 4 : 1; /* gate and up are in one */
    const u32 share = maximum(S::N_SUMS / (a.cluster * a.k_groups), unit);
    const u32 first = ((a.cluster > 1 ? cluster_rank() : 0) * a.k_groups + s.k_group) * share;
    const u32 own = activations<S>(a, 0) + 4 * thread(), tile = block_x() / a.cluster;
    const u32 base = own - 4 * GROUP * s.k_group;
    barrier(); /* slots are not used any more */
    UNROLL
    for (u32 i = 0; i < S::N_SUMS; i++)
        asm volatile("st.shared.f32 [%0], %1;" ::"r"(own + 4 * i * n_threads()), "f"(s.sums[i])
                     : "memory");
    if (a.cluster > 1)
        cluster_barrier();
    else
        barrier();
    end_row e[2] = {find_end(a, tile, s.row, 0), find_end(a, tile, s.row, 1)};
    for (u32 i = first; i < first + share && i < S::N_SUMS; i++) {
        if (unit == 4 && i / 2 % 2)
            continue;
        f32 value = add_up(a, base, i) + (i / 2 % 2 ? e[1].bias : e[0].bias);
        if (unit == 4)
            value = silu(value) * (add_up(a, base, i + 2) + e[1].bias);
        store_sum(a, i / 2 % 2 ? e[1] : e[0], i, value);
    }
    if (a.cluster > 1)
        cluster_barrier(); /* the others have read */
}

/* ---- tiles ----------------------------------------------------------------------------------- */

/* All of the block's tiles; where k is shared out there is one. ahead: the first thread's, which copies */
template <typename S>
DEVICE void multiply_tiles(S &s, const rf_gpu_hopper_args &a, u64 maps, stage *ahead)
{
    const share own = share_of_block(a);
    u32 slot = 0, parity = 0;
    bool is_first = true;
    for (u32 tile = block_x() / a.cluster; tile < a.n_tiles; tile += n_blocks_x() / a.cluster) {
        UNROLL
        for (u32 i = 0; i < S::N_SUMS; i++)
            s.sums[i] = 0.0F;
#pragma unroll 1
        for (u32 span = own.first; span < own.end; span += a.k_groups) {
            wait_for(full_barrier(slot), parity);
            if (span + s.k_group < own.end) {
                const u32 at = activations<S>(a, slot) + s.k_group * S::X_SPAN;
                const u8 *weights = s.weights + slot * (a.k_groups * a.weights_step) +
                                    skew_of<S>(span + s.k_group);
                if constexpr (S::WHOLE)
                    multiply_whole(s, at, weights);
                else
                    multiply_rounded(s, at, weights);
            }
            if (lane() == 0)
                arrive(empty_barrier(slot));
            /* What was multiplied before this stage others have read by now, or soon will have. */
            if (thread() == 0 && !is_first && ahead->tile < a.n_tiles)
                copy_stage<S>(a, maps, ahead, slot == 0 ? parity ^ 1 : parity);
            is_first = false;
            if (++slot == a.slots) {
                slot = 0;
                parity ^= 1;
            }
        }
        if (a.cluster * a.k_groups == 1)
            store_sums(s, a, tile);
    }
}

/* Which rows are the lane's: in shared memory neighbours are two apart, so that the pieces which lanes of two
 * rows read at once are in different banks. */
template <typename S> DEVICE void open_warp(S &s, const rf_gpu_hopper_args &a)
{
    bool gated = a.end == RF_GPU_END_SWIGLU;
    u32 group = warp() / 4, row = lane() / 4;
    row = (row & 4) | (row & 1) << 1 | (row >> 1 & 1);
    s.k_group = group % a.k_groups;
    s.row = (group / a.k_groups * 4 + warp() % 4) * (gated ? 8 : 16) + row;
    s.second_row = (gated ? a.box_rows : 8) * S::ROW;
    s.weights = SHARED(u8) + (weights_of<S>(a, 0) - shared_address(SHARED(u8))) +
                s.k_group * a.weights_step + s.row * S::ROW;
}

template <typename S> DEVICE void run_product(const rf_gpu_hopper_args &a, u64 maps)
{
    S s;
    stage ahead = {};
    if (thread() == 0) {
        for (u32 slot = 0; slot < a.slots; slot++) {
            open_barrier(full_barrier(slot), 1);
            open_barrier(empty_barrier(slot), n_warps());
        }
        show_barriers();
    }
    begin_in_order(a.order);
    barrier();
    if (thread() == 0)
        ahead = copy_first_stages<S>(a, maps);
    open_warp(s, a);
    wait_in_order(a.order); /* kernels before may read what this one writes, but for order.h */
    multiply_tiles(s, a, maps, &ahead);
    if (a.cluster * a.k_groups > 1)
        end_together(s, a);
    end_in_order(a.order);
}

#define HOPPER_KERNEL_(type, rows)                                                                 \
    KERNEL(gemm_hopper_##type##_##rows, rf_gpu_hopper_args, RF_GPU_HOPPER_GROUPS *GROUP)           \
    {                                                                                              \
        u64 args;                                                                                  \
        asm("{\n.reg .u64 p;\nmov.u64 p, gemm_hopper_" #type "_" #rows "_param_0;\n"               \
            "cvta.param.u64 %0, p;\n}"                                                             \
            : "=l"(args));                                                                         \
        run_product<product<weights, rows>>(a, args + __builtin_offsetof(rf_gpu_hopper_args, maps)); \
    }
#define HOPPER_KERNEL(type, rows) HOPPER_KERNEL_(type, rows)
#define HOPPER(rows)              HOPPER_KERNEL(RF_WEIGHT, rows)
RF_GPU_HOPPER_ROWS(HOPPER)
