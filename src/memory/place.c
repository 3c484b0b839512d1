/*
 * place.c: solving a plan: each item gets a pool and an offset.
 *
 * Items are placed in the order in which they were added, each behind the last one of its pool: the
 * first open pool with room takes it, so that a reader who follows the file's order fills pools
 * front to back. Pools end where their last item ends. So the bytes of a plan are the sum of its
 * rounded sizes, whatever the order, which is the least that any placement takes; what order can
 * cost is only the number of pools. A pool is opened for an item that fits in none that is open,
 * its predecessor among them, so two consecutive pools hold more than one pool's most. For each
 * lifetime, S bytes of items of at most P therefore need at most 2 * S / P + 1 pools.
 */
#include <stddef.h>
#include <string.h>

#include "base/checked.h"
#include "base/memory.h"
#include "memory/plan_internal.h"

/* Open pools that an item is offered to. Enough to fill gaps behind large items, few enough to keep
 * items near their place in the file, and solving linear. */
#define OPEN_POOLS 16

typedef enum lifetime {
    LIFETIME_MODEL,  /* weights: as long as the model */
    LIFETIME_ENGINE, /* KV cache, scratch, staging: as long as what uses the model */
    LIFETIME_COUNT
} lifetime;

static lifetime lifetime_of(rf_memory_class memory_class)
{
    return memory_class == RF_MEMORY_WEIGHTS ? LIFETIME_MODEL : LIFETIME_ENGINE;
}

typedef struct placement {
    uint64_t pool_bytes, alignment; /* of the plan */
    plan_pool *pools;               /* with room for a pool an item: there cannot be more */
    uint32_t n_pools;
    struct {
        uint32_t pools[OPEN_POOLS];
        uint32_t count;
    } open[LIFETIME_COUNT];
} placement;

/* Totals by class; false where one overflows. Placing adds the same numbers, and so cannot. */
static bool sum_items(const rf_plan *plan, rf_plan_summary *out)
{
    for (uint32_t i = 0; i < plan->n_items; i++) {
        const plan_item *item = &plan->items[i];
        if (item->pool == RF_PLAN_EXTERNAL) {
            uint64_t *external = &out->external[item->memory_class];
            if (!rf_add(*external, item->bytes, external))
                return false;
            continue;
        }
        uint64_t *pooled = &out->pooled[item->memory_class];
        if (!rf_add(*pooled, item->bytes, pooled) ||
            !rf_add(out->padding, item->size - item->bytes, &out->padding) ||
            !rf_add(out->total, item->size, &out->total))
            return false;
    }
    return true;
}

/* What the driver adds to each pool, and the sums that need it; false where one overflows. */
static bool round_pools(placement *p, uint64_t granularity, rf_plan_summary *out)
{
    for (uint32_t i = 0; i < p->n_pools; i++) {
        uint64_t size;
        plan_pool *pool = &p->pools[i];
        if (!rf_align_up(pool->bytes, granularity, &size) ||
            !rf_add(out->rounding, size - pool->bytes, &out->rounding))
            return false;
        pool->rounding = size - pool->bytes;
    }
    return rf_plan_sum_up(out);
}

/* Appends an empty pool. */
static uint32_t new_pool(placement *p, rf_memory_class memory_class)
{
    p->pools[p->n_pools] = (plan_pool){.alignment = p->alignment, .memory_class = memory_class};
    return p->n_pools++;
}

/* Opens a pool to further items; of too many the fullest is closed. */
static void open_pool(placement *p, lifetime life, uint32_t pool)
{
    uint32_t count = p->open[life].count;
    uint32_t *open = p->open[life].pools;
    if (count == OPEN_POOLS) {
        uint32_t fullest = 0;
        for (uint32_t i = 1; i < count; i++) {
            if (p->pools[open[i]].bytes > p->pools[open[fullest]].bytes)
                fullest = i;
        }
        memmove(open + fullest, open + fullest + 1, (count - fullest - 1) * sizeof(*open));
        count--;
    }
    open[count] = pool;
    p->open[life].count = count + 1;
}

/* The pool for an item: the first open one with room, or a new one. */
static uint32_t choose_pool(placement *p, const plan_item *item)
{
    lifetime life = lifetime_of(item->memory_class);
    if (item->size > p->pool_bytes)
        return new_pool(p, item->memory_class);
    for (uint32_t i = 0; i < p->open[life].count; i++) {
        uint32_t pool = p->open[life].pools[i];
        if (p->pool_bytes - p->pools[pool].bytes >= item->size)
            return pool;
    }
    uint32_t pool = new_pool(p, item->memory_class);
    open_pool(p, life, pool);
    return pool;
}

static void place_item(placement *p, plan_item *item)
{
    item->pool = choose_pool(p, item);
    plan_pool *pool = &p->pools[item->pool];
    item->offset = pool->bytes;
    pool->bytes += item->size;
    pool->padding += item->size - item->bytes;
    pool->classes |= 1U << item->memory_class;
    pool->items++;
}

static rf_status sizes_overflow(const rf_plan *plan, rf_error *error)
{
    return rf_error_set(error, RF_ERROR_OVERFLOW, "the sizes of a plan's %u items overflow",
                        plan->n_items);
}

rf_status rf_plan_solve(rf_plan *plan, rf_error *error)
{
    if (plan->solved)
        return rf_error_set(error, RF_ERROR_ARGUMENT, "the plan is solved already");
    rf_plan_summary summary = plan->summary;
    if (!sum_items(plan, &summary))
        return sizes_overflow(plan, error);
    placement p = {.pool_bytes = plan->pool_bytes, .alignment = plan->alignment};
    p.pools = rf_calloc(plan->n_items, sizeof(*p.pools));
    if (!p.pools)
        return rf_error_host_memory(error, "the pools of a plan", plan->n_items * sizeof(*p.pools));
    for (uint32_t i = 0; i < plan->n_items; i++) {
        if (plan->items[i].pool != RF_PLAN_EXTERNAL)
            place_item(&p, &plan->items[i]);
    }
    if (!round_pools(&p, plan->granularity, &summary)) {
        rf_free(p.pools);
        return sizes_overflow(plan, error);
    }
    plan->pools = p.pools;
    plan->n_pools = p.n_pools;
    plan->summary = summary;
    plan->solved = true;
    return RF_OK;
}
