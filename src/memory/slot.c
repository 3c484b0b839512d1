/* slot.c: the table of blocks, with a list of the slots that are free again. */
#include "memory/slot.h"

#include <inttypes.h>
#include <string.h>

#include "base/memory.h"

rf_status rf_slots_create(rf_slots *slots, rf_error *error)
{
    /* rf_aligned_alloc writes all of what it gives; this must not, as little of it is ever used. */
    const size_t bytes = RF_MEMORY_MAX_BLOCKS * sizeof(rf_slot) + _Alignof(rf_slot);
    uint8_t *table = rf_calloc(1, bytes);
    if (!table)
        return rf_error_host_memory(error, "the table of blocks", bytes);
    size_t lead = -(uintptr_t)table % _Alignof(rf_slot);
    *slots =
        (rf_slots){.table = table, .slots = (rf_slot *)(table + lead), .first_free = RF_SLOT_NONE};
    return RF_OK;
}

void rf_slots_free(rf_slots *slots)
{
    rf_free(slots->table);
    slots->table = NULL;
    slots->slots = NULL;
}

rf_status rf_slots_reserve(rf_slots *slots, uint64_t count, rf_error *error)
{
    if (count > RF_MEMORY_MAX_BLOCKS - slots->reserved)
        return rf_error_set(error, RF_ERROR_FULL,
                            "asked room for %" PRIu64
                            " blocks: a device holds at most %u, and %u are promised",
                            count, RF_MEMORY_MAX_BLOCKS, slots->reserved);
    slots->reserved += (uint32_t)count;
    return RF_OK;
}

void rf_slots_unreserve(rf_slots *slots, uint32_t count)
{
    slots->reserved -= count;
}

bool rf_slot_read(const rf_slots *slots, uint32_t index, uint64_t generation, rf_slot_view *out)
{
    if (index >= RF_MEMORY_MAX_BLOCKS || generation == 0)
        return false;
    rf_slot *slot = &slots->slots[index];
    if (atomic_load_explicit(&slot->generation, memory_order_acquire) != generation)
        return false;
    out->address = atomic_load_explicit(&slot->address, memory_order_acquire);
    out->bytes = atomic_load_explicit(&slot->bytes, memory_order_acquire);
    return atomic_load_explicit(&slot->generation, memory_order_relaxed) == generation;
}
