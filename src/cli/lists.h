/* lists.h: lists of numbers from the command line. */
#ifndef RF_CLI_LISTS_H
#define RF_CLI_LISTS_H

#include "cli/options.h"

/*
 * Numbers and ranges, separated by commas: 8,12 or 1-4 or 0-32768+8192 or 1-64*2, whose last number
 * is the largest that the range has. Sizes may have K, M, G or T behind each number. Limits are of
 * every number. Errors: RF_ERROR_ARGUMENT, also for more than RF_CLI_LIST_MAX of them.
 */
rf_status rf_cli_parse_list(const char *text, bool sizes, uint64_t minimum, uint64_t maximum,
                            rf_cli_list *out, rf_error *error);

#endif
