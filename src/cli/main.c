/*
 * main.c: the command `rocmforge`: finds the subcommand, reads its options, runs it and turns what
 * came back into an exit status: 0, 1 for an error, 2 for wrong usage.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/error.h"
#include "cli/commands.h"
#include "cli/help.h"
#include "cli/options.h"
#include "cli/output.h"

enum { EXIT_SUCCEEDED = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

typedef rf_status (*command_function)(const rf_cli_settings *settings, rf_error *error);

static const command_function functions[RF_CLI_COMMAND_COUNT] = {
    [RF_CLI_RUN] = rf_cli_run,
    [RF_CLI_INSPECT] = rf_cli_inspect,
    [RF_CLI_PLAN] = rf_cli_plan,
    [RF_CLI_TOKENIZE] = rf_cli_tokenize,
    [RF_CLI_DETOKENIZE] = rf_cli_detokenize,
    [RF_CLI_LOGITS] = rf_cli_logits,
    [RF_CLI_PERPLEXITY] = rf_cli_perplexity,
    [RF_CLI_MODELS] = rf_cli_models,
    [RF_CLI_DEVICES] = rf_cli_devices,
    [RF_CLI_SYNTH] = rf_cli_synth,
    [RF_CLI_BENCH] = rf_cli_bench,
};

/* Fills standard streams that the caller has closed: the next file opened, a model perhaps, would
 * get their number and be read or written in their place. They are opened the wrong way round, so
 * that using them is still an error. */
static void hold_standard_streams(void)
{
    for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; stream++) {
        if (fcntl(stream, F_GETFD) < 0)
            (void)open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY);
    }
}

static void print_log(void *user, rf_log_level level, const char *line)
{
    (void)user;
    if (level == RF_LOG_WARNING)
        rf_cli_print_warning(line);
    else
        fprintf(stderr, "rocmforge: %s\n", line);
}

/* What was printed has to have arrived: a full disk is an error too. */
static int finish(int exit_status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return exit_status;
    if (exit_status == EXIT_SUCCEEDED)
        rf_cli_print_error("cannot write to standard output");
    return exit_status == EXIT_SUCCEEDED ? EXIT_FAILED : exit_status;
}

static int fail(const rf_error *error)
{
    rf_cli_print_error(error->message);
    return finish(EXIT_FAILED);
}

/* Prints the help of a command, or of the program for RF_CLI_COMMAND_COUNT. */
static int help(rf_cli_command command)
{
    rf_buffer text = {0};
    rf_error error = {0};
    rf_status status = command == RF_CLI_COMMAND_COUNT
                           ? rf_cli_help_program(&text, &error)
                           : rf_cli_help_command(command, &text, &error);
    if (status == RF_OK)
        fwrite(text.data, 1, text.length, stdout); /* finish() looks for errors */
    rf_buffer_free(&text);
    return status == RF_OK ? finish(EXIT_SUCCEEDED) : fail(&error);
}

static int unknown_command(const char *name)
{
    const char *best = NULL;
    size_t distance = 0;
    for (int i = 0; i < RF_CLI_COMMAND_COUNT; i++)
        best =
            rf_cli_nearer(name, rf_cli_command_describe((rf_cli_command)i)->name, best, &distance);
    rf_error error;
    if (best)
        rf_error_set(&error, RF_ERROR_ARGUMENT,
                     "unknown command '%s'; did you mean '%s'? (see 'rocmforge --help')", name,
                     best);
    else
        rf_error_set(&error, RF_ERROR_ARGUMENT, "unknown command '%s' (see 'rocmforge --help')",
                     name);
    rf_cli_print_error(error.message);
    return EXIT_USAGE;
}

static int run_command(rf_cli_command command, int count, char **arguments)
{
    rf_cli_settings settings;
    rf_error error = {0};
    rf_status status = rf_cli_parse(command, (size_t)count, arguments, &settings, &error);
    if (status == RF_ERROR_ARGUMENT) {
        fprintf(stderr, "rocmforge: error: %s (see 'rocmforge %s --help')\n", error.message,
                rf_cli_command_describe(command)->name);
        return EXIT_USAGE;
    }
    if (status != RF_OK)
        return fail(&error);
    rf_log_set(print_log, NULL, settings.verbose ? RF_LOG_DEBUG : RF_LOG_WARNING);
    int exit_status = EXIT_SUCCEEDED;
    if (settings.help)
        exit_status = help(command);
    else if (functions[command](&settings, &error) != RF_OK)
        exit_status = fail(&error);
    else
        exit_status = finish(EXIT_SUCCEEDED);
    rf_cli_settings_free(&settings);
    return exit_status;
}

/* The program's own arguments, which take no others behind them. */
static int too_many(const char *name)
{
    rf_error error;
    rf_error_set(&error, RF_ERROR_ARGUMENT,
                 "too many arguments behind '%s' (see 'rocmforge --help')", name);
    rf_cli_print_error(error.message);
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    hold_standard_streams();
    if (argc < 2) {
        rf_cli_print_error("no command given (see 'rocmforge --help')");
        return EXIT_USAGE;
    }
    const char *name = argv[1];
    bool asks_help =
        strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0;
    bool asks_version = strcmp(name, "--version") == 0;
    if ((asks_help && argc > 3) || (asks_version && argc > 2))
        return too_many(name);
    if (asks_help && argc == 2)
        return help(RF_CLI_COMMAND_COUNT);
    if (asks_help)
        name = argv[2];
    if (asks_version) {
        printf("rocmforge %s\n", rf_version());
        return finish(EXIT_SUCCEEDED);
    }
    rf_cli_command command = rf_cli_command_find(name);
    if (command == RF_CLI_COMMAND_COUNT)
        return unknown_command(name);
    return asks_help ? help(command) : run_command(command, argc - 2, argv + 2);
}
