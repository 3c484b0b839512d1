/*
 * gemm_pack.hip: weights of RF_WEIGHT, and rows of f16, packed for gemm_sm90a.hip: tiles of 128 rows by
 * 64 f16 of k, zeros where there is nothing. A block a tile: x along k, y along rows.
 */
#include "kernels/gpu/args_gemm_packed.h"
#include "kernels/gpu/quants.h"

#define PACK_THREADS 256

/* Where piece `piece` of 8 elements of a tile's row is in it, bytes. */
DEVICE u32 piece_at(u32 row, u32 piece) { return row * 128 + ((piece ^ (row & 7)) << 4); }

/* The weights of row `row` of tile `tile` of the product; NULL where there is none. */
DEVICE const u8 *packed_row(const rf_gpu_packed_args &a, u32 tile, u32 row)
{
    u32 part = 0, m = row;
    if (a.end == RF_GPU_END_SWIGLU) { /* one of each part in turn */
        part = tile & 1;
        m += tile / 2 * 128;
    } else {
        while (part + 1 < a.n_parts && tile >= a.parts[part + 1].first_tile)
            part++;
        m += (tile - a.parts[part].first_tile) * 128;
    }
    if (m >= a.parts[part].m)
        return 0;
    return GLOBAL(const u8, a.parts[part].weights) + m * a.parts[part].row_bytes;
}

/* A unit a thread, by way of shared memory, so that whole lines are written. */
DEVICE void pack_weights(const rf_gpu_packed_args &a)
{
    u32 row = thread() / 2, half = thread() & 1;
    const u8 *from = packed_row(a, 2 * a.first_pair + block_y(), row);
    bool aligned = true;
    for (u32 i = 0; i < a.n_parts; i++)
        aligned = aligned && (a.parts[i].row_bytes | a.parts[i].weights) % 16 == 0;
    weights::raw raw = {};
    if (from)
        load_unit<weights>(raw, from, block_x(), half, a.k, aligned);
    u8 *tile = SHARED(u8);
    UNROLL
    for (u32 i = 0; i < UNIT_PARTS; i++) {
        u32x4 v = half_part<weights>(raw, i);
        if (!from)
            v = (u32x4){0, 0, 0, 0};
        *(u32x4 *)(tile + piece_at(row, unit_position<weights>(half, i) / 8)) = v;
    }
    barrier();
    u8 *to = GLOBAL(u8, a.weights) + ((u64)block_y() * a.k_tiles + block_x()) * RF_GPU_PACKED_TILE;
    UNROLL
    for (u32 i = 0; i < RF_GPU_PACKED_TILE; i += 16 * PACK_THREADS)
        *(u32x4 *)(to + i + 16 * thread()) = *(const u32x4 *)(tile + i + 16 * thread());
}

#define PACK_KERNEL_(type) KERNEL(gemm_pack_##type, rf_gpu_packed_args, PACK_THREADS)
#define PACK_KERNEL(type)  PACK_KERNEL_(type)
PACK_KERNEL(RF_WEIGHT)
{
    wait_for_previous(); /* which may read the tiles that are written here */
    release_next();
    pack_weights(a);
}
