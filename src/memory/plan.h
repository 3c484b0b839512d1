/*
 * plan.h: where every byte goes, before one is allocated. Pure arithmetic: no device is asked.
 *
 * Items are added in the order in which a load will want them, then solved into pools. A pool's size is
 * exactly what was placed in it, so what a plan loses is alignment alone. Items of one pool live
 * equally long: weights are never in a pool with KV cache and scratch. The public view of it, the
 * functions rf_plan_summarise to rf_plan_item_at of rocmforge.h, is implemented in plan.c.
 */
#ifndef RF_MEMORY_PLAN_H
#define RF_MEMORY_PLAN_H

#include "base/error.h"

#define RF_PLAN_DEFAULT_POOL_BYTES (1ULL << 30)
/* Device-to-host reads of sub-blocks stay page aligned, as ROCm's documents ask. */
#define RF_PLAN_DEFAULT_ALIGNMENT 4096U
#define RF_PLAN_MIN_ALIGNMENT 256U
#define RF_PLAN_MAX_ALIGNMENT (1U << 30)

typedef struct rf_plan_config {
    uint64_t pool_bytes; /* the most one pool holds unless a single item is larger; 0: the default */
    uint64_t alignment;  /* of every placement; 0: the default */
    uint64_t available;  /* free memory of the device, as measured */
} rf_plan_config;

/* Errors: ARGUMENT (not a power of two, below the least), HOST_MEMORY. Free: rf_plan_free. */
rf_status rf_plan_new(const rf_plan_config *config, rf_plan **out, rf_error *error);

/* Adds an item; *index names it in rf_plan_item_at. The label is copied. bytes at least 1. */
rf_status rf_plan_add(rf_plan *plan, const char *label, rf_memory_class memory_class,
                      uint64_t bytes, uint32_t *index, rf_error *error);
/* Adds bytes that are used in place, such as a mapped file's: they are listed, and take no pool. */
rf_status rf_plan_add_external(rf_plan *plan, const char *label, rf_memory_class memory_class,
                               uint64_t bytes, uint32_t *index, rf_error *error);

/* Places every item. After it nothing can be added. Does not fail for lack of memory: see fits. */
rf_status rf_plan_solve(rf_plan *plan, rf_error *error);

/* Appends the pools and items of another solved plan, for a report on both. */
rf_status rf_plan_merge(rf_plan *plan, const rf_plan *other, rf_error *error);

/* Fills the parts of the summary that a plan does not know by itself (context, sequences, …). */
void rf_plan_note_engine(rf_plan *plan, uint32_t n_context, uint32_t n_sequences, uint32_t n_batch,
                         rf_type kv_type);

/* Refuses a solved plan that does not fit: RF_ERROR_DEVICE_MEMORY with asked and free. */
rf_status rf_plan_require_fit(const rf_plan *plan, rf_error *error);

#endif
