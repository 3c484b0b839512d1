/* metadata.h: the keys and values of one file. Zero-initialise it to start. */
#ifndef RF_GGUF_METADATA_H
#define RF_GGUF_METADATA_H

#include "base/map.h"
#include "gguf/value.h"

typedef struct rf_gguf_metadata {
    rf_gguf_value *values;
    size_t count;
    size_t capacity;
    rf_map index; /* key to place in values */
    rf_string_table *tables;
} rf_gguf_metadata;

/* Also frees what a parse that failed has left. */
void rf_gguf_metadata_free(rf_gguf_metadata *metadata);

/* Parses `count` entries. Memory grows with the entries that are there, not with the count that the
 * header claims. On failure *out is half built, to be freed. */
rf_status rf_gguf_metadata_parse(rf_cursor *cursor, uint64_t count, rf_gguf_metadata *out,
                                 rf_error *error);

/* The value of a key, or NULL. */
const rf_gguf_value *rf_gguf_metadata_find(const rf_gguf_metadata *metadata, const char *key);

#endif
