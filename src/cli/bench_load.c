/* bench_load.c: loads of a model, and the ceilings that they are held against. */
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "cli/bench.h"
#include "cli/session.h"

/* Times that the page cache is asked to drop a file, and how long it is left alone between them:
 * pages that were just used wait in lists of each processor, from where they are not dropped. */
#define DROP_ROUNDS   8
#define DROP_PAUSE_NS 20000000L

/* In the order in which they are shown. */
static const struct {
    rf_read_mode mode;
    uint32_t n_readers;
} kinds[RF_BENCH_KINDS] = {
    {RF_READ_BUFFERED, 1},  {RF_READ_BUFFERED, 2}, {RF_READ_BUFFERED, 4}, {RF_READ_BUFFERED, 8},
    {RF_READ_BUFFERED, 16}, {RF_READ_DIRECT, 1},   {RF_READ_DIRECT, 2},   {RF_READ_DIRECT, 4},
    {RF_READ_DIRECT, 8},    {RF_READ_DIRECT, 16},
};

double rf_bench_cached(const rf_bench_subject *subject)
{
    double cached = 0;
    for (size_t i = 0; i < subject->n_paths; i++) {
        double share = 0;
        if (rf_page_cache_share(subject->paths[i], &share, NULL) != RF_OK)
            return -1;
        cached += share * (double)subject->bytes[i];
    }
    return cached / (double)subject->total_bytes;
}

rf_status rf_bench_drop_cache(const rf_bench_subject *subject, rf_error *error)
{
    const struct timespec pause = {.tv_nsec = DROP_PAUSE_NS};
    double cached = 1;
    for (int round = 0; round < DROP_ROUNDS && cached > RF_BENCH_COLD_SHARE; round++) {
        if (round > 0)
            nanosleep(&pause, NULL); /* a signal that cuts it short does no harm */
        for (size_t i = 0; i < subject->n_paths; i++)
            RF_TRY(rf_page_cache_drop(subject->paths[i], error));
        cached = rf_bench_cached(subject);
    }
    return RF_OK;
}

/* ---- loads ---------------------------------------------------------------------------------- */

static rf_status load_and_free(const rf_bench_subject *subject, const rf_bench_way *way,
                               rf_bench_run *run, rf_error *error)
{
    rf_model_options options = rf_cli_model_options(subject->settings);
    options.n_readers = (uint32_t)way->n_readers;
    options.staging_buffers = (uint32_t)way->staging_buffers;
    options.staging_bytes = way->staging_bytes;
    rf_model *model = NULL;
    RF_TRY(rf_model_load(subject->runtime, subject->path, &options, &model, error));
    run->load = rf_model_load_statistics(model);
    uint64_t start = rf_clock_ns();
    rf_status status = rf_model_free(model, error);
    run->free_ns = rf_clock_ns() - start;
    return status;
}

rf_status rf_bench_load_once(const rf_bench_subject *subject, const rf_bench_way *way,
                             rf_bench_run *out, rf_error *error)
{
    rf_bench_run run = {.cached = rf_bench_cached(subject)};
    rf_bench_watch watch = {0};
    RF_TRY(rf_bench_watch_start(&watch, error));
    rf_status status = load_and_free(subject, way, &run, error);
    run.host_bytes = rf_bench_watch_stop(&watch);
    if (status == RF_OK)
        *out = run;
    return status;
}

rf_status rf_bench_load_again(const rf_bench_subject *subject, rf_bench_loads *loads,
                              rf_error *error)
{
    if (loads->cache == RF_BENCH_COLD)
        RF_TRY(rf_bench_drop_cache(subject, error));
    RF_TRY(rf_bench_load_once(subject, &loads->way, &loads->runs[loads->count], error));
    loads->count++;
    return RF_OK;
}

/* ---- ceilings ------------------------------------------------------------------------------- */

static rf_status read_once(const rf_bench_subject *subject, rf_bench_ceilings *ceilings,
                           size_t kind, rf_transfer_measurement *out, rf_error *error)
{
    rf_measure_options options = RF_MEASURE_OPTIONS_INIT;
    options.read_mode = kinds[kind].mode;
    options.n_readers = kinds[kind].n_readers;
    options.staging_buffers = kinds[kind].n_readers;
    options.staging_bytes = ceilings->staging_bytes;
    if (ceilings->cache == RF_BENCH_COLD) {
        RF_TRY(rf_bench_drop_cache(subject, error));
        double cached = rf_bench_cached(subject);
        if (cached > ceilings->cached)
            ceilings->cached = cached;
    }
    return rf_measure_read(subject->runtime, (const char *const *)subject->paths, subject->n_paths,
                           &options, out, error);
}

rf_status rf_bench_read_kinds(const rf_bench_subject *subject, rf_bench_ceilings *ceilings,
                              rf_error *error)
{
    for (size_t i = 0; i < RF_BENCH_KINDS; i++) {
        rf_bench_reading *reading = &ceilings->kinds[i];
        rf_transfer_measurement measured = {0};
        /* What is in the page cache is not read past it. */
        if (ceilings->cache != RF_BENCH_COLD && kinds[i].mode == RF_READ_DIRECT)
            continue;
        RF_TRY(read_once(subject, ceilings, i, &measured, error));
        /* Where there are no direct reads it was a buffered one: nothing to show. */
        if (measured.read_mode == kinds[i].mode)
            reading->runs[reading->count++] = measured;
    }
    return RF_OK;
}

rf_status rf_bench_read_beside(const rf_bench_subject *subject, rf_bench_ceilings *ceilings,
                               rf_error *error)
{
    rf_bench_reading *reading = &ceilings->beside;
    RF_TRY(read_once(subject, ceilings, ceilings->best, &reading->runs[reading->count], error));
    reading->count++;
    return RF_OK;
}
