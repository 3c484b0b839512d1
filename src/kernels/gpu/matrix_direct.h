/*
 * matrix_direct.h: products whose operands lanes make in registers, without a tile in shared
 * memory.
 *
 * c += a * b^T for a [16 rows][k] and b [columns][k] of f16. Sums do not depend on the order of k,
 * so there is none: DIRECT_LANES lanes share a row of a and a column of b, each gives parts of 8
 * elements of them, and all that counts is that those a lane gives of a and of b are of the same k.
 *
 *   DIRECT_ROWS     rows of a that a lane gives parts of: direct_row(r)
 *   DIRECT_LANES    lanes that share a row; a lane is number direct_lane() of them
 *   DIRECT_PARTS    parts of each row that a lane gives at a time
 *   DIRECT_COLUMNS  columns of a product; a lane gives parts of direct_column()
 *   DIRECT_SUMS     elements of c that a lane has: direct_sum_row(i), direct_sum_column(i)
 *
 * By RF_MATRIX, see matrix.h; where there is no matrix unit there is nothing here.
 */
#ifndef RF_KERNELS_GPU_MATRIX_DIRECT_H
#define RF_KERNELS_GPU_MATRIX_DIRECT_H

#include "kernels/gpu/matrix.h"

#if RF_MATRIX == RF_MATRIX_MMA
#define DIRECT_ROWS    2
#define DIRECT_LANES   4
#define DIRECT_PARTS   1
#define DIRECT_COLUMNS 8
#define DIRECT_SUMS    4
#else
#define DIRECT_ROWS    1
#define DIRECT_LANES   (RF_MATRIX == RF_MATRIX_MFMA ? 4 : RF_MATRIX == RF_MATRIX_WMMA12 ? 2 : 1)
#define DIRECT_PARTS   (RF_MATRIX == RF_MATRIX_WMMA11 ? 2 : 1)
#define DIRECT_COLUMNS 16
#define DIRECT_SUMS    C_ELEMENTS
#endif

#if RF_MATRIX != RF_MATRIX_NONE

typedef struct direct_sums {
    f32 v[DIRECT_SUMS];
} direct_sums;
typedef struct direct_a {
    u32x4 v[DIRECT_ROWS][DIRECT_PARTS];
} direct_a;
typedef struct direct_b {
    u32x4 v[DIRECT_PARTS];
} direct_b;

#if RF_MATRIX == RF_MATRIX_MMA
DEVICE u32 direct_row(u32 r)
{
    return lane() / 4 + 8 * r;
}
DEVICE u32 direct_lane(void)
{
    return lane() % 4;
}
DEVICE u32 direct_column(void)
{
    return lane() / 4;
}
DEVICE u32 direct_sum_row(u32 i)
{
    return lane() / 4 + (i & 2 ? 8 : 0);
}
DEVICE u32 direct_sum_column(u32 i)
{
    return 2 * (lane() % 4) + (i & 1);
}
#else
DEVICE u32 direct_row(u32 r)
{
    (void)r;
    return lane() % 16;
}
DEVICE u32 direct_lane(void)
{
    return DIRECT_LANES == 1 ? 0 : lane() / 16; /* both halves of a WMMA11 give the same */
}
DEVICE u32 direct_column(void)
{
    return lane() % 16;
}
DEVICE u32 direct_sum_row(u32 i)
{
    return c_row(i);
}
DEVICE u32 direct_sum_column(u32 i)
{
    return c_column(i);
}
#endif

DEVICE direct_sums zero_sums(void)
{
    direct_sums c;
#pragma unroll
    for (u32 i = 0; i < DIRECT_SUMS; i++)
        c.v[i] = 0.0F;
    return c;
}

/* A part from shared memory, `at` bytes behind p, aligned to 16 bytes. */
DEVICE u32x4 load_part(const u8 *p, u32 at)
{
#if defined(RF_GPU_NVIDIA)
    u32x4 v;
    asm volatile("ld.shared.v4.u32 {%0, %1, %2, %3}, [%4];"
                 : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
                 : "r"(shared_address(p) + at));
    return v;
#else
    return *(const u32x4 *)(p + at);
#endif
}

#if defined(RF_GPU_EMU)
/* The lane that gives part `turn` of a row of a, and of a column of b. */
DEVICE u32 emu_row_lane(u32 row, u32 turn)
{
    return RF_MATRIX == RF_MATRIX_MMA ? row % 8 * 4 + turn : row + 16 * turn;
}
DEVICE u32 emu_column_lane(u32 column, u32 turn)
{
    return RF_MATRIX == RF_MATRIX_MMA ? column * 4 + turn : column + 16 * turn;
}
struct direct_both {
    direct_a a;
    direct_b b;
};
DEVICE void emu_direct_multiply_add(direct_sums &c, const direct_both *all)
{
    for (u32 i = 0; i < DIRECT_SUMS; i++) {
        u32 row = direct_sum_row(i), column = direct_sum_column(i);
        for (u32 turn = 0; turn < DIRECT_LANES; turn++) {
            const u32x4 *x = all[emu_row_lane(row, turn)].a.v[DIRECT_ROWS == 2 ? row / 8 : 0];
            const u32x4 *y = all[emu_column_lane(column, turn)].b.v;
            for (u32 p = 0; p < DIRECT_PARTS; p++)
                c.v[i] = emu_dot(__builtin_bit_cast(f16x8, x[p]), __builtin_bit_cast(f16x8, y[p]),
                                 c.v[i]);
        }
    }
}
SMALL void direct_multiply_add(direct_sums &c, const direct_a &a, const direct_b &b)
{
    direct_both mine = {a, b};
    emu_direct_multiply_add(c, (const direct_both *)rf_emu_gather(&mine, sizeof(mine)));
}
#elif RF_MATRIX == RF_MATRIX_MMA
/* Of m16n8k16 a lane has two pairs of each row and of its column: half of a part is one product. */
DEVICE void direct_multiply_add(direct_sums &c, const direct_a &a, const direct_b &b)
{
    u32x4 low = a.v[0][0], high = a.v[1][0], x = b.v[0];
#pragma unroll
    for (u32 i = 0; i < 4; i += 2)
        asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, "
            "{%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
            : "+f"(c.v[0]), "+f"(c.v[1]), "+f"(c.v[2]), "+f"(c.v[3])
            : "r"(low[i]), "r"(high[i]), "r"(low[i + 1]), "r"(high[i + 1]), "r"(x[i]),
              "r"(x[i + 1]));
}
#else
DEVICE void direct_multiply_add(direct_sums &c, const direct_a &a, const direct_b &b)
{
#if RF_MATRIX == RF_MATRIX_MFMA
    f32x4 v = {c.v[0], c.v[1], c.v[2], c.v[3]};
    f16x8 x = __builtin_bit_cast(f16x8, a.v[0][0]), y = __builtin_bit_cast(f16x8, b.v[0]);
    v = __builtin_amdgcn_mfma_f32_16x16x16f16(x.lo, y.lo, v, 0, 0, 0);
    v = __builtin_amdgcn_mfma_f32_16x16x16f16(x.hi, y.hi, v, 0, 0, 0);
#elif RF_MATRIX == RF_MATRIX_WMMA11
    f32x8 v = {c.v[0], c.v[1], c.v[2], c.v[3], c.v[4], c.v[5], c.v[6], c.v[7]};
    u32x4 a0 = a.v[0][0], a1 = a.v[0][1], b0 = b.v[0], b1 = b.v[1];
    u32x8 x = {a0.x, a0.y, a0.z, a0.w, a1.x, a1.y, a1.z, a1.w};
    u32x8 y = {b0.x, b0.y, b0.z, b0.w, b1.x, b1.y, b1.z, b1.w};
    v = __builtin_amdgcn_wmma_f32_16x16x16_f16_w32(__builtin_bit_cast(f16x16, x),
                                                   __builtin_bit_cast(f16x16, y), v);
#else
    f32x8 v = {c.v[0], c.v[1], c.v[2], c.v[3], c.v[4], c.v[5], c.v[6], c.v[7]};
    v = __builtin_amdgcn_wmma_f32_16x16x16_f16_w32_gfx12(__builtin_bit_cast(f16x8, a.v[0][0]),
                                                         __builtin_bit_cast(f16x8, b.v[0]), v);
#endif
#pragma unroll
    for (u32 i = 0; i < DIRECT_SUMS; i++)
        c.v[i] = v[i];
}
#endif

#endif
#endif
