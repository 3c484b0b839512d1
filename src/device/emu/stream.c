/*
 * stream.c: streams of an emulated device: a queue and a thread each.
 *
 * A thread takes the first operation of its queue, does it with the lock released where bytes move,
 * and counts it done. Everyone who waits (for a stream, an event, an allocation to be let go)
 * sleeps on one condition that each operation done signals.
 */
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <time.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/memory.h"
#include "device/emu/internal.h"

/* The longest pause of the random schedule: some hundred copies of small blocks. */
#define MAX_PAUSE_NS 200000U

/* ---- marks ---------------------------------------------------------------------------------- */

bool rf_emu_reached(const emu_device *emu, emu_mark mark)
{
    return emu->streams[mark.stream].done >= mark.position;
}

void rf_emu_want(emu_device *emu, emu_mark mark)
{
    emu_stream *stream = &emu->streams[mark.stream];
    if (stream->wanted >= mark.position)
        return;
    stream->wanted = mark.position;
    pthread_cond_signal(&stream->work);
}

void rf_emu_wait(emu_device *emu, emu_mark mark)
{
    rf_emu_want(emu, mark);
    while (!rf_emu_reached(emu, mark))
        pthread_cond_wait(&emu->progress, &emu->lock);
}

rf_status rf_emu_failure(const emu_device *emu, emu_mark mark, rf_error *error)
{
    const emu_stream *stream = &emu->streams[mark.stream];
    if (stream->failed == 0 || stream->failed > mark.position)
        return RF_OK;
    if (error)
        *error = stream->failure;
    return stream->failure.status;
}

/* The failure of all that a stream has done, which is then reported. */
static rf_status take_failure(emu_stream *stream, rf_error *error)
{
    if (stream->failed == 0)
        return RF_OK;
    stream->failed = 0;
    if (error)
        *error = stream->failure;
    return stream->failure.status;
}

static emu_mark end_of(const emu_device *emu, uint32_t slot)
{
    return (emu_mark){.stream = slot, .position = emu->streams[slot].queued};
}

/* ---- the thread of a stream ----------------------------------------------------------------- */

/* How long the random schedule waits before an operation: not at all before one in two. The number
 * is SplitMix64's (Steele, Lea and Flood, OOPSLA 2014) of the seed and the place. */
static uint32_t pause_ns(uint64_t seed, uint32_t slot, uint64_t position)
{
    uint64_t z = seed + 0x9E3779B97F4A7C15U * (position * EMU_STREAMS + slot + 1);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    z ^= z >> 31;
    return z & 1 ? 0 : (uint32_t)((z >> 1) % MAX_PAUSE_NS);
}

static void pause_before(emu_device *emu, uint32_t slot, uint64_t position)
{
    uint32_t nanoseconds = emu->schedule == RF_EMU_RANDOM ? pause_ns(emu->seed, slot, position) : 0;
    if (nanoseconds == 0)
        return;
    struct timespec pause = {.tv_nsec = nanoseconds};
    pthread_mutex_unlock(&emu->lock);
    (void)nanosleep(&pause, NULL); /* a signal may cut it short: any pause will do */
    pthread_mutex_lock(&emu->lock);
}

rf_status rf_emu_perform(emu_device *emu, const emu_operation *operation, emu_mark here,
                         rf_error *error)
{
    switch (operation->kind) {
    case EMU_COPY:
    case EMU_FILL:
        return rf_emu_move(emu, operation, error);
    case EMU_RECORD:
        rf_emu_event_reached(emu, operation->event, here);
        return RF_OK;
    case EMU_WAIT:
        rf_emu_wait(emu, operation->wait_for);
        return RF_OK;
    case EMU_LAUNCH:
        return rf_emu_run_call(emu, operation->call, here, error);
    case EMU_REPLAY:
        return rf_emu_run_graph(emu, operation->graph, here, error);
    }
    return rf_error_set(error, RF_ERROR_INTERNAL, "an operation of no kind was queued");
}

static bool has_work(const emu_stream *stream)
{
    uint64_t until = stream->emu->schedule == RF_EMU_LAZY ? stream->wanted : stream->queued;
    return stream->done < until;
}

static void *run(void *argument)
{
    emu_stream *stream = argument;
    emu_device *emu = stream->emu;
    uint32_t slot = (uint32_t)(stream - emu->streams);
    pthread_mutex_lock(&emu->lock);
    for (;;) {
        while (!has_work(stream) && !stream->stop)
            pthread_cond_wait(&stream->work, &emu->lock);
        if (!has_work(stream))
            break;
        emu_operation operation = stream->queue[stream->done % EMU_QUEUE];
        emu_mark here = {.stream = slot, .position = stream->done + 1};
        rf_error error;
        pause_before(emu, slot, here.position);
        rf_status status = rf_emu_perform(emu, &operation, here, &error);
        rf_emu_let_go(&operation);
        if (status != RF_OK && stream->failed == 0) {
            stream->failed = here.position;
            stream->failure = error;
        }
        stream->done++;
        pthread_cond_broadcast(&emu->progress);
    }
    emu_executor *executor = stream->executor;
    stream->executor = NULL;
    pthread_mutex_unlock(&emu->lock);
    rf_emu_executor_destroy(executor);
    return NULL;
}

/* ---- handles -------------------------------------------------------------------------------- */

uint64_t rf_emu_new_handle(emu_device *emu, uint32_t slot)
{
    return ++emu->last_generation << EMU_SLOT_BITS | (slot + 1);
}

/* The slot of a handle; NULL is the default stream. The lock is held. */
static rf_status find(const emu_device *emu, const rf_stream *handle, uint32_t *out,
                      rf_error *error)
{
    uint64_t number = (uintptr_t)handle;
    uint64_t slot = number ? (number & EMU_SLOT_MASK) - 1 : 0;
    if (slot >= EMU_STREAMS || emu->streams[slot].state != EMU_STREAM_LIVE ||
        emu->streams[slot].handle != number)
        return rf_error_set(error, RF_ERROR_STALE,
                            "device %s: stream 0x%" PRIx64 " was destroyed, or never was one",
                            emu->base.id, number);
    *out = (uint32_t)slot;
    return RF_OK;
}

rf_status rf_emu_queue(emu_device *emu, rf_stream *stream, const emu_operation *operation,
                       emu_mark *mark, rf_error *error)
{
    uint32_t slot = 0;
    RF_TRY(find(emu, stream, &slot, error));
    emu_stream *s = &emu->streams[slot];
    if (s->capture) {
        *mark = end_of(emu, slot);
        return rf_emu_capture(s->capture, operation, error);
    }
    while (s->queued - s->done == EMU_QUEUE) {
        rf_emu_wait(emu, (emu_mark){.stream = slot, .position = s->done + 1});
        RF_TRY(find(emu, stream, &slot, error)); /* it may have been destroyed meanwhile */
    }
    s->queue[s->queued++ % EMU_QUEUE] = *operation;
    pthread_cond_signal(&s->work);
    *mark = end_of(emu, slot);
    return RF_OK;
}

rf_status rf_emu_capture_of(const emu_device *emu, const rf_stream *stream, emu_graph **out,
                            rf_error *error)
{
    uint32_t slot = 0;
    RF_TRY(find(emu, stream, &slot, error));
    *out = emu->streams[slot].capture;
    return RF_OK;
}

rf_status rf_emu_set_capture(emu_device *emu, const rf_stream *stream, emu_graph *capture,
                             rf_error *error)
{
    uint32_t slot = 0;
    RF_TRY(find(emu, stream, &slot, error));
    emu->n_captures += (capture != NULL) - (emu->streams[slot].capture != NULL);
    emu->streams[slot].capture = capture;
    return RF_OK;
}

/* ---- creating and destroying ---------------------------------------------------------------- */

/* Starts the stream of a slot that is not in use. The lock is held, or nobody else is there. */
static rf_status start(emu_device *emu, uint32_t slot, uint64_t handle, rf_error *error)
{
    emu_stream *stream = &emu->streams[slot];
    emu_operation *queue = rf_calloc(EMU_QUEUE, sizeof(*queue));
    if (!queue)
        return rf_error_host_memory(error, "the queue of a stream", EMU_QUEUE * sizeof(*queue));
    stream->emu = emu;
    stream->queue = queue;
    stream->stop = false;
    pthread_cond_init(&stream->work, NULL); /* cannot fail with default attributes on Linux */
    int code = rf_fault_fires(RF_FAULT_THREAD_CREATE)
                   ? EAGAIN
                   : pthread_create(&stream->thread, NULL, run, stream);
    if (code != 0) {
        pthread_cond_destroy(&stream->work);
        rf_free(queue);
        return rf_error_set_code(error, RF_ERROR_HOST_MEMORY, code,
                                 "device %s: cannot start the thread of a stream", emu->base.id);
    }
    stream->handle = handle;
    stream->state = EMU_STREAM_LIVE;
    return RF_OK;
}

/* Ends a stream once its work is done; returns the failure that nobody has asked for. The lock is
 * held, and released while its thread ends. */
static rf_status finish(emu_device *emu, uint32_t slot, rf_error *error)
{
    emu_stream *stream = &emu->streams[slot];
    stream->state = EMU_STREAM_ENDING; /* from here on nothing is added */
    if (stream->capture) {             /* nobody can end it any more */
        rf_emu_graph_unref(stream->capture);
        stream->capture = NULL;
        emu->n_captures--;
    }
    rf_emu_wait(emu, end_of(emu, slot));
    rf_status status = take_failure(stream, error);
    stream->stop = true;
    pthread_cond_signal(&stream->work);
    pthread_mutex_unlock(&emu->lock);
    pthread_join(stream->thread, NULL);
    pthread_mutex_lock(&emu->lock);
    pthread_cond_destroy(&stream->work);
    rf_free(stream->queue);
    stream->queue = NULL;
    stream->state = EMU_STREAM_NONE;
    return status;
}

rf_status rf_emu_streams_start(emu_device *emu, rf_error *error)
{
    return start(emu, 0, 0, error);
}

void rf_emu_streams_stop(emu_device *emu, rf_leaks *leaks)
{
    pthread_mutex_lock(&emu->lock);
    for (uint32_t slot = 0; slot < EMU_STREAMS; slot++) {
        rf_error error;
        if (emu->streams[slot].state != EMU_STREAM_LIVE)
            continue;
        if (slot != 0)
            rf_leaks_add(leaks, &emu->base, "stream 0x%" PRIx64, emu->streams[slot].handle);
        if (finish(emu, slot, &error) != RF_OK)
            rf_log(RF_LOG_WARNING, "nobody synchronised, and so saw: %s", error.message);
    }
    pthread_mutex_unlock(&emu->lock);
}

rf_status rf_emu_stream_create(rf_device *device, rf_stream **out, rf_error *error)
{
    emu_device *emu = (emu_device *)device;
    uint32_t slot = 1;
    uint64_t handle = 0;
    rf_status status;
    pthread_mutex_lock(&emu->lock);
    while (slot < EMU_STREAMS && emu->streams[slot].state != EMU_STREAM_NONE)
        slot++;
    if (slot == EMU_STREAMS) {
        status = rf_error_set(error, RF_ERROR_FULL, "device %s: all of its %u streams exist",
                              emu->base.id, EMU_STREAMS - 1);
    } else {
        handle = rf_emu_new_handle(emu, slot);
        status = start(emu, slot, handle, error);
    }
    emu->live.streams += status == RF_OK;
    pthread_mutex_unlock(&emu->lock);
    if (status == RF_OK)
        *out = (rf_stream *)(uintptr_t)handle;
    return status;
}

rf_status rf_emu_stream_destroy(rf_device *device, rf_stream *stream, rf_error *error)
{
    emu_device *emu = (emu_device *)device;
    uint32_t slot = 0;
    if (!stream)
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "device %s: the default stream is not destroyed", emu->base.id);
    pthread_mutex_lock(&emu->lock);
    rf_status status = find(emu, stream, &slot, error);
    if (status == RF_OK) {
        emu->live.streams--;
        status = finish(emu, slot, error);
    }
    pthread_mutex_unlock(&emu->lock);
    return status;
}

/* ---- synchronising -------------------------------------------------------------------------- */

rf_status rf_emu_stream_sync(rf_device *device, rf_stream *stream, rf_error *error)
{
    emu_device *emu = (emu_device *)device;
    uint32_t slot = 0;
    pthread_mutex_lock(&emu->lock);
    rf_status status = find(emu, stream, &slot, error);
    if (status == RF_OK && emu->streams[slot].capture)
        status = rf_emu_spoil(emu, emu->streams[slot].capture, "waiting for its stream", error);
    if (status == RF_OK) {
        rf_emu_wait(emu, end_of(emu, slot));
        status = take_failure(&emu->streams[slot], error);
    }
    if (status == RF_OK)
        status = rf_emu_check_guards(emu, error);
    pthread_mutex_unlock(&emu->lock);
    return status;
}

/* All streams are wanted before the first is waited for, so that they work at the same time. */
rf_status rf_emu_sync(rf_device *device, rf_error *error)
{
    emu_device *emu = (emu_device *)device;
    emu_mark ends[EMU_STREAMS];
    pthread_mutex_lock(&emu->lock);
    rf_status status = rf_emu_refuse_in_capture(emu, "waiting for the device", error);
    if (status != RF_OK) {
        pthread_mutex_unlock(&emu->lock);
        return status;
    }
    for (uint32_t slot = 0; slot < EMU_STREAMS; slot++) {
        ends[slot] = end_of(emu, slot);
        if (emu->streams[slot].state != EMU_STREAM_NONE)
            rf_emu_want(emu, ends[slot]);
    }
    for (uint32_t slot = 0; slot < EMU_STREAMS; slot++) {
        rf_emu_wait(emu, ends[slot]);
        if (status == RF_OK)
            status = take_failure(&emu->streams[slot], error);
    }
    if (status == RF_OK)
        status = rf_emu_check_guards(emu, error);
    pthread_mutex_unlock(&emu->lock);
    return status;
}
