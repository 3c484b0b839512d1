/* loops_avx2.c: the inner loops with AVX2 and FMA. */
#include <immintrin.h>
#include <math.h>

#include "kernels/cpu/exp_avx2.h"
#include "kernels/cpu/kv_rows.h"
#include "kernels/cpu/loops.h"

#define LANES RF_ATTENTION_LANES

static float sum_lanes(__m256 x)
{
    __m128 sum = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    sum = _mm_add_ps(sum, _mm_movehl_ps(sum, sum));
    return _mm_cvtss_f32(_mm_add_ss(sum, _mm_movehdup_ps(sum)));
}

/* The first n (0 to 8) lanes, for masked loads and stores at the end of an array. */
static __m256i first_lanes(uint64_t n)
{
    const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), lanes);
}

/* Squares are summed in double: it costs nothing beside the memory, and no length of row loses
 * digits. */
static double sum_of_squares(const float *x, uint64_t n)
{
    __m256d sums[2] = {_mm256_setzero_pd(), _mm256_setzero_pd()};
    uint64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        __m256d low = _mm256_cvtps_pd(_mm_loadu_ps(x + i));
        __m256d high = _mm256_cvtps_pd(_mm_loadu_ps(x + i + 4));
        sums[0] = _mm256_fmadd_pd(low, low, sums[0]);
        sums[1] = _mm256_fmadd_pd(high, high, sums[1]);
    }
    double parts[4];
    _mm256_storeu_pd(parts, _mm256_add_pd(sums[0], sums[1]));
    double sum = (parts[0] + parts[1]) + (parts[2] + parts[3]);
    for (; i < n; i++)
        sum += (double)x[i] * (double)x[i];
    return sum;
}

static void norm(const float *x, const float *weight, float *out, uint64_t n, float epsilon)
{
    const float scale = (float)(1 / sqrt(sum_of_squares(x, n) / (double)n + (double)epsilon));
    const __m256 scales = _mm256_set1_ps(scale);
    uint64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        __m256 scaled = _mm256_mul_ps(_mm256_loadu_ps(x + i), scales);
        _mm256_storeu_ps(out + i, _mm256_mul_ps(scaled, _mm256_loadu_ps(weight + i)));
    }
    for (; i < n; i++)
        out[i] = x[i] * scale * weight[i];
}

/* x / (1 + e^-x) * up */
static __m256 swiglu_lanes(__m256 gate, __m256 up)
{
    __m256 power = rf_exp_avx2(_mm256_sub_ps(_mm256_setzero_ps(), gate));
    __m256 silu = _mm256_div_ps(gate, _mm256_add_ps(_mm256_set1_ps(1), power));
    return _mm256_mul_ps(silu, up);
}

static void swiglu(const float *gate, const float *up, float *out, uint64_t n)
{
    uint64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        _mm256_storeu_ps(out + i, swiglu_lanes(_mm256_loadu_ps(gate + i), _mm256_loadu_ps(up + i)));
    if (i == n)
        return;
    __m256i rest = first_lanes(n - i);
    __m256 last =
        swiglu_lanes(_mm256_maskload_ps(gate + i, rest), _mm256_maskload_ps(up + i, rest));
    _mm256_maskstore_ps(out + i, rest, last);
}

static float exponentials(float *x, uint32_t n, float max)
{
    const __m256 maxima = _mm256_set1_ps(max);
    __m256 sum = _mm256_setzero_ps();
    for (uint32_t i = 0; i < n; i += LANES) {
        __m256 power = rf_exp_avx2(_mm256_sub_ps(_mm256_load_ps(x + i), maxima));
        if (n - i < LANES)
            power = _mm256_and_ps(power, _mm256_castsi256_ps(first_lanes(n - i)));
        _mm256_store_ps(x + i, power);
        sum = _mm256_add_ps(sum, power);
    }
    return sum_lanes(sum);
}

/* The sums of the lanes of eight vectors, in order. */
static __m256 sum_lanes_of_eight(const __m256 x[LANES])
{
    __m256 a = _mm256_hadd_ps(_mm256_hadd_ps(x[0], x[1]), _mm256_hadd_ps(x[2], x[3]));
    __m256 b = _mm256_hadd_ps(_mm256_hadd_ps(x[4], x[5]), _mm256_hadd_ps(x[6], x[7]));
    return _mm256_add_ps(_mm256_permute2f128_ps(a, b, 0x20), _mm256_permute2f128_ps(a, b, 0x31));
}

/* Eight keys at once: as many independent sums as it takes to keep both multipliers busy. */
static void scores(const float *q, const float *keys, uint32_t n_keys, uint32_t width,
                   float *scores)
{
    for (uint32_t j = 0; j < n_keys; j += LANES, keys += (size_t)LANES * width) {
        __m256 sums[LANES] = {0};
        for (uint32_t d = 0; d < width; d += LANES) {
            const __m256 part = _mm256_load_ps(q + d);
#pragma GCC unroll 8
            for (uint32_t i = 0; i < LANES; i++)
                sums[i] =
                    _mm256_fmadd_ps(part, _mm256_load_ps(keys + (size_t)i * width + d), sums[i]);
        }
        _mm256_store_ps(scores + j, sum_lanes_of_eight(sums));
    }
}

/* `vectors` times eight elements of the sum stay in registers while all values pass. */
static inline __attribute__((always_inline)) void
accumulate_strip(const float *weights, const float *values, uint32_t n_values, uint32_t width,
                 float scale, float *sum, uint32_t vectors)
{
    __m256 sums[4];
#pragma GCC unroll 4
    for (uint32_t i = 0; i < vectors; i++)
        sums[i] = _mm256_mul_ps(_mm256_load_ps(sum + (size_t)i * LANES), _mm256_set1_ps(scale));
    for (uint32_t j = 0; j < n_values; j++) {
        const __m256 weight = _mm256_set1_ps(weights[j]);
        const float *row = values + (size_t)j * width;
#pragma GCC unroll 4
        for (uint32_t i = 0; i < vectors; i++)
            sums[i] = _mm256_fmadd_ps(weight, _mm256_load_ps(row + (size_t)i * LANES), sums[i]);
    }
#pragma GCC unroll 4
    for (uint32_t i = 0; i < vectors; i++)
        _mm256_store_ps(sum + (size_t)i * LANES, sums[i]);
}

static void accumulate(const float *weights, const float *values, uint32_t n_values, uint32_t width,
                       float scale, float *sum)
{
    uint32_t d = 0;
    for (; d + 4 * LANES <= width; d += 4 * LANES)
        accumulate_strip(weights, values + d, n_values, width, scale, sum + d, 4);
    for (; d < width; d += LANES)
        accumulate_strip(weights, values + d, n_values, width, scale, sum + d, 1);
}

const rf_cpu_loops rf_loops_avx2 = {
    .norm = norm,
    .swiglu = swiglu,
    .exponentials = exponentials,
    .scores = scores,
    .accumulate = accumulate,
    .kv_rows =
        {
            {RF_TYPE_F32, rf_kv_store_f32, rf_kv_load_f32},
            {RF_TYPE_F16, rf_kv_store_f16_avx2, rf_kv_load_f16_avx2},
            {RF_TYPE_Q8_0, rf_kv_store_q8_0, rf_kv_load_q8_0_avx2},
        },
};
