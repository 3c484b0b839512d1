/* allocator.c: the allocators of allocator.h that need no GPU. */
#include "allocator.h"

#include <malloc.h>
#include <stdlib.h>

#include "memory/range.h"

#define ALIGNMENT 4096U

/* Room for the bytes that are live at most, and a quarter more for what fragments. */
static uint64_t room_for(const trace *t)
{
    uint64_t padded = t->most_live + (uint64_t)t->places * ALIGNMENT;
    return (padded + padded / 4 + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* ---- nothing --------------------------------------------------------------------------------- */

static bool empty_begin(const trace *t, rf_memory *memory)
{
    (void)t;
    (void)memory;
    return true;
}

static bool empty_take(uint32_t place, uint64_t bytes)
{
    (void)place;
    (void)bytes;
    return true;
}

static bool empty_give(uint32_t place)
{
    (void)place;
    return true;
}

static void empty_end(void)
{
}

const allocator empty_allocator = {
    "nothing (an empty call)", empty_begin, empty_take, empty_give, NULL, empty_end};

/* ---- a range --------------------------------------------------------------------------------- */

static rf_range *range;
static uint32_t spans[MAX_PLACES];

static uint64_t range_room;

void set_range_room(uint64_t bytes)
{
    range_room = bytes / ALIGNMENT * ALIGNMENT;
}

static bool range_begin(const trace *t, rf_memory *memory)
{
    (void)memory;
    return rf_range_create(range_room ? range_room : room_for(t), ALIGNMENT, 2 * MAX_PLACES + 1,
                           &range, NULL) == RF_OK;
}

static bool range_take(uint32_t place, uint64_t bytes)
{
    uint64_t offset;
    return rf_range_take(range, bytes, &spans[place], &offset, NULL) == RF_OK;
}

static bool range_give(uint32_t place)
{
    return rf_range_give(range, spans[place], NULL) == RF_OK;
}

static void range_look(uint64_t *held, uint64_t *free, uint64_t *largest)
{
    rf_range_stats stats = rf_range_statistics(range);
    *held = stats.size;
    *free = stats.free;
    *largest = stats.largest_free;
}

static void range_end(void)
{
    rf_range_free(range);
    range = NULL;
}

const allocator range_allocator = {"range take+give", range_begin, range_take,
                                   range_give,        range_look,  range_end};

/* ---- a pool ---------------------------------------------------------------------------------- */

static rf_memory *account;
static rf_pool *pool;
static rf_block blocks[MAX_PLACES];

/* As many items as the trace has places: the pool holds so many blocks. */
static bool pool_begin(const trace *t, rf_memory *memory)
{
    rf_plan_config config = {.alignment = ALIGNMENT, .pool_bytes = 1ULL << 40};
    rf_plan *plan = NULL;
    uint64_t room = room_for(t);
    account = memory;
    bool good = rf_plan_new(&config, &plan, NULL) == RF_OK;
    for (uint32_t i = 0; i < t->places && good; i++) {
        uint64_t bytes = i ? ALIGNMENT : room - (uint64_t)(t->places - 1) * ALIGNMENT;
        good = rf_plan_add(plan, "place", RF_MEMORY_KV, bytes, NULL, NULL) == RF_OK;
    }
    good = good && rf_plan_solve(plan, NULL) == RF_OK &&
           rf_pool_open(memory, plan, 1U << RF_MEMORY_KV, "bench", &pool, NULL) == RF_OK;
    rf_plan_free(plan);
    return good;
}

static bool pool_take(uint32_t place, uint64_t bytes)
{
    return rf_pool_take(pool, bytes, RF_MEMORY_KV, "block", &blocks[place], NULL) == RF_OK;
}

static bool pool_give(uint32_t place)
{
    return rf_pool_give(blocks[place], NULL) == RF_OK;
}

static void pool_look(uint64_t *held, uint64_t *free, uint64_t *largest)
{
    rf_memory_stats stats = {.version = RF_MEMORY_STATS_VERSION};
    if (rf_memory_statistics(account, &stats, NULL) != RF_OK)
        return; /* the figures then stay 0 */
    *held = stats.reserved;
    *free = stats.free;
    *largest = stats.largest_free;
}

static void pool_end(void)
{
    (void)rf_pool_close(pool, NULL); /* closing the account says what was left */
    pool = NULL;
}

const allocator pool_allocator = {"pool take+give", pool_begin, pool_take,
                                  pool_give,        pool_look,  pool_end};

/* ---- malloc ---------------------------------------------------------------------------------- */

/* volatile: a compiler may remove malloc and free in pairs. */
static void *volatile heap[MAX_PLACES];
static uint64_t heap_before; /* bytes in use by others, the trace among them */

static bool malloc_begin(const trace *t, rf_memory *memory)
{
    (void)t;
    (void)memory;
    struct mallinfo2 info = mallinfo2();
    heap_before = info.uordblks + info.hblkhd;
    return true;
}

static bool malloc_take(uint32_t place, uint64_t bytes)
{
    heap[place] = malloc(bytes);
    return heap[place] != NULL;
}

static bool malloc_give(uint32_t place)
{
    free(heap[place]);
    return true;
}

static void malloc_look(uint64_t *held, uint64_t *free, uint64_t *largest)
{
    struct mallinfo2 info = mallinfo2();
    *held = info.arena + info.hblkhd - heap_before;
    *free = info.fordblks;
    *largest = info.keepcost; /* the top alone is known */
}

const allocator malloc_allocator = {"malloc+free", malloc_begin, malloc_take,
                                    malloc_give,   malloc_look,  empty_end};
