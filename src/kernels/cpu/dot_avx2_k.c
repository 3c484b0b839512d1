/* dot_avx2_k.c: AVX2 readers of the types with blocks of 256 elements; a group is one block. */
#include "kernels/cpu/dot_avx2.h"

RF_INLINE uint32_t load32(const uint8_t *at)
{
    uint32_t word;
    __builtin_memcpy(&word, at, sizeof(word));
    return word;
}

RF_INLINE __m256 widen_f16(uint16_t h)
{
    return _mm256_set1_ps(_cvtsh_ss(h));
}

/* Eight unsigned bytes, in two words, to floats. */
RF_INLINE __m256 floats(uint32_t low, uint32_t high)
{
    __m128i bytes = _mm_cvtsi64_si128((long long)((uint64_t)high << 32 | low));
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes));
}

/* The bits of each byte from `shift` on, up to four of them, in the lowest places. */
RF_INLINE __m256i bits_of(__m256i bytes, uint32_t shift, int mask)
{
    return _mm256_and_si256(_mm256_srli_epi16(bytes, (int)shift), _mm256_set1_epi8((char)mask));
}

RF_INLINE rf_scales q2_k_scales(const uint8_t *group, uint32_t blocks)
{
    (void)blocks;
    const rf_block_q2_k *block = (const void *)group;
    __m256 d = widen_f16(block->d);
    __m256 dmin = _mm256_sub_ps(_mm256_setzero_ps(), widen_f16(block->dmin));
    rf_scales scales;
    for (size_t half = 0; half < 2; half++) {
        uint32_t low = load32(block->scales + 8 * half);
        uint32_t high = load32(block->scales + 8 * half + 4);
        const uint32_t mask = 0x0F0F0F0F;
        scales.scale[half] = _mm256_mul_ps(d, floats(low & mask, high & mask));
        scales.offset[half] = _mm256_mul_ps(dmin, floats(low >> 4 & mask, high >> 4 & mask));
    }
    return scales;
}

RF_INLINE __m256i q2_k_chunk(const uint8_t *group, uint32_t j)
{
    const rf_block_q2_k *block = (const void *)group;
    return bits_of(rf_load256(block->qs + (size_t)32 * (j / 4)), 2 * (j % 4), 3);
}

/* Scales of 16 sub-blocks as floats times d; q is stored plus `bias`. */
RF_INLINE rf_scales signed_scales(__m128i bytes, uint16_t d, float bias)
{
    rf_scales scales;
    __m128i halves[2] = {bytes, _mm_srli_si128(bytes, 8)};
    for (size_t half = 0; half < 2; half++) {
        __m256 scale = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(halves[half]));
        scales.scale[half] = _mm256_mul_ps(widen_f16(d), scale);
        scales.offset[half] = _mm256_mul_ps(scales.scale[half], _mm256_set1_ps(-bias));
    }
    return scales;
}

/* rf_q3_k_scale for all sixteen, four to a word. */
RF_INLINE rf_scales q3_k_scales(const uint8_t *group, uint32_t blocks)
{
    (void)blocks;
    const rf_block_q3_k *block = (const void *)group;
    uint32_t a = load32(block->scales);
    uint32_t b = load32(block->scales + 4);
    uint32_t high = load32(block->scales + 8);
    const uint32_t four = 0x0F0F0F0F;
    const uint32_t two = 0x03030303;
    __m128i bytes = _mm_setr_epi32((int)((a & four) | (high & two) << 4),
                                   (int)((b & four) | (high >> 2 & two) << 4),
                                   (int)((a >> 4 & four) | (high >> 4 & two) << 4),
                                   (int)((b >> 4 & four) | (high >> 6 & two) << 4));
    return signed_scales(_mm_sub_epi8(bytes, _mm_set1_epi8(32)), block->d, 4);
}

RF_INLINE __m256i q3_k_chunk(const uint8_t *group, uint32_t j)
{
    const rf_block_q3_k *block = (const void *)group;
    __m256i low = bits_of(rf_load256(block->qs + (size_t)32 * (j / 4)), 2 * (j % 4), 3);
    __m256i high = bits_of(rf_load256(block->hmask), j, 1);
    return _mm256_or_si256(low, _mm256_slli_epi16(high, 2));
}

/* rf_q4_k_scale for all eight, four to a word. */
RF_INLINE rf_scales scales_6_bits(const uint8_t bytes[RF_K_SCALES], uint16_t d, uint16_t dmin)
{
    uint32_t a = load32(bytes);
    uint32_t b = load32(bytes + 4);
    uint32_t c = load32(bytes + 8);
    const uint32_t six = 0x3F3F3F3F;
    const uint32_t four = 0x0F0F0F0F;
    const uint32_t two = 0x03030303;
    __m256 scale = floats(a & six, (c & four) | (a >> 6 & two) << 4);
    __m256 min = floats(b & six, (c >> 4 & four) | (b >> 6 & two) << 4);
    rf_scales scales;
    scales.scale[0] = _mm256_mul_ps(widen_f16(d), scale);
    scales.offset[0] = _mm256_mul_ps(widen_f16(dmin), _mm256_sub_ps(_mm256_setzero_ps(), min));
    return scales;
}

RF_INLINE rf_scales q4_k_scales(const uint8_t *group, uint32_t blocks)
{
    (void)blocks;
    const rf_block_q4_k *block = (const void *)group;
    return scales_6_bits(block->scales, block->d, block->dmin);
}

RF_INLINE __m256i q4_k_chunk(const uint8_t *group, uint32_t j)
{
    const rf_block_q4_k *block = (const void *)group;
    return bits_of(rf_load256(block->qs + (size_t)32 * (j / 2)), 4 * (j % 2), 15);
}

RF_INLINE rf_scales q5_k_scales(const uint8_t *group, uint32_t blocks)
{
    (void)blocks;
    const rf_block_q5_k *block = (const void *)group;
    return scales_6_bits(block->scales, block->d, block->dmin);
}

RF_INLINE __m256i q5_k_chunk(const uint8_t *group, uint32_t j)
{
    const rf_block_q5_k *block = (const void *)group;
    __m256i low = bits_of(rf_load256(block->qs + (size_t)32 * (j / 2)), 4 * (j % 2), 15);
    __m256i high = bits_of(rf_load256(block->qh), j, 1);
    return _mm256_or_si256(low, _mm256_slli_epi16(high, 4));
}

RF_INLINE rf_scales q6_k_scales(const uint8_t *group, uint32_t blocks)
{
    (void)blocks;
    const rf_block_q6_k *block = (const void *)group;
    return signed_scales(rf_load128(block->scales), block->d, 32);
}

RF_INLINE __m256i q6_k_chunk(const uint8_t *group, uint32_t j)
{
    const rf_block_q6_k *block = (const void *)group;
    uint32_t part = j % 4; /* of a half block */
    __m256i low = rf_load256(block->ql + (size_t)64 * (j / 4) + (size_t)32 * (part % 2));
    __m256i high = rf_load256(block->qh + (size_t)32 * (j / 4));
    return _mm256_or_si256(bits_of(low, 4 * (part / 2), 15),
                           _mm256_slli_epi16(bits_of(high, 2 * part, 3), 4));
}

/* rf_iq4_xs_scale for all eight. */
RF_INLINE rf_scales iq4_xs_scales(const uint8_t *group, uint32_t blocks)
{
    (void)blocks;
    const rf_block_iq4_xs *block = (const void *)group;
    const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    __m256i low = _mm256_srlv_epi32(_mm256_set1_epi32((int)load32(block->scales_l)),
                                    _mm256_slli_epi32(lanes, 2));
    __m256i high =
        _mm256_srlv_epi32(_mm256_set1_epi32(block->scales_h), _mm256_slli_epi32(lanes, 1));
    low = _mm256_and_si256(low, _mm256_set1_epi32(15));
    high = _mm256_slli_epi32(_mm256_and_si256(high, _mm256_set1_epi32(3)), 4);
    __m256i scale = _mm256_sub_epi32(_mm256_or_si256(low, high), _mm256_set1_epi32(32));
    return (rf_scales){.scale[0] = _mm256_mul_ps(widen_f16(block->d), _mm256_cvtepi32_ps(scale))};
}

RF_INLINE __m256i iq4_xs_chunk(const uint8_t *group, uint32_t j)
{
    const rf_block_iq4_xs *block = (const void *)group;
    __m128i bytes = rf_load128(block->qs + (size_t)16 * j);
    __m256i both =
        _mm256_inserti128_si256(_mm256_castsi128_si256(bytes), _mm_srli_epi16(bytes, 4), 1);
    __m256i table = _mm256_broadcastsi128_si256(rf_load128(rf_iq4_nl_values));
    return _mm256_shuffle_epi8(table, _mm256_and_si256(both, _mm256_set1_epi8(15)));
}

RF_DOT_AVX2(q2_k, sizeof(rf_block_q2_k), 16, false, true, q2_k_scales, q2_k_chunk)
RF_DOT_AVX2(q3_k, sizeof(rf_block_q3_k), 16, false, true, q3_k_scales, q3_k_chunk)
RF_DOT_AVX2(q4_k, sizeof(rf_block_q4_k), 32, false, true, q4_k_scales, q4_k_chunk)
RF_DOT_AVX2(q5_k, sizeof(rf_block_q5_k), 32, false, true, q5_k_scales, q5_k_chunk)
RF_DOT_AVX2(q6_k, sizeof(rf_block_q6_k), 16, false, true, q6_k_scales, q6_k_chunk)
RF_DOT_AVX2(iq4_xs, sizeof(rf_block_iq4_xs), 32, true, false, iq4_xs_scales, iq4_xs_chunk)
