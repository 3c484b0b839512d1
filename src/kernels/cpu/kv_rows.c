/* kv_rows.c: rows of the KV cache in portable C. */
#include "kernels/cpu/kv_rows.h"

#include <stddef.h>
#include <string.h>

#include "tensor/dequantise_types.h"
#include "tensor/half.h"
#include "tensor/quantise.h"

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

void rf_kv_store_q8_0(const float *x, void *row, uint64_t n)
{
    /* Fails for another type or part of a block, neither of which this is. */
    (void)rf_quantise_row(RF_TYPE_Q8_0, x, row, n, NULL);
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
