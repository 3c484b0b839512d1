/* help.h: the help texts, made from the tables of commands and options. */
#ifndef RF_CLI_HELP_H
#define RF_CLI_HELP_H

#include "base/buffer.h"
#include "cli/commands.h"

/* Each appends to *out, whose text ends with a newline. */
rf_status rf_cli_help_program(rf_buffer *out, rf_error *error);
rf_status rf_cli_help_command(rf_cli_command command, rf_buffer *out, rf_error *error);

/* docs/commands.md: the help of the program and of every command. */
rf_status rf_cli_help_document(rf_buffer *out, rf_error *error);

#endif
