/* dequantise.c: which function dequantises which element type, and the checked row. */
#include "tensor/dequantise.h"

#include <inttypes.h>
#include <stddef.h>

#include "tensor/dequantise_types.h"

static const struct {
    rf_type type;
    rf_dequantise_fn function;
} table[] = {
    {RF_TYPE_F32, rf_dequantise_f32},       {RF_TYPE_F16, rf_dequantise_f16},
    {RF_TYPE_BF16, rf_dequantise_bf16},     {RF_TYPE_Q4_0, rf_dequantise_q4_0},
    {RF_TYPE_Q4_1, rf_dequantise_q4_1},     {RF_TYPE_Q5_0, rf_dequantise_q5_0},
    {RF_TYPE_Q5_1, rf_dequantise_q5_1},     {RF_TYPE_Q8_0, rf_dequantise_q8_0},
    {RF_TYPE_Q2_K, rf_dequantise_q2_k},     {RF_TYPE_Q3_K, rf_dequantise_q3_k},
    {RF_TYPE_Q4_K, rf_dequantise_q4_k},     {RF_TYPE_Q5_K, rf_dequantise_q5_k},
    {RF_TYPE_Q6_K, rf_dequantise_q6_k},     {RF_TYPE_IQ4_NL, rf_dequantise_iq4_nl},
    {RF_TYPE_IQ4_XS, rf_dequantise_iq4_xs}, {RF_TYPE_MXFP4, rf_dequantise_mxfp4},
};

rf_dequantise_fn rf_dequantise_for(rf_type type)
{
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (table[i].type == type)
            return table[i].function;
    }
    return NULL;
}

rf_status rf_dequantise_row(rf_type type, const void *blocks, float *out, uint64_t n,
                            rf_error *error)
{
    const rf_type_info *info = rf_type_describe((uint32_t)type);
    rf_dequantise_fn function = rf_dequantise_for(type);
    if (!info)
        return rf_error_set(error, RF_ERROR_ARGUMENT, "element type %u: unknown", (unsigned)type);
    if (!function)
        return rf_error_set(error, RF_ERROR_UNSUPPORTED, "element type %s: cannot be dequantised",
                            info->name);
    if (n % info->block_elements)
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "element type %s: row of %" PRIu64 " elements, not a multiple of %u",
                            info->name, n, info->block_elements);
    function(blocks, out, n);
    return RF_OK;
}
