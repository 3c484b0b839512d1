/*
 * dot_portable.c: dot products of any weight type with f32 activations in portable C. Weights are
 * dequantised a few at a time, products are summed in double: the reference for faster ones.
 */
#include <string.h>

#include "kernels/cpu/dot_entries.h"
#include "tensor/blocks.h"
#include "tensor/dequantise.h"

#define COLUMNS 8 /* that share one dequantisation */

void rf_activation_pack_f32(const float *x, void *out, uint64_t n)
{
    memcpy(out, x, n * sizeof(float));
}

/* One row with up to COLUMNS columns; sums[c] += weights · x[c]. */
static void row(rf_dequantise_fn dequantise, const rf_type_info *info, const uint8_t *weights,
                const uint8_t *x, const rf_dot_tile *tile, uint32_t columns, double sums[COLUMNS])
{
    float values[RF_SUPER_BLOCK];
    const uint64_t part_bytes = (uint64_t)RF_SUPER_BLOCK / info->block_elements * info->block_bytes;
    for (uint64_t done = 0; done < tile->n; done += RF_SUPER_BLOCK) {
        uint64_t left = tile->n - done;
        uint64_t count = left < RF_SUPER_BLOCK ? left : RF_SUPER_BLOCK;
        dequantise(weights, values, count);
        weights += part_bytes;
        for (uint32_t c = 0; c < columns; c++) {
            const float *column = (const float *)(const void *)(x + c * tile->x_bytes) + done;
            double sum = 0;
            for (uint64_t i = 0; i < count; i++)
                sum += (double)values[i] * (double)column[i];
            sums[c] += sum;
        }
    }
}

static void tile_of(const rf_dot_tile *tile, rf_type type)
{
    const rf_type_info *info = rf_type_describe((uint32_t)type);
    rf_dequantise_fn dequantise = rf_dequantise_for(type);
    for (uint32_t first = 0; first < tile->n_columns; first += COLUMNS) {
        uint32_t left = tile->n_columns - first;
        uint32_t columns = left < COLUMNS ? left : COLUMNS;
        const uint8_t *x = (const uint8_t *)tile->x + first * tile->x_bytes;
        for (uint32_t r = 0; r < tile->n_rows; r++) {
            double sums[COLUMNS] = {0};
            row(dequantise, info, (const uint8_t *)tile->weights + r * tile->row_bytes, x, tile,
                columns, sums);
            for (uint32_t c = 0; c < columns; c++)
                tile->out[(first + c) * tile->out_stride + r] = (float)sums[c];
        }
    }
}

/* Formatting never comes to rest on this list. */
/* clang-format off */
#define WEIGHT_TYPES(X)                                                                            \
    X(F32) X(F16) X(BF16) X(Q4_0) X(Q4_1) X(Q5_0) X(Q5_1) X(Q8_0) X(Q2_K) X(Q3_K) X(Q4_K)          \
    X(Q5_K) X(Q6_K) X(IQ4_NL) X(IQ4_XS) X(MXFP4)
/* clang-format on */

/* A function a type, since a tile does not say of which type it is. */
#define FUNCTION(name)                                                                             \
    static void dot_##name(const rf_dot_tile *tile)                                                \
    {                                                                                              \
        tile_of(tile, RF_TYPE_##name);                                                             \
    }
WEIGHT_TYPES(FUNCTION)

#define ENTRY(name) {RF_TYPE_##name, RF_ACTIVATION_F32, rf_activation_pack_f32, dot_##name},

const rf_dot_type rf_dot_portable[] = {WEIGHT_TYPES(ENTRY){0}};
