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

typedef struct rf_slot {
    _Atomic uint64_t generation; /* 0: no block */
    _Atomic uint64_t address;
    _Atomic uint64_t bytes;
    rf_pool *pool; /* NULL: an external block */
    uint32_t part; /* which device allocation of the pool */
    uint32_t span; /* in the range of that part */
    uint32_t next_free;
    rf_memory_class memory_class;
    char label[RF_LABEL_BYTES];
} rf_slot;

typedef struct rf_slots {
    rf_slot *slots; /* [RF_MEMORY_MAX_BLOCKS] */
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

/* Copies a label (NULL: none), cut to what fits. */
void rf_label_copy(char to[RF_LABEL_BYTES], const char *label);

/* The slot of a handle, or NULL where the handle is stale. */
rf_slot *rf_slot_find(const rf_slots *slots, uint32_t index, uint64_t generation);

/* Puts a block into a slot that was reserved; returns the slot's index. The caller fills the fields
 * that only the lock guards. */
uint32_t rf_slot_take(rf_slots *slots, rf_address address, uint64_t bytes, const char *label,
                      uint64_t *generation);
void rf_slot_drop(rf_slots *slots, uint32_t index);

/* Address and bytes of the block that a handle names; false where the handle is stale. Without a
 * lock. */
bool rf_slot_read(const rf_slots *slots, uint32_t index, uint64_t generation, rf_slot_view *out);

#endif
