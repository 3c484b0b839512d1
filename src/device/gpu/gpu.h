/*
 * gpu.h: what the files of the GPU devices share: one device, whatever its driver.
 *
 * A device's driver, context and facts are set when it is opened and do not change; its lock guards
 * the list of what was allocated. Every operation enters the device's context for the calling
 * thread before it calls the driver, so any thread may call any operation. The context that a
 * caller had entered by other means is not restored.
 */
#ifndef RF_DEVICE_GPU_GPU_H
#define RF_DEVICE_GPU_GPU_H

#include <pthread.h>
#include <stdatomic.h>

#include "device/backend.h"
#include "device/gpu/library.h"
#include "device/leaks.h"

/* Something that the driver gave out, as device memory or as pinned memory. */
typedef struct rf_gpu_allocation {
    struct rf_gpu_allocation *next;
    uint64_t address; /* as given to the caller; of pinned memory, a host pointer */
    uint64_t base;    /* as given by the driver; below address where that was not aligned enough */
    uint64_t bytes;   /* from address on */
    bool pinned;
} rf_gpu_allocation;

typedef struct rf_gpu_device {
    rf_device base;
    rf_device_ops ops; /* what base.ops is: the same for all but for the backend's name */
    const rf_gpu_driver *driver;
    const void *f; /* the driver's symbols, first argument of all its functions */
    const char *root;
    const char *library; /* the driver's, by name */
    int ordinal;
    void *context;
    bool integrated;      /* shares the host's memory */
    char pci_address[32]; /* "0000:03:00.0"; empty where the driver does not say */
    char name[RF_NAME_BYTES];
    char architecture[64];
    char driver_text[RF_NAME_BYTES]; /* library, versions: see rf_device_info */
    uint32_t compute_units;
    uint32_t warp_size;
    pthread_mutex_t lock; /* guards allocations */
    rf_gpu_allocation *allocations;
    _Atomic uint64_t realigned; /* see rf_device_facts */
} rf_gpu_device;

/* gpu.c: what the backends are made of; see rf_backend. Counting starts the driver, so it comes
 * before opening. */
rf_status rf_gpu_count(rf_gpu_library *library, uint32_t *out, rf_error *error);
rf_status rf_gpu_why_none(rf_gpu_library *library, rf_error *error);
void rf_gpu_id(const rf_gpu_library *library, uint32_t index, char out[RF_DEVICE_ID_BYTES]);
rf_status rf_gpu_look(rf_gpu_library *library, uint32_t index, rf_device_facts *out,
                      rf_error *error);
rf_status rf_gpu_open(rf_gpu_library *library, uint32_t index, rf_device **out, rf_error *error);

/* RF_OK for code 0. Otherwise an error with the code, its status, and a message of what was tried
 * and the driver's own words. */
rf_status rf_gpu_check(const rf_gpu_device *gpu, int code, rf_error *error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Makes the device the calling thread's current one. */
rf_status rf_gpu_enter(const rf_gpu_device *gpu, rf_error *error);

/* memory.c */
rf_status rf_gpu_memory(rf_device *device, rf_device_memory *out, rf_error *error);

/* alloc.c */
rf_status rf_gpu_alloc(rf_device *device, uint64_t bytes, uint64_t alignment, rf_address *out,
                       rf_error *error);
rf_status rf_gpu_free(rf_device *device, rf_address address, rf_error *error);
rf_status rf_gpu_pinned_alloc(rf_device *device, uint64_t bytes, void **out, rf_error *error);
rf_status rf_gpu_pinned_free(rf_device *device, void *memory, rf_error *error);
/* Gives back what nobody gave back, and notes each. */
void rf_gpu_free_all(rf_gpu_device *gpu, rf_leaks *leaks);

/* queue.c */
rf_status rf_gpu_copy(rf_device *device, rf_stream *stream, rf_copy_kind kind, rf_address to,
                      rf_address from, uint64_t bytes, rf_error *error);
rf_status rf_gpu_fill(rf_device *device, rf_stream *stream, rf_address to, uint8_t value,
                      uint64_t bytes, rf_error *error);
rf_status rf_gpu_stream_create(rf_device *device, rf_stream **out, rf_error *error);
rf_status rf_gpu_stream_destroy(rf_device *device, rf_stream *stream, rf_error *error);
rf_status rf_gpu_stream_sync(rf_device *device, rf_stream *stream, rf_error *error);
rf_status rf_gpu_sync(rf_device *device, rf_error *error);
rf_status rf_gpu_event_create(rf_device *device, rf_event **out, rf_error *error);
rf_status rf_gpu_event_destroy(rf_device *device, rf_event *event, rf_error *error);
rf_status rf_gpu_event_record(rf_device *device, rf_event *event, rf_stream *stream,
                              rf_error *error);
rf_status rf_gpu_event_sync(rf_device *device, rf_event *event, rf_error *error);
rf_status rf_gpu_event_done(rf_device *device, rf_event *event, bool *done, rf_error *error);
rf_status rf_gpu_event_elapsed(rf_device *device, rf_event *begin, rf_event *end,
                               uint64_t *nanoseconds, rf_error *error);
rf_status rf_gpu_stream_wait(rf_device *device, rf_stream *stream, rf_event *event,
                             rf_error *error);

/* code.c */
rf_status rf_gpu_module_load(rf_device *device, const void *code, uint64_t bytes, rf_module **out,
                             rf_error *error);
rf_status rf_gpu_module_unload(rf_device *device, rf_module *module, rf_error *error);
rf_status rf_gpu_module_function(rf_device *device, rf_module *module, const char *name,
                                 rf_function **out, rf_error *error);
rf_status rf_gpu_describe_rows(rf_device *device, const rf_row_boxes *boxes, rf_row_boxes_code *out,
                               rf_error *error);
rf_status rf_gpu_launch(rf_device *device, rf_stream *stream, rf_function *function,
                        const rf_launch *launch, rf_error *error);
rf_status rf_gpu_graph_begin(rf_device *device, rf_stream *stream, rf_error *error);
rf_status rf_gpu_graph_end(rf_device *device, rf_stream *stream, rf_graph **out, rf_error *error);
rf_status rf_gpu_graph_replay(rf_device *device, rf_stream *stream, rf_graph *graph,
                              rf_error *error);
rf_status rf_gpu_graph_destroy(rf_device *device, rf_graph *graph, rf_error *error);

#endif
