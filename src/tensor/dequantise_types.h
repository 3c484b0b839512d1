/* dequantise_types.h: the functions behind dequantise.h's table, one an element type. */
#ifndef RF_TENSOR_DEQUANTISE_TYPES_H
#define RF_TENSOR_DEQUANTISE_TYPES_H

#include <stdint.h>

void rf_dequantise_f32(const void *blocks, float *out, uint64_t n);
void rf_dequantise_f16(const void *blocks, float *out, uint64_t n);
void rf_dequantise_bf16(const void *blocks, float *out, uint64_t n);
void rf_dequantise_q4_0(const void *blocks, float *out, uint64_t n);
void rf_dequantise_q4_1(const void *blocks, float *out, uint64_t n);
void rf_dequantise_q5_0(const void *blocks, float *out, uint64_t n);
void rf_dequantise_q5_1(const void *blocks, float *out, uint64_t n);
void rf_dequantise_q8_0(const void *blocks, float *out, uint64_t n);
void rf_dequantise_q2_k(const void *blocks, float *out, uint64_t n);
void rf_dequantise_q3_k(const void *blocks, float *out, uint64_t n);
void rf_dequantise_q4_k(const void *blocks, float *out, uint64_t n);
void rf_dequantise_q5_k(const void *blocks, float *out, uint64_t n);
void rf_dequantise_q6_k(const void *blocks, float *out, uint64_t n);
void rf_dequantise_iq4_nl(const void *blocks, float *out, uint64_t n);
void rf_dequantise_iq4_xs(const void *blocks, float *out, uint64_t n);
void rf_dequantise_mxfp4(const void *blocks, float *out, uint64_t n);

#endif
