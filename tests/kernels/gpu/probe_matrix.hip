/* probe_matrix.hip: products of tiles, for each kind of matrix unit. */
#include "kernels/gpu/matrix.h"

#include "probe_args.h"

DEVICE void store(f32 *to, const tile_c &c)
{
#pragma unroll
    for (u32 i = 0; i < C_ELEMENTS; i++)
        to[c_row(i) * 16 + c_column(i)] = c.v[i];
}

/* One warp. shared: f16 [3][16][stride] */
KERNEL(probe_product, probe_matrix_args, 64)
{
    f16 *tiles = SHARED(f16);
    const f16 *from_a = GLOBAL(const f16, a.a);
    const f16 *from_b = GLOBAL(const f16, a.b);
    f32 *to = GLOBAL(f32, a.c);
    f16 *tile_a = tiles, *tile_b = tiles + 16 * a.stride, *room = tiles + 32 * a.stride;
    for (u32 i = thread(); i < 16 * a.stride; i += n_threads()) {
        tile_a[i] = from_a[i];
        tile_b[i] = from_b[i];
    }
    warp_barrier();
    tile_c c;
#pragma unroll
    for (u32 i = 0; i < C_ELEMENTS; i++)
        c.v[i] = to[c_row(i) * 16 + c_column(i)];
    tile_ab x = load_a(tile_a, a.stride);
    tile_ab y = a.transposed ? load_b_transposed(tile_b, a.stride) : load_b(tile_b, a.stride);
    multiply_add(c, x, y);
    store(to, c);
    warp_barrier();
    for (u32 i = thread(); i < 256; i += n_threads())
        tile_b[i] = i / 16 == i % 16 ? (f16)1.0F : (f16)0.0F;
    warp_barrier();
    tile_ab unit = load_b(tile_b, 16);
    tile_c turned = zero_tile();
    multiply_add(turned, a_from_c(c, room), unit);
    store(GLOBAL(f32, a.turned), turned);
}

/* The rows and columns that a lane's elements are said to have: f32 [lanes][C_ELEMENTS][3]: row, column, and
 * the maximum over its row by C_ROWS and C_ROW_LANES of what is at c, over the tile's 16 columns. */
KERNEL(probe_rows, probe_matrix_args, 64)
{
    const f32 *from = GLOBAL(const f32, a.c);
    f32 *to = GLOBAL(f32, a.turned);
    f32 best[C_ROWS];
#pragma unroll
    for (u32 r = 0; r < C_ROWS; r++)
        best[r] = -1e30F;
#pragma unroll
    for (u32 i = 0; i < C_ELEMENTS; i++)
        best[c_row_slot(i)] = maximum(best[c_row_slot(i)], from[c_row(i) * 16 + c_column(i)]);
#pragma unroll
    for (u32 r = 0; r < C_ROWS; r++)
        best[r] = group_max<C_ROW_LANES>(best[r]);
#pragma unroll
    for (u32 i = 0; i < C_ELEMENTS; i++)
        to[c_row(i) * 16 + c_column(i)] = best[c_row_slot(i)];
}
