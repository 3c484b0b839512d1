/* kv_rows_avx2.c: rows of the KV cache with AVX2 and F16C. */
#include <immintrin.h>
#include <string.h>

#include "kernels/cpu/kv_rows.h"
#include "tensor/blocks.h"
#include "tensor/half.h"

void rf_kv_store_f16_avx2(const float *x, void *row, uint64_t n)
{
    uint8_t *out = row;
    uint64_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m128i half = _mm256_cvtps_ph(_mm256_loadu_ps(x + i), _MM_FROUND_TO_NEAREST_INT);
        _mm_storeu_si128((__m128i *)(void *)(out + 2 * i), half);
    }
    for (; i < n; i++) {
        uint16_t half = rf_f32_to_f16(x[i]);
        memcpy(out + 2 * i, &half, sizeof(half));
    }
}

void rf_kv_load_f16_avx2(const void *row, float *out, uint64_t n)
{
    const uint8_t *from = row;
    uint64_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m128i half = _mm_loadu_si128((const __m128i *)(const void *)(from + 2 * i));
        _mm256_storeu_ps(out + i, _mm256_cvtph_ps(half));
    }
    for (; i < n; i++) {
        uint16_t half;
        memcpy(&half, from + 2 * i, sizeof(half));
        out[i] = rf_f16_to_f32(half);
    }
}

void rf_kv_load_q8_0_avx2(const void *row, float *out, uint64_t n)
{
    const rf_block_q8_0 *block = row;
    for (; n; n -= RF_BLOCK, out += RF_BLOCK, block++) {
        __m256 d = _mm256_set1_ps(_cvtsh_ss(block->d));
        for (int i = 0; i < RF_BLOCK; i += 8) {
            __m128i q = _mm_loadl_epi64((const __m128i *)(const void *)(block->qs + i));
            __m256 values = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(q));
            _mm256_storeu_ps(out + i, _mm256_mul_ps(values, d));
        }
    }
}
