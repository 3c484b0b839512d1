/*
 * numbers.h: numbers from the command line, read strictly: the whole text is the number, and it is
 * inside its limits. Errors are RF_ERROR_ARGUMENT and say what was expected; the caller adds which
 * option it was.
 */
#ifndef RF_CLI_NUMBERS_H
#define RF_CLI_NUMBERS_H

#include <stddef.h>
#include <stdint.h>

#include "rocmforge.h"

/* A decimal integer from minimum to maximum. */
rf_status rf_cli_parse_count(const char *text, uint64_t minimum, uint64_t maximum, uint64_t *out,
                             rf_error *error);

/* Bytes: an integer, with K, M, G or T behind it for powers of 1024, also as KiB and so on. */
rf_status rf_cli_parse_size(const char *text, uint64_t minimum, uint64_t maximum, uint64_t *out,
                            rf_error *error);

/* A decimal number from minimum to maximum; not NaN. */
rf_status rf_cli_parse_real(const char *text, double minimum, double maximum, double *out,
                            rf_error *error);

/* ID=BIAS, where BIAS is a number or -inf. */
rf_status rf_cli_parse_bias(const char *text, rf_logit_bias *out, rf_error *error);

/* Token ids separated by commas and white space. *out is a new array of *count ids, to be freed
 * with rf_free; NULL where there are none. */
rf_status rf_cli_parse_tokens(const char *text, int32_t **out, size_t *count, rf_error *error);

#endif
