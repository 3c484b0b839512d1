/*
 * alloc.c: device memory and pinned memory of a GPU. Each allocation has a record: so that freeing
 * something else is an error here and not in the driver, and so that closing a device gives back
 * what nobody gave back. Pools are large and few; the records are a list.
 */
#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "base/log.h"
#include "base/memory.h"
#include "device/gpu/gpu.h"

/* ---- the list ------------------------------------------------------------------------------- */

static void remember(rf_gpu_device *gpu, rf_gpu_allocation *allocation)
{
    pthread_mutex_lock(&gpu->lock);
    allocation->next = gpu->allocations;
    gpu->allocations = allocation;
    pthread_mutex_unlock(&gpu->lock);
}

/* Takes a record out of the list; NULL where there is none. */
static rf_gpu_allocation *forget(rf_gpu_device *gpu, uint64_t address, bool pinned)
{
    pthread_mutex_lock(&gpu->lock);
    rf_gpu_allocation **link = &gpu->allocations;
    while (*link && ((*link)->address != address || (*link)->pinned != pinned))
        link = &(*link)->next;
    rf_gpu_allocation *found = *link;
    if (found)
        *link = found->next;
    pthread_mutex_unlock(&gpu->lock);
    return found;
}

/* ---- asking the driver ---------------------------------------------------------------------- */

/* The device's context is entered. */
static rf_status ask(rf_gpu_device *gpu, uint64_t bytes, uint64_t *base, rf_error *error)
{
    int code = gpu->driver->device_alloc(gpu->f, bytes, base);
    rf_device_memory memory;
    if (code != RF_GPU_OUT_OF_MEMORY || rf_gpu_memory(&gpu->base, &memory, NULL) != RF_OK)
        return rf_gpu_check(gpu, code, error, "asked %" PRIu64 " bytes", bytes);
    return rf_gpu_check(gpu, code, error, "asked %" PRIu64 " bytes, free %" PRIu64 " (%s)", bytes,
                        memory.free, memory.source);
}

static rf_status give(rf_gpu_device *gpu, const rf_gpu_allocation *allocation, rf_error *error)
{
    RF_TRY(rf_gpu_enter(gpu, error));
    int code = allocation->pinned
                   ? gpu->driver->host_free(gpu->f, (void *)(uintptr_t)allocation->base)
                   : gpu->driver->device_free(gpu->f, allocation->base);
    return rf_gpu_check(gpu, code, error, "free %" PRIu64 " bytes of %s memory at 0x%" PRIx64,
                        allocation->bytes, allocation->pinned ? "pinned" : "device",
                        allocation->address);
}

/*
 * Fills a record. Drivers align more than they promise, as a rule; only what is not aligned enough
 * is given back and asked for again with room to move. On failure, base is not 0 where the driver
 * has something of ours still.
 */
static rf_status place(rf_gpu_device *gpu, uint64_t alignment, rf_gpu_allocation *allocation,
                       rf_error *error)
{
    uint64_t larger;
    if (!rf_add(allocation->bytes, alignment, &larger))
        return rf_error_set(error, RF_ERROR_OVERFLOW,
                            "device %s: asked %" PRIu64 " bytes: alignment %" PRIu64 " overflows",
                            gpu->base.id, allocation->bytes, alignment);
    RF_TRY(rf_gpu_enter(gpu, error));
    RF_TRY(ask(gpu, allocation->bytes, &allocation->base, error));
    if (allocation->base & (alignment - 1)) {
        allocation->address = allocation->base;
        RF_TRY(give(gpu, allocation, error));
        allocation->base = 0;
        atomic_fetch_add(&gpu->realigned, 1);
        RF_TRY(ask(gpu, larger, &allocation->base, error));
    }
    /* Rounding up stays inside what was asked for, so the driver's own address bounds it. */
    allocation->address = allocation->base + (-allocation->base & (alignment - 1));
    return RF_OK;
}

/* ---- operations ----------------------------------------------------------------------------- */

static rf_status check_request(const rf_gpu_device *gpu, uint64_t bytes, uint64_t alignment,
                               rf_error *error)
{
    if (bytes != 0 && rf_is_power_of_two(alignment))
        return RF_OK;
    return rf_error_set(error, RF_ERROR_ARGUMENT,
                        "device %s: asked %" PRIu64 " bytes at alignment %" PRIu64, gpu->base.id,
                        bytes, alignment);
}

static rf_status no_record(rf_error *error)
{
    return rf_error_host_memory(error, "the record of a device allocation",
                                sizeof(rf_gpu_allocation));
}

rf_status rf_gpu_alloc(rf_device *device, uint64_t bytes, uint64_t alignment, rf_address *out,
                       rf_error *error)
{
    rf_gpu_device *gpu = (rf_gpu_device *)device;
    RF_TRY(check_request(gpu, bytes, alignment, error));
    rf_gpu_allocation *allocation = rf_calloc(1, sizeof(*allocation));
    if (!allocation)
        return no_record(error);
    allocation->bytes = bytes;
    rf_status status = place(gpu, alignment, allocation, error);
    if (status != RF_OK && !allocation->base) {
        rf_free(allocation);
        return status;
    }
    uint64_t address = allocation->address;
    remember(gpu, allocation); /* a failed one that the driver did not take back, too */
    if (status == RF_OK)
        *out = address;
    return status;
}

/* What fails for want of memory lacks the host's, not the device's. */
static rf_status pin(rf_gpu_device *gpu, rf_gpu_allocation *allocation, void **out, rf_error *error)
{
    RF_TRY(rf_gpu_enter(gpu, error));
    int code = gpu->driver->host_alloc(gpu->f, allocation->bytes, out);
    rf_status status = rf_gpu_check(gpu, code, error, "asked %" PRIu64 " bytes of pinned memory",
                                    allocation->bytes);
    if (status != RF_ERROR_DEVICE_MEMORY)
        return status;
    if (error)
        error->status = RF_ERROR_HOST_MEMORY;
    return RF_ERROR_HOST_MEMORY;
}

rf_status rf_gpu_pinned_alloc(rf_device *device, uint64_t bytes, void **out, rf_error *error)
{
    rf_gpu_device *gpu = (rf_gpu_device *)device;
    void *memory = NULL;
    RF_TRY(check_request(gpu, bytes, 1, error));
    rf_gpu_allocation *allocation = rf_calloc(1, sizeof(*allocation));
    if (!allocation)
        return no_record(error);
    allocation->bytes = bytes;
    rf_status status = pin(gpu, allocation, &memory, error);
    if (status != RF_OK) {
        rf_free(allocation);
        return status;
    }
    allocation->pinned = true;
    allocation->base = allocation->address = (uintptr_t)memory;
    remember(gpu, allocation);
    *out = memory;
    return RF_OK;
}

/* What the driver does not take back stays on the list: it can be tried again. */
static rf_status give_back(rf_gpu_device *gpu, uint64_t address, bool pinned, rf_error *error)
{
    rf_gpu_allocation *allocation = forget(gpu, address, pinned);
    if (!allocation)
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "device %s: %s memory at 0x%" PRIx64 " is not allocated", gpu->base.id,
                            pinned ? "pinned" : "device", address);
    rf_status status = give(gpu, allocation, error);
    if (status == RF_OK)
        rf_free(allocation);
    else
        remember(gpu, allocation);
    return status;
}

rf_status rf_gpu_free(rf_device *device, rf_address address, rf_error *error)
{
    return give_back((rf_gpu_device *)device, address, false, error);
}

rf_status rf_gpu_pinned_free(rf_device *device, void *memory, rf_error *error)
{
    return give_back((rf_gpu_device *)device, (uintptr_t)memory, true, error);
}

void rf_gpu_free_all(rf_gpu_device *gpu, rf_leaks *leaks)
{
    while (gpu->allocations) {
        rf_gpu_allocation *allocation = gpu->allocations;
        gpu->allocations = allocation->next;
        rf_leaks_add(leaks, &gpu->base, "%" PRIu64 " bytes of %s memory at 0x%" PRIx64,
                     allocation->bytes, allocation->pinned ? "pinned" : "device",
                     allocation->address);
        rf_error error;
        if (give(gpu, allocation, &error) != RF_OK)
            rf_log(RF_LOG_WARNING, "%s", error.message);
        rf_free(allocation);
    }
}
