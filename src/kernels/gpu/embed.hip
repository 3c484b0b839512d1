/* embed.hip: rows of the embedding table, widened to f32. A block a token, a unit a thread. */
#include "kernels/gpu/args_gemm.h"
#include "kernels/gpu/quants.h"

#define EMBED_THREADS 256

template <typename W> DEVICE void widen_row(const u8 *row, f32 *out, u32 n)
{
    if constexpr (W::BLOCK == 1) {
        for (u32 i = thread(); i < n; i += n_threads())
            out[i] = W::element(row, i);
    } else {
        for (u32 unit = thread(); unit < n / UNIT; unit += n_threads()) {
            typename W::raw r;
            W::load(r, row, unit / 2, unit % 2);
            UNROLL
            for (u32 i = 0; i < UNIT_PARTS; i++)
                *(f32x8 *)(out + UNIT_GROUP * (unit / 2) + unit_position<W>(unit % 2, i)) =
                    exact_part<W>(r, i);
        }
    }
}

#define EMBED_KERNEL_(type) KERNEL(embed_##type, rf_gpu_embed_args, EMBED_THREADS)
#define EMBED_KERNEL(type)  EMBED_KERNEL_(type)

EMBED_KERNEL(RF_WEIGHT)
{
    wait_for_previous();
    release_next();
    u32 token = (u32)GLOBAL(const i32, a.tokens)[block_x()];
    widen_row<weights>(GLOBAL(const u8, a.table) + token * a.row_bytes,
                       GLOBAL(f32, a.out) + (u64)block_x() * a.n, a.n);
}
