/*
 * gemm_sm90a.hip: products of very many rows on NVIDIA's Hopper, whose matrix units read both operands
 * from shared memory, asynchronously. For sm_90a alone.
 *
 * Both operands are packed before (gemm_pack.hip) into tiles of 128 rows by 64 f16 of k, 16 KiB that
 * are contiguous and laid out as the matrix unit wants them: a row is 128 bytes, its 16-byte pieces
 * exchanged by the row's number modulo 8 ("128-byte swizzle"; PTX ISA, "Shared memory matrix layout").
 *
 * A block has three groups of 128 threads. The first has one thread that copies stages of k, three
 * tiles each, into a ring of four; the others multiply, 64 rows by 256 rows of weights each, and say
 * when they have read a stage. Blocks stay, and take every n-th tile of the output.
 */
#include "kernels/gpu/args_gemm_packed.h"
#include "kernels/gpu/hopper.h"

#define STAGES  RF_GPU_PACKED_STAGES
#define TILE    RF_GPU_PACKED_TILE
#define N_SUMS  128 /* of a thread: 64 rows by 256 columns by 128 threads */

/* ---- the matrix unit ------------------------------------------------------------------------- */

/* c = a * b^T (+ c unless fresh), 64 by 256 by 16. */
DEVICE void multiply_64x256(f32 (&c)[N_SUMS], u64 a, u64 b, u32 keep)
{
    asm volatile(
        "{\n"
        ".reg .pred keep;\n"
        "setp.ne.b32 keep, %130, 0;\n"
        "wgmma.mma_async.sync.aligned.m64n256k16.f32.f16.f16 {"
        "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
        "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, "
        "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "
        "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63, "
        "%64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, "
        "%80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95, "
        "%96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111, "
        "%112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, %126, %127"
        "}, %128, %129, keep, 1, 1, 0, 0;\n"
        "}"
        :
          "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]), "+f"(c[4]), "+f"(c[5]),
          "+f"(c[6]), "+f"(c[7]), "+f"(c[8]), "+f"(c[9]), "+f"(c[10]), "+f"(c[11]),
          "+f"(c[12]), "+f"(c[13]), "+f"(c[14]), "+f"(c[15]), "+f"(c[16]), "+f"(c[17]),
          "+f"(c[18]), "+f"(c[19]), "+f"(c[20]), "+f"(c[21]), "+f"(c[22]), "+f"(c[23]),
          "+f"(c[24]), "+f"(c[25]), "+f"(c[26]), "+f"(c[27]), "+f"(c[28]), "+f"(c[29]),
          "+f"(c[30]), "+f"(c[31]), "+f"(c[32]), "+f"(c[33]), "+f"(c[34]), "+f"(c[35]),
          "+f"(c[36]), "+f"(c[37]), "+f"(c[38]), "+f"(c[39]), "+f"(c[40]), "+f"(c[41]),
          "+f"(c[42]), "+f"(c[43]), "+f"(c[44]), "+f"(c[45]), "+f"(c[46]), "+f"(c[47]),
          "+f"(c[48]), "+f"(c[49]), "+f"(c[50]), "+f"(c[51]), "+f"(c[52]), "+f"(c[53]),
          "+f"(c[54]), "+f"(c[55]), "+f"(c[56]), "+f"(c[57]), "+f"(c[58]), "+f"(c[59]),
          "+f"(c[60]), "+f"(c[61]), "+f"(c[62]), "+f"(c[63]), "+f"(c[64]), "+f"(c[65]),
          "+f"(c[66]), "+f"(c[67]), "+f"(c[68]), "+f"(c[69]), "+f"(c[70]), "+f"(c[71]),
          "+f"(c[72]), "+f"(c[73]), "+f"(c[74]), "+f"(c[75]), "+f"(c[76]), "+f"(c[77]),
          "+f"(c[78]), "+f"(c[79]), "+f"(c[80]), "+f"(c[81]), "+f"(c[82]), "+f"(c[83]),
          "+f"(c[84]), "+f"(c[85]), "+f"(c[86]), "+f"(c[87]), "+f"(c[88]), "+f"(c[89]),
          "+f"(c[90]), "+f"(c[91]), "+f"(c[92]), "+f"(c[93]), "+f"(c[94]), "+f"(c[95]),
          "+f"(c[96]), "+f"(c[97]), "+f"(c[98]), "+f"(c[99]), "+f"(c[100]), "+f"(c[101]),
          "+f"(c[102]), "+f"(c[103]), "+f"(c[104]), "+f"(c[105]), "+f"(c[106]), "+f"(c[107]),
          "+f"(c[108]), "+f"(c[109]), "+f"(c[110]), "+f"(c[111]), "+f"(c[112]), "+f"(c[113]),
          "+f"(c[114]), "+f"(c[115]), "+f"(c[116]), "+f"(c[117]), "+f"(c[118]), "+f"(c[119]),
          "+f"(c[120]), "+f"(c[121]), "+f"(c[122]), "+f"(c[123]), "+f"(c[124]), "+f"(c[125]),
          "+f"(c[126]), "+f"(c[127])
        : "l"(a), "l"(b), "r"(keep));
}

/* ---- where things are ------------------------------------------------------------------------ */

typedef struct ring {
    u32 tiles; /* [STAGES]: a tile of rows, two of weights */
    u32 full;  /* barriers, [STAGES] */
    u32 empty;
} ring;

DEVICE ring find_ring(void)
{
    u32 at = shared_address(SHARED(u8));
    ring r;
    r.tiles = (at + 1023U) & ~1023U;
    r.full = r.tiles + STAGES * 3 * TILE;
    r.empty = r.full + 8 * STAGES;
    return r;
}

/* Turn `turn` of the ring is in stage turn % STAGES. */
DEVICE u32 stage_of(u32 turn) { return turn % STAGES; }
DEVICE u32 parity_of(u32 turn) { return turn / STAGES & 1; }

/* ---- the copying thread ---------------------------------------------------------------------- */

DEVICE void copy_stages(const rf_gpu_packed_args &a, const ring &r)
{
    u32 n_tiles = a.n_row_tiles * a.n_pairs;
    u32 turn = 0;
    for (u32 tile = block_x(); tile < n_tiles; tile += n_blocks_x()) {
        const u8 *rows = GLOBAL(const u8, a.rows) + (u64)(tile % a.n_row_tiles) * a.k_tiles * TILE;
        const u8 *first =
            GLOBAL(const u8, a.weights) + 2ULL * (tile / a.n_row_tiles) * a.k_tiles * TILE;
        const u8 *second = first + (u64)a.k_tiles * TILE;
        for (u32 k = 0; k < a.k_tiles; k++, turn++) {
            u32 stage = stage_of(turn);
            u32 to = r.tiles + stage * 3 * TILE, full = r.full + 8 * stage;
            wait_for(r.empty + 8 * stage, parity_of(turn) ^ 1); /* at once in the first round */
            arrive_expecting(full, 3 * TILE);
            copy_bulk(to, rows + (u64)k * TILE, TILE, full);
            copy_bulk(to + TILE, first + (u64)k * TILE, TILE, full);
            copy_bulk(to + 2 * TILE, second + (u64)k * TILE, TILE, full);
        }
    }
}

/* ---- the multiplying groups ------------------------------------------------------------------ */

/* All of k for one tile of the output. Returns the turn after the last. */
DEVICE u32 multiply_tile(f32 (&c)[N_SUMS], const rf_gpu_packed_args &a, const ring &r, u32 group,
                         u32 turn)
{
    bool speaks = lane() == 0; /* for its warp, which has read its part of a stage */
    for (u32 k = 0; k < a.k_tiles; k++, turn++) {
        u32 stage = stage_of(turn);
        u32 at = r.tiles + stage * 3 * TILE;
        wait_for(r.full + 8 * stage, parity_of(turn));
        u64 rows = describe(at + group * (TILE / 2)), weights = describe(at + TILE);
        products_begin();
#pragma unroll
        for (u32 step = 0; step < 4; step++) /* 16 elements, 32 bytes, on */
            multiply_64x256(c, rows + 2 * step, weights + 2 * step, k + step);
        products_commit();
        /* Those of the stage before are done: it can be written to. */
        products_wait<1>();
        if (speaks && k > 0)
            arrive(r.empty + 8 * stage_of(turn - 1));
    }
    products_wait<0>();
    if (speaks)
        arrive(r.empty + 8 * stage_of(turn - 1));
    return turn;
}

/* A tile of 128 columns of the output. */
typedef struct columns {
    f32 *out;
    const f32 *bias, *second_bias; /* or NULL */
    u32 first, m;
    bool exist;
} columns;

DEVICE columns find_columns(const rf_gpu_packed_args &a, u32 tile)
{
    columns c = {};
    u32 part = 0;
    if (a.end == RF_GPU_END_SWIGLU) {
        c.first = tile / 2 * 128;
        if (a.parts[1].bias)
            c.second_bias = GLOBAL(const f32, a.parts[1].bias);
    } else {
        while (part + 1 < a.n_parts && tile >= a.parts[part + 1].first_tile)
            part++;
        c.first = (tile - a.parts[part].first_tile) * 128;
    }
    c.out = GLOBAL(f32, a.parts[part].out);
    c.m = a.parts[part].m;
    c.exist = c.first < c.m;
    if (a.parts[part].bias)
        c.bias = GLOBAL(const f32, a.parts[part].bias);
    return c;
}

/* Two neighbouring elements of a row. */
DEVICE void put_two(const columns &c, u32 row, u32 column, f32 x, f32 y, bool add)
{
    f32 *out = c.out + (u64)row * c.m + column;
    if (c.m % 2 == 0) { /* then both exist, and are aligned */
        f32x2 v = {x, y};
        *(f32x2 *)out = add ? *(f32x2 *)out + v : v;
        return;
    }
    out[0] = add ? out[0] + x : x;
    if (column + 1 < c.m)
        out[1] = add ? out[1] + y : y;
}

DEVICE f32 biased(f32 x, const f32 *bias, u32 column, u32 m)
{
    return bias && column < m ? x + bias[column] : x;
}

/* Sum i of a thread: row lane / 4 (+ 8 by bit 1 of i) of its warp's 16, column 8 * (i / 4) + 2 * (lane % 4)
 * + i % 2 (PTX ISA, "Register fragments for wgmma.mma_async.m64nNk16"). */
DEVICE void store_tile(const f32 (&c)[N_SUMS], const rf_gpu_packed_args &a, u32 tile, u32 group)
{
    u32 pair = a.first_pair + tile / a.n_row_tiles;
    u32 row = tile % a.n_row_tiles * 128 + group * 64 + thread() % GROUP / 32 * 16 + lane() / 4;
    bool gated = a.end == RF_GPU_END_SWIGLU, add = a.end == RF_GPU_END_ADD;
#pragma unroll
    for (u32 half = 0; half < 2; half++) {
        columns to = find_columns(a, 2 * pair + half);
        if (!to.exist || (gated && half))
            continue;
#pragma unroll
        for (u32 i = 0; i < N_SUMS / 2; i += 2) {
            u32 r = row + (i & 2 ? 8 : 0), column = to.first + 8 * (i / 4) + 2 * (lane() % 4);
            f32 x = biased(c[half * 64 + i], to.bias, column, to.m);
            f32 y = biased(c[half * 64 + i + 1], to.bias, column + 1, to.m);
            if (gated) {
                x = silu(x) * biased(c[(64 + i) % N_SUMS], to.second_bias, column, to.m);
                y = silu(y) * biased(c[(64 + i + 1) % N_SUMS], to.second_bias, column + 1, to.m);
            }
            if (r < a.n_rows && column < to.m)
                put_two(to, r, column, x, y, add);
        }
    }
}

DEVICE void multiply_tiles(const rf_gpu_packed_args &a, const ring &r, u32 group)
{
    u32 n_tiles = a.n_row_tiles * a.n_pairs;
    u32 turn = 0;
    for (u32 tile = block_x(); tile < n_tiles; tile += n_blocks_x()) {
        f32 c[N_SUMS];
#pragma unroll
        for (u32 i = 0; i < N_SUMS; i++)
            c[i] = 0.0F;
        turn = multiply_tile(c, a, r, group, turn);
        store_tile(c, a, tile, group);
    }
}

KERNEL(gemm_sm90a, rf_gpu_packed_args, 3 * 128)
{
    ring r = find_ring();
    if (thread() == 0) {
        for (u32 stage = 0; stage < STAGES; stage++) {
            open_barrier(r.full + 8 * stage, 1);
            open_barrier(r.empty + 8 * stage, 2 * GROUP / WARP);
        }
        show_barriers();
    }
    barrier();
    wait_for_previous();
    release_next();
    show_to_copies(); /* what was packed is read by copies */
    if (thread() < GROUP) {
        asm volatile("setmaxnreg.dec.sync.aligned.u32 40;");
        if (thread() == 0)
            copy_stages(a, r);
    } else {
        asm volatile("setmaxnreg.inc.sync.aligned.u32 232;");
        multiply_tiles(a, r, thread() / GROUP - 1);
    }
}
