/* bench.c: rocmforge bench. Of loads it opens what is measured, and decides in which order it is;
 * the rest is bench_infer.c's. */
#include "cli/bench.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "cli/bench_infer.h"
#include "cli/model_path.h"
#include "cli/output.h"
#include "cli/session.h"

/* ---- the subject ---------------------------------------------------------------------------- */

/* Notes the paths and sizes of a model's files. */
static rf_status list_files(const rf_gguf *gguf, rf_bench_subject *subject, rf_error *error)
{
    uint32_t count = rf_gguf_file_count(gguf);
    subject->paths = rf_calloc(count, sizeof(char *));
    subject->bytes = rf_calloc(count, sizeof(*subject->bytes));
    if (!subject->paths || !subject->bytes)
        return rf_error_host_memory(error, "the list of files", count * sizeof(char *));
    for (uint32_t i = 0; i < count; i++) {
        const char *path = rf_gguf_file_path(gguf, i);
        subject->paths[i] = rf_strdup(path);
        if (!subject->paths[i])
            return rf_error_host_memory(error, "a path", 0);
        subject->bytes[i] = rf_gguf_file_bytes(gguf, i);
        subject->total_bytes += subject->bytes[i]; /* of files that are there: no wrap */
        subject->n_paths++;
    }
    return RF_OK;
}

static rf_status open_subject(const rf_cli_settings *settings, rf_bench_subject *subject,
                              rf_error *error)
{
    rf_gguf *gguf = NULL;
    subject->settings = settings;
    uint64_t start = rf_clock_ns();
    RF_TRY(rf_cli_open_runtime(settings, &subject->runtime, error));
    subject->driver_ns = rf_clock_ns() - start;
    RF_TRY(rf_runtime_device(subject->runtime, &subject->device, error));
    RF_TRY(rf_cli_model_path(settings->model, &subject->path, error));
    RF_TRY(rf_gguf_open(subject->path, &gguf, error));
    rf_status status = list_files(gguf, subject, error);
    rf_gguf_close(gguf); /* its mapping would keep pages in the page cache */
    return status;
}

static void close_subject(rf_bench_subject *subject)
{
    rf_error error;
    if (rf_runtime_close(subject->runtime, &error) != RF_OK)
        rf_cli_print_warning(error.message);
    for (size_t i = 0; i < subject->n_paths; i++)
        rf_free(subject->paths[i]);
    rf_free(subject->paths);
    rf_free(subject->bytes);
    rf_free(subject->path);
}

/* ---- the order ------------------------------------------------------------------------------ */

/* Value i of a list, or 0, the default, where none is given. */
static uint64_t list_at(const rf_cli_list *list, size_t i)
{
    return list->count ? list->values[i] : 0;
}

static size_t list_length(const rf_cli_list *list)
{
    return list->count ? list->count : 1;
}

/* Way i of all combinations of the options' lists, the readers changing fastest. */
static rf_bench_way way_at(const rf_cli_settings *settings, size_t i)
{
    size_t readers = list_length(&settings->readers_list);
    size_t buffers = list_length(&settings->staging_buffers_list);
    return (rf_bench_way){
        .n_readers = list_at(&settings->readers_list, i % readers),
        .staging_buffers = list_at(&settings->staging_buffers_list, i / readers % buffers),
        .staging_bytes = list_at(&settings->staging_bytes_list, i / readers / buffers),
    };
}

static size_t way_count(const rf_cli_settings *settings)
{
    return list_length(&settings->readers_list) * list_length(&settings->staging_buffers_list) *
           list_length(&settings->staging_bytes_list);
}

/* Finds the kind of read that loads are held against. The reads that choose it are no measure of
 * it: the best of many medians is the one that noise was kindest to. */
static rf_status choose_kind(const rf_bench_subject *subject, rf_bench_ceilings *ceilings,
                             rf_error *error)
{
    for (size_t round = 0; round < RF_BENCH_KIND_READS; round++)
        RF_TRY(rf_bench_read_kinds(subject, ceilings, error));
    ceilings->best = rf_bench_best_kind(ceilings);
    return RF_OK;
}

/* Loads in every way and, where there are ceilings, reads turn about: what storage gives changes
 * with the minutes, and so changes for all of them. Every second round goes backwards, so that none
 * always comes first. */
static rf_status measure_rounds(const rf_bench_subject *subject, rf_bench_ceilings *ceilings,
                                rf_bench_loads *loads, size_t n_ways, rf_error *error)
{
    for (size_t round = 0; round < subject->settings->repeat; round++) {
        for (size_t i = 0; i <= n_ways; i++) {
            size_t turn = round % 2 ? n_ways - i : i;
            if (turn > 0)
                RF_TRY(rf_bench_load_again(subject, &loads[turn - 1], error));
            else if (ceilings)
                RF_TRY(rf_bench_read_beside(subject, ceilings, error));
        }
    }
    return RF_OK;
}

/* ceilings: NULL where a load reads nothing. */
static rf_status measure_and_show(const rf_bench_subject *subject, rf_bench_ceilings *ceilings,
                                  rf_bench_loads *loads, size_t n_ways, rf_bench_report *report,
                                  rf_error *error)
{
    if (ceilings)
        RF_TRY(choose_kind(subject, ceilings, error));
    RF_TRY(measure_rounds(subject, ceilings, loads, n_ways, error));
    if (ceilings)
        rf_bench_show_ceilings(report, ceilings);
    for (size_t i = 0; i < n_ways; i++)
        rf_bench_show_loads(report, &loads[i]);
    return RF_OK;
}

/* Every way, in one state of the page cache. reads, copies: what a load does. */
static rf_status measure_state(const rf_bench_subject *subject, rf_bench_cache cache, bool reads,
                               const rf_transfer_measurement *copy, rf_bench_report *report,
                               rf_error *error)
{
    size_t n_ways = way_count(subject->settings);
    rf_bench_ceilings *ceilings = rf_calloc(1, sizeof(*ceilings));
    rf_bench_loads *loads = rf_calloc(n_ways, sizeof(*loads));
    if (!ceilings || !loads) {
        rf_free(loads);
        rf_free(ceilings);
        return rf_error_host_memory(error, "the results", n_ways * sizeof(*loads));
    }
    ceilings->cache = cache;
    ceilings->staging_bytes = way_at(subject->settings, 0).staging_bytes;
    for (size_t i = 0; i < n_ways; i++) {
        loads[i].way = way_at(subject->settings, i);
        loads[i].cache = cache;
        loads[i].beside = reads ? &ceilings->beside : NULL;
        loads[i].copy = copy;
    }
    rf_status status =
        measure_and_show(subject, reads ? ceilings : NULL, loads, n_ways, report, error);
    rf_free(loads);
    rf_free(ceilings);
    return status;
}

/* Cold loads, where the file can be dropped from the page cache. */
static rf_status measure_cold(const rf_bench_subject *subject, bool reads,
                              const rf_transfer_measurement *copy, rf_bench_report *report,
                              rf_error *error)
{
    RF_TRY(rf_bench_drop_cache(subject, error));
    double cached = rf_bench_cached(subject);
    if (cached >= 0 && cached <= RF_BENCH_COLD_SHARE)
        return measure_state(subject, RF_BENCH_COLD, reads, copy, report, error);
    rf_bench_show_not_cold(report, cached);
    return RF_OK;
}

/* Reads the files once through the page cache, so that they are in it. */
static rf_status warm_up(const rf_bench_subject *subject, rf_error *error)
{
    rf_measure_options options = RF_MEASURE_OPTIONS_INIT;
    rf_transfer_measurement ignored;
    options.read_mode = RF_READ_BUFFERED;
    return rf_measure_read(subject->runtime, (const char *const *)subject->paths, subject->n_paths,
                           &options, &ignored, error);
}

static rf_status measure_copy(const rf_bench_subject *subject, rf_transfer_measurement *out,
                              rf_bench_report *report, rf_error *error)
{
    rf_bench_way way = way_at(subject->settings, 0);
    rf_measure_options options = RF_MEASURE_OPTIONS_INIT;
    options.staging_buffers = (uint32_t)way.staging_buffers;
    options.staging_bytes = way.staging_bytes;
    RF_TRY(rf_measure_copy(subject->runtime, &options, out, error));
    rf_bench_show_copy(report, out);
    return RF_OK;
}

static rf_status measure_loads(const rf_bench_subject *subject, rf_bench_report *report,
                               rf_error *error)
{
    const rf_cli_settings *settings = subject->settings;
    bool both = settings->cold == settings->warm;
    rf_bench_way way = way_at(settings, 0);
    rf_bench_run first = {0};
    rf_transfer_measurement copy = {0};
    RF_TRY(rf_bench_load_once(subject, &way, &first, error));
    rf_bench_show_subject(report, subject, &first);
    bool reads = first.load.read_mode != RF_READ_MAPPED;
    bool copies = first.load.staging_buffers != 0;
    if (copies)
        RF_TRY(measure_copy(subject, &copy, report, error));
    if (both || settings->cold)
        RF_TRY(measure_cold(subject, reads, copies ? &copy : NULL, report, error));
    if (!both && !settings->warm)
        return RF_OK;
    RF_TRY(warm_up(subject, error));
    return measure_state(subject, RF_BENCH_WARM, reads, copies ? &copy : NULL, report, error);
}

static rf_status bench_loads(const rf_cli_settings *settings, rf_error *error)
{
    rf_bench_subject subject = {0};
    rf_bench_report report = {.complete = true};
    rf_status status = open_subject(settings, &subject, error);
    if (status == RF_OK && settings->json) {
        report.document = json_object();
        report.loads = json_array();
        report.complete = rf_cli_json_set(report.document, "loads", report.loads);
    }
    if (status == RF_OK)
        status = measure_loads(&subject, &report, error);
    close_subject(&subject);
    if (status == RF_OK && settings->json)
        return rf_cli_json_print(report.document, report.complete, error);
    json_decref(report.document);
    return status;
}

rf_status rf_cli_bench(const rf_cli_settings *settings, rf_error *error)
{
    return settings->load ? bench_loads(settings, error) : rf_bench_infer(settings, error);
}
