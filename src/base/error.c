/* error.c: filling rf_error; the texts come from the list in rocmforge.h. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

const char *rf_status_text(rf_status status)
{
    switch (status) {
#define RF_STATUS_CASE(name, number, text)                                                         \
    case name:                                                                                     \
        return text;
        RF_STATUS_LIST(RF_STATUS_CASE)
#undef RF_STATUS_CASE
    }
    return "unknown status";
}

const char *rf_version(void)
{
#define RF_STRINGIFY_(x) #x
#define RF_STRINGIFY(x)  RF_STRINGIFY_(x)
    return RF_STRINGIFY(RF_VERSION_MAJOR) "." RF_STRINGIFY(RF_VERSION_MINOR) "." RF_STRINGIFY(
        RF_VERSION_PATCH);
}

/* A message is one harmless line whatever names from a file it quotes: each control character and
 * each piece of broken UTF-8 (a cut leaves one, too) becomes a '?'. */
static void make_one_line(char *text)
{
    const size_t length = strlen(text);
    size_t kept = 0;
    for (size_t i = 0; i < length;) {
        const unsigned char *piece = (const unsigned char *)text + i;
        rf_utf8_kind kind;
        size_t bytes = rf_utf8_next(piece, length - i, &kind);
        i += bytes;
        if (rf_utf8_is_printable(piece, bytes, kind)) {
            memmove(text + kept, piece, bytes);
            kept += bytes;
        } else {
            text[kept++] = '?';
        }
    }
    text[kept] = '\0';
}

void rf_error_fill(rf_error *error, rf_status status, int driver_code, const char *format, ...)
{
    if (!error)
        return;
    error->status = status;
    error->driver_code = driver_code;
    va_list args;
    va_start(args, format);
    /* A failed or cut message is still a message: the status says what happened. */
    if (vsnprintf(error->message, sizeof(error->message), format, args) < 0)
        error->message[0] = '\0';
    va_end(args);
    make_one_line(error->message);
}

rf_status rf_error_context(rf_error *error, rf_status status, const char *format, ...)
{
    if (!error)
        return status;
    char context[RF_ERROR_MESSAGE_BYTES / 2];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(context, sizeof(context), format, args);
    va_end(args);
    if (length < 0)
        return status;
    size_t prefix = strlen(context);
    if (prefix + 2 + 1 > sizeof(error->message))
        return status;
    size_t keep = strlen(error->message);
    if (keep > sizeof(error->message) - prefix - 3)
        keep = sizeof(error->message) - prefix - 3;
    memmove(error->message + prefix + 2, error->message, keep);
    memcpy(error->message, context, prefix);
    memcpy(error->message + prefix, ": ", 2);
    error->message[prefix + 2 + keep] = '\0';
    make_one_line(error->message);
    return status;
}
