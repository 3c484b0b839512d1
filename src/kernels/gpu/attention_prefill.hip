/*
 * attention_prefill.hip: attention of runs of tokens of one sequence, on matrix units (Dao et al.
 * 2022, "FlashAttention").
 *
 * A block has one query head and an aligned tile of tokens, of which it takes the long runs
 * (runs.h), one after the other; 16 rows of queries a warp. Keys and values come through shared
 * memory, RF_KEYS positions at a time, as f16: while a warp multiplies with keys, the values of the
 * same positions are on their way, and the next keys while it multiplies with values. Scores stay
 * in tiles in registers, where they become weights: softmax is online and in base 2, and weights
 * are rounded to f16 for their product with values.
 *
 * Queries are scaled by powers of two, a row each, so that their largest element is in [1, 2): f16
 * then holds 11 bits of whatever matters in a row, and nothing overflows. The scores are scaled
 * back in f32. Keys and values beyond the range of f16, of other types than F16, are cut off at its
 * end.
 *
 * RF_HEAD, given when compiling: elements of a head at most, a multiple of 16.
 */
#include "kernels/gpu/args_attention.h"
#include "kernels/gpu/kv_rows.h"
#include "kernels/gpu/math.h"
#include "kernels/gpu/matrix.h"
#include "kernels/gpu/pages.h"
#include "kernels/gpu/prelude.h"
#include "kernels/gpu/runs.h"

#define TILES         (RF_HEAD / 16) /* along a head */
#define KEYS          RF_GPU_PREFILL_KEYS(RF_HEAD)
#define COLUMNS       (KEYS / 16) /* tiles of scores */
#define TOKENS_A_LANE (RF_GPU_PREFILL_TOKENS / WARP)
#define THREADS       (RF_GPU_PREFILL_WARPS * WARP)
#define STRIDE        RF_GPU_PREFILL_STRIDE(RF_HEAD)

/* Whether queries stay in shared memory, instead of in registers. */
#define KEEP_QUERIES RF_GPU_PREFILL_KEEP(RF_HEAD)

/* The parts of shared memory; sizes: RF_GPU_PREFILL_SHARED. */
struct prefill_shared {
    f16 *keys;   /* [KEYS][STRIDE] */
    f16 *values; /* [KEYS][STRIDE] */
    f16 *
        queries; /* of the warp, [16][STRIDE]: beside keys and values, or in their place at first */
    f16 *room;   /* 16 x 16 for each warp */
    u32 *rows;   /* [2][KEYS]: numbers of rows, of this step and the next */
    f32 *factors; /* of 16 rows of each warp */
    u32 *holes;   /* whether a position has no page */
};

struct prefill_run {
    u32 token; /* the first */
    u32 n;
    u32 position; /* of the first */
    u32 sequence;
    u32 head, kv_head;
};

/* What a lane has of the warp's 16 rows of queries. */
struct prefill_state {
    tile_ab q[KEEP_QUERIES ? 1 : TILES];
    tile_c sums[TILES];
    f32 factor[C_ROWS];
    f32 max[C_ROWS];
    f32 total[C_ROWS]; /* of the lane's own weights */
    u32 visible[C_ROWS];
};

DEVICE prefill_shared share_out(void)
{
    prefill_shared s;
    s.keys = SHARED(f16);
    s.values = s.keys + KEYS * STRIDE;
    f16 *queries = KEEP_QUERIES ? s.values + KEYS * STRIDE : s.keys;
    s.queries = queries + warp() * 16 * STRIDE;
    f16 *room = s.values + (KEYS + (KEEP_QUERIES ? RF_GPU_PREFILL_WARPS * 16 : 0)) * STRIDE;
    s.room = room + warp() * 256;
    s.rows = (u32 *)(room + RF_GPU_PREFILL_WARPS * 256);
    s.factors = (f32 *)(s.rows + 2 * KEYS) + warp() * 16;
    s.holes = (u32 *)((f32 *)(s.rows + 2 * KEYS) + RF_GPU_PREFILL_WARPS * 16);
    return s;
}

/* ---- queries --------------------------------------------------------------------------------- */

/* A row of the warp's as f16, times a power of two; returns what undoes it. */
DEVICE f32 stage_row(const f32 *from, bool there, u32 head_size, f16 *to)
{
    constexpr u32 per_lane = (RF_HEAD + RF_WARP - 1) / RF_WARP;
    f32 x[per_lane];
    f32 largest = 0.0F;
    UNROLL
    for (u32 j = 0; j < per_lane; j++) {
        const u32 e = lane() + j * WARP;
        x[j] = there && e < head_size ? from[e] : 0.0F;
        largest = maximum(largest, magnitude(x[j]));
    }
    const u32 exponent = bits_of(warp_max(largest)) >> 23;
    const u32 bounded = minimum(maximum(exponent, 1U), 253U);
    const f32 by = f32_from_bits((254U - bounded) << 23);
    UNROLL
    for (u32 j = 0; j < per_lane; j++) {
        const u32 e = lane() + j * WARP;
        if (RF_HEAD % RF_WARP == 0 || e < RF_HEAD)
            to[e] = (f16)(x[j] * by);
    }
    return f32_from_bits(bounded << 23);
}

DEVICE void load_queries(const rf_gpu_attention_args *a, const prefill_run *run,
                         const prefill_shared *s, prefill_state *state)
{
    const u32 head_size = a->kv.head_size;
#pragma unroll 4
    for (u32 r = 0; r < 16; r++) {
        const u32 i = warp() * 16 + r;
        const u64 index = (u64)(run->token + i) * a->n_heads + run->head;
        const f32 *from = GLOBAL(const f32, a->q) + (i < run->n ? index * head_size : 0);
        const f32 factor = stage_row(from, i < run->n, head_size, s->queries + r * STRIDE);
        if (lane() == 0)
            s->factors[r] = factor * a->scale;
    }
    warp_barrier();
    if constexpr (!KEEP_QUERIES) {
        UNROLL
        for (u32 k = 0; k < TILES; k++)
            state->q[k] = load_a(s->queries + k * 16, STRIDE);
    }
    UNROLL
    for (u32 i = 0; i < C_ELEMENTS; i++) {
        const u32 row = warp() * 16 + c_row(i);
        state->factor[c_row_slot(i)] = s->factors[c_row(i)];
        state->visible[c_row_slot(i)] = row < run->n ? run->position + row + 1 : 0;
    }
    UNROLL
    for (u32 r = 0; r < C_ROWS; r++) {
        state->max[r] = NO_SCORE;
        state->total[r] = 0.0F;
    }
    UNROLL
    for (u32 k = 0; k < TILES; k++)
        state->sums[k] = zero_tile();
}

/* ---- keys and values ------------------------------------------------------------------------- */

/* The number of the row of a position; NO_ROW where it is not to be read. */
DEVICE u32 find_row(const rf_gpu_attention_args *a, const prefill_run *run, u32 position,
                    const prefill_shared *s)
{
    if (position >= run->position + run->n)
        return NO_ROW;
    const u32 row =
        row_of(&a->kv, page_of(&a->kv, run->sequence, position), position, run->kv_head);
    if (row == NO_ROW)
        *s->holes = 1;
    return row;
}

DEVICE f16 to_f16(f32 x)
{
    return (f16)minimum(maximum(x, -65504.0F), 65504.0F);
}

template <u32 type> DEVICE f16x8 load_eight(const u8 *row, u32 first)
{
    kv_part<type, 8> part;
    f32 x[8];
    f16x8 out;
    load_part(&part, row, first);
    widen_part(part, true, x);
    UNROLL
    for (u32 i = 0; i < 8; i++)
        out[i] = to_f16(x[i]);
    return out;
}

/* Eight elements of a row, some of them perhaps beyond the head. */
DEVICE f16x8 load_any(const rf_gpu_attention_args *a, const u8 *row, u32 first)
{
    f16x8 out;
    UNROLL
    for (u32 i = 0; i < 8; i++) {
        const bool there = first + i < a->kv.head_size;
        out[i] = there ? to_f16(kv_element(a->kv.type, row, first + i)) : (f16)0.0F;
    }
    return out;
}

/* Eight elements of a row, from element `first` on. */
DEVICE void fetch_eight(const rf_gpu_attention_args *a, const u8 *base, u32 row, u32 first, f16 *to)
{
    const u8 *source = base + (u64)row * a->kv.row_bytes;
    f16x8 out = {};
    if (row == NO_ROW || first >= a->kv.head_size)
        ;
    else if (a->kv.head_size % 8 != 0)
        out = load_any(a, source, first);
    else if (a->kv.type == RF_GPU_KV_Q8_0)
        out = load_eight<RF_GPU_KV_Q8_0>(source, first);
    else
        out = load_eight<RF_GPU_KV_F32>(source, first);
    *(f16x8 *)to = out;
}

/* Rows of keys or values to shared memory. They arrive when they have been waited for. */
DEVICE void fetch(const rf_gpu_attention_args *a, u64 from, const u32 *rows, f16 *to)
{
    constexpr u32 pieces = RF_HEAD / 8; /* of a row */
    const u8 *base = GLOBAL(const u8, from);
    const f16x8 zeros = {};
    if (a->kv.type == RF_GPU_KV_F16 && a->kv.head_size % 8 == 0) {
        UNROLL
        for (u32 j = 0; j < KEYS * pieces / THREADS; j++) {
            const u32 i = j * THREADS + thread();
            const u32 row = rows[i / pieces];
            const u32 first = i % pieces * 8;
            f16 *target = to + i / pieces * STRIDE + first;
            if (row == NO_ROW || first >= a->kv.head_size)
                *(f16x8 *)target = zeros;
            else
                copy_async(target, base + (u64)row * a->kv.row_bytes + first * 2);
        }
    } else {
#pragma unroll 1
        for (u32 j = 0; j < KEYS * pieces / THREADS; j++) {
            const u32 i = j * THREADS + thread();
            const u32 first = i % pieces * 8;
            fetch_eight(a, base, rows[i / pieces], first, to + i / pieces * STRIDE + first);
        }
    }
    copy_commit();
}

/* ---- a step of KEYS positions ---------------------------------------------------------------- */

DEVICE void score_keys(const prefill_state *state, const prefill_shared *s, tile_c *scores)
{
    UNROLL
    for (u32 n = 0; n < COLUMNS; n++)
        scores[n] = zero_tile();
    UNROLL
    for (u32 k = 0; k < TILES; k++) {
        tile_ab q;
        if constexpr (KEEP_QUERIES)
            q = load_a(s->queries + k * 16, STRIDE);
        else
            q = state->q[k];
        UNROLL
        for (u32 n = 0; n < COLUMNS; n++)
            multiply_add(scores[n], q, load_b(s->keys + n * 16 * STRIDE + k * 16, STRIDE));
    }
}

/* What a query does not see. */
DEVICE void mask_scores(const prefill_state *state, u32 first, const u32 *rows, tile_c *scores)
{
    UNROLL
    for (u32 n = 0; n < COLUMNS; n++) {
        UNROLL
        for (u32 i = 0; i < C_ELEMENTS; i++) {
            const u32 key = n * 16 + c_column(i);
            if (first + key >= state->visible[c_row_slot(i)] || rows[key] == NO_ROW)
                scores[n].v[i] = MINUS_INF;
        }
    }
}

/* Scores become weights under the new maxima; what was summed under the old ones is scaled, if any
 * row of the warp has a new one. */
DEVICE void weigh_scores(prefill_state *state, tile_c *scores)
{
    f32 max[C_ROWS];
    UNROLL
    for (u32 r = 0; r < C_ROWS; r++)
        max[r] = MINUS_INF;
    UNROLL
    for (u32 n = 0; n < COLUMNS; n++)
        UNROLL
    for (u32 i = 0; i < C_ELEMENTS; i++)
        max[c_row_slot(i)] = maximum(max[c_row_slot(i)], scores[n].v[i]);
    f32 growth = 0.0F;
    UNROLL
    for (u32 r = 0; r < C_ROWS; r++) {
        max[r] = maximum(state->max[r], group_max<C_ROW_LANES>(max[r]) * state->factor[r]);
        growth = maximum(growth, max[r] - state->max[r]);
    }
    if (warp_max(growth) > 0.0F) {
        UNROLL
        for (u32 r = 0; r < C_ROWS; r++) {
            const f32 by = exp2_of(state->max[r] - max[r]);
            state->max[r] = max[r];
            state->total[r] *= by;
            max[r] = by;
        }
        UNROLL
        for (u32 k = 0; k < TILES; k++)
            UNROLL
        for (u32 i = 0; i < C_ELEMENTS; i++)
            state->sums[k].v[i] *= max[c_row_slot(i)];
    }
    UNROLL
    for (u32 n = 0; n < COLUMNS; n++) {
        UNROLL
        for (u32 i = 0; i < C_ELEMENTS; i++) {
            const u32 r = c_row_slot(i);
            const f32 weight = exp2_of(fused(scores[n].v[i], state->factor[r], -state->max[r]));
            scores[n].v[i] = weight;
            state->total[r] += weight;
        }
    }
}

DEVICE void add_values(prefill_state *state, const tile_ab *weights, const f16 *values)
{
    /* Without matrix units a product is long already. */
#if RF_MATRIX == RF_MATRIX_NONE
#pragma unroll 1
#else
    UNROLL
#endif
    for (u32 n = 0; n < COLUMNS; n++) {
        UNROLL
        for (u32 k = 0; k < TILES; k++)
            multiply_add(state->sums[k], weights[n],
                         load_b_transposed(values + n * 16 * STRIDE + k * 16, STRIDE));
    }
}

DEVICE void store_sums(const rf_gpu_attention_args *a, const prefill_run *run,
                       const prefill_state *state)
{
    f32 by[C_ROWS];
    UNROLL
    for (u32 r = 0; r < C_ROWS; r++) {
        const f32 total = group_sum<C_ROW_LANES>(state->total[r]);
        by[r] = total > 0.0F ? 1.0F / total : 0.0F;
    }
    f32 *out = GLOBAL(f32, a->out);
    UNROLL
    for (u32 i = 0; i < C_ELEMENTS; i++) {
        const u32 row = warp() * 16 + c_row(i);
        const u64 index = (u64)(run->token + row) * a->n_heads + run->head;
        UNROLL
        for (u32 k = 0; k < TILES; k++) {
            const u32 e = k * 16 + c_column(i);
            if (row < run->n && e < a->kv.head_size)
                out[index * a->kv.head_size + e] = state->sums[k].v[i] * by[c_row_slot(i)];
        }
    }
}

/* ---- a run ----------------------------------------------------------------------------------- */

DEVICE void attend_run(const rf_gpu_attention_args *a, const prefill_run *run)
{
    const prefill_shared s = share_out();
    prefill_state state;
    tile_ab weights[COLUMNS];
    barrier(); /* of the run before, all is read */
    load_queries(a, run, &s, &state);
    if (thread() == 0)
        *s.holes = 0;
    barrier();
    if (thread() < KEYS)
        s.rows[thread()] = find_row(a, run, thread(), &s);
    barrier();
    fetch(a, a->kv.keys, s.rows, s.keys);

    const u32 n_keys = run->position + run->n;
    const u32 first_row = warp() * 16;
    const u32 n_rows = first_row < run->n ? minimum(run->n - first_row, 16U) : 0;
    const u32 all_visible = run->position + first_row + 1; /* to every row of the warp */
    const u32 any_visible = n_rows == 0 ? 0 : all_visible + n_rows - 1;
#pragma unroll 1
    for (u32 first = 0, step = 0; first < n_keys; first += KEYS, step ^= 1) {
        const u32 *rows = s.rows + step * KEYS;
        const bool seen = first < any_visible;
        copy_wait<0>();
        barrier(); /* the keys are there, the last values have been used */
        fetch(a, a->kv.values, rows, s.values);
        u32 next = NO_ROW;
        if (thread() < KEYS)
            next = find_row(a, run, first + KEYS + thread(), &s);
        if (seen) {
            tile_c scores[COLUMNS];
            score_keys(&state, &s, scores);
            if (first + KEYS > all_visible || n_rows < 16 || *s.holes)
                mask_scores(&state, first, rows, scores);
            weigh_scores(&state, scores);
            UNROLL
            for (u32 n = 0; n < COLUMNS; n++)
                weights[n] = a_from_c(scores[n], s.room);
        }
        if (thread() < KEYS)
            s.rows[(step ^ 1) * KEYS + thread()] = next;
        copy_wait<0>();
        barrier(); /* the values are there, and the next rows; the keys have been used */
        if (first + KEYS < n_keys)
            fetch(a, a->kv.keys, s.rows + (step ^ 1) * KEYS, s.keys);
        if (seen)
            add_values(&state, weights, s.values);
    }
    store_sums(a, run, &state);
}

/* The token behind the run that starts at `first`. starts: whether a run starts with the token that
 * this lane looks at, the first of them `begin` + lane(). */
DEVICE u32 find_end(const bool *starts, u32 begin, u32 first, u32 end)
{
    u32 next = end;
    UNROLL
    for (u32 j = 0; j < TOKENS_A_LANE; j++) {
        const u32 token = begin + j * WARP + lane();
        if (starts[j] && token > first)
            next = minimum(next, token);
    }
    UNROLL
    for (u32 mask = WARP / 2; mask > 0; mask /= 2)
        next = minimum(next, shuffle_xor(next, mask));
    return next;
}

/* Blocks: [n_heads][tiles of run_tile tokens, the last first: those see the most]. */
KERNEL_RESIDENT(RF_NAME, rf_gpu_attention_args, RF_GPU_PREFILL_WARPS *RF_WARP,
                RF_GPU_PREFILL_RESIDENT(RF_HEAD))
{
    wait_for_previous();
    release_next();
    const u32 n_tiles = (a.kv.n_tokens + a.run_tile - 1) / a.run_tile;
    const u32 begin = (n_tiles - 1 - block_y()) * a.run_tile;
    const u32 end = minimum(begin + a.run_tile, a.kv.n_tokens);
    bool starts[TOKENS_A_LANE];
    UNROLL
    for (u32 j = 0; j < TOKENS_A_LANE; j++)
        starts[j] = !continues_run(&a, begin + j * WARP + lane());
    prefill_run run;
    run.head = block_x();
    run.kv_head = block_x() / a.group;
    for (u32 t = begin; t < end; t += run.n) {
        run.token = t;
        run.n = find_end(starts, begin, t, end) - t;
        run.position = (u32)GLOBAL(const i32, a.kv.positions)[t];
        run.sequence = (u32)GLOBAL(const i32, a.kv.rows)[t];
        if (run.n >= RF_GPU_ATTENTION_RUN)
            attend_run(&a, &run);
    }
}
