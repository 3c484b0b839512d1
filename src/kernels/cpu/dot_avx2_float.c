/* dot_avx2_float.c: AVX2 dot products of F32, F16 and BF16 weights with f32 activations. */
#include "kernels/cpu/dot_avx2.h"
#include "tensor/half.h"

/* How a type's elements are widened: eight at once, or one of them. */
typedef struct widener {
    uint32_t bytes; /* of an element */
    __m256 (*eight)(const uint8_t *at);
    float (*one)(const uint8_t *at);
} widener;

/* One row with up to RF_DOT_COLUMNS columns of f32. */
RF_INLINE void float_row(const widener *widen, const uint8_t *row, uint64_t n, rf_columns columns,
                         float *out, uint64_t out_stride)
{
    rf_sums sums;
    RF_UNROLL(4)
    for (uint32_t c = 0; c < columns.count; c++)
        sums.lanes[c][0] = sums.lanes[c][1] = _mm256_setzero_ps();
    uint64_t i = 0;
    for (; n - i >= 16; i += 16) {
        __m256 low = widen->eight(row + i * widen->bytes);
        __m256 high = widen->eight(row + (i + 8) * widen->bytes);
        RF_UNROLL(4)
        for (uint32_t c = 0; c < columns.count; c++) {
            const float *x = (const float *)(const void *)(columns.x + c * columns.bytes) + i;
            sums.lanes[c][0] = _mm256_fmadd_ps(low, _mm256_loadu_ps(x), sums.lanes[c][0]);
            sums.lanes[c][1] = _mm256_fmadd_ps(high, _mm256_loadu_ps(x + 8), sums.lanes[c][1]);
        }
    }
    RF_UNROLL(4)
    for (uint32_t c = 0; c < columns.count; c++) {
        const float *x = (const float *)(const void *)(columns.x + c * columns.bytes);
        float sum = rf_sum_lanes(_mm256_add_ps(sums.lanes[c][0], sums.lanes[c][1]));
        for (uint64_t rest = i; rest < n; rest++)
            sum += widen->one(row + rest * widen->bytes) * x[rest];
        out[c * out_stride] = sum;
    }
}

RF_INLINE void float_rows(const widener *widen, const rf_dot_tile *tile, uint32_t first,
                          uint32_t count)
{
    const uint8_t *row = tile->weights;
    float *out = tile->out + first * tile->out_stride;
    rf_columns columns = {(const uint8_t *)tile->x + first * tile->x_bytes, tile->x_bytes, count};
    for (uint32_t r = 0; r < tile->n_rows; r++, row += tile->row_bytes)
        float_row(widen, row, tile->n, columns, out + r, tile->out_stride);
}

RF_INLINE void float_tile(const widener *widen, const rf_dot_tile *tile)
{
    uint32_t column = 0;
    for (; tile->n_columns - column >= RF_DOT_COLUMNS; column += RF_DOT_COLUMNS)
        float_rows(widen, tile, column, RF_DOT_COLUMNS);
    for (; column < tile->n_columns; column++)
        float_rows(widen, tile, column, 1);
}

RF_INLINE __m256 f32_eight(const uint8_t *at)
{
    return _mm256_loadu_ps((const float *)(const void *)at);
}

RF_INLINE float f32_one(const uint8_t *at)
{
    float x;
    memcpy(&x, at, sizeof(x));
    return x;
}

RF_INLINE __m256 f16_eight(const uint8_t *at)
{
    return _mm256_cvtph_ps(rf_load128(at));
}

RF_INLINE uint16_t load16(const uint8_t *at)
{
    uint16_t h;
    memcpy(&h, at, sizeof(h));
    return h;
}

RF_INLINE float f16_one(const uint8_t *at)
{
    return rf_f16_to_f32(load16(at));
}

RF_INLINE __m256 bf16_eight(const uint8_t *at)
{
    __m256i words = _mm256_cvtepu16_epi32(rf_load128(at));
    return _mm256_castsi256_ps(_mm256_slli_epi32(words, 16));
}

RF_INLINE float bf16_one(const uint8_t *at)
{
    return rf_bf16_to_f32(load16(at));
}

void rf_dot_f32_avx2(const rf_dot_tile *tile)
{
    static const widener widen = {4, f32_eight, f32_one};
    float_tile(&widen, tile);
}

void rf_dot_f16_avx2(const rf_dot_tile *tile)
{
    static const widener widen = {2, f16_eight, f16_one};
    float_tile(&widen, tile);
}

void rf_dot_bf16_avx2(const rf_dot_tile *tile)
{
    static const widener widen = {2, bf16_eight, bf16_one};
    float_tile(&widen, tile);
}
