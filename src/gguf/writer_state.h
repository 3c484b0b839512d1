/* writer_state.h: what the two halves of the writer share: metadata (writer_metadata.c), and the
 * tensor table and data (writer.c). */
#ifndef RF_GGUF_WRITER_STATE_H
#define RF_GGUF_WRITER_STATE_H

#include "base/buffer.h"
#include "base/draft.h"
#include "base/map.h"
#include "gguf/writer.h"

/* A name that was used, kept for the maps, whose keys are views. */
typedef struct rf_used_name {
    struct rf_used_name *next;
    char text[];
} rf_used_name;

struct rf_gguf_writer {
    rf_draft *draft;
    uint64_t alignment;
    rf_buffer values; /* encoded as they will stand in the file */
    rf_buffer table;
    uint64_t n_values;
    uint64_t n_tensors;
    rf_map keys;
    rf_map tensor_names;
    rf_used_name *names;
    rf_buffer sizes;   /* of each tensor's data: uint64_t[n_tensors] */
    uint64_t data_end; /* of the last tensor, from the start of the data */
    bool streaming;    /* phase 1 is over */
    uint64_t position; /* bytes written from the start of the file */
    uint64_t current;  /* the tensor whose data comes next */
    uint64_t filled;   /* bytes of it that were written */
};

/* Whether a key or a tensor name may be written: 1 to `limit` bytes. */
rf_status rf_writer_check_name(const char *what, const char *name, size_t limit, rf_error *error);

/* Adds a name to a set of the writer. RF_ERROR_ARGUMENT where it is there already. */
rf_status rf_writer_use_name(rf_gguf_writer *writer, rf_map *set, const char *name,
                             rf_error *error);

/* Appends a string as the format has it: a u64 length and the bytes. */
rf_status rf_writer_append_string(rf_buffer *buffer, rf_string string, rf_error *error);

/* Adds the key that callers may not write themselves. */
rf_status rf_writer_put_alignment(rf_gguf_writer *writer, uint32_t alignment, rf_error *error);

#endif
