/* bench_load.c: loads of a model, and the ceilings that they are held against. */
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "cli/bench.h"
#include "cli/session.h"

/* A warm ceiling is the best of so many; a cold one is one, as each takes long. */
#define WARM_ROUNDS 3
/* Times that the page cache is asked to drop a file, and how long it is left alone between them:
 * pages that were just used wait in lists of each processor, from where they are not dropped. */
#define DROP_ROUNDS   8
#define DROP_PAUSE_NS 20000000L

static const uint32_t reader_counts[RF_BENCH_MAX_READERS] = {1, 2, 4, 8, 16};

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

rf_status rf_bench_load_many(const rf_bench_subject *subject, const rf_bench_way *way,
                             rf_bench_cache cache, rf_bench_loads **out, rf_error *error)
{
    size_t count = subject->settings->repeat;
    size_t bytes = sizeof(rf_bench_loads) + count * sizeof(rf_bench_run);
    rf_bench_loads *loads = rf_calloc(1, bytes);
    if (!loads)
        return rf_error_host_memory(error, "the results", bytes);
    loads->cache = cache;
    loads->count = count;
    rf_status status = RF_OK;
    for (size_t i = 0; i < count && status == RF_OK; i++) {
        if (cache == RF_BENCH_COLD)
            status = rf_bench_drop_cache(subject, error);
        if (status == RF_OK)
            status = rf_bench_load_once(subject, way, &loads->runs[i], error);
    }
    if (status == RF_OK)
        *out = loads;
    else
        rf_free(loads);
    return status;
}

/* ---- ceilings ------------------------------------------------------------------------------- */

/* Whether a is measured, and faster than b. */
static bool is_faster(const rf_transfer_measurement *a, const rf_transfer_measurement *b)
{
    return a->bytes &&
           rf_bench_rate(a->bytes, a->nanoseconds) > rf_bench_rate(b->bytes, b->nanoseconds);
}

static rf_status measure_read(const rf_bench_subject *subject, const rf_bench_way *way,
                              rf_bench_cache cache, rf_read_mode mode, uint32_t n_readers,
                              rf_transfer_measurement *out, rf_error *error)
{
    rf_measure_options options = RF_MEASURE_OPTIONS_INIT;
    options.read_mode = mode;
    options.n_readers = n_readers;
    options.staging_buffers = n_readers;
    options.staging_bytes = way->staging_bytes;
    for (int i = 0; i < (cache == RF_BENCH_WARM ? WARM_ROUNDS : 1); i++) {
        rf_transfer_measurement measured = {0};
        if (cache == RF_BENCH_COLD)
            RF_TRY(rf_bench_drop_cache(subject, error));
        RF_TRY(rf_measure_read(subject->runtime, (const char *const *)subject->paths,
                               subject->n_paths, &options, &measured, error));
        /* Where there are no direct reads it was a buffered one: nothing to show. */
        if (measured.read_mode == mode && is_faster(&measured, out))
            *out = measured;
    }
    return RF_OK;
}

rf_status rf_bench_measure_ceilings(const rf_bench_subject *subject, const rf_bench_way *way,
                                    rf_bench_cache cache, rf_bench_ceilings *out, rf_error *error)
{
    rf_bench_ceilings c = {0};
    for (size_t i = 0; i < RF_BENCH_MAX_READERS; i++) {
        RF_TRY(measure_read(subject, way, cache, RF_READ_BUFFERED, reader_counts[i], &c.buffered[i],
                            error));
        if (is_faster(&c.buffered[i], &c.best))
            c.best = c.buffered[i];
    }
    /* What is in the page cache is not read past it. */
    for (size_t i = 0; i < RF_BENCH_MAX_READERS && cache == RF_BENCH_COLD; i++) {
        RF_TRY(measure_read(subject, way, cache, RF_READ_DIRECT, reader_counts[i], &c.direct[i],
                            error));
        if (is_faster(&c.direct[i], &c.best))
            c.best = c.direct[i];
    }
    *out = c;
    return RF_OK;
}
