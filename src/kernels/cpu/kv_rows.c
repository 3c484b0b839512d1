/* kv_rows.c: rows of the KV cache in portable C. */
#include "kernels/cpu/kv_rows.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "tensor/blocks.h"
#include "tensor/dequantise.h"
#include "tensor/dequantise_types.h"
#include "tensor/half.h"

void rf_kv_store_f32(const float *x, void *row, uint64_t n)
{
    memcpy(row, x, n * sizeof(float));
}

void rf_kv_store_f16(const float *x, void *row, uint64_t n)
{
    uint8_t *out = row;
    for (uint64_t i = 0; i < n; i++) {
        uint16_t half = rf_f32_to_f16(x[i]);
        memcpy(out + 2 * i, &half, sizeof(half)); /* a row may start at an odd address */
    }
}

/* d = max |x| / 127, and q is x / d to nearest. Where an x is no number, d is none. */
static void store_block(const float *x, rf_block_q8_0 *block)
{
    float max = 0;
    bool finite = true;
    for (int i = 0; i < RF_BLOCK; i++) {
        max = fmaxf(max, fabsf(x[i]));
        finite &= isfinite(x[i]);
    }
    const float d = finite ? max / 127 : NAN;
    const float inverse = finite && max > 0 ? 127 / max : 0;
    block->d = rf_f32_to_f16(d);
    for (int i = 0; i < RF_BLOCK; i++)
        block->qs[i] = finite ? (int8_t)lrintf(x[i] * inverse) : 0;
}

void rf_kv_store_q8_0(const float *x, void *row, uint64_t n)
{
    rf_block_q8_0 *block = row;
    for (; n; n -= RF_BLOCK, x += RF_BLOCK, block++)
        store_block(x, block);
}

void rf_kv_load_f32(const void *row, float *out, uint64_t n)
{
    rf_dequantise_f32(row, out, n);
}

void rf_kv_load_f16(const void *row, float *out, uint64_t n)
{
    rf_dequantise_f16(row, out, n);
}

void rf_kv_load_q8_0(const void *row, float *out, uint64_t n)
{
    rf_dequantise_q8_0(row, out, n);
}
