/* dequantise_simple.c: plain floats, and the blocks of 32 elements with one scale. */
#include <string.h>

#include "tensor/blocks.h"
#include "tensor/dequantise_types.h"
#include "tensor/half.h"

void rf_dequantise_f32(const void *blocks, float *out, uint64_t n)
{
    memcpy(out, blocks, n * sizeof(float));
}

void rf_dequantise_f16(const void *blocks, float *out, uint64_t n)
{
    const uint8_t *bytes = blocks;
    for (uint64_t i = 0; i < n; i++) {
        uint16_t h;
        memcpy(&h, bytes + 2 * i, sizeof(h)); /* a row may start at an odd address */
        out[i] = rf_f16_to_f32(h);
    }
}

void rf_dequantise_bf16(const void *blocks, float *out, uint64_t n)
{
    const uint8_t *bytes = blocks;
    for (uint64_t i = 0; i < n; i++) {
        uint16_t h;
        memcpy(&h, bytes + 2 * i, sizeof(h));
        out[i] = rf_bf16_to_f32(h);
    }
}

void rf_dequantise_q4_0(const void *blocks, float *out, uint64_t n)
{
    const rf_block_q4_0 *block = blocks;
    for (; n; n -= RF_BLOCK, out += RF_BLOCK, block++) {
        float d = rf_f16_to_f32(block->d);
        for (int j = 0; j < 16; j++) {
            out[j] = (float)((block->qs[j] & 15) - 8) * d;
            out[j + 16] = (float)((block->qs[j] >> 4) - 8) * d;
        }
    }
}

void rf_dequantise_q4_1(const void *blocks, float *out, uint64_t n)
{
    const rf_block_q4_1 *block = blocks;
    for (; n; n -= RF_BLOCK, out += RF_BLOCK, block++) {
        float d = rf_f16_to_f32(block->d);
        float m = rf_f16_to_f32(block->m);
        for (int j = 0; j < 16; j++) {
            out[j] = (float)(block->qs[j] & 15) * d + m;
            out[j + 16] = (float)(block->qs[j] >> 4) * d + m;
        }
    }
}

/* Element j (below 16) and element j + 16 of five bits each. */
static void five_bits(const uint8_t qs[16], uint32_t qh, int j, int *low, int *high)
{
    *low = (int)((qs[j] & 15U) | (qh >> j & 1U) << 4);
    *high = (int)((qs[j] >> 4) | (qh >> (j + 16) & 1U) << 4);
}

void rf_dequantise_q5_0(const void *blocks, float *out, uint64_t n)
{
    const rf_block_q5_0 *block = blocks;
    for (; n; n -= RF_BLOCK, out += RF_BLOCK, block++) {
        float d = rf_f16_to_f32(block->d);
        for (int j = 0; j < 16; j++) {
            int low;
            int high;
            five_bits(block->qs, block->qh, j, &low, &high);
            out[j] = (float)(low - 16) * d;
            out[j + 16] = (float)(high - 16) * d;
        }
    }
}

void rf_dequantise_q5_1(const void *blocks, float *out, uint64_t n)
{
    const rf_block_q5_1 *block = blocks;
    for (; n; n -= RF_BLOCK, out += RF_BLOCK, block++) {
        float d = rf_f16_to_f32(block->d);
        float m = rf_f16_to_f32(block->m);
        for (int j = 0; j < 16; j++) {
            int low;
            int high;
            five_bits(block->qs, block->qh, j, &low, &high);
            out[j] = (float)low * d + m;
            out[j + 16] = (float)high * d + m;
        }
    }
}

void rf_dequantise_q8_0(const void *blocks, float *out, uint64_t n)
{
    const rf_block_q8_0 *block = blocks;
    for (; n; n -= RF_BLOCK, out += RF_BLOCK, block++) {
        float d = rf_f16_to_f32(block->d);
        for (int j = 0; j < RF_BLOCK; j++)
            out[j] = (float)block->qs[j] * d;
    }
}
