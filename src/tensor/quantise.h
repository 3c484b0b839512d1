/*
 * quantise.h: rows of f32 to any computable element type, in portable C: for tools and tests that
 * write models, and for the KV cache. Scales are searched for the least squared error; the blocks
 * differ from those of other quantisers, within the format.
 *
 * Every input has a result. F16 and BF16 round to nearest even, and keep NaN and infinity. Block
 * types have none: there NaN counts as 0, and values beyond +-65504 (the largest F16, which scales
 * are) as that.
 */
#ifndef RF_TENSOR_QUANTISE_H
#define RF_TENSOR_QUANTISE_H

#include <stdint.h>

#include "base/error.h"

/* x: n floats; blocks: n elements of the type, n a multiple of its block. Errors: UNSUPPORTED (by
 * the type's name), ARGUMENT (n not a multiple of the block). */
rf_status rf_quantise_row(rf_type type, const float *x, void *blocks, uint64_t n, rf_error *error);

#endif
