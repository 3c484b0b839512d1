/*
 * bench_infer.c: prefill and decode, test by test. All tests are planned before the model is
 * loaded: one that does not fit is said at once, and not after an hour of others.
 */
#include "cli/bench_infer.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/error.h"
#include "base/memory.h"
#include "cli/interrupt.h"
#include "cli/layers.h"
#include "cli/model_path.h"
#include "cli/output.h"

/* ---- whether it fits ------------------------------------------------------------------------ */

static rf_status name_test(const rf_bench_test *test, rf_status status, rf_error *error)
{
    char name[RF_BENCH_NAME_BYTES];
    return rf_error_context(error, status,
                            "test %s at depth %" PRIu32 " with %" PRIu32 " sequences",
                            rf_bench_test_name(test, name), test->depth, test->n_sequences);
}

static rf_status check_test(const rf_cli_settings *settings, const rf_cli_session *session,
                            const rf_gguf *gguf, const rf_bench_test *test, rf_error *error)
{
    rf_model_options model_options = rf_cli_session_model_options(settings, session);
    rf_engine_options engine_options = rf_bench_test_engine(settings, test);
    rf_plan *plan = NULL;
    rf_status status =
        rf_plan_create(session->runtime, gguf, &model_options, &engine_options, &plan, error);
    if (status != RF_OK)
        return name_test(test, status, error);
    rf_plan_summary summary = rf_plan_summarise(plan);
    rf_plan_summary host = {0};
    if (rf_plan_host(plan))
        host = rf_plan_summarise(rf_plan_host(plan));
    rf_plan_free(plan);
    if (summary.fits)
        return RF_OK;
    const char *where = session->device.id;
    if (summary.needed <= summary.available) { /* then it is the host's layers */
        where = session->host_device.id;
        summary = host;
    }
    char text[2][RF_CLI_NUMBER_BYTES];
    rf_error_set(error, RF_ERROR_DEVICE_MEMORY, "%s of memory are needed, %s are free on %s",
                 rf_cli_bytes(summary.needed, text[0]), rf_cli_bytes(summary.available, text[1]),
                 where);
    (void)rf_cli_session_advise(settings, session, RF_ERROR_DEVICE_MEMORY,
                                "less --depth or --parallel takes less", error);
    return name_test(test, RF_ERROR_DEVICE_MEMORY, error);
}

/* One division for all tests: the one that leaves room for each. */
static rf_status check_tests(const rf_cli_settings *settings, rf_cli_session *session,
                             const rf_bench_test *tests, size_t n_tests, rf_error *error)
{
    rf_gguf *gguf = NULL;
    RF_TRY(rf_gguf_open(session->path, &gguf, error));
    rf_status status = RF_OK;
    for (size_t i = 0; i < n_tests && status == RF_OK; i++) {
        rf_engine_options options = rf_bench_test_engine(settings, &tests[i]);
        status = rf_cli_layers_fit(settings, gguf, &options, session, error);
        if (status != RF_OK)
            status = name_test(&tests[i], status, error);
    }
    for (size_t i = 0; i < n_tests && status == RF_OK; i++)
        status = check_test(settings, session, gguf, &tests[i], error);
    rf_gguf_close(gguf);
    return status;
}

/* ---- in order ------------------------------------------------------------------------------- */

static rf_status run_tests(const rf_bench_setting *setting, const rf_bench_test *tests,
                           size_t n_tests, rf_error *error)
{
    const rf_cli_settings *settings = setting->settings;
    bool table = !settings->json && !settings->csv;
    rf_bench_records records = {0};
    rf_status status = RF_OK;
    if (table)
        rf_bench_table_begin(setting);
    else
        rf_bench_records_begin(setting, &records);
    for (size_t i = 0; i < n_tests && status == RF_OK; i++) {
        rf_bench_result result;
        status = rf_bench_measure(settings, setting->session->model, &tests[i], &result, error);
        if (status != RF_OK)
            status = name_test(&tests[i], status, error);
        else if (table)
            rf_bench_table_add(setting, &result);
        else
            rf_bench_records_add(&records, setting, &result);
    }
    return table ? status : rf_bench_records_end(&records, status, error);
}

static rf_status run(const rf_cli_settings *settings, rf_cli_session *session,
                     const rf_bench_test *tests, size_t n_tests, rf_error *error)
{
    rf_bench_setting setting = {.settings = settings, .session = session};
    RF_TRY(rf_cli_session_begin(settings, session, error));
    RF_TRY(check_tests(settings, session, tests, n_tests, error));
    RF_TRY(rf_measure_memory(session->runtime, &setting.memory, error));
    RF_TRY(rf_cli_session_load(settings, session, error));
    return run_tests(&setting, tests, n_tests, error);
}

rf_status rf_bench_infer(const rf_cli_settings *settings, rf_error *error)
{
    rf_bench_test *tests = NULL;
    size_t n_tests = 0;
    rf_cli_session session = {0};
    RF_TRY(rf_bench_list_tests(settings, &tests, &n_tests, error));
    rf_cli_interrupt_catch();
    rf_status status = run(settings, &session, tests, n_tests, error);
    rf_cli_session_close(&session);
    rf_free(tests);
    return status;
}
