/* parse.h: one GGUF file, of a model that may have several: its header, metadata and tensors. */
#ifndef RF_GGUF_PARSE_H
#define RF_GGUF_PARSE_H

#include "base/file.h"
#include "gguf/metadata.h"
#include "gguf/tensors.h"

typedef struct rf_gguf_header {
    uint32_t version;
    uint64_t n_tensors;
    uint64_t n_values;
    uint64_t alignment; /* of the data: from the metadata, or the format's default */
} rf_gguf_header;

/*
 * Maps and validates one file. Its metadata is parsed into *metadata (empty before the call), its
 * tensors are appended to *tensors as those of file number `number`. On failure both may be half
 * built, to be freed by the caller; *header is written only on success.
 */
rf_status rf_gguf_parse_file(rf_file *file, uint32_t number, rf_gguf_header *header,
                             rf_gguf_metadata *metadata, rf_gguf_tensors *tensors, rf_error *error);

#endif
