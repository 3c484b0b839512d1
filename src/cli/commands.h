/*
 * commands.h: what the command `rocmforge` can do. One table describes the subcommands; options.h
 * has the one for their options. Parsing, --help and the reference in docs/commands.md are made
 * from the two.
 */
#ifndef RF_CLI_COMMANDS_H
#define RF_CLI_COMMANDS_H

#include <stddef.h>

#include "rocmforge.h"

typedef enum rf_cli_command {
    RF_CLI_RUN,
    RF_CLI_INSPECT,
    RF_CLI_PLAN,
    RF_CLI_TOKENIZE,
    RF_CLI_DETOKENIZE,
    RF_CLI_LOGITS,
    RF_CLI_PERPLEXITY,
    RF_CLI_MODELS,
    RF_CLI_DEVICES,
    RF_CLI_SYNTH,
    RF_CLI_BENCH,
    RF_CLI_COMMAND_COUNT
} rf_cli_command;

typedef struct rf_cli_command_info {
    const char *name;
    const char
        *arguments; /* as shown after the options in the usage line; "" where there are none */
    size_t max_arguments;
    const char *summary; /* one line, for the list of commands */
    const char *details; /* paragraphs for --help, separated by empty lines */
} rf_cli_command_info;

const rf_cli_command_info *rf_cli_command_describe(rf_cli_command command);

/* The command of a name, or RF_CLI_COMMAND_COUNT. */
rf_cli_command rf_cli_command_find(const char *name);

struct rf_cli_settings;

/* The commands themselves, one file each. Results go to standard output, the rest to standard
 * error. */
rf_status rf_cli_run(const struct rf_cli_settings *settings, rf_error *error);
rf_status rf_cli_inspect(const struct rf_cli_settings *settings, rf_error *error);
rf_status rf_cli_plan(const struct rf_cli_settings *settings, rf_error *error);
rf_status rf_cli_tokenize(const struct rf_cli_settings *settings, rf_error *error);
rf_status rf_cli_detokenize(const struct rf_cli_settings *settings, rf_error *error);
rf_status rf_cli_logits(const struct rf_cli_settings *settings, rf_error *error);
rf_status rf_cli_perplexity(const struct rf_cli_settings *settings, rf_error *error);
rf_status rf_cli_models(const struct rf_cli_settings *settings, rf_error *error);
rf_status rf_cli_devices(const struct rf_cli_settings *settings, rf_error *error);
rf_status rf_cli_synth(const struct rf_cli_settings *settings, rf_error *error);
rf_status rf_cli_bench(const struct rf_cli_settings *settings, rf_error *error);

#endif
