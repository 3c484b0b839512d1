/* quants_k.h: part of quants.h: the K blocks, 256 elements in sub-blocks with integer scales. Part
 * i of a unit is in run i / 2 of two of 16 elements, which lie 32 apart. */
#ifndef RF_KERNELS_GPU_QUANTS_K_H
#define RF_KERNELS_GPU_QUANTS_K_H

template <typename W> DEVICE const u8 *block_of_group(const u8 *row, u32 group)
{
    return row + (u64)(group / 4) * W::BYTES;
}

/* ---- Q2_K, Q3_K: two bits, of four elements 32 apart in a byte ---------------------------------
 */

/* Where the 16 bytes of a unit are in qs, and how far its bits are shifted in run 0. */
DEVICE u32 two_bits_at(u32 group, u32 half)
{
    return 32 * (group % 4 / 2) + 16 * half;
}
DEVICE u32 two_bits_shift(u32 group)
{
    return 4 * (group % 2);
}

struct weights_q2_k {
    static constexpr u32 BLOCK = 256, BYTES = 84;
    static constexpr u32 MOST = 3, BIAS = 0;
    static constexpr bool SPLIT = true, MINS = true;
    struct raw {
        u32 qs[4];
        u32 dm;
        u32 scales; /* of run 0 in byte 0, of run 1 in byte 1; above: the shift */
    };
    DEVICE void load(raw &r, const u8 *row, u32 group, u32 half)
    {
        const u8 *block = block_of_group<weights_q2_k>(row, group);
        u32 sub = 4 * (group % 4) + half;
        UNROLL
        for (u32 i = 0; i < 4; i++)
            r.qs[i] = load_u32(block + FIELD(q2_k, qs) + two_bits_at(group, half) + 4 * i);
        r.dm = load_u32(block + FIELD(q2_k, d));
        const u8 *scales = block + FIELD(q2_k, scales) + sub;
        r.scales = (u32)scales[0] | (u32)scales[2] << 8 | two_bits_shift(group) << 16;
    }
    DEVICE u32x2 bytes(const raw &r, u32 i)
    {
        u32 at = 2 * (i & 1), shift = (r.scales >> 16) + 2 * (i >> 1);
        return (u32x2){r.qs[at] >> shift & 0x03030303U, r.qs[at + 1] >> shift & 0x03030303U};
    }
    DEVICE f32 scale(const raw &r, u32 run)
    {
        return f16_from_bits((u16)r.dm) * (f32)(r.scales >> (8 * run) & 15U);
    }
    DEVICE f32 min(const raw &r, u32 run)
    {
        return f16_from_bits((u16)(r.dm >> 16)) * (f32)(r.scales >> (8 * run + 4) & 15U);
    }
};

struct weights_q3_k {
    static constexpr u32 BLOCK = 256, BYTES = 110;
    static constexpr u32 MOST = 7, BIAS = 4;
    static constexpr bool SPLIT = true, MINS = false;
    struct raw {
        u32 qs[4];
        u32 high[4];
        u32 d;
        u32 scales; /* 6 bits of run 0 in byte 0, of run 1 in byte 1; above: the group in its block
                     */
    };
    /* As rf_q3_k_scale, for sub-block 4 * group + inside, of group 0 to 3. */
    DEVICE u32 scale_of(const u8 *scales, u32 group, u32 inside)
    {
        u32 low = (u32)scales[4 * (group % 2) + inside] >> (4 * (group / 2)) & 15U;
        u32 high = (u32)scales[8 + inside] >> (2 * group) & 3U;
        return low | high << 4;
    }
    DEVICE void load(raw &r, const u8 *row, u32 group, u32 half)
    {
        const u8 *block = block_of_group<weights_q3_k>(row, group);
        const u8 *scales = block + FIELD(q3_k, scales);
        u32 inside = group % 4;
        load_words_from_u16<4>(r.qs, block + FIELD(q3_k, qs) + two_bits_at(group, half));
        load_words_from_u16<4>(r.high, block + FIELD(q3_k, hmask) + 16 * half);
        r.d = load_u16(block + FIELD(q3_k, d));
        r.scales =
            scale_of(scales, inside, half) | scale_of(scales, inside, 2 + half) << 8 | inside << 16;
    }
    DEVICE u32x2 bytes(const raw &r, u32 i)
    {
        u32 at = 2 * (i & 1), run = i >> 1, group = r.scales >> 16;
        u32 shift = two_bits_shift(group) + 2 * run, high = 2 * group + run;
        u32x2 q;
        UNROLL
        for (u32 j = 0; j < 2; j++)
            q[j] = (r.qs[at + j] >> shift & 0x03030303U) | (r.high[at + j] >> high & 0x01010101U)
                                                               << 2;
        return q;
    }
    DEVICE f32 scale(const raw &r, u32 run)
    {
        return f16_from_bits((u16)r.d) * (f32)((i32)(r.scales >> (8 * run) & 63U) - 32);
    }
};

/* ---- Q4_K, Q5_K: 32 bytes hold 64 elements --------------------------------------------------- */

/* The scales, or the mins, of the four sub-blocks of groups 0 and 1, or of 2 and 3, a byte each: as
 * rf_q4_k_scale. head: d and dmin, and the twelve bytes of scales */
DEVICE u32 scales_of_groups(u32x4 head, bool upper)
{
    u32 low = upper ? head.w : head.y, high = head.y >> (upper ? 2 : 0);
    return (low & 0x0F0F0F0FU) | (high & 0x30303030U);
}
DEVICE u32 mins_of_groups(u32x4 head, bool upper)
{
    u32 low = upper ? head.w >> 4 : head.z, high = head.z >> (upper ? 2 : 0);
    return (low & 0x0F0F0F0FU) | (high & 0x30303030U);
}

/* d times the byte of run `run` of a group; exact. */
DEVICE f32 scaled_byte(f32 d, u32 bytes, u32 group, u32 run)
{
    u32 i = 2 * (group & 1) + run;
    return fused(d, based_byte(bytes, i), -BYTE_BASE * d);
}
DEVICE f32 k_scale(u32x4 head, u32 group, u32 run)
{
    return scaled_byte(f16_from_bits((u16)head.x), scales_of_groups(head, group >= 2), group, run);
}
DEVICE f32 k_min(u32x4 head, u32 group, u32 run)
{
    return scaled_byte(f16_from_bits((u16)(head.x >> 16)), mins_of_groups(head, group >= 2), group,
                       run);
}

struct weights_q4_k {
    static constexpr u32 BLOCK = 256, BYTES = 144;
    static constexpr u32 MOST = 15, BIAS = 0;
    static constexpr bool SPLIT = true, MINS = true;
    struct raw {
        u32x4 head; /* d, dmin, scales */
        u32x4 qs;
        u32 group;
    };
    DEVICE void load(raw &r, const u8 *row, u32 group, u32 half)
    {
        const u8 *block = block_of_group<weights_q4_k>(row, group);
        r.group = group % 4;
        r.head = load_u32x4(block);
        r.qs = load_u32x4(block + FIELD(q4_k, qs) + 32 * r.group + 16 * half);
    }
    DEVICE u32x2 bytes(const raw &r, u32 i)
    {
        u32 at = 2 * (i & 1), run = i >> 1;
        return (u32x2){r.qs[at] >> (4 * run) & 0x0F0F0F0FU,
                       r.qs[at + 1] >> (4 * run) & 0x0F0F0F0FU};
    }
    DEVICE f32 scale(const raw &r, u32 run)
    {
        return k_scale(r.head, r.group, run);
    }
    DEVICE f32 min(const raw &r, u32 run)
    {
        return k_min(r.head, r.group, run);
    }
};

struct weights_q5_k {
    static constexpr u32 BLOCK = 256, BYTES = 176;
    static constexpr u32 MOST = 31, BIAS = 0;
    static constexpr bool SPLIT = true, MINS = true;
    struct raw {
        u32x4 head;
        u32x4 qs;
        u32x4 qh;
        u32 group;
    };
    DEVICE void load(raw &r, const u8 *row, u32 group, u32 half)
    {
        const u8 *block = block_of_group<weights_q5_k>(row, group);
        r.group = group % 4;
        r.head = load_u32x4(block);
        r.qs = load_u32x4(block + FIELD(q5_k, qs) + 32 * r.group + 16 * half);
        r.qh = load_u32x4(block + FIELD(q5_k, qh) + 16 * half);
    }
    DEVICE u32x2 bytes(const raw &r, u32 i)
    {
        u32 at = 2 * (i & 1), run = i >> 1, bit = 2 * r.group + run;
        u32x2 q;
        UNROLL
        for (u32 j = 0; j < 2; j++)
            q[j] = (r.qs[at + j] >> (4 * run) & 0x0F0F0F0FU) | (r.qh[at + j] >> bit & 0x01010101U)
                                                                   << 4;
        return q;
    }
    DEVICE f32 scale(const raw &r, u32 run)
    {
        return k_scale(r.head, r.group, run);
    }
    DEVICE f32 min(const raw &r, u32 run)
    {
        return k_min(r.head, r.group, run);
    }
};

/* ---- Q6_K ------------------------------------------------------------------------------------ */

struct weights_q6_k {
    static constexpr u32 BLOCK = 256, BYTES = 210;
    static constexpr u32 MOST = 63, BIAS = 32;
    static constexpr bool SPLIT = true, MINS = false;
    struct raw {
        u32 low[2][4]; /* of each run */
        u32 high[4];
        u32 d;
        u32 scales; /* of run 0 in byte 0, of run 1 in byte 1; above: 0 or 4, how far bits are
                       shifted */
    };
    DEVICE void load(raw &r, const u8 *row, u32 group, u32 half)
    {
        const u8 *block = block_of_group<weights_q6_k>(row, group);
        u32 upper = group % 4 / 2; /* the half block */
        const u8 *ql = block + FIELD(q6_k, ql) + 64 * upper + 16 * half;
        load_words_from_u16<4>(r.low[0], ql);
        load_words_from_u16<4>(r.low[1], ql + 32);
        load_words_from_u16<4>(r.high, block + FIELD(q6_k, qh) + 32 * upper + 16 * half);
        const u8 *scales = block + FIELD(q6_k, scales) + 4 * (group % 4) + half;
        r.d = load_u16(block + FIELD(q6_k, d));
        r.scales = (u32)scales[0] | (u32)scales[2] << 8 | 4 * (group % 2) << 16;
    }
    DEVICE u32x2 bytes(const raw &r, u32 i)
    {
        u32 at = 2 * (i & 1), run = i >> 1;
        u32 shift = r.scales >> 16, high = shift + 2 * run;
        u32x2 q;
        UNROLL
        for (u32 j = 0; j < 2; j++)
            q[j] = (r.low[run][at + j] >> shift & 0x0F0F0F0FU) |
                   (r.high[at + j] >> high & 0x03030303U) << 4;
        return q;
    }
    DEVICE f32 scale(const raw &r, u32 run)
    {
        return f16_from_bits((u16)r.d) * (f32)(i8)(r.scales >> (8 * run) & 255U);
    }
};

#endif
