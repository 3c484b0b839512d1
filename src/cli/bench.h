/*
 * bench.h: rocmforge bench --load. bench.c opens what is measured and decides the order,
 * bench_load.c measures, bench_host.c watches the host's memory, bench_figures.c makes medians of
 * many measurements, bench_print.c shows the results, those of a state of the page cache together.
 */
#ifndef RF_CLI_BENCH_H
#define RF_CLI_BENCH_H

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>

#include "cli/bench_figures.h"
#include "cli/options.h"

/* ---- host memory ---------------------------------------------------------------------------- */

/* Watches the memory of this process, page cache not counted, from start to stop. */
typedef struct rf_bench_watch {
    pthread_t thread;
    atomic_bool stop;
    uint64_t idle; /* bytes when it started */
    uint64_t peak;
} rf_bench_watch;

rf_status rf_bench_watch_start(rf_bench_watch *watch, rf_error *error);
/* The most that the process has had above what it had at the start. */
uint64_t rf_bench_watch_stop(rf_bench_watch *watch);

/* ---- what is measured ----------------------------------------------------------------------- */

typedef enum rf_bench_cache {
    RF_BENCH_COLD,
    RF_BENCH_WARM,
    RF_BENCH_AS_FOUND,
} rf_bench_cache;

/* The files of a model, and the device to load it to. */
typedef struct rf_bench_subject {
    const rf_cli_settings *settings;
    rf_runtime *runtime;
    rf_device_info device;
    uint64_t driver_ns; /* opening the runtime */
    char *path;
    char **paths; /* of all files */
    uint64_t *bytes;
    size_t n_paths;
    uint64_t total_bytes;
} rf_bench_subject;

/* A way to load; 0: the default. */
typedef struct rf_bench_way {
    uint64_t n_readers;
    uint64_t staging_buffers;
    uint64_t staging_bytes;
} rf_bench_way;

/* Above this share of a file in the page cache a load is not called cold. */
#define RF_BENCH_COLD_SHARE 0.02

/* One load. */
typedef struct rf_bench_run {
    rf_load_stats load;
    uint64_t free_ns;    /* giving the model back */
    uint64_t host_bytes; /* peak of the process above idle */
    double cached;       /* share of the files in the page cache before; negative: not told */
} rf_bench_run;

#define RF_BENCH_MAX_REPEAT 100 /* of loads of one way, and of the reads beside them */
/* Reads of each kind before the loads: fewer have no median, and what storage gives differs by a
 * third from one read to the next. */
#define RF_BENCH_KIND_READS 3

/* Plain reads of one kind. */
typedef struct rf_bench_reading {
    size_t count; /* 0: not to be had here */
    rf_transfer_measurement runs[RF_BENCH_MAX_REPEAT];
} rf_bench_reading;

#define RF_BENCH_KINDS 10 /* buffered and direct, each with 1, 2, 4, 8 and 16 threads */
/* The plain reads in one state of the page cache. */
typedef struct rf_bench_ceilings {
    rf_bench_cache cache;
    uint64_t staging_bytes; /* of a buffer that is read into; 0: the default */
    double cached;          /* most of the files that was in the page cache before a cold read */
    rf_bench_reading kinds[RF_BENCH_KINDS]; /* before the loads */
    size_t best;                            /* the kind that these chose */
    rf_bench_reading beside;                /* of that kind, beside the loads */
} rf_bench_ceilings;

/* Loads of one way in one state of the cache, with what they are held against. */
typedef struct rf_bench_loads {
    rf_bench_way way;
    rf_bench_cache cache;
    const rf_bench_reading *beside;      /* reads beside the loads; NULL: none */
    const rf_transfer_measurement *copy; /* NULL: nothing is copied */
    size_t count;
    rf_bench_run runs[RF_BENCH_MAX_REPEAT];
} rf_bench_loads;

/* Share of the subject's files in the page cache; negative where that is not told. */
double rf_bench_cached(const rf_bench_subject *subject);
rf_status rf_bench_drop_cache(const rf_bench_subject *subject, rf_error *error);

rf_status rf_bench_load_once(const rf_bench_subject *subject, const rf_bench_way *way,
                             rf_bench_run *out, rf_error *error);
/* One load, one read of each kind, or one of the best kind beside the loads, more than there are;
 * before each the page cache is made what it should be. */
rf_status rf_bench_load_again(const rf_bench_subject *subject, rf_bench_loads *loads,
                              rf_error *error);
rf_status rf_bench_read_kinds(const rf_bench_subject *subject, rf_bench_ceilings *ceilings,
                              rf_error *error);
rf_status rf_bench_read_beside(const rf_bench_subject *subject, rf_bench_ceilings *ceilings,
                               rf_error *error);

/* ---- figures -------------------------------------------------------------------------------- */

/* What a load has of one figure. */
typedef double (*rf_bench_figure)(const rf_bench_run *run);

double rf_bench_rate(uint64_t bytes, uint64_t nanoseconds); /* GB/s */
/* Of loads, and of reads in GB/s: one at least. */
rf_bench_figures rf_bench_loads_figures(const rf_bench_loads *loads, rf_bench_figure of);
rf_bench_figures rf_bench_reading_figures(const rf_bench_reading *reading);
/* The kind of reading with the highest median. */
size_t rf_bench_best_kind(const rf_bench_ceilings *ceilings);

/* ---- what is shown -------------------------------------------------------------------------- */

/* Where results go: to standard output as they come, or into a document. */
typedef struct rf_bench_report {
    json_t *document; /* NULL: text */
    json_t *loads;    /* in it */
    bool complete;
} rf_bench_report;

void rf_bench_show_subject(rf_bench_report *report, const rf_bench_subject *subject,
                           const rf_bench_run *first);
void rf_bench_show_copy(rf_bench_report *report, const rf_transfer_measurement *copy);
void rf_bench_show_ceilings(rf_bench_report *report, const rf_bench_ceilings *ceilings);
void rf_bench_show_loads(rf_bench_report *report, const rf_bench_loads *loads);
/* That cold loads cannot be measured, and how much stays in the page cache. */
void rf_bench_show_not_cold(rf_bench_report *report, double cached);

#endif
