/* chat.c: turns of a conversation, and the history that the model is shown. */
#include "cli/chat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "cli/generate.h"
#include "cli/interrupt.h"
#include "cli/output.h"

typedef struct turn {
    const char *role;
    char *content; /* owned */
} turn;

typedef struct history {
    turn *turns;
    size_t count;
    size_t n_system; /* 0 or 1: turns at the front that are never forgotten */
} history;

/* Forgets `count` turns from `first` on. */
static void forget(history *h, size_t first, size_t count)
{
    for (size_t i = first; i < first + count; i++)
        rf_free(h->turns[i].content);
    h->count -= count;
    memmove(h->turns + first, h->turns + first + count, (h->count - first) * sizeof(*h->turns));
}

static void history_free(history *h)
{
    for (size_t i = 0; i < h->count; i++)
        rf_free(h->turns[i].content);
    rf_free(h->turns);
}

static rf_status history_add(history *h, const char *role, const char *content, rf_error *error)
{
    turn *turns = rf_realloc(h->turns, h->count + 1, sizeof(*turns));
    if (turns)
        h->turns = turns;
    char *copy = turns ? rf_strdup(content) : NULL;
    if (!copy) {
        rf_error_host_memory(error, "a chat message", strlen(content));
        return RF_ERROR_HOST_MEMORY;
    }
    h->turns[h->count++] = (turn){.role = role, .content = copy};
    return RF_OK;
}

/* The history in the model's template. *out is to be freed with rf_free. */
static rf_status history_render(const history *h, const rf_tokenizer *tokenizer, char **out,
                                rf_error *error)
{
    rf_chat_message *messages = rf_calloc(h->count, sizeof(*messages));
    if (!messages) {
        rf_error_host_memory(error, "chat messages", h->count * sizeof(*messages));
        return RF_ERROR_HOST_MEMORY;
    }
    for (size_t i = 0; i < h->count; i++)
        messages[i] = (rf_chat_message){.role = h->turns[i].role, .content = h->turns[i].content};
    rf_status status = rf_chat_render(tokenizer, messages, h->count, out, error);
    rf_free(messages);
    return status;
}

static rf_status answer_once(const rf_cli_session *session, const rf_cli_settings *settings,
                             const history *h, rf_buffer *answer, rf_cli_stop *stop,
                             rf_error *error)
{
    char *text = NULL;
    RF_TRY(history_render(h, session->tokenizer, &text, error));
    rf_status status =
        rf_cli_generate(session, settings, (rf_string){text, strlen(text)}, answer, stop, error);
    rf_free(text);
    return status;
}

/* Answers the latest question and adds the answer to the history. A question that is too long for
 * the context even alone is said to be so, and forgotten. */
static rf_status take_turn(const rf_cli_session *session, const rf_cli_settings *settings,
                           history *h, rf_error *error)
{
    rf_buffer answer = {0};
    rf_cli_stop stop = RF_CLI_STOP_END;
    rf_error local = {0};
    rf_cli_interrupt_catch();
    rf_status status = answer_once(session, settings, h, &answer, &stop, &local);
    while (status == RF_ERROR_FULL && h->count >= h->n_system + 3) {
        forget(h, h->n_system, 2); /* the oldest question and its answer */
        status = answer_once(session, settings, h, &answer, &stop, &local);
    }
    char *content = NULL;
    if (status == RF_OK)
        status = rf_buffer_take(&answer, &content, NULL, &local);
    if (status == RF_OK)
        status = history_add(h, "assistant", content, &local);
    rf_free(content);
    rf_buffer_free(&answer);
    putchar('\n');
    fflush(stdout); /* main looks for errors at the end */
    if (status == RF_OK && stop != RF_CLI_STOP_END)
        fprintf(stderr, "(%s)\n", rf_cli_stop_text(stop));
    if (status == RF_ERROR_FULL) {
        rf_cli_print_warning(local.message);
        forget(h, h->count - 1, 1);
        return RF_OK;
    }
    if (status != RF_OK && error)
        *error = local;
    return status;
}

/* Reads a line into *line (a getline buffer) without its newline. False at the end of input. */
static bool read_line(char **line, size_t *capacity)
{
    fprintf(stderr, "> ");
    rf_cli_interrupt_catch();
    ssize_t length = getline(line, capacity, stdin);
    if (length > 0 && (*line)[length - 1] == '\n')
        (*line)[length - 1] = '\0';
    return length >= 0;
}

rf_status rf_cli_chat(const rf_cli_session *session, const rf_cli_settings *settings,
                      rf_error *error)
{
    history h = {.n_system = settings->system ? 1 : 0};
    rf_status status = RF_OK;
    if (settings->system)
        status = history_add(&h, "system", settings->system, error);
    char *line = NULL;
    size_t capacity = 0;
    while (status == RF_OK && read_line(&line, &capacity)) {
        if (!*line)
            continue;
        status = history_add(&h, "user", line, error);
        if (status == RF_OK)
            status = take_turn(session, settings, &h, error);
    }
    fputc('\n', stderr);
    free(line); /* getline's own */
    history_free(&h);
    return status;
}
