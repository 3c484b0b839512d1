/* fault.c: counting the calls to a fault device and failing the one that a test asked for; its
 * table of operations. */
#include "device/fault/fault.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/memory.h"
#include "device/fault/internal.h"

const char *rf_fault_call_name(rf_fault_call call)
{
    static const char *const names[] = {
#define RF_FAULT_CALL_TEXT(name, text) text,
        RF_FAULT_CALL_LIST(RF_FAULT_CALL_TEXT)
#undef RF_FAULT_CALL_TEXT
    };
    return (unsigned)call < RF_FAULT_ANY ? names[call] : "any call";
}

/* ---- counting ------------------------------------------------------------------------------- */

rf_status rf_fault_count(fault_device *fault, rf_fault_call call, rf_error *error)
{
    pthread_mutex_lock(&fault->lock);
    fault->calls[call]++;
    uint64_t number = ++fault->calls[RF_FAULT_ANY];
    bool fires = false;
    if (fault->remaining && (fault->armed == call || fault->armed == RF_FAULT_ANY))
        fires = --fault->remaining == 0;
    fault->fired |= fires;
    pthread_mutex_unlock(&fault->lock);
    if (!fires)
        return RF_OK;
    return rf_error_set(error, RF_ERROR_DEVICE, "device %s: injected: %s failed, call %" PRIu64,
                        fault->base.id, rf_fault_call_name(call), number);
}

rf_status rf_fault_after(fault_device *fault, rf_fault_call call, rf_status status, rf_error *error)
{
    rf_status injected = rf_fault_count(fault, call, status == RF_OK ? error : NULL);
    return status == RF_OK ? injected : status;
}

uint64_t rf_fault_delay(fault_device *fault)
{
    pthread_mutex_lock(&fault->lock);
    uint64_t delay_ns = fault->delay_ns;
    pthread_mutex_unlock(&fault->lock);
    return delay_ns;
}

uint64_t rf_fault_hidden(fault_device *fault)
{
    pthread_mutex_lock(&fault->lock);
    uint64_t hidden = fault->hidden;
    pthread_mutex_unlock(&fault->lock);
    return hidden;
}

void rf_fault_sleep(uint64_t nanoseconds)
{
    struct timespec time = {.tv_sec = (time_t)(nanoseconds / 1000000000U),
                            .tv_nsec = (long)(nanoseconds % 1000000000U)};
    while (nanoseconds && nanosleep(&time, &time) != 0)
        continue; /* cut short by a signal: what is left is in time */
}

/* ---- what tests set and ask ----------------------------------------------------------------- */

void rf_fault_device_arm(rf_device *device, rf_fault_call call, uint64_t nth)
{
    fault_device *fault = (fault_device *)device;
    pthread_mutex_lock(&fault->lock);
    fault->armed = call;
    fault->remaining = nth;
    fault->fired = false;
    pthread_mutex_unlock(&fault->lock);
}

bool rf_fault_device_fired(rf_device *device)
{
    fault_device *fault = (fault_device *)device;
    pthread_mutex_lock(&fault->lock);
    bool fired = fault->fired;
    pthread_mutex_unlock(&fault->lock);
    return fired;
}

uint64_t rf_fault_device_calls(rf_device *device, rf_fault_call call)
{
    fault_device *fault = (fault_device *)device;
    pthread_mutex_lock(&fault->lock);
    uint64_t calls = fault->calls[call];
    pthread_mutex_unlock(&fault->lock);
    return calls;
}

void rf_fault_device_delay(rf_device *device, uint64_t nanoseconds)
{
    fault_device *fault = (fault_device *)device;
    pthread_mutex_lock(&fault->lock);
    fault->delay_ns = nanoseconds;
    pthread_mutex_unlock(&fault->lock);
}

void rf_fault_device_shrink(rf_device *device, uint64_t bytes)
{
    fault_device *fault = (fault_device *)device;
    pthread_mutex_lock(&fault->lock);
    fault->hidden = bytes;
    pthread_mutex_unlock(&fault->lock);
}

/* The inner device stays its owner's. */
static rf_status fault_close(rf_device *device, rf_error *error)
{
    (void)error;
    rf_fault_device_close(device);
    return RF_OK;
}

/* ---- the table ------------------------------------------------------------------------------ */

static const rf_device_ops fault_ops = {
    .backend = "fault",
    .facts = rf_fault_facts,
    .memory = rf_fault_memory,
    .close = fault_close,
    .alloc = rf_fault_alloc,
    .free = rf_fault_free,
    .pinned_alloc = rf_fault_pinned_alloc,
    .pinned_free = rf_fault_pinned_free,
    .copy = rf_fault_copy,
    .fill = rf_fault_fill,
    .stream_create = rf_fault_stream_create,
    .stream_destroy = rf_fault_stream_destroy,
    .stream_sync = rf_fault_stream_sync,
    .sync = rf_fault_sync,
    .event_create = rf_fault_event_create,
    .event_destroy = rf_fault_event_destroy,
    .event_record = rf_fault_event_record,
    .event_sync = rf_fault_event_sync,
    .event_done = rf_fault_event_done,
    .event_elapsed = rf_fault_event_elapsed,
    .stream_wait = rf_fault_stream_wait,
    .module_load = rf_fault_module_load,
    .module_unload = rf_fault_module_unload,
    .module_function = rf_fault_module_function,
    .launch = rf_fault_launch,
    .describe_rows = rf_fault_describe_rows,
    .graph_begin = rf_fault_graph_begin,
    .graph_end = rf_fault_graph_end,
    .graph_replay = rf_fault_graph_replay,
    .graph_destroy = rf_fault_graph_destroy,
};

rf_status rf_fault_device_wrap(rf_device *inner, rf_device **out, rf_error *error)
{
    fault_device *fault = rf_calloc(1, sizeof(*fault));
    if (!fault)
        return rf_error_host_memory(error, "a device", sizeof(*fault));
    fault->base.ops = &fault_ops;
    /* The inner id is cut where both do not fit. */
    snprintf(fault->base.id, sizeof(fault->base.id), "fault:%.*s",
             (int)(sizeof(fault->base.id) - sizeof("fault:")), inner->id);
    fault->inner = inner;
    pthread_mutex_init(&fault->lock, NULL); /* cannot fail with default attributes on Linux */
    *out = &fault->base;
    return RF_OK;
}

void rf_fault_device_close(rf_device *device)
{
    fault_device *fault = (fault_device *)device;
    if (!fault)
        return;
    pthread_mutex_destroy(&fault->lock);
    rf_free(fault);
}
