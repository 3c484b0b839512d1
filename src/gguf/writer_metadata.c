/* writer_metadata.c: encoding keys and values. */
#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "base/memory.h"
#include "gguf/format.h"
#include "gguf/gguf.h"
#include "gguf/value.h"
#include "gguf/writer_state.h"

/* Appends what stands in front of a value. `before` gets the place to return to on failure. */
static rf_status begin_entry(rf_gguf_writer *writer, const char *key, rf_gguf_type type,
                             size_t *before, rf_error *error)
{
    uint32_t number = (uint32_t)type;
    *before = writer->values.length;
    if (writer->streaming)
        return rf_error_set(error, RF_ERROR_ARGUMENT, "metadata comes after tensor data");
    if (writer->n_values >= RF_GGUF_VALUES_MAX)
        return rf_error_set(error, RF_ERROR_ARGUMENT, "more than %u metadata values",
                            RF_GGUF_VALUES_MAX);
    RF_TRY(rf_writer_append_string(&writer->values, (rf_string){key, strlen(key)}, error));
    return rf_buffer_append(&writer->values, &number, sizeof(number), error);
}

/* Counts the entry where all of it was appended, or takes back what was. */
static rf_status end_entry(rf_gguf_writer *writer, const char *key, size_t before, rf_status status,
                           rf_error *error)
{
    if (status == RF_OK)
        status = rf_writer_use_name(writer, &writer->keys, key, error);
    if (status != RF_OK) {
        writer->values.length = before;
        return rf_error_context(error, status, "key %s", key);
    }
    writer->n_values++;
    return RF_OK;
}

static rf_status put_scalar(rf_gguf_writer *writer, const char *key, rf_gguf_type type,
                            const void *value, rf_error *error)
{
    size_t before;
    rf_status status = begin_entry(writer, key, type, &before, error);
    if (status == RF_OK)
        status = rf_buffer_append(&writer->values, value, rf_gguf_type_bytes(type), error);
    return end_entry(writer, key, before, status, error);
}

rf_status rf_writer_put_alignment(rf_gguf_writer *writer, uint32_t alignment, rf_error *error)
{
    return put_scalar(writer, RF_GGUF_KEY_ALIGNMENT, RF_GGUF_UINT32, &alignment, error);
}

static rf_status check_key(const char *key, rf_error *error)
{
    RF_TRY(rf_writer_check_name("key", key, RF_GGUF_KEY_MAX, error));
    if (strcmp(key, RF_GGUF_KEY_ALIGNMENT) == 0)
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "key " RF_GGUF_KEY_ALIGNMENT " is set when the writer is created");
    return RF_OK;
}

#define DEFINE_SCALAR(name, c_type, gguf_type)                                                     \
    rf_status rf_gguf_write_##name(rf_gguf_writer *writer, const char *key, c_type value,          \
                                   rf_error *error)                                                \
    {                                                                                              \
        RF_TRY(check_key(key, error));                                                             \
        return put_scalar(writer, key, gguf_type, &value, error);                                  \
    }

DEFINE_SCALAR(u8, uint8_t, RF_GGUF_UINT8)
DEFINE_SCALAR(i8, int8_t, RF_GGUF_INT8)
DEFINE_SCALAR(u16, uint16_t, RF_GGUF_UINT16)
DEFINE_SCALAR(i16, int16_t, RF_GGUF_INT16)
DEFINE_SCALAR(u32, uint32_t, RF_GGUF_UINT32)
DEFINE_SCALAR(i32, int32_t, RF_GGUF_INT32)
DEFINE_SCALAR(u64, uint64_t, RF_GGUF_UINT64)
DEFINE_SCALAR(i64, int64_t, RF_GGUF_INT64)
DEFINE_SCALAR(f32, float, RF_GGUF_FLOAT32)
DEFINE_SCALAR(f64, double, RF_GGUF_FLOAT64)
DEFINE_SCALAR(bool, bool, RF_GGUF_BOOL)

rf_status rf_gguf_write_string(rf_gguf_writer *writer, const char *key, rf_string value,
                               rf_error *error)
{
    size_t before;
    RF_TRY(check_key(key, error));
    rf_status status = begin_entry(writer, key, RF_GGUF_STRING, &before, error);
    if (status == RF_OK)
        status = rf_writer_append_string(&writer->values, value, error);
    return end_entry(writer, key, before, status, error);
}

rf_status rf_gguf_write_text(rf_gguf_writer *writer, const char *key, const char *value,
                             rf_error *error)
{
    return rf_gguf_write_string(writer, key, (rf_string){value, strlen(value)}, error);
}

/* ----------------------------------------------------------------------------------- arrays --- */

static rf_status append_array_head(rf_buffer *buffer, rf_gguf_type item_type, uint64_t count,
                                   rf_error *error)
{
    uint32_t number = (uint32_t)item_type;
    RF_TRY(rf_buffer_append(buffer, &number, sizeof(number), error));
    return rf_buffer_append(buffer, &count, sizeof(count), error);
}

/* An array whose items are encoded already. */
static rf_status put_array(rf_gguf_writer *writer, const char *key, rf_gguf_type item_type,
                           uint64_t count, const void *items, uint64_t bytes, rf_error *error)
{
    size_t before;
    rf_status status = begin_entry(writer, key, RF_GGUF_ARRAY, &before, error);
    if (status == RF_OK)
        status = append_array_head(&writer->values, item_type, count, error);
    if (status == RF_OK)
        status = rf_buffer_append(&writer->values, items, bytes, error);
    return end_entry(writer, key, before, status, error);
}

rf_status rf_gguf_write_array(rf_gguf_writer *writer, const char *key, rf_gguf_type item_type,
                              const void *items, uint64_t count, rf_error *error)
{
    uint32_t item_bytes = rf_gguf_type_bytes(item_type);
    uint64_t bytes;
    RF_TRY(check_key(key, error));
    if (item_bytes == 0)
        return rf_error_set(error, RF_ERROR_ARGUMENT, "key %s: items of type %s have no fixed size",
                            key, rf_gguf_type_name(item_type));
    if (!rf_mul(count, item_bytes, &bytes))
        return rf_error_set(error, RF_ERROR_OVERFLOW,
                            "key %s: %" PRIu64 " items of %" PRIu32 " bytes", key, count,
                            item_bytes);
    if (item_type == RF_GGUF_BOOL && rf_gguf_check_bools(items, count, 0, NULL) != RF_OK)
        return rf_error_set(error, RF_ERROR_ARGUMENT, "key %s: a bool is neither 0 nor 1", key);
    return put_array(writer, key, item_type, count, items, bytes, error);
}

static rf_status append_strings(rf_buffer *buffer, const rf_string *strings, uint64_t count,
                                rf_error *error)
{
    RF_TRY(append_array_head(buffer, RF_GGUF_STRING, count, error));
    for (uint64_t i = 0; i < count; i++)
        RF_TRY(rf_writer_append_string(buffer, strings[i], error));
    return RF_OK;
}

static rf_status check_string_count(const char *key, uint64_t count, rf_error *error)
{
    if (count > RF_GGUF_STRINGS_MAX)
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "key %s: %" PRIu64 " strings, the most allowed is %u", key, count,
                            RF_GGUF_STRINGS_MAX);
    return RF_OK;
}

rf_status rf_gguf_write_strings(rf_gguf_writer *writer, const char *key, const rf_string *strings,
                                uint64_t count, rf_error *error)
{
    size_t before;
    RF_TRY(check_key(key, error));
    RF_TRY(check_string_count(key, count, error));
    rf_status status = begin_entry(writer, key, RF_GGUF_ARRAY, &before, error);
    if (status == RF_OK)
        status = append_strings(&writer->values, strings, count, error);
    return end_entry(writer, key, before, status, error);
}

/* ------------------------------------------------------------------------ values of a reader ---
 */

/* Bytes of an array's items as they stand in its file. */
static uint64_t item_bytes_of(const rf_gguf_value *array)
{
    uint64_t count = array->array.count;
    if (count == 0)
        return 0;
    if (array->array.item_type != RF_GGUF_STRING)
        return count * rf_gguf_type_bytes(array->array.item_type);
    return array->array.string_offsets[count - 1] + sizeof(uint64_t) +
           rf_gguf_string_at(array, count - 1).length;
}

static rf_status copy_value(rf_gguf_writer *writer, const char *key, const rf_gguf_value *value,
                            rf_error *error)
{
    switch (value->type) {
    case RF_GGUF_ARRAY:
        return put_array(writer, key, value->array.item_type, value->array.count,
                         value->array.items, item_bytes_of(value), error);
    case RF_GGUF_STRING:
        return rf_gguf_write_string(writer, key, value->s, error);
    case RF_GGUF_FLOAT32:
        return rf_gguf_write_f32(writer, key, (float)value->f, error);
    case RF_GGUF_BOOL:
        return rf_gguf_write_bool(writer, key, value->b, error);
    default:
        /* Integers and float64: the low bytes of the union are the value in its own width. */
        return put_scalar(writer, key, value->type, &value->u, error);
    }
}

rf_status rf_gguf_write_value(rf_gguf_writer *writer, const rf_gguf_value *value, rf_error *error)
{
    char *key = rf_strndup(value->key.data, value->key.length);
    if (!key)
        return rf_error_host_memory(error, "a key", value->key.length);
    rf_status status = RF_OK;
    if (strcmp(key, RF_GGUF_KEY_ALIGNMENT) != 0) { /* the writer has its own */
        status = check_key(key, error);
        if (status == RF_OK)
            status = copy_value(writer, key, value, error);
    }
    rf_free(key);
    return status;
}
