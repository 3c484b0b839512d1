/*
 * output.h: what the commands share in how they print: people's sizes, names that cannot move the
 * cursor, JSON. Results go to standard output, everything else to standard error.
 */
#ifndef RF_CLI_OUTPUT_H
#define RF_CLI_OUTPUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "rocmforge.h"

#define RF_CLI_NUMBER_BYTES 32

/* "5.4 MiB", "5.1 M" in a buffer of the caller's, which is returned. */
const char *rf_cli_bytes(uint64_t bytes, char text[RF_CLI_NUMBER_BYTES]);
const char *rf_cli_quantity(uint64_t n, char text[RF_CLI_NUMBER_BYTES]);

/* Prints text from a file on one line: control characters and broken UTF-8 as escapes, and no more
 * than limit bytes of it (0: all), with "…" where it was cut. Returns the characters printed. */
size_t rf_cli_print_escaped(rf_string text, size_t limit);
/* The same for the whole of a path or a name, then spaces up to a width. */
void rf_cli_print_name(const char *name, size_t width);

/* Prints "rocmforge: error: …" or "rocmforge: warning: …" as one line on standard error. */
void rf_cli_print_error(const char *message);
void rf_cli_print_warning(const char *message);

/* JSON values. A text's invalid UTF-8 becomes U+FFFD; an integer above what JSON readers hold in a
 * signed 64-bit number becomes text; a number that is not finite becomes null. NULL where memory
 * runs out. */
json_t *rf_cli_json_text(rf_string text);
json_t *rf_cli_json_count(uint64_t n);
json_t *rf_cli_json_real(double value);

/* Sets a member, and takes value. Returns what rf_cli_json_print wants to know: whether it went
 * well. A NULL value is a failure, so that calls can be nested. */
bool rf_cli_json_set(json_t *object, const char *key, json_t *value);
bool rf_cli_json_add(json_t *array, json_t *value);

/* Prints a document on standard output and frees it. RF_ERROR_HOST_MEMORY if complete is false. */
rf_status rf_cli_json_print(json_t *document, bool complete, rf_error *error);

#endif
