/* get.c: metadata by key, converted to the type that the caller needs. */
#include <inttypes.h>

#include "gguf/gguf.h"

static rf_status wrong_type(const rf_gguf_value *value, const char *expected, rf_error *error)
{
    return rf_error_set(error, RF_ERROR_FORMAT, "key %.*s: type %s, expected %s",
                        RF_STR_ARGS(value->key), rf_gguf_type_name(value->type), expected);
}

static rf_status missing(const char *key, rf_error *error)
{
    return rf_error_set(error, RF_ERROR_FORMAT, "key %s is missing", key);
}

static bool is_unsigned(rf_gguf_type type)
{
    return type == RF_GGUF_UINT8 || type == RF_GGUF_UINT16 || type == RF_GGUF_UINT32 ||
           type == RF_GGUF_UINT64;
}

static bool is_signed(rf_gguf_type type)
{
    return type == RF_GGUF_INT8 || type == RF_GGUF_INT16 || type == RF_GGUF_INT32 ||
           type == RF_GGUF_INT64;
}

/* An integer of any type that lies in [0, limit]. */
static rf_status get_unsigned(const rf_gguf_value *value, uint64_t limit, uint64_t *out,
                              rf_error *error)
{
    if (is_signed(value->type) && value->i < 0)
        return rf_error_set(error, RF_ERROR_FORMAT, "key %.*s: %" PRId64 " is negative",
                            RF_STR_ARGS(value->key), value->i);
    if (!is_signed(value->type) && !is_unsigned(value->type))
        return wrong_type(value, "an integer", error);
    uint64_t number = is_signed(value->type) ? (uint64_t)value->i : value->u;
    if (number > limit)
        return rf_error_set(error, RF_ERROR_FORMAT,
                            "key %.*s: %" PRIu64 ", the most allowed is %" PRIu64,
                            RF_STR_ARGS(value->key), number, limit);
    *out = number;
    return RF_OK;
}

rf_status rf_gguf_value_u64(const rf_gguf_value *value, uint64_t *out, rf_error *error)
{
    return get_unsigned(value, UINT64_MAX, out, error);
}

rf_status rf_gguf_value_u32(const rf_gguf_value *value, uint32_t *out, rf_error *error)
{
    uint64_t number = 0;
    RF_TRY(get_unsigned(value, UINT32_MAX, &number, error));
    *out = (uint32_t)number;
    return RF_OK;
}

rf_status rf_gguf_value_i32(const rf_gguf_value *value, int32_t *out, rf_error *error)
{
    if (is_signed(value->type) && value->i < 0) {
        if (value->i < INT32_MIN)
            return rf_error_set(error, RF_ERROR_FORMAT,
                                "key %.*s: %" PRId64 ", the least allowed is %" PRId32,
                                RF_STR_ARGS(value->key), value->i, INT32_MIN);
        *out = (int32_t)value->i;
        return RF_OK;
    }
    uint64_t number = 0;
    RF_TRY(get_unsigned(value, INT32_MAX, &number, error));
    *out = (int32_t)number;
    return RF_OK;
}

rf_status rf_gguf_value_f32(const rf_gguf_value *value, float *out, rf_error *error)
{
    if (value->type != RF_GGUF_FLOAT32 && value->type != RF_GGUF_FLOAT64)
        return wrong_type(value, "a float", error);
    *out = (float)value->f;
    return RF_OK;
}

rf_status rf_gguf_value_bool(const rf_gguf_value *value, bool *out, rf_error *error)
{
    if (value->type != RF_GGUF_BOOL)
        return wrong_type(value, rf_gguf_type_name(RF_GGUF_BOOL), error);
    *out = value->b;
    return RF_OK;
}

rf_status rf_gguf_value_string(const rf_gguf_value *value, rf_string *out, rf_error *error)
{
    if (value->type != RF_GGUF_STRING)
        return wrong_type(value, rf_gguf_type_name(RF_GGUF_STRING), error);
    *out = value->s;
    return RF_OK;
}

/* The two forms by key, the same for every type. */
/* NOLINTBEGIN(bugprone-macro-parentheses): a type cannot stand in parentheses */
#define DEFINE_BY_KEY(name, type)                                                                  \
    rf_status rf_gguf_require_##name(const rf_gguf *gguf, const char *key, type *out,              \
                                     rf_error *error)                                              \
    {                                                                                              \
        const rf_gguf_value *value = rf_gguf_find(gguf, key);                                      \
        return value ? rf_gguf_value_##name(value, out, error) : missing(key, error);              \
    }                                                                                              \
    rf_status rf_gguf_get_##name(const rf_gguf *gguf, const char *key, type fallback, type *out,   \
                                 rf_error *error)                                                  \
    {                                                                                              \
        const rf_gguf_value *value = rf_gguf_find(gguf, key);                                      \
        if (value)                                                                                 \
            return rf_gguf_value_##name(value, out, error);                                        \
        *out = fallback;                                                                           \
        return RF_OK;                                                                              \
    }
/* NOLINTEND(bugprone-macro-parentheses) */

DEFINE_BY_KEY(u32, uint32_t)
DEFINE_BY_KEY(u64, uint64_t)
DEFINE_BY_KEY(i32, int32_t)
DEFINE_BY_KEY(f32, float)
DEFINE_BY_KEY(bool, bool)
DEFINE_BY_KEY(string, rf_string)

rf_status rf_gguf_get_array(const rf_gguf *gguf, const char *key, rf_gguf_type item_type,
                            const rf_gguf_value **out, rf_error *error)
{
    const rf_gguf_value *value = rf_gguf_find(gguf, key);
    if (value && value->type != RF_GGUF_ARRAY)
        return wrong_type(value, rf_gguf_type_name(RF_GGUF_ARRAY), error);
    if (value && value->array.item_type != item_type)
        return rf_error_set(error, RF_ERROR_FORMAT, "key %s: array of %s, expected of %s", key,
                            rf_gguf_type_name(value->array.item_type),
                            rf_gguf_type_name(item_type));
    *out = value;
    return RF_OK;
}

rf_status rf_gguf_require_array(const rf_gguf *gguf, const char *key, rf_gguf_type item_type,
                                const rf_gguf_value **out, rf_error *error)
{
    const rf_gguf_value *value = NULL;
    RF_TRY(rf_gguf_get_array(gguf, key, item_type, &value, error));
    if (!value)
        return missing(key, error);
    *out = value;
    return RF_OK;
}
