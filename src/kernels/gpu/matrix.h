/*
 * matrix.h: products of 16 x 16 tiles by a warp, on whatever matrix unit there is.
 *
 * c += a * b^T for tiles a [16 rows][16 k] and b [16 columns][16 k] of f16, both with k innermost,
 * and c [16 rows][16 columns] of f32. A tile is spread over the lanes of a warp in a way that
 * depends on the hardware; kernels know a tile's elements only through c_row and c_column. The
 * ways, and their sources: RF_MATRIX_MMA    NVIDIA sm_80 and later: mma.sync.m16n8k16, two for the
 * 16 columns (PTX ISA, "Matrix Fragments for mma.m16n8k16") RF_MATRIX_MFMA   CDNA:
 * v_mfma_f32_16x16x16_f16, 64 lanes (AMD matrix instruction calculator) RF_MATRIX_WMMA11 RDNA3:
 * v_wmma_f32_16x16x16_f16; both halves of the warp hold a and b whole (RDNA3 ISA, 7.9)
 *   RF_MATRIX_WMMA12 RDNA4: the same instruction, each half of the warp holding half of k (RDNA4
 * ISA) RF_MATRIX_NONE   no matrix unit: a product a lane, rows fetched from the lanes that have
 * them
 */
#ifndef RF_KERNELS_GPU_MATRIX_H
#define RF_KERNELS_GPU_MATRIX_H

#include "kernels/gpu/prelude.h"

#define RF_MATRIX_NONE   0
#define RF_MATRIX_MMA    1
#define RF_MATRIX_MFMA   2
#define RF_MATRIX_WMMA11 3
#define RF_MATRIX_WMMA12 4

#if defined(RF_GPU_NVIDIA)
#define RF_MATRIX RF_MATRIX_MMA
#elif defined(__gfx908__) || defined(__gfx90a__) || defined(__gfx942__)
#define RF_MATRIX RF_MATRIX_MFMA
#elif defined(__GFX11__)
#define RF_MATRIX RF_MATRIX_WMMA11
#elif defined(__GFX12__)
#define RF_MATRIX RF_MATRIX_WMMA12
#elif defined(RF_EMU_MATRIX)
#define RF_MATRIX RF_EMU_MATRIX
#elif defined(RF_GPU_EMU)
#error "a unit that includes matrix.h says so in meson.build ('matrix')"
#else
#define RF_MATRIX RF_MATRIX_NONE
#endif

/* Elements of a tile that a lane holds. */
#define C_ELEMENTS (256 / WARP)
#if RF_MATRIX == RF_MATRIX_MMA || RF_MATRIX == RF_MATRIX_WMMA12
#define AB_ELEMENTS 8
#elif RF_MATRIX == RF_MATRIX_MFMA
#define AB_ELEMENTS 4
#else
#define AB_ELEMENTS 16
#endif

typedef VECTOR(f16, AB_ELEMENTS) tile_ab;
typedef struct tile_c {
    f32 v[C_ELEMENTS];
} tile_c;

/* Where element i of a lane's part of c is. i is known when compiling. */
DEVICE u32 c_row(u32 i)
{
#if RF_MATRIX == RF_MATRIX_MMA
    return lane() / 4 + (i & 2 ? 8 : 0);
#elif RF_MATRIX == RF_MATRIX_WMMA11 || (RF_MATRIX == RF_MATRIX_NONE && RF_WARP == 32)
    return 2 * i + lane() / 16;
#elif RF_MATRIX == RF_MATRIX_WMMA12
    return 8 * (lane() / 16) + i;
#else
    return C_ELEMENTS * (lane() / 16) + i;
#endif
}
DEVICE u32 c_column(u32 i)
{
#if RF_MATRIX == RF_MATRIX_MMA
    return 2 * (lane() % 4) + (i & 1) + (i & 4 ? 8 : 0);
#else
    (void)i;
    return lane() % 16;
#endif
}

/* The elements of a lane lie in C_ROWS rows: element i in the lane's row number c_row_slot(i). The
 * lanes that share a row are those whose numbers differ in the bits of C_ROW_LANES - 1. */
#if RF_MATRIX == RF_MATRIX_MMA
#define C_ROWS      2
#define C_ROW_LANES 4
DEVICE u32 c_row_slot(u32 i)
{
    return i & 2 ? 1 : 0;
}
#else
#define C_ROWS      C_ELEMENTS
#define C_ROW_LANES 16
DEVICE u32 c_row_slot(u32 i)
{
    return i;
}
#endif

DEVICE tile_c zero_tile(void)
{
    tile_c c;
#pragma unroll
    for (u32 i = 0; i < C_ELEMENTS; i++)
        c.v[i] = 0.0F;
    return c;
}

/* ---- loading --------------------------------------------------------------------------------- */

/* The row of a or b, and the k, of a lane's element i. */
#if RF_MATRIX != RF_MATRIX_MMA
DEVICE u32 ab_k(u32 i)
{
#if RF_MATRIX == RF_MATRIX_MFMA
    return 4 * (lane() / 16) + i;
#elif RF_MATRIX == RF_MATRIX_WMMA12
    return 8 * (lane() / 16) + i;
#else
    return i;
#endif
}
#endif

#if RF_MATRIX == RF_MATRIX_MMA && defined(RF_GPU_NVIDIA)
DEVICE tile_ab load_matrices(const f16 *p)
{
    u32x4 v;
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
                 : "r"(shared_address(p))
                 : "memory");
    return __builtin_bit_cast(tile_ab, v);
}
DEVICE tile_ab load_matrices_transposed(const f16 *p)
{
    u32x4 v;
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
                 : "r"(shared_address(p))
                 : "memory");
    return __builtin_bit_cast(tile_ab, v);
}
#endif

/* Rows and columns of the elements of a and of b under RF_MATRIX_MMA: pairs along k. */
#if RF_MATRIX == RF_MATRIX_MMA
DEVICE u32 mma_a_row(u32 i)
{
    return lane() / 4 + (i & 2 ? 8 : 0);
}
DEVICE u32 mma_a_k(u32 i)
{
    return 2 * (lane() % 4) + (i & 1) + (i & 4 ? 8 : 0);
}
DEVICE u32 mma_b_column(u32 i)
{
    return lane() / 4 + (i & 4 ? 8 : 0);
}
DEVICE u32 mma_b_k(u32 i)
{
    return 2 * (lane() % 4) + (i & 1) + (i & 2 ? 8 : 0);
}
#endif

#if RF_MATRIX != RF_MATRIX_MMA
/* A lane's elements where they lie side by side. Rows are aligned to 16 bytes, a vector of 16 f16
 * would be to 32. */
DEVICE tile_ab load_side_by_side(const f16 *p)
{
#if AB_ELEMENTS == 16
    f16x8 low = *(const f16x8 *)p, high = *(const f16x8 *)(p + 8);
    return __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
#else
    return *(const tile_ab *)p;
#endif
}
#endif

/*
 * Tiles from shared memory, by all lanes of a warp. p: the tile's first element; stride: elements
 * from one row (of k innermost) to the next, a multiple of 8; p is aligned to 16 bytes.
 */
DEVICE tile_ab load_a(const f16 *p, u32 stride)
{
#if RF_MATRIX == RF_MATRIX_MMA && defined(RF_GPU_NVIDIA)
    return load_matrices(p + (lane() % 16) * stride + 8 * (lane() / 16));
#elif RF_MATRIX == RF_MATRIX_MMA
    tile_ab t;
#pragma unroll
    for (u32 i = 0; i < AB_ELEMENTS; i++)
        t[i] = p[mma_a_row(i) * stride + mma_a_k(i)];
    return t;
#else
    return load_side_by_side(p + (lane() % 16) * stride + ab_k(0));
#endif
}
DEVICE tile_ab load_b(const f16 *p, u32 stride)
{
#if RF_MATRIX == RF_MATRIX_MMA && defined(RF_GPU_NVIDIA)
    return load_matrices(p + (lane() % 8 + 8 * (lane() / 16)) * stride + 8 * (lane() / 8 % 2));
#elif RF_MATRIX == RF_MATRIX_MMA
    tile_ab t;
#pragma unroll
    for (u32 i = 0; i < AB_ELEMENTS; i++)
        t[i] = p[mma_b_column(i) * stride + mma_b_k(i)];
    return t;
#else
    return load_side_by_side(p + (lane() % 16) * stride + ab_k(0));
#endif
}
/* The same of a tile that is stored with its columns innermost: b [16 k][16 columns]. */
DEVICE tile_ab load_b_transposed(const f16 *p, u32 stride)
{
#if RF_MATRIX == RF_MATRIX_MMA && defined(RF_GPU_NVIDIA)
    return load_matrices_transposed(p + (lane() % 16) * stride + 8 * (lane() / 16));
#else
    tile_ab t;
#pragma unroll
    for (u32 i = 0; i < AB_ELEMENTS; i++)
#if RF_MATRIX == RF_MATRIX_MMA
        t[i] = p[mma_b_k(i) * stride + mma_b_column(i)];
#else
        t[i] = p[ab_k(i) * stride + lane() % 16];
#endif
    return t;
#endif
}

/*
 * The a tile of f16 whose elements are those of c, rounded. room: 16 x 16 f16 of shared memory that
 * this warp has to itself, aligned to 16 bytes; not used where a lane already holds what it needs.
 */
DEVICE tile_ab a_from_c(const tile_c &c, f16 *room)
{
#if RF_MATRIX == RF_MATRIX_MMA
    (void)room; /* of a: rows 0 and 8 by bit 1, k 8 by bit 2; of c: rows by bit 1, columns 8 by bit
                   2 */
    tile_ab t;
#pragma unroll
    for (u32 i = 0; i < AB_ELEMENTS; i++)
        t[i] = (f16)c.v[i];
    return t;
#else
    warp_barrier(); /* the last tile has been read */
#pragma unroll
    for (u32 i = 0; i < C_ELEMENTS; i++)
        room[c_row(i) * 16 + c_column(i)] = (f16)c.v[i];
    warp_barrier();
    return load_a(room, 16);
#endif
}

/* ---- the product ----------------------------------------------------------------------------- */

#if defined(RF_GPU_EMU)
/* sum + a * b, of 8. Vectors, as kernels of the emulated GPU are not optimised: a step for each
 * element would be most of the time that they take. */
DEVICE f32 emu_dot(f16x8 a, f16x8 b, f32 sum)
{
    f32x8 of_8 = __builtin_convertvector(a, f32x8) * __builtin_convertvector(b, f32x8);
    f32x4 of_4 = of_8.lo + of_8.hi;
    f32x2 of_2 = of_4.lo + of_4.hi;
    return sum + (of_2.x + of_2.y);
}
#endif

#if defined(RF_GPU_EMU) && RF_MATRIX != RF_MATRIX_NONE
/* What a lane holds, and a row of a or a column of b, put together from what lanes hold. Its order
 * of k is the same for both. */
struct emu_lane {
    tile_ab a, b;
};
union emu_line {
    u32 words[8];
    tile_ab parts[16 / AB_ELEMENTS];
    f16x8 halves[2];
};

#if RF_MATRIX == RF_MATRIX_MMA
#define EMU_COLUMNS 4
DEVICE emu_line emu_row(const emu_lane *all, u32 row)
{
    emu_line line;
    for (u32 i = 0; i < 4; i++) {
        u32x4 words = __builtin_bit_cast(u32x4, all[row % 8 * 4 + i].a);
        line.words[2 * i] = words[row / 8];
        line.words[2 * i + 1] = words[row / 8 + 2];
    }
    return line;
}
DEVICE emu_line emu_column(const emu_lane *all, u32 column)
{
    emu_line line;
    for (u32 i = 0; i < 4; i++) {
        u32x4 words = __builtin_bit_cast(u32x4, all[column % 8 * 4 + i].b);
        line.words[2 * i] = words[column / 8 * 2];
        line.words[2 * i + 1] = words[column / 8 * 2 + 1];
    }
    return line;
}
/* The first element of a lane in its row, and in its column, of a number; and the column's of an
 * element. */
DEVICE u32 emu_first_in_row(u32 slot)
{
    return 2 * slot;
}
DEVICE u32 emu_first_in_column(u32 slot)
{
    return (slot & 1) + (slot & 2) * 2;
}
DEVICE u32 emu_column_slot(u32 i)
{
    return (i & 1) + (i & 4) / 2;
}
#else
#define EMU_COLUMNS 1
DEVICE emu_line emu_row(const emu_lane *all, u32 row)
{
    emu_line line;
    for (u32 i = 0; i < 16 / AB_ELEMENTS; i++)
        line.parts[i] = all[row + 16 * i].a;
    return line;
}
DEVICE emu_line emu_column(const emu_lane *all, u32 column)
{
    emu_line line;
    for (u32 i = 0; i < 16 / AB_ELEMENTS; i++)
        line.parts[i] = all[column + 16 * i].b;
    return line;
}
DEVICE u32 emu_first_in_row(u32 slot)
{
    return slot;
}
DEVICE u32 emu_first_in_column(u32 slot)
{
    return slot;
}
DEVICE u32 emu_column_slot(u32 i)
{
    (void)i;
    return 0;
}
#endif

/* Every lane computes its elements from what all lanes hold: layout in, layout out. */
DEVICE void emu_multiply_add(tile_c &c, const emu_lane *all)
{
    emu_line rows[C_ROWS], columns[EMU_COLUMNS];
    for (u32 r = 0; r < C_ROWS; r++)
        rows[r] = emu_row(all, c_row(emu_first_in_row(r)));
    for (u32 n = 0; n < EMU_COLUMNS; n++)
        columns[n] = emu_column(all, c_column(emu_first_in_column(n)));
    for (u32 i = 0; i < C_ELEMENTS; i++) {
        const f16x8 *x = rows[c_row_slot(i)].halves, *y = columns[emu_column_slot(i)].halves;
        c.v[i] = emu_dot(x[1], y[1], emu_dot(x[0], y[0], c.v[i]));
    }
}
SMALL void multiply_add(tile_c &c, const tile_ab &a, const tile_ab &b)
{
    emu_lane mine = {a, b};
    emu_multiply_add(c, (const emu_lane *)rf_emu_gather(&mine, sizeof(mine)));
}
#elif RF_MATRIX == RF_MATRIX_MMA
DEVICE void multiply_add(tile_c &c, const tile_ab &a, const tile_ab &b)
{
    u32x4 x = __builtin_bit_cast(u32x4, a);
    u32x4 y = __builtin_bit_cast(u32x4, b);
#pragma unroll
    for (u32 half = 0; half < 2; half++)
        asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, "
            "{%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
            : "+f"(c.v[4 * half]), "+f"(c.v[4 * half + 1]), "+f"(c.v[4 * half + 2]),
              "+f"(c.v[4 * half + 3])
            : "r"(x.x), "r"(x.y), "r"(x.z), "r"(x.w), "r"(half ? y.z : y.x), "r"(half ? y.w : y.y));
}
#elif RF_MATRIX == RF_MATRIX_NONE
DEVICE void multiply_add(tile_c &c, const tile_ab &a, const tile_ab &b)
{
    u32x8 x = __builtin_bit_cast(u32x8, a);
#pragma unroll
    for (u32 i = 0; i < C_ELEMENTS; i++) {
#pragma unroll
        for (u32 pair = 0; pair < 8; pair++) {
            f16x2 row = __builtin_bit_cast(f16x2, shuffle(x[pair], c_row(i)));
            c.v[i] = fused((f32)row.x, (f32)b[2 * pair], c.v[i]);
            c.v[i] = fused((f32)row.y, (f32)b[2 * pair + 1], c.v[i]);
        }
    }
}
#else
DEVICE void multiply_add(tile_c &c, const tile_ab &a, const tile_ab &b)
{
#if RF_MATRIX == RF_MATRIX_MFMA
    f32x4 v = {c.v[0], c.v[1], c.v[2], c.v[3]};
    v = __builtin_amdgcn_mfma_f32_16x16x16f16(a, b, v, 0, 0, 0);
#elif RF_MATRIX == RF_MATRIX_WMMA11
    f32x8 v = {c.v[0], c.v[1], c.v[2], c.v[3], c.v[4], c.v[5], c.v[6], c.v[7]};
    v = __builtin_amdgcn_wmma_f32_16x16x16_f16_w32(a, b, v);
#else
    f32x8 v = {c.v[0], c.v[1], c.v[2], c.v[3], c.v[4], c.v[5], c.v[6], c.v[7]};
    v = __builtin_amdgcn_wmma_f32_16x16x16_f16_w32_gfx12(a, b, v);
#endif
#pragma unroll
    for (u32 i = 0; i < C_ELEMENTS; i++)
        c.v[i] = v[i];
}
#endif

#endif
