/* dot_avx2_simple.c: AVX2 readers of the types with blocks of 32 elements; a group is eight blocks.
 */
#include "kernels/cpu/dot_avx2.h"

/*
 * The 16-bit (or 8-bit) field at `offset` of each of a group's blocks, in lanes; 0 for those past
 * the end of a row.
 */
RF_INLINE __m128i fields(const uint8_t *group, size_t stride, size_t offset, uint32_t blocks,
                         bool is_wide)
{
    uint16_t field[8] = {0};
    RF_UNROLL(8)
    for (uint32_t j = 0; j < blocks; j++) {
        const uint8_t *at = group + j * stride + offset;
        field[j] = (uint16_t)(is_wide ? at[0] | at[1] << 8 : at[0]);
    }
    return _mm_setr_epi16((short)field[0], (short)field[1], (short)field[2], (short)field[3],
                          (short)field[4], (short)field[5], (short)field[6], (short)field[7]);
}

/* The F16 scales at the start of each block. */
RF_INLINE __m256 first_scales(const uint8_t *group, size_t stride, uint32_t blocks)
{
    return _mm256_cvtph_ps(fields(group, stride, 0, blocks, true));
}

/* Scales, and a constant that each q is stored with: offset = -constant * scale. */
RF_INLINE rf_scales biased_scales(const uint8_t *group, size_t stride, uint32_t blocks,
                                  float constant)
{
    rf_scales scales;
    scales.scale[0] = first_scales(group, stride, blocks);
    scales.offset[0] = _mm256_mul_ps(scales.scale[0], _mm256_set1_ps(-constant));
    return scales;
}

/* Scales and F16 minimums, which follow them. */
RF_INLINE rf_scales scales_and_mins(const uint8_t *group, size_t stride, uint32_t blocks)
{
    rf_scales scales;
    scales.scale[0] = first_scales(group, stride, blocks);
    scales.offset[0] = _mm256_cvtph_ps(fields(group, stride, 2, blocks, true));
    return scales;
}

/* 16 bytes to 32 numbers of four bits: the low halves, then the high ones. */
RF_INLINE __m256i nibbles(const uint8_t *qs)
{
    __m128i bytes = rf_load128(qs);
    __m256i both =
        _mm256_inserti128_si256(_mm256_castsi128_si256(bytes), _mm_srli_epi16(bytes, 4), 1);
    return _mm256_and_si256(both, _mm256_set1_epi8(15));
}

/* 32 bits to 32 bytes: 16 where the bit is set. */
RF_INLINE __m256i fifth_bits(const uint8_t *qh)
{
    int32_t bits;
    __builtin_memcpy(&bits, qh, sizeof(bits));
    /* Byte i gets the byte with its bit, then keeps that bit alone. */
    const __m256i spread =
        _mm256_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, /* lower lane */
                         2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3);
    const __m256i own_bit = _mm256_set1_epi64x((long long)0x8040201008040201U);
    __m256i bytes = _mm256_shuffle_epi8(_mm256_set1_epi32(bits), spread);
    __m256i is_set = _mm256_cmpeq_epi8(_mm256_and_si256(bytes, own_bit), own_bit);
    return _mm256_and_si256(is_set, _mm256_set1_epi8(16));
}

RF_INLINE rf_scales q4_0_scales(const uint8_t *group, uint32_t blocks)
{
    return biased_scales(group, sizeof(rf_block_q4_0), blocks, 8);
}

RF_INLINE __m256i q4_0_chunk(const uint8_t *group, uint32_t j)
{
    return nibbles(((const rf_block_q4_0 *)group + j)->qs);
}

RF_INLINE rf_scales q4_1_scales(const uint8_t *group, uint32_t blocks)
{
    return scales_and_mins(group, sizeof(rf_block_q4_1), blocks);
}

RF_INLINE __m256i q4_1_chunk(const uint8_t *group, uint32_t j)
{
    return nibbles(((const rf_block_q4_1 *)group + j)->qs);
}

RF_INLINE rf_scales q5_0_scales(const uint8_t *group, uint32_t blocks)
{
    return biased_scales(group, sizeof(rf_block_q5_0), blocks, 16);
}

RF_INLINE __m256i q5_0_chunk(const uint8_t *group, uint32_t j)
{
    const uint8_t *block = group + j * sizeof(rf_block_q5_0);
    return _mm256_or_si256(nibbles(block + offsetof(rf_block_q5_0, qs)),
                           fifth_bits(block + offsetof(rf_block_q5_0, qh)));
}

RF_INLINE rf_scales q5_1_scales(const uint8_t *group, uint32_t blocks)
{
    return scales_and_mins(group, sizeof(rf_block_q5_1), blocks);
}

RF_INLINE __m256i q5_1_chunk(const uint8_t *group, uint32_t j)
{
    const uint8_t *block = group + j * sizeof(rf_block_q5_1);
    return _mm256_or_si256(nibbles(block + offsetof(rf_block_q5_1, qs)),
                           fifth_bits(block + offsetof(rf_block_q5_1, qh)));
}

RF_INLINE rf_scales q8_0_scales(const uint8_t *group, uint32_t blocks)
{
    return (rf_scales){.scale[0] = first_scales(group, sizeof(rf_block_q8_0), blocks)};
}

RF_INLINE __m256i q8_0_chunk(const uint8_t *group, uint32_t j)
{
    return rf_load256(((const rf_block_q8_0 *)group + j)->qs);
}

RF_INLINE rf_scales iq4_nl_scales(const uint8_t *group, uint32_t blocks)
{
    return (rf_scales){.scale[0] = first_scales(group, sizeof(rf_block_iq4_nl), blocks)};
}

RF_INLINE __m256i iq4_nl_chunk(const uint8_t *group, uint32_t j)
{
    __m256i table = _mm256_broadcastsi128_si256(rf_load128(rf_iq4_nl_values));
    return _mm256_shuffle_epi8(table, nibbles(((const rf_block_iq4_nl *)group + j)->qs));
}

/* 2^(e - 128), as rf_e8m0_half_to_f32. */
RF_INLINE rf_scales mxfp4_scales(const uint8_t *group, uint32_t blocks)
{
    __m256i e = _mm256_cvtepu16_epi32(fields(group, sizeof(rf_block_mxfp4), 0, blocks, false));
    __m256i normal = _mm256_slli_epi32(_mm256_sub_epi32(e, _mm256_set1_epi32(1)), 23);
    __m256i subnormal = _mm256_sllv_epi32(_mm256_set1_epi32(0x00200000), e);
    __m256i bits =
        _mm256_blendv_epi8(normal, subnormal, _mm256_cmpgt_epi32(_mm256_set1_epi32(2), e));
    return (rf_scales){.scale[0] = _mm256_castsi256_ps(bits)};
}

RF_INLINE __m256i mxfp4_chunk(const uint8_t *group, uint32_t j)
{
    __m256i table = _mm256_broadcastsi128_si256(rf_load128(rf_mxfp4_values));
    return _mm256_shuffle_epi8(table, nibbles(((const rf_block_mxfp4 *)group + j)->qs));
}

RF_DOT_AVX2(q4_0, 8 * sizeof(rf_block_q4_0), 32, false, true, q4_0_scales, q4_0_chunk)
RF_DOT_AVX2(q4_1, 8 * sizeof(rf_block_q4_1), 32, false, true, q4_1_scales, q4_1_chunk)
RF_DOT_AVX2(q5_0, 8 * sizeof(rf_block_q5_0), 32, false, true, q5_0_scales, q5_0_chunk)
RF_DOT_AVX2(q5_1, 8 * sizeof(rf_block_q5_1), 32, false, true, q5_1_scales, q5_1_chunk)
RF_DOT_AVX2(q8_0, 8 * sizeof(rf_block_q8_0), 32, true, false, q8_0_scales, q8_0_chunk)
RF_DOT_AVX2(iq4_nl, 8 * sizeof(rf_block_iq4_nl), 32, true, false, iq4_nl_scales, iq4_nl_chunk)
RF_DOT_AVX2(mxfp4, 8 * sizeof(rf_block_mxfp4), 32, true, false, mxfp4_scales, mxfp4_chunk)
