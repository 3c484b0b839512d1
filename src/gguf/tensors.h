/*
 * tensors.h: the tensor table: parsing one file's part of it, and checking that each tensor's bytes
 * lie aligned in the file and on no other tensor's. Zero-initialise it to start.
 */
#ifndef RF_GGUF_TENSORS_H
#define RF_GGUF_TENSORS_H

#include "base/map.h"
#include "gguf/cursor.h"

typedef struct rf_gguf_tensors {
    rf_gguf_tensor *items;
    size_t count;
    size_t capacity;
    rf_map index; /* name to place in items: unique over all files */
} rf_gguf_tensors;

/* Also frees what a parse that failed has left. */
void rf_gguf_tensors_free(rf_gguf_tensors *tensors);

/*
 * Appends `count` entries of file number `file`. Their offsets are as in the table (from the start
 * of the data) until rf_gguf_tensors_place. On failure the table is half built, to be freed.
 */
rf_status rf_gguf_tensors_parse(rf_cursor *cursor, uint64_t count, uint32_t file,
                                rf_gguf_tensors *tensors, rf_error *error);

/*
 * Checks the offsets of the tensors from `first` on, all of one file of `file_bytes` bytes whose
 * data starts at `data_start`, and makes them offsets from the start of that file.
 */
rf_status rf_gguf_tensors_place(rf_gguf_tensors *tensors, size_t first, uint64_t data_start,
                                uint64_t alignment, uint64_t file_bytes, rf_error *error);

/*
 * Fills n_elements and bytes of a tensor from its type (any number) and shape: 1 to
 * RF_MAX_DIMENSIONS dimensions, none of them zero, rows of whole blocks, and no product that wraps.
 * Unused dimensions of the shape become 1. On failure the tensor is unchanged.
 */
rf_status rf_gguf_tensor_measure(rf_gguf_tensor *tensor, rf_error *error);

#endif
