/* kv.h: a layer's pages and a batch, as arguments of kernels. */
#ifndef RF_KERNELS_GPU_KV_H
#define RF_KERNELS_GPU_KV_H

#include "kernels/gpu/args_kv.h"
#include "kernels/gpu/gpu.h"

/* Errors: UNSUPPORTED for an element type that a cache does not have, INTERNAL for a head that is
 * too wide or not of whole blocks. */
rf_status rf_gpu_kv_args(const rf_batch_view *batch, const rf_kv_layer *layer,
                         struct rf_gpu_kv *out, rf_error *error);

#endif
