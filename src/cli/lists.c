/* lists.c: lists of numbers, and ranges in them. */
#include "cli/lists.h"

#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "cli/numbers.h"

/* A list being read, and what its numbers are. */
typedef struct reader {
    const char *text;
    bool sizes;
    uint64_t minimum;
    uint64_t maximum;
    rf_cli_list list;
} reader;

static rf_status read_number(const reader *r, const char *word, uint64_t *out, rf_error *error)
{
    return r->sizes ? rf_cli_parse_size(word, r->minimum, r->maximum, out, error)
                    : rf_cli_parse_count(word, r->minimum, r->maximum, out, error);
}

/* What follows '+' or '*' of a range. */
static rf_status read_step(const reader *r, char sign, const char *word, uint64_t *out,
                           rf_error *error)
{
    uint64_t least = sign == '*' ? 2 : 1; /* less would not go on */
    return r->sizes && sign == '+' ? rf_cli_parse_size(word, least, r->maximum, out, error)
                                   : rf_cli_parse_count(word, least, r->maximum, out, error);
}

static rf_status add(reader *r, uint64_t value, rf_error *error)
{
    if (r->list.count == RF_CLI_LIST_MAX)
        return rf_error_set(error, RF_ERROR_ARGUMENT, "'%s' has more than %d numbers", r->text,
                            RF_CLI_LIST_MAX);
    r->list.values[r->list.count++] = value;
    return RF_OK;
}

/* Adds FIRST-LAST, with +STEP or *FACTOR behind it or not; dash is where it is in word. */
static rf_status add_range(reader *r, char *word, char *dash, rf_error *error)
{
    char *at = strpbrk(dash, "+*");
    char sign = '+';
    uint64_t first = 0;
    uint64_t last = 0;
    uint64_t step = 1;
    if (at) {
        sign = *at;
        RF_TRY(read_step(r, sign, at + 1, &step, error));
        *at = '\0';
    }
    RF_TRY(read_number(r, dash + 1, &last, error));
    *dash = '\0';
    RF_TRY(read_number(r, word, &first, error));
    if (first > last || (sign == '*' && first == 0))
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            first > last ? "a range from %s to %s goes down"
                                         : "a range from %s to %s has no factor: it starts at 0",
                            word, dash + 1);
    for (uint64_t value = first; value <= last;) {
        RF_TRY(add(r, value, error));
        if (sign == '*' ? !rf_mul(value, step, &value) : !rf_add(value, step, &value))
            break; /* past every limit */
    }
    return RF_OK;
}

static rf_status add_word(reader *r, char *word, rf_error *error)
{
    char *dash = strchr(word, '-');
    uint64_t value = 0;
    if (dash && dash != word)
        return add_range(r, word, dash, error);
    RF_TRY(read_number(r, word, &value, error));
    return add(r, value, error);
}

rf_status rf_cli_parse_list(const char *text, bool sizes, uint64_t minimum, uint64_t maximum,
                            rf_cli_list *out, rf_error *error)
{
    reader r = {.text = text, .sizes = sizes, .minimum = minimum, .maximum = maximum};
    for (const char *at = text; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
        char word[80]; /* of three numbers, and more digits than any has */
        size_t length = strcspn(at, ",");
        if (length >= sizeof(word))
            return rf_error_set(error, RF_ERROR_ARGUMENT, "'%s' is not a list of numbers", text);
        memcpy(word, at, length);
        word[length] = '\0';
        RF_TRY(add_word(&r, word, error));
    }
    *out = r.list;
    return RF_OK;
}
