/*
 * blocks.h: what is inside one block of each quantised element type: the layouts of GGUF tensors,
 * as the format's reference implementation defines them (ggml, ggml-common.h). Sizes agree with
 * rf_type_describe, which a test checks.
 *
 * All fields are little-endian and packed; no block has alignment above that of its bytes, so
 * blocks may be read in place from anywhere in a file. Scales named d and m are F16 bits (half.h).
 *
 * In 32-element blocks, byte j of the nibbles qs holds element j in its low half and element j + 16
 * in its high half. The 256-element blocks ("K" and IQ4_XS) are made of sub-blocks of 16 or 32
 * elements with integer scales, under one or two F16 scales for all of them.
 */
#ifndef RF_TENSOR_BLOCKS_H
#define RF_TENSOR_BLOCKS_H

#include <stdint.h>

#define RF_BLOCK       32  /* elements of a simple block */
#define RF_SUPER_BLOCK 256 /* elements of a block with sub-blocks */
#define RF_K_SCALES    12  /* bytes that hold the 6-bit scales of Q3_K, Q4_K and Q5_K */

#define RF_PACKED __attribute__((packed))

/* value = d * (q - 8), q of 4 bits */
typedef struct RF_PACKED rf_block_q4_0 {
    uint16_t d;
    uint8_t qs[16];
} rf_block_q4_0;

/* value = d * q + m, q of 4 bits */
typedef struct RF_PACKED rf_block_q4_1 {
    uint16_t d;
    uint16_t m;
    uint8_t qs[16];
} rf_block_q4_1;

/* value = d * (q - 16), q of 5 bits: bit j of qh is the fifth bit of element j */
typedef struct RF_PACKED rf_block_q5_0 {
    uint16_t d;
    uint32_t qh;
    uint8_t qs[16];
} rf_block_q5_0;

/* value = d * q + m, q as in Q5_0 */
typedef struct RF_PACKED rf_block_q5_1 {
    uint16_t d;
    uint16_t m;
    uint32_t qh;
    uint8_t qs[16];
} rf_block_q5_1;

/* value = d * q */
typedef struct RF_PACKED rf_block_q8_0 {
    uint16_t d;
    int8_t qs[32];
} rf_block_q8_0;

/*
 * 16 sub-blocks of 16; value = d * scale * q - dmin * min, q of 2 bits.
 * scales[s]: scale of sub-block s in the low half, min in the high half.
 * Each half block of 128 elements has 32 bytes of qs: byte l holds elements l, l + 32, l + 64 and l
 * + 96 of it, from the lowest two bits up.
 */
typedef struct RF_PACKED rf_block_q2_k {
    uint8_t scales[16];
    uint8_t qs[64];
    uint16_t d;
    uint16_t dmin;
} rf_block_q2_k;

/*
 * 16 sub-blocks of 16; value = d * (scale - 32) * (q - 4), q of 3 bits: the low two in qs as in
 * Q2_K, the third in hmask: bit b of byte l belongs to element 32 b + l. Scales: rf_q3_k_scale.
 */
typedef struct RF_PACKED rf_block_q3_k {
    uint8_t hmask[32];
    uint8_t qs[64];
    uint8_t scales[RF_K_SCALES];
    uint16_t d;
} rf_block_q3_k;

/*
 * 8 sub-blocks of 32; value = d * scale * q - dmin * min, q of 4 bits. Each 64 elements have 32
 * bytes of qs: byte l holds element l in the low half and element l + 32 in the high half. Scales
 * and mins: rf_q4_k_scale.
 */
typedef struct RF_PACKED rf_block_q4_k {
    uint16_t d;
    uint16_t dmin;
    uint8_t scales[RF_K_SCALES];
    uint8_t qs[128];
} rf_block_q4_k;

/* As Q4_K with q of 5 bits: bit b of qh[l] is the fifth bit of element 32 b + l. */
typedef struct RF_PACKED rf_block_q5_k {
    uint16_t d;
    uint16_t dmin;
    uint8_t scales[RF_K_SCALES];
    uint8_t qh[32];
    uint8_t qs[128];
} rf_block_q5_k;

/*
 * 16 sub-blocks of 16; value = d * scale * (q - 32), q of 6 bits. Each half block of 128 elements
 * has 64 bytes of ql and 32 of qh. Low four bits: byte l of ql (0..63) holds element l in its low
 * half and element l + 64 in its high half. Upper two bits: byte l of qh holds those of elements l,
 * l + 32, l + 64 and l + 96, from the lowest two bits up.
 */
typedef struct RF_PACKED rf_block_q6_k {
    uint8_t ql[128];
    uint8_t qh[64];
    int8_t scales[16];
    uint16_t d;
} rf_block_q6_k;

/* value = d * rf_iq4_nl_values[q] */
typedef struct RF_PACKED rf_block_iq4_nl {
    uint16_t d;
    uint8_t qs[16];
} rf_block_iq4_nl;

/*
 * 8 sub-blocks of 32, each with 16 bytes of qs as an IQ4_NL block has;
 * value = d * (scale - 32) * rf_iq4_nl_values[q]. Scales of 6 bits: rf_iq4_xs_scale.
 */
typedef struct RF_PACKED rf_block_iq4_xs {
    uint16_t d;
    uint16_t scales_h;
    uint8_t scales_l[4];
    uint8_t qs[128];
} rf_block_iq4_xs;

/* value = 2^(e - 128) * rf_mxfp4_values[q] (OCP Microscaling Formats 1.0, E2M1 elements) */
typedef struct RF_PACKED rf_block_mxfp4 {
    uint8_t e;
    uint8_t qs[16];
} rf_block_mxfp4;

_Static_assert(sizeof(rf_block_q4_0) == 18, "Q4_0");
_Static_assert(sizeof(rf_block_q4_1) == 20, "Q4_1");
_Static_assert(sizeof(rf_block_q5_0) == 22, "Q5_0");
_Static_assert(sizeof(rf_block_q5_1) == 24, "Q5_1");
_Static_assert(sizeof(rf_block_q8_0) == 34, "Q8_0");
_Static_assert(sizeof(rf_block_q2_k) == 84, "Q2_K");
_Static_assert(sizeof(rf_block_q3_k) == 110, "Q3_K");
_Static_assert(sizeof(rf_block_q4_k) == 144, "Q4_K");
_Static_assert(sizeof(rf_block_q5_k) == 176, "Q5_K");
_Static_assert(sizeof(rf_block_q6_k) == 210, "Q6_K");
_Static_assert(sizeof(rf_block_iq4_nl) == 18, "IQ4_NL");
_Static_assert(sizeof(rf_block_iq4_xs) == 136, "IQ4_XS");
_Static_assert(sizeof(rf_block_mxfp4) == 17, "MXFP4");

/* The 16 levels of IQ4_NL and IQ4_XS, ascending: denser near zero, where weights are. */
extern const int8_t rf_iq4_nl_values[16];

/* Twice the values of E2M1: 0, 0.5, 1, 1.5, 2, 3, 4, 6, and the same negative. */
extern const int8_t rf_mxfp4_values[16];

/*
 * Scale and min j (0..7) of Q4_K and Q5_K, 6 bits each in 12 bytes. For j < 4: the low six bits of
 * bytes j and j + 4. For the others: byte j + 4 holds the low four bits of the scale and of the
 * min, and the upper two are the top bits of bytes j - 4 and j.
 */
static inline void rf_q4_k_scale(const uint8_t scales[RF_K_SCALES], uint32_t j, uint8_t *scale,
                                 uint8_t *min)
{
    if (j < 4) {
        *scale = scales[j] & 63;
        *min = scales[j + 4] & 63;
        return;
    }
    *scale = (uint8_t)((scales[j + 4] & 15) | (scales[j - 4] >> 6) << 4);
    *min = (uint8_t)(scales[j + 4] >> 4 | (scales[j] >> 6) << 4);
}

/*
 * Scale j (0..15) of Q3_K less its offset: -32..31. The low four bits are in the low halves of
 * bytes 0..7 for j < 8 and in their high halves for the others; the upper two bits are in byte 8 +
 * j % 4, at bit 2 * (j / 4).
 */
static inline int32_t rf_q3_k_scale(const uint8_t scales[RF_K_SCALES], uint32_t j)
{
    uint32_t low = j < 8 ? scales[j] & 15U : (uint32_t)scales[j - 8] >> 4;
    uint32_t high = scales[8 + j % 4] >> (2 * (j / 4)) & 3U;
    return (int32_t)(low | high << 4) - 32;
}

/* Scale j (0..7) of IQ4_XS less its offset: -32..31. Low four bits: a half of scales_l[j / 2]. */
static inline int32_t rf_iq4_xs_scale(const rf_block_iq4_xs *block, uint32_t j)
{
    uint32_t low = block->scales_l[j / 2] >> (4 * (j % 2)) & 15U;
    uint32_t high = block->scales_h >> (2 * j) & 3U;
    return (int32_t)(low | high << 4) - 32;
}

#endif
