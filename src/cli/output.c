/* output.c: printing for people and for programs. */
#include "cli/output.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/utf8.h"

/* Scales n by a step until it is below it, and prints it with the unit of that scale. */
static const char *scaled(uint64_t n, double step, const char *const *units, size_t n_units,
                          char text[RF_CLI_NUMBER_BYTES])
{
    double value = (double)n;
    size_t unit = 0;
    while (unit + 1 < n_units && value >= step) {
        value /= step;
        unit++;
    }
    /* Cannot be cut: at most 20 digits and a unit. */
    snprintf(text, RF_CLI_NUMBER_BYTES, "%.*f%s", unit ? 1 : 0, value, units[unit]);
    return text;
}

const char *rf_cli_bytes(uint64_t bytes, char text[RF_CLI_NUMBER_BYTES])
{
    static const char *const units[] = {" B", " KiB", " MiB", " GiB", " TiB"};
    return scaled(bytes, 1024, units, sizeof(units) / sizeof(units[0]), text);
}

const char *rf_cli_quantity(uint64_t n, char text[RF_CLI_NUMBER_BYTES])
{
    static const char *const units[] = {"", " K", " M", " G", " T"};
    return scaled(n, 1000, units, sizeof(units) / sizeof(units[0]), text);
}

/* Bytes that must not reach a terminal, as escapes; returns the characters printed. */
static size_t print_bytes(const unsigned char *bytes, size_t length)
{
    size_t printed = 0;
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] == '\n')
            fputs("\\n", stdout);
        else
            printf("\\x%02x", bytes[i]);
        printed += bytes[i] == '\n' ? 2 : 4;
    }
    return printed;
}

size_t rf_cli_print_escaped(rf_string text, size_t limit)
{
    size_t length = limit && text.length > limit ? limit : text.length;
    /* A cut goes in front of a character, never through one. */
    while (length < text.length && length && ((unsigned char)text.data[length] & 0xC0) == 0x80)
        length--;
    size_t printed = 0;
    for (size_t i = 0; i < length;) {
        const unsigned char *piece = (const unsigned char *)text.data + i;
        rf_utf8_kind kind;
        size_t bytes = rf_utf8_next(piece, length - i, &kind);
        i += bytes;
        if (rf_utf8_is_printable(piece, bytes, kind)) {
            fwrite(piece, 1, bytes, stdout); /* main looks for errors at the end */
            printed++;
        } else {
            printed += print_bytes(piece, bytes);
        }
    }
    if (length == text.length)
        return printed;
    fputs("…", stdout);
    return printed + 1;
}

void rf_cli_print_name(const char *name, size_t width)
{
    size_t printed = rf_cli_print_escaped((rf_string){name, strlen(name)}, 0);
    for (; printed < width; printed++)
        putchar(' ');
}

/* Nothing can be done where standard error cannot be written. */
void rf_cli_print_error(const char *message)
{
    fprintf(stderr, "rocmforge: error: %s\n", message);
}

void rf_cli_print_warning(const char *message)
{
    fprintf(stderr, "rocmforge: warning: %s\n", message);
}

json_t *rf_cli_json_text(rf_string text)
{
    rf_buffer buffer = {0};
    rf_status status = RF_OK;
    for (size_t i = 0; i < text.length && status == RF_OK;) {
        rf_utf8_kind kind;
        size_t bytes = rf_utf8_next((const unsigned char *)text.data + i, text.length - i, &kind);
        status = kind == RF_UTF8_WHOLE ? rf_buffer_append(&buffer, text.data + i, bytes, NULL)
                                       : rf_buffer_append_text(&buffer, "\xEF\xBF\xBD", NULL);
        i += bytes;
    }
    json_t *value =
        status == RF_OK ? json_stringn(buffer.data ? buffer.data : "", buffer.length) : NULL;
    rf_buffer_free(&buffer);
    return value;
}

json_t *rf_cli_json_count(uint64_t n)
{
    return n <= INT64_MAX ? json_integer((json_int_t)n) : json_sprintf("%" PRIu64, n);
}

json_t *rf_cli_json_real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

bool rf_cli_json_set(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value) == 0;
}

bool rf_cli_json_add(json_t *array, json_t *value)
{
    return json_array_append_new(array, value) == 0;
}

rf_status rf_cli_json_print(json_t *document, bool complete, rf_error *error)
{
    rf_status status = RF_OK;
    if (!document || !complete)
        status =
            rf_error_set(error, RF_ERROR_HOST_MEMORY, "out of host memory for a JSON document");
    else if (json_dumpf(document, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) != 0 ||
             putchar('\n') == EOF)
        status = rf_error_set(error, RF_ERROR_IO, "cannot write to standard output");
    json_decref(document);
    return status;
}
