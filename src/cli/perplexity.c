/*
 * perplexity.c: rocmforge perplexity. The second half of each piece of the text is scored, as is
 * usual for GGUF models, so that figures can be compared with published ones.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "cli/input.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/session.h"

/* Negative log-likelihoods of the tokens scored so far: natural logarithm. */
typedef struct score {
    double sum;
    double sum_of_squares;
    uint64_t count;
} score;

static double perplexity(const score *s)
{
    return exp(s->sum / (double)s->count);
}

/* The standard error of the mean, carried through exp to first order. */
static double uncertainty(const score *s)
{
    if (s->count < 2)
        return 0;
    double n = (double)s->count;
    double mean = s->sum / n;
    double variance = s->sum_of_squares / n - mean * mean;
    return variance > 0 ? perplexity(s) * sqrt(variance / (n - 1)) : 0;
}

/* -log of the softmax of logits[n_vocabulary] at a token, in double: the sum has up to 10^5 terms.
 */
static double negative_log_likelihood(const float *logits, uint32_t n_vocabulary, int32_t token)
{
    double largest = -INFINITY;
    for (uint32_t i = 0; i < n_vocabulary; i++)
        largest = logits[i] > largest ? logits[i] : largest;
    double sum = 0;
    for (uint32_t i = 0; i < n_vocabulary; i++)
        sum += exp(logits[i] - largest);
    return largest + log(sum) - logits[token];
}

/* Scores the second half of a piece: logits[n_context][n_vocabulary]; row i predicts token i + 1.
 */
static void score_piece(const int32_t *tokens, uint32_t n_context, const float *logits,
                        uint32_t n_vocabulary, score *s)
{
    for (uint32_t i = n_context / 2; i + 1 < n_context; i++) {
        double nll =
            negative_log_likelihood(logits + (size_t)i * n_vocabulary, n_vocabulary, tokens[i + 1]);
        s->sum += nll;
        s->sum_of_squares += nll * nll;
        s->count++;
    }
}

/* Scores every piece. tokens are changed: BOS goes in front of each piece where the model wants it.
 */
static rf_status score_text(const rf_cli_session *session, int32_t *tokens, size_t n_pieces,
                            uint32_t n_context, bool add_bos, bool show, score *s, rf_error *error)
{
    uint32_t n_vocabulary = rf_model_describe(session->model).n_vocabulary;
    uint64_t count = 0;
    float *logits = NULL;
    if (rf_mul(n_context, n_vocabulary, &count))
        logits = rf_calloc(count, sizeof(*logits));
    if (!logits)
        return rf_error_host_memory(error, "logits", count * sizeof(*logits));
    rf_status status = RF_OK;
    for (size_t i = 0; i < n_pieces && status == RF_OK; i++) {
        int32_t *piece = tokens + i * n_context;
        if (add_bos)
            piece[0] = rf_tokenizer_bos(session->tokenizer);
        status = rf_cli_interrupted()
                     ? rf_error_set(error, RF_ERROR_CANCELLED, "interrupted")
                     : rf_engine_logits(session->engine, piece, n_context, false, logits, error);
        if (status == RF_OK)
            score_piece(piece, n_context, logits, n_vocabulary, s);
        if (status == RF_OK && show)
            fprintf(stderr, "\rpiece %zu of %zu: %.4f ", i + 1, n_pieces, perplexity(s));
    }
    if (show)
        fputc('\n', stderr);
    rf_free(logits);
    return status;
}

static rf_status print_result(const rf_cli_settings *settings, const score *s, size_t n_pieces,
                              rf_error *error)
{
    if (!settings->json) {
        printf("perplexity: %.4f ± %.4f (%" PRIu64 " tokens in %zu pieces of %" PRIu64 ")\n",
               perplexity(s), uncertainty(s), s->count, n_pieces, settings->context);
        return RF_OK;
    }
    json_t *document = json_object();
    bool good = rf_cli_json_set(document, "perplexity", rf_cli_json_real(perplexity(s)));
    good &= rf_cli_json_set(document, "uncertainty", rf_cli_json_real(uncertainty(s)));
    good &= rf_cli_json_set(document, "tokens", rf_cli_json_count(s->count));
    good &= rf_cli_json_set(document, "pieces", rf_cli_json_count(n_pieces));
    good &= rf_cli_json_set(document, "context", rf_cli_json_count(settings->context));
    return rf_cli_json_print(document, good, error);
}

static rf_status measure(const rf_cli_session *session, const rf_cli_settings *settings,
                         rf_string text, rf_error *error)
{
    const rf_tokenizer *tokenizer = NULL;
    RF_TRY(rf_cli_session_tokenizer(session, &tokenizer, error));
    int32_t *tokens = NULL;
    size_t n_tokens = 0;
    rf_tokenize_options options = {.add_bos_eos = true};
    RF_TRY(rf_tokenize(tokenizer, text, options, &tokens, &n_tokens, error));
    int32_t bos = rf_tokenizer_bos(tokenizer);
    bool add_bos = n_tokens && bos != RF_TOKEN_NONE && tokens[0] == bos;
    size_t n_pieces = n_tokens / settings->context;
    score s = {0};
    rf_status status = RF_OK;
    if (n_pieces == 0)
        status = rf_error_set(error, RF_ERROR_ARGUMENT,
                              "the text has %zu tokens, fewer than one piece of %" PRIu64
                              "; a smaller one is set with --ctx",
                              n_tokens, settings->context);
    else
        status = score_text(session, tokens, n_pieces, (uint32_t)settings->context, add_bos,
                            !settings->quiet && isatty(STDERR_FILENO), &s, error);
    rf_free(tokens);
    return status == RF_OK ? print_result(settings, &s, n_pieces, error) : status;
}

rf_status rf_cli_perplexity(const rf_cli_settings *settings, rf_error *error)
{
    char *text = NULL;
    size_t length = 0;
    RF_TRY(rf_cli_read_text(settings, &text, &length, error));
    rf_engine_options options = rf_cli_engine_options(settings);
    options.n_logits = options.n_batch;
    rf_cli_session session = {0};
    rf_cli_interrupt_catch();
    rf_status status = rf_cli_session_open(settings, &options, &session, error);
    if (status == RF_OK) {
        status = measure(&session, settings, (rf_string){text, length}, error);
        if (status == RF_OK && !settings->quiet)
            rf_cli_print_statistics(&session);
        rf_cli_session_close(&session);
    }
    rf_free(text);
    return status;
}
