/* input.c: reads a text whole. */
#include "cli/input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "cli/model_path.h"

/* What the tokenizer takes in one call; an endless file must not take all memory first. */
#define TEXT_MAX ((size_t)1 << 30)

static rf_status read_all(int descriptor, const char *name, rf_buffer *buffer, rf_error *error)
{
    char piece[65536];
    for (;;) {
        ssize_t got = read(descriptor, piece, sizeof(piece));
        if (got == 0)
            return RF_OK;
        if (got < 0) {
            char reason[128];
            return rf_error_set_code(error, RF_ERROR_IO, errno, "%s: cannot read: %s", name,
                                     strerror_r(errno, reason, sizeof(reason)));
        }
        RF_TRY(rf_buffer_append(buffer, piece, (size_t)got, error));
        if (buffer->length > TEXT_MAX)
            return rf_error_set(error, RF_ERROR_RANGE, "%s: more than %zu bytes of text", name,
                                TEXT_MAX);
    }
}

static rf_status read_source(const rf_cli_settings *settings, rf_buffer *buffer, rf_error *error)
{
    if (settings->prompt)
        return rf_buffer_append_text(buffer, settings->prompt, error);
    if (!settings->file || strcmp(settings->file, "-") == 0) {
        if (isatty(STDIN_FILENO)) {
            /* A name that is wrong is better known before the text is typed. */
            char *path = NULL;
            RF_TRY(rf_cli_model_path(settings->model, &path, error));
            rf_free(path);
            fprintf(stderr, "Reading the text from the terminal; end it with Ctrl-D.\n");
        }
        return read_all(STDIN_FILENO, "standard input", buffer, error);
    }
    int descriptor = open(settings->file, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        char reason[128];
        return rf_error_set_code(error, errno == ENOENT ? RF_ERROR_NOT_FOUND : RF_ERROR_IO, errno,
                                 "%s: cannot open: %s", settings->file,
                                 strerror_r(errno, reason, sizeof(reason)));
    }
    rf_status status = read_all(descriptor, settings->file, buffer, error);
    close(descriptor); /* only read from: nothing can be lost */
    return status;
}

rf_status rf_cli_read_text(const rf_cli_settings *settings, char **out, size_t *length,
                           rf_error *error)
{
    rf_buffer buffer = {0};
    rf_status status = read_source(settings, &buffer, error);
    if (status == RF_OK)
        status = rf_buffer_take(&buffer, out, length, error);
    rf_buffer_free(&buffer);
    return status;
}
