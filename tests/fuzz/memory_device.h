/*
 * memory_device.h: a device of host memory for the pool's fuzz target. Each allocation is one of
 * the heap, so that a sanitizer sees what leaves it. It refuses what a driver may refuse: sizes
 * above a limit, the Nth allocation, frees and synchronisations; and it can give an address that is
 * not aligned.
 */
#ifndef RF_TESTS_FUZZ_MEMORY_DEVICE_H
#define RF_TESTS_FUZZ_MEMORY_DEVICE_H

#include <stdlib.h>
#include <string.h>

#include "device/device.h"

#define MEMORY_DEVICE_LIMIT (1ULL << 18) /* bytes of an allocation */
#define MEMORY_DEVICE_LOG   64U

typedef struct memory_device {
    rf_device base;
    rf_device_ops ops;
    rf_address log[MEMORY_DEVICE_LOG]; /* what it gave since n_log was set to 0 */
    uint32_t n_log;
    uint64_t live, allocations, frees;
    uint64_t fail_alloc; /* counts down; the allocation that makes it 0 fails */
    bool misalign;       /* the next address */
    bool refuse_free;    /* memory is freed, and an error returned */
    bool fail_sync;
} memory_device;

static inline rf_status memory_device_alloc(rf_device *device, uint64_t bytes, uint64_t alignment,
                                            rf_address *out, rf_error *error)
{
    memory_device *d = (memory_device *)device;
    d->allocations++;
    if (d->fail_alloc && --d->fail_alloc == 0)
        return rf_error_set(error, RF_ERROR_DEVICE, "injected");
    void *memory = bytes > MEMORY_DEVICE_LIMIT ? NULL : aligned_alloc(alignment, bytes);
    if (!memory)
        return rf_error_set(error, RF_ERROR_DEVICE_MEMORY, "asked too much");
    d->live++;
    *out = (uintptr_t)memory + (d->misalign ? 8 : 0);
    d->misalign = false;
    d->log[d->n_log++ % MEMORY_DEVICE_LOG] = *out;
    return RF_OK;
}

static inline rf_status memory_device_free(rf_device *device, rf_address address, rf_error *error)
{
    memory_device *d = (memory_device *)device;
    d->frees++;
    d->live--;
    free((void *)(uintptr_t)(address & ~0xFFULL));
    return d->refuse_free ? rf_error_set(error, RF_ERROR_DEVICE, "injected") : RF_OK;
}

static inline rf_status memory_device_copy(rf_device *device, rf_stream *stream, rf_copy_kind kind,
                                           rf_address to, rf_address from, uint64_t bytes,
                                           rf_error *error)
{
    (void)device;
    (void)stream;
    (void)kind;
    (void)error;
    memcpy((void *)(uintptr_t)to, (const void *)(uintptr_t)from, bytes);
    return RF_OK;
}

static inline rf_status memory_device_sync(rf_device *device, rf_stream *stream, rf_error *error)
{
    (void)stream;
    const memory_device *d = (const memory_device *)device;
    return d->fail_sync ? rf_error_set(error, RF_ERROR_DEVICE, "injected") : RF_OK;
}

static inline void memory_device_init(memory_device *d)
{
    *d = (memory_device){0};
    d->ops.backend = "memory";
    d->ops.alloc = memory_device_alloc;
    d->ops.free = memory_device_free;
    d->ops.copy = memory_device_copy;
    d->ops.stream_sync = memory_device_sync;
    d->base.ops = &d->ops;
    strcpy(d->base.id, "memory");
}

#endif
