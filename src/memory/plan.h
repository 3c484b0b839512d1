/*
 * plan.h: where every byte goes, before one is allocated. Pure arithmetic: no device is asked.
 *
 * Items are added in the order in which a load will want them, then solved into pools. A pool's
 * size is exactly what was placed in it, so what a plan loses is alignment alone. Items of one pool
 * live equally long: weights are never in a pool with KV cache, scratch and staging. The public
 * view of it, the functions rf_plan_summarise to rf_plan_item_at of rocmforge.h, is implemented in
 * plan_view.c.
 *
 * A plan belongs to one thread while it is built; solved, it may be read by any number.
 */
#ifndef RF_MEMORY_PLAN_H
#define RF_MEMORY_PLAN_H

#include "base/error.h"

#define RF_PLAN_DEFAULT_POOL_BYTES (1ULL << 30)
/* Device-to-host reads of sub-blocks stay page aligned, as ROCm's documents ask. */
#define RF_PLAN_DEFAULT_ALIGNMENT 4096U
#define RF_PLAN_MIN_ALIGNMENT     256U
#define RF_PLAN_MAX_ALIGNMENT     (1U << 30)
/* Far above the tensors of any model; bounds what a hostile file can make the plan hold. */
#define RF_PLAN_MAX_ITEMS (1U << 20)

typedef struct rf_plan_config {
    uint64_t
        pool_bytes;     /* the most one pool holds unless a single item is larger; 0: the default */
    uint64_t alignment; /* of every placement; 0: the default */
    uint64_t available; /* free memory of the device, as measured */
    uint64_t capacity;  /* all memory of the device */
    uint64_t
        granularity; /* the driver rounds each pool up to this, a power of two; 0: it does not */
    uint64_t driver; /* what the driver will still take for itself; 0 once it runs */
    bool absent;     /* the device is not here: nothing was measured */
} rf_plan_config;

/* Errors: ARGUMENT (not a power of two, below or above the limits; pool_bytes below the alignment),
 * HOST_MEMORY. Free: rf_plan_free. */
rf_status rf_plan_new(const rf_plan_config *config, rf_plan **out, rf_error *error);

/* Adds an item; *index names it in rf_plan_item_at. The label is copied. bytes at least 1. Errors:
 * ARGUMENT (also once solved), OVERFLOW (rounding to the alignment wraps), FULL, HOST_MEMORY. */
rf_status rf_plan_add(rf_plan *plan, const char *label, rf_memory_class memory_class,
                      uint64_t bytes, uint32_t *index, rf_error *error);
/* Adds bytes that are used in place, such as a mapped file's: they are listed, and take no pool. */
rf_status rf_plan_add_external(rf_plan *plan, const char *label, rf_memory_class memory_class,
                               uint64_t bytes, uint32_t *index, rf_error *error);

/*
 * Places every item. After it nothing can be added. Does not fail for lack of memory: see fits.
 * Errors: OVERFLOW where a sum of sizes wraps, HOST_MEMORY; the plan is then as it was.
 */
rf_status rf_plan_solve(rf_plan *plan, rf_error *error);

/* Appends the pools and items of another solved plan, for a report on both. Indices of `plan` stay
 * what they were. Errors: ARGUMENT (one is not solved), OVERFLOW, FULL, HOST_MEMORY: plan is
 * unchanged. */
rf_status rf_plan_merge(rf_plan *plan, const rf_plan *other, rf_error *error);

/* Fills the parts of the summary that a plan does not know by itself (context, sequences, …). */
void rf_plan_note_engine(rf_plan *plan, uint32_t n_context, uint32_t n_sequences, uint32_t n_batch,
                         rf_type kv_type, uint32_t n_context_trained);

/* How many of a model's layers a plan's device has. The plan of the others, NULL where there are
 * none, becomes its own, and it fits only where that one does. */
void rf_plan_note_layers(rf_plan *plan, uint32_t n_layers, uint32_t n_device_layers, rf_plan *host);

/* Refuses a solved plan that does not fit: RF_ERROR_DEVICE_MEMORY with asked and free. */
rf_status rf_plan_require_fit(const rf_plan *plan, rf_error *error);

/* What pools are opened with: the alignment of a pool's placements and the classes of its items, a
 * bit each, 1 << class (both 0 past the end); and a number that no other plan of this process has.
 */
uint64_t rf_plan_pool_alignment(const rf_plan *plan, size_t pool);
uint32_t rf_plan_pool_classes(const rf_plan *plan, size_t pool);
uint64_t rf_plan_serial(const rf_plan *plan);
bool rf_plan_is_solved(const rf_plan *plan);

#endif
