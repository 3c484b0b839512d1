/*
 * fake_device.h: a device that is the CPU but for what a test wants to go wrong: the Nth driver
 * call fails, a free is refused, an address is not aligned. It counts what is allocated.
 */
#ifndef RF_TESTS_MEMORY_FAKE_DEVICE_H
#define RF_TESTS_MEMORY_FAKE_DEVICE_H

#include <string.h>

#include "device/device.h"

typedef struct fake_device {
    rf_device base;
    rf_device_ops ops;
    rf_device *cpu;
    uint64_t calls;   /* driver calls of any kind */
    uint64_t fail_at; /* the call, counted from 1, that fails; 0: none */
    bool fired;
    bool refuse_free; /* memory is freed, and an error returned */
    bool misalign;    /* addresses are 8 bytes off */
    int64_t live;     /* allocations */
} fake_device;

static inline bool fake_fails(fake_device *fake, rf_status *status, rf_error *error)
{
    if (++fake->calls != fake->fail_at)
        return false;
    fake->fired = true;
    *status =
        rf_error_set(error, RF_ERROR_DEVICE, "injected: driver call %u", (unsigned)fake->calls);
    return true;
}

static inline rf_status fake_alloc(rf_device *device, uint64_t bytes, uint64_t alignment,
                                   rf_address *out, rf_error *error)
{
    fake_device *fake = (fake_device *)device;
    rf_status status = RF_OK;
    if (fake_fails(fake, &status, error))
        return status;
    RF_TRY(fake->cpu->ops->alloc(fake->cpu, bytes, alignment, out, error));
    fake->live++;
    if (fake->misalign)
        *out += 8;
    return RF_OK;
}

/* Frees in any case, as a driver does that reports an earlier failure. */
static inline rf_status fake_free(rf_device *device, rf_address address, rf_error *error)
{
    fake_device *fake = (fake_device *)device;
    rf_status injected = RF_OK;
    bool fails = fake_fails(fake, &injected, error);
    RF_TRY(fake->cpu->ops->free(fake->cpu, address - (fake->misalign ? 8 : 0), error));
    fake->live--;
    if (fails)
        return injected;
    return fake->refuse_free ? rf_error_set(error, RF_ERROR_DEVICE, "free was refused") : RF_OK;
}

static inline rf_status fake_copy(rf_device *device, rf_stream *stream, rf_copy_kind kind,
                                  rf_address to, rf_address from, uint64_t bytes, rf_error *error)
{
    fake_device *fake = (fake_device *)device;
    rf_status status = RF_OK;
    if (fake_fails(fake, &status, error))
        return status;
    return fake->cpu->ops->copy(fake->cpu, stream, kind, to, from, bytes, error);
}

static inline rf_status fake_stream_sync(rf_device *device, rf_stream *stream, rf_error *error)
{
    fake_device *fake = (fake_device *)device;
    rf_status status = RF_OK;
    if (fake_fails(fake, &status, error))
        return status;
    return fake->cpu->ops->stream_sync(fake->cpu, stream, error);
}

static inline rf_status fake_open(fake_device *fake)
{
    *fake = (fake_device){0};
    RF_TRY(rf_device_open("cpu", &fake->cpu, NULL));
    fake->ops = *fake->cpu->ops;
    fake->ops.backend = "fake";
    fake->ops.alloc = fake_alloc;
    fake->ops.free = fake_free;
    fake->ops.copy = fake_copy;
    fake->ops.stream_sync = fake_stream_sync;
    fake->base.ops = &fake->ops;
    strcpy(fake->base.id, "fake");
    return RF_OK;
}

static inline void fake_close(fake_device *fake)
{
    rf_device_close(fake->cpu, NULL);
}

#endif
