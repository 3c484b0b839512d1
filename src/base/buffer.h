/* buffer.h: a growing byte buffer, also used to build strings. Zero-initialise it to start. */
#ifndef RF_BASE_BUFFER_H
#define RF_BASE_BUFFER_H

#include <stddef.h>

#include "base/error.h"

typedef struct rf_buffer {
    char *data; /* NULL while empty; free with rf_buffer_free, or hand out with rf_buffer_take */
    size_t length;
    size_t capacity;
} rf_buffer;

void rf_buffer_free(rf_buffer *buffer);

/* Each appends, or returns RF_ERROR_HOST_MEMORY and leaves the buffer as it was. */
rf_status rf_buffer_append(rf_buffer *buffer, const void *data, size_t length, rf_error *error);
rf_status rf_buffer_append_text(rf_buffer *buffer, const char *text, rf_error *error);
rf_status rf_buffer_format(rf_buffer *buffer, rf_error *error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Gives the bytes to the caller, NUL-terminated (freed with rf_free), and empties the buffer. */
rf_status rf_buffer_take(rf_buffer *buffer, char **out, size_t *length, rf_error *error);

#endif
