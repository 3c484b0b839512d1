/*
 * half.h: conversions between f32 and the 16-bit and 8-bit floats that weights and scales are
 * stored in: F16 (IEEE 754 binary16), BF16 (the upper half of an f32) and E8M0 (a power of two, OCP
 * Microscaling Formats 1.0).
 *
 * Portable C. Widening is exact; narrowing rounds to nearest, ties to even, subnormals included,
 * and overflows to infinity. A NaN stays a NaN: its sign and the upper bits of its payload are kept
 * and the quiet bit is set, as the F16C instructions do. The current rounding mode must be to
 * nearest.
 */
#ifndef RF_TENSOR_HALF_H
#define RF_TENSOR_HALF_H

#include <stdint.h>
#include <string.h>

static inline uint32_t rf_f32_bits(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof(bits));
    return bits;
}

static inline float rf_f32_from_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof(x));
    return x;
}

static inline float rf_f16_to_f32(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000U) << 16;
    uint32_t exponent = (h >> 10) & 0x1FU;
    uint32_t fraction = h & 0x3FFU;
    if (exponent == 0) {
        /* Zero or subnormal: fraction * 2^-24, a normal f32. */
        float magnitude = (float)fraction * 0x1p-24F;
        return rf_f32_from_bits(sign | rf_f32_bits(magnitude));
    }
    if (exponent == 0x1F) {
        uint32_t quiet = fraction ? 0x00400000U : 0;
        return rf_f32_from_bits(sign | 0x7F800000U | quiet | fraction << 13);
    }
    return rf_f32_from_bits(sign | (exponent + 127 - 15) << 23 | fraction << 13);
}

static inline uint16_t rf_f32_to_f16(float x)
{
    uint32_t bits = rf_f32_bits(x);
    uint32_t sign = (bits >> 16) & 0x8000U;
    uint32_t magnitude = bits & 0x7FFFFFFFU;
    if (magnitude > 0x7F800000U) /* NaN */
        return (uint16_t)(sign | 0x7E00U | (magnitude >> 13 & 0x3FFU));
    if (magnitude >= 0x477FF000U) /* 65520, half way from the largest F16 to 2^16, and all above */
        return (uint16_t)(sign | 0x7C00U);
    if (magnitude < 0x38800000U) {
        /* Below 2^-14: a subnormal F16. One unit in the last place of 0.5 is 2^-24, the step of
         * those, so the addition does the rounding. */
        float sum = rf_f32_from_bits(magnitude) + 0.5F;
        return (uint16_t)(sign | (rf_f32_bits(sum) - 0x3F000000U));
    }
    /* Drop 13 bits, adding half of what they are worth, less one bit where the result is even. A
     * carry runs into the exponent, which is right. */
    uint32_t rounded = magnitude + 0xFFFU + (magnitude >> 13 & 1U);
    return (uint16_t)(sign | ((rounded >> 13) - ((127U - 15U) << 10)));
}

static inline float rf_bf16_to_f32(uint16_t h)
{
    return rf_f32_from_bits((uint32_t)h << 16);
}

static inline uint16_t rf_f32_to_bf16(float x)
{
    uint32_t bits = rf_f32_bits(x);
    if ((bits & 0x7FFFFFFFU) > 0x7F800000U) /* NaN */
        return (uint16_t)(bits >> 16 | 0x0040U);
    return (uint16_t)((bits + 0x7FFFU + (bits >> 16 & 1U)) >> 16);
}

/*
 * Half of an E8M0 scale: 2^(e - 128), subnormal for e below 2. MXFP4 blocks are computed with
 * doubled (and so whole) values and halved scales. 255, a NaN in the standard, is 2^127 here, as in
 * the format's reference implementation.
 */
static inline float rf_e8m0_half_to_f32(uint8_t e)
{
    return rf_f32_from_bits(e < 2 ? 0x00200000U << e : (uint32_t)(e - 1) << 23);
}

#endif
