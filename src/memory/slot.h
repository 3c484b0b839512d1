/*
 * slot.h: where an account keeps the truth about its blocks. A handle names a slot and the
 * generation that the slot had; generations are never used twice, so a handle whose slot has
 * another one is stale.
 *
 * The table is one array for the account's whole life, so that rf_slot_read needs no lock. All else
 * is called with the account's lock held. Slots are reserved ahead, so that taking one never fails.
 */
#ifndef RF_MEMORY_SLOT_H
#define RF_MEMORY_SLOT_H

#include <stdatomic.h>

#include "memory/pool.h"
#include "memory/range.h"

/* All that is used but long labels lies in one cache line, and the slot in two that are fetched
 * together. */
typedef struct rf_slot {
    _Alignas(128) _Atomic uint64_t generation; /* 0: no block */
    _Atomic uint64_t address;
    _Atomic uint64_t bytes;
    rf_pool *pool;   /* NULL: an external block */
    rf_range *range; /* of the part of the pool that it is in */
    union {
        uint32_t span;      /* its id there */
        uint32_t next_free; /* while there is no block */
    };
    rf_memory_class memory_class;
    char label[RF_LABEL_BYTES];
} rf_slot;

#define RF_SLOT_NONE UINT32_MAX

typedef struct rf_slots {
    rf_slot *slots; /* [RF_MEMORY_MAX_BLOCKS] */
    void *table;    /* the allocation that they lie in */
    uint64_t last_generation;
    uint32_t fresh;    /* slots from here on were never used */
    uint32_t reserved; /* promised to pools and external blocks */
    uint32_t first_free;
} rf_slots;

/* What a lock-free reader learns about a live block. */
typedef struct rf_slot_view {
    rf_address address;
    uint64_t bytes;
} rf_slot_view;

rf_status rf_slots_create(rf_slots *slots, rf_error *error);
void rf_slots_free(rf_slots *slots);

/* Promises count more slots; RF_ERROR_FULL past RF_MEMORY_MAX_BLOCKS. */
rf_status rf_slots_reserve(rf_slots *slots, uint64_t count, rf_error *error);
void rf_slots_unreserve(rf_slots *slots, uint32_t count);

/* Copies a label (NULL: none), cut to what fits. Most are short: byte by byte, a few bytes a round,
 * they are there before two calls of the C library have returned. */
static inline void rf_label_copy(char to[RF_LABEL_BYTES], const char *label)
{
    const size_t most = label ? RF_LABEL_BYTES - 1 : 0;
#pragma GCC unroll 8
    for (size_t i = 0; i < most; i++) {
        if ((to[i] = label[i]) == '\0')
            return;
    }
    to[most] = '\0';
}

/* The slot of a handle, or NULL where the handle is stale. */
static inline rf_slot *rf_slot_find(const rf_slots *slots, uint32_t index, uint64_t generation)
{
    if (index >= RF_MEMORY_MAX_BLOCKS || generation == 0)
        return NULL;
    rf_slot *slot = &slots->slots[index]; /* one that was never used has a generation of 0 */
    uint64_t now = atomic_load_explicit(&slot->generation, memory_order_relaxed);
    return now == generation ? slot : NULL;
}

/* A slot for another block, which was reserved. The caller fills it, and publishes it last. */
static inline uint32_t rf_slot_next(rf_slots *slots)
{
    uint32_t index = slots->first_free;
    if (index == RF_SLOT_NONE)
        return slots->fresh++;
    slots->first_free = slots->slots[index].next_free;
    return index;
}

/*
 * Makes handles to a slot valid, and returns the generation that they have.
 *
 * The order of the stores is what rf_slot_read relies on: the slot's generation has been 0 since it
 * was dropped, and is set last. A reader that sees the new address therefore sees, when it looks at
 * the generation again, at least that 0.
 */
static inline uint64_t rf_slot_publish(rf_slots *slots, rf_slot *slot, rf_address address,
                                       uint64_t bytes)
{
    uint64_t generation = ++slots->last_generation;
    atomic_store_explicit(&slot->address, address, memory_order_release);
    atomic_store_explicit(&slot->bytes, bytes, memory_order_release);
    atomic_store_explicit(&slot->generation, generation, memory_order_release);
    return generation;
}

static inline void rf_slot_drop(rf_slots *slots, uint32_t index)
{
    rf_slot *slot = &slots->slots[index];
    atomic_store_explicit(&slot->generation, 0, memory_order_release);
    slot->pool = NULL;
    slot->next_free = slots->first_free;
    slots->first_free = index;
}

/* Address and bytes of the block that a handle names; false where the handle is stale. Without a
 * lock. */
bool rf_slot_read(const rf_slots *slots, uint32_t index, uint64_t generation, rf_slot_view *out);

#endif
