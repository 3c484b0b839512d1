/* cursor.c: bounded reading of fields. */
#include "gguf/cursor.h"

#include <inttypes.h>
#include <string.h>

rf_status rf_cursor_take(rf_cursor *cursor, const char *what, uint64_t bytes,
                         const unsigned char **out, rf_error *error)
{
    if (bytes > rf_cursor_left(cursor))
        return rf_error_set(error, RF_ERROR_FORMAT,
                            "%s at byte %" PRIu64 " takes %" PRIu64
                            " bytes, but the file ends at byte %" PRIu64,
                            what, cursor->offset, bytes, cursor->size);
    *out = cursor->bytes + cursor->offset;
    cursor->offset += bytes;
    return RF_OK;
}

rf_status rf_cursor_u32(rf_cursor *cursor, const char *what, uint32_t *out, rf_error *error)
{
    const unsigned char *field = NULL;
    RF_TRY(rf_cursor_take(cursor, what, sizeof(*out), &field, error));
    memcpy(out, field, sizeof(*out));
    return RF_OK;
}

rf_status rf_cursor_u64(rf_cursor *cursor, const char *what, uint64_t *out, rf_error *error)
{
    const unsigned char *field = NULL;
    RF_TRY(rf_cursor_take(cursor, what, sizeof(*out), &field, error));
    memcpy(out, field, sizeof(*out));
    return RF_OK;
}

rf_status rf_cursor_string(rf_cursor *cursor, const char *what, rf_string *out, rf_error *error)
{
    rf_cursor after = *cursor;
    uint64_t length = 0;
    const unsigned char *text = NULL;
    RF_TRY(rf_cursor_u64(&after, what, &length, error));
    RF_TRY(rf_cursor_take(&after, what, length, &text, error));
    *cursor = after;
    *out = (rf_string){(const char *)text, length};
    return RF_OK;
}

rf_status rf_cursor_name(rf_cursor *cursor, const char *what, uint64_t limit, rf_string *out,
                         rf_error *error)
{
    rf_cursor after = *cursor;
    rf_string name = {0};
    RF_TRY(rf_cursor_string(&after, what, &name, error));
    if (name.length == 0)
        return rf_error_set(error, RF_ERROR_FORMAT, "%s at byte %" PRIu64 " is empty", what,
                            cursor->offset);
    if (name.length > limit)
        return rf_error_set(error, RF_ERROR_FORMAT,
                            "%s at byte %" PRIu64 " has %zu bytes, the most allowed is %" PRIu64,
                            what, cursor->offset, name.length, limit);
    if (memchr(name.data, '\0', name.length))
        return rf_error_set(error, RF_ERROR_FORMAT, "%s at byte %" PRIu64 " contains a NUL byte",
                            what, cursor->offset);
    *cursor = after;
    *out = name;
    return RF_OK;
}
