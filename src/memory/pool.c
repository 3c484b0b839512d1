/*
 * pool.c: opening, closing and checking pools; take.c takes and gives blocks of them.
 *
 * A pool has one part for each pool of its plan: a device allocation, and the range that says what
 * of it is taken. What lies where comes from the plan; nothing is counted a second time here.
 */
#include <inttypes.h>
#include <stddef.h>

#include "base/checked.h"
#include "base/memory.h"
#include "memory/account.h"

#define ALL_CLASSES ((1U << RF_MEMORY_CLASS_COUNT) - 1U)

/* How many of the plan's pools the classes choose, and how many items these have. */
static rf_status count_parts(const rf_plan *plan, uint32_t classes, uint32_t *n_parts,
                             uint64_t *n_items, rf_error *error)
{
    uint32_t parts = 0;
    uint64_t items = 0;
    for (size_t i = 0; i < rf_plan_pool_count(plan); i++) {
        uint32_t has = rf_plan_pool_classes(plan, i);
        if ((has & classes) == 0)
            continue;
        if (has & ~classes)
            return rf_error_set(error, RF_ERROR_ARGUMENT,
                                "pool %zu of the plan holds classes 0x%" PRIx32
                                ", of which only 0x%" PRIx32 " are asked: it is opened whole",
                                i, has, has & classes);
        parts++;
        items += rf_plan_pool_at(plan, i).items;
    }
    *n_parts = parts;
    *n_items = items;
    return RF_OK;
}

/* Spans that one part can need: all of the pool's blocks may lie in it, each with a free span
 * before it, and one behind the last. No span is smaller than the alignment, so that bounds them
 * too. */
static uint32_t spans_for(uint64_t pool_blocks, uint64_t part_bytes, uint64_t alignment)
{
    uint64_t spans = 2 * pool_blocks + 1;
    if (spans > part_bytes / alignment)
        spans = part_bytes / alignment;
    return spans < RF_RANGE_MAX_SPANS ? (uint32_t)spans : RF_RANGE_MAX_SPANS;
}

static rf_status open_part(rf_pool *pool, const rf_plan *plan, uint32_t plan_pool,
                           uint64_t pool_blocks, rf_error *error)
{
    pool_part *part = &pool->parts[pool->n_parts];
    rf_plan_pool planned = rf_plan_pool_at(plan, plan_pool);
    uint64_t alignment = rf_plan_pool_alignment(plan, plan_pool);
    uint32_t spans = spans_for(pool_blocks, planned.bytes, alignment);
    RF_TRY(rf_range_create(planned.bytes, alignment, spans, &part->range, error));
    pool->n_parts++; /* from here on the pool's destructor knows of it */
    part->plan_pool = plan_pool;
    part->bytes = planned.bytes;
    if (!rf_add(pool->reserved, planned.bytes, &pool->reserved))
        return rf_error_set(error, RF_ERROR_OVERFLOW, "the sizes of the pools overflow");
    return rf_memory_driver_alloc(pool->memory, planned.bytes, alignment, &part->address, error);
}

static rf_status open_parts(rf_pool *pool, const rf_plan *plan, uint64_t max_blocks,
                            rf_error *error)
{
    for (size_t i = 0; i < rf_plan_pool_count(plan); i++) {
        if ((rf_plan_pool_classes(plan, i) & pool->classes) == 0)
            continue;
        uint32_t number = pool->n_parts + 1;
        rf_status status = open_part(pool, plan, (uint32_t)i, max_blocks, error);
        if (status != RF_OK)
            return rf_error_context(error, status, "pool '%s', part %" PRIu32, pool->label, number);
    }
    return RF_OK;
}

/* Frees a pool that no list holds, opened or half opened. The first refusal of the driver is
 * reported. */
static rf_status destroy(rf_pool *pool, rf_error *error)
{
    rf_status first = RF_OK;
    for (uint32_t i = 0; i < pool->n_parts; i++) {
        pool_part *part = &pool->parts[i];
        if (part->address) {
            rf_status status =
                rf_memory_driver_free(pool->memory, part->address, first == RF_OK ? error : NULL);
            if (first == RF_OK && status != RF_OK)
                first =
                    rf_error_context(error, status, "pool '%s', part %" PRIu32, pool->label, i + 1);
        }
        rf_range_free(part->range);
    }
    rf_free(pool);
    return first;
}

/* Puts a whole pool into the account. */
static rf_status publish(rf_pool *pool, uint64_t max_blocks, rf_error *error)
{
    rf_memory *memory = pool->memory;
    uint64_t reserved = 0;
    rf_lock_take(&memory->lock);
    rf_status status = RF_OK;
    if (!rf_add(memory->reserved, pool->reserved, &reserved) || reserved > RF_MEMORY_MAX_BYTES)
        status = rf_error_set(error, RF_ERROR_OVERFLOW, "the sizes of all pools overflow");
    else
        status = rf_slots_reserve(&memory->slots, max_blocks, error);
    if (status == RF_OK) {
        pool->max_blocks = (uint32_t)max_blocks; /* fits, or it could not have been reserved */
        pool->next = memory->pools;
        memory->pools = pool;
        memory->reserved = reserved;
        if (reserved > memory->high_water)
            memory->high_water = reserved;
    }
    rf_lock_give(&memory->lock);
    return status;
}

rf_status rf_pool_open(rf_memory *memory, const rf_plan *plan, uint32_t classes, const char *label,
                       rf_pool **out, rf_error *error)
{
    if (!rf_plan_is_solved(plan) || classes == 0 || (classes & ~ALL_CLASSES))
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "a pool is opened from a solved plan, for known classes: 0x%" PRIx32,
                            classes);
    uint32_t n_parts = 0;
    uint64_t n_items = 0;
    RF_TRY(count_parts(plan, classes, &n_parts, &n_items, error));
    size_t bytes = sizeof(rf_pool) + n_parts * sizeof(pool_part);
    rf_pool *pool = rf_calloc(1, bytes);
    if (!pool)
        return rf_error_host_memory(error, "a pool", bytes);
    pool->memory = memory;
    pool->plan_serial = rf_plan_serial(plan);
    pool->classes = classes;
    rf_label_copy(pool->label, label);
    uint64_t max_blocks = n_items + (n_parts ? RF_POOL_SPARE_BLOCKS : 0);
    rf_status status = open_parts(pool, plan, max_blocks, error);
    if (status == RF_OK)
        status = publish(pool, max_blocks, error);
    if (status != RF_OK) {
        destroy(pool, NULL); /* the first failure is the one to report */
        return status;
    }
    *out = pool;
    return RF_OK;
}

static rf_status has_live_blocks(const rf_pool *pool, rf_error *error)
{
    char labels[RF_ERROR_MESSAGE_BYTES / 2];
    rf_memory_list_labels(pool->memory, pool, labels, sizeof(labels));
    return rf_error_set(error, RF_ERROR_BUSY,
                        "pool '%s' is still in use: %" PRIu32 " live blocks: %s", pool->label,
                        pool->live_blocks, labels);
}

rf_status rf_pool_close(rf_pool *pool, rf_error *error)
{
    if (!pool)
        return RF_OK;
    rf_memory *memory = pool->memory;
    rf_lock_take(&memory->lock);
    if (pool->live_blocks) {
        rf_status status = has_live_blocks(pool, error);
        rf_lock_give(&memory->lock);
        return status;
    }
    rf_pool **link = &memory->pools;
    while (*link != pool)
        link = &(*link)->next;
    *link = pool->next;
    memory->reserved -= pool->reserved;
    rf_slots_unreserve(&memory->slots, pool->max_blocks);
    rf_lock_give(&memory->lock);
    return destroy(pool, error);
}

/* ---- checking ------------------------------------------------------------------------------- */

/* The part that has a range, or NULL. */
static const pool_part *part_of(const rf_pool *pool, const rf_range *range)
{
    for (uint32_t i = 0; i < pool->n_parts; i++) {
        if (pool->parts[i].range == range)
            return &pool->parts[i];
    }
    return NULL;
}

/* Whether every live slot of a pool names a part of it and lies in that part. The lock is held. */
static rf_status check_slots(const rf_pool *pool, uint64_t live_bytes, rf_error *error)
{
    const rf_slots *slots = &pool->memory->slots;
    uint64_t bytes = 0;
    uint32_t blocks = 0;
    for (uint32_t i = 0; i < slots->fresh; i++) {
        const rf_slot *slot = &slots->slots[i];
        if (slot->pool != pool)
            continue;
        uint64_t size = atomic_load_explicit(&slot->bytes, memory_order_relaxed);
        uint64_t address = atomic_load_explicit(&slot->address, memory_order_relaxed);
        const pool_part *part = part_of(pool, slot->range);
        if (!part || address < part->address ||
            !rf_range_inside(address - part->address, size, part->bytes))
            return rf_error_set(error, RF_ERROR_INTERNAL, "block '%s' lies outside its pool",
                                slot->label);
        bytes += size;
        blocks++;
    }
    if (blocks != pool->live_blocks || bytes != live_bytes)
        return rf_error_set(error, RF_ERROR_INTERNAL,
                            "%" PRIu32 " blocks of %" PRIu64
                            " bytes, of which the pool knows %" PRIu32 " of %" PRIu64,
                            blocks, bytes, pool->live_blocks, live_bytes);
    return RF_OK;
}

static rf_status check(const rf_pool *pool, rf_error *error)
{
    uint64_t reserved = 0;
    uint64_t live = 0;
    uint32_t spans = 0;
    for (uint32_t i = 0; i < pool->n_parts; i++) {
        const pool_part *part = &pool->parts[i];
        RF_TRY(rf_range_check(part->range, error));
        rf_range_stats range = rf_range_statistics(part->range);
        reserved += range.live + range.free + range.padding;
        live += range.live;
        spans += range.live_spans;
    }
    if (reserved != pool->reserved || spans != pool->live_blocks)
        return rf_error_set(error, RF_ERROR_INTERNAL,
                            "live + free + padding %" PRIu64 ", reserved %" PRIu64 "; %" PRIu32
                            " spans for %" PRIu32 " blocks",
                            reserved, pool->reserved, spans, pool->live_blocks);
    return check_slots(pool, live, error);
}

rf_status rf_pool_check(rf_pool *pool, rf_error *error)
{
    rf_lock_take(&pool->memory->lock);
    rf_status status = check(pool, error);
    rf_lock_give(&pool->memory->lock);
    return status == RF_OK ? RF_OK : rf_error_context(error, status, "pool '%s'", pool->label);
}
