/* internal.h: what the files of the fault device share. */
#ifndef RF_DEVICE_FAULT_INTERNAL_H
#define RF_DEVICE_FAULT_INTERNAL_H

#include <pthread.h>

#include "device/fault/fault.h"

typedef struct fault_device {
    rf_device base;
    rf_device *inner;
    pthread_mutex_t lock; /* guards what follows */
    uint64_t calls[RF_FAULT_CALL_COUNT];
    rf_fault_call armed;
    uint64_t remaining; /* calls until the one that fails; 0: disarmed */
    bool fired;
    uint64_t delay_ns;
    uint64_t hidden; /* bytes of free memory */
} fault_device;

/* Counts a call; the injected failure if it is the one to fail. */
rf_status rf_fault_count(fault_device *fault, rf_fault_call call, rf_error *error);

/* Counts a call that was made, with the status that it gave; returns that, or the injected failure
 * where it was RF_OK. *error is set by whichever it is. */
rf_status rf_fault_after(fault_device *fault, rf_fault_call call, rf_status status,
                         rf_error *error);

uint64_t rf_fault_delay(fault_device *fault);
uint64_t rf_fault_hidden(fault_device *fault);
void rf_fault_sleep(uint64_t nanoseconds);

/* memory.c */
rf_status rf_fault_facts(rf_device *device, rf_device_facts *out, rf_error *error);
rf_status rf_fault_memory(rf_device *device, rf_device_memory *out, rf_error *error);
rf_status rf_fault_alloc(rf_device *device, uint64_t bytes, uint64_t alignment, rf_address *out,
                         rf_error *error);
rf_status rf_fault_free(rf_device *device, rf_address address, rf_error *error);
rf_status rf_fault_pinned_alloc(rf_device *device, uint64_t bytes, void **out, rf_error *error);
rf_status rf_fault_pinned_free(rf_device *device, void *memory, rf_error *error);

/* queue.c */
rf_status rf_fault_copy(rf_device *device, rf_stream *stream, rf_copy_kind kind, rf_address to,
                        rf_address from, uint64_t bytes, rf_error *error);
rf_status rf_fault_fill(rf_device *device, rf_stream *stream, rf_address to, uint8_t value,
                        uint64_t bytes, rf_error *error);
rf_status rf_fault_stream_create(rf_device *device, rf_stream **out, rf_error *error);
rf_status rf_fault_stream_destroy(rf_device *device, rf_stream *stream, rf_error *error);
rf_status rf_fault_stream_sync(rf_device *device, rf_stream *stream, rf_error *error);
rf_status rf_fault_sync(rf_device *device, rf_error *error);
rf_status rf_fault_event_create(rf_device *device, rf_event **out, rf_error *error);
rf_status rf_fault_event_destroy(rf_device *device, rf_event *event, rf_error *error);
rf_status rf_fault_event_record(rf_device *device, rf_event *event, rf_stream *stream,
                                rf_error *error);
rf_status rf_fault_event_sync(rf_device *device, rf_event *event, rf_error *error);
rf_status rf_fault_event_done(rf_device *device, rf_event *event, bool *done, rf_error *error);
rf_status rf_fault_event_elapsed(rf_device *device, rf_event *begin, rf_event *end,
                                 uint64_t *nanoseconds, rf_error *error);
rf_status rf_fault_stream_wait(rf_device *device, rf_stream *stream, rf_event *event,
                               rf_error *error);

/* code.c */
rf_status rf_fault_module_load(rf_device *device, const void *code, uint64_t bytes, rf_module **out,
                               rf_error *error);
rf_status rf_fault_module_unload(rf_device *device, rf_module *module, rf_error *error);
rf_status rf_fault_module_function(rf_device *device, rf_module *module, const char *name,
                                   rf_function **out, rf_error *error);
rf_status rf_fault_describe_rows(rf_device *device, const rf_row_boxes *boxes,
                                 rf_row_boxes_code *out, rf_error *error);
rf_status rf_fault_launch(rf_device *device, rf_stream *stream, rf_function *function,
                          const rf_launch *launch, rf_error *error);
rf_status rf_fault_graph_begin(rf_device *device, rf_stream *stream, rf_error *error);
rf_status rf_fault_graph_end(rf_device *device, rf_stream *stream, rf_graph **out, rf_error *error);
rf_status rf_fault_graph_replay(rf_device *device, rf_stream *stream, rf_graph *graph,
                                rf_error *error);
rf_status rf_fault_graph_destroy(rf_device *device, rf_graph *graph, rf_error *error);

#endif
