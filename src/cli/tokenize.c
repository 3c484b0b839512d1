/* tokenize.c: rocmforge tokenize and detokenize. Only the file's metadata is read. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "cli/input.h"
#include "cli/model_path.h"
#include "cli/numbers.h"
#include "cli/output.h"

static rf_status open_tokenizer(const rf_cli_settings *settings, rf_tokenizer **out,
                                rf_error *error)
{
    char *path = NULL;
    rf_gguf *gguf = NULL;
    RF_TRY(rf_cli_model_path(settings->model, &path, error));
    rf_status status = rf_gguf_open(path, &gguf, error);
    if (status == RF_OK) {
        status = rf_tokenizer_open(gguf, out, error);
        if (status != RF_OK)
            rf_error_context(error, status, "%s", path);
    }
    rf_gguf_close(gguf); /* the tokenizer keeps what it needs */
    rf_free(path);
    return status;
}

static rf_status print_ids(const rf_cli_settings *settings, const int32_t *tokens, size_t count,
                           rf_error *error)
{
    if (settings->json) {
        json_t *list = json_array();
        bool good = true;
        for (size_t i = 0; i < count; i++)
            good &= rf_cli_json_add(list, json_integer(tokens[i]));
        json_t *document = json_object();
        good &= rf_cli_json_set(document, "tokens", list);
        return rf_cli_json_print(document, good, error);
    }
    for (size_t i = 0; i < count; i++)
        printf("%s%" PRId32, i ? " " : "", tokens[i]);
    putchar('\n');
    return RF_OK;
}

rf_status rf_cli_tokenize(const rf_cli_settings *settings, rf_error *error)
{
    rf_tokenizer *tokenizer = NULL;
    RF_TRY(open_tokenizer(settings, &tokenizer, error));
    rf_tokenize_options options = {.add_bos_eos = settings->special,
                                   .parse_special = settings->special};
    char *text = NULL;
    size_t length = 0;
    int32_t *tokens = NULL;
    size_t count = 0;
    rf_status status = rf_cli_read_text(settings, &text, &length, error);
    if (status == RF_OK)
        status = rf_tokenize(tokenizer, (rf_string){text, length}, options, &tokens, &count, error);
    if (status == RF_OK)
        status = print_ids(settings, tokens, count, error);
    rf_free(tokens);
    rf_free(text);
    rf_tokenizer_free(tokenizer);
    return status;
}

static rf_status read_ids_from_input(const rf_cli_settings *settings, char **out, rf_error *error)
{
    char *text = NULL;
    size_t length = 0;
    RF_TRY(rf_cli_read_text(settings, &text, &length, error));
    if (strlen(text) != length) {
        rf_free(text);
        return rf_error_set(error, RF_ERROR_ARGUMENT, "standard input: a NUL byte among the ids");
    }
    *out = text;
    return RF_OK;
}

/* The ids as one text: the arguments, or standard input where there are none. */
static rf_status read_ids(const rf_cli_settings *settings, char **out, rf_error *error)
{
    if (settings->n_arguments == 0)
        return read_ids_from_input(settings, out, error);
    rf_buffer buffer = {0};
    rf_status status = RF_OK;
    for (size_t i = 0; i < settings->n_arguments && status == RF_OK; i++)
        status = rf_buffer_format(&buffer, error, "%s ", settings->arguments[i]);
    if (status == RF_OK)
        status = rf_buffer_take(&buffer, out, NULL, error);
    rf_buffer_free(&buffer);
    return status;
}

static rf_status print_text(const rf_tokenizer *tokenizer, const rf_cli_settings *settings,
                            const int32_t *tokens, size_t count, rf_error *error)
{
    char *text = NULL;
    size_t length = 0;
    RF_TRY(rf_detokenize(tokenizer, tokens, count, settings->special, &text, &length, error));
    fwrite(text, 1, length, stdout); /* main looks for errors at the end */
    rf_free(text);
    return RF_OK;
}

rf_status rf_cli_detokenize(const rf_cli_settings *settings, rf_error *error)
{
    rf_tokenizer *tokenizer = NULL;
    RF_TRY(open_tokenizer(settings, &tokenizer, error));
    char *ids = NULL;
    int32_t *tokens = NULL;
    size_t count = 0;
    rf_status status = read_ids(settings, &ids, error);
    if (status == RF_OK)
        status = rf_cli_parse_tokens(ids, &tokens, &count, error);
    if (status == RF_OK)
        status = print_text(tokenizer, settings, tokens, count, error);
    rf_free(tokens);
    rf_free(ids);
    rf_tokenizer_free(tokenizer);
    return status;
}
