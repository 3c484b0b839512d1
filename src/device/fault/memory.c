/* memory.c: memory through a fault device, of which part of what is free is hidden. */
#include <inttypes.h>
#include <string.h>

#include "device/fault/internal.h"

static uint64_t lowered(uint64_t free, uint64_t hidden)
{
    return hidden < free ? free - hidden : 0;
}

rf_status rf_fault_facts(rf_device *device, rf_device_facts *out, rf_error *error)
{
    fault_device *fault = (fault_device *)device;
    rf_device_facts facts;
    RF_TRY(rf_fault_count(fault, RF_FAULT_FACTS, error));
    RF_TRY(fault->inner->ops->facts(fault->inner, &facts, error));
    memcpy(facts.info.id, device->id, sizeof(facts.info.id));
    facts.info.memory_free = lowered(facts.info.memory_free, rf_fault_hidden(fault));
    *out = facts;
    return RF_OK;
}

rf_status rf_fault_memory(rf_device *device, rf_device_memory *out, rf_error *error)
{
    fault_device *fault = (fault_device *)device;
    rf_device_memory memory;
    RF_TRY(rf_fault_count(fault, RF_FAULT_MEMORY, error));
    RF_TRY(fault->inner->ops->memory(fault->inner, &memory, error));
    memory.free = lowered(memory.free, rf_fault_hidden(fault));
    *out = memory;
    return RF_OK;
}

/* Refuses what is more than the free memory that is not hidden. */
static rf_status check_free(fault_device *fault, uint64_t bytes, rf_error *error)
{
    uint64_t hidden = rf_fault_hidden(fault);
    if (hidden == 0)
        return RF_OK;
    rf_device_memory memory;
    RF_TRY(fault->inner->ops->memory(fault->inner, &memory, error));
    uint64_t free = lowered(memory.free, hidden);
    if (bytes <= free)
        return RF_OK;
    return rf_error_set(error, RF_ERROR_DEVICE_MEMORY,
                        "device %s: asked %" PRIu64 " bytes, free %" PRIu64, fault->base.id, bytes,
                        free);
}

rf_status rf_fault_alloc(rf_device *device, uint64_t bytes, uint64_t alignment, rf_address *out,
                         rf_error *error)
{
    fault_device *fault = (fault_device *)device;
    RF_TRY(rf_fault_count(fault, RF_FAULT_ALLOC, error));
    RF_TRY(check_free(fault, bytes, error));
    return fault->inner->ops->alloc(fault->inner, bytes, alignment, out, error);
}

rf_status rf_fault_free(rf_device *device, rf_address address, rf_error *error)
{
    fault_device *fault = (fault_device *)device;
    rf_status status = fault->inner->ops->free(fault->inner, address, error);
    return rf_fault_after(fault, RF_FAULT_FREE, status, error);
}

rf_status rf_fault_pinned_alloc(rf_device *device, uint64_t bytes, void **out, rf_error *error)
{
    fault_device *fault = (fault_device *)device;
    RF_TRY(rf_fault_count(fault, RF_FAULT_PINNED_ALLOC, error));
    return fault->inner->ops->pinned_alloc(fault->inner, bytes, out, error);
}

rf_status rf_fault_pinned_free(rf_device *device, void *memory, rf_error *error)
{
    fault_device *fault = (fault_device *)device;
    rf_status status = fault->inner->ops->pinned_free(fault->inner, memory, error);
    return rf_fault_after(fault, RF_FAULT_PINNED_FREE, status, error);
}
