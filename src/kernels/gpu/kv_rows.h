/*
 * kv_rows.h: a lane's share of a row of keys or values, as it lies in memory, and widened. Loading
 * and widening are apart so that loads of several rows are under way before the first is needed.
 */
#ifndef RF_KERNELS_GPU_KV_ROWS_H
#define RF_KERNELS_GPU_KV_ROWS_H

#include "kernels/gpu/pages.h"
#include "kernels/gpu/prelude.h"

/* n consecutive elements. */
template <u32 type, u32 n> struct kv_part;
template <u32 n> struct kv_part<RF_GPU_KV_F32, n> {
    u32x4 v[n / 4];
};
template <u32 n> struct kv_part<RF_GPU_KV_F16, n> {
    u32x4 v[n / 8];
};
/* 8 bytes of a block, from an even address on: the two aligned words that hold the first six of
 * them, the last two bytes, and the block's d. */
template <> struct kv_part<RF_GPU_KV_Q8_0, 8> {
    u32x2 words;
    u32 ends; /* the last two bytes, d above them */
    u32 misaligned;
};

/* From element `first` of a row on; first is a multiple of n, rows of F32 and F16 are aligned to 16
 * bytes. */
template <u32 n> DEVICE void load_part(kv_part<RF_GPU_KV_F32, n> *p, const u8 *row, u32 first)
{
    UNROLL
    for (u32 i = 0; i < n / 4; i++)
        p->v[i] = load_once((const u32x4 *)(row + (u64)first * 4) + i);
}
template <u32 n> DEVICE void load_part(kv_part<RF_GPU_KV_F16, n> *p, const u8 *row, u32 first)
{
    UNROLL
    for (u32 i = 0; i < n / 8; i++)
        p->v[i] = load_once((const u32x4 *)(row + (u64)first * 2) + i);
}
DEVICE void load_part(kv_part<RF_GPU_KV_Q8_0, 8> *p, const u8 *row, u32 first)
{
    const u8 *block = row + first / 32 * 34;
    const u8 *bytes = block + 2 + first % 32;
    const u32 misaligned = (u32)(u64)bytes & 2U;
    const u32 *words = (const u32 *)(bytes - misaligned);
    p->words = {words[0], words[1]};
    p->ends = (u32) * (const u16 *)(bytes + 6) | (u32) * (const u16 *)block << 16;
    p->misaligned = misaligned;
}

/* Zeros in place of what is not there, which may be no number. */
DEVICE u32x4 if_there(u32x4 v, bool there)
{
    const u32x4 zero = {0, 0, 0, 0};
    return there ? v : zero;
}

template <u32 n> DEVICE void widen_part(kv_part<RF_GPU_KV_F32, n> p, bool there, f32 *out)
{
    UNROLL
    for (u32 i = 0; i < n / 4; i++)
        p.v[i] = if_there(p.v[i], there);
    UNROLL
    for (u32 i = 0; i < n; i++)
        out[i] = f32_from_bits(p.v[i / 4][i % 4]);
}
template <u32 n> DEVICE void widen_part(kv_part<RF_GPU_KV_F16, n> p, bool there, f32 *out)
{
    UNROLL
    for (u32 i = 0; i < n / 8; i++)
        p.v[i] = if_there(p.v[i], there);
    UNROLL
    for (u32 i = 0; i < n / 2; i++) {
        const f16x2 two = __builtin_bit_cast(f16x2, (u32)p.v[i / 4][i % 4]);
        out[2 * i] = (f32)two.x;
        out[2 * i + 1] = (f32)two.y;
    }
}
DEVICE void widen_part(const kv_part<RF_GPU_KV_Q8_0, 8> &p, bool there, f32 *out)
{
    const u32 low = p.misaligned ? p.words.x >> 16 | p.words.y << 16 : p.words.x;
    const u32 high = p.misaligned ? p.words.y >> 16 | p.ends << 16 : p.words.y;
    const f32 d = there ? f16_from_bits((u16)(p.ends >> 16)) : 0.0F;
    UNROLL
    for (u32 i = 0; i < 4; i++) {
        out[i] = d * (f32)(i8)(low >> 8 * i);
        out[4 + i] = d * (f32)(i8)(high >> 8 * i);
    }
}

/* One element of a row of any size and alignment. */
DEVICE f32 kv_element(u32 type, const u8 *row, u32 i)
{
    if (type == RF_GPU_KV_F32)
        return ((const f32 *)row)[i];
    if (type == RF_GPU_KV_F16)
        return (f32)((const f16 *)row)[i];
    const u8 *block = row + i / 32 * 34;
    return (f32) * (const f16 *)block * (f32) * (const i8 *)(block + 2 + i % 32);
}

/* Rows of any size and alignment, whose elements are loaded one by one: of type KV_ANY + type. */
#define KV_ANY 8U
template <u32 n> struct kv_any {
    f32 v[n];
};
template <u32 n> struct kv_part<KV_ANY + RF_GPU_KV_F32, n> : kv_any<n> {
};
template <u32 n> struct kv_part<KV_ANY + RF_GPU_KV_F16, n> : kv_any<n> {
};
template <u32 n> struct kv_part<KV_ANY + RF_GPU_KV_Q8_0, n> : kv_any<n> {
};

template <u32 type, u32 n>
DEVICE void load_part(kv_part<type, n> *p, const u8 *row, u32 first, u32 head_size)
{
    if constexpr (type >= KV_ANY) {
        UNROLL
        for (u32 i = 0; i < n; i++)
            p->v[i] = first + i < head_size ? kv_element(type - KV_ANY, row, first + i) : 0.0F;
    } else {
        load_part(p, row, first);
    }
}
template <u32 n> DEVICE void widen_part(const kv_any<n> &p, bool there, f32 *out)
{
    UNROLL
    for (u32 i = 0; i < n; i++)
        out[i] = there ? p.v[i] : 0.0F;
}

#endif
