/* value.c: parsing metadata values, and items of arrays. */
#include "gguf/value.h"

#include <inttypes.h>
#include <string.h>

#include "base/memory.h"
#include "gguf/format.h"
#include "gguf/gguf.h"

static const struct {
    const char *name;
    uint32_t bytes;
} types[] = {
    [RF_GGUF_UINT8] = {"uint8", 1},     [RF_GGUF_INT8] = {"int8", 1},
    [RF_GGUF_UINT16] = {"uint16", 2},   [RF_GGUF_INT16] = {"int16", 2},
    [RF_GGUF_UINT32] = {"uint32", 4},   [RF_GGUF_INT32] = {"int32", 4},
    [RF_GGUF_FLOAT32] = {"float32", 4}, [RF_GGUF_BOOL] = {"bool", 1},
    [RF_GGUF_STRING] = {"string", 0},   [RF_GGUF_ARRAY] = {"array", 0},
    [RF_GGUF_UINT64] = {"uint64", 8},   [RF_GGUF_INT64] = {"int64", 8},
    [RF_GGUF_FLOAT64] = {"float64", 8},
};

#define TYPE_COUNT (sizeof(types) / sizeof(types[0]))

const char *rf_gguf_type_name(rf_gguf_type type)
{
    return (size_t)type < TYPE_COUNT ? types[type].name : "unknown";
}

uint32_t rf_gguf_type_bytes(rf_gguf_type type)
{
    return (size_t)type < TYPE_COUNT ? types[type].bytes : 0;
}

void rf_string_tables_free(rf_string_table *tables)
{
    while (tables) {
        rf_string_table *next = tables->next;
        rf_free(tables);
        tables = next;
    }
}

#define LOAD(type, from)                                                                           \
    ({                                                                                             \
        type loaded_;                                                                              \
        memcpy(&loaded_, from, sizeof(loaded_));                                                   \
        loaded_;                                                                                   \
    })

/* Sets type and value from the bytes of a type of fixed size. */
static void load_scalar(rf_gguf_type type, const void *from, rf_gguf_value *out)
{
    out->type = type;
    switch (type) {
    case RF_GGUF_UINT8:
        out->u = LOAD(uint8_t, from);
        break;
    case RF_GGUF_INT8:
        out->i = (int)LOAD(int8_t, from);
        break;
    case RF_GGUF_UINT16:
        out->u = LOAD(uint16_t, from);
        break;
    case RF_GGUF_INT16:
        out->i = LOAD(int16_t, from);
        break;
    case RF_GGUF_UINT32:
        out->u = LOAD(uint32_t, from);
        break;
    case RF_GGUF_INT32:
        out->i = LOAD(int32_t, from);
        break;
    case RF_GGUF_UINT64:
        out->u = LOAD(uint64_t, from);
        break;
    case RF_GGUF_INT64:
        out->i = LOAD(int64_t, from);
        break;
    case RF_GGUF_FLOAT32:
        out->f = (double)LOAD(float, from);
        break;
    case RF_GGUF_FLOAT64:
        out->f = LOAD(double, from);
        break;
    case RF_GGUF_BOOL:
        out->b = LOAD(uint8_t, from) != 0;
        break;
    case RF_GGUF_STRING:
    case RF_GGUF_ARRAY:
        break; /* not of fixed size: callers handle them before */
    }
}

rf_status rf_gguf_check_bools(const unsigned char *items, uint64_t count, uint64_t offset,
                              rf_error *error)
{
    for (uint64_t i = 0; i < count; i++) {
        if (items[i] > 1)
            return rf_error_set(error, RF_ERROR_FORMAT,
                                "the bool at byte %" PRIu64 " is %u, not 0 or 1", offset + i,
                                items[i]);
    }
    return RF_OK;
}

/* Walks over the strings behind the cursor and notes where each begins. A string's bytes are not
 * touched, only its length: the time goes by the number of strings. */
static rf_status walk_strings(rf_cursor *cursor, uint64_t count, uint64_t *offsets, rf_error *error)
{
    rf_cursor walk = *cursor;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t left = rf_cursor_left(&walk);
        uint64_t length = UINT64_MAX;
        if (left >= sizeof(length))
            memcpy(&length, walk.bytes + walk.offset, sizeof(length));
        if (left < sizeof(length) || length > left - sizeof(length))
            return rf_error_set(error, RF_ERROR_FORMAT,
                                "string %" PRIu64 " of %" PRIu64 " at byte %" PRIu64
                                " runs past the end of the file (%" PRIu64 " bytes)",
                                i, count, walk.offset, walk.size);
        offsets[i] = walk.offset - cursor->offset;
        walk.offset += sizeof(length) + length;
    }
    *cursor = walk;
    return RF_OK;
}

static rf_status parse_string_items(rf_cursor *cursor, rf_string_table **tables, rf_gguf_value *out,
                                    rf_error *error)
{
    uint64_t count = out->array.count;
    if (count > RF_GGUF_STRINGS_MAX)
        return rf_error_set(error, RF_ERROR_FORMAT,
                            "array of %" PRIu64 " strings, the most allowed is %u", count,
                            RF_GGUF_STRINGS_MAX);
    /* Cannot wrap: the count is below the limit above. */
    uint64_t bytes = sizeof(rf_string_table) + count * sizeof(uint64_t);
    rf_string_table *table = rf_calloc(1, bytes);
    if (!table)
        return rf_error_host_memory(error, "the offsets of a string array", bytes);
    rf_status status = walk_strings(cursor, count, table->offsets, error);
    if (status != RF_OK) {
        rf_free(table);
        return status;
    }
    out->array.string_offsets = table->offsets;
    table->next = *tables;
    *tables = table;
    return RF_OK;
}

static rf_status parse_array(rf_cursor *cursor, rf_string_table **tables, rf_gguf_value *out,
                             rf_error *error)
{
    uint64_t start = cursor->offset;
    uint32_t item_type = 0;
    uint64_t count = 0;
    RF_TRY(rf_cursor_u32(cursor, "array item type", &item_type, error));
    RF_TRY(rf_cursor_u64(cursor, "array count", &count, error));
    if (item_type >= TYPE_COUNT)
        return rf_error_set(error, RF_ERROR_FORMAT,
                            "unknown array item type %" PRIu32 " at byte %" PRIu64, item_type,
                            start);
    if (item_type == RF_GGUF_ARRAY)
        return rf_error_set(error, RF_ERROR_UNSUPPORTED,
                            "array of arrays at byte %" PRIu64 " is not supported", start);
    /* The least that the items can take; a string has at least its length field. */
    uint64_t item_bytes = item_type == RF_GGUF_STRING ? sizeof(uint64_t) : types[item_type].bytes;
    if (count > rf_cursor_left(cursor) / item_bytes)
        return rf_error_set(error, RF_ERROR_FORMAT,
                            "array of %" PRIu64 " items of type %s at byte %" PRIu64
                            " does not fit into the %" PRIu64 " bytes that are left of the file",
                            count, types[item_type].name, start, rf_cursor_left(cursor));
    out->type = RF_GGUF_ARRAY;
    out->array.item_type = (rf_gguf_type)item_type;
    out->array.count = count;
    out->array.string_offsets = NULL;
    uint64_t items_at = cursor->offset;
    out->array.items = cursor->bytes + items_at;
    if (item_type == RF_GGUF_STRING)
        return count ? parse_string_items(cursor, tables, out, error) : RF_OK;
    cursor->offset += count * item_bytes; /* inside the file, as checked above */
    return item_type == RF_GGUF_BOOL ? rf_gguf_check_bools(out->array.items, count, items_at, error)
                                     : RF_OK;
}

rf_status rf_gguf_value_parse(rf_cursor *cursor, rf_string_table **tables, rf_gguf_value *out,
                              rf_error *error)
{
    uint64_t start = cursor->offset;
    uint32_t type = 0;
    RF_TRY(rf_cursor_u32(cursor, "value type", &type, error));
    if (type >= TYPE_COUNT)
        return rf_error_set(error, RF_ERROR_FORMAT,
                            "unknown value type %" PRIu32 " at byte %" PRIu64, type, start);
    rf_gguf_value value = {.type = (rf_gguf_type)type};
    if (type == RF_GGUF_ARRAY) {
        RF_TRY(parse_array(cursor, tables, &value, error));
    } else if (type == RF_GGUF_STRING) {
        RF_TRY(rf_cursor_string(cursor, "string", &value.s, error));
    } else {
        const unsigned char *field = NULL;
        RF_TRY(rf_cursor_take(cursor, "value", types[type].bytes, &field, error));
        if (type == RF_GGUF_BOOL)
            RF_TRY(rf_gguf_check_bools(field, 1, cursor->offset - 1, error));
        load_scalar(value.type, field, &value);
    }
    *out = value;
    return RF_OK;
}

rf_status rf_gguf_item(const rf_gguf_value *array, uint64_t i, rf_gguf_value *out, rf_error *error)
{
    if (!array || !out || array->type != RF_GGUF_ARRAY)
        return rf_error_set(error, RF_ERROR_ARGUMENT, "items are asked for of no array");
    if (i >= array->array.count)
        return rf_error_set(error, RF_ERROR_RANGE,
                            "key %.*s: item %" PRIu64 " of an array of %" PRIu64,
                            RF_STR_ARGS(array->key), i, array->array.count);
    rf_gguf_type type = array->array.item_type;
    rf_gguf_value item = {.key = {"", 0}, .type = type};
    if (type == RF_GGUF_STRING)
        item.s = rf_gguf_string_at(array, i);
    else
        load_scalar(type, (const char *)array->array.items + i * rf_gguf_type_bytes(type), &item);
    *out = item;
    return RF_OK;
}
