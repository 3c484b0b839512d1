/*
 * allocator.h: the allocators that are compared, behind one table. Each holds what it gave in
 * places of its own, so that all are driven by the same loop; the empty one shows what that costs.
 */
#ifndef RF_BENCH_ALLOCATOR_H
#define RF_BENCH_ALLOCATOR_H

#include "memory/pool.h"
#include "trace.h"

#define MAX_PLACES 4096U

typedef struct allocator {
    const char *name;
    /* What one run of a trace needs, a pool of the trace's size say; false: there is no room. */
    bool (*begin)(const trace *t, rf_memory *memory);
    bool (*take)(uint32_t place, uint64_t bytes); /* false: refused */
    bool (*give)(uint32_t place);                 /* false: it failed */
    /* Bytes that are held from the system, and the largest block that is free; NULL: unknown. */
    void (*look)(uint64_t *held, uint64_t *free, uint64_t *largest);
    void (*end)(void); /* after everything was given */
} allocator;

extern const allocator empty_allocator;
extern const allocator range_allocator;
extern const allocator pool_allocator;
extern const allocator malloc_allocator;

/* The bytes of the ranges that range_allocator makes from now on; 0: a quarter more than is live.
 */
void set_range_room(uint64_t bytes);

/* The device's own alloc and free, and the driver's allocator in stream order (cuMemAllocAsync,
 * hipMallocAsync); begin of the latter is false where the driver has none. For the device of
 * memory, which begin is given. */
extern const allocator driver_allocator;
extern const allocator async_allocator;

#endif
