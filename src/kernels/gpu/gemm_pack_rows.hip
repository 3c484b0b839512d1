/* gemm_pack_rows.hip: the rows of a product, f16, packed as gemm_pack.hip packs weights. A block a tile:
 * x along k, y along rows; neighbouring threads have neighbouring pieces of 8 elements. */
#include "kernels/gpu/args_gemm_packed.h"
#include "kernels/gpu/prelude.h"

#define PACK_THREADS 256

KERNEL(gemm_pack_rows, rf_gpu_packed_args, PACK_THREADS)
{
    wait_for_previous();
    release_next();
    u8 *tile = GLOBAL(u8, a.rows) + ((u64)block_y() * a.k_tiles + block_x()) * RF_GPU_PACKED_TILE;
#pragma unroll
    for (u32 i = thread(); i < 128 * 8; i += PACK_THREADS) {
        u32 row = block_y() * 128 + i / 8, at = block_x() * 64 + i % 8 * 8;
        u32x4 v = {0, 0, 0, 0};
        if (row < a.n_rows && at < a.stride)
            v = *(const u32x4 *)(GLOBAL(const f16, a.input) + (u64)row * a.stride + at);
        *(u32x4 *)(tile + i / 8 * 128 + ((i % 8 ^ (i / 8 & 7)) << 4)) = v;
    }
}
