/* output.c: printing for people and for programs. */
#include "cli/output.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"

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

void rf_cli_print_escaped(rf_string text, size_t limit)
{
    size_t length = limit && text.length > limit ? limit : text.length;
    /* A cut goes in front of a character, never through one. */
    while (length < text.length && length && ((unsigned char)text.data[length] & 0xC0) == 0x80)
        length--;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c == '\n')
            fputs("\\n", stdout);
        else if (c < 0x20 || c == 0x7F)
            printf("\\x%02x", c);
        else
            putchar(c);
    }
    if (length < text.length)
        fputs("…", stdout);
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

/* How many bytes the UTF-8 character at data takes; 0 where there is no whole and valid one. */
static size_t utf8_length(const unsigned char *data, size_t length)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char c = data[0];
    if (c < 0x80)
        return 1;
    size_t n = c >= 0xF0 && c < 0xF8   ? 4
               : c >= 0xE0 && c < 0xF0 ? 3
               : c >= 0xC0 && c < 0xE0 ? 2
                                       : 0;
    if (n == 0 || n > length)
        return 0;
    uint32_t code = c & (0xFFU >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        if ((data[i] & 0xC0) != 0x80)
            return 0;
        code = code << 6 | (data[i] & 0x3FU);
    }
    bool surrogate = code >= 0xD800 && code < 0xE000;
    return code < smallest[n] || code > 0x10FFFF || surrogate ? 0 : n;
}

json_t *rf_cli_json_text(rf_string text)
{
    rf_buffer buffer = {0};
    rf_status status = RF_OK;
    for (size_t i = 0; i < text.length && status == RF_OK;) {
        size_t n = utf8_length((const unsigned char *)text.data + i, text.length - i);
        status = n ? rf_buffer_append(&buffer, text.data + i, n, NULL)
                   : rf_buffer_append_text(&buffer, "\xEF\xBF\xBD", NULL);
        i += n ? n : 1;
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
