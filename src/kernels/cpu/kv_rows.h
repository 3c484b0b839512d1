/* kv_rows.h: rows of the KV cache, to and from f32; see rf_kv_rows in loops.h. Portable and AVX2
 * versions give the same bits. */
#ifndef RF_KERNELS_CPU_KV_ROWS_H
#define RF_KERNELS_CPU_KV_ROWS_H

#include <stdint.h>

void rf_kv_store_f32(const float *x, void *row, uint64_t n);
void rf_kv_store_f16(const float *x, void *row, uint64_t n);
void rf_kv_store_q8_0(const float *x, void *row, uint64_t n);
void rf_kv_load_f32(const void *row, float *out, uint64_t n);
void rf_kv_load_f16(const void *row, float *out, uint64_t n);
void rf_kv_load_q8_0(const void *row, float *out, uint64_t n);

/* These need AVX2 and F16C. */
void rf_kv_store_f16_avx2(const float *x, void *row, uint64_t n);
void rf_kv_load_f16_avx2(const void *row, float *out, uint64_t n);
void rf_kv_load_q8_0_avx2(const void *row, float *out, uint64_t n);

#endif
