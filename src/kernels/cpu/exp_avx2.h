/*
 * exp_avx2.h: e^x for eight floats, within 1 unit in the last place; subnormal results included, 0
 * below and infinity above what an f32 holds, NaN for NaN (a test measures it).
 *
 * x = n ln 2 + r with |r| <= ln 2 / 2, so e^x = 2^n e^r. e^r is its Taylor series up to r^7: what
 * is left out is below (ln 2 / 2)^8 / 8! = 5.2e-9, a tenth of a unit.
 */
#ifndef RF_KERNELS_CPU_EXP_AVX2_H
#define RF_KERNELS_CPU_EXP_AVX2_H

#include <immintrin.h>

/* ln 2 in two parts: the first has so few bits that n times it is exact. */
#define RF_LN2_HIGH 0x1.62e4p-1F
#define RF_LN2_LOW  0x1.7f7d1cp-20F

static inline __m256 rf_exp_avx2_power(__m256i n)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(n, _mm256_set1_epi32(127)), 23));
}

static inline __m256 rf_exp_avx2(__m256 x)
{
    /* Beyond these, the result is 0 or infinity in any case. The order of operands keeps NaN. */
    x = _mm256_min_ps(_mm256_set1_ps(90), _mm256_max_ps(_mm256_set1_ps(-105), x));
    __m256 n = _mm256_round_ps(_mm256_mul_ps(x, _mm256_set1_ps(0x1.715476p0F)), /* log2 e */
                               _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m256 r = _mm256_fnmadd_ps(n, _mm256_set1_ps(RF_LN2_HIGH), x);
    r = _mm256_fnmadd_ps(n, _mm256_set1_ps(RF_LN2_LOW), r);
    __m256 sum = _mm256_set1_ps(1.0F / 5040);
    sum = _mm256_fmadd_ps(sum, r, _mm256_set1_ps(1.0F / 720));
    sum = _mm256_fmadd_ps(sum, r, _mm256_set1_ps(1.0F / 120));
    sum = _mm256_fmadd_ps(sum, r, _mm256_set1_ps(1.0F / 24));
    sum = _mm256_fmadd_ps(sum, r, _mm256_set1_ps(1.0F / 6));
    sum = _mm256_fmadd_ps(sum, r, _mm256_set1_ps(0.5F));
    sum = _mm256_fmadd_ps(sum, r, _mm256_set1_ps(1));
    sum = _mm256_fmadd_ps(sum, r, _mm256_set1_ps(1));
    /* 2^n in two factors: n goes from -152 to 130, an exponent only from -126 to 127. */
    __m256i power = _mm256_cvtps_epi32(n);
    __m256i half = _mm256_srai_epi32(power, 1);
    return _mm256_mul_ps(_mm256_mul_ps(sum, rf_exp_avx2_power(half)),
                         rf_exp_avx2_power(_mm256_sub_epi32(power, half)));
}

#endif
