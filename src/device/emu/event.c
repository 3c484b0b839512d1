/*
 * event.c: events of an emulated device. An event is a mark in the work of the stream that recorded
 * it last. A handle is a number, not a pointer: one of an event that was destroyed is seen.
 */
#include <inttypes.h>
#include <stddef.h>

#include "base/clock.h"
#include "device/emu/internal.h"

/* The event of a handle. The lock is held. */
static rf_status find(emu_device *emu, const rf_event *handle, emu_event **out, rf_error *error)
{
    uint64_t number = (uintptr_t)handle;
    uint64_t slot = (number & EMU_SLOT_MASK) - 1; /* 0, no handle, becomes the largest number */
    if (slot >= EMU_EVENTS || !emu->events[slot].live || emu->events[slot].handle != number)
        return rf_error_set(error, RF_ERROR_STALE,
                            "device %s: event 0x%" PRIx64 " was destroyed, or never was one",
                            emu->base.id, number);
    *out = &emu->events[slot];
    return RF_OK;
}

rf_status rf_emu_event_create(rf_device *device, rf_event **out, rf_error *error)
{
    emu_device *emu = (emu_device *)device;
    rf_status status = RF_OK;
    uint32_t slot = 0;
    pthread_mutex_lock(&emu->lock);
    while (slot < EMU_EVENTS && emu->events[slot].live)
        slot++;
    if (slot == EMU_EVENTS) {
        status = rf_error_set(error, RF_ERROR_FULL, "device %s: all of its %u events exist",
                              emu->base.id, EMU_EVENTS);
    } else {
        uint64_t handle = rf_emu_new_handle(emu, slot);
        emu->events[slot] = (emu_event){.live = true, .handle = handle};
        emu->live.events++;
        *out = (rf_event *)(uintptr_t)handle;
    }
    pthread_mutex_unlock(&emu->lock);
    return status;
}

/* An event that went into a graph says nothing of the stream, as with drivers. */
static rf_status refuse_captured(const emu_device *emu, const emu_event *e, rf_error *error)
{
    if (e->captured == 0)
        return RF_OK;
    return rf_error_set(error, RF_ERROR_ARGUMENT,
                        "device %s: event 0x%" PRIx64 " was recorded into graph %" PRIu64
                        " last, not on a stream",
                        emu->base.id, e->handle, e->captured);
}

/* What still waits for it, waits for the mark and not for the event. */
rf_status rf_emu_event_destroy(rf_device *device, rf_event *event, rf_error *error)
{
    emu_device *emu = (emu_device *)device;
    emu_event *e = NULL;
    pthread_mutex_lock(&emu->lock);
    rf_status status = find(emu, event, &e, error);
    if (status == RF_OK) {
        e->live = false;
        emu->live.events--;
    }
    pthread_mutex_unlock(&emu->lock);
    return status;
}

/* The lock is held. */
static rf_status record(emu_device *emu, rf_event *event, rf_stream *stream, rf_error *error)
{
    emu_event *e = NULL;
    emu_operation operation = {.kind = EMU_RECORD, .event = (uintptr_t)event};
    emu_mark mark = {0};
    emu_graph *capture = NULL;
    RF_TRY(find(emu, event, &e, error));
    RF_TRY(rf_emu_capture_of(emu, stream, &capture, error));
    if (capture) { /* a mark among what is captured: work is in order there anyway */
        *e = (emu_event){.live = true, .handle = e->handle, .captured = capture->serial};
        return RF_OK;
    }
    RF_TRY(rf_emu_queue(emu, stream, &operation, &mark, error));
    RF_TRY(find(emu, event, &e, error)); /* the lock may have been released for want of room */
    e->mark = mark;
    e->recorded_ns = 0;
    e->captured = 0;
    return RF_OK;
}

rf_status rf_emu_event_record(rf_device *device, rf_event *event, rf_stream *stream,
                              rf_error *error)
{
    emu_device *emu = (emu_device *)device;
    pthread_mutex_lock(&emu->lock);
    rf_status status = record(emu, event, stream, error);
    pthread_mutex_unlock(&emu->lock);
    return status;
}

void rf_emu_event_reached(emu_device *emu, uint64_t handle, emu_mark mark)
{
    emu_event *e = NULL;
    if (find(emu, (const rf_event *)(uintptr_t)handle, &e, NULL) == RF_OK &&
        e->mark.stream == mark.stream && e->mark.position == mark.position)
        e->recorded_ns = rf_clock_ns(); /* else it was recorded anew, or destroyed */
}

rf_status rf_emu_event_sync(rf_device *device, rf_event *event, rf_error *error)
{
    emu_device *emu = (emu_device *)device;
    emu_event *e = NULL;
    pthread_mutex_lock(&emu->lock);
    rf_status status = find(emu, event, &e, error);
    if (status == RF_OK)
        status = refuse_captured(emu, e, error);
    if (status == RF_OK) {
        emu_mark mark = e->mark;
        rf_emu_wait(emu, mark);
        status = rf_emu_failure(emu, mark, error);
    }
    pthread_mutex_unlock(&emu->lock);
    return status;
}

/* An event that was never recorded is done: there is nothing to wait for. */
rf_status rf_emu_event_done(rf_device *device, rf_event *event, bool *done, rf_error *error)
{
    emu_device *emu = (emu_device *)device;
    emu_event *e = NULL;
    bool reached = false;
    pthread_mutex_lock(&emu->lock);
    rf_status status = find(emu, event, &e, error);
    if (status == RF_OK)
        status = refuse_captured(emu, e, error);
    if (status == RF_OK) {
        rf_emu_want(emu, e->mark);
        reached = rf_emu_reached(emu, e->mark);
        status = reached ? rf_emu_failure(emu, e->mark, error) : RF_OK;
    }
    pthread_mutex_unlock(&emu->lock);
    if (status == RF_OK)
        *done = reached;
    return status;
}

/* The lock is held. */
static rf_status elapsed(emu_device *emu, const rf_event *begin, const rf_event *end,
                         uint64_t *nanoseconds, rf_error *error)
{
    emu_event *from = NULL;
    emu_event *to = NULL;
    RF_TRY(find(emu, begin, &from, error));
    RF_TRY(find(emu, end, &to, error));
    RF_TRY(refuse_captured(emu, from, error));
    RF_TRY(refuse_captured(emu, to, error));
    if (!rf_emu_reached(emu, from->mark) || !rf_emu_reached(emu, to->mark))
        return rf_error_set(error, RF_ERROR_BUSY, "device %s: an event to be timed is not done",
                            emu->base.id);
    if (from->recorded_ns == 0 || to->recorded_ns < from->recorded_ns)
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "device %s: the events were not recorded, or in the other order",
                            emu->base.id);
    *nanoseconds = to->recorded_ns - from->recorded_ns;
    return RF_OK;
}

rf_status rf_emu_event_elapsed(rf_device *device, rf_event *begin, rf_event *end,
                               uint64_t *nanoseconds, rf_error *error)
{
    emu_device *emu = (emu_device *)device;
    pthread_mutex_lock(&emu->lock);
    rf_status status = elapsed(emu, begin, end, nanoseconds, error);
    pthread_mutex_unlock(&emu->lock);
    return status;
}

/* The lock is held. */
static rf_status stream_wait(emu_device *emu, rf_stream *stream, const rf_event *event,
                             rf_error *error)
{
    emu_event *e = NULL;
    emu_graph *capture = NULL;
    emu_mark mark;
    RF_TRY(find(emu, event, &e, error));
    RF_TRY(rf_emu_capture_of(emu, stream, &capture, error));
    if (capture && e->captured == capture->serial)
        return RF_OK; /* all before it in the graph is done before all behind it */
    if (capture)
        return rf_emu_spoil(emu, capture, "waiting for an event from outside of it", error);
    RF_TRY(refuse_captured(emu, e, error));
    emu_operation operation = {.kind = EMU_WAIT, .wait_for = e->mark};
    return rf_emu_queue(emu, stream, &operation, &mark, error);
}

rf_status rf_emu_stream_wait(rf_device *device, rf_stream *stream, rf_event *event, rf_error *error)
{
    emu_device *emu = (emu_device *)device;
    pthread_mutex_lock(&emu->lock);
    rf_status status = stream_wait(emu, stream, event, error);
    pthread_mutex_unlock(&emu->lock);
    return status;
}
