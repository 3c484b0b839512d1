/* ids.h: a growing array of token ids. Zero-initialise it to start. */
#ifndef RF_TOKENIZER_IDS_H
#define RF_TOKENIZER_IDS_H

#include "base/error.h"
#include "base/memory.h"

typedef struct rf_ids {
    int32_t *data; /* free with rf_free, or hand out */
    size_t count;
    size_t capacity;
} rf_ids;

/* Appends, or returns RF_ERROR_HOST_MEMORY and leaves the array as it was. */
static inline rf_status rf_ids_append(rf_ids *ids, int32_t id, rf_error *error)
{
    if (ids->count == ids->capacity) {
        size_t capacity = ids->capacity ? ids->capacity + ids->capacity / 2 : 64;
        int32_t *grown = rf_realloc(ids->data, capacity, sizeof(*grown));
        if (!grown)
            return rf_error_host_memory(error, "token ids", capacity * sizeof(*grown));
        ids->data = grown;
        ids->capacity = capacity;
    }
    ids->data[ids->count++] = id;
    return RF_OK;
}

#endif
