/*
 * quantise_types.h: the functions behind quantise.h's table. Each makes one block from its
 * elements, which are finite and of magnitude 65504 or less.
 */
#ifndef RF_TENSOR_QUANTISE_TYPES_H
#define RF_TENSOR_QUANTISE_TYPES_H

void rf_quantise_q4_0(const float *x, void *block);
void rf_quantise_q4_1(const float *x, void *block);
void rf_quantise_q5_0(const float *x, void *block);
void rf_quantise_q5_1(const float *x, void *block);
void rf_quantise_q8_0(const float *x, void *block);
void rf_quantise_q2_k(const float *x, void *block);
void rf_quantise_q3_k(const float *x, void *block);
void rf_quantise_q4_k(const float *x, void *block);
void rf_quantise_q5_k(const float *x, void *block);
void rf_quantise_q6_k(const float *x, void *block);
void rf_quantise_iq4_nl(const float *x, void *block);
void rf_quantise_iq4_xs(const float *x, void *block);
void rf_quantise_mxfp4(const float *x, void *block);

#endif
