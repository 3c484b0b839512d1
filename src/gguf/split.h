/*
 * split.h: models in several files. Each part carries its number and the number of parts in its
 * metadata, and in its name: PREFIX-00001-of-00003.gguf. (The convention of llama.cpp's gguf-split;
 * numbers in names start at 1, those in the metadata at 0.)
 */
#ifndef RF_GGUF_SPLIT_H
#define RF_GGUF_SPLIT_H

#include "gguf/metadata.h"

typedef struct rf_gguf_split {
    uint32_t number;    /* from 0 */
    uint32_t count;     /* parts of the model; 1 for a file that is not split */
    uint64_t n_tensors; /* in all parts together; 0 for a file that is not split */
} rf_gguf_split;

/* Reads the split.* keys. A file without them, or with a count of 0 or 1, is not split. */
rf_status rf_gguf_split_read(const rf_gguf_metadata *metadata, rf_gguf_split *out, rf_error *error);

/*
 * The path of part `number` (from 0), made from the path of part `from`. *out is freed with
 * rf_free. RF_ERROR_FORMAT where `path` is not named as part `from` of so many.
 */
rf_status rf_gguf_split_path(const char *path, uint32_t from, uint32_t count, uint32_t number,
                             char **out, rf_error *error);

#endif
