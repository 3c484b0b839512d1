/* prepare.h: the host's side of prepare.hip: rows of activations in the form that a product wants.
 */
#ifndef RF_KERNELS_GPU_PREPARE_H
#define RF_KERNELS_GPU_PREPARE_H

#include "kernels/gpu/product.h"

/* Bytes that n_rows rows of k elements take in the largest of the forms, rounded up as rooms do. */
rf_status rf_gpu_prepare_bytes(uint64_t n_rows, uint64_t k, uint64_t *bytes, rf_error *error);

/* Prepares the first n_rows rows of the input, as rf_linear_input says; in the room, but for f32
 * rows that are used where they are. */
rf_status rf_gpu_prepare(const rf_compute *compute, const rf_linear_input *input, uint32_t n_rows,
                         uint32_t k, rf_gpu_form form, rf_gpu_room *room, rf_gpu_rows *out,
                         rf_error *error);

#endif
