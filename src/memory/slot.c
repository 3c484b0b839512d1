/* slot.c: the table of blocks, with a list of the slots that are free again. */
#include "memory/slot.h"

#include <inttypes.h>
#include <string.h>

#include "base/memory.h"

#define NO_SLOT UINT32_MAX

rf_status rf_slots_create(rf_slots *slots, rf_error *error)
{
    rf_slot *table = rf_calloc(RF_MEMORY_MAX_BLOCKS, sizeof(*table));
    if (!table)
        return rf_error_host_memory(error, "the table of blocks",
                                    RF_MEMORY_MAX_BLOCKS * sizeof(*table));
    *slots = (rf_slots){.slots = table, .first_free = NO_SLOT};
    return RF_OK;
}

void rf_slots_free(rf_slots *slots)
{
    rf_free(slots->slots);
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

void rf_label_copy(char to[RF_LABEL_BYTES], const char *label)
{
    size_t length = label ? strnlen(label, RF_LABEL_BYTES - 1) : 0;
    if (length)
        memcpy(to, label, length);
    to[length] = '\0';
}

rf_slot *rf_slot_find(const rf_slots *slots, uint32_t index, uint64_t generation)
{
    if (index >= slots->fresh || generation == 0)
        return NULL;
    rf_slot *slot = &slots->slots[index];
    uint64_t now = atomic_load_explicit(&slot->generation, memory_order_relaxed);
    return now == generation ? slot : NULL;
}

/*
 * The order of the stores is what rf_slot_read relies on: the slot's generation has been 0 since it
 * was dropped, and is set last. A reader that sees the new address therefore sees, when it looks at
 * the generation again, at least that 0.
 */
uint32_t rf_slot_take(rf_slots *slots, rf_address address, uint64_t bytes, const char *label,
                      uint64_t *generation)
{
    uint32_t index = slots->first_free;
    if (index == NO_SLOT)
        index = slots->fresh++;
    rf_slot *slot = &slots->slots[index];
    if (index == slots->first_free)
        slots->first_free = slot->next_free;
    rf_label_copy(slot->label, label);
    atomic_store_explicit(&slot->address, address, memory_order_release);
    atomic_store_explicit(&slot->bytes, bytes, memory_order_release);
    *generation = ++slots->last_generation;
    atomic_store_explicit(&slot->generation, *generation, memory_order_release);
    return index;
}

void rf_slot_drop(rf_slots *slots, uint32_t index)
{
    rf_slot *slot = &slots->slots[index];
    atomic_store_explicit(&slot->generation, 0, memory_order_release);
    slot->pool = NULL;
    slot->next_free = slots->first_free;
    slots->first_free = index;
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
