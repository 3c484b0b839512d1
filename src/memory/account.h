/*
 * account.h: what memory.c (the account), pool.c and block.c share. Everything in these structures
 * but the slots' atomics is guarded by the account's one lock. Driver calls are made outside it: a
 * pool that is being opened or closed belongs to its caller alone, and holds up nobody.
 */
#ifndef RF_MEMORY_ACCOUNT_H
#define RF_MEMORY_ACCOUNT_H

#include "base/lock.h"
#include "memory/pool.h"
#include "memory/range.h"
#include "memory/slot.h"

/* Bytes of all pools of an account, and of all external blocks of one class, at most: so a class's
 * sum of both is always a number. More than any x86-64 address space has (2^57), though the same
 * external bytes may be registered any number of times. */
#define RF_MEMORY_MAX_BYTES (UINT64_MAX / 2)

/* One device allocation. */
typedef struct pool_part {
    rf_address address; /* 0: not allocated (yet) */
    uint64_t bytes;
    rf_range *range;
    uint32_t plan_pool; /* its index in the plan */
} pool_part;

struct rf_pool {
    rf_memory *memory;
    rf_pool *next;
    uint64_t plan_serial; /* of the plan that it was opened from */
    uint64_t reserved;    /* bytes of all parts */
    uint32_t classes;     /* that its blocks may have, a bit each */
    uint32_t n_parts;
    uint32_t live_blocks;
    uint32_t max_blocks; /* slots reserved for it */
    char label[RF_LABEL_BYTES];
    pool_part parts[];
};

struct rf_memory {
    rf_device_user user; /* first: who closes the device under it is told what is held */
    rf_device *device;
    rf_lock lock;
    rf_pool *pools; /* open ones */
    rf_slots slots;
    uint32_t external_blocks;
    uint64_t reserved, high_water;
    uint64_t driver_allocations, driver_frees, driver_nanoseconds;
    rf_memory_class_stats classes[RF_MEMORY_CLASS_COUNT];
};

/* The driver's allocator, timed and counted. The lock is not held. */
rf_status rf_memory_driver_alloc(rf_memory *memory, uint64_t bytes, uint64_t alignment,
                                 rf_address *out, rf_error *error);
rf_status rf_memory_driver_free(rf_memory *memory, rf_address address, rf_error *error);

/* Books a block on its class. The lock is held. Here, as the rest of taking and giving blocks is a
 * few dozen instructions too. */
static inline void rf_memory_book(rf_memory *memory, rf_memory_class memory_class, uint64_t bytes,
                                  bool external)
{
    rf_memory_class_stats *c = &memory->classes[memory_class];
    c->current += bytes;
    c->total += bytes;
    c->count++;
    if (c->current > c->peak)
        c->peak = c->current;
    if (external)
        c->external += bytes;
}

static inline void rf_memory_unbook(rf_memory *memory, rf_memory_class memory_class, uint64_t bytes,
                                    bool external)
{
    rf_memory_class_stats *c = &memory->classes[memory_class];
    c->current -= bytes;
    c->count--;
    if (external)
        c->external -= bytes;
}

/* Writes the labels of the live blocks of a pool (NULL: of external ones) into text, quoted, the
 * first few of them and how many more there are. The lock is held. */
void rf_memory_list_labels(const rf_memory *memory, const rf_pool *pool, char *text,
                           size_t capacity);

#endif
