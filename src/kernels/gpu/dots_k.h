/* dots_k.h: the part of dots.h for blocks of 256 elements with sub-blocks. */
#ifndef RF_KERNELS_GPU_DOTS_K_H
#define RF_KERNELS_GPU_DOTS_K_H

/* clang-format off */
/*    type  block bytes stride whole scaled mins offset */
SHAPE(q2_k, 256,  84,   2,     0,    1,     1,   0)
SHAPE(q3_k, 256,  110,  2,     0,    1,     0,   -4)
SHAPE(q4_k, 256,  144,  2,     0,    1,     1,   0)
SHAPE(q5_k, 256,  176,  2,     0,    1,     1,   0)
SHAPE(q6_k, 256,  210,  4,     0,    1,     0,   -32)
/* clang-format on */

/* ---- Q4_K and Q5_K: part 2c + h has bytes 16h to 16h + 15 of the 32 of sub-blocks 2c and 2c + 1 -
 */

DEVICE u32 chunk_q4_k(u32 index)
{
    return index / 8 * 16 + index % 8 / 2 * 4 + index % 2;
}
DEVICE u32 chunk_q5_k(u32 index)
{
    return chunk_q4_k(index);
}

/* Scales and mins of sub-blocks 2c and 2c + 1 (rf_q4_k_scale), two at a time, of the first 16 bytes
 * of a block. Both are some low bits, and for the second half of the sub-blocks upper bits
 * elsewhere. What depends on c alone is the same for all blocks of a lane. */
DEVICE void scales_q4_k(u32x4 head, u32 c, piece *p)
{
    const bool first = c < 2;
    const u32 shift = 16 * (c % 2);
    const u32 low = first ? 0x3F3FU : 0x0F0FU, high = first ? 0 : 0x3030U;
    u32 a = head.y >> shift, b = head.z >> shift, e = head.w >> shift;
    u32 scales = ((first ? a : e) & low) | (a >> 2 & high);
    u32 mins = ((first ? b : e >> 4) & low) | (b >> 2 & high);
    p->scale[0] = (i32)(scales & 255U);
    p->scale[1] = (i32)(scales >> 8);
    p->min[0] = (i32)(mins & 255U);
    p->min[1] = (i32)(mins >> 8);
    p->d = low_f16(head.x);
    p->m = -high_f16(head.x);
}

typedef struct raw_q4_k {
    u32x4 head; /* d, dmin, scales and mins */
    u32x4 quants;
} raw_q4_k;

DEVICE void load_q4_k(const u8 *block, u32 part, raw_q4_k *r)
{
    r->head = load_once((const u32x4 *)block);
    r->quants = load_once((const u32x4 *)(block + 16 + 16 * part));
}

DEVICE void unpack_q4_k(const raw_q4_k *r, u32 part, piece *p)
{
    const u32 w[4] = {r->quants.x, r->quants.y, r->quants.z, r->quants.w};
    UNROLL
    for (u32 i = 0; i < 4; i++) {
        p->q[i] = w[i] & NIBBLES;
        p->q[4 + i] = MIXED_DOTS ? w[i] & ~NIBBLES : w[i] >> 4 & NIBBLES;
    }
    scales_q4_k(r->head, part / 2, p);
}

DEVICE void unpack_q5_k(const u8 *memory, u32 at, u32 part, piece *p)
{
    const u32 c = part / 2;
    u32 w[4], fifths[4];
    words_of_16(memory, at + 16 + 16 * (part % 2), fifths);
    words_of_16(memory, at + 48 + 16 * part, w);
    split_nibbles(w, p->q);
    UNROLL
    for (u32 i = 0; i < 4; i++) {
        u32 bits = fifths[i] >> (2 * c);
        p->q[i] |= bits << 4 & 0x10101010U;
        p->q[4 + i] |= bits << 3 & 0x10101010U;
    }
    scales_q4_k(shared_16(memory + at), c, p);
}

/* ---- Q6_K: part 4n + g has bytes 16g to 16g + 15 of the 64 of half n: sub-blocks g and g + 4 ---
 */

DEVICE u32 chunk_q6_k(u32 index)
{
    return index / 4 * 8 + index % 4;
}

DEVICE void unpack_q6_k(const u8 *memory, u32 at, u32 part, piece *p)
{
    u32 n = part / 4, g = part % 4;
    u32 w[4], upper[4];
    words_anywhere<4>(memory, at + 16 * part, w);
    words_anywhere<4>(memory, at + 128 + 32 * n + 16 * (g % 2), upper);
    const i8 *scales = (const i8 *)memory + at + 192 + 8 * n + g;
    p->scale[0] = scales[0];
    p->scale[1] = scales[4];
    p->d = f16_at(memory, at + 208);
    split_nibbles(w, p->q);
    UNROLL
    for (u32 i = 0; i < 4; i++) {
        u32 bits =
            upper[i] >> (2 * (g / 2)); /* of the low halves at bit 0, of the high ones at bit 4 */
        p->q[i] |= bits << 4 & 0x30303030U;
        p->q[4 + i] |= bits & 0x30303030U;
    }
}

/* ---- Q2_K and Q3_K: part 2n + h has bytes 16h to 16h + 15 of the 32 of half n: sub-blocks 2s + h
 * - */

DEVICE u32 chunk_q2_k(u32 index)
{
    return index / 2 * 8 + index % 2;
}
DEVICE u32 chunk_q3_k(u32 index)
{
    return chunk_q2_k(index);
}

DEVICE void split_pairs(const u32 w[4], u32 *q)
{
    UNROLL
    for (u32 s = 0; s < 4; s++) {
        UNROLL
        for (u32 i = 0; i < 4; i++)
            q[4 * s + i] = w[i] >> (2 * s) & 0x03030303U;
    }
}

DEVICE void unpack_q2_k(const u8 *memory, u32 at, u32 part, piece *p)
{
    u32 n = part / 2, h = part % 2;
    u32 w[4], scales[2], factors[1];
    words_of_4<4>(memory, at + 16 + 16 * part, w);
    words_of_4<2>(memory, at + 8 * n, scales);
    words_of_4<1>(memory, at + 80, factors);
    split_pairs(w, p->q);
    UNROLL
    for (u32 s = 0; s < 4; s++) {
        u32 both = scales[s / 2] >> (16 * (s % 2) + 8 * h);
        p->scale[s] = (i32)(both & 15U);
        p->min[s] = (i32)(both >> 4 & 15U);
    }
    p->d = low_f16(factors[0]);
    p->m = -high_f16(factors[0]);
}

/* Scales: rf_q3_k_scale, of sub-block 8n + 2s + h. */
DEVICE void unpack_q3_k(const u8 *memory, u32 at, u32 part, piece *p)
{
    u32 n = part / 2, h = part % 2;
    u32 thirds[4], w[4], scales[3];
    words_anywhere<4>(memory, at + 16 * h, thirds);
    words_anywhere<4>(memory, at + 32 + 16 * part, w);
    words_anywhere<3>(memory, at + 96, scales);
    split_pairs(w, p->q);
    UNROLL
    for (u32 i = 0; i < 4; i++) {
        u32 bits = thirds[i] >> (4 * n);
        UNROLL
        for (u32 s = 0; s < 4; s++)
            p->q[4 * s + i] |= (bits >> s & 0x01010101U) << 2;
    }
    UNROLL
    for (u32 s = 0; s < 4; s++) {
        u32 byte = 16 * (s % 2) + 8 * h;
        u32 low = scales[s / 2] >> byte >> (4 * n) & 15U;
        u32 high = scales[2] >> byte >> (4 * n + 2 * (s / 2)) & 3U;
        p->scale[s] = (i32)(low | high << 4) - 32;
    }
    p->d = f16_at(memory, at + 108);
}

#endif
