/*
 * gemm.hip: products of many rows by matrix units: out[row][m] = rows · weights^T, rows of f16, weights
 * of RF_WEIGHT widened to f16 on their way into shared memory, sums in f32.
 *
 * A block makes a tile of ROWS rows by WEIGHTS rows of weights, 64 elements of k a stage. While a
 * stage is multiplied, the blocks of weights of the next one are on their way into registers; they
 * are widened between the products, into the other buffer where there are two.
 */
#include "kernels/gpu/gemm_share.h"
#include "kernels/gpu/matrix.h"
#include "kernels/gpu/quants.h"

#define DEPTH  RF_GPU_GEMM_DEPTH
#define STRIDE RF_GPU_GEMM_STRIDE

/* ---- weights --------------------------------------------------------------------------------- */

/* The row of a tile that a pair of threads has. Where a pair's parts are 16 apart, rows are dealt
 * out so that eight threads write to different banks. */
template <typename W> DEVICE u32 unit_row(u32 pair)
{
    return W::SPLIT ? (pair & ~7U) | (pair & 1) | (pair & 2) << 1 | (pair & 4) >> 1 : pair;
}

/* The first byte of the tile's row of weights. With SwiGLU a warp's PER_WARP rows are half of the
 * first part, half of the second, so that both halves of a pair meet in a thread. */
template <u32 PER_WARP>
DEVICE const u8 *weight_row(const rf_gpu_gemm_args &a, const tile_place &at, u32 row)
{
    u32 part = at.part, m = at.first_m + row;
    if (a.end == RF_GPU_END_SWIGLU) {
        part = row % PER_WARP / (PER_WARP / 2);
        m = at.first_m + row / PER_WARP * (PER_WARP / 2) + row % (PER_WARP / 2);
    }
    const struct rf_gpu_gemm_part *p = &a.parts[part];
    return GLOBAL(const u8, p->weights) + at.expert * a.expert_bytes +
           minimum(m, p->m - 1) * p->row_bytes;
}

#if RF_MATRIX == RF_MATRIX_NONE
/* sum + a * b, of 16 */
DEVICE f32 dot16(const tile_ab &a, const tile_ab &b, f32 sum)
{
#if defined(RF_GPU_EMU)
    return emu_dot(a.hi, b.hi, emu_dot(a.lo, b.lo, sum));
#else
#pragma unroll
    for (u32 i = 0; i < 16; i += 2) {
#if defined(__gfx906__) || defined(__GFX10__)
        f16x2 p = {a[i], a[i + 1]}, q = {b[i], b[i + 1]};
        sum = __builtin_amdgcn_fdot2(p, q, sum, false);
#else
        sum = fused((f32)a[i], (f32)b[i], sum);
        sum = fused((f32)a[i + 1], (f32)b[i + 1], sum);
#endif
    }
    return sum;
#endif
}
#endif

/* ---- stages ---------------------------------------------------------------------------------- */

/* A tile's sizes, and what a thread has of it. */
template <typename W_, u32 ROWS_, u32 WEIGHTS_, u32 WARPS_R, u32 WARPS_W, bool TWO_> struct work {
    typedef W_ W;
    static constexpr u32 ROWS = ROWS_, WEIGHTS = WEIGHTS_;
    static constexpr bool TWO = TWO_; /* buffers */
    static constexpr u32 THREADS = WARPS_R * WARPS_W * RF_WARP;
    static constexpr u32 WARP_ROWS = ROWS / WARPS_R, WARP_WEIGHTS = WEIGHTS / WARPS_W;
    static constexpr u32 R = WARP_ROWS / 16, M = WARP_WEIGHTS / 16;
    static constexpr u32 UNITS = 2 * WEIGHTS / THREADS;
    static constexpr u32 CHUNKS = (ROWS * (DEPTH / 8) + THREADS - 1) / THREADS; /* of 8 f16 */
    static constexpr u32 WARPS_ALONG_WEIGHTS = WARPS_W;

    tile_place at;
    u32 *from;    /* of each row of the tile, in shared memory: its prepared row */
    u32 *to;      /* and its row in the output, or NO_ROW */
    f16 *buffers; /* rows, then weights; twice where there are two */
    const u8 *weight[UNITS];
    bool aligned; /* rows of floats, to 16 bytes */
    typename W_::raw raw[UNITS];
    u32x4 chunk[CHUNKS];
    tile_c c[R][M];
};

template <typename S> DEVICE f16 *rows_of(const S &s, u32 buffer)
{
    return s.buffers + buffer * (S::ROWS + S::WEIGHTS) * STRIDE;
}
template <typename S> DEVICE f16 *weights_of(const S &s, u32 buffer)
{
    return rows_of(s, buffer) + S::ROWS * STRIDE;
}

/* Issues the loads of a stage: weights to registers, rows to registers or, without waiting, into
 * the buffer. */
template <typename S>
DEVICE void fetch(S &s, const rf_gpu_gemm_args &a, u32 stage, u32 buffer)
{
    UNROLL
    for (u32 j = 0; j < S::UNITS; j++)
        load_unit<typename S::W>(s.raw[j], s.weight[j], stage, thread() & 1, a.k, s.aligned);
    UNROLL
    for (u32 j = 0; j < S::CHUNKS; j++) {
        u32 index = thread() + j * S::THREADS;
        u32 row = index / (DEPTH / 8), at = index % (DEPTH / 8) * 8;
        u32 first = stage * DEPTH + at;
        const u32x4 zero = {0, 0, 0, 0};
        if (S::ROWS * (DEPTH / 8) % S::THREADS && row >= S::ROWS)
            break;
        const f16 *from = GLOBAL(const f16, a.rows) + (u64)s.from[row] * a.stride + first;
        if (!S::TWO)
            s.chunk[j] = first < a.stride ? *(const u32x4 *)from : zero;
        else if (first < a.stride)
            copy_async(rows_of(s, buffer) + row * STRIDE + at, from);
        else
            *(u32x4 *)(rows_of(s, buffer) + row * STRIDE + at) = zero;
    }
    copy_commit();
}

/* Widens part i of the thread's units into the buffer. */
template <typename S> DEVICE void put_part(const S &s, u32 buffer, u32 i)
{
    typedef typename S::W W;
    UNROLL
    for (u32 j = 0; j < S::UNITS; j++) {
        u32 row = unit_row<W>((thread() + j * S::THREADS) / 2);
        f16 *to = weights_of(s, buffer) + row * STRIDE + unit_position<W>(thread() & 1, i);
        *(u32x4 *)to = half_part<W>(s.raw[j], i);
    }
}
template <typename S> DEVICE void put_all(const S &s, u32 buffer)
{
    UNROLL
    for (u32 i = 0; i < UNIT_PARTS; i++)
        put_part(s, buffer, i);
    if (S::TWO)
        return;
    UNROLL
    for (u32 j = 0; j < S::CHUNKS; j++) {
        u32 index = thread() + j * S::THREADS;
        u32 row = index / (DEPTH / 8), at = index % (DEPTH / 8) * 8;
        if (S::ROWS * (DEPTH / 8) % S::THREADS && row >= S::ROWS)
            break;
        *(u32x4 *)(rows_of(s, buffer) + row * STRIDE + at) = s.chunk[j];
    }
}

/* Sixteen rows by the warp's tiles of weights. */
template <u32 M> DEVICE void multiply_rows(tile_c (&c)[M], const f16 *rows, const tile_ab (&w)[M])
{
#if RF_MATRIX == RF_MATRIX_NONE
    /* Every lane has its column's weights; the rows of its sums it reads itself, as all lanes of a
     * row do at once. */
    UNROLL
    for (u32 i = 0; i < C_ELEMENTS; i++) {
        tile_ab x = load_side_by_side(rows + c_row(i) * STRIDE);
        UNROLL
        for (u32 m = 0; m < M; m++)
            c[m].v[i] = dot16(x, w[m], c[m].v[i]);
    }
#else
    tile_ab x = load_a(rows, STRIDE);
    UNROLL
    for (u32 m = 0; m < M; m++)
        multiply_add(c[m], x, w[m]);
#endif
}

/* The products of 16 elements of k. */
template <typename S> DEVICE void multiply_step(S &s, u32 buffer, u32 step)
{
    const f16 *rows = rows_of(s, buffer) +
                      warp() / S::WARPS_ALONG_WEIGHTS * S::WARP_ROWS * STRIDE + 16 * step;
    const f16 *weights = weights_of(s, buffer) +
                         warp() % S::WARPS_ALONG_WEIGHTS * S::WARP_WEIGHTS * STRIDE + 16 * step;
    tile_ab w[S::M];
    UNROLL
    for (u32 m = 0; m < S::M; m++)
        w[m] = load_b(weights + 16 * m * STRIDE, STRIDE);
    UNROLL
    for (u32 r = 0; r < S::R; r++)
        multiply_rows(s.c[r], rows + 16 * r * STRIDE, w);
}

template <typename S> DEVICE void multiply(S &s, const rf_gpu_gemm_args &a)
{
    u32 n_stages = (a.k + DEPTH - 1) / DEPTH;
    u32 stage = block_z() * a.split_depth;
    u32 end = minimum(stage + a.split_depth, n_stages);
    u32 buffer = 0;
    fetch(s, a, stage, 0);
    put_all(s, 0);
    copy_wait<0>();
    barrier();
    for (; stage < end; stage++) {
        u32 next = S::TWO ? buffer ^ 1 : 0;
        fetch(s, a, minimum(stage + 1, end - 1), next); /* the last one again rather than a branch */
#if RF_MATRIX == RF_MATRIX_NONE
#pragma unroll 1
#else
        UNROLL
#endif
        for (u32 step = 0; step < DEPTH / 16; step++) {
            multiply_step(s, buffer, step);
            if (S::TWO && step >= 2) {
                put_part(s, next, 2 * (step - 2));
                put_part(s, next, 2 * (step - 2) + 1);
            }
        }
        if (!S::TWO) {
            barrier();
            put_all(s, 0);
        }
        copy_wait<0>();
        barrier();
        buffer = next;
    }
}

/* ---- the block ------------------------------------------------------------------------------- */

template <typename S> DEVICE void open_work(S &s, const rf_gpu_gemm_args &a)
{
    s.from = SHARED(u32);
    s.to = s.from + S::ROWS;
    s.buffers = (f16 *)(s.to + S::ROWS);
    list_rows(a, s.at, S::ROWS, s.from, s.to);
    s.aligned = true;
    if (S::W::BLOCK == 1)
        for (u32 i = 0; i < a.n_parts; i++)
            s.aligned = s.aligned && (a.parts[i].row_bytes | a.parts[i].weights) % 16 == 0;
    s.aligned = s.aligned && a.expert_bytes % 16 == 0;
    UNROLL
    for (u32 j = 0; j < S::UNITS; j++)
        s.weight[j] = weight_row<S::WARP_WEIGHTS>(
            a, s.at, unit_row<typename S::W>((thread() + j * S::THREADS) / 2));
    UNROLL
    for (u32 r = 0; r < S::R; r++)
        UNROLL
        for (u32 m = 0; m < S::M; m++)
            s.c[r][m] = zero_tile();
    barrier();
}

/* Sixteen rows of a warp's sums, which are in shared memory: to one part, or with SwiGLU the halves to two
 * parts, or as one. Neighbouring lanes have neighbouring columns. */
template <typename S>
DEVICE void put_rows(const S &s, const rf_gpu_gemm_args &a, const target &t, const f32 *sums,
                     u32 first_row)
{
    bool two_parts = a.end == RF_GPU_END_SWIGLU;
    bool add = a.end == RF_GPU_END_ADD && !a.partial;
    u32 width = two_parts ? S::WARP_WEIGHTS / 2 : S::WARP_WEIGHTS;
    u32 first = s.at.first_m + warp() % S::WARPS_ALONG_WEIGHTS * width;
#pragma unroll 1
    for (u32 e = lane(); e < 16 * width; e += WARP) {
        u32 column = e % width;
        u32 row = s.to[first_row + e / width];
        const f32 *sum = sums + e / width * S::WARP_WEIGHTS + column;
        if (row == NO_ROW || first + column >= t.limit)
            continue;
        if (two_parts)
            put_swiglu(a, t, row, first + column, sum[0], sum[S::WARP_WEIGHTS / 2]);
        else
            put_sum(t, row, first + column, sum[0], add);
    }
}

/* By way of shared memory, which the stages have no use for any more: a tile's elements lie in many rows
 * and columns of a lane, and code for each of them would be most of the kernel. */
template <typename S> DEVICE void end_work(S &s, const rf_gpu_gemm_args &a)
{
    u32 first_row = warp() / S::WARPS_ALONG_WEIGHTS * S::WARP_ROWS;
    f32 *sums = (f32 *)s.buffers + warp() * (16 * S::WARP_WEIGHTS);
    target t = find_target(a, s.at.part);
    static_assert(S::THREADS / RF_WARP * 16 * S::WARP_WEIGHTS * 4 <=
                  (S::ROWS + S::WEIGHTS) * STRIDE * 2, "sums fit into a buffer");
    UNROLL
    for (u32 r = 0; r < S::R; r++) {
        UNROLL
        for (u32 m = 0; m < S::M; m++)
            UNROLL
            for (u32 i = 0; i < C_ELEMENTS; i++)
                sums[c_row(i) * S::WARP_WEIGHTS + 16 * m + c_column(i)] = s.c[r][m].v[i];
        warp_barrier();
        put_rows(s, a, t, sums, first_row + 16 * r);
        warp_barrier();
    }
}

template <typename S> DEVICE void run_block(const rf_gpu_gemm_args &a)
{
    S s;
    if (!find_tile<S::ROWS>(a, S::WEIGHTS, &s.at))
        return;
    open_work(s, a);
    multiply(s, a);
    end_work(s, a);
}

template <u32 ROWS, u32 WEIGHTS, u32 WARPS_R, u32 WARPS_W>
DEVICE void run_gemm(const rf_gpu_gemm_args &a)
{
    wait_for_previous();
    release_next();
#if defined(RF_GPU_NVIDIA)
    run_block<work<weights, ROWS, WEIGHTS, WARPS_R, WARPS_W, true>>(a);
#elif defined(RF_GPU_AMD)
    run_block<work<weights, ROWS, WEIGHTS, WARPS_R, WARPS_W, false>>(a);
#else
    if (a.buffers == 2)
        run_block<work<weights, ROWS, WEIGHTS, WARPS_R, WARPS_W, true>>(a);
    else
        run_block<work<weights, ROWS, WEIGHTS, WARPS_R, WARPS_W, false>>(a);
#endif
}

#define GEMM_KERNEL_(type, rows, weights, r, w)                                                    \
    KERNEL(gemm_##type##_##rows, rf_gpu_gemm_args, r *w *RF_WARP)                                  \
    {                                                                                              \
        run_gemm<rows, weights, r, w>(a);                                                          \
    }
#define GEMM_KERNEL(type, rows, weights, r, w) GEMM_KERNEL_(type, rows, weights, r, w)
#define GEMM_TILE(rows, weights, r, w)         GEMM_KERNEL(RF_WEIGHT, rows, weights, r, w)
RF_GPU_GEMM_TILES(GEMM_TILE)
