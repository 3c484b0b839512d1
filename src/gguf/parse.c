/* parse.c: parsing one GGUF file from its first byte to its last tensor. */
#include "gguf/parse.h"

#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "gguf/format.h"
#include "gguf/gguf.h"

static rf_status check_magic(const unsigned char *magic, rf_error *error)
{
    if (memcmp(magic, RF_GGUF_MAGIC, RF_GGUF_MAGIC_BYTES) != 0)
        return rf_error_set(
            error, RF_ERROR_FORMAT,
            "not a GGUF file: it starts with the bytes %02x %02x %02x %02x, expected "
            "\"" RF_GGUF_MAGIC "\"",
            magic[0], magic[1], magic[2], magic[3]);
    return RF_OK;
}

static rf_status check_version(uint32_t version, rf_error *error)
{
    if (version >= RF_GGUF_VERSION_MIN && version <= RF_GGUF_VERSION_MAX)
        return RF_OK;
    /* A small version number in the other byte order has its low half empty. */
    if (version != 0 && (version & 0xffff) == 0)
        return rf_error_set(error, RF_ERROR_UNSUPPORTED,
                            "big-endian file (version %" PRIu32
                            " in that byte order); only little-endian files can be read",
                            __builtin_bswap32(version));
    return rf_error_set(error, RF_ERROR_UNSUPPORTED,
                        "GGUF version %" PRIu32 " is not supported, only %d and %d", version,
                        RF_GGUF_VERSION_MIN, RF_GGUF_VERSION_MAX);
}

static rf_status parse_header(rf_cursor *cursor, rf_gguf_header *header, rf_error *error)
{
    const unsigned char *magic = NULL;
    if (cursor->size == 0)
        return rf_error_set(error, RF_ERROR_FORMAT, "not a GGUF file: it is empty");
    RF_TRY(rf_cursor_take(cursor, "the magic number", RF_GGUF_MAGIC_BYTES, &magic, error));
    RF_TRY(check_magic(magic, error));
    RF_TRY(rf_cursor_u32(cursor, "the version", &header->version, error));
    RF_TRY(check_version(header->version, error));
    RF_TRY(rf_cursor_u64(cursor, "the number of tensors", &header->n_tensors, error));
    return rf_cursor_u64(cursor, "the number of metadata values", &header->n_values, error);
}

static rf_status find_alignment(const rf_gguf_metadata *metadata, uint64_t *out, rf_error *error)
{
    const rf_gguf_value *value = rf_gguf_metadata_find(metadata, RF_GGUF_KEY_ALIGNMENT);
    if (!value) {
        *out = RF_GGUF_ALIGNMENT_DEFAULT;
        return RF_OK;
    }
    /* The format fixes this key's type. */
    if (value->type != RF_GGUF_UINT32)
        return rf_error_set(error, RF_ERROR_FORMAT,
                            "key " RF_GGUF_KEY_ALIGNMENT ": type %s, expected %s",
                            rf_gguf_type_name(value->type), rf_gguf_type_name(RF_GGUF_UINT32));
    if (!rf_is_power_of_two(value->u) || value->u < RF_GGUF_ALIGNMENT_MIN ||
        value->u > RF_GGUF_ALIGNMENT_MAX)
        return rf_error_set(error, RF_ERROR_FORMAT,
                            "key " RF_GGUF_KEY_ALIGNMENT ": %" PRIu64
                            ", expected a power of two from %d to %u",
                            value->u, RF_GGUF_ALIGNMENT_MIN, RF_GGUF_ALIGNMENT_MAX);
    *out = value->u;
    return RF_OK;
}

static rf_status parse(rf_cursor *cursor, uint32_t number, rf_gguf_header *header,
                       rf_gguf_metadata *metadata, rf_gguf_tensors *tensors, rf_error *error)
{
    size_t first = tensors->count;
    uint64_t data_start = 0;
    RF_TRY(parse_header(cursor, header, error));
    RF_TRY(rf_gguf_metadata_parse(cursor, header->n_values, metadata, error));
    RF_TRY(find_alignment(metadata, &header->alignment, error));
    RF_TRY(rf_gguf_tensors_parse(cursor, header->n_tensors, number, tensors, error));
    if (!rf_align_up(cursor->offset, header->alignment, &data_start))
        return rf_error_set(error, RF_ERROR_FORMAT, "no room for data behind byte %" PRIu64,
                            cursor->offset);
    return rf_gguf_tensors_place(tensors, first, data_start, header->alignment, cursor->size,
                                 error);
}

rf_status rf_gguf_parse_file(rf_file *file, uint32_t number, rf_gguf_header *header,
                             rf_gguf_metadata *metadata, rf_gguf_tensors *tensors, rf_error *error)
{
    const void *bytes = NULL;
    RF_TRY(rf_file_map(file, &bytes, error));
    rf_cursor cursor = {.bytes = bytes, .offset = 0, .size = rf_file_bytes(file)};
    rf_gguf_header parsed = {0};
    rf_status status = parse(&cursor, number, &parsed, metadata, tensors, error);
    if (status != RF_OK)
        return rf_error_context(error, status, "%s", rf_file_path(file));
    *header = parsed;
    return RF_OK;
}
