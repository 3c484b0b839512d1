/* input.h: the text that a command works on. */
#ifndef RF_CLI_INPUT_H
#define RF_CLI_INPUT_H

#include <stddef.h>

#include "cli/options.h"

/* The text of -p, of the file of -f, or else all of standard input. *out is NUL-terminated (which
 * is not in *length) and to be freed with rf_free. Any bytes are taken. Errors: IO, NOT_FOUND,
 * HOST_MEMORY. */
rf_status rf_cli_read_text(const rf_cli_settings *settings, char **out, size_t *length,
                           rf_error *error);

#endif
