/* buffer.c: a growing byte buffer. */
#include "base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/memory.h"

void rf_buffer_free(rf_buffer *buffer)
{
    rf_free(buffer->data);
    *buffer = (rf_buffer){0};
}

/* Makes room for `extra` more bytes and one NUL behind them. */
static rf_status reserve(rf_buffer *buffer, size_t extra, rf_error *error)
{
    uint64_t needed;
    if (!rf_add(buffer->length, extra, &needed) || !rf_add(needed, 1, &needed))
        return rf_error_host_memory(error, "a buffer", UINT64_MAX);
    if (needed <= buffer->capacity)
        return RF_OK;
    uint64_t capacity = buffer->capacity ? buffer->capacity : 64;
    while (capacity < needed)
        capacity += capacity / 2;
    char *grown = rf_realloc(buffer->data, capacity, 1);
    if (!grown)
        return rf_error_host_memory(error, "a buffer", capacity);
    buffer->data = grown;
    buffer->capacity = capacity;
    return RF_OK;
}

rf_status rf_buffer_append(rf_buffer *buffer, const void *data, size_t length, rf_error *error)
{
    RF_TRY(reserve(buffer, length, error));
    if (length)
        memcpy(buffer->data + buffer->length, data, length);
    buffer->length += length;
    return RF_OK;
}

rf_status rf_buffer_append_text(rf_buffer *buffer, const char *text, rf_error *error)
{
    return rf_buffer_append(buffer, text, strlen(text), error);
}

rf_status rf_buffer_format(rf_buffer *buffer, rf_error *error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length < 0)
        return rf_error_set(error, RF_ERROR_INTERNAL, "a format string failed");
    RF_TRY(reserve(buffer, (size_t)length, error));
    va_start(args, format);
    int written = vsnprintf(buffer->data + buffer->length, (size_t)length + 1, format, args);
    va_end(args);
    if (written != length)
        return rf_error_set(error, RF_ERROR_INTERNAL, "a format string failed");
    buffer->length += (size_t)length;
    return RF_OK;
}

rf_status rf_buffer_take(rf_buffer *buffer, char **out, size_t *length, rf_error *error)
{
    RF_TRY(reserve(buffer, 0, error));
    buffer->data[buffer->length] = '\0';
    *out = buffer->data;
    if (length)
        *length = buffer->length;
    *buffer = (rf_buffer){0};
    return RF_OK;
}
