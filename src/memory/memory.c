/* memory.c: the account of a device: what is reserved, what is live, what the driver was asked for.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/memory.h"
#include "memory/account.h"

/* Labels that one error message names; the rest are counted. */
#define REPORTED_LABELS 6

const char *rf_memory_class_name(rf_memory_class memory_class)
{
    switch (memory_class) {
#define RF_MEMORY_CLASS_CASE(name, text)                                                           \
    case name:                                                                                     \
        return text;
        RF_MEMORY_CLASS_LIST(RF_MEMORY_CLASS_CASE)
#undef RF_MEMORY_CLASS_CASE
    case RF_MEMORY_CLASS_COUNT:
        break;
    }
    return "unknown class";
}

void rf_memory_describe_use(rf_memory *memory, char *text, size_t capacity)
{
    size_t length = 0;
    char labels[RF_ERROR_MESSAGE_BYTES / 2];
    text[0] = '\0';
    rf_lock_take(&memory->lock);
    for (const rf_pool *pool = memory->pools; pool && length < capacity; pool = pool->next) {
        rf_memory_list_labels(memory, pool, labels, sizeof(labels));
        int written = snprintf(text + length, capacity - length,
                               "%spool '%s' of %" PRIu64 " bytes is open%s%s", length ? "; " : "",
                               pool->label, pool->reserved, *labels ? ", live: " : "", labels);
        length += written > 0 ? (size_t)written : 0;
    }
    if (memory->external_blocks && length < capacity) {
        rf_memory_list_labels(memory, NULL, labels, sizeof(labels));
        snprintf(text + length, capacity - length, "%sexternal blocks are live: %s",
                 length ? "; " : "", labels);
    }
    rf_lock_give(&memory->lock);
}

/* For whoever closes the device. */
static void tell_use(rf_device_user *user, char *text, size_t capacity)
{
    rf_memory_describe_use((rf_memory *)user, text, capacity);
    if (!*text)
        snprintf(text, capacity, "an account of its memory is open");
}

rf_status rf_memory_open(rf_device *device, rf_memory **out, rf_error *error)
{
    rf_memory *memory = rf_calloc(1, sizeof(*memory));
    if (!memory)
        return rf_error_host_memory(error, "the account of a device", sizeof(*memory));
    rf_status status = rf_slots_create(&memory->slots, error);
    if (status != RF_OK) {
        rf_free(memory);
        return status;
    }
    memory->device = device;
    rf_lock_init(&memory->lock);
    memory->user.describe = tell_use;
    rf_device_join(device, &memory->user);
    *out = memory;
    return RF_OK;
}

static rf_status still_in_use(rf_memory *memory, rf_error *error)
{
    char text[RF_ERROR_MESSAGE_BYTES];
    rf_memory_describe_use(memory, text, sizeof(text));
    return rf_error_set(error, RF_ERROR_BUSY, "memory of device %s is still in use; %s",
                        memory->device->id, text);
}

rf_status rf_memory_close(rf_memory *memory, rf_error *error)
{
    if (!memory)
        return RF_OK;
    rf_lock_take(&memory->lock);
    bool in_use = memory->pools || memory->external_blocks;
    rf_lock_give(&memory->lock);
    if (in_use)
        return still_in_use(memory, error);
    rf_device_leave(memory->device, &memory->user);
    rf_lock_destroy(&memory->lock);
    rf_slots_free(&memory->slots);
    rf_free(memory);
    return RF_OK;
}

rf_device *rf_memory_device(const rf_memory *memory)
{
    return memory->device;
}

rf_status rf_memory_driver_alloc(rf_memory *memory, uint64_t bytes, uint64_t alignment,
                                 rf_address *out, rf_error *error)
{
    rf_device *device = memory->device;
    rf_address address = 0;
    uint64_t begin = rf_clock_ns();
    rf_status status = device->ops->alloc(device, bytes, alignment, &address, error);
    uint64_t took = rf_clock_ns() - begin;
    rf_lock_take(&memory->lock);
    memory->driver_allocations++;
    memory->driver_nanoseconds += took;
    rf_lock_give(&memory->lock);
    RF_TRY(status);
    /* A driver is not trusted either: all addresses below are sums with this one. */
    uint64_t end;
    if (address == 0 || (address & (alignment - 1)) || !rf_add(address, bytes, &end)) {
        status = rf_error_set(error, RF_ERROR_DEVICE,
                              "device %s gave address 0x%" PRIx64 " for %" PRIu64
                              " bytes at alignment %" PRIu64,
                              device->id, address, bytes, alignment);
        if (address != 0)
            rf_memory_driver_free(memory, address, NULL); /* the error above is the one to report */
        return status;
    }
    *out = address;
    return RF_OK;
}

rf_status rf_memory_driver_free(rf_memory *memory, rf_address address, rf_error *error)
{
    rf_device *device = memory->device;
    uint64_t begin = rf_clock_ns();
    rf_status status = device->ops->free(device, address, error);
    uint64_t took = rf_clock_ns() - begin;
    rf_lock_take(&memory->lock);
    memory->driver_frees++;
    memory->driver_nanoseconds += took;
    rf_lock_give(&memory->lock);
    return status;
}

void rf_memory_list_labels(const rf_memory *memory, const rf_pool *pool, char *text,
                           size_t capacity)
{
    size_t length = 0;
    uint32_t found = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < memory->slots.fresh; i++) {
        const rf_slot *slot = &memory->slots.slots[i];
        bool live = atomic_load_explicit(&slot->generation, memory_order_relaxed) != 0;
        if (!live || slot->pool != pool || ++found > REPORTED_LABELS)
            continue;
        int written = snprintf(text + length, capacity - length, "%s'%s'", found > 1 ? ", " : "",
                               slot->label);
        if (written < 0 || (size_t)written >= capacity - length)
            return;
        length += (size_t)written;
    }
    if (found > REPORTED_LABELS)
        snprintf(text + length, capacity - length, " and %" PRIu32 " more",
                 found - REPORTED_LABELS);
}

/* Adds what the ranges of a pool say. */
static void add_pool(const rf_pool *pool, rf_memory_stats *stats)
{
    for (uint32_t i = 0; i < pool->n_parts; i++) {
        rf_range_stats range = rf_range_statistics(pool->parts[i].range);
        stats->live += range.live;
        stats->free += range.free;
        stats->padding += range.padding;
        if (range.largest_free > stats->largest_free)
            stats->largest_free = range.largest_free;
    }
    stats->pools += pool->n_parts;
}

/* The ranges are one book, the classes and the reserved bytes two others: they must agree. */
static rf_status check_balance(const rf_memory_stats *s, rf_error *error)
{
    uint64_t pooled = 0;
    for (int c = 0; c < RF_MEMORY_CLASS_COUNT; c++)
        pooled += s->classes[c].current - s->classes[c].external;
    if (s->live + s->free + s->padding == s->reserved && s->live == pooled)
        return RF_OK;
    return rf_error_set(error, RF_ERROR_INTERNAL,
                        "live %" PRIu64 " + free %" PRIu64 " + padding %" PRIu64
                        " is not reserved %" PRIu64 ", or blocks by class %" PRIu64 " not live",
                        s->live, s->free, s->padding, s->reserved, pooled);
}

rf_status rf_memory_statistics(rf_memory *memory, rf_memory_stats *stats, rf_error *error)
{
    if (stats->version != RF_MEMORY_STATS_VERSION)
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "version %" PRIu32 " of the memory statistics is not known, only %d",
                            stats->version, RF_MEMORY_STATS_VERSION);
    rf_memory_stats s = {.version = RF_MEMORY_STATS_VERSION};
    rf_lock_take(&memory->lock);
    s.reserved = memory->reserved;
    s.high_water = memory->high_water;
    s.driver_allocations = memory->driver_allocations;
    s.driver_frees = memory->driver_frees;
    s.driver_nanoseconds = memory->driver_nanoseconds;
    memcpy(s.classes, memory->classes, sizeof(s.classes));
    for (const rf_pool *pool = memory->pools; pool; pool = pool->next)
        add_pool(pool, &s);
    rf_lock_give(&memory->lock);
    if (s.free)
        s.fragmentation = 1.0 - (double)s.largest_free / (double)s.free;
    RF_TRY(check_balance(&s, error));
    *stats = s;
    return RF_OK;
}

/* What a pool's part says of itself. The lock is held. */
static rf_pool_stats describe(const rf_pool *pool, const pool_part *part)
{
    rf_range_stats range = rf_range_statistics(part->range);
    rf_pool_stats stats = {.bytes = part->bytes,
                           .live = range.live,
                           .free = range.free,
                           .padding = range.padding,
                           .largest_free = range.largest_free,
                           .blocks = range.live_spans};
    snprintf(stats.label, sizeof(stats.label), "%s", pool->label);
    return stats;
}

void rf_memory_list_pools(rf_memory *memory, rf_pool_stats *out, size_t capacity, size_t *count)
{
    size_t n = 0;
    rf_lock_take(&memory->lock);
    for (const rf_pool *pool = memory->pools; pool; pool = pool->next)
        n += pool->n_parts;
    *count = n;
    for (const rf_pool *pool = memory->pools; pool; pool = pool->next) { /* the latest is first */
        n -= pool->n_parts;
        for (uint32_t i = 0; i < pool->n_parts && n + i < capacity; i++)
            out[n + i] = describe(pool, &pool->parts[i]);
    }
    rf_lock_give(&memory->lock);
}
