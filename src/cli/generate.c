/* generate.c: the loop from prompt to text. */
#include "cli/generate.h"

#include <stdio.h>

#include "base/memory.h"
#include "cli/interrupt.h"

const char *rf_cli_stop_text(rf_cli_stop stop)
{
    switch (stop) {
    case RF_CLI_STOP_END:
        return "the model ended the text";
    case RF_CLI_STOP_LENGTH:
        return "as many tokens as asked for, or the context is full";
    case RF_CLI_STOP_INTERRUPT:
        return "interrupted";
    }
    return "";
}

rf_sampling rf_cli_sampling(const rf_cli_settings *settings)
{
    return (rf_sampling){
        .temperature = (float)settings->temperature,
        .top_k = (uint32_t)settings->top_k,
        .top_p = (float)settings->top_p,
        .min_p = (float)settings->min_p,
        .repeat_penalty = (float)settings->repeat_penalty,
        .frequency_penalty = (float)settings->frequency_penalty,
        .presence_penalty = (float)settings->presence_penalty,
        .penalty_last_n = (uint32_t)settings->repeat_last_n,
        .seed = settings->seed,
        .biases = settings->biases,
        .n_biases = settings->n_biases,
    };
}

/* What a prompt without tokens becomes, as every text that the model was trained on: BOS alone. */
static rf_status begin_of_text(int32_t bos, int32_t **out, size_t *count, rf_error *error)
{
    if (bos == RF_TOKEN_NONE)
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "the prompt has no tokens, and the model no BOS token to start from");
    int32_t *tokens = rf_calloc(1, sizeof(*tokens));
    if (!tokens)
        return rf_error_host_memory(error, "a prompt", sizeof(*tokens));
    tokens[0] = bos;
    *out = tokens;
    *count = 1;
    return RF_OK;
}

/*
 * The ids of a prompt. Some models' metadata asks for EOS behind every text, which would end a
 * prompt before it is continued; and a chat template may have written BOS, which the metadata then
 * adds once more.
 */
static rf_status tokenize_prompt(const rf_tokenizer *tokenizer, rf_string text, int32_t **out,
                                 size_t *count, rf_error *error)
{
    rf_tokenize_options plain = {.parse_special = true};
    rf_tokenize_options whole = {.add_bos_eos = true, .parse_special = true};
    int32_t *tokens = NULL;
    size_t n = 0;
    RF_TRY(rf_tokenize(tokenizer, text, plain, &tokens, &n, error));
    int32_t bos = rf_tokenizer_bos(tokenizer);
    bool has_bos = n > 0 && bos != RF_TOKEN_NONE && tokens[0] == bos;
    size_t n_text = n;
    if (!has_bos) {
        rf_free(tokens);
        RF_TRY(rf_tokenize(tokenizer, text, whole, &tokens, &n, error));
        bool added_bos = n > 0 && bos != RF_TOKEN_NONE && tokens[0] == bos;
        n = n_text + (added_bos ? 1 : 0); /* without an EOS that was added */
    }
    if (n == 0) {
        rf_free(tokens);
        return begin_of_text(bos, out, count, error);
    }
    *out = tokens;
    *count = n;
    return RF_OK;
}

/* Prints a piece of text and keeps it in *answer (may be NULL). */
static rf_status emit(rf_string text, rf_buffer *answer, rf_error *error)
{
    if (text.length == 0)
        return RF_OK;
    if (fwrite(text.data, 1, text.length, stdout) != text.length || fflush(stdout) != 0)
        return rf_error_set(error, RF_ERROR_IO, "cannot write to standard output");
    return answer ? rf_buffer_append(answer, text.data, text.length, error) : RF_OK;
}

/* Steps the engine until the sequence is over or the user interrupts. */
static rf_status stream(rf_engine *engine, rf_sequence sequence, rf_text_stream *text_stream,
                        rf_buffer *answer, rf_cli_stop *stop, rf_error *error)
{
    rf_finish finish = RF_FINISH_NONE;
    while (finish == RF_FINISH_NONE && !rf_cli_interrupted()) {
        rf_output output;
        size_t count = 0;
        RF_TRY(rf_engine_step(engine, &output, 1, &count, error));
        if (count == 0)
            continue; /* a piece of the prompt */
        finish = output.finish;
        rf_string text;
        RF_TRY(rf_text_stream_add(text_stream, output.token, &text, error));
        RF_TRY(emit(text, answer, error));
    }
    rf_string rest;
    RF_TRY(rf_text_stream_end(text_stream, &rest, error));
    RF_TRY(emit(rest, answer, error));
    if (finish == RF_FINISH_NONE)
        RF_TRY(rf_engine_cancel(engine, sequence, error));
    *stop = finish == RF_FINISH_NONE  ? RF_CLI_STOP_INTERRUPT
            : finish == RF_FINISH_END ? RF_CLI_STOP_END
                                      : RF_CLI_STOP_LENGTH;
    return RF_OK;
}

rf_status rf_cli_generate(const rf_cli_session *session, const rf_cli_settings *settings,
                          rf_string text, rf_buffer *answer, rf_cli_stop *stop, rf_error *error)
{
    rf_request request = {
        .max_tokens = (uint32_t)settings->max_tokens,
        .ignore_end = settings->ignore_end,
        .sampling = rf_cli_sampling(settings),
    };
    int32_t *tokens = NULL;
    RF_TRY(tokenize_prompt(session->tokenizer, text, &tokens, &request.n_tokens, error));
    request.tokens = tokens;
    rf_sequence sequence = 0;
    rf_text_stream *text_stream = NULL;
    rf_status status =
        rf_text_stream_create(session->tokenizer, settings->special, &text_stream, error);
    if (status == RF_OK)
        status = rf_engine_submit(session->engine, &request, &sequence, error);
    rf_free(tokens);
    if (status == RF_OK)
        status = stream(session->engine, sequence, text_stream, answer, stop, error);
    rf_text_stream_free(text_stream);
    return status;
}
