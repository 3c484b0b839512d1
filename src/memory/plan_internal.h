/* plan_internal.h: what a plan holds, shared by plan.c (building), place.c (solving) and
 * plan_view.c. */
#ifndef RF_MEMORY_PLAN_INTERNAL_H
#define RF_MEMORY_PLAN_INTERNAL_H

#include "memory/plan.h"

typedef struct plan_item {
    char *label;
    uint64_t bytes;
    uint64_t size;   /* bytes, rounded up to the alignment; not used for external ones */
    uint64_t offset; /* in the pool, once solved */
    uint32_t pool;   /* once solved; RF_PLAN_EXTERNAL from the start where used in place */
    rf_memory_class memory_class;
} plan_item;

typedef struct plan_pool {
    uint64_t bytes;     /* the sizes of its items; so the end of the last one */
    uint64_t padding;   /* of them */
    uint64_t rounding;  /* what the driver takes beyond bytes */
    uint64_t alignment; /* of its items: merged plans may differ */
    uint32_t items;
    uint32_t classes;             /* of its items, a bit each */
    rf_memory_class memory_class; /* of its first item */
} plan_pool;

struct rf_plan {
    uint64_t serial;
    uint64_t pool_bytes;
    uint64_t alignment;
    uint64_t granularity;
    plan_item *items;
    uint32_t n_items;
    uint32_t capacity; /* of items */
    plan_pool *pools;
    uint32_t n_pools;
    bool solved;
    rf_plan *host; /* of the layers that are on the host; NULL: none */
    rf_plan_summary
        summary; /* sums once solved; the configuration and the engine's numbers before */
};

/* Makes needed and fits from the other sums of a summary; false where they overflow. */
bool rf_plan_sum_up(rf_plan_summary *summary);

#endif
