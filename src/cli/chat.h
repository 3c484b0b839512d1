/* chat.h: a conversation on the terminal. */
#ifndef RF_CLI_CHAT_H
#define RF_CLI_CHAT_H

#include "cli/session.h"

/*
 * Reads a message a line from standard input and answers it, until the end of input or Ctrl-C at
 * the prompt. Ctrl-C during an answer ends that answer. Where the conversation outgrows the
 * context, its oldest turns are forgotten.
 */
rf_status rf_cli_chat(const rf_cli_session *session, const rf_cli_settings *settings,
                      rf_error *error);

#endif
