/* plan_view.c: reading a plan: the public view of rocmforge.h, and what pools are opened with. */
#include <inttypes.h>

#include "memory/plan_internal.h"

rf_plan_summary rf_plan_summarise(const rf_plan *plan)
{
    return plan->summary;
}

const rf_plan *rf_plan_host(const rf_plan *plan)
{
    return plan->host;
}

size_t rf_plan_pool_count(const rf_plan *plan)
{
    return plan->n_pools;
}

rf_plan_pool rf_plan_pool_at(const rf_plan *plan, size_t i)
{
    if (i >= plan->n_pools)
        return (rf_plan_pool){0};
    const plan_pool *pool = &plan->pools[i];
    return (rf_plan_pool){
        .memory_class = pool->memory_class,
        .bytes = pool->bytes,
        .padding = pool->padding,
        .rounding = pool->rounding,
        .items = pool->items,
    };
}

size_t rf_plan_item_count(const rf_plan *plan)
{
    return plan->n_items;
}

rf_plan_item rf_plan_item_at(const rf_plan *plan, size_t i)
{
    if (i >= plan->n_items)
        return (rf_plan_item){0};
    const plan_item *item = &plan->items[i];
    return (rf_plan_item){
        .label = item->label,
        .memory_class = item->memory_class,
        .bytes = item->bytes,
        .pool = item->pool,
        .offset = item->offset,
    };
}

uint64_t rf_plan_pool_alignment(const rf_plan *plan, size_t pool)
{
    return pool < plan->n_pools ? plan->pools[pool].alignment : 0;
}

uint32_t rf_plan_pool_classes(const rf_plan *plan, size_t pool)
{
    return pool < plan->n_pools ? plan->pools[pool].classes : 0;
}

uint64_t rf_plan_serial(const rf_plan *plan)
{
    return plan->serial;
}

bool rf_plan_is_solved(const rf_plan *plan)
{
    return plan->solved;
}

rf_status rf_plan_require_fit(const rf_plan *plan, rf_error *error)
{
    const rf_plan_summary *s = &plan->summary;
    if (!plan->solved)
        return rf_error_set(error, RF_ERROR_ARGUMENT, "the plan is not solved yet");
    if (s->fits)
        return RF_OK;
    return rf_error_set(error, RF_ERROR_DEVICE_MEMORY,
                        "asked %" PRIu64 " bytes (weights %" PRIu64 ", kv cache %" PRIu64
                        ", scratch %" PRIu64 ", staging %" PRIu64 ", padding %" PRIu64
                        ", rounding %" PRIu64 "), free %" PRIu64,
                        s->needed, s->pooled[RF_MEMORY_WEIGHTS], s->pooled[RF_MEMORY_KV],
                        s->pooled[RF_MEMORY_SCRATCH], s->pooled[RF_MEMORY_STAGING], s->padding,
                        s->rounding, s->available);
}
