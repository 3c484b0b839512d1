/* numbers.c: strict numbers. */
#include "cli/numbers.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Reads the digits at *text and moves it behind them. False where there are none or they do not
 * fit. */
static bool read_digits(const char **text, uint64_t *out)
{
    const char *at = *text;
    uint64_t value = 0;
    for (; is_digit(*at); at++) {
        if (!rf_mul(value, 10, &value) || !rf_add(value, (uint64_t)(*at - '0'), &value))
            return false;
    }
    if (at == *text)
        return false;
    *text = at;
    *out = value;
    return true;
}

rf_status rf_cli_parse_count(const char *text, uint64_t minimum, uint64_t maximum, uint64_t *out,
                             rf_error *error)
{
    const char *at = text;
    uint64_t value = 0;
    if (!read_digits(&at, &value) || *at || value < minimum || value > maximum)
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "'%s' is not an integer from %" PRIu64 " to %" PRIu64, text, minimum,
                            maximum);
    *out = value;
    return RF_OK;
}

rf_status rf_cli_parse_size(const char *text, uint64_t minimum, uint64_t maximum, uint64_t *out,
                            rf_error *error)
{
    static const char suffixes[] = "KMGT";
    const char *at = text;
    uint64_t value = 0;
    bool good = read_digits(&at, &value);
    const char *suffix = good && *at ? strchr(suffixes, *at) : NULL;
    if (suffix) {
        good = rf_mul(value, (uint64_t)1024 << 10 * (suffix - suffixes), &value);
        at++;
        if (strcmp(at, "iB") == 0)
            at += 2;
    }
    if (!good || *at || value < minimum || value > maximum)
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "'%s' is not a size from %" PRIu64 " to %" PRIu64
                            " bytes (K, M, G or T may follow)",
                            text, minimum, maximum);
    *out = value;
    return RF_OK;
}

rf_status rf_cli_parse_real(const char *text, double minimum, double maximum, double *out,
                            rf_error *error)
{
    /* strtod alone would also take leading white space, hexadecimal and "nan"; the comparison below
     * is false for NaN. */
    char *end = NULL;
    double value = strtod(text, &end);
    bool plain = is_digit(text[0]) || strchr("+-.", text[0]);
    if (!*text || !plain || *end || strpbrk(text, "xX") || !(value >= minimum && value <= maximum))
        return rf_error_set(error, RF_ERROR_ARGUMENT, "'%s' is not a number from %g to %g", text,
                            minimum, maximum);
    *out = value;
    return RF_OK;
}

rf_status rf_cli_parse_bias(const char *text, rf_logit_bias *out, rf_error *error)
{
    const char *at = text;
    uint64_t token = 0;
    if (!read_digits(&at, &token) || token > INT32_MAX || *at != '=')
        return rf_error_set(error, RF_ERROR_ARGUMENT, "'%s' is not ID=BIAS", text);
    double bias = -INFINITY;
    if (strcmp(at + 1, "-inf") != 0)
        RF_TRY(rf_cli_parse_real(at + 1, -1e6, 1e6, &bias, error));
    *out = (rf_logit_bias){.token = (int32_t)token, .bias = (float)bias};
    return RF_OK;
}

static const char *skip_separators(const char *at)
{
    return at + strspn(at, ", \t\r\n");
}

rf_status rf_cli_parse_tokens(const char *text, int32_t **out, size_t *count, rf_error *error)
{
    /* Every id but the last takes two bytes at least. */
    size_t capacity = strlen(text) / 2 + 1;
    int32_t *tokens = rf_calloc(capacity, sizeof(*tokens));
    if (!tokens)
        return rf_error_host_memory(error, "token ids", capacity * sizeof(*tokens));
    size_t n = 0;
    for (const char *at = skip_separators(text); *at; at = skip_separators(at)) {
        const char *start = at;
        uint64_t token = 0;
        if (!read_digits(&at, &token) || token > INT32_MAX || (*at && !strchr(", \t\r\n", *at))) {
            rf_free(tokens);
            return rf_error_set(error, RF_ERROR_ARGUMENT, "'%.*s' is not a token id",
                                (int)strcspn(start, ", \t\r\n"), start);
        }
        tokens[n++] = (int32_t)token;
    }
    if (n == 0) {
        rf_free(tokens);
        tokens = NULL;
    }
    *out = tokens;
    *count = n;
    return RF_OK;
}
