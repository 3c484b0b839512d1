/*
 * bench_measure.c: times one test. Contexts are filled once; before each repetition the sequences
 * are cut back to that depth, so that every one starts from the same state. What is timed are the
 * engine's own steps, sampling and all, as a program that generates makes them.
 */
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "cli/bench_infer.h"
#include "cli/interrupt.h"

/* A test under way. Sequences are submitted in a row to a new engine, which numbers them so. */
typedef struct attempt {
    const rf_bench_test *test;
    rf_engine *engine;
    uint32_t n_vocabulary;
    uint64_t random;
    rf_sequence first;
    bool *ready;        /* [n_sequences]: its context is filled */
    rf_output *outputs; /* [n_sequences] */
    int32_t *tokens;    /* room for a context, or for what is computed behind it */
} attempt;

/* ---- requests ------------------------------------------------------------------------------- */

/* Valid ids of no meaning, the same in every run (xorshift64, Marsaglia 2003). */
static void draw_tokens(attempt *a, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        a->random ^= a->random << 13;
        a->random ^= a->random >> 7;
        a->random ^= a->random << 17;
        a->tokens[i] = (int32_t)((a->random >> 32) % a->n_vocabulary);
    }
}

/* Greedy, without penalties: what the device can draw by itself. */
static rf_request request_of(attempt *a, uint32_t n)
{
    draw_tokens(a, n);
    rf_request request = {.tokens = a->tokens, .n_tokens = n, .ignore_end = true};
    request.sampling = RF_SAMPLING_INIT;
    request.sampling.temperature = 0;
    return request;
}

static rf_status step(attempt *a, size_t *count, rf_error *error)
{
    if (rf_cli_interrupted())
        return rf_error_set(error, RF_ERROR_CANCELLED, "interrupted");
    return rf_engine_step(a->engine, a->outputs, a->test->n_sequences, count, error);
}

/* Puts a sequence back to the depth, with n tokens to compute behind it. */
static rf_status rewind_to_depth(attempt *a, rf_sequence sequence, uint32_t n, rf_error *error)
{
    rf_request rest = request_of(a, n);
    return rf_engine_rewind(a->engine, sequence, a->test->depth, &rest, error);
}

/* ---- the context ---------------------------------------------------------------------------- */

/* Prefills every sequence. One that is done is put back after each pass, so that it does not grow
 * while others are filled. */
static rf_status fill_contexts(attempt *a, rf_error *error)
{
    const rf_bench_test *test = a->test;
    uint32_t depth = test->depth ? test->depth : 1; /* a sequence has to start with something */
    for (uint32_t i = 0; i < test->n_sequences; i++) {
        rf_sequence id = 0;
        rf_request request = request_of(a, depth);
        RF_TRY(rf_engine_submit(a->engine, &request, &id, error));
        a->first = i == 0 ? id : a->first;
    }
    uint32_t n_ready = 0;
    while (n_ready < test->n_sequences) {
        size_t count = 0;
        RF_TRY(step(a, &count, error));
        for (size_t i = 0; i < count; i++) {
            rf_sequence sequence = a->outputs[i].sequence;
            n_ready += !a->ready[sequence - a->first];
            a->ready[sequence - a->first] = true;
            RF_TRY(rewind_to_depth(a, sequence, 1, error));
        }
    }
    return RF_OK;
}

/* ---- repetitions ---------------------------------------------------------------------------- */

static rf_status repeat(attempt *a, uint64_t *nanoseconds, rf_error *error)
{
    const rf_bench_test *test = a->test;
    size_t count = 0;
    for (uint32_t i = 0; i < test->n_sequences; i++)
        RF_TRY(rewind_to_depth(a, a->first + i, test->decode ? 1 : test->n_tokens, error));
    uint64_t start = rf_clock_ns();
    if (test->decode) {
        for (uint32_t i = 0; i < test->n_tokens; i++)
            RF_TRY(step(a, &count, error));
    } else {
        while (count == 0) /* passes that only prefill give no token */
            RF_TRY(step(a, &count, error));
    }
    *nanoseconds = rf_clock_ns() - start;
    *nanoseconds += *nanoseconds == 0; /* a clock that is too coarse for this */
    return RF_OK;
}

/* What one repetition has to do: the sum over its passes. */
static rf_pass_work work_of(const attempt *a)
{
    const rf_bench_test *test = a->test;
    rf_pass_work sum = {0};
    uint32_t most = test->decode ? 1 : test->n_batch;
    for (uint32_t done = 0; done < test->n_tokens;) {
        uint32_t left = test->n_tokens - done;
        rf_pass_shape shape = {.n_sequences = test->n_sequences,
                               .depth = test->depth + done,
                               .n_tokens = left < most ? left : most,
                               .logits = test->decode || left <= most};
        rf_pass_work work = rf_engine_pass_work(a->engine, &shape);
        sum.weight_bytes += work.weight_bytes;
        sum.kv_bytes += work.kv_bytes;
        sum.flops += work.flops;
        done += shape.n_tokens;
    }
    return sum;
}

static rf_status run(const rf_cli_settings *settings, attempt *a, rf_bench_result *out,
                     rf_error *error)
{
    bool show = !settings->quiet && isatty(STDERR_FILENO);
    char name[RF_BENCH_NAME_BYTES];
    rf_bench_test_name(a->test, name);
    if (show)
        fprintf(stderr, "\r%s: filling contexts ", name);
    rf_status status = fill_contexts(a, error);
    uint64_t warm_up = 0;
    for (size_t i = 0; i <= settings->repeat && status == RF_OK; i++) {
        if (show)
            fprintf(stderr, "\r%s: %zu of %llu repetitions ", name, i,
                    (unsigned long long)settings->repeat);
        status = repeat(a, i == 0 ? &warm_up : &out->ns[i - 1], error);
    }
    if (show)
        fprintf(stderr, "\r%50s\r", "");
    out->count = settings->repeat;
    out->work = work_of(a);
    return status;
}

static rf_status allocate(attempt *a, rf_error *error)
{
    const rf_bench_test *test = a->test;
    size_t n_tokens = test->depth > test->n_tokens ? test->depth : test->n_tokens;
    a->ready = rf_calloc(test->n_sequences, sizeof(*a->ready));
    a->outputs = rf_calloc(test->n_sequences, sizeof(*a->outputs));
    a->tokens = rf_calloc(n_tokens, sizeof(*a->tokens));
    if (!a->ready || !a->outputs || !a->tokens)
        return rf_error_host_memory(error, "a test's tokens", n_tokens * sizeof(*a->tokens));
    return RF_OK;
}

rf_status rf_bench_measure(const rf_cli_settings *settings, rf_model *model,
                           const rf_bench_test *test, rf_bench_result *out, rf_error *error)
{
    attempt a = {.test = test,
                 .n_vocabulary = rf_model_describe(model).n_vocabulary,
                 .random = 0x9E3779B97F4A7C15};
    rf_engine_options options = rf_bench_test_engine(settings, test);
    rf_bench_result result = {.test = *test};
    rf_status status = rf_engine_create(model, &options, &a.engine, error);
    if (status == RF_OK)
        status = allocate(&a, error);
    if (status == RF_OK)
        status = run(settings, &a, &result, error);
    rf_engine_free(a.engine);
    rf_free(a.ready);
    rf_free(a.outputs);
    rf_free(a.tokens);
    if (status == RF_OK)
        *out = result;
    return status;
}

/* ---- rates ---------------------------------------------------------------------------------- */

rf_bench_figures rf_bench_rates_of(const rf_bench_result *result)
{
    double rates[RF_BENCH_MAX_REPEAT] = {0};
    size_t n = result->count;
    double tokens = (double)result->test.n_tokens * result->test.n_sequences;
    for (size_t i = 0; i < n; i++)
        rates[i] = tokens * 1e9 / (double)result->ns[i];
    return rf_bench_summarise(rates, n);
}

double rf_bench_seconds(const rf_bench_result *result)
{
    double tokens = (double)result->test.n_tokens * result->test.n_sequences;
    return tokens / rf_bench_rates_of(result).median;
}

double rf_bench_memory_rate(const rf_memory_measurement *memory)
{
    return (double)memory->bytes * 1e9 / (double)memory->nanoseconds;
}

double rf_bench_ceiling(const rf_bench_setting *setting, const rf_bench_result *result)
{
    if (!result->test.decode || rf_cli_session_is_divided(setting->session))
        return 0;
    double bytes = result->work.weight_bytes + result->work.kv_bytes;
    double tokens = (double)result->test.n_tokens * result->test.n_sequences;
    return tokens * rf_bench_memory_rate(&setting->memory) / bytes;
}
