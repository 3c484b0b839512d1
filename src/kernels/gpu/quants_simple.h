/* quants_simple.h: part of quants.h: floats, and blocks of 32 elements with one scale; and IQ4_XS,
 * whose sub-blocks are such. */
#ifndef RF_KERNELS_GPU_QUANTS_SIMPLE_H
#define RF_KERNELS_GPU_QUANTS_SIMPLE_H

/* ---- floats ---------------------------------------------------------------------------------- */

DEVICE f32x8 eight_of_two(u32x4 a, u32x4 b)
{
    u32x8 v = {a.x, a.y, a.z, a.w, b.x, b.y, b.z, b.w};
    return __builtin_bit_cast(f32x8, v);
}

struct weights_f32 {
    static constexpr u32 BLOCK = 1, BYTES = 4;
    static constexpr bool SPLIT = false;
    struct raw {
        u32x4 v[8];
    };
    DEVICE void load(raw &r, const u8 *row, u32 group, u32 half)
    {
        UNROLL
        for (u32 i = 0; i < 8; i++)
            r.v[i] = load_u32x4(row + 256 * (u64)group + 128 * half + 16 * i);
    }
    DEVICE f32 element(const u8 *row, u32 i)
    {
        return ((const f32 *)row)[i];
    }
    DEVICE void load_some(raw &r, const u8 *row, u32 first, u32 k)
    {
        UNROLL
        for (u32 i = 0; i < 32; i++)
            r.v[i / 4][i % 4] = first + i < k ? ((const u32 *)row)[first + i] : 0U;
    }
    DEVICE f32x8 part(const raw &r, u32 i)
    {
        return eight_of_two(r.v[2 * i], r.v[2 * i + 1]);
    }
};

/* Two kinds of 16 bits. */
struct weights_16_bits {
    static constexpr u32 BLOCK = 1, BYTES = 2;
    static constexpr bool SPLIT = false;
    struct raw {
        u32x4 v[4];
    };
    DEVICE void load(raw &r, const u8 *row, u32 group, u32 half)
    {
        UNROLL
        for (u32 i = 0; i < 4; i++)
            r.v[i] = load_u32x4(row + 128 * (u64)group + 64 * half + 16 * i);
    }
    DEVICE void load_some(raw &r, const u8 *row, u32 first, u32 k)
    {
        const u16 *p = (const u16 *)row;
        UNROLL
        for (u32 i = 0; i < 16; i++) {
            u32 at = first + 2 * i;
            u32 low = at < k ? p[at] : 0U, high = at + 1 < k ? p[at + 1] : 0U;
            r.v[i / 4][i % 4] = low | high << 16;
        }
    }
};

struct weights_f16 : weights_16_bits {
    DEVICE f32 element(const u8 *row, u32 i)
    {
        return f16_from_bits(((const u16 *)row)[i]);
    }
    DEVICE f32x8 part(const raw &r, u32 i)
    {
        f16x8 v = __builtin_bit_cast(f16x8, r.v[i]);
        return __builtin_convertvector(v, f32x8);
    }
};

struct weights_bf16 : weights_16_bits {
    DEVICE f32 element(const u8 *row, u32 i)
    {
        return bf16_from_bits(((const u16 *)row)[i]);
    }
    DEVICE f32x8 part(const raw &r, u32 i)
    {
        f32x8 out;
        UNROLL
        for (u32 j = 0; j < 4; j++) {
            out[2 * j] = f32_from_bits(r.v[i][j] << 16);
            out[2 * j + 1] = f32_from_bits(r.v[i][j] & 0xFFFF0000U);
        }
        return out;
    }
};

/* ---- blocks of 32 ---------------------------------------------------------------------------- */

/* The first byte of the block that is a unit. */
template <typename W> DEVICE const u8 *block_of_unit(const u8 *row, u32 group, u32 half)
{
    return row + (u64)(2 * group + half) * W::BYTES;
}

/* The eight nibbles of part i, a byte each. qs: 16 bytes of a block */
DEVICE u32x2 nibbles_of(const u32 *qs, u32 i)
{
    u32 shift = i >= 2 ? 4 : 0, at = 2 * (i & 1);
    return (u32x2){qs[at] >> shift & 0x0F0F0F0FU, qs[at + 1] >> shift & 0x0F0F0F0FU};
}

/* The same with the fifth bits. */
DEVICE u32x2 five_bits_of(const u32 *qs, u32 qh, u32 i)
{
    u32x2 q = nibbles_of(qs, i);
    q.x |= spread_bits(qh >> (8 * i)) << 4;
    q.y |= spread_bits(qh >> (8 * i + 4)) << 4;
    return q;
}

struct weights_q4_0 {
    static constexpr u32 BLOCK = 32, BYTES = 18;
    static constexpr u32 MOST = 15, BIAS = 8;
    static constexpr bool SPLIT = false, MINS = false;
    struct raw {
        u32 qs[4];
        u32 d;
    };
    DEVICE void load(raw &r, const u8 *row, u32 group, u32 half)
    {
        const u8 *block = block_of_unit<weights_q4_0>(row, group, half);
        r.d = load_u16(block + FIELD(q4_0, d));
        load_words_from_u16<4>(r.qs, block + FIELD(q4_0, qs));
    }
    DEVICE u32x2 bytes(const raw &r, u32 i)
    {
        return nibbles_of(r.qs, i);
    }
    DEVICE f32 scale(const raw &r, u32 run)
    {
        (void)run;
        return f16_from_bits((u16)r.d);
    }
};

struct weights_q4_1 {
    static constexpr u32 BLOCK = 32, BYTES = 20;
    static constexpr u32 MOST = 15, BIAS = 0;
    static constexpr bool SPLIT = false, MINS = true;
    struct raw {
        u32 qs[4];
        u32 dm;
    };
    DEVICE void load(raw &r, const u8 *row, u32 group, u32 half)
    {
        const u8 *block = block_of_unit<weights_q4_1>(row, group, half);
        r.dm = load_u32(block + FIELD(q4_1, d));
        UNROLL
        for (u32 i = 0; i < 4; i++)
            r.qs[i] = load_u32(block + FIELD(q4_1, qs) + 4 * i);
    }
    DEVICE u32x2 bytes(const raw &r, u32 i)
    {
        return nibbles_of(r.qs, i);
    }
    DEVICE f32 scale(const raw &r, u32 run)
    {
        (void)run;
        return f16_from_bits((u16)r.dm);
    }
    DEVICE f32 min(const raw &r, u32 run)
    {
        (void)run;
        return -f16_from_bits((u16)(r.dm >> 16));
    }
};

struct weights_q5_0 {
    static constexpr u32 BLOCK = 32, BYTES = 22;
    static constexpr u32 MOST = 31, BIAS = 16;
    static constexpr bool SPLIT = false, MINS = false;
    struct raw {
        u32 q[5]; /* qh, qs */
        u32 d;
    };
    DEVICE void load(raw &r, const u8 *row, u32 group, u32 half)
    {
        const u8 *block = block_of_unit<weights_q5_0>(row, group, half);
        r.d = load_u16(block + FIELD(q5_0, d));
        load_words_from_u16<5>(r.q, block + FIELD(q5_0, qh));
    }
    DEVICE u32x2 bytes(const raw &r, u32 i)
    {
        return five_bits_of(r.q + 1, r.q[0], i);
    }
    DEVICE f32 scale(const raw &r, u32 run)
    {
        (void)run;
        return f16_from_bits((u16)r.d);
    }
};

struct weights_q5_1 {
    static constexpr u32 BLOCK = 32, BYTES = 24;
    static constexpr u32 MOST = 31, BIAS = 0;
    static constexpr bool SPLIT = false, MINS = true;
    struct raw {
        u32x2 v[3]; /* d and m, qh; qs */
    };
    DEVICE void load(raw &r, const u8 *row, u32 group, u32 half)
    {
        const u8 *block = block_of_unit<weights_q5_1>(row, group, half);
        UNROLL
        for (u32 i = 0; i < 3; i++)
            r.v[i] = *(const u32x2 *)(block + 8 * i);
    }
    DEVICE u32x2 bytes(const raw &r, u32 i)
    {
        u32 qs[4] = {r.v[1].x, r.v[1].y, r.v[2].x, r.v[2].y};
        return five_bits_of(qs, r.v[0].y, i);
    }
    DEVICE f32 scale(const raw &r, u32 run)
    {
        (void)run;
        return f16_from_bits((u16)r.v[0].x);
    }
    DEVICE f32 min(const raw &r, u32 run)
    {
        (void)run;
        return -f16_from_bits((u16)(r.v[0].x >> 16));
    }
};

struct weights_q8_0 {
    static constexpr u32 BLOCK = 32, BYTES = 34;
    static constexpr u32 MOST = 255, BIAS = 128;
    static constexpr bool SPLIT = false, MINS = false;
    struct raw {
        u32 qs[8];
        u32 d;
    };
    DEVICE void load(raw &r, const u8 *row, u32 group, u32 half)
    {
        const u8 *block = block_of_unit<weights_q8_0>(row, group, half);
        r.d = load_u16(block + FIELD(q8_0, d));
        load_words_from_u16<8>(r.qs, block + FIELD(q8_0, qs));
    }
    DEVICE u32x2 bytes(const raw &r, u32 i)
    {
        const u32 sign = 0x80808080U; /* flipped, a byte is 128 more */
        return (u32x2){r.qs[2 * i] ^ sign, r.qs[2 * i + 1] ^ sign};
    }
    DEVICE f32 scale(const raw &r, u32 run)
    {
        (void)run;
        return f16_from_bits((u16)r.d);
    }
};

/* ---- codebooks ------------------------------------------------------------------------------- */

/* Part i of 16 bytes of nibbles, looked up. */
DEVICE u32x2 look_up_part(const byte_table &t, const u32 *qs, u32 i)
{
    u32 at = 2 * (i & 1);
    bool high = i >= 2;
    return (u32x2){look_up(t, qs[at], high), look_up(t, qs[at + 1], high)};
}

#define IQ4_BIAS   128
#define MXFP4_BIAS 12
#define BIASED(bias, a, b, c, d)                                                                   \
    ((u32)(a + bias) | (u32)(b + bias) << 8 | (u32)(c + bias) << 16 | (u32)(d + bias) << 24)

/* rf_iq4_nl_values */
DEVICE byte_table iq4_table(void)
{
    return (byte_table){{BIASED(IQ4_BIAS, -127, -104, -83, -65),
                         BIASED(IQ4_BIAS, -49, -35, -22, -10), BIASED(IQ4_BIAS, 1, 13, 25, 38),
                         BIASED(IQ4_BIAS, 53, 69, 89, 113)}};
}
/* rf_mxfp4_values */
DEVICE byte_table mxfp4_table(void)
{
    return (byte_table){{BIASED(MXFP4_BIAS, 0, 1, 2, 3), BIASED(MXFP4_BIAS, 4, 6, 8, 12),
                         BIASED(MXFP4_BIAS, 0, -1, -2, -3), BIASED(MXFP4_BIAS, -4, -6, -8, -12)}};
}

struct weights_iq4_nl {
    static constexpr u32 BLOCK = 32, BYTES = 18;
    static constexpr u32 MOST = 255, BIAS = IQ4_BIAS;
    static constexpr bool SPLIT = false, MINS = false;
    typedef weights_q4_0::raw raw; /* laid out as Q4_0 */
    DEVICE void load(raw &r, const u8 *row, u32 group, u32 half)
    {
        weights_q4_0::load(r, row, group, half);
    }
    DEVICE u32x2 bytes(const raw &r, u32 i)
    {
        return look_up_part(iq4_table(), r.qs, i);
    }
    DEVICE f32 scale(const raw &r, u32 run)
    {
        (void)run;
        return f16_from_bits((u16)r.d);
    }
};

struct weights_iq4_xs {
    static constexpr u32 BLOCK = 256, BYTES = 136;
    static constexpr u32 MOST = 255, BIAS = IQ4_BIAS;
    static constexpr bool SPLIT = false, MINS = false;
    struct raw {
        u32x2 head; /* d, scales_h; scales_l */
        u32x2 qs[2];
        u32 sub; /* which sub-block of 32 */
    };
    DEVICE void load(raw &r, const u8 *row, u32 group, u32 half)
    {
        const u8 *block = row + (u64)(group / 4) * BYTES;
        r.sub = 2 * (group % 4) + half;
        r.head = *(const u32x2 *)block;
        r.qs[0] = *(const u32x2 *)(block + FIELD(iq4_xs, qs) + 16 * r.sub);
        r.qs[1] = *(const u32x2 *)(block + FIELD(iq4_xs, qs) + 16 * r.sub + 8);
    }
    DEVICE u32x2 bytes(const raw &r, u32 i)
    {
        u32 qs[4] = {r.qs[0].x, r.qs[0].y, r.qs[1].x, r.qs[1].y};
        return look_up_part(iq4_table(), qs, i);
    }
    DEVICE f32 scale(const raw &r, u32 run)
    {
        (void)run;
        u32 low = r.head.y >> (4 * r.sub) & 15U;
        u32 high = r.head.x >> (16 + 2 * r.sub) & 3U;
        return f16_from_bits((u16)r.head.x) * (f32)((i32)(low | high << 4) - 32);
    }
};

struct weights_mxfp4 {
    static constexpr u32 BLOCK = 32, BYTES = 17;
    static constexpr u32 MOST = 24, BIAS = MXFP4_BIAS;
    static constexpr bool SPLIT = false, MINS = false;
    struct raw {
        u32 qs[4];
        u32 e;
    };
    /* Three words of four from the aligned words that hold them, the last byte by byte, so that
     * nothing is read behind the block. */
    DEVICE void load(raw &r, const u8 *row, u32 group, u32 half)
    {
        const u8 *block = block_of_unit<weights_mxfp4>(row, group, half);
        const u8 *qs = block + FIELD(mxfp4, qs);
        u32 odd = (u32)(u64)qs & 3;
        u32 word[4];
        UNROLL
        for (u32 i = 0; i < 4; i++)
            word[i] = load_u32(qs - odd + 4 * i);
        r.e = block[FIELD(mxfp4, e)];
        UNROLL
        for (u32 i = 0; i < 3; i++)
            r.qs[i] = funnel(word[i], word[i + 1], 8 * odd);
        r.qs[3] = load_u32_from_u8(qs + 12);
    }
    DEVICE u32x2 bytes(const raw &r, u32 i)
    {
        return look_up_part(mxfp4_table(), r.qs, i);
    }
    DEVICE f32 scale(const raw &r, u32 run)
    {
        (void)run;
        return f32_from_bits(r.e < 2 ? 0x00200000U << r.e : (r.e - 1) << 23);
    }
};

#endif
