/* walk.c: touching everything that an open file gives access to. Used by tests and the fuzz target,
 * so it depends on no test framework. */
#include "walk.h"

#include <stdlib.h>
#include <string.h>

/* A check that ends the program: a fuzz target has no other way to speak. */
static void require(bool condition)
{
    if (!condition)
        abort();
}

static uint64_t sum_bytes(const void *data, uint64_t bytes)
{
    const unsigned char *at = data;
    uint64_t sum = bytes;
    for (uint64_t i = 0; i < bytes; i++)
        sum = sum * 31 + at[i];
    return sum;
}

static uint64_t walk_value(const rf_gguf_value *value)
{
    uint64_t sum = sum_bytes(value->key.data, value->key.length);
    if (value->type == RF_GGUF_STRING)
        return sum + sum_bytes(value->s.data, value->s.length);
    if (value->type == RF_GGUF_BOOL)
        return sum + (value->b ? 1 : 2);
    if (value->type != RF_GGUF_ARRAY)
        return sum + sum_bytes(&value->u, sizeof(value->u));
    rf_gguf_value item;
    for (uint64_t i = 0; i < value->array.count; i++) {
        require(rf_gguf_item(value, i, &item, NULL) == RF_OK);
        require(item.type == value->array.item_type && item.type != RF_GGUF_ARRAY);
        sum += item.type == RF_GGUF_STRING ? sum_bytes(item.s.data, item.s.length) : item.u;
    }
    require(rf_gguf_item(value, value->array.count, &item, NULL) == RF_ERROR_RANGE);
    return sum;
}

static uint64_t walk_conversions(const rf_gguf_value *value)
{
    uint64_t sum = 0;
    uint32_t u32 = 0;
    uint64_t u64 = 0;
    int32_t i32 = 0;
    float f32 = 0;
    bool truth = false;
    rf_string text = {0};
    sum += rf_gguf_value_u32(value, &u32, NULL) == RF_OK;
    sum += rf_gguf_value_u64(value, &u64, NULL) == RF_OK;
    sum += rf_gguf_value_i32(value, &i32, NULL) == RF_OK;
    sum += rf_gguf_value_f32(value, &f32, NULL) == RF_OK;
    sum += rf_gguf_value_bool(value, &truth, NULL) == RF_OK;
    sum += rf_gguf_value_string(value, &text, NULL) == RF_OK;
    return sum + u32 + u64 + (uint32_t)i32 + truth + text.length;
}

static uint64_t walk_tensor(const rf_gguf *gguf, const rf_gguf_tensor *tensor)
{
    const void *bytes = NULL;
    rf_file *file = rf_gguf_file(gguf, tensor->file);
    require(file && rf_file_map(file, &bytes, NULL) == RF_OK);
    require(tensor->n_dimensions >= 1 && tensor->n_dimensions <= RF_MAX_DIMENSIONS);
    require(tensor->bytes > 0 && tensor->n_elements > 0 && tensor->name.length > 0);
    return sum_bytes((const char *)bytes + tensor->offset, tensor->bytes) +
           sum_bytes(tensor->name.data, tensor->name.length);
}

/* Whether the lookup by key finds exactly this value. */
static bool found_by_key(const rf_gguf *gguf, const rf_gguf_value *value)
{
    char *key = strndup(value->key.data, value->key.length);
    bool found = key && rf_gguf_find(gguf, key) == value;
    free(key);
    return found;
}

static bool found_by_name(const rf_gguf *gguf, const rf_gguf_tensor *tensor)
{
    char *name = strndup(tensor->name.data, tensor->name.length);
    bool found = name && rf_gguf_find_tensor(gguf, name) == tensor;
    free(name);
    return found;
}

uint64_t walk(const rf_gguf *gguf)
{
    uint64_t sum = rf_gguf_version(gguf) + rf_gguf_alignment(gguf);
    for (uint32_t i = 0; i < rf_gguf_file_count(gguf); i++)
        sum += rf_gguf_file_bytes(gguf, i) + strlen(rf_gguf_file_path(gguf, i));
    for (size_t i = 0; i < rf_gguf_value_count(gguf); i++) {
        const rf_gguf_value *value = rf_gguf_value_at(gguf, i);
        require(found_by_key(gguf, value));
        sum += walk_value(value) + walk_conversions(value);
    }
    for (size_t i = 0; i < rf_gguf_tensor_count(gguf); i++) {
        const rf_gguf_tensor *tensor = rf_gguf_tensor_at(gguf, i);
        require(found_by_name(gguf, tensor));
        sum += walk_tensor(gguf, tensor);
    }
    return sum;
}
