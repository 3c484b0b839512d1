/* quantise.c: which function quantises which element type, and the checked row. */
#include "tensor/quantise.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "tensor/blocks.h"
#include "tensor/half.h"
#include "tensor/quantise_types.h"

#define LARGEST 65504.0F /* the largest F16 */

static const struct {
    rf_type type;
    void (*block)(const float *x, void *block);
} table[] = {
    {RF_TYPE_Q4_0, rf_quantise_q4_0},     {RF_TYPE_Q4_1, rf_quantise_q4_1},
    {RF_TYPE_Q5_0, rf_quantise_q5_0},     {RF_TYPE_Q5_1, rf_quantise_q5_1},
    {RF_TYPE_Q8_0, rf_quantise_q8_0},     {RF_TYPE_Q2_K, rf_quantise_q2_k},
    {RF_TYPE_Q3_K, rf_quantise_q3_k},     {RF_TYPE_Q4_K, rf_quantise_q4_k},
    {RF_TYPE_Q5_K, rf_quantise_q5_k},     {RF_TYPE_Q6_K, rf_quantise_q6_k},
    {RF_TYPE_IQ4_NL, rf_quantise_iq4_nl}, {RF_TYPE_IQ4_XS, rf_quantise_iq4_xs},
    {RF_TYPE_MXFP4, rf_quantise_mxfp4},
};

static void narrow(uint16_t (*convert)(float), const float *x, uint8_t *out, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        uint16_t h = convert(x[i]);
        memcpy(out + 2 * i, &h, sizeof(h));
    }
}

static float cut(float x)
{
    if (x != x)
        return 0;
    x = x > LARGEST ? LARGEST : x;
    return x < -LARGEST ? -LARGEST : x;
}

static void quantise_blocks(void (*quantise)(const float *, void *), const rf_type_info *info,
                            const float *x, uint8_t *out, uint64_t n)
{
    float clean[RF_SUPER_BLOCK];
    for (; n; n -= info->block_elements, out += info->block_bytes) {
        for (uint32_t i = 0; i < info->block_elements; i++)
            clean[i] = cut(*x++);
        quantise(clean, out);
    }
}

/* Rows of the types that have no blocks. */
static rf_status quantise_floats(const rf_type_info *info, const float *x, void *out, uint64_t n,
                                 rf_error *error)
{
    switch (info->type) {
    case RF_TYPE_F32:
        memcpy(out, x, n * sizeof(float));
        return RF_OK;
    case RF_TYPE_F16:
        narrow(rf_f32_to_f16, x, out, n);
        return RF_OK;
    case RF_TYPE_BF16:
        narrow(rf_f32_to_bf16, x, out, n);
        return RF_OK;
    default:
        return rf_error_set(error, RF_ERROR_UNSUPPORTED, "element type %s: cannot be quantised to",
                            info->name);
    }
}

rf_status rf_quantise_row(rf_type type, const float *x, void *blocks, uint64_t n, rf_error *error)
{
    const rf_type_info *info = rf_type_describe((uint32_t)type);
    if (!info)
        return rf_error_set(error, RF_ERROR_ARGUMENT, "element type %u: unknown", (unsigned)type);
    if (n % info->block_elements)
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "element type %s: row of %" PRIu64 " elements, not a multiple of %u",
                            info->name, n, info->block_elements);
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (table[i].type == type) {
            quantise_blocks(table[i].block, info, x, blocks, n);
            return RF_OK;
        }
    }
    return quantise_floats(info, x, blocks, n, error);
}
