/* dequantise_codebook.c: blocks whose 4-bit numbers index a table of 16 values. */
#include <stddef.h>

#include "tensor/blocks.h"
#include "tensor/dequantise_types.h"
#include "tensor/half.h"

const int8_t rf_iq4_nl_values[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                     1,    13,   25,  38,  53,  69,  89,  113};

const int8_t rf_mxfp4_values[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

static void look_up(const int8_t values[16], float scale, const uint8_t qs[16], float out[RF_BLOCK])
{
    for (int j = 0; j < 16; j++) {
        out[j] = scale * (float)values[qs[j] & 15];
        out[j + 16] = scale * (float)values[qs[j] >> 4];
    }
}

void rf_dequantise_iq4_nl(const void *blocks, float *out, uint64_t n)
{
    const rf_block_iq4_nl *block = blocks;
    for (; n; n -= RF_BLOCK, out += RF_BLOCK, block++)
        look_up(rf_iq4_nl_values, rf_f16_to_f32(block->d), block->qs, out);
}

void rf_dequantise_iq4_xs(const void *blocks, float *out, uint64_t n)
{
    const rf_block_iq4_xs *block = blocks;
    for (; n; n -= RF_SUPER_BLOCK, out += RF_SUPER_BLOCK, block++) {
        float d = rf_f16_to_f32(block->d);
        for (size_t s = 0; s < 8; s++) {
            float scale = d * (float)rf_iq4_xs_scale(block, (uint32_t)s);
            look_up(rf_iq4_nl_values, scale, block->qs + 16 * s, out + 32 * s);
        }
    }
}

void rf_dequantise_mxfp4(const void *blocks, float *out, uint64_t n)
{
    const rf_block_mxfp4 *block = blocks;
    for (; n; n -= RF_BLOCK, out += RF_BLOCK, block++)
        look_up(rf_mxfp4_values, rf_e8m0_half_to_f32(block->e), block->qs, out);
}
