/* dot_entries.h: the tables of entries that dot.c chooses from. Each ends with a NULL tile. */
#ifndef RF_KERNELS_CPU_DOT_ENTRIES_H
#define RF_KERNELS_CPU_DOT_ENTRIES_H

#include "kernels/cpu/dot.h"

extern const rf_dot_type rf_dot_portable[];
extern const rf_dot_type rf_dot_avx2[]; /* needs rf_cpu_has_avx2_fma_f16c */

/* Packs nothing: copies. */
void rf_activation_pack_f32(const float *x, void *out, uint64_t n);

/* AVX2 only. */
void rf_activation_pack_q8_avx2(const float *x, void *out, uint64_t n);

void rf_dot_f32_avx2(const rf_dot_tile *tile);
void rf_dot_f16_avx2(const rf_dot_tile *tile);
void rf_dot_bf16_avx2(const rf_dot_tile *tile);
void rf_dot_q4_0_avx2(const rf_dot_tile *tile);
void rf_dot_q4_1_avx2(const rf_dot_tile *tile);
void rf_dot_q5_0_avx2(const rf_dot_tile *tile);
void rf_dot_q5_1_avx2(const rf_dot_tile *tile);
void rf_dot_q8_0_avx2(const rf_dot_tile *tile);
void rf_dot_iq4_nl_avx2(const rf_dot_tile *tile);
void rf_dot_mxfp4_avx2(const rf_dot_tile *tile);
void rf_dot_q2_k_avx2(const rf_dot_tile *tile);
void rf_dot_q3_k_avx2(const rf_dot_tile *tile);
void rf_dot_q4_k_avx2(const rf_dot_tile *tile);
void rf_dot_q5_k_avx2(const rf_dot_tile *tile);
void rf_dot_q6_k_avx2(const rf_dot_tile *tile);
void rf_dot_iq4_xs_avx2(const rf_dot_tile *tile);

#endif
