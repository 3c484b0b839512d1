/* cpu.h: what the files of the CPU device share. */
#ifndef RF_DEVICE_CPU_CPU_H
#define RF_DEVICE_CPU_CPU_H

#include <pthread.h>

#include "device/leaks.h"

/* A mapping that was given out, as device memory or as pinned memory. */
typedef struct rf_cpu_allocation {
    struct rf_cpu_allocation *next;
    void *memory;
    uint64_t mapped; /* bytes */
    bool pinned;
} rf_cpu_allocation;

typedef struct rf_cpu_device {
    rf_device base;
    pthread_mutex_t lock; /* guards allocations */
    rf_cpu_allocation *allocations;
} rf_cpu_device;

/*
 * Free and total memory of the host for this process: what /proc/meminfo says, or the limit of its
 * cgroup (version 2 or 1) where that is lower; source says which. root is put in front of the paths
 * that are read: "", but for tests.
 */
rf_status rf_cpu_host_memory(const char *root, rf_device_memory *out, rf_error *error);

/* alloc.c */
rf_status rf_cpu_memory(rf_device *device, rf_device_memory *out, rf_error *error);
rf_status rf_cpu_alloc(rf_device *device, uint64_t bytes, uint64_t alignment, rf_address *out,
                       rf_error *error);
rf_status rf_cpu_free(rf_device *device, rf_address address, rf_error *error);
rf_status rf_cpu_pinned_alloc(rf_device *device, uint64_t bytes, void **out, rf_error *error);
rf_status rf_cpu_pinned_free(rf_device *device, void *memory, rf_error *error);
/* Unmaps what nobody gave back, and notes each. */
void rf_cpu_free_all(rf_cpu_device *cpu, rf_leaks *leaks);

/* queue.c: copies, streams and events; all work is done when its call returns */
rf_status rf_cpu_copy(rf_device *device, rf_stream *stream, rf_copy_kind kind, rf_address to,
                      rf_address from, uint64_t bytes, rf_error *error);
rf_status rf_cpu_fill(rf_device *device, rf_stream *stream, rf_address to, uint8_t value,
                      uint64_t bytes, rf_error *error);
rf_status rf_cpu_stream_create(rf_device *device, rf_stream **out, rf_error *error);
rf_status rf_cpu_stream_destroy(rf_device *device, rf_stream *stream, rf_error *error);
rf_status rf_cpu_stream_sync(rf_device *device, rf_stream *stream, rf_error *error);
rf_status rf_cpu_sync(rf_device *device, rf_error *error);
rf_status rf_cpu_event_create(rf_device *device, rf_event **out, rf_error *error);
rf_status rf_cpu_event_destroy(rf_device *device, rf_event *event, rf_error *error);
rf_status rf_cpu_event_record(rf_device *device, rf_event *event, rf_stream *stream,
                              rf_error *error);
rf_status rf_cpu_event_sync(rf_device *device, rf_event *event, rf_error *error);
rf_status rf_cpu_event_done(rf_device *device, rf_event *event, bool *done, rf_error *error);
rf_status rf_cpu_event_elapsed(rf_device *device, rf_event *begin, rf_event *end,
                               uint64_t *nanoseconds, rf_error *error);
rf_status rf_cpu_stream_wait(rf_device *device, rf_stream *stream, rf_event *event,
                             rf_error *error);

#endif
