/* staging.c: a load from end to end: its limits and plan, its readers, and the thread that waits
 * for them and reports progress. */
#include "memory/staging.h"

#include "base/checked.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/hash.h"
#include "base/memory.h"
#include "memory/staging_transfer.h"

rf_status rf_staging_transfer_open(rf_memory *memory, const rf_staging_config *config,
                                   const rf_staging_item *items, uint32_t n_items,
                                   rf_staging_shape *shape, rf_transfer *out, rf_error *error)
{
    RF_TRY(rf_staging_make_shape(config, items, n_items, shape, error));
    *out = (rf_transfer){.memory = memory,
                         .device = rf_memory_device(memory),
                         .items = items,
                         .n_items = n_items,
                         .n_readers = shape->n_readers,
                         .capacity = shape->capacity};
    pthread_mutex_init(&out->lock, NULL); /* neither can fail with default attributes on Linux */
    pthread_cond_init(&out->changed, NULL);
    return RF_OK;
}

rf_status rf_staging_transfer_close(rf_transfer *t, rf_status status, rf_error *error)
{
    rf_status closed = rf_staging_ring_close(t->ring, status == RF_OK ? error : NULL);
    rf_free(t->first_piece);
    rf_free(t->pieces);
    pthread_cond_destroy(&t->changed);
    pthread_mutex_destroy(&t->lock);
    return status == RF_OK ? closed : status;
}

/* ---- readers -------------------------------------------------------------------------------- */

/* The lock is held. */
static void fail(rf_transfer *t, rf_status status, const rf_error *error)
{
    t->stop = true;
    if (t->status != RF_OK)
        return;
    t->status = status;
    t->error = *error;
}

static void *reader_main(void *argument)
{
    rf_transfer *t = argument;
    rf_staging_times times = {0};
    rf_staging_job job;
    rf_error error = {0};
    pthread_mutex_lock(&t->lock);
    while (!t->stop && rf_staging_next(t->items, t->n_items, t->capacity, &t->at, &job)) {
        pthread_mutex_unlock(&t->lock);
        rf_status status = t->task(t, &job, &times, &error);
        pthread_mutex_lock(&t->lock);
        if (status != RF_OK)
            fail(t, status, &error);
        else
            t->done += job.bytes;
        pthread_cond_signal(&t->changed);
    }
    t->times.read += times.read;
    t->times.wait += times.wait;
    t->running--;
    pthread_cond_signal(&t->changed);
    pthread_mutex_unlock(&t->lock);
    return NULL;
}

/* Starts readers; how many is in *started, whatever the status. */
static rf_status start_readers(rf_transfer *t, pthread_t *threads, uint32_t *started,
                               rf_error *error)
{
    *started = 0;
    for (uint32_t i = 0; i < t->n_readers; i++) {
        pthread_mutex_lock(&t->lock);
        t->running++;
        pthread_mutex_unlock(&t->lock);
        int code = rf_fault_fires(RF_FAULT_THREAD_CREATE)
                       ? 11 /* EAGAIN */
                       : pthread_create(&threads[i], NULL, reader_main, t);
        if (code != 0) {
            pthread_mutex_lock(&t->lock);
            t->running--;
            pthread_mutex_unlock(&t->lock);
            return rf_error_set_code(error, RF_ERROR_HOST_MEMORY, code,
                                     "cannot start reader %u of %u", i + 1, t->n_readers);
        }
        ++*started;
    }
    return RF_OK;
}

/* ---- the waiting thread --------------------------------------------------------------------- */

static rf_status tell(const rf_staging_audience *a, uint64_t done, rf_error *error)
{
    if (!a->config->progress || a->config->progress(a->config->progress_user, done, a->total))
        return RF_OK;
    return rf_error_set(error, RF_ERROR_CANCELLED, "the load was cancelled");
}

/* Waits until the readers have ended and every byte was told of; a cancellation stops them. */
static void watch(rf_transfer *t, const rf_staging_audience *a)
{
    uint64_t told = 0;
    pthread_mutex_lock(&t->lock);
    for (;;) {
        while (t->running && (t->stop || t->done == told))
            pthread_cond_wait(&t->changed, &t->lock);
        if (t->stop || t->done == told)
            break;
        told = t->done;
        pthread_mutex_unlock(&t->lock);
        rf_error error = {0};
        rf_status status = tell(a, a->before + told, &error);
        pthread_mutex_lock(&t->lock);
        if (status != RF_OK)
            fail(t, status, &error);
    }
    pthread_mutex_unlock(&t->lock);
}

rf_status rf_staging_run_round(rf_transfer *t, rf_staging_task task, const rf_staging_audience *a,
                               rf_error *error)
{
    pthread_t threads[RF_STAGING_MAX_READERS];
    uint32_t started = 0;
    rf_error start_error = {0};
    t->task = task;
    t->at = (rf_staging_cursor){0};
    t->done = 0;
    rf_status status = start_readers(t, threads, &started, &start_error);
    if (status != RF_OK) {
        pthread_mutex_lock(&t->lock);
        fail(t, status, &start_error);
        pthread_mutex_unlock(&t->lock);
    }
    watch(t, a);
    for (uint32_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL); /* fails for threads that are not there alone */
    if (t->status == RF_OK)
        return t->ring ? rf_staging_ring_drain(t->ring, error) : RF_OK;
    if (error)
        *error = t->error;
    return t->status; /* copies are waited for when the ring is closed */
}

/* ---- checksums ------------------------------------------------------------------------------ */

/* Room for the checksum of every piece, and behind them where each item's start. */
static rf_status allocate_pieces(rf_transfer *t, const rf_staging_shape *s, rf_error *error)
{
    t->pieces = rf_calloc(s->work.pieces, sizeof(*t->pieces));
    t->first_piece = rf_calloc(t->n_items, sizeof(*t->first_piece));
    if (!t->pieces || !t->first_piece)
        return rf_error_host_memory(error, "checksums", s->work.pieces * sizeof(*t->pieces));
    uint64_t next = 0;
    for (uint32_t i = 0; i < t->n_items; i++) {
        t->first_piece[i] = next;
        next += rf_staging_piece_count(t->items[i].bytes);
    }
    return RF_OK;
}

/* The checksum of all: of the items' checksums, in order, each being that of its pieces'. Takes the
 * place of first_piece. */
static uint64_t combine(rf_transfer *t)
{
    for (uint32_t i = 0; i < t->n_items; i++) {
        uint64_t count = rf_staging_piece_count(t->items[i].bytes);
        t->first_piece[i] = rf_hash64(t->pieces + t->first_piece[i], count * sizeof(*t->pieces));
    }
    return rf_hash64(t->first_piece, t->n_items * sizeof(*t->first_piece));
}

/* ---- a load --------------------------------------------------------------------------------- */

/* All rounds of a transfer that is set up; times go to *stats. */
static rf_status run(rf_transfer *t, const rf_staging_shape *s, const rf_staging_config *config,
                     rf_load_stats *stats, rf_error *error)
{
    rf_staging_audience a = {.config = config, .total = s->work.bytes};
    if (config->verify && !rf_mul(s->work.bytes, 2, &a.total))
        return rf_error_set(error, RF_ERROR_OVERFLOW, "the sizes of %u tensors overflow",
                            t->n_items);
    RF_TRY(tell(&a, 0, error));
    uint64_t start = rf_clock_ns();
    RF_TRY(rf_staging_run_round(t, rf_staging_read_job, &a, error));
    uint64_t loaded = rf_clock_ns();
    stats->transfer_nanoseconds = loaded - start;
    stats->read_thread_nanoseconds = t->times.read;
    stats->wait_thread_nanoseconds = t->times.wait;
    if (!config->verify)
        return RF_OK;
    a.before = s->work.bytes;
    RF_TRY(rf_staging_run_round(t, rf_staging_verify_job, &a, error));
    stats->verify_nanoseconds = rf_clock_ns() - loaded;
    return RF_OK;
}

static rf_status set_up_and_run(rf_transfer *t, const rf_staging_shape *s,
                                const rf_staging_config *config, rf_load_stats *stats,
                                rf_error *error)
{
    RF_TRY(allocate_pieces(t, s, error));
    if (s->staged) {
        RF_TRY(rf_staging_choose_mode(config->read_mode, t->items, t->n_items, &t->direct, error));
        RF_TRY(rf_staging_ring_open(t->memory, s->n_buffers, s->buffer_bytes, &t->ring, error));
    }
    RF_TRY(run(t, s, config, stats, error));
    stats->bytes = s->work.bytes;
    stats->checksum = combine(t);
    stats->read_mode = t->direct ? RF_READ_DIRECT : RF_READ_BUFFERED;
    stats->verified = config->verify;
    stats->n_readers = s->n_readers;
    stats->staging_buffers = s->n_buffers;
    stats->staging_bytes = s->n_buffers * s->buffer_bytes;
    stats->driver_allocations += s->n_buffers;
    return RF_OK;
}

rf_status rf_staging_load(rf_memory *memory, const rf_staging_config *config,
                          const rf_staging_item *items, uint32_t n_items, rf_load_stats *stats,
                          rf_error *error)
{
    rf_staging_shape s = {0};
    rf_transfer t;
    rf_load_stats known = *stats;
    RF_TRY(rf_staging_transfer_open(memory, config, items, n_items, &s, &t, error));
    rf_status status = set_up_and_run(&t, &s, config, &known, error);
    RF_TRY(rf_staging_transfer_close(&t, status, error));
    *stats = known;
    return RF_OK;
}
