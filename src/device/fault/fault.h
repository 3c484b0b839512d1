/*
 * fault.h: a device around another, for tests of what happens when a driver fails. All calls go
 * through to the inner device, but for those that a test wants to go wrong.
 *
 * What an injected failure does to the inner device depends on the call: one that takes or queues
 * something is not made at all; one that gives something back or waits is made, and its success is
 * reported as a failure. So a caller that does all it can after a failure leaves nothing behind, as
 * with a driver that reports an earlier error late.
 */
#ifndef RF_DEVICE_FAULT_FAULT_H
#define RF_DEVICE_FAULT_FAULT_H

#include "device/device.h"

/* The operations that can fail, in the order of rf_device_ops, and their names in messages. */
#define RF_FAULT_CALL_LIST(X)                                                                      \
    X(RF_FAULT_FACTS, "facts")                                                                     \
    X(RF_FAULT_MEMORY, "memory")                                                                   \
    X(RF_FAULT_ALLOC, "alloc")                                                                     \
    X(RF_FAULT_FREE, "free")                                                                       \
    X(RF_FAULT_PINNED_ALLOC, "pinned_alloc")                                                       \
    X(RF_FAULT_PINNED_FREE, "pinned_free")                                                         \
    X(RF_FAULT_COPY, "copy")                                                                       \
    X(RF_FAULT_FILL, "fill")                                                                       \
    X(RF_FAULT_STREAM_CREATE, "stream_create")                                                     \
    X(RF_FAULT_STREAM_DESTROY, "stream_destroy")                                                   \
    X(RF_FAULT_STREAM_SYNC, "stream_sync")                                                         \
    X(RF_FAULT_SYNC, "sync")                                                                       \
    X(RF_FAULT_EVENT_CREATE, "event_create")                                                       \
    X(RF_FAULT_EVENT_DESTROY, "event_destroy")                                                     \
    X(RF_FAULT_EVENT_RECORD, "event_record")                                                       \
    X(RF_FAULT_EVENT_SYNC, "event_sync")                                                           \
    X(RF_FAULT_EVENT_DONE, "event_done")                                                           \
    X(RF_FAULT_EVENT_ELAPSED, "event_elapsed")                                                     \
    X(RF_FAULT_STREAM_WAIT, "stream_wait")                                                         \
    X(RF_FAULT_MODULE_LOAD, "module_load")                                                         \
    X(RF_FAULT_MODULE_UNLOAD, "module_unload")                                                     \
    X(RF_FAULT_MODULE_FUNCTION, "module_function")                                                 \
    X(RF_FAULT_LAUNCH, "launch")                                                                   \
    X(RF_FAULT_DESCRIBE_ROWS, "describe_rows")                                                     \
    X(RF_FAULT_GRAPH_BEGIN, "graph_begin")                                                         \
    X(RF_FAULT_GRAPH_END, "graph_end")                                                             \
    X(RF_FAULT_GRAPH_REPLAY, "graph_replay")                                                       \
    X(RF_FAULT_GRAPH_DESTROY, "graph_destroy")

typedef enum rf_fault_call {
#define RF_FAULT_CALL_ENUM(name, text) name,
    RF_FAULT_CALL_LIST(RF_FAULT_CALL_ENUM)
#undef RF_FAULT_CALL_ENUM
        RF_FAULT_ANY, /* every call, whatever its kind */
    RF_FAULT_CALL_COUNT
} rf_fault_call;

/* "copy" for RF_FAULT_COPY. */
const char *rf_fault_call_name(rf_fault_call call);

/*
 * Wraps a device, which stays its owner's and must be open until the wrapper is closed. The wrapper
 * is in no registry: it is closed with rf_fault_device_close, not with rf_device_close (unless the
 * test has a backend of its own that opens it, see rf_backend_set_extra). It has the id "fault:"
 * and the inner device's. Handles of events are the wrapper's own. Errors: HOST_MEMORY.
 */
rf_status rf_fault_device_wrap(rf_device *inner, rf_device **out, rf_error *error);
void rf_fault_device_close(rf_device *device);

/* The functions below take devices of this kind only, from any thread. */

/* Makes the nth call (from 1) of a kind from now on fail with RF_ERROR_DEVICE, once; 0 disarms it.
 * One fault is armed at a time. */
void rf_fault_device_arm(rf_device *device, rf_fault_call call, uint64_t nth);
/* Whether the fault has fired since it was armed. */
bool rf_fault_device_fired(rf_device *device);
/* Calls ever made, of one kind or RF_FAULT_ANY. */
uint64_t rf_fault_device_calls(rf_device *device, rf_fault_call call);

/* Work seems done only so many nanoseconds after it was: synchronisations return late, and an event
 * is not done before that time has passed since it was recorded. */
void rf_fault_device_delay(rf_device *device, uint64_t nanoseconds);

/* Takes so many bytes from the free memory that the device reports and gives out. */
void rf_fault_device_shrink(rf_device *device, uint64_t bytes);

#endif
