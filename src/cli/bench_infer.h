/*
 * bench_infer.h: rocmforge bench without --load: prefill and decode. bench_infer.c opens what is
 * measured and goes through the tests, bench_tests.c lists them, bench_measure.c times one,
 * bench_table.c shows results to people and bench_records.c to programs.
 */
#ifndef RF_CLI_BENCH_INFER_H
#define RF_CLI_BENCH_INFER_H

#include <jansson.h>

#include "cli/bench.h"
#include "cli/session.h"

/* ---- what is measured ----------------------------------------------------------------------- */

/* One test. Prefill: a sequence with depth tokens computes n_tokens more, n_batch in a pass at
 * most. Decode: n_sequences with depth tokens each generate n_tokens each. */
typedef struct rf_bench_test {
    bool decode;
    uint32_t n_tokens;
    uint32_t depth;
    uint32_t n_sequences; /* 1 of prefill */
    uint32_t n_batch;
} rf_bench_test;

/* More than that is a mistake in a list. */
#define RF_BENCH_MAX_TESTS 4096

/* All combinations that the options' lists ask for. *out is to be freed with rf_free. */
rf_status rf_bench_list_tests(const rf_cli_settings *settings, rf_bench_test **out, size_t *count,
                              rf_error *error);

#define RF_BENCH_NAME_BYTES 32
/* "pp512", "tg128" in a buffer of the caller's, which is returned. */
const char *rf_bench_test_name(const rf_bench_test *test, char name[RF_BENCH_NAME_BYTES]);
uint32_t rf_bench_test_passes(const rf_bench_test *test); /* of one repetition */
/* The engine that a test needs, as large as its contexts and no larger. */
rf_engine_options rf_bench_test_engine(const rf_cli_settings *settings, const rf_bench_test *test);

/* What a test came to. */
typedef struct rf_bench_result {
    rf_bench_test test;
    rf_pass_work work; /* of all passes of one repetition */
    size_t count;
    uint64_t ns[RF_BENCH_MAX_REPEAT]; /* of each repetition, in their order */
} rf_bench_result;

/* Fills contexts, repeats once to warm up, then settings->repeat times. CANCELLED after an
 * interrupt. */
rf_status rf_bench_measure(const rf_cli_settings *settings, rf_model *model,
                           const rf_bench_test *test, rf_bench_result *out, rf_error *error);

/* Tokens a second, over all sequences. */
rf_bench_figures rf_bench_rates_of(const rf_bench_result *result);
/* Seconds of one repetition at the median rate. */
double rf_bench_seconds(const rf_bench_result *result);

/* ---- what is shown -------------------------------------------------------------------------- */

/* What all tests are of. */
typedef struct rf_bench_setting {
    const rf_cli_settings *settings;
    const rf_cli_session *session;
    rf_memory_measurement memory;
} rf_bench_setting;

double rf_bench_memory_rate(const rf_memory_measurement *memory); /* bytes a second */
/* Tokens a second that the memory allows: of decode, whose passes read all that they must at its
 * rate; 0 of prefill, which is not bound by it, and of a model whose layers are in two memories. */
double rf_bench_ceiling(const rf_bench_setting *setting, const rf_bench_result *result);

void rf_bench_table_begin(const rf_bench_setting *setting);
void rf_bench_table_add(const rf_bench_setting *setting, const rf_bench_result *result);

/* JSON, which is printed when all is known, or CSV, a line for each test as it comes. */
typedef struct rf_bench_records {
    bool csv;
    bool complete;
    bool titled;      /* CSV has its first line */
    json_t *document; /* what all tests are of */
    json_t *tests;    /* JSON alone: in it */
} rf_bench_records;

void rf_bench_records_begin(const rf_bench_setting *setting, rf_bench_records *out);
void rf_bench_records_add(rf_bench_records *records, const rf_bench_setting *setting,
                          const rf_bench_result *result);
/* Prints JSON. The records are freed also where status, that of the tests, is a failure, which is
 * returned. */
rf_status rf_bench_records_end(rf_bench_records *records, rf_status status, rf_error *error);

/* The command. */
rf_status rf_bench_infer(const rf_cli_settings *settings, rf_error *error);

#endif
