/* quantise_codebook.c: blocks whose 4-bit numbers index a table of 16 values. */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "tensor/blocks.h"
#include "tensor/half.h"
#include "tensor/quantise_search.h"
#include "tensor/quantise_types.h"

static void choose_values(const float x[RF_BLOCK], float scale, uint8_t qs[16])
{
    float inverse = rf_inverse(scale);
    for (int j = 0; j < 16; j++) {
        int low = rf_nearest_value(x[j], inverse, rf_iq4_nl_values);
        int high = rf_nearest_value(x[j + 16], inverse, rf_iq4_nl_values);
        qs[j] = (uint8_t)(low | high << 4);
    }
}

void rf_quantise_iq4_nl(const float *x, void *out)
{
    rf_block_iq4_nl *block = out;
    block->d = rf_f32_to_f16(rf_search_codebook(x, RF_BLOCK, rf_iq4_nl_values));
    choose_values(x, rf_f16_to_f32(block->d), block->qs);
}

void rf_quantise_iq4_xs(const float *x, void *out)
{
    rf_block_iq4_xs *block = out;
    float scales[8];
    float end = 0; /* the scale of largest magnitude, which is stored as -32 */
    for (size_t s = 0; s < 8; s++) {
        scales[s] = rf_search_codebook(&x[RF_BLOCK * s], RF_BLOCK, rf_iq4_nl_values);
        end = fabsf(scales[s]) > fabsf(end) ? scales[s] : end;
    }
    memset(block, 0, sizeof(*block));
    block->d = rf_f32_to_f16(end / -32);
    float d = rf_f16_to_f32(block->d);
    float inverse = rf_inverse(d);
    for (size_t s = 0; s < 8; s++) {
        int scale = rf_nearest_in(scales[s], inverse, -32, 31);
        uint32_t stored = (uint32_t)(scale + 32);
        block->scales_l[s / 2] |= (uint8_t)((stored & 15) << 4 * (s % 2));
        block->scales_h |= (uint16_t)((stored >> 4) << 2 * s);
        choose_values(&x[RF_BLOCK * s], d * (float)scale, &block->qs[16 * s]);
    }
}

/* The nearest of E2M1's doubled magnitudes 0, 1, 2, 3, 4, 6, 8, 12 and the sign, as stored. */
static uint8_t nearest_e2m1(float x, float inverse)
{
    float magnitude = fabsf(x) * inverse;
    uint8_t q = 0;
    for (int k = 1; k < 8; k++)
        q += magnitude > 0.5F * (float)(rf_mxfp4_values[k - 1] + rf_mxfp4_values[k]);
    return x < 0 ? q | 8 : q;
}

static float mxfp4_with(const float x[RF_BLOCK], uint8_t e, rf_block_mxfp4 *block)
{
    float scale = rf_e8m0_half_to_f32(e);
    float inverse = rf_inverse(scale);
    float error = 0;
    block->e = e;
    for (int j = 0; j < 16; j++) {
        uint8_t low = nearest_e2m1(x[j], inverse);
        uint8_t high = nearest_e2m1(x[j + 16], inverse);
        float low_error = x[j] - scale * (float)rf_mxfp4_values[low];
        float high_error = x[j + 16] - scale * (float)rf_mxfp4_values[high];
        error += low_error * low_error + high_error * high_error;
        block->qs[j] = (uint8_t)(low | high << 4);
    }
    return error;
}

void rf_quantise_mxfp4(const float *x, void *out)
{
    float largest = 0;
    for (int j = 0; j < RF_BLOCK; j++)
        largest = fabsf(x[j]) > largest ? fabsf(x[j]) : largest;
    /* The standard scales by 2^floor(log2 largest) / 4, the power of two in the largest value, 6.
     * With that everything above 6 is cut, so the next one may be better. */
    int exponent = largest > 0 ? ilogbf(largest) - 2 + 127 : 0;
    uint8_t e = (uint8_t)(exponent < 0 ? 0 : exponent);
    rf_block_mxfp4 standard;
    rf_block_mxfp4 wider;
    float error = mxfp4_with(x, e, &standard);
    float wider_error = mxfp4_with(x, (uint8_t)(e + 1), &wider);
    memcpy(out, wider_error < error ? &wider : &standard, sizeof(standard));
}
