/* dequantise_k.c: the K blocks: 256 elements in sub-blocks with integer scales (layouts: blocks.h).
 */
#include <stddef.h>

#include "tensor/blocks.h"
#include "tensor/dequantise_types.h"
#include "tensor/half.h"

void rf_dequantise_q2_k(const void *blocks, float *out, uint64_t n)
{
    const rf_block_q2_k *block = blocks;
    for (; n; n -= RF_SUPER_BLOCK, out += RF_SUPER_BLOCK, block++) {
        float d = rf_f16_to_f32(block->d);
        float dmin = rf_f16_to_f32(block->dmin);
        for (size_t s = 0; s < 16; s++) { /* sub-block */
            float scale = d * (float)(block->scales[s] & 15);
            float min = dmin * (float)(block->scales[s] >> 4);
            const uint8_t *qs = block->qs + 32 * (s / 8) + 16 * (s % 2);
            size_t shift = 2 * (s % 8 / 2);
            for (size_t l = 0; l < 16; l++)
                out[16 * s + l] = scale * (float)(qs[l] >> shift & 3) - min;
        }
    }
}

void rf_dequantise_q3_k(const void *blocks, float *out, uint64_t n)
{
    const rf_block_q3_k *block = blocks;
    for (; n; n -= RF_SUPER_BLOCK, out += RF_SUPER_BLOCK, block++) {
        float d = rf_f16_to_f32(block->d);
        for (size_t s = 0; s < 16; s++) {
            float scale = d * (float)rf_q3_k_scale(block->scales, (uint32_t)s);
            const uint8_t *qs = block->qs + 32 * (s / 8) + 16 * (s % 2);
            const uint8_t *hmask = block->hmask + 16 * (s % 2);
            size_t shift = 2 * (s % 8 / 2);
            for (size_t l = 0; l < 16; l++) {
                int q = (qs[l] >> shift & 3) | (hmask[l] >> (s / 2) & 1) << 2;
                out[16 * s + l] = scale * (float)(q - 4);
            }
        }
    }
}

void rf_dequantise_q4_k(const void *blocks, float *out, uint64_t n)
{
    const rf_block_q4_k *block = blocks;
    for (; n; n -= RF_SUPER_BLOCK, out += RF_SUPER_BLOCK, block++) {
        float d = rf_f16_to_f32(block->d);
        float dmin = rf_f16_to_f32(block->dmin);
        for (size_t s = 0; s < 8; s++) {
            uint8_t scale_bits;
            uint8_t min_bits;
            rf_q4_k_scale(block->scales, (uint32_t)s, &scale_bits, &min_bits);
            float scale = d * (float)scale_bits;
            float min = dmin * (float)min_bits;
            const uint8_t *qs = block->qs + 32 * (s / 2);
            size_t shift = 4 * (s % 2);
            for (size_t l = 0; l < 32; l++)
                out[32 * s + l] = scale * (float)(qs[l] >> shift & 15) - min;
        }
    }
}

void rf_dequantise_q5_k(const void *blocks, float *out, uint64_t n)
{
    const rf_block_q5_k *block = blocks;
    for (; n; n -= RF_SUPER_BLOCK, out += RF_SUPER_BLOCK, block++) {
        float d = rf_f16_to_f32(block->d);
        float dmin = rf_f16_to_f32(block->dmin);
        for (size_t s = 0; s < 8; s++) {
            uint8_t scale_bits;
            uint8_t min_bits;
            rf_q4_k_scale(block->scales, (uint32_t)s, &scale_bits, &min_bits);
            float scale = d * (float)scale_bits;
            float min = dmin * (float)min_bits;
            const uint8_t *qs = block->qs + 32 * (s / 2);
            size_t shift = 4 * (s % 2);
            for (size_t l = 0; l < 32; l++) {
                int q = (qs[l] >> shift & 15) | (block->qh[l] >> s & 1) << 4;
                out[32 * s + l] = scale * (float)q - min;
            }
        }
    }
}

void rf_dequantise_q6_k(const void *blocks, float *out, uint64_t n)
{
    const rf_block_q6_k *block = blocks;
    for (; n; n -= RF_SUPER_BLOCK, out += RF_SUPER_BLOCK, block++) {
        float d = rf_f16_to_f32(block->d);
        for (size_t s = 0; s < 16; s++) {
            float scale = d * (float)block->scales[s];
            size_t part = s % 8; /* in a half block of 128 elements */
            const uint8_t *ql = block->ql + 64 * (s / 8) + 16 * (part % 4);
            const uint8_t *qh = block->qh + 32 * (s / 8) + 16 * (part % 2);
            size_t low_shift = 4 * (part / 4);
            size_t high_shift = 2 * (part / 2);
            for (size_t l = 0; l < 16; l++) {
                int q = (ql[l] >> low_shift & 15) | (qh[l] >> high_shift & 3) << 4;
                out[16 * s + l] = scale * (float)(q - 32);
            }
        }
    }
}
