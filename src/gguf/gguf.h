/*
 * gguf.h: what the layers above need of an open GGUF file beyond the public accessors: shared
 * ownership, the files themselves, and metadata by key with one clear error for what is missing or
 * of another type.
 *
 * Everything here is safe from several threads at once: an open rf_gguf never changes. Views
 * (strings, arrays, tensors) live as long as somebody holds the rf_gguf.
 */
#ifndef RF_GGUF_GGUF_H
#define RF_GGUF_GGUF_H

#include <string.h>

#include "base/error.h"
#include "base/file.h"

/* One more owner. Each owner gives its handle back with rf_gguf_close, the last one closes the
 * files. */
rf_gguf *rf_gguf_retain(const rf_gguf *gguf);

/* A file of a split model (from 0), already mapped; NULL past the end. Borrowed: do not close it.
 */
rf_file *rf_gguf_file(const rf_gguf *gguf, uint32_t file);

/* "uint32", "string", …; "unknown" for a number that is no type. */
const char *rf_gguf_type_name(rf_gguf_type type);

/*
 * Metadata by key, in two forms. rf_gguf_require_X: the key must be there. rf_gguf_get_X: an absent
 * key gives the fallback. Both return RF_ERROR_FORMAT, naming the key and what was found, where
 *   - the value has another type (u32, u64 and i32 take any integer type, f32 both float types),
 *   - an integer does not fit.
 * Floats are given as they are: whether they are finite and in range is for the caller to check.
 */
rf_status rf_gguf_require_u32(const rf_gguf *gguf, const char *key, uint32_t *out, rf_error *error);
rf_status rf_gguf_require_u64(const rf_gguf *gguf, const char *key, uint64_t *out, rf_error *error);
rf_status rf_gguf_require_i32(const rf_gguf *gguf, const char *key, int32_t *out, rf_error *error);
rf_status rf_gguf_require_f32(const rf_gguf *gguf, const char *key, float *out, rf_error *error);
rf_status rf_gguf_require_bool(const rf_gguf *gguf, const char *key, bool *out, rf_error *error);
rf_status rf_gguf_require_string(const rf_gguf *gguf, const char *key, rf_string *out,
                                 rf_error *error);

rf_status rf_gguf_get_u32(const rf_gguf *gguf, const char *key, uint32_t fallback, uint32_t *out,
                          rf_error *error);
rf_status rf_gguf_get_u64(const rf_gguf *gguf, const char *key, uint64_t fallback, uint64_t *out,
                          rf_error *error);
rf_status rf_gguf_get_i32(const rf_gguf *gguf, const char *key, int32_t fallback, int32_t *out,
                          rf_error *error);
rf_status rf_gguf_get_f32(const rf_gguf *gguf, const char *key, float fallback, float *out,
                          rf_error *error);
rf_status rf_gguf_get_bool(const rf_gguf *gguf, const char *key, bool fallback, bool *out,
                           rf_error *error);
rf_status rf_gguf_get_string(const rf_gguf *gguf, const char *key, rf_string fallback,
                             rf_string *out, rf_error *error);

/* Arrays of exactly this item type. rf_gguf_get_array gives NULL for an absent key. */
rf_status rf_gguf_require_array(const rf_gguf *gguf, const char *key, rf_gguf_type item_type,
                                const rf_gguf_value **out, rf_error *error);
rf_status rf_gguf_get_array(const rf_gguf *gguf, const char *key, rf_gguf_type item_type,
                            const rf_gguf_value **out, rf_error *error);

/* The same conversions for a value at hand, such as an item that rf_gguf_item gave. */
rf_status rf_gguf_value_u32(const rf_gguf_value *value, uint32_t *out, rf_error *error);
rf_status rf_gguf_value_u64(const rf_gguf_value *value, uint64_t *out, rf_error *error);
rf_status rf_gguf_value_i32(const rf_gguf_value *value, int32_t *out, rf_error *error);
rf_status rf_gguf_value_f32(const rf_gguf_value *value, float *out, rf_error *error);
rf_status rf_gguf_value_bool(const rf_gguf_value *value, bool *out, rf_error *error);
rf_status rf_gguf_value_string(const rf_gguf_value *value, rf_string *out, rf_error *error);

/*
 * Items of an array whose type is known (from rf_gguf_require_array), without checks, for loops
 * over vocabularies. Precondition: the item type is the one named, and i < array->array.count.
 */
static inline rf_string rf_gguf_string_at(const rf_gguf_value *array, uint64_t i)
{
    const char *field = (const char *)array->array.items + array->array.string_offsets[i];
    uint64_t length;
    memcpy(&length, field, sizeof(length));
    return (rf_string){field + sizeof(length), length};
}

static inline float rf_gguf_f32_at(const rf_gguf_value *array, uint64_t i)
{
    float item;
    memcpy(&item, (const char *)array->array.items + i * sizeof(item), sizeof(item));
    return item;
}

static inline int32_t rf_gguf_i32_at(const rf_gguf_value *array, uint64_t i)
{
    int32_t item;
    memcpy(&item, (const char *)array->array.items + i * sizeof(item), sizeof(item));
    return item;
}

#endif
