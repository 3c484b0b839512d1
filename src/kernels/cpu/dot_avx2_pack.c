/* dot_avx2_pack.c: packs activations as 8-bit blocks (dot.h), and lists the AVX2 entries. */
#include <math.h>
#include <string.h>

#include "kernels/cpu/dot_avx2.h"
#include "tensor/half.h"

/* The largest magnitude of 32 floats, as bits: an integer maximum, so that a NaN is the largest of
 * all. */
RF_INLINE uint32_t largest_bits(const __m256 x[4])
{
    const __m256i magnitude = _mm256_set1_epi32(0x7FFFFFFF);
    __m256i largest = _mm256_setzero_si256();
    for (int i = 0; i < 4; i++)
        largest = _mm256_max_epi32(largest, _mm256_and_si256(_mm256_castps_si256(x[i]), magnitude));
    __m128i four =
        _mm_max_epi32(_mm256_castsi256_si128(largest), _mm256_extracti128_si256(largest, 1));
    four = _mm_max_epi32(four, _mm_shuffle_epi32(four, 0x4E));
    four = _mm_max_epi32(four, _mm_shuffle_epi32(four, 0xB1));
    return (uint32_t)_mm_cvtsi128_si32(four);
}

/* 32 floats times inverse, rounded to bytes in their order. */
RF_INLINE __m256i round_to_bytes(const __m256 x[4], float inverse)
{
    __m256i words[4];
    for (int i = 0; i < 4; i++)
        words[i] = _mm256_cvtps_epi32(_mm256_mul_ps(x[i], _mm256_set1_ps(inverse)));
    __m256i bytes = _mm256_packs_epi16(_mm256_packs_epi32(words[0], words[1]),
                                       _mm256_packs_epi32(words[2], words[3]));
    /* Packing works within halves of a register: put the fours back in order. */
    return _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}

/* The sums of each 16 signed bytes: of them plus 128, less what that adds. */
RF_INLINE void sum_bytes(__m256i bytes, int16_t sums[2])
{
    __m256i shifted = _mm256_xor_si256(bytes, _mm256_set1_epi8(-128));
    __m256i eights = _mm256_sad_epu8(shifted, _mm256_setzero_si256());
    __m128i low = _mm256_castsi256_si128(eights);
    __m128i high = _mm256_extracti128_si256(eights, 1);
    sums[0] = (int16_t)(_mm_extract_epi16(low, 0) + _mm_extract_epi16(low, 4) - 16 * 128);
    sums[1] = (int16_t)(_mm_extract_epi16(high, 0) + _mm_extract_epi16(high, 4) - 16 * 128);
}

static void pack_32(const float *x, float *d, int16_t sums[2], int8_t q[32])
{
    __m256 values[4];
    for (int i = 0; i < 4; i++)
        values[i] = _mm256_loadu_ps(x + (ptrdiff_t)8 * i);
    uint32_t bits = largest_bits(values);
    float largest = rf_f32_from_bits(bits);
    if (bits >= 0x7F800000U || largest < 0x1p-100F) { /* NaN or infinity, or too small to invert */
        *d = bits >= 0x7F800000U ? NAN : 0;
        memset(sums, 0, 2 * sizeof(*sums));
        memset(q, 0, 32);
        return;
    }
    *d = largest / 127;
    __m256i bytes = round_to_bytes(values, 127 / largest);
    _mm256_storeu_si256((__m256i *)(void *)q, bytes);
    sum_bytes(bytes, sums);
}

void rf_activation_pack_q8_avx2(const float *x, void *out, uint64_t n)
{
    rf_activation_block *block = out;
    if (n % RF_SUPER_BLOCK)
        memset(block + n / RF_SUPER_BLOCK, 0, sizeof(*block));
    for (uint64_t i = 0; i < n; i += RF_BLOCK) {
        uint64_t j = i % RF_SUPER_BLOCK / RF_BLOCK;
        rf_activation_block *to = block + i / RF_SUPER_BLOCK;
        pack_32(x + i, &to->d[j], &to->sums[2 * j], &to->q[RF_BLOCK * j]);
    }
}

#define ENTRY_F32(type, name)                                                                      \
    {                                                                                              \
        type, RF_ACTIVATION_F32, rf_activation_pack_f32, rf_dot_##name##_avx2                      \
    }
#define ENTRY_Q8(type, name)                                                                       \
    {                                                                                              \
        type, RF_ACTIVATION_Q8, rf_activation_pack_q8_avx2, rf_dot_##name##_avx2                   \
    }

const rf_dot_type rf_dot_avx2[] = {
    ENTRY_F32(RF_TYPE_F32, f32),
    ENTRY_F32(RF_TYPE_F16, f16),
    ENTRY_F32(RF_TYPE_BF16, bf16),
    ENTRY_Q8(RF_TYPE_Q4_0, q4_0),
    ENTRY_Q8(RF_TYPE_Q4_1, q4_1),
    ENTRY_Q8(RF_TYPE_Q5_0, q5_0),
    ENTRY_Q8(RF_TYPE_Q5_1, q5_1),
    ENTRY_Q8(RF_TYPE_Q8_0, q8_0),
    ENTRY_Q8(RF_TYPE_Q2_K, q2_k),
    ENTRY_Q8(RF_TYPE_Q3_K, q3_k),
    ENTRY_Q8(RF_TYPE_Q4_K, q4_k),
    ENTRY_Q8(RF_TYPE_Q5_K, q5_k),
    ENTRY_Q8(RF_TYPE_Q6_K, q6_k),
    ENTRY_Q8(RF_TYPE_IQ4_NL, iq4_nl),
    ENTRY_Q8(RF_TYPE_IQ4_XS, iq4_xs),
    ENTRY_Q8(RF_TYPE_MXFP4, mxfp4),
    {0},
};
