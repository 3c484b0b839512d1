/* run.c: rocmforge run, except for its conversation (chat.c). */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/chat.h"
#include "cli/generate.h"
#include "cli/input.h"
#include "cli/interrupt.h"

/* The text that generation starts from: the user's, or in chat the rendered template. */
static rf_status render(const rf_cli_session *session, const rf_cli_settings *settings, char **text,
                        size_t *length, rf_error *error)
{
    if (!settings->chat)
        return RF_OK;
    if (memchr(*text, '\0', *length))
        return rf_error_set(error, RF_ERROR_ARGUMENT, "the message contains a NUL byte");
    rf_chat_message messages[2] = {{.role = "system", .content = settings->system}};
    size_t count = settings->system ? 1 : 0;
    messages[count++] = (rf_chat_message){.role = "user", .content = *text};
    char *rendered = NULL;
    RF_TRY(rf_chat_render(session->tokenizer, messages, count, &rendered, error));
    rf_free(*text);
    *text = rendered;
    *length = strlen(rendered);
    return RF_OK;
}

/* One prompt, one continuation. Takes and may replace *text. */
static rf_status run_once(const rf_cli_session *session, const rf_cli_settings *settings,
                          char **text, size_t *length, rf_error *error)
{
    RF_TRY(render(session, settings, text, length, error));
    bool echo = !settings->chat && !settings->no_echo;
    if (echo && (fwrite(*text, 1, *length, stdout) != *length || fflush(stdout) != 0))
        return rf_error_set(error, RF_ERROR_IO, "cannot write to standard output");
    rf_cli_stop stop = RF_CLI_STOP_END;
    RF_TRY(rf_cli_generate(session, settings, (rf_string){*text, *length}, NULL, &stop, error));
    putchar('\n');
    fflush(stdout); /* so that the statistics come after it; main looks for errors at the end */
    if (!settings->quiet)
        fprintf(stderr, "\nstopped    %s\n", rf_cli_stop_text(stop));
    return RF_OK;
}

static rf_status run_session(const rf_cli_settings *settings, bool conversation, char **text,
                             size_t *length, rf_error *error)
{
    rf_engine_options options = rf_cli_engine_options(settings);
    rf_cli_session session = {0};
    rf_cli_interrupt_catch();
    RF_TRY(rf_cli_session_open(settings, &options, &session, error));
    const rf_tokenizer *tokenizer = NULL;
    rf_status status = rf_cli_session_tokenizer(&session, &tokenizer, error);
    if (status == RF_OK && settings->chat && strcmp(rf_chat_family(tokenizer), "plain") == 0)
        fprintf(stderr, "The model has no chat template that is known here: it gets plain text.\n");
    if (status == RF_OK)
        status = conversation ? rf_cli_chat(&session, settings, error)
                              : run_once(&session, settings, text, length, error);
    if (status == RF_OK && !settings->quiet) {
        fprintf(stderr, "seed       %" PRIu64 "\n", settings->seed);
        rf_cli_print_statistics(&session);
    }
    if (status == RF_OK && settings->memory_report)
        status = rf_cli_print_memory_report(&session, error);
    rf_cli_session_close(&session);
    return status;
}

rf_status rf_cli_run(const rf_cli_settings *given, rf_error *error)
{
    rf_cli_settings settings = *given; /* borrows its biases */
    uint32_t random = 0;               /* 32 bits are easy to type again */
    if (!settings.seed_given) {
        if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
            return rf_error_set_code(error, RF_ERROR_IO, errno, "cannot draw a random seed");
        settings.seed = random;
    }
    bool conversation = settings.chat && !settings.prompt && !settings.file && isatty(STDIN_FILENO);
    char *text = NULL;
    size_t length = 0;
    if (!conversation)
        RF_TRY(rf_cli_read_text(&settings, &text, &length, error));
    rf_status status = run_session(&settings, conversation, &text, &length, error);
    rf_free(text);
    return status;
}
