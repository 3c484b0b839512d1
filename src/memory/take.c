/* take.c: taking blocks of a pool, in the plan's place or any, and giving them back. Nothing
 * allocates. */
#include <inttypes.h>
#include <stddef.h>

#include "memory/account.h"
#include "memory/range_take.h"

/* What only refusals come to. */
#define COLD __attribute__((cold, noinline))

static inline bool has_class(const rf_pool *pool, rf_memory_class memory_class)
{
    return (unsigned)memory_class < RF_MEMORY_CLASS_COUNT && (pool->classes >> memory_class) & 1U;
}

/* Makes the block of a span that was just taken. The lock is held. */
static inline void make_block(rf_pool *pool, const pool_part *part, rf_place place, uint64_t bytes,
                              rf_memory_class memory_class, const char *label, rf_block *out)
{
    rf_memory *memory = pool->memory;
    uint32_t index = rf_slot_next(&memory->slots);
    rf_slot *slot = &memory->slots.slots[index];
    out->memory = memory;
    out->slot = index;
    out->kind = RF_BLOCK_OWNED;
    out->memory_class = memory_class;
    out->offset = 0;
    out->bytes = bytes;
    slot->pool = pool;
    slot->range = part->range;
    slot->span = place.id;
    slot->memory_class = memory_class;
    rf_label_copy(slot->label, label);
    rf_memory_book(memory, memory_class, bytes, false);
    pool->live_blocks++;
    /* The sum cannot wrap: the end of the part was checked when the driver gave it. */
    out->generation = rf_slot_publish(&memory->slots, slot, part->address + place.offset, bytes);
}

static rf_status check_room(const rf_pool *pool, rf_error *error)
{
    if (pool->live_blocks < pool->max_blocks)
        return RF_OK;
    return rf_error_set(error, RF_ERROR_FULL,
                        "pool '%s' holds at most %" PRIu32 " blocks, and all are live", pool->label,
                        pool->max_blocks);
}

static rf_status take_planned(rf_pool *pool, const rf_plan_item *item, uint32_t part, rf_block *out,
                              rf_error *error)
{
    uint32_t number;
    RF_TRY(check_room(pool, error));
    rf_status status =
        rf_range_take_at(pool->parts[part].range, item->offset, item->bytes, &number, error);
    if (status != RF_OK)
        return rf_error_context(error, status, "pool '%s', block '%s'", pool->label, item->label);
    make_block(pool, &pool->parts[part], (rf_place){number * ID_STEP, item->offset}, item->bytes,
               item->memory_class, item->label, out);
    return RF_OK;
}

rf_status rf_pool_take_planned(rf_pool *pool, const rf_plan *plan, uint32_t index, rf_block *out,
                               rf_error *error)
{
    if (index >= rf_plan_item_count(plan))
        return rf_error_set(error, RF_ERROR_ARGUMENT, "pool '%s': the plan has no item %" PRIu32,
                            pool->label, index);
    rf_plan_item item = rf_plan_item_at(plan, index);
    uint32_t part = 0;
    while (part < pool->n_parts && pool->parts[part].plan_pool != item.pool)
        part++;
    if (rf_plan_serial(plan) != pool->plan_serial || part == pool->n_parts)
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "pool '%s' was not opened for block '%s' of this plan", pool->label,
                            item.label);
    rf_lock_take(&pool->memory->lock);
    rf_status status = take_planned(pool, &item, part, out, error);
    rf_lock_give(&pool->memory->lock);
    return status;
}

static rf_status no_place(const rf_pool *pool, uint64_t bytes, const char *label, rf_error *error)
{
    uint64_t free = 0;
    uint64_t largest = 0;
    for (uint32_t i = 0; i < pool->n_parts; i++) {
        rf_range_stats range = rf_range_statistics(pool->parts[i].range);
        free += range.free;
        if (range.largest_free > largest)
            largest = range.largest_free;
    }
    return rf_error_set(error, RF_ERROR_DEVICE_MEMORY,
                        "pool '%s', block '%s': asked %" PRIu64 " bytes, free %" PRIu64
                        ", largest free block %" PRIu64,
                        pool->label, label ? label : "", bytes, free, largest);
}

/* Says why a take was refused. Apart, as texts would cost the takes that are not their registers.
 * The lock is held. */
static COLD rf_status refuse(const rf_pool *pool, rf_status status, uint64_t bytes,
                             const char *label, rf_error *error)
{
    if (pool->live_blocks == pool->max_blocks)
        return check_room(pool, error);
    if (status == RF_ERROR_DEVICE_MEMORY)
        return no_place(pool, bytes, label, error);
    return rf_error_set(error, status, "pool '%s', block '%s': %" PRIu64 " bytes: %s", pool->label,
                        label ? label : "", bytes, rf_status_text(status));
}

/* Takes from the first part that has a place. The lock is held. */
static inline rf_status take_anywhere(rf_pool *pool, uint64_t bytes, rf_memory_class memory_class,
                                      const char *label, rf_block *out)
{
    if (__builtin_expect(pool->live_blocks >= pool->max_blocks, false))
        return RF_ERROR_FULL;
    for (uint32_t part = 0; part < pool->n_parts; part++) {
        rf_place place;
        rf_status status = rf_range_take_any(pool->parts[part].range, bytes, &place);
        if (__builtin_expect(status == RF_OK, true)) {
            make_block(pool, &pool->parts[part], place, bytes, memory_class, label, out);
            return RF_OK;
        }
        if (status != RF_ERROR_DEVICE_MEMORY)
            return status;
    }
    return RF_ERROR_DEVICE_MEMORY;
}

static COLD rf_status wrong_request(const rf_pool *pool, uint64_t bytes,
                                    rf_memory_class memory_class, rf_error *error)
{
    if (bytes == 0 && has_class(pool, memory_class))
        return rf_error_set(error, RF_ERROR_ARGUMENT, "pool '%s': a block of 0 bytes was asked",
                            pool->label);
    return rf_error_set(error, RF_ERROR_ARGUMENT, "pool '%s' was not opened for class %s",
                        pool->label, rf_memory_class_name(memory_class));
}

rf_status rf_pool_take(rf_pool *pool, uint64_t bytes, rf_memory_class memory_class,
                       const char *label, rf_block *out, rf_error *error)
{
    if (__builtin_expect(!has_class(pool, memory_class) || bytes == 0, false))
        return wrong_request(pool, bytes, memory_class, error);
    rf_memory *memory = pool->memory;
    rf_lock_take(&memory->lock);
    rf_status status = take_anywhere(pool, bytes, memory_class, label, out);
    if (__builtin_expect(status != RF_OK, false))
        status = refuse(pool, status, bytes, label, error);
    rf_lock_give(&memory->lock);
    return status;
}

static COLD rf_status stale(const rf_block *block, rf_error *error)
{
    return rf_error_set(error, RF_ERROR_STALE,
                        "this block of %" PRIu64 " bytes was given back before", block->bytes);
}

/* The lock is held. */
static inline rf_status give(rf_memory *memory, const rf_block *block, rf_error *error)
{
    rf_slot *slot = rf_slot_find(&memory->slots, block->slot, block->generation);
    if (__builtin_expect(!slot || !slot->pool, false))
        return stale(block, error);
    rf_pool *pool = slot->pool;
    if (__builtin_expect(rf_range_give_span(slot->range, slot->span) != RF_OK, false))
        return stale(block, error);
    uint64_t bytes = atomic_load_explicit(&slot->bytes, memory_order_relaxed);
    pool->live_blocks--;
    rf_memory_unbook(memory, slot->memory_class, bytes, false);
    rf_slot_drop(&memory->slots, block->slot);
    return RF_OK;
}

static COLD rf_status not_owned(rf_block_kind kind, rf_error *error)
{
    return rf_error_set(error, RF_ERROR_ARGUMENT,
                        "only the owner of a block gives it back: this is %s",
                        kind == RF_BLOCK_VIEW       ? "a view"
                        : kind == RF_BLOCK_EXTERNAL ? "an external block"
                                                    : "no block");
}

rf_status rf_pool_give(rf_block block, rf_error *error)
{
    rf_memory *memory = block.memory;
    if (__builtin_expect(block.kind != RF_BLOCK_OWNED || !memory, false))
        return not_owned(block.kind, error);
    rf_lock_take(&memory->lock);
    rf_status status = give(memory, &block, error);
    rf_lock_give(&memory->lock);
    return status;
}
