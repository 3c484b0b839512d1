/*
 * cursor.h: reading little-endian fields one after the other from bytes in memory. Nothing is read
 * past the end; a failure names the field and the byte, and leaves the cursor where it was.
 */
#ifndef RF_GGUF_CURSOR_H
#define RF_GGUF_CURSOR_H

#include <stdint.h>

#include "base/error.h"

typedef struct rf_cursor {
    const unsigned char *bytes;
    uint64_t offset; /* of the next field; at most size */
    uint64_t size;
} rf_cursor;

static inline uint64_t rf_cursor_left(const rf_cursor *cursor)
{
    return cursor->size - cursor->offset;
}

/* The next `bytes` bytes, as a view. `what` names the field in errors. */
rf_status rf_cursor_take(rf_cursor *cursor, const char *what, uint64_t bytes,
                         const unsigned char **out, rf_error *error);

rf_status rf_cursor_u32(rf_cursor *cursor, const char *what, uint32_t *out, rf_error *error);
rf_status rf_cursor_u64(rf_cursor *cursor, const char *what, uint64_t *out, rf_error *error);

/* A u64 length and that many bytes, as a view. */
rf_status rf_cursor_string(rf_cursor *cursor, const char *what, rf_string *out, rf_error *error);

/* A string that names something: not empty, at most `limit` bytes, and without NUL bytes, so that
 * it can be looked up by a C string and two different names never look the same. */
rf_status rf_cursor_name(rf_cursor *cursor, const char *what, uint64_t limit, rf_string *out,
                         rf_error *error);

#endif
