/* metadata.c: the keys and values of one file. */
#include "gguf/metadata.h"

#include <inttypes.h>
#include <string.h>

#include "base/memory.h"
#include "gguf/format.h"

void rf_gguf_metadata_free(rf_gguf_metadata *metadata)
{
    rf_free(metadata->values);
    rf_map_free(&metadata->index);
    rf_string_tables_free(metadata->tables);
    *metadata = (rf_gguf_metadata){0};
}

static rf_status make_room(rf_gguf_metadata *metadata, rf_error *error)
{
    if (metadata->count < metadata->capacity)
        return RF_OK;
    size_t capacity = metadata->capacity ? metadata->capacity * 2 : 64;
    rf_gguf_value *grown = rf_realloc(metadata->values, capacity, sizeof(*grown));
    if (!grown)
        return rf_error_host_memory(error, "metadata", capacity * sizeof(*grown));
    metadata->values = grown;
    metadata->capacity = capacity;
    return RF_OK;
}

static rf_status parse_entry(rf_cursor *cursor, rf_gguf_metadata *metadata, rf_error *error)
{
    uint64_t start = cursor->offset;
    rf_string key = {0};
    RF_TRY(rf_cursor_name(cursor, "key", RF_GGUF_KEY_MAX, &key, error));
    RF_TRY(make_room(metadata, error));
    bool added = false;
    RF_TRY(rf_map_insert(&metadata->index, key, (uint32_t)metadata->count, &added, error));
    if (!added)
        return rf_error_set(error, RF_ERROR_FORMAT,
                            "key %.*s at byte %" PRIu64 " is there a second time", RF_STR_ARGS(key),
                            start);
    rf_gguf_value *value = &metadata->values[metadata->count];
    rf_status status = rf_gguf_value_parse(cursor, &metadata->tables, value, error);
    if (status != RF_OK)
        return rf_error_context(error, status, "key %.*s", RF_STR_ARGS(key));
    value->key = key;
    metadata->count++;
    return RF_OK;
}

rf_status rf_gguf_metadata_parse(rf_cursor *cursor, uint64_t count, rf_gguf_metadata *out,
                                 rf_error *error)
{
    if (count > rf_cursor_left(cursor) / RF_GGUF_VALUE_BYTES_MIN)
        return rf_error_set(error, RF_ERROR_FORMAT,
                            "%" PRIu64 " metadata values do not fit into the %" PRIu64
                            " bytes behind the header",
                            count, rf_cursor_left(cursor));
    if (count > RF_GGUF_VALUES_MAX)
        return rf_error_set(error, RF_ERROR_FORMAT,
                            "%" PRIu64 " metadata values, the most allowed is %u", count,
                            RF_GGUF_VALUES_MAX);
    for (uint64_t i = 0; i < count; i++) {
        rf_status status = parse_entry(cursor, out, error);
        if (status != RF_OK)
            return rf_error_context(error, status, "metadata value %" PRIu64 " of %" PRIu64, i + 1,
                                    count);
    }
    return RF_OK;
}

const rf_gguf_value *rf_gguf_metadata_find(const rf_gguf_metadata *metadata, const char *key)
{
    uint32_t i;
    return rf_map_get(&metadata->index, (rf_string){key, strlen(key)}, &i) ? &metadata->values[i]
                                                                           : NULL;
}
