/*
 * tensor.h: a tensor as a value: element type, shape, strides, and the block that holds its bytes.
 * It owns nothing; copying one copies a view. Its address is resolved when it is made, so that the
 * token loop touches neither pools nor locks; making it checks that the bytes lie in the block.
 */
#ifndef RF_TENSOR_TENSOR_H
#define RF_TENSOR_TENSOR_H

#include "memory/pool.h"

typedef struct rf_tensor {
    rf_type type;
    uint32_t n_dimensions;
    uint64_t shape[RF_MAX_DIMENSIONS];  /* elements, innermost first; unused ones are 1 */
    uint64_t stride[RF_MAX_DIMENSIONS]; /* bytes from one index to the next; [0] is of one block */
    rf_block block;
    rf_address address; /* of the first byte, on the device of the block */
} rf_tensor;

/* Bytes of a contiguous tensor. RF_ERROR_FORMAT for an unknown type, a zero dimension or a row that
 * is not whole blocks; RF_ERROR_OVERFLOW. */
rf_status rf_tensor_bytes(rf_type type, uint32_t n_dimensions, const uint64_t *shape,
                          uint64_t *bytes, rf_error *error);

/* A contiguous tensor at an offset of a block. Errors: those above, RF_ERROR_RANGE, RF_ERROR_STALE.
 */
rf_status rf_tensor_make(rf_type type, uint32_t n_dimensions, const uint64_t *shape, rf_block block,
                         uint64_t offset, rf_tensor *out, rf_error *error);

/* The part [begin, begin + count) along the outermost dimension. RF_ERROR_RANGE. */
rf_status rf_tensor_slice(const rf_tensor *tensor, uint64_t begin, uint64_t count, rf_tensor *out,
                          rf_error *error);

/* Room for "[4096, 128, 8, 1]" with the largest numbers. */
#define RF_SHAPE_TEXT_BYTES (RF_MAX_DIMENSIONS * 22 + 3)

/* Writes a shape as "[256, 128]" and returns text. */
const char *rf_shape_text(uint32_t n_dimensions, const uint64_t *shape,
                          char text[RF_SHAPE_TEXT_BYTES]);

#endif
