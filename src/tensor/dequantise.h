/*
 * dequantise.h: rows of any computable element type to f32, in portable C. This is what every
 * faster kernel is measured against; its values are those of the format's reference implementation,
 * bit for bit, which is why the order of the floating-point operations in it matters.
 *
 * A row is n elements, a multiple of the type's block (rf_type_describe). Blocks need no alignment.
 */
#ifndef RF_TENSOR_DEQUANTISE_H
#define RF_TENSOR_DEQUANTISE_H

#include <stdint.h>

#include "base/error.h"

/* blocks: n elements of the type; out: n floats. */
typedef void (*rf_dequantise_fn)(const void *blocks, float *out, uint64_t n);

/* The function for a type, or NULL where it is not computable. It trusts n: check rows once,
 * before. */
rf_dequantise_fn rf_dequantise_for(rf_type type);

/* The checked form. Errors: UNSUPPORTED (by the type's name), ARGUMENT (n not a multiple of the
 * block). */
rf_status rf_dequantise_row(rf_type type, const void *blocks, float *out, uint64_t n,
                            rf_error *error);

#endif
