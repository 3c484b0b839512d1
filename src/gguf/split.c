/* split.c: the keys and file names of split models. */
#include "gguf/split.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "gguf/format.h"
#include "gguf/gguf.h"

/* "-00001-of-00003.gguf" with numbers of up to ten digits, and its NUL. */
#define SUFFIX_BYTES 40

static rf_status read_key(const rf_gguf_metadata *metadata, const char *key, uint64_t *out,
                          rf_error *error)
{
    const rf_gguf_value *value = rf_gguf_metadata_find(metadata, key);
    if (!value)
        return rf_error_set(error, RF_ERROR_FORMAT, "key %s is missing in a part of a split model",
                            key);
    return rf_gguf_value_u64(value, out, error);
}

rf_status rf_gguf_split_read(const rf_gguf_metadata *metadata, rf_gguf_split *out, rf_error *error)
{
    uint64_t number = 0;
    uint64_t count = 0;
    uint64_t n_tensors = 0;
    if (!rf_gguf_metadata_find(metadata, RF_GGUF_KEY_SPLIT_COUNT)) {
        *out = (rf_gguf_split){.count = 1};
        return RF_OK;
    }
    RF_TRY(read_key(metadata, RF_GGUF_KEY_SPLIT_COUNT, &count, error));
    if (count <= 1) { /* parts that were merged into one file keep their keys, with a count of 0 */
        *out = (rf_gguf_split){.count = 1};
        return RF_OK;
    }
    if (count > RF_GGUF_FILES_MAX)
        return rf_error_set(error, RF_ERROR_FORMAT,
                            "key " RF_GGUF_KEY_SPLIT_COUNT ": %" PRIu64
                            " parts, the most allowed is %d",
                            count, RF_GGUF_FILES_MAX);
    RF_TRY(read_key(metadata, RF_GGUF_KEY_SPLIT_NO, &number, error));
    if (number >= count)
        return rf_error_set(error, RF_ERROR_FORMAT,
                            "key " RF_GGUF_KEY_SPLIT_NO ": part %" PRIu64 " (from 0) of %" PRIu64,
                            number, count);
    RF_TRY(read_key(metadata, RF_GGUF_KEY_SPLIT_TENSORS, &n_tensors, error));
    *out = (rf_gguf_split){(uint32_t)number, (uint32_t)count, n_tensors};
    return RF_OK;
}

static void make_suffix(uint32_t number, uint32_t count, char out[SUFFIX_BYTES])
{
    /* Cannot be cut: two numbers of at most ten digits and 14 other characters. */
    (void)snprintf(out, SUFFIX_BYTES, "-%05" PRIu32 "-of-%05" PRIu32 ".gguf", number + 1, count);
}

rf_status rf_gguf_split_path(const char *path, uint32_t from, uint32_t count, uint32_t number,
                             char **out, rf_error *error)
{
    char suffix[SUFFIX_BYTES];
    make_suffix(from, count, suffix);
    size_t length = strlen(path);
    size_t tail = strlen(suffix);
    if (length < tail || strcmp(path + length - tail, suffix) != 0)
        return rf_error_set(error, RF_ERROR_FORMAT,
                            "%s: part %" PRIu32 " of %" PRIu32
                            " of a split model, whose name has to end with %s",
                            path, from + 1, count, suffix);
    make_suffix(number, count, suffix);
    rf_buffer buffer = {0};
    rf_status status = rf_buffer_append(&buffer, path, length - tail, error);
    if (status == RF_OK)
        status = rf_buffer_append_text(&buffer, suffix, error);
    if (status == RF_OK)
        status = rf_buffer_take(&buffer, out, NULL, error);
    rf_buffer_free(&buffer);
    return status;
}
