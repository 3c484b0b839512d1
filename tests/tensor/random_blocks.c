/* random_blocks.c: random weights for tests of formats and dot products. */
#include "tensor/random_blocks.h"

#include <string.h>

#include "tensor/blocks.h"

const rf_type computable_types[] = {
    RF_TYPE_F32,  RF_TYPE_F16,    RF_TYPE_BF16,   RF_TYPE_Q4_0,  RF_TYPE_Q4_1, RF_TYPE_Q5_0,
    RF_TYPE_Q5_1, RF_TYPE_Q8_0,   RF_TYPE_Q2_K,   RF_TYPE_Q3_K,  RF_TYPE_Q4_K, RF_TYPE_Q5_K,
    RF_TYPE_Q6_K, RF_TYPE_IQ4_NL, RF_TYPE_IQ4_XS, RF_TYPE_MXFP4,
};
const uint32_t n_computable_types = sizeof(computable_types) / sizeof(computable_types[0]);

uint64_t random_bits(void)
{
    static uint64_t state = 0x9E3779B97F4A7C15U;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state * 0x2545F4914F6CDD1DU;
}

float random_uniform(float low, float high)
{
    return low + (high - low) * (float)(random_bits() >> 40) * 0x1p-24F;
}

float random_normal(void)
{
    float sum = 0; /* of twelve uniform numbers, each of variance 1/12 */
    for (int i = 0; i < 12; i++)
        sum += random_uniform(-0.5F, 0.5F);
    return sum;
}

/* An F16 of either sign: one in eight zero, one in eight subnormal, the others from 2^-11 to 2^-4.
 */
static uint16_t random_scale(void)
{
    uint16_t sign = (uint16_t)(random_bits() & 0x8000U);
    uint16_t fraction = (uint16_t)(random_bits() & 0x3FFU);
    switch (random_bits() % 8) {
    case 0:
        return sign;
    case 1:
        return sign | fraction;
    default:
        return (uint16_t)(sign | (4 + random_bits() % 7) << 10 | fraction);
    }
}

#define NONE UINT32_MAX

/* Where a block's F16 scales are. */
static const struct {
    rf_type type;
    uint32_t first;
    uint32_t second;
} scale_offsets[] = {
    {RF_TYPE_F16, 0, NONE},
    {RF_TYPE_Q4_0, offsetof(rf_block_q4_0, d), NONE},
    {RF_TYPE_Q4_1, offsetof(rf_block_q4_1, d), offsetof(rf_block_q4_1, m)},
    {RF_TYPE_Q5_0, offsetof(rf_block_q5_0, d), NONE},
    {RF_TYPE_Q5_1, offsetof(rf_block_q5_1, d), offsetof(rf_block_q5_1, m)},
    {RF_TYPE_Q8_0, offsetof(rf_block_q8_0, d), NONE},
    {RF_TYPE_Q2_K, offsetof(rf_block_q2_k, d), offsetof(rf_block_q2_k, dmin)},
    {RF_TYPE_Q3_K, offsetof(rf_block_q3_k, d), NONE},
    {RF_TYPE_Q4_K, offsetof(rf_block_q4_k, d), offsetof(rf_block_q4_k, dmin)},
    {RF_TYPE_Q5_K, offsetof(rf_block_q5_k, d), offsetof(rf_block_q5_k, dmin)},
    {RF_TYPE_Q6_K, offsetof(rf_block_q6_k, d), NONE},
    {RF_TYPE_IQ4_NL, offsetof(rf_block_iq4_nl, d), NONE},
    {RF_TYPE_IQ4_XS, offsetof(rf_block_iq4_xs, d), NONE},
};

static void set_scales(rf_type type, uint8_t *block)
{
    for (size_t i = 0; i < sizeof(scale_offsets) / sizeof(scale_offsets[0]); i++) {
        if (scale_offsets[i].type != type)
            continue;
        uint16_t scale = random_scale();
        memcpy(block + scale_offsets[i].first, &scale, sizeof(scale));
        scale = random_scale();
        if (scale_offsets[i].second != NONE)
            memcpy(block + scale_offsets[i].second, &scale, sizeof(scale));
    }
}

void random_blocks(rf_type type, void *out, uint64_t n)
{
    const rf_type_info *info = rf_type_describe((uint32_t)type);
    uint8_t *block = out;
    for (uint64_t done = 0; done < n; done += info->block_elements, block += info->block_bytes) {
        for (uint32_t i = 0; i < info->block_bytes; i++)
            block[i] = (uint8_t)random_bits();
        set_scales(type, block);
        if (type == RF_TYPE_F32) {
            float x = random_normal();
            memcpy(block, &x, sizeof(x));
        } else if (type == RF_TYPE_BF16) { /* exponents from 2^-31 to 2^0 */
            uint16_t h = (uint16_t)((random_bits() & 0x8FFFU) | 0x3000U);
            memcpy(block, &h, sizeof(h));
        } else if (type == RF_TYPE_MXFP4) { /* from 2^-128, its smallest, or near one */
            block[0] = (uint8_t)(random_bits() % 8 ? 115 + random_bits() % 16 : random_bits() % 4);
        }
    }
}
