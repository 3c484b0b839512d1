/*
 * quants_whole.h: weights of some K blocks as operands of matrix units that are exact: whole
 * numbers.
 *
 * An element of a Q4_K block is d * (scale * q) - dmin * min, of whole numbers scale * q and min. A
 * half's pattern of such a number below 1024 is that number times 2^-24, so a mask makes operands
 * of packed bits, and one product of pairs the scale's multiples of two of them: what it gives are
 * whole numbers times WHOLE_SCALE. d and dmin are for the sums of a block.
 *
 * HAS of whole<W> says whether there are such of a type:
 *   head                  what a lane has of a block: for a row's two units, in groups 2 * upper
 *                         and the one behind it
 *   parts<ordered>(r, h, i, row, x)
 *                         the parts of the lane's unit i, as row `row` of operands x
 *   min(h, i, run)        its min, twice, times 2^-24
 */
#ifndef RF_KERNELS_GPU_QUANTS_WHOLE_H
#define RF_KERNELS_GPU_QUANTS_WHOLE_H

#include "kernels/gpu/matrix_direct.h"
#include "kernels/gpu/quants.h"

#define WHOLE_SCALE (1.0F / 524288.0F)   /* 2^-19 */
#define WHOLE_MIN   (1.0F / 16777216.0F) /* 2^-24 */

/* Bytes of a and b, numbered 0 to 7, by the nibbles of `which`. */
DEVICE u32 select_bytes(u32 a, u32 b, u32 which)
{
#if defined(RF_GPU_NVIDIA)
    u32 out;
    asm("prmt.b32 %0, %1, %2, %3;" : "=r"(out) : "r"(a), "r"(b), "r"(which));
    return out;
#else
    u64 both = (u64)b << 32 | a;
    u32 out = 0;
    for (u32 i = 0; i < 4; i++)
        out |= (u32)(both >> (8 * (which >> (4 * i) & 7U)) & 255U) << (8 * i);
    return out;
#endif
}

DEVICE u32 multiply_halves(u32 a, u32 b)
{
#if defined(RF_GPU_NVIDIA)
    u32 out;
    asm("mul.rn.f16x2 %0, %1, %2;" : "=r"(out) : "r"(a), "r"(b));
    return out;
#else
    f16x2 v = __builtin_bit_cast(f16x2, a) * __builtin_bit_cast(f16x2, b);
    return __builtin_bit_cast(u32, v);
#endif
}

/* a * b + c where that is a half */
DEVICE u32 multiply_add_halves(u32 a, u32 b, u32 c)
{
#if defined(RF_GPU_NVIDIA)
    u32 out;
    asm("fma.rn.f16x2 %0, %1, %2, %3;" : "=r"(out) : "r"(a), "r"(b), "r"(c));
    return out;
#else
    f16x2 x = __builtin_bit_cast(f16x2, a), y = __builtin_bit_cast(f16x2, b);
    f16x2 z = __builtin_bit_cast(f16x2, c);
    f16x2 v = {(f16)((f32)x.x * (f32)y.x + (f32)z.x), (f16)((f32)x.y * (f32)y.y + (f32)z.y)};
    return __builtin_bit_cast(u32, v);
#endif
}

/* Byte i of a word, below 1024, times 32 or times 2: twice. */
DEVICE u32 byte_times_32(u32 bytes, u32 i)
{
    u32 v = select_bytes(bytes, 0x64U, 0x4040U | i | i << 8); /* 1024 and the byte */
    return multiply_add_halves(v, 0x50005000U, 0xF800F800U);  /* * 32 - 32768 */
}
DEVICE u32 byte_times_2(u32 bytes, u32 i)
{
    u32 v = select_bytes(bytes, 0x64U, 0x4040U | i | i << 8);
    return multiply_add_halves(v, 0x40004000U, 0xE800E800U); /* * 2 - 2048 */
}

/* A word of bytes, from whose even bytes, and odd ones, pairs of halves are made: of neighbours
 * where they are to be in order, otherwise of bytes that are two apart, which takes nothing. */
template <bool ordered> DEVICE u32 word_of_pairs(u32 bytes)
{
    return ordered ? select_bytes(bytes, 0, 0x3120) : bytes;
}

/* Of such a word: the halves that its low nibbles are, and the high ones; these are 16 times as
 * large. */
DEVICE void pairs_of_nibbles(u32 word, u32 *low, u32 *high)
{
    u32 above = word >> 8;
    low[0] = word & 0x000F000FU;
    low[1] = above & 0x000F000FU;
    high[0] = word & 0x00F000F0U;
    high[1] = above & 0x00F000F0U;
}

#if RF_MATRIX != RF_MATRIX_NONE

template <typename W> struct whole {
    static constexpr bool HAS = false, MINS = false;
};

/* ---- one scale ------------------------------------------------------------------------------- */

/* Blocks whose elements are d times a whole number, d a half: products of halves are weights
 * rounded, where they are in a half's range. */
template <typename W> struct scaled {
    static constexpr bool HAS = false;
};
template <> struct scaled<weights_q4_0> {
    static constexpr bool HAS = true;
};
template <> struct scaled<weights_q5_0> {
    static constexpr bool HAS = true;
};
template <> struct scaled<weights_q8_0> {
    static constexpr bool HAS = true;
};
template <> struct scaled<weights_iq4_nl> {
    static constexpr bool HAS = true;
};

/* Whether all of a unit's elements are in range: d is below 256. */
template <typename W> DEVICE bool is_scaled(const typename W::raw &r)
{
    return (r.d & 0x7FFFU) < 0x5C00U;
}
template <typename W> DEVICE u32x4 scaled_part(const typename W::raw &r, u32 i)
{
    constexpr u32 rest = (0xE400U + W::BIAS) * 0x00010001U; /* -(1024 + BIAS), a bit for one */
    u32x2 q = W::bytes(r, i);
    u32 d = r.d * 0x00010001U;
    u32x4 out;
    UNROLL
    for (u32 j = 0; j < 4; j++) {
        u32 v = select_bytes(q[j / 2], 0x64U, j & 1 ? 0x4342U : 0x4140U);
        out[j] = multiply_halves(multiply_add_halves(v, 0x3C003C00U, rest), d);
    }
    return out;
}

/* ---- blocks of 256 --------------------------------------------------------------------------- */

/* Scales and mins of four sub-blocks, a byte each. */
struct whole_k_head {
    f32 d, dmin; /* times what makes up for WHOLE_SCALE and for WHOLE_MIN */
    u32 scales, mins;
};
DEVICE whole_k_head whole_k_head_of(u32x4 head, bool upper)
{
    whole_k_head h;
    h.d = f16_from_bits((u16)head.x) * (1.0F / WHOLE_SCALE);
    h.dmin = f16_from_bits((u16)(head.x >> 16)) * (1.0F / WHOLE_MIN);
    h.scales = scales_of_groups(head, upper);
    h.mins = mins_of_groups(head, upper);
    return h;
}

/* What Q4_K and Q5_K have in common. */
struct whole_k {
    static constexpr bool HAS = true, MINS = true;
    typedef whole_k_head head;
    template <typename R> DEVICE head head_of(const R &r, bool upper)
    {
        return whole_k_head_of(r.head, upper);
    }
    DEVICE u32 min(const head &h, u32 i, u32 run)
    {
        u32 at = 2 * i + run;
        return select_bytes(h.mins, 0, 0x4040U | at | at << 8);
    }
};

template <> struct whole<weights_q4_k> : whole_k {
    template <bool ordered>
    DEVICE void parts(const weights_q4_k::raw &r, const head &h, u32 i, u32 row, direct_a *x)
    {
        u32 low_scale = byte_times_32(h.scales, 2 * i),
            high_scale = byte_times_2(h.scales, 2 * i + 1);
        UNROLL
        for (u32 j = 0; j < 4; j++) {
            u32 low[2], high[2], at = 2 * (j & 1);
            pairs_of_nibbles(word_of_pairs<ordered>(r.qs[j]), low, high);
            UNROLL
            for (u32 p = 0; p < 2; p++) {
                x[j / 2].v[row][0][at + p] = multiply_halves(low[p], low_scale);
                x[2 + j / 2].v[row][0][at + p] = multiply_halves(high[p], high_scale);
            }
        }
    }
};

template <> struct whole<weights_q5_k> : whole_k {
    template <bool ordered>
    DEVICE void parts(const weights_q5_k::raw &r, const head &h, u32 i, u32 row, direct_a *x)
    {
        u32 low_scale = byte_times_32(h.scales, 2 * i);
        u32 high_scale = byte_times_2(h.scales, 2 * i + 1);
        UNROLL
        for (u32 j = 0; j < 4; j++) {
            u32 low[2], high[2], at = 2 * (j & 1);
            pairs_of_nibbles(word_of_pairs<ordered>(r.qs[j]), low, high);
            u32 fifth = word_of_pairs<ordered>(r.qh[j]) >> (2 * r.group);
            low[0] |= fifth << 4 & 0x00100010U;
            low[1] |= fifth >> 4 & 0x00100010U;
            high[0] |= fifth << 7 & 0x01000100U;
            high[1] |= fifth >> 1 & 0x01000100U;
            UNROLL
            for (u32 p = 0; p < 2; p++) {
                x[j / 2].v[row][0][at + p] = multiply_halves(low[p], low_scale);
                x[2 + j / 2].v[row][0][at + p] = multiply_halves(high[p], high_scale);
            }
        }
    }
};

/* Of Q6_K scale * (q - 32) is beyond what halves have all numbers of where it is above 2048: there
 * it is rounded as a weight would be. */
template <> struct whole<weights_q6_k> {
    static constexpr bool HAS = true, MINS = false;
    struct head {
        f32 d;
        u32 scales; /* of both runs, 128 more */
    };
    DEVICE head head_of(const weights_q6_k::raw &r, bool upper)
    {
        (void)upper;
        head h;
        h.d = f16_from_bits((u16)r.d) * 65536.0F;
        h.scales = (r.scales & 0xFFFFU) ^ 0x8080U;
        return h;
    }
    template <bool ordered>
    DEVICE void parts(const weights_q6_k::raw &r, const head &h, u32 i, u32 row, direct_a *x)
    {
        u32 factor[2], rest[2];
        UNROLL
        for (u32 run = 0; run < 2; run++) {
            u32 v = select_bytes(h.scales, 0x64U, 0x4040U | run | run << 8);
            v = multiply_add_halves(v, 0x3C003C00U, 0xE480E480U); /* - 1152 */
            factor[run] = multiply_halves(v, 0x5C005C00U);        /* * 256 */
            rest[run] = multiply_halves(v, 0x90009000U);          /* * -2^-11 */
        }
        UNROLL
        for (u32 j = 0; j < 4; j++) {
            u32 high = word_of_pairs<ordered>(r.high[j]) >> (4 * i);
            UNROLL
            for (u32 run = 0; run < 2; run++) {
                u32 low = word_of_pairs<ordered>(r.low[run][j]) >> (4 * i);
                UNROLL
                for (u32 odd = 0; odd < 2; odd++) {
                    u32 at = 2 * run + 8 * odd;
                    u32 top = at < 4 ? high << (4 - at) : high >> (at - 4);
                    u32 v = (low >> (8 * odd) & 0x000F000FU) | (top & 0x00300030U);
                    x[2 * run + j / 2].v[row][0][2 * (j & 1) + odd] =
                        multiply_add_halves(v, factor[run], rest[run]);
                }
            }
        }
    }
};

#endif
#endif
