/* plan.c: building a plan: items in, nothing placed yet. */
#include "memory/plan.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stddef.h>

#include "base/checked.h"
#include "base/memory.h"
#include "memory/plan_internal.h"

static rf_status check_config(uint64_t pool_bytes, uint64_t alignment, uint64_t granularity,
                              rf_error *error)
{
    if (!rf_is_power_of_two(alignment) || alignment < RF_PLAN_MIN_ALIGNMENT ||
        alignment > RF_PLAN_MAX_ALIGNMENT)
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "alignment %" PRIu64 ": must be a power of two from %u to %u",
                            alignment, RF_PLAN_MIN_ALIGNMENT, RF_PLAN_MAX_ALIGNMENT);
    if (!rf_is_power_of_two(pool_bytes) || pool_bytes < alignment)
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "pool size %" PRIu64
                            ": must be a power of two, not below the alignment %" PRIu64,
                            pool_bytes, alignment);
    if (!rf_is_power_of_two(granularity))
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "the device's granularity is %" PRIu64 ", expected a power of two",
                            granularity);
    return RF_OK;
}

rf_status rf_plan_new(const rf_plan_config *config, rf_plan **out, rf_error *error)
{
    static _Atomic uint64_t serials;
    uint64_t pool_bytes = config->pool_bytes ? config->pool_bytes : RF_PLAN_DEFAULT_POOL_BYTES;
    uint64_t alignment = config->alignment ? config->alignment : RF_PLAN_DEFAULT_ALIGNMENT;
    uint64_t granularity = config->granularity ? config->granularity : 1;
    RF_TRY(check_config(pool_bytes, alignment, granularity, error));
    rf_plan *plan = rf_calloc(1, sizeof(*plan));
    if (!plan)
        return rf_error_host_memory(error, "a plan", sizeof(*plan));
    plan->serial = atomic_fetch_add(&serials, 1) + 1;
    plan->pool_bytes = pool_bytes;
    plan->alignment = alignment;
    plan->granularity = granularity;
    plan->summary.available = config->available;
    plan->summary.capacity = config->capacity;
    plan->summary.driver = config->driver;
    plan->summary.absent = config->absent;
    *out = plan;
    return RF_OK;
}

void rf_plan_free(rf_plan *plan)
{
    if (!plan)
        return;
    rf_plan_free(plan->host); /* which has no host itself */
    for (uint32_t i = 0; i < plan->n_items; i++)
        rf_free(plan->items[i].label);
    rf_free(plan->items);
    rf_free(plan->pools);
    rf_free(plan);
}

/* Makes room for `extra` more items. */
static rf_status reserve_items(rf_plan *plan, uint32_t extra, rf_error *error)
{
    if (extra > RF_PLAN_MAX_ITEMS - plan->n_items)
        return rf_error_set(error, RF_ERROR_FULL, "a plan holds at most %u items",
                            RF_PLAN_MAX_ITEMS);
    uint32_t needed = plan->n_items + extra;
    if (needed <= plan->capacity)
        return RF_OK;
    uint32_t capacity = plan->capacity ? plan->capacity * 2 : 64;
    if (capacity < needed)
        capacity = needed;
    plan_item *items = rf_realloc(plan->items, capacity, sizeof(*items));
    if (!items)
        return rf_error_host_memory(error, "the items of a plan", capacity * sizeof(*items));
    plan->items = items;
    plan->capacity = capacity;
    return RF_OK;
}

static rf_status add(rf_plan *plan, plan_item item, const char *label, uint32_t *index,
                     rf_error *error)
{
    if (!label || item.bytes == 0 || (unsigned)item.memory_class >= RF_MEMORY_CLASS_COUNT)
        return rf_error_set(error, RF_ERROR_ARGUMENT, "plan item %s: %" PRIu64 " bytes of class %u",
                            label ? label : "without a label", item.bytes,
                            (unsigned)item.memory_class);
    if (plan->solved)
        return rf_error_set(error, RF_ERROR_ARGUMENT, "plan item %s: the plan is solved already",
                            label);
    if (!rf_align_up(item.bytes, plan->alignment, &item.size))
        return rf_error_set(error, RF_ERROR_OVERFLOW,
                            "plan item %s: rounding %" PRIu64 " bytes up to %" PRIu64 " overflows",
                            label, item.bytes, plan->alignment);
    RF_TRY(reserve_items(plan, 1, error));
    item.label = rf_strdup(label);
    if (!item.label)
        return rf_error_host_memory(error, "the label of a plan item", sizeof(item));
    plan->items[plan->n_items] = item;
    if (index)
        *index = plan->n_items;
    plan->n_items++;
    return RF_OK;
}

rf_status rf_plan_add(rf_plan *plan, const char *label, rf_memory_class memory_class,
                      uint64_t bytes, uint32_t *index, rf_error *error)
{
    return add(plan, (plan_item){.bytes = bytes, .memory_class = memory_class}, label, index,
               error);
}

rf_status rf_plan_add_external(rf_plan *plan, const char *label, rf_memory_class memory_class,
                               uint64_t bytes, uint32_t *index, rf_error *error)
{
    plan_item item = {.bytes = bytes, .memory_class = memory_class, .pool = RF_PLAN_EXTERNAL};
    return add(plan, item, label, index, error);
}

void rf_plan_note_engine(rf_plan *plan, uint32_t n_context, uint32_t n_sequences, uint32_t n_batch,
                         rf_type kv_type, uint32_t n_context_trained)
{
    plan->summary.n_context = n_context;
    plan->summary.n_sequences = n_sequences;
    plan->summary.n_batch = n_batch;
    plan->summary.kv_type = kv_type;
    plan->summary.n_context_trained = n_context_trained;
}

void rf_plan_note_layers(rf_plan *plan, uint32_t n_layers, uint32_t n_device_layers, rf_plan *host)
{
    plan->summary.n_layers = n_layers;
    plan->summary.n_device_layers = n_device_layers;
    plan->host = host;
    plan->summary.fits = plan->summary.fits && (!host || host->summary.fits);
}

bool rf_plan_sum_up(rf_plan_summary *summary)
{
    if (!rf_add(summary->total, summary->rounding, &summary->needed) ||
        !rf_add(summary->needed, summary->driver, &summary->needed))
        return false;
    summary->fits = summary->needed <= summary->available;
    return true;
}

/* The sums of two plans as one; what is not a sum stays that of `a`. */
static bool add_summaries(const rf_plan_summary *a, const rf_plan_summary *b, rf_plan_summary *out)
{
    rf_plan_summary sum = *a;
    for (int c = 0; c < RF_MEMORY_CLASS_COUNT; c++) {
        if (!rf_add(a->pooled[c], b->pooled[c], &sum.pooled[c]) ||
            !rf_add(a->external[c], b->external[c], &sum.external[c]))
            return false;
    }
    if (!rf_add(a->padding, b->padding, &sum.padding) || !rf_add(a->total, b->total, &sum.total) ||
        !rf_add(a->rounding, b->rounding, &sum.rounding) || !rf_plan_sum_up(&sum))
        return false;
    *out = sum;
    return true;
}

/* Copies the items of `other` behind those of `plan`, which has room for them and does not count
 * them yet. On failure the labels copied so far are freed. */
static rf_status copy_items(rf_plan *plan, const rf_plan *other, rf_error *error)
{
    plan_item *to = plan->items + plan->n_items;
    for (uint32_t i = 0; i < other->n_items; i++) {
        to[i] = other->items[i];
        to[i].label = rf_strdup(other->items[i].label);
        if (!to[i].label) {
            while (i-- > 0)
                rf_free(to[i].label);
            return rf_error_host_memory(error, "the label of a plan item", sizeof(*to));
        }
        if (to[i].pool != RF_PLAN_EXTERNAL)
            to[i].pool += plan->n_pools;
    }
    return RF_OK;
}

rf_status rf_plan_merge(rf_plan *plan, const rf_plan *other, rf_error *error)
{
    if (!plan->solved || !other->solved || plan == other)
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "only two different plans that are solved can be merged");
    rf_plan_summary sum;
    if (!add_summaries(&plan->summary, &other->summary, &sum))
        return rf_error_set(error, RF_ERROR_OVERFLOW, "the sizes of two plans overflow");
    RF_TRY(reserve_items(plan, other->n_items, error));
    uint32_t n_pools = plan->n_pools + other->n_pools; /* at most the items: cannot overflow */
    plan_pool *pools = rf_realloc(plan->pools, n_pools, sizeof(*pools));
    if (!pools)
        return rf_error_host_memory(error, "the pools of a plan", n_pools * sizeof(*pools));
    plan->pools = pools;
    RF_TRY(copy_items(plan, other, error));
    for (uint32_t i = 0; i < other->n_pools; i++)
        pools[plan->n_pools + i] = other->pools[i];
    plan->n_pools = n_pools;
    plan->n_items += other->n_items;
    plan->summary = sum;
    return RF_OK;
}
