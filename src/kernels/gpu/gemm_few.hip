/*
 * gemm_few.hip: products of up to 64 rows by matrix units, bounded by how fast weights of RF_WEIGHT
 * come from memory. See args_gemm_few.h for who computes what.
 *
 * Blocks of weights are copied to shared memory as they are, some stages ahead, the first of them
 * before the kernel ahead of this one has ended. From there a lane takes units of its own rows and
 * widens them in registers, which are its operands: matrix_direct.h.
 */
#include "kernels/gpu/args_gemm_few.h"
#include "kernels/gpu/gemm_share.h"
#include "kernels/gpu/matrix_direct.h"
#include "kernels/gpu/quants_whole.h"

#if RF_MATRIX != RF_MATRIX_NONE

/* What a block multiplies, and what a thread has of it. */
template <typename W_, u32 COLUMNS_, u32 TILES_> struct few {
    typedef W_ W;
    static constexpr u32 COLUMNS = COLUMNS_, TILES = TILES_; /* columns: rows of activations */
    static constexpr u32 N = COLUMNS / DIRECT_COLUMNS;
    static constexpr u32 SPAN = RF_GPU_FEW_SPAN(W_::BLOCK);
    static constexpr u32 SPAN_BYTES = RF_GPU_FEW_SPAN_BYTES(W_::BLOCK, W_::BYTES);
    static constexpr u32 ROW = RF_GPU_FEW_ROW(W_::BLOCK, W_::BYTES);
    static constexpr u32 TURNS = SPAN / UNIT / DIRECT_LANES; /* units of a lane in a row's span */
    static constexpr bool SCALED = RF_MATRIX == RF_MATRIX_MMA && scaled<W_>::HAS;
    /* Operands are whole numbers, blocks are summed by themselves: quants_whole.h. A lane has the
     * row of its operands in its sums too, and spans are blocks. */
    static constexpr bool WHOLE =
        RF_MATRIX == RF_MATRIX_MMA && whole<W_>::HAS && W_::BLOCK == SPAN &&
        COLUMNS_ <= RF_GPU_FEW_WHOLE_ROWS;
    /* Units of a row that are taken at once, as they have bytes in common; where sums leave the
     * registers for it. */
    static constexpr u32 TOGETHER = TURNS == 2 && COLUMNS_ * TILES_ <= 32 ? 2 : 1;
    static constexpr bool ALIGNED = RF_GPU_FEW_ALIGNED(W_::BLOCK, W_::BYTES);
    static constexpr u32 COPY_ROWS = 64 / RF_WARP; /* of a tile, of which a lane copies a quarter */

    tile_place at;
    u32 *from; /* of each column, in shared memory: its prepared row */
    u32 *to;   /* and its row in the output, or NO_ROW */
    u8 *slots;
    u32 slot_bytes;
    u32 n_spans;
    u32 row_bytes;                          /* of weights */
    const u8 *copied[TILES_][64 / RF_WARP]; /* rows of weights that a lane copies a quarter of */
    u32 copied_to;                          /* of the first, in a slot's weights of a warp */
    /* What a thread copies of rows: this chunk of 8 elements of a stage, of every column_step-th
     * column. */
    u32 chunk, first_column, column_step;
    u32 skew[TILES_][DIRECT_ROWS]; /* from a multiple of 16 to the rows that a lane multiplies */
    u32 part;                      /* place_of_part of the first turn and part */
    direct_sums c[TILES_][COLUMNS_ / DIRECT_COLUMNS];
};

/* ---- units ----------------------------------------------------------------------------------- */

/* Where chunk i of the 8 elements of a column's span is, in chunks: the lanes that read at once
 * have one in each of the banks. */
template <typename S> DEVICE u32 place_of_chunk(u32 i, u32 column)
{
#if RF_MATRIX == RF_MATRIX_MMA /* two columns; units of lanes differ in `half`, and half a span */
    i ^= (i / (S::SPAN / 16) & 1) ^ (column & 1) << (S::W::SPLIT ? 2 : 1);
#else /* eight columns */
    i ^= column & 7;
#endif
    return column * (S::SPAN / 8) + i;
}

/* A lane's units: those that share a row take halves, and where there are four, halves of the span,
 * so that the units of one lane have bytes in common. */
template <typename S> DEVICE u32 unit_half(u32 turn)
{
    return DIRECT_LANES == 1 ? turn & 1 : direct_lane() & 1;
}
template <typename S> DEVICE u32 unit_group(u32 turn)
{
    if (DIRECT_LANES == 4)
        return direct_lane() / 2 * S::TURNS + turn;
    return DIRECT_LANES == 2 ? turn : turn / 2;
}

/* A turn of the lanes: a unit of each of their rows by all columns. */
/* Where part i of such a unit is in the lane's first column, bytes. Turns of lanes that have groups
 * of their own are a group apart, which the places of chunks are not mixed over. */
template <typename S> DEVICE u32 place_of_part(u32 turn, u32 i)
{
    u32 at = UNIT_GROUP * unit_group<S>(turn) + unit_position<typename S::W>(unit_half<S>(turn), i);
    return 16 * place_of_chunk<S>(at / 8, direct_column());
}
template <typename S> DEVICE u32 place_in_rows(const S &s, u32 turn, u32 i)
{
    /* Units begin at multiples of what tells their parts apart, and mixing is by exclusive or. */
    if (DIRECT_LANES == 4)
        return (s.part ^ unit_position<typename S::W>(0, i) * 2) + turn * (UNIT_GROUP * 2);
    return place_of_part<S>(turn, i);
}

/* ---- weights --------------------------------------------------------------------------------- */

/* The first byte of row `row` of the warp's tile. With SwiGLU eight are of the first part, eight of
 * the second. */
template <typename S>
DEVICE const u8 *weight_row(const S &s, const rf_gpu_gemm_args &a, u32 tile, u32 row)
{
    u32 number = warp() / a.warps_k * S::TILES + tile;
    u32 part = s.at.part, m = s.at.first_m + 16 * number + row;
    if (a.end == RF_GPU_END_SWIGLU) {
        part = row / 8;
        m = s.at.first_m + 8 * number + row % 8;
    }
    const struct rf_gpu_gemm_part *p = &a.parts[part];
    return GLOBAL(const u8, p->weights) + s.at.expert * a.expert_bytes +
           minimum(m, p->m - 1) * p->row_bytes;
}

/* Where a tile's row is in a slot: neighbours two apart, so that the quarters which lanes of two
 * rows read at once are in different banks. */
DEVICE u32 place_of_row(u32 row)
{
    return (row & ~3U) | (row & 1) << 1 | (row >> 1 & 1);
}

template <typename S> DEVICE void open_weights(S &s, const rf_gpu_gemm_args &a)
{
    s.n_spans = (a.k + S::SPAN - 1) / S::SPAN;
    s.row_bytes = a.k / S::W::BLOCK * S::W::BYTES;
    s.copied_to = place_of_row(lane() / 4) * S::ROW + 16 * (lane() % 4);
    UNROLL
    for (u32 tile = 0; tile < S::TILES; tile++) {
        UNROLL
        for (u32 h = 0; h < S::COPY_ROWS; h++)
            s.copied[tile][h] = weight_row(s, a, tile, lane() / 4 + h * (WARP / 4));
        UNROLL
        for (u32 r = 0; r < DIRECT_ROWS; r++)
            s.skew[tile][r] = S::ALIGNED ? 0 : (u32)(u64)weight_row(s, a, tile, direct_row(r)) & 15;
    }
    s.part = place_of_part<S>(0, 0);
}

/* Begins to copy the warp's weights of a span; what is behind the rows' ends becomes 0. Where they
 * are not near, all of a slot's rows is copied. */
template <typename S> DEVICE void copy_weights(const S &s, u32 span, u8 *slot)
{
    constexpr u32 COPIES = (S::ROW / 16 + 3) / 4;
    constexpr bool EXACT = S::ALIGNED && S::W::BLOCK == S::SPAN; /* rows end where spans do */
    u32 offset = span * S::SPAN_BYTES, quarter = 16 * (lane() % 4);
    bool whole = EXACT || offset + S::ROW <= s.row_bytes;
    bool last = S::ROW % 64 == 0 || quarter < S::ROW % 64; /* has some of the last copy */
    slot += s.copied_to;
    UNROLL
    for (u32 i = 0; i < S::TILES * S::COPY_ROWS; i++) {
        u8 *to = slot + i * (WARP / 4) * S::ROW;
        const u8 *from = s.copied[i / S::COPY_ROWS][i % S::COPY_ROWS] + offset;
        u32 skew = S::ALIGNED ? 0 : (u32)(u64)from & 15;
        from = from - skew + quarter;
        if (whole) {
            UNROLL
            for (u32 c = 0; c < COPIES; c++)
                if (c + 1 < COPIES || last)
                    copy_async(to + 64 * c, from + 64 * c);
            continue;
        }
        u32 end = minimum(S::SPAN_BYTES, s.row_bytes - offset) + skew, at = quarter;
        UNROLL
        for (u32 c = 0; c < COPIES; c++, at += 64)
            if (c + 1 < COPIES || last)
                copy_async_some(to + 64 * c, from + 64 * c, at < end ? minimum(end - at, 16U) : 0);
    }
}

/* ---- rows of activations --------------------------------------------------------------------- */

template <typename S> DEVICE void open_rows(S &s, const rf_gpu_gemm_args &a)
{
    u32 chunks = a.warps_k * (S::SPAN / 8);
    s.chunk = thread() % chunks;
    s.first_column = thread() / chunks;
    s.column_step = n_threads() / chunks;
}

/* Begins to copy a stage's elements of all columns. */
template <typename S>
DEVICE void copy_rows(const S &s, const rf_gpu_gemm_args &a, u32 stage, u8 *slot)
{
    u32 inside = s.chunk % (S::SPAN / 8);
    u32 first = 8 * (stage * a.warps_k * (S::SPAN / 8) + s.chunk);
    u32 n_columns = s.at.end_row - s.at.first_row;
    const f16 *rows = GLOBAL(const f16, a.rows) + first;
    slot += s.chunk / (S::SPAN / 8) * (S::COLUMNS * S::SPAN * 2);
#pragma unroll 1
    for (u32 column = s.first_column; column < n_columns; column += s.column_step) {
        u8 *to = slot + 16 * place_of_chunk<S>(inside, column);
        if (first < a.stride)
            copy_async(to, rows + (u64)s.from[column] * a.stride);
        else
            *(u32x4 *)to = (u32x4){0, 0, 0, 0};
    }
}

/* ---- products -------------------------------------------------------------------------------- */

/* A unit of each of a lane's rows by all columns. */
template <bool quick, typename S, typename R>
DEVICE void multiply_unit(S &s, const R (&raw)[S::TILES][DIRECT_ROWS], const u8 *rows, u32 turn)
{
    UNROLL
    for (u32 i = 0; i < UNIT_PARTS; i += DIRECT_PARTS) {
        direct_a x[S::TILES];
        UNROLL
        for (u32 tile = 0; tile < S::TILES; tile++)
            UNROLL
            for (u32 r = 0; r < DIRECT_ROWS; r++)
                UNROLL
                for (u32 p = 0; p < DIRECT_PARTS; p++)
            if constexpr (quick)
                x[tile].v[r][p] = scaled_part<typename S::W>(raw[tile][r], i + p);
            else
                    x[tile].v[r][p] = half_part<typename S::W>(raw[tile][r], i + p);
        UNROLL
        for (u32 n = 0; n < S::N; n++) {
            direct_b y;
            UNROLL
            for (u32 p = 0; p < DIRECT_PARTS; p++)
                y.v[p] = load_part(rows, place_in_rows(s, turn, i + p) +
                                             n * (DIRECT_COLUMNS * S::SPAN * 2));
            UNROLL
            for (u32 tile = 0; tile < S::TILES; tile++)
                direct_multiply_add(s.c[tile][n], x[tile], y);
        }
    }
}

/* A block of each of a lane's rows by all columns: of whole numbers, whose sums are multiplied when
 * it, or where there are many a unit of it, has been added. */
template <typename S>
DEVICE void multiply_block(S &s, const u8 *rows, const u8 *weights, u32 span, u32 tile)
{
    typedef whole<typename S::W> form;
    constexpr bool OFTEN = S::N > 1;
    /* What a row's units have in common is loaded once where both are there. */
    constexpr u32 LOADED = OFTEN ? 1 : S::TURNS;
    typename S::W::raw raw[LOADED][DIRECT_ROWS];
    direct_sums c[S::N], mins[S::N];
#pragma unroll OFTEN ? 1 : S::TURNS
    for (u32 t = 0; t < S::TURNS; t++) {
        typename form::head head[DIRECT_ROWS];
        direct_a x[UNIT_PARTS], min[2];
        if (OFTEN || t == 0) {
            UNROLL
            for (u32 i = 0; i < LOADED * DIRECT_ROWS; i++) {
                u32 r = i % DIRECT_ROWS, turn = t + i / DIRECT_ROWS;
                u32 skew = S::ALIGNED ? 0 : (span * S::SPAN_BYTES + s.skew[tile][r]) & 15;
                u32 place = 16 * tile + place_of_row(direct_row(r));
                S::W::load(raw[i / DIRECT_ROWS][r], weights + place * S::ROW + skew,
                           unit_group<S>(turn), unit_half<S>(turn));
            }
        }
        UNROLL
        for (u32 r = 0; r < DIRECT_ROWS; r++) {
            const typename S::W::raw &one = raw[OFTEN ? 0 : t][r];
            head[r] = form::head_of(one, direct_lane() >= 2);
            if constexpr (form::MINS) {
                UNROLL
                for (u32 run = 0; run < 2; run++) {
                    u32 m = form::min(head[r], t, run);
                    min[run].v[r][0] = (u32x4){m, m, m, m};
                }
            }
            form::template parts<true>(one, head[r], t, r, x);
        }
        UNROLL
        for (u32 n = 0; n < S::N; n++) {
            if (OFTEN || t == 0)
                c[n] = mins[n] = zero_sums();
            UNROLL
            for (u32 i = 0; i < UNIT_PARTS; i++) {
                direct_b y;
                y.v[0] = load_part(rows, place_in_rows(s, t, i) +
                                             n * (DIRECT_COLUMNS * S::SPAN * 2));
                direct_multiply_add(c[n], x[i], y);
                if constexpr (form::MINS)
                    direct_multiply_add(mins[n], min[i / 2], y);
            }
            if (!OFTEN && t + 1 < S::TURNS)
                continue;
            UNROLL
            for (u32 i = 0; i < DIRECT_SUMS; i++) {
                f32 sum = fused(head[i / 2].d, c[n].v[i], s.c[tile][n].v[i]);
                if constexpr (form::MINS)
                    sum = fused(-head[i / 2].dmin, mins[n].v[i], sum);
                s.c[tile][n].v[i] = sum;
            }
        }
    }
}

/* A warp's weights of a span by its part of the stage's rows. */
template <typename S>
DEVICE void multiply_span(S &s, const rf_gpu_gemm_args &a, const u8 *slot, const u8 *weights,
                          u32 span)
{
    const u8 *rows = slot + warp() % a.warps_k * (S::COLUMNS * S::SPAN * 2);
    if constexpr (S::WHOLE) {
        UNROLL
        for (u32 tile = 0; tile < S::TILES; tile++)
            multiply_block(s, rows, weights, span, tile);
        return;
    }
#pragma unroll 1
    for (u32 first = 0; first < S::TURNS; first += S::TOGETHER) {
        typename S::W::raw raw[S::TOGETHER][S::TILES][DIRECT_ROWS];
        UNROLL
        for (u32 t = 0; t < S::TOGETHER; t++)
            UNROLL
            for (u32 tile = 0; tile < S::TILES; tile++)
                UNROLL
                for (u32 r = 0; r < DIRECT_ROWS; r++) {
                    u32 skew = S::ALIGNED ? 0 : (span * S::SPAN_BYTES + s.skew[tile][r]) & 15;
                    u32 place = 16 * tile + place_of_row(direct_row(r));
            S::W::load(raw[t][tile][r], weights + place * S::ROW + skew, unit_group<S>(first + t),
                       unit_half<S>(first + t));
                }
        UNROLL
        for (u32 t = 0; t < S::TOGETHER; t++) {
            if constexpr (S::SCALED) {
                bool quick = true;
                UNROLL
                for (u32 i = 0; i < S::TILES * DIRECT_ROWS; i++)
                    quick &= is_scaled<typename S::W>(raw[t][i / DIRECT_ROWS][i % DIRECT_ROWS]);
                if (for_all_lanes(quick)) {
                    multiply_unit<true>(s, raw[t], rows, first + t);
                    continue;
                }
            }
            multiply_unit<false>(s, raw[t], rows, first + t);
        }
    }
}

/* ---- stages ---------------------------------------------------------------------------------- */

/* Waits until at most `pending` of the thread's latest groups of copies are not done. */
DEVICE void wait_for_copies(u32 pending)
{
    static_assert(RF_GPU_FEW_MAX_SLOTS == 4, "groups that may be pending: 0 to 3");
    if (pending == 0)
        copy_wait<0>();
    else if (pending == 1)
        copy_wait<1>();
    else if (pending == 2)
        copy_wait<2>();
    else
        copy_wait<3>();
}

template <typename S> DEVICE u8 *warp_weights(const S &s, const rf_gpu_gemm_args &a, u32 slot)
{
    return s.slots + slot * s.slot_bytes + S::COLUMNS * a.warps_k * (S::SPAN * 2) +
           warp() * (S::TILES * 16 * S::ROW);
}

/* Begins to copy the weights of a stage, if there are any. */
template <typename S>
DEVICE void copy_own_weights(const S &s, const rf_gpu_gemm_args &a, u32 stage, u32 slot)
{
    u32 span = stage * a.warps_k + warp() % a.warps_k;
    if (span < s.n_spans)
        copy_weights(s, span, warp_weights(s, a, slot));
}

/* A slot is filled again a stage after it was read, when all warps are known to be behind it: so
 * that there is one barrier a stage. */
template <typename S> DEVICE void multiply(S &s, const rf_gpu_gemm_args &a)
{
    const u32 ahead = a.buffers - 1;
    u32 n_stages = (s.n_spans + a.warps_k - 1) / a.warps_k;
    u32 stage = block_z() * a.split_depth;
    u32 end = minimum(stage + a.split_depth, n_stages);
    for (u32 i = 0; i < a.buffers && stage + i < end; i++)
        copy_own_weights(s, a, stage + i, i);
    release_next();
    wait_for_previous();
    barrier(); /* rows are listed */
    for (u32 i = 0; i < a.buffers; i++) {
        if (stage + i < end)
            copy_rows(s, a, stage + i, s.slots + i * s.slot_bytes);
        copy_commit();
    }
    wait_for_copies(ahead);
    barrier();
    for (u32 slot = 0;;) {
        u32 span = stage * a.warps_k + warp() % a.warps_k;
        if (span < s.n_spans)
            multiply_span(s, a, s.slots + slot * s.slot_bytes, warp_weights(s, a, slot), span);
        if (++stage >= end)
            break;
        wait_for_copies(ahead - 1);
        barrier(); /* the stage is there, and the one before it has been read */
        if (stage + ahead < end) {
            copy_own_weights(s, a, stage + ahead, slot);
            copy_rows(s, a, stage + ahead, s.slots + slot * s.slot_bytes);
        }
        copy_commit();
        slot = slot == ahead ? 0 : slot + 1;
    }
    copy_wait<0>();
    barrier();
}

/* ---- ends ------------------------------------------------------------------------------------ */

template <typename S> DEVICE void store_sums(const S &s, f32 *sums)
{
    f32 *own = sums + warp() * (S::TILES * S::COLUMNS * RF_GPU_FEW_SUM_STRIDE);
    UNROLL
    for (u32 tile = 0; tile < S::TILES; tile++)
        UNROLL
        for (u32 n = 0; n < S::N; n++)
            UNROLL
            for (u32 i = 0; i < DIRECT_SUMS; i++) {
                u32 column = n * DIRECT_COLUMNS + direct_sum_column(i);
                own[(tile * S::COLUMNS + column) * RF_GPU_FEW_SUM_STRIDE + direct_sum_row(i)] =
                    s.c[tile][n].v[i];
            }
}

/* One element, by all warps along k in their order. */
template <typename S> DEVICE f32 sum_of(const f32 *sums, u32 warps_k, u32 tile, u32 column, u32 row)
{
    const u32 step = S::TILES * S::COLUMNS * RF_GPU_FEW_SUM_STRIDE;
    const f32 *one = sums + tile / S::TILES * warps_k * step +
                     (tile % S::TILES * S::COLUMNS + column) * RF_GPU_FEW_SUM_STRIDE + row;
    f32 sum = 0.0F;
    for (u32 w = 0; w < warps_k; w++)
        sum += one[w * step];
    return sum;
}

/* Neighbouring threads have neighbouring elements of a row of the output. */
template <typename S> DEVICE void end_work(const S &s, const rf_gpu_gemm_args &a)
{
    f32 *sums = (f32 *)s.slots;
    store_sums(s, sums);
    barrier();
    target t = find_target(a, s.at.part);
    bool two_parts = a.end == RF_GPU_END_SWIGLU;
    bool add = a.end == RF_GPU_END_ADD && !a.partial;
    u32 rows = two_parts ? 8 : 16;
    u32 width = n_warps() / a.warps_k * S::TILES * rows;
    u32 n = (s.at.end_row - s.at.first_row) * width;
#pragma unroll 1
    for (u32 e = thread(); e < n; e += n_threads()) {
        u32 column = e / width, local = e % width;
        u32 m = s.at.first_m + local;
        if (m >= t.limit)
            continue;
        f32 sum = sum_of<S>(sums, a.warps_k, local / rows, column, local % rows);
        if (two_parts)
            put_swiglu(a, t, s.to[column], m, sum,
                       sum_of<S>(sums, a.warps_k, local / rows, column, local % rows + 8));
        else
            put_sum(t, s.to[column], m, sum, add);
    }
}

template <typename S> DEVICE void run_few(const rf_gpu_gemm_args &a)
{
    S s;
    if (a.n_experts)
        wait_for_previous();
    if (!find_tile<S::COLUMNS>(a, n_warps() / a.warps_k * S::TILES * 16, &s.at))
        return;
    s.from = SHARED(u32);
    s.to = s.from + S::COLUMNS;
    s.slots = (u8 *)(s.to + S::COLUMNS);
    s.slot_bytes = RF_GPU_FEW_SLOT(S::COLUMNS, a.warps_k, S::SPAN, n_warps(), S::TILES, S::ROW);
    list_rows(a, s.at, S::COLUMNS, s.from, s.to);
    open_weights(s, a);
    open_rows(s, a);
    UNROLL
    for (u32 tile = 0; tile < S::TILES; tile++)
        UNROLL
        for (u32 n = 0; n < S::N; n++)
            s.c[tile][n] = zero_sums();
    multiply(s, a);
    end_work(s, a);
}

#define FEW_KERNEL_(type, rows, tiles, warps, resident)                                            \
    KERNEL_RESIDENT(gemm_few_##type##_##rows, rf_gpu_gemm_args, warps *RF_WARP, resident)          \
    {                                                                                              \
        run_few<few<weights, rows, tiles>>(a);                                                     \
    }
#define FEW_KERNEL(type, rows, tiles, warps, resident)                                             \
    FEW_KERNEL_(type, rows, tiles, warps, resident)
#define FEW(rows, tiles, warps, resident) FEW_KERNEL(RF_WEIGHT, rows, tiles, warps, resident)
#if DIRECT_COLUMNS == 8
RF_GPU_FEW_NARROW(FEW)
#endif
RF_GPU_FEW_WIDE(FEW)

#endif
