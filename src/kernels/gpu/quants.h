/*
 * quants.h: weights of every element type, widened on the device. The layouts are those of
 * tensor/blocks.h, the values exactly those of tensor/dequantise.h.
 *
 * A thread's unit is 32 elements of a row: half `half` of the 64 elements that begin at 64 * group.
 * What a half is depends on the type: where one byte holds elements 32 apart (Q2_K to Q6_K) it is
 * elements 16 * half to + 15 of both runs of 32, elsewhere the elements 32 * half to + 31. Either
 * way it is 4 parts of 8 neighbouring elements: unit_position.
 *
 * A type T is a struct weights_T:
 *   BLOCK, BYTES               elements and bytes of a block; BLOCK 1: floats
 *   SPLIT                      halves are two runs of 16
 *   raw                        the bytes of a unit, in registers
 *   load(r, row, group, half)  reads them. row: the first byte of the row, aligned as blocks are:
 *                              to 16 bytes for floats, otherwise to the largest power of two that
 *                              divides BYTES, and at most 16. The unit lies in the row.
 * of blocks, where an element is scale * (byte - BIAS) - min:
 *   bytes(r, i)                the bytes of part i, known when compiling; at most MOST
 *   scale(r, run)              of part i in run i / 2
 *   min(r, run)                where MINS
 * and of floats:
 *   part(r, i)                 part i as f32
 *   element(row, i)            one element, for rows that are not aligned
 *   load_some(r, row, i, k)    elements i to i + 31, 0 from k on
 *
 * Apart from load nothing depends on memory, so that loads can be issued long before parts are
 * made. A block of zeros has elements of zero.
 */
#ifndef RF_KERNELS_GPU_QUANTS_H
#define RF_KERNELS_GPU_QUANTS_H

#include "kernels/gpu/prelude.h"
#include "tensor/blocks.h"

#define UNIT        32 /* elements */
#define UNIT_PARTS  4
#define UNIT_GROUP  64 /* two units */
#define FIELD(t, f) __builtin_offsetof(rf_block_##t, f)

template <typename W> DEVICE u32 unit_position(u32 half, u32 i)
{
    return W::SPLIT ? 16 * half + 8 * (i & 1) + 32 * (i >> 1) : 32 * half + 8 * i;
}

/* ---- reading --------------------------------------------------------------------------------- */

DEVICE u16 load_u16(const u8 *p)
{
    return *(const u16 *)p;
}
DEVICE u32 load_u32(const u8 *p)
{
    return *(const u32 *)p;
}
DEVICE u32x4 load_u32x4(const u8 *p)
{
    return *(const u32x4 *)p;
}

/* The 32 bits that begin `shift` bits into low. shift: below 32 */
DEVICE u32 funnel(u32 low, u32 high, u32 shift)
{
#if defined(RF_GPU_NVIDIA)
    u32 out;
    asm("shf.r.wrap.b32 %0, %1, %2, %3;" : "=r"(out) : "r"(low), "r"(high), "r"(shift));
    return out;
#elif defined(RF_GPU_AMD)
    return __builtin_amdgcn_alignbit(high, low, shift);
#else
    return (u32)(((u64)high << 32 | low) >> shift);
#endif
}

/* n words from p, which is aligned to 2 bytes: by words where they are aligned, and nothing is read
 * outside of them but in the aligned word where the first begins. */
template <u32 n> DEVICE void load_words_from_u16(u32 *out, const u8 *p)
{
    u32 odd = (u32)(u64)p & 2;
    const u8 *aligned = p - odd;
    u32 word[n + 1];
    UNROLL
    for (u32 i = 0; i < n; i++)
        word[i] = load_u32(aligned + 4 * i);
    word[n] = load_u16(p + 4 * n - 2); /* shifted away where p is aligned to 4 */
    UNROLL
    for (u32 i = 0; i < n; i++)
        out[i] = funnel(word[i], word[i + 1], 8 * odd);
}

/* ---- bytes to numbers ------------------------------------------------------------------------ */

/* The four unsigned bytes of a word, less `offset`, a whole number. */
DEVICE f32x4 widen(u32 bytes, f32 offset)
{
    f32x4 v;
#if defined(RF_GPU_NVIDIA)
    /* A byte at the end of 2^23 is 2^23 more than its number, and the difference is exact. */
    u32 number[4];
    asm("prmt.b32 %0, %1, %2, 0x7440;" : "=r"(number[0]) : "r"(bytes), "r"(0x4B000000U));
    asm("prmt.b32 %0, %1, %2, 0x7441;" : "=r"(number[1]) : "r"(bytes), "r"(0x4B000000U));
    asm("prmt.b32 %0, %1, %2, 0x7442;" : "=r"(number[2]) : "r"(bytes), "r"(0x4B000000U));
    asm("prmt.b32 %0, %1, %2, 0x7443;" : "=r"(number[3]) : "r"(bytes), "r"(0x4B000000U));
    UNROLL
    for (u32 j = 0; j < 4; j++)
        v[j] = f32_from_bits(number[j]) - (8388608.0F + offset);
#else
    UNROLL
    for (u32 j = 0; j < 4; j++)
        v[j] = (f32)(bytes >> (8 * j) & 255U) - offset;
#endif
    return v;
}
DEVICE f32x8 widen(u32 low, u32 high, f32 offset)
{
    f32x4 a = widen(low, offset), b = widen(high, offset);
    return (f32x8){a.x, a.y, a.z, a.w, b.x, b.y, b.z, b.w};
}

/* The four bytes of a word, each together with a base, for which a product's summand makes up:
 * on NVIDIA it costs no instruction. */
#if defined(RF_GPU_AMD)
#define BYTE_BASE 0.0F
#define WIDE_BASE 0.0F
#else
#define BYTE_BASE 128.0F   /* of bytes below 128 */
#define WIDE_BASE 32768.0F /* of any */
#endif
template <bool wide> DEVICE f32x4 based(u32 bytes)
{
    f32x4 v;
#if defined(RF_GPU_NVIDIA)
    /* Where the lowest bit of a byte is the number's bit of value one. */
    const u32 base = wide ? 0x47000000U : 0x43000000U;
    u32 number[4];
    if (wide) {
        asm("prmt.b32 %0, %1, %2, 0x7604;" : "=r"(number[0]) : "r"(bytes), "r"(base));
        asm("prmt.b32 %0, %1, %2, 0x7614;" : "=r"(number[1]) : "r"(bytes), "r"(base));
        asm("prmt.b32 %0, %1, %2, 0x7624;" : "=r"(number[2]) : "r"(bytes), "r"(base));
        asm("prmt.b32 %0, %1, %2, 0x7634;" : "=r"(number[3]) : "r"(bytes), "r"(base));
    } else {
        asm("prmt.b32 %0, %1, %2, 0x7044;" : "=r"(number[0]) : "r"(bytes), "r"(base));
        asm("prmt.b32 %0, %1, %2, 0x7144;" : "=r"(number[1]) : "r"(bytes), "r"(base));
        asm("prmt.b32 %0, %1, %2, 0x7244;" : "=r"(number[2]) : "r"(bytes), "r"(base));
        asm("prmt.b32 %0, %1, %2, 0x7344;" : "=r"(number[3]) : "r"(bytes), "r"(base));
    }
    UNROLL
    for (u32 j = 0; j < 4; j++)
        v[j] = f32_from_bits(number[j]);
#else
    UNROLL
    for (u32 j = 0; j < 4; j++)
        v[j] = (f32)(bytes >> (8 * j) & 255U) + (wide ? WIDE_BASE : BYTE_BASE);
#endif
    return v;
}

/* Byte i of a word, below 128, with its base. */
DEVICE f32 based_byte(u32 bytes, u32 i)
{
#if defined(RF_GPU_NVIDIA)
    u32 number;
    asm("prmt.b32 %0, %1, %2, %3;"
        : "=r"(number)
        : "r"(bytes), "r"(0x43000000U), "r"(0x7044U | i << 8));
    return f32_from_bits(number);
#else
    return (f32)(bytes >> (8 * i) & 255U) + BYTE_BASE;
#endif
}

/* Sixteen bytes, indexed by the halves of bytes: the low ones of all four bytes of `nibbles`, or
 * the high ones. */
typedef struct byte_table {
    u32 words[4];
} byte_table;
DEVICE u32 look_up(const byte_table &t, u32 nibbles, bool high)
{
#if defined(RF_GPU_NVIDIA)
    /* prmt takes four selectors of three bits: two tables of eight, then one of both. Four nibbles
     * in order are two bytes, so both halves are looked up, and sorted. */
    u32 some[2];
    UNROLL
    for (u32 i = 0; i < 2; i++) {
        u32 q = i ? nibbles >> 16 : nibbles;
        u32 a, b, which = (q & 0x8888U) >> 1 | 0x3210U;
        asm("prmt.b32 %0, %1, %2, %3;"
            : "=r"(a)
            : "r"(t.words[0]), "r"(t.words[1]), "r"(q & 0x7777U));
        asm("prmt.b32 %0, %1, %2, %3;"
            : "=r"(b)
            : "r"(t.words[2]), "r"(t.words[3]), "r"(q & 0x7777U));
        asm("prmt.b32 %0, %1, %2, %3;" : "=r"(some[i]) : "r"(a), "r"(b), "r"(which));
    }
    u32 out;
    asm("prmt.b32 %0, %1, %2, %3;"
        : "=r"(out)
        : "r"(some[0]), "r"(some[1]), "r"(high ? 0x7531U : 0x6420U));
    return out;
#else
    u32 q = (high ? nibbles >> 4 : nibbles) & 0x0F0F0F0FU;
#if defined(RF_GPU_AMD)
    u32 a = __builtin_amdgcn_perm(t.words[1], t.words[0], q & 0x07070707U);
    u32 b = __builtin_amdgcn_perm(t.words[3], t.words[2], q & 0x07070707U);
    u32 upper = (q >> 3 & 0x01010101U) * 255U;
    return (b & upper) | (a & ~upper);
#else
    u32 out = 0;
    for (u32 j = 0; j < 32; j += 8) {
        u32 i = q >> j & 15U;
        out |= (t.words[i / 4] >> (8 * (i % 4)) & 255U) << j;
    }
    return out;
#endif
#endif
}

/* Four bits become the lowest ones of four bytes. */
DEVICE u32 spread_bits(u32 bits)
{
    return (bits & 15U) * 0x00204081U & 0x01010101U;
}

/* ---- numbers to f16 -------------------------------------------------------------------------- */

DEVICE u32 two_halves(f32 low, f32 high)
{
#if defined(RF_GPU_NVIDIA)
    u32 out;
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(out) : "f"(high), "f"(low));
    return out;
#else
    f16x2 v = {(f16)low, (f16)high};
    return __builtin_bit_cast(u32, v);
#endif
}

/* Infinities become the largest number, which is their pattern less one; NaN stays. */
DEVICE u32 two_finite(u32 v)
{
    u32 low = v & 0xFFFFU, high = v >> 16;
    if ((low & 0x7FFFU) == 0x7C00U)
        low--;
    if ((high & 0x7FFFU) == 0x7C00U)
        high--;
    return low | high << 16;
}
DEVICE u32x4 finite_halves(u32x4 v)
{
    /* Bit 15 of a half's sum: its exponent has all bits set. */
    u32 strange = 0;
    UNROLL
    for (u32 i = 0; i < 4; i++)
        strange |= (v[i] & 0x7FFF7FFFU) + 0x04000400U;
    if (strange & 0x80008000U) {
        UNROLL
        for (u32 i = 0; i < 4; i++)
            v[i] = two_finite(v[i]);
    }
    return v;
}

/* Rounded to nearest; what is beyond f16 becomes its largest number, NaN stays. */
DEVICE u32x4 to_halves(f32x8 v)
{
    u32x4 out;
#if defined(RF_GPU_NVIDIA)
    UNROLL
    for (u32 i = 0; i < 4; i++)
        asm("cvt.rn.satfinite.f16x2.f32 %0, %1, %2;"
            : "=r"(out[i])
            : "f"(v[2 * i + 1]), "f"(v[2 * i]));
    return out;
#else
    UNROLL
    for (u32 i = 0; i < 4; i++)
        out[i] = two_halves(v[2 * i], v[2 * i + 1]);
    return finite_halves(out);
#endif
}

#include "kernels/gpu/quants_k.h"
#include "kernels/gpu/quants_simple.h"

/* Part i of a unit, exactly. */
template <typename W> DEVICE f32x8 exact_part(const typename W::raw &r, u32 i)
{
    if constexpr (W::BLOCK == 1) {
        return W::part(r, i);
    } else {
        u32x2 q = W::bytes(r, i);
        if constexpr (W::MINS)
            return widen(q.x, q.y, (f32)W::BIAS) * W::scale(r, i / 2) - W::min(r, i / 2);
        else
            return widen(q.x, q.y, (f32)W::BIAS) * W::scale(r, i / 2);
    }
}

/* The same by one instruction for the sum and the product. Exact where there are no mins; with
 * them the summand is rounded at 128 scales, far below what f16 keeps. Bytes of 128 and more need
 * scales of at most 15 bits. */
template <typename W> DEVICE f32x8 near_part(const typename W::raw &r, u32 i)
{
    constexpr bool wide = W::MOST >= 128;
    u32x2 q = W::bytes(r, i);
    f32 scale = W::scale(r, i / 2);
    f32 rest = -((f32)W::BIAS + (wide ? WIDE_BASE : BYTE_BASE)) * scale;
    if constexpr (W::MINS)
        rest = fused(-BYTE_BASE, scale, -W::min(r, i / 2));
    f32x4 low = based<wide>(q.x), high = based<wide>(q.y);
    f32x8 out;
    UNROLL
    for (u32 j = 0; j < 4; j++) {
        out[j] = fused(low[j], scale, rest);
        out[4 + j] = fused(high[j], scale, rest);
    }
    return out;
}

/* Part i of a unit as 8 f16; or paired as word_of_pairs of quants_whole.h has it. */
template <typename W, bool ordered = true> DEVICE u32x4 half_part(const typename W::raw &r, u32 i)
{
    if constexpr (__is_same(W, weights_f16)) {
        static_assert(ordered, "floats are in order");
        return finite_halves(r.v[i]);
    } else {
        f32x8 v;
        if constexpr (W::BLOCK == 1 || __is_same(W, weights_iq4_xs))
            v = exact_part<W>(r, i);
        else
            v = near_part<W>(r, i);
        return to_halves(ordered ? v : __builtin_shufflevector(v, v, 0, 2, 1, 3, 4, 6, 5, 7));
    }
}

/* The unit of k elements' row at that group and half: 0 where it lies behind the row's end.
 * aligned: floats are aligned to 16 bytes. */
template <typename W>
DEVICE void load_unit(typename W::raw &r, const u8 *row, u32 group, u32 half, u32 k, bool aligned)
{
    u32 first = UNIT_GROUP * group + unit_position<W>(half, 0);
    if constexpr (W::BLOCK == 1) {
        if (aligned && first + UNIT <= k)
            W::load(r, row, group, half);
        else
            W::load_some(r, row, first, k);
    } else {
        if (first < k) {
            W::load(r, row, group, half);
        } else {
            typename W::raw zero = {};
            r = zero;
        }
    }
}

/* The struct of RF_WEIGHT. */
#define RF_PASTE_(a, b) a##b
#define RF_PASTE(a, b)  RF_PASTE_(a, b)
#if defined(RF_WEIGHT)
typedef RF_PASTE(weights_, RF_WEIGHT) weights;
#endif

#endif
