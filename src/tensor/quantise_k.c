/*
 * quantise_k.c: the K blocks: 256 elements in sub-blocks with integer scales (layouts: blocks.h).
 *
 * Each sub-block's scale (and minimum) is searched alone, then rounded to the block's few bits, and
 * the element numbers are chosen for the rounded ones.
 */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "tensor/blocks.h"
#include "tensor/half.h"
#include "tensor/quantise_search.h"
#include "tensor/quantise_types.h"

/* A block of the kind scale * q - min: what is stored, as integers. */
typedef struct affine_block {
    uint16_t d;
    uint16_t dmin;
    uint8_t scales[16];
    uint8_t mins[16];
    uint8_t q[RF_SUPER_BLOCK];
} affine_block;

/* Rounds each of count numbers, none negative, to a step whose F16 is stored; `top` is the largest.
 */
static float round_scales(const float *scales, size_t count, int top, uint16_t *step, uint8_t *out)
{
    float largest = 0;
    for (size_t s = 0; s < count; s++)
        largest = scales[s] > largest ? scales[s] : largest;
    *step = rf_f32_to_f16(largest / (float)top);
    float d = rf_f16_to_f32(*step);
    float inverse = rf_inverse(d);
    for (size_t s = 0; s < count; s++)
        out[s] = (uint8_t)rf_nearest_in(scales[s], inverse, 0, top);
    return d;
}

/* count sub-blocks; scales and mins up to scale_top, numbers up to top. */
static void quantise_affine(const float *x, size_t count, int scale_top, int top,
                            affine_block *block)
{
    size_t size = RF_SUPER_BLOCK / count;
    float scales[16] = {0};
    float mins[16] = {0};
    for (size_t s = 0; s < count; s++) {
        rf_affine found = rf_search_affine(&x[s * size], (int)size, top);
        scales[s] = found.scale;
        mins[s] = found.min;
    }
    float d = round_scales(scales, count, scale_top, &block->d, block->scales);
    float dmin = round_scales(mins, count, scale_top, &block->dmin, block->mins);
    for (size_t s = 0; s < count; s++) {
        float inverse = rf_inverse(d * (float)block->scales[s]);
        float min = dmin * (float)block->mins[s];
        for (size_t i = s * size; i < (s + 1) * size; i++)
            block->q[i] = (uint8_t)rf_nearest_in(x[i] + min, inverse, 0, top);
    }
}

/* A block of the kind scale * (q - levels): 16 signed scales of up to scale_levels. */
typedef struct symmetric_block {
    uint16_t d;
    int8_t scales[16];
    uint8_t q[RF_SUPER_BLOCK]; /* with `levels` added */
} symmetric_block;

static void quantise_symmetric(const float *x, int scale_levels, int levels, symmetric_block *block)
{
    float scales[16];
    float end = 0; /* the scale of largest magnitude, which is stored as -scale_levels */
    for (size_t s = 0; s < 16; s++) {
        scales[s] = rf_search_scale(&x[16 * s], 16, levels);
        end = fabsf(scales[s]) > fabsf(end) ? scales[s] : end;
    }
    block->d = rf_f32_to_f16(end / (float)-scale_levels);
    float d = rf_f16_to_f32(block->d);
    float d_inverse = rf_inverse(d);
    for (size_t s = 0; s < 16; s++) {
        int scale = rf_nearest_in(scales[s], d_inverse, -scale_levels, scale_levels - 1);
        block->scales[s] = (int8_t)scale;
        float inverse = rf_inverse(d * (float)scale);
        for (size_t i = 16 * s; i < 16 * (s + 1); i++)
            block->q[i] = (uint8_t)(rf_nearest_in(x[i], inverse, -levels, levels - 1) + levels);
    }
}

/* The lower two bits of each number, as Q2_K and Q3_K have them. */
static void pack_two_bits(const uint8_t q[RF_SUPER_BLOCK], uint8_t qs[64])
{
    for (size_t half = 0; half < 2; half++) {
        for (size_t l = 0; l < 32; l++) {
            const uint8_t *from = q + 128 * half + l;
            qs[32 * half + l] = (uint8_t)((from[0] & 3) | (from[32] & 3) << 2 |
                                          (from[64] & 3) << 4 | (from[96] & 3) << 6);
        }
    }
}

/* The lower four bits of each number, as Q4_K and Q5_K have them. */
static void pack_four_bits(const uint8_t q[RF_SUPER_BLOCK], uint8_t qs[128])
{
    for (size_t j = 0; j < 4; j++) {
        for (size_t l = 0; l < 32; l++)
            qs[32 * j + l] = (uint8_t)((q[64 * j + l] & 15) | (q[64 * j + l + 32] & 15) << 4);
    }
}

/* Bit `bit` of each number, as hmask of Q3_K and qh of Q5_K have it. */
static void pack_one_bit(const uint8_t q[RF_SUPER_BLOCK], int bit, uint8_t out[32])
{
    for (size_t l = 0; l < 32; l++) {
        int byte = 0;
        for (size_t b = 0; b < 8; b++)
            byte |= (q[32 * b + l] >> bit & 1) << b;
        out[l] = (uint8_t)byte;
    }
}

/* The inverse of rf_q4_k_scale. */
static void pack_scales_6_bits(const uint8_t scales[8], const uint8_t mins[8],
                               uint8_t out[RF_K_SCALES])
{
    for (size_t j = 0; j < 4; j++) {
        out[j] = (uint8_t)(scales[j] | (scales[j + 4] >> 4) << 6);
        out[j + 4] = (uint8_t)(mins[j] | (mins[j + 4] >> 4) << 6);
        out[j + 8] = (uint8_t)((scales[j + 4] & 15) | (mins[j + 4] & 15) << 4);
    }
}

/* The inverse of rf_q3_k_scale. */
static void pack_q3_k_scales(const int8_t scales[16], uint8_t out[RF_K_SCALES])
{
    memset(out, 0, RF_K_SCALES);
    for (int j = 0; j < 16; j++) {
        uint32_t stored = (uint32_t)(scales[j] + 32);
        out[j % 8] |= (uint8_t)((stored & 15) << 4 * (j / 8));
        out[8 + j % 4] |= (uint8_t)((stored >> 4) << 2 * (j / 4));
    }
}

void rf_quantise_q2_k(const float *x, void *out)
{
    rf_block_q2_k *to = out;
    affine_block block;
    quantise_affine(x, 16, 15, 3, &block);
    to->d = block.d;
    to->dmin = block.dmin;
    for (size_t s = 0; s < 16; s++)
        to->scales[s] = (uint8_t)(block.scales[s] | block.mins[s] << 4);
    pack_two_bits(block.q, to->qs);
}

void rf_quantise_q3_k(const float *x, void *out)
{
    rf_block_q3_k *to = out;
    symmetric_block block;
    quantise_symmetric(x, 32, 4, &block);
    to->d = block.d;
    pack_q3_k_scales(block.scales, to->scales);
    pack_two_bits(block.q, to->qs);
    pack_one_bit(block.q, 2, to->hmask);
}

void rf_quantise_q4_k(const float *x, void *out)
{
    rf_block_q4_k *to = out;
    affine_block block;
    quantise_affine(x, 8, 63, 15, &block);
    to->d = block.d;
    to->dmin = block.dmin;
    pack_scales_6_bits(block.scales, block.mins, to->scales);
    pack_four_bits(block.q, to->qs);
}

void rf_quantise_q5_k(const float *x, void *out)
{
    rf_block_q5_k *to = out;
    affine_block block;
    quantise_affine(x, 8, 63, 31, &block);
    to->d = block.d;
    to->dmin = block.dmin;
    pack_scales_6_bits(block.scales, block.mins, to->scales);
    pack_four_bits(block.q, to->qs);
    pack_one_bit(block.q, 4, to->qh);
}

void rf_quantise_q6_k(const float *x, void *out)
{
    rf_block_q6_k *to = out;
    symmetric_block block;
    quantise_symmetric(x, 128, 32, &block);
    to->d = block.d;
    memcpy(to->scales, block.scales, sizeof(to->scales));
    for (size_t half = 0; half < 2; half++) {
        const uint8_t *q = block.q + 128 * half;
        for (size_t l = 0; l < 64; l++)
            to->ql[64 * half + l] = (uint8_t)((q[l] & 15) | (q[l + 64] & 15) << 4);
        for (size_t l = 0; l < 32; l++)
            to->qh[32 * half + l] = (uint8_t)(q[l] >> 4 | (q[l + 32] >> 4) << 2 |
                                              (q[l + 64] >> 4) << 4 | (q[l + 96] >> 4) << 6);
    }
}
