/* generate.h: one prompt in, its continuation streamed to standard output. */
#ifndef RF_CLI_GENERATE_H
#define RF_CLI_GENERATE_H

#include "base/buffer.h"
#include "cli/session.h"

/* How a continuation ended, in words for the user. */
typedef enum rf_cli_stop { RF_CLI_STOP_END, RF_CLI_STOP_LENGTH, RF_CLI_STOP_INTERRUPT } rf_cli_stop;

const char *rf_cli_stop_text(rf_cli_stop stop);

/* The library's sampling options for these settings. Borrows the settings' biases. */
rf_sampling rf_cli_sampling(const rf_cli_settings *settings);

/*
 * Tokenizes text, generates from it and prints as whole characters arrive. What was printed is
 * appended to *answer as well unless that is NULL. FULL where the prompt does not fit into the
 * context; nothing was printed then.
 */
rf_status rf_cli_generate(const rf_cli_session *session, const rf_cli_settings *settings,
                          rf_string text, rf_buffer *answer, rf_cli_stop *stop, rf_error *error);

#endif
