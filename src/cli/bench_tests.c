/* bench_tests.c: which tests the options of rocmforge bench ask for. */
#include <inttypes.h>
#include <stdio.h>

#include "base/error.h"
#include "base/memory.h"
#include "cli/bench_infer.h"

/* The lists with their defaults in them. */
typedef struct lists {
    rf_cli_list prompts, predicts, depths, parallels, batches;
} lists;

static rf_cli_list or_default(const rf_cli_list *given, uint64_t value)
{
    return given->count ? *given : (rf_cli_list){.values = {value}, .count = 1};
}

static lists lists_of(const rf_cli_settings *s)
{
    return (lists){.prompts = or_default(&s->prompt_list, 512),
                   .predicts = or_default(&s->predict_list, 128),
                   .depths = or_default(&s->depth_list, 0),
                   .parallels = or_default(&s->parallel_list, 1),
                   .batches = or_default(&s->batch_list, 512)};
}

static uint32_t largest(const rf_cli_list *list)
{
    uint64_t most = 0;
    for (size_t i = 0; i < list->count; i++)
        most = list->values[i] > most ? list->values[i] : most;
    return (uint32_t)most;
}

/* All numbers are within the options' limits, which 32 bits hold. */
static size_t add_prefill(const lists *l, size_t depth, rf_bench_test *tests, size_t n)
{
    for (size_t b = 0; b < l->batches.count; b++) {
        for (size_t p = 0; p < l->prompts.count; p++) {
            if (l->prompts.values[p])
                tests[n++] = (rf_bench_test){.n_tokens = (uint32_t)l->prompts.values[p],
                                             .depth = (uint32_t)l->depths.values[depth],
                                             .n_sequences = 1,
                                             .n_batch = (uint32_t)l->batches.values[b]};
        }
    }
    return n;
}

/* The batch matters to nothing but the filling of contexts: the largest is taken. */
static size_t add_decode(const lists *l, size_t depth, rf_bench_test *tests, size_t n)
{
    for (size_t s = 0; s < l->parallels.count; s++) {
        for (size_t g = 0; g < l->predicts.count; g++) {
            if (l->predicts.values[g])
                tests[n++] = (rf_bench_test){.decode = true,
                                             .n_tokens = (uint32_t)l->predicts.values[g],
                                             .depth = (uint32_t)l->depths.values[depth],
                                             .n_sequences = (uint32_t)l->parallels.values[s],
                                             .n_batch = largest(&l->batches)};
        }
    }
    return n;
}

rf_status rf_bench_list_tests(const rf_cli_settings *settings, rf_bench_test **out, size_t *count,
                              rf_error *error)
{
    lists l = lists_of(settings);
    /* No list is longer than RF_CLI_LIST_MAX: nothing overflows. */
    size_t most =
        l.depths.count * (l.batches.count * l.prompts.count + l.parallels.count * l.predicts.count);
    if (most > RF_BENCH_MAX_TESTS)
        return rf_error_set(error, RF_ERROR_ARGUMENT, "the lists make %zu tests, at most %d", most,
                            RF_BENCH_MAX_TESTS);
    rf_bench_test *tests = rf_calloc(most, sizeof(*tests));
    if (!tests)
        return rf_error_host_memory(error, "the list of tests", most * sizeof(*tests));
    size_t n = 0;
    for (size_t d = 0; d < l.depths.count; d++) {
        n = add_prefill(&l, d, tests, n);
        n = add_decode(&l, d, tests, n);
    }
    if (n == 0) {
        rf_free(tests);
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "nothing is to be measured: --prompt and --predict are both 0");
    }
    *out = tests;
    *count = n;
    return RF_OK;
}

const char *rf_bench_test_name(const rf_bench_test *test, char name[RF_BENCH_NAME_BYTES])
{
    /* Cannot be cut: two letters and at most ten digits. */
    snprintf(name, RF_BENCH_NAME_BYTES, "%s%" PRIu32, test->decode ? "tg" : "pp", test->n_tokens);
    return name;
}

uint32_t rf_bench_test_passes(const rf_bench_test *test)
{
    if (test->decode)
        return test->n_tokens;
    return test->n_tokens / test->n_batch + (test->n_tokens % test->n_batch != 0);
}

rf_engine_options rf_bench_test_engine(const rf_cli_settings *settings, const rf_bench_test *test)
{
    rf_engine_options options = rf_cli_engine_options(settings);
    /* One more than is used: a sequence whose context is full ends. Each is at most 2^30. */
    options.n_context = test->depth + test->n_tokens + 1;
    options.n_sequences = test->n_sequences;
    options.n_batch = test->n_batch;
    return options;
}
