/*
 * type.c: the one table of element types. Block sizes as the format's reference implementation
 * defines them (ggml, ggml-common.h): for each block, the packed values and its scales.
 *
 * It stands in base because the GGUF reader needs sizes to validate a file, and the tensor layer,
 * which knows what is inside a block, lies above the device.
 */
#include <stddef.h>

#include "rocmforge.h"

static const rf_type_info types[] = {
    {RF_TYPE_F32, "F32", 1, 4, true},
    {RF_TYPE_F16, "F16", 1, 2, true},
    {RF_TYPE_Q4_0, "Q4_0", 32, 18, true},
    {RF_TYPE_Q4_1, "Q4_1", 32, 20, true},
    {RF_TYPE_Q5_0, "Q5_0", 32, 22, true},
    {RF_TYPE_Q5_1, "Q5_1", 32, 24, true},
    {RF_TYPE_Q8_0, "Q8_0", 32, 34, true},
    {RF_TYPE_Q8_1, "Q8_1", 32, 36, false},
    {RF_TYPE_Q2_K, "Q2_K", 256, 84, true},
    {RF_TYPE_Q3_K, "Q3_K", 256, 110, true},
    {RF_TYPE_Q4_K, "Q4_K", 256, 144, true},
    {RF_TYPE_Q5_K, "Q5_K", 256, 176, true},
    {RF_TYPE_Q6_K, "Q6_K", 256, 210, true},
    {RF_TYPE_Q8_K, "Q8_K", 256, 292, false},
    {RF_TYPE_IQ2_XXS, "IQ2_XXS", 256, 66, false},
    {RF_TYPE_IQ2_XS, "IQ2_XS", 256, 74, false},
    {RF_TYPE_IQ3_XXS, "IQ3_XXS", 256, 98, false},
    {RF_TYPE_IQ1_S, "IQ1_S", 256, 50, false},
    {RF_TYPE_IQ4_NL, "IQ4_NL", 32, 18, true},
    {RF_TYPE_IQ3_S, "IQ3_S", 256, 110, false},
    {RF_TYPE_IQ2_S, "IQ2_S", 256, 82, false},
    {RF_TYPE_IQ4_XS, "IQ4_XS", 256, 136, true},
    {RF_TYPE_I8, "I8", 1, 1, false},
    {RF_TYPE_I16, "I16", 1, 2, false},
    {RF_TYPE_I32, "I32", 1, 4, false},
    {RF_TYPE_I64, "I64", 1, 8, false},
    {RF_TYPE_F64, "F64", 1, 8, false},
    {RF_TYPE_IQ1_M, "IQ1_M", 256, 56, false},
    {RF_TYPE_BF16, "BF16", 1, 2, true},
    {RF_TYPE_TQ1_0, "TQ1_0", 256, 54, false},
    {RF_TYPE_TQ2_0, "TQ2_0", 256, 66, false},
    {RF_TYPE_MXFP4, "MXFP4", 32, 17, true},
};

const rf_type_info *rf_type_describe(uint32_t type)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if ((uint32_t)types[i].type == type)
            return &types[i];
    }
    return NULL;
}
