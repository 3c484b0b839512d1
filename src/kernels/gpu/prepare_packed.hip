/*
 * prepare_packed.hip: rows of activations as gemm_hopper.hip multiplies them: gathered, normed, rounded to
 * f16, and packed in the order in which lanes widen weights (args_gemm_hopper.h). Blocks: x a row, y a share
 * of it; a row is normed by each.
 */
#include "kernels/gpu/args_gemm_hopper.h"
#include "kernels/gpu/prepare_rows.h"

#define SPAN  RF_GPU_HOPPER_SPAN
#define PIECE 8U  /* elements that lie together: 16 bytes */
#define RUN   32U /* elements that are summed */

/*
 * Steps of 16 elements: of each, four lanes give four. A lane's unit of turn step / 8 is half lane % 2 of
 * group 2 * (lane / 2) + turn (quants.h); part step / 2 % 4 of it is 8 elements, of which the first four are
 * of an even step. Of a lane's four, two are in the step's first piece, two in the second: neighbours, but of
 * split units those that are two apart (word_of_pairs of quants_whole.h).
 *
 * Returns the two that lane `lane` gives to piece `piece` of 32. span: f16, in order
 */
DEVICE u32 two_of_span(const f16 *span, u32 piece, u32 lane, u32 split)
{
    u32 step = piece / 2, turn = step / 8, part = step / 2 % 4, half = lane % 2, odd = piece % 2;
    const f16 *group = span + 64 * (lane / 2 * 2 + turn) + 4 * (step % 2);
    if (!split)
        return *(const u32 *)(group + 32 * half + 8 * part + 2 * odd);
    const u16 *four = (const u16 *)(group + 16 * half + 32 * (part / 2) + 8 * (part % 2));
    return (u32)four[odd] | (u32)four[odd + 2] << 16;
}

/* Where a row's piece of a span is in it, bytes. */
DEVICE u32 place_of_piece(u32 row, u32 piece, u32 padded)
{
    return piece / 8 * (padded * 128) + row * 128 + ((piece % 8 ^ (row & 7)) << 4);
}

/* A sum as two numbers. shared: the row as f16 */
DEVICE void pack_run(const f16 *shared, u32 run, u8 *span, u32 row, u32 padded)
{
    f32 sum = 0.0F;
    UNROLL
    for (u32 i = 0; i < RUN; i += 8) {
        f16x8 v = *(const f16x8 *)(shared + RUN * run + i);
        UNROLL
        for (u32 e = 0; e < 8; e++)
            sum += (f32)v[e];
    }
    sum *= 1.0F / 32.0F; /* so that none is beyond f16 */
    f16 high = (f16)sum;
    f16 *to = (f16 *)(span + padded * (SPAN * 2) + row / 8 * 256 + row % 8 * 16) + run % 8;
    to[0] = high;
    to[64] = (f16)(sum - (f32)high);
}

KERNEL(prepare_packed, rf_gpu_pack_args, PREPARE_THREADS)
{
    release_next(); /* whose weights are on their way while this one waits */
    wait_for_previous();
    source s = open_source(&a);
    u32 row = block_x();
    f16 *shared = SHARED(f16) + 2 * PREPARE_THREADS / WARP; /* behind the sums of warps */
    u32 first = block_y() * a.share, n = minimum(a.share, a.k - first);
    for (u32 i = 4 * thread(); i < n; i += 4 * n_threads()) {
        f32x4 v = four_of(&s, first + i);
        f16x4 h = {to_f16(v.x), to_f16(v.y), to_f16(v.z), to_f16(v.w)};
        *(f16x4 *)(shared + i) = h;
    }
    barrier();
    u32 span_bytes = RF_GPU_HOPPER_SPAN_BYTES(a.padded);
    u8 *packed = GLOBAL(u8, a.packed) + (u64)(first / SPAN) * span_bytes;
    for (u32 i = thread(); i < n / PIECE; i += n_threads()) {
        u32 span = i / (SPAN / PIECE), piece = i % (SPAN / PIECE);
        u32x4 v;
        UNROLL
        for (u32 lane = 0; lane < 4; lane++)
            v[lane] = two_of_span(shared + span * SPAN, piece, lane, a.split);
        *(u32x4 *)(packed + (u64)span * span_bytes + place_of_piece(row, piece, a.padded)) = v;
    }
    for (u32 run = thread(); run < n / RUN; run += n_threads())
        pack_run(shared, run, packed + (u64)(run / 8) * span_bytes, row, a.padded);
}
