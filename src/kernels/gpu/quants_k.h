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
    static constexpr bool SPLIT = true;
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
    DEVICE f32x8 part(const raw &r, u32 i)
    {
        u32 at = 2 * (i & 1), run = i >> 1;
        u32 shift = (r.scales >> 16) + 2 * run;
        f32 scale = f16_from_bits((u16)r.dm) * (f32)(r.scales >> (8 * run) & 15U);
        f32 min = f16_from_bits((u16)(r.dm >> 16)) * (f32)(r.scales >> (8 * run + 4) & 15U);
        return widen(r.qs[at] >> shift & 0x03030303U, r.qs[at + 1] >> shift & 0x03030303U, 0.0F) *
                   scale -
               min;
    }
};

struct weights_q3_k {
    static constexpr u32 BLOCK = 256, BYTES = 110;
    static constexpr bool SPLIT = true;
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
    DEVICE f32x8 part(const raw &r, u32 i)
    {
        u32 at = 2 * (i & 1), run = i >> 1, group = r.scales >> 16;
        u32 shift = two_bits_shift(group) + 2 * run, high = 2 * group + run;
        u32 q[2];
        UNROLL
        for (u32 j = 0; j < 2; j++)
            q[j] = (r.qs[at + j] >> shift & 0x03030303U) | (r.high[at + j] >> high & 0x01010101U)
                                                               << 2;
        f32 scale = f16_from_bits((u16)r.d) * (f32)((i32)(r.scales >> (8 * run) & 63U) - 32);
        return widen(q[0], q[1], 4.0F) * scale;
    }
};

/* ---- Q4_K, Q5_K: 32 bytes hold 64 elements --------------------------------------------------- */

/* d and dmin, and the twelve bytes of scales. */
typedef struct k_scales {
    f32 scale[2], min[2]; /* of the two sub-blocks of a group */
} k_scales;

/* As rf_q4_k_scale, for both sub-blocks of a group 0 to 3. */
DEVICE k_scales scales_of_group(u32x4 head, u32 group)
{
    u32 shift = 16 * (group & 1);
    u32 a = head.y >> shift, b = head.z >> shift, c = head.w >> shift;
    bool low = group < 2;
    u32 scales = low ? a & 0x3F3FU : (c & 0x0F0FU) | (a >> 2 & 0x3030U);
    u32 mins = low ? b & 0x3F3FU : (c >> 4 & 0x0F0FU) | (b >> 2 & 0x3030U);
    f32 d = f16_from_bits((u16)head.x), dmin = f16_from_bits((u16)(head.x >> 16));
    return (k_scales){{d * (f32)(scales & 255U), d * (f32)(scales >> 8 & 255U)},
                      {dmin * (f32)(mins & 255U), dmin * (f32)(mins >> 8 & 255U)}};
}

struct weights_q4_k {
    static constexpr u32 BLOCK = 256, BYTES = 144;
    static constexpr bool SPLIT = true;
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
    DEVICE f32x8 part(const raw &r, u32 i)
    {
        k_scales s = scales_of_group(r.head, r.group);
        u32 at = 2 * (i & 1), run = i >> 1;
        u32 low = r.qs[at] >> (4 * run) & 0x0F0F0F0FU;
        u32 high = r.qs[at + 1] >> (4 * run) & 0x0F0F0F0FU;
        return widen(low, high, 0.0F) * s.scale[run] - s.min[run];
    }
};

struct weights_q5_k {
    static constexpr u32 BLOCK = 256, BYTES = 176;
    static constexpr bool SPLIT = true;
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
    DEVICE f32x8 part(const raw &r, u32 i)
    {
        k_scales s = scales_of_group(r.head, r.group);
        u32 at = 2 * (i & 1), run = i >> 1, bit = 2 * r.group + run;
        u32 q[2];
        UNROLL
        for (u32 j = 0; j < 2; j++)
            q[j] = (r.qs[at + j] >> (4 * run) & 0x0F0F0F0FU) | (r.qh[at + j] >> bit & 0x01010101U)
                                                                   << 4;
        return widen(q[0], q[1], 0.0F) * s.scale[run] - s.min[run];
    }
};

/* ---- Q6_K ------------------------------------------------------------------------------------ */

struct weights_q6_k {
    static constexpr u32 BLOCK = 256, BYTES = 210;
    static constexpr bool SPLIT = true;
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
    DEVICE f32x8 part(const raw &r, u32 i)
    {
        u32 at = 2 * (i & 1), run = i >> 1;
        u32 shift = r.scales >> 16, high = shift + 2 * run;
        u32 q[2];
        UNROLL
        for (u32 j = 0; j < 2; j++)
            q[j] = (r.low[run][at + j] >> shift & 0x0F0F0F0FU) |
                   (r.high[at + j] >> high & 0x03030303U) << 4;
        f32 scale = f16_from_bits((u16)r.d) * (f32)(i8)(r.scales >> (8 * run) & 255U);
        return widen(q[0], q[1], 32.0F) * scale;
    }
};

#endif
