/* quantise_simple.c: blocks of 32 elements with one scale, and perhaps a minimum. */
#include "tensor/blocks.h"
#include "tensor/half.h"
#include "tensor/quantise_search.h"
#include "tensor/quantise_types.h"

/* A scale as the block stores it; the element numbers are chosen for that, not for the exact one.
 */
static float store_f16(float scale, uint16_t *stored)
{
    *stored = rf_f32_to_f16(scale);
    return rf_f16_to_f32(*stored);
}

void rf_quantise_q4_0(const float *x, void *out)
{
    rf_block_q4_0 *block = out;
    uint16_t d;
    float inverse = rf_inverse(store_f16(rf_search_scale(x, RF_BLOCK, 8), &d));
    block->d = d;
    for (int j = 0; j < 16; j++) {
        int low = rf_nearest_in(x[j], inverse, -8, 7) + 8;
        int high = rf_nearest_in(x[j + 16], inverse, -8, 7) + 8;
        block->qs[j] = (uint8_t)(low | high << 4);
    }
}

/*
 * Scale and offset of x = d * q + m; returns 1 / d. The search wants a minimum below zero: as m may
 * have either sign here, the numbers are moved so that the largest is zero.
 */
static float store_range(const float x[RF_BLOCK], int top, uint16_t *d, uint16_t *m, float *offset)
{
    float shifted[RF_BLOCK];
    float highest = x[0];
    for (int j = 1; j < RF_BLOCK; j++)
        highest = x[j] > highest ? x[j] : highest;
    for (int j = 0; j < RF_BLOCK; j++)
        shifted[j] = x[j] - highest;
    rf_affine found = rf_search_affine(shifted, RF_BLOCK, top);
    float lowest = highest - found.min; /* as solved for: it may be a little below the least x */
    *offset = store_f16(lowest < -65504 ? -65504 : lowest, m);
    return rf_inverse(store_f16(found.scale, d));
}

void rf_quantise_q4_1(const float *x, void *out)
{
    rf_block_q4_1 *block = out;
    uint16_t d;
    uint16_t m;
    float offset;
    float inverse = store_range(x, 15, &d, &m, &offset);
    block->d = d;
    block->m = m;
    for (int j = 0; j < 16; j++) {
        int low = rf_nearest_in(x[j] - offset, inverse, 0, 15);
        int high = rf_nearest_in(x[j + 16] - offset, inverse, 0, 15);
        block->qs[j] = (uint8_t)(low | high << 4);
    }
}

/* Spreads 32 numbers of five bits over nibbles and the word of fifth bits. */
static uint32_t pack_five_bits(const uint8_t q[RF_BLOCK], uint8_t qs[16])
{
    uint32_t qh = 0;
    for (int j = 0; j < 16; j++)
        qs[j] = (uint8_t)((q[j] & 15) | (q[j + 16] & 15) << 4);
    for (int j = 0; j < RF_BLOCK; j++)
        qh |= (uint32_t)(q[j] >> 4) << j;
    return qh;
}

void rf_quantise_q5_0(const float *x, void *out)
{
    rf_block_q5_0 *block = out;
    uint16_t d;
    uint8_t q[RF_BLOCK];
    float inverse = rf_inverse(store_f16(rf_search_scale(x, RF_BLOCK, 16), &d));
    for (int j = 0; j < RF_BLOCK; j++)
        q[j] = (uint8_t)(rf_nearest_in(x[j], inverse, -16, 15) + 16);
    block->d = d;
    block->qh = pack_five_bits(q, block->qs);
}

void rf_quantise_q5_1(const float *x, void *out)
{
    rf_block_q5_1 *block = out;
    uint16_t d;
    uint16_t m;
    float offset;
    uint8_t q[RF_BLOCK];
    float inverse = store_range(x, 31, &d, &m, &offset);
    for (int j = 0; j < RF_BLOCK; j++)
        q[j] = (uint8_t)rf_nearest_in(x[j] - offset, inverse, 0, 31);
    block->d = d;
    block->m = m;
    block->qh = pack_five_bits(q, block->qs);
}

void rf_quantise_q8_0(const float *x, void *out)
{
    rf_block_q8_0 *block = out;
    float largest = 0;
    for (int j = 0; j < RF_BLOCK; j++) {
        float magnitude = x[j] < 0 ? -x[j] : x[j];
        largest = magnitude > largest ? magnitude : largest;
    }
    uint16_t d;
    float inverse = rf_inverse(store_f16(largest / 127, &d));
    block->d = d;
    for (int j = 0; j < RF_BLOCK; j++)
        block->qs[j] = (int8_t)rf_nearest_in(x[j], inverse, -127, 127);
}
