/* test_pool.c: pools opened from plans, blocks taken and given, the account in balance after every
 * step. */
#include "support/cmocka.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "memory/fake_device.h"
#include "memory/pool.h"
#include "memory/shapes.h"

#define WEIGHTS   (1U << RF_MEMORY_WEIGHTS)
#define ENGINE    (1U << RF_MEMORY_KV | 1U << RF_MEMORY_SCRATCH | 1U << RF_MEMORY_STAGING)
#define MAX_ITEMS SHAPES_MAX

typedef struct fixture {
    fake_device device;
    rf_memory *memory;
    uint64_t host_before;
} fixture;

static int open_fixture(void **state)
{
    static fixture f;
    f.host_before = rf_host_live_count();
    assert_int_equal(fake_open(&f.device), RF_OK);
    assert_int_equal(rf_memory_open(&f.device.base, &f.memory, NULL), RF_OK);
    *state = &f;
    return 0;
}

static int close_fixture(void **state)
{
    fixture *f = *state;
    rf_error error = {0};
    if (rf_memory_close(f->memory, &error) != RF_OK)
        fail_msg("%s", error.message);
    assert_int_equal(f->device.live, 0);
    fake_close(&f->device);
    assert_int_equal(rf_host_live_count(), f->host_before);
    return 0;
}

static rf_memory_stats statistics(fixture *f)
{
    rf_memory_stats stats = {.version = RF_MEMORY_STATS_VERSION};
    rf_error error = {0};
    if (rf_memory_statistics(f->memory, &stats, &error) != RF_OK)
        fail_msg("%s", error.message);
    assert_int_equal(stats.live + stats.free + stats.padding, stats.reserved);
    return stats;
}

static rf_plan *plan_of(const uint64_t *bytes, size_t count, rf_memory_class memory_class,
                        uint64_t pool_bytes, uint64_t alignment)
{
    rf_plan *plan = NULL;
    rf_plan_config config = {.pool_bytes = pool_bytes, .alignment = alignment};
    assert_int_equal(rf_plan_new(&config, &plan, NULL), RF_OK);
    for (size_t i = 0; i < count; i++) {
        char label[32];
        snprintf(label, sizeof(label), "blk.%zu", i);
        assert_int_equal(rf_plan_add(plan, label, memory_class, bytes[i], NULL, NULL), RF_OK);
    }
    assert_int_equal(rf_plan_solve(plan, NULL), RF_OK);
    return plan;
}

/* A pool of one part of `bytes`. */
static rf_pool *small_pool(fixture *f, uint64_t bytes, uint64_t alignment)
{
    rf_pool *pool = NULL;
    rf_plan *plan = plan_of(&bytes, 1, RF_MEMORY_KV, 1ULL << 30, alignment);
    assert_int_equal(rf_pool_open(f->memory, plan, ENGINE, "kv", &pool, NULL), RF_OK);
    rf_plan_free(plan);
    return pool;
}

/* ---- plans and pools cannot disagree (defects 5 and 9) -------------------------------------- */

/* Takes all planned items in a random order; every address is the plan's. */
static void take_all(rf_pool *pool, const rf_plan *plan, rf_block *blocks, uint64_t *random)
{
    size_t n = rf_plan_item_count(plan);
    size_t order[MAX_ITEMS];
    rf_address base[MAX_ITEMS] = {0};
    for (size_t i = 0; i < n; i++)
        order[i] = i;
    for (size_t i = n; i-- > 1;) {
        size_t j = (size_t)random_below(random, i + 1);
        size_t other = order[i];
        order[i] = order[j];
        order[j] = other;
    }
    for (size_t i = 0; i < n; i++) {
        rf_plan_item item = rf_plan_item_at(plan, order[i]);
        rf_block *block = &blocks[order[i]];
        rf_address address;
        rf_error error = {0};
        if (rf_pool_take_planned(pool, plan, (uint32_t)order[i], block, &error) != RF_OK)
            fail_msg("%s", error.message);
        assert_int_equal(rf_block_address(*block, &address, NULL), RF_OK);
        assert_int_equal(block->bytes, item.bytes);
        if (base[item.pool] == 0)
            base[item.pool] = address - item.offset;
        assert_int_equal(address, base[item.pool] + item.offset);
    }
}

static void what_is_planned_is_what_is_allocated(void **state)
{
    fixture *f = *state;
    static rf_block blocks[MAX_ITEMS];
    uint64_t random = 21;
    for (int round = 0; round < 60; round++) {
        uint64_t pool_bytes = (1ULL << 18) << random_below(&random, 6);
        uint64_t alignment = 256ULL << random_below(&random, 6);
        shapes s = shapes_random(&random, 2 * pool_bytes);
        rf_plan *plan = plan_of(s.bytes, s.count, RF_MEMORY_WEIGHTS, pool_bytes, alignment);
        rf_plan_summary summary = rf_plan_summarise(plan);
        uint64_t driver_calls = statistics(f).driver_allocations;
        rf_pool *pool = NULL;
        assert_int_equal(rf_pool_open(f->memory, plan, WEIGHTS, "weights", &pool, NULL), RF_OK);
        rf_memory_stats stats = statistics(f);
        assert_int_equal(stats.driver_allocations - driver_calls, rf_plan_pool_count(plan));
        assert_int_equal(stats.pools, rf_plan_pool_count(plan));
        assert_int_equal(stats.reserved, summary.total);
        take_all(pool, plan, blocks, &random);
        stats = statistics(f);
        assert_int_equal(stats.live, summary.pooled[RF_MEMORY_WEIGHTS]);
        assert_int_equal(stats.padding, summary.padding);
        assert_int_equal(stats.free, 0);
        assert_int_equal(rf_pool_check(pool, NULL), RF_OK);
        for (size_t i = 0; i < s.count; i++)
            assert_int_equal(rf_pool_give(blocks[i], NULL), RF_OK);
        assert_int_equal(rf_pool_close(pool, NULL), RF_OK);
        assert_int_equal(statistics(f).reserved, 0);
        rf_plan_free(plan);
    }
}

static void pools_open_by_class_and_whole(void **state)
{
    fixture *f = *state;
    rf_plan *plan = NULL;
    rf_plan_config config = {0};
    rf_pool *weights = NULL;
    rf_pool *engine = NULL;
    rf_pool *none = NULL;
    rf_block block = {0};
    rf_error error;
    assert_int_equal(rf_plan_new(&config, &plan, NULL), RF_OK);
    assert_int_equal(rf_pool_open(f->memory, plan, WEIGHTS, "early", &none, &error),
                     RF_ERROR_ARGUMENT);
    assert_int_equal(rf_plan_add(plan, "w", RF_MEMORY_WEIGHTS, 10, NULL, NULL), RF_OK);
    assert_int_equal(rf_plan_add(plan, "k", RF_MEMORY_KV, 10, NULL, NULL), RF_OK);
    assert_int_equal(rf_plan_add(plan, "s", RF_MEMORY_SCRATCH, 10, NULL, NULL), RF_OK);
    assert_int_equal(rf_plan_add_external(plan, "m", RF_MEMORY_WEIGHTS, 10, NULL, NULL), RF_OK);
    assert_int_equal(rf_plan_solve(plan, NULL), RF_OK);
    /* KV cache and scratch share a pool, which cannot be opened twice by halves. */
    assert_int_equal(rf_pool_open(f->memory, plan, 1U << RF_MEMORY_KV, "half", &none, &error),
                     RF_ERROR_ARGUMENT);
    assert_int_equal(rf_pool_open(f->memory, plan, 0, "nothing", &none, &error), RF_ERROR_ARGUMENT);
    assert_int_equal(rf_pool_open(f->memory, plan, 1U << 9, "unknown", &none, &error),
                     RF_ERROR_ARGUMENT);
    assert_int_equal(rf_pool_open(f->memory, plan, WEIGHTS, "weights", &weights, NULL), RF_OK);
    assert_int_equal(rf_pool_open(f->memory, plan, ENGINE, "engine", &engine, NULL), RF_OK);
    assert_int_equal(statistics(f).reserved, rf_plan_summarise(plan).total);
    assert_int_equal(rf_pool_take_planned(weights, plan, 1, &block, &error), RF_ERROR_ARGUMENT);
    assert_int_equal(rf_pool_take_planned(weights, plan, 3, &block, &error), RF_ERROR_ARGUMENT);
    assert_int_equal(rf_pool_take_planned(weights, plan, 4, &block, &error), RF_ERROR_ARGUMENT);
    assert_int_equal(rf_pool_take(weights, 1, RF_MEMORY_KV, "x", &block, &error),
                     RF_ERROR_ARGUMENT);
    assert_int_equal(rf_pool_take_planned(engine, plan, 1, &block, &error), RF_OK);
    assert_int_equal(rf_pool_take_planned(engine, plan, 1, &block, &error), RF_ERROR_BUSY);
    assert_non_null(strstr(error.message, "pool 'engine', block 'k'"));
    assert_int_equal(rf_pool_give(block, NULL), RF_OK);
    assert_int_equal(rf_pool_close(engine, NULL), RF_OK);
    assert_int_equal(rf_pool_close(weights, NULL), RF_OK);
    rf_plan_free(plan);
}

/* The same sizes in another plan are another plan: its offsets need not be this pool's. */
static void a_pool_serves_only_its_own_plan(void **state)
{
    fixture *f = *state;
    const uint64_t bytes[] = {100, 200};
    rf_plan *mine = plan_of(bytes, 2, RF_MEMORY_KV, 0, 0);
    rf_plan *other = plan_of(bytes, 2, RF_MEMORY_KV, 0, 0);
    rf_pool *pool = NULL;
    rf_block block;
    rf_error error;
    assert_int_equal(rf_pool_open(f->memory, mine, ENGINE, "engine", &pool, NULL), RF_OK);
    assert_int_equal(rf_pool_take_planned(pool, other, 0, &block, &error), RF_ERROR_ARGUMENT);
    assert_int_equal(rf_plan_merge(mine, other, NULL), RF_OK);
    assert_int_equal(rf_pool_take_planned(pool, mine, 2, &block, &error), RF_ERROR_ARGUMENT);
    assert_int_equal(rf_pool_take_planned(pool, mine, 1, &block, &error), RF_OK);
    assert_int_equal(rf_pool_give(block, NULL), RF_OK);
    assert_int_equal(rf_pool_close(pool, NULL), RF_OK);
    rf_plan_free(mine);
    rf_plan_free(other);
}

static void a_pool_of_no_parts_is_a_pool(void **state)
{
    fixture *f = *state;
    rf_plan *plan = plan_of(NULL, 0, RF_MEMORY_KV, 0, 0);
    rf_pool *pool = NULL;
    rf_block block;
    rf_error error;
    assert_int_equal(rf_pool_open(f->memory, plan, WEIGHTS, "mapped", &pool, NULL), RF_OK);
    assert_int_equal(rf_pool_take(pool, 1, RF_MEMORY_WEIGHTS, "x", &block, &error), RF_ERROR_FULL);
    assert_int_equal(statistics(f).pools, 0);
    assert_int_equal(rf_pool_close(pool, NULL), RF_OK);
    rf_plan_free(plan);
}

/* ---- taking and giving ---------------------------------------------------------------------- */

typedef struct random_state {
    rf_block blocks[300];
    uint8_t marks[300];
    size_t count;
} random_state;

/* The first and last byte of a block carry its mark: two blocks that overlap would spoil each
 * other's. */
static void mark(const rf_block *block, uint8_t value)
{
    assert_int_equal(rf_block_write(*block, 0, &value, 1, NULL), RF_OK);
    assert_int_equal(rf_block_write(*block, block->bytes - 1, &value, 1, NULL), RF_OK);
}

static void expect_mark(const rf_block *block, uint8_t value)
{
    uint8_t first = 0;
    uint8_t last = 0;
    assert_int_equal(rf_block_read(*block, 0, &first, 1, NULL), RF_OK);
    assert_int_equal(rf_block_read(*block, block->bytes - 1, &last, 1, NULL), RF_OK);
    assert_true(first == value && last == value);
}

static void take_one(rf_pool *pool, random_state *r, uint64_t *random)
{
    if (r->count == 300)
        return;
    rf_block *block = &r->blocks[r->count];
    uint64_t bytes = 1 + random_below(random, 1U << random_below(random, 17));
    rf_status status = rf_pool_take(pool, bytes, RF_MEMORY_KV, "page", block, NULL);
    if (status == RF_OK) {
        r->marks[r->count] = (uint8_t)random_next(random);
        mark(block, r->marks[r->count++]);
    } else {
        assert_true(status == RF_ERROR_DEVICE_MEMORY || status == RF_ERROR_FULL);
    }
}

static void give_one(random_state *r, uint64_t *random)
{
    if (r->count == 0)
        return;
    size_t i = (size_t)random_below(random, r->count);
    rf_block block = r->blocks[i];
    expect_mark(&block, r->marks[i]);
    assert_int_equal(rf_pool_give(block, NULL), RF_OK);
    assert_int_equal(rf_pool_give(block, NULL), RF_ERROR_STALE);
    r->count--;
    r->blocks[i] = r->blocks[r->count];
    r->marks[i] = r->marks[r->count];
}

static void the_account_balances_after_every_step(void **state)
{
    fixture *f = *state;
    random_state r = {.count = 0};
    uint64_t random = 22;
    uint64_t taken = 0;
    rf_pool *pool = small_pool(f, 1U << 20, 256);
    for (int step = 0; step < 20000; step++) {
        size_t before = r.count;
        if (random_below(&random, 100) < ((step / 1000) % 2 ? 40 : 60))
            take_one(pool, &r, &random);
        else
            give_one(&r, &random);
        rf_memory_stats stats = statistics(f);
        rf_memory_class_stats kv = stats.classes[RF_MEMORY_KV];
        if (r.count > before)
            taken += r.blocks[before].bytes;
        assert_true(kv.current == stats.live && kv.count == r.count && kv.total == taken);
        assert_true(kv.peak >= kv.current && stats.largest_free <= stats.free);
        assert_true(stats.fragmentation >= 0 && stats.fragmentation <= 1);
        if (step % 16 == 0)
            assert_int_equal(rf_pool_check(pool, NULL), RF_OK);
    }
    while (r.count)
        give_one(&r, &random);
    assert_int_equal(statistics(f).largest_free, 1U << 20);
    assert_int_equal(rf_pool_close(pool, NULL), RF_OK);
    assert_int_equal(statistics(f).high_water, 1U << 20);
}

static void running_out_says_asked_free_and_largest(void **state)
{
    fixture *f = *state;
    rf_pool *pool = small_pool(f, 8ULL * 4096, 4096);
    rf_block a, b;
    rf_block untouched = {0};
    rf_error error;
    assert_int_equal(rf_pool_take(pool, 4096, RF_MEMORY_KV, "a", &a, NULL), RF_OK);
    assert_int_equal(rf_pool_take(pool, 4000, RF_MEMORY_KV, "b", &b, NULL), RF_OK);
    assert_int_equal(rf_pool_give(a, NULL), RF_OK);
    assert_int_equal(rf_pool_take(pool, 7ULL * 4096, RF_MEMORY_KV, "c", &untouched, &error),
                     RF_ERROR_DEVICE_MEMORY);
    assert_string_equal(error.message, "pool 'kv', block 'c': asked 28672 bytes, free 28672, "
                                       "largest free block 24576");
    assert_int_equal(rf_pool_take(pool, UINT64_MAX - 5, RF_MEMORY_KV, "d", &untouched, &error),
                     RF_ERROR_OVERFLOW);
    assert_int_equal(rf_pool_take(pool, 0, RF_MEMORY_KV, "e", &untouched, &error),
                     RF_ERROR_ARGUMENT);
    assert_int_equal(untouched.kind, RF_BLOCK_NONE);
    assert_int_equal(rf_pool_give(b, NULL), RF_OK);
    assert_int_equal(rf_pool_close(pool, NULL), RF_OK);
}

static void blocks_beyond_the_reserve_are_refused(void **state)
{
    fixture *f = *state;
    static rf_block blocks[RF_POOL_SPARE_BLOCKS + 1];
    rf_pool *pool = small_pool(f, 1U << 20, 256);
    rf_block more;
    rf_error error;
    for (uint32_t i = 0; i < RF_POOL_SPARE_BLOCKS + 1; i++)
        assert_int_equal(rf_pool_take(pool, 1, RF_MEMORY_KV, "x", &blocks[i], NULL), RF_OK);
    assert_int_equal(rf_pool_take(pool, 1, RF_MEMORY_KV, "x", &more, &error), RF_ERROR_FULL);
    for (uint32_t i = 0; i < RF_POOL_SPARE_BLOCKS + 1; i++)
        assert_int_equal(rf_pool_give(blocks[i], NULL), RF_OK);
    assert_int_equal(rf_pool_close(pool, NULL), RF_OK);
}

/* Takes blocks in pairs and gives the first of each, which leaves a gap that no later pair, of one
 * unit more, fits into. Returns how many blocks are held. */
static uint32_t take_with_gaps(rf_pool *pool, rf_block *held, uint32_t most)
{
    static rf_block gaps[512];
    uint32_t count = 0;
    for (uint64_t units = 1; most - count >= 2; units++) {
        uint32_t pairs = (most - count) / 2;
        for (uint32_t i = 0; i < 2 * pairs; i++) {
            rf_block *to = i % 2 ? &held[count++] : &gaps[i / 2];
            rf_error error = {0};
            if (rf_pool_take(pool, units * 256, RF_MEMORY_KV, "x", to, &error) != RF_OK)
                fail_msg("block %u of %u: %s", count, most, error.message);
        }
        for (uint32_t i = 0; i < pairs; i++)
            assert_int_equal(rf_pool_give(gaps[i], NULL), RF_OK);
    }
    return count;
}

/* The limit is the pool's: all of its blocks may lie in one part, with a gap before each. */
static void any_part_may_hold_every_block(void **state)
{
    fixture *f = *state;
    enum { PART_ITEMS = 100, ITEMS = 2 * PART_ITEMS, MOST = ITEMS + RF_POOL_SPARE_BLOCKS };
    const uint64_t units = 4096;
    static uint64_t sizes[ITEMS];
    static rf_block held[MOST];
    for (uint32_t i = 0; i < ITEMS; i++)
        sizes[i] = 256 * (i % PART_ITEMS ? 1 : units - PART_ITEMS + 1);
    rf_plan *plan = plan_of(sizes, ITEMS, RF_MEMORY_KV, units * 256, 256);
    rf_pool *pool = NULL;
    rf_address first, address;
    assert_int_equal(rf_plan_pool_count(plan), 2);
    assert_int_equal(rf_pool_open(f->memory, plan, ENGINE, "kv", &pool, NULL), RF_OK);
    assert_int_equal(rf_pool_take_planned(pool, plan, 0, &held[0], NULL), RF_OK);
    assert_int_equal(rf_block_address(held[0], &first, NULL), RF_OK);
    assert_int_equal(rf_pool_give(held[0], NULL), RF_OK);
    uint32_t count = take_with_gaps(pool, held, MOST);
    assert_int_equal(count, MOST - 1);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(rf_block_address(held[i], &address, NULL), RF_OK);
        assert_true(address - first < units * 256);
        assert_int_equal(rf_pool_give(held[i], NULL), RF_OK);
    }
    assert_int_equal(rf_pool_close(pool, NULL), RF_OK);
    rf_plan_free(plan);
}

/* External bytes may come to any sum, as the same ones may be registered again and again. However
 * many they are, the books add those of pools to them. */
static void sums_of_external_and_pooled_bytes_are_numbers(void **state)
{
    fixture *f = *state;
    rf_pool *pool = small_pool(f, 4096, 4096);
    rf_block external = {0};
    rf_block more = {0};
    rf_block block = {0};
    rf_error error;
    assert_int_equal(rf_memory_register(f->memory, 4096, UINT64_MAX / 2, RF_MEMORY_KV, "mapped",
                                        &external, NULL),
                     RF_OK);
    assert_int_equal(rf_memory_register(f->memory, 4096, 1, RF_MEMORY_KV, "more", &more, &error),
                     RF_ERROR_OVERFLOW);
    assert_non_null(strstr(error.message, "external block 'more': 1 bytes"));
    assert_int_equal(rf_memory_register(f->memory, 4096, UINT64_MAX - 5000, RF_MEMORY_WEIGHTS,
                                        "large", &more, &error),
                     RF_ERROR_OVERFLOW);
    assert_int_equal(rf_pool_take(pool, 4096, RF_MEMORY_KV, "page", &block, NULL), RF_OK);
    rf_memory_class_stats kv = statistics(f).classes[RF_MEMORY_KV];
    assert_true(kv.current == UINT64_MAX / 2 + 4096 && kv.peak == kv.current);
    assert_int_equal(rf_pool_give(block, NULL), RF_OK);
    assert_int_equal(rf_memory_unregister(external, NULL), RF_OK);
    assert_int_equal(rf_pool_close(pool, NULL), RF_OK);
}

/* ---- closing -------------------------------------------------------------------------------- */

static void closing_names_what_is_still_live(void **state)
{
    fixture *f = *state;
    rf_pool *pool = small_pool(f, 1U << 20, 256);
    rf_block blocks[8];
    rf_error error;
    for (int i = 0; i < 8; i++) {
        char label[32];
        snprintf(label, sizeof(label), "layer %d", i);
        assert_int_equal(rf_pool_take(pool, 100, RF_MEMORY_KV, label, &blocks[i], NULL), RF_OK);
    }
    assert_int_equal(rf_pool_close(pool, &error), RF_ERROR_BUSY);
    assert_non_null(strstr(error.message, "pool 'kv' is still in use: 8 live blocks: 'layer 0', "));
    assert_non_null(strstr(error.message, "'layer 5' and 2 more"));
    assert_int_equal(rf_memory_close(f->memory, &error), RF_ERROR_BUSY);
    assert_non_null(strstr(error.message, "pool 'kv' of 1048576 bytes is open, live: 'layer 0'"));
    assert_int_equal(f->device.live, 1);
    for (int i = 0; i < 8; i++)
        assert_int_equal(rf_pool_give(blocks[i], NULL), RF_OK);
    assert_int_equal(rf_pool_close(pool, &error), RF_OK);
    assert_int_equal(rf_pool_close(NULL, &error), RF_OK);
    assert_int_equal(rf_memory_close(NULL, &error), RF_OK);
}

static void a_refused_free_is_reported_and_the_pool_closed(void **state)
{
    fixture *f = *state;
    rf_pool *pool = small_pool(f, 4096, 256);
    rf_error error;
    f->device.refuse_free = true;
    assert_int_equal(rf_pool_close(pool, &error), RF_ERROR_DEVICE);
    assert_string_equal(error.message, "pool 'kv', part 1: free was refused");
    assert_int_equal(statistics(f).reserved, 0);
    f->device.refuse_free = false;
}

static void an_address_off_alignment_is_refused(void **state)
{
    fixture *f = *state;
    uint64_t bytes = 4096;
    rf_plan *plan = plan_of(&bytes, 1, RF_MEMORY_KV, 0, 0);
    rf_pool *pool = NULL;
    rf_error error;
    f->device.misalign = true;
    assert_int_equal(rf_pool_open(f->memory, plan, ENGINE, "engine", &pool, &error),
                     RF_ERROR_DEVICE);
    assert_int_equal(f->device.live, 0);
    assert_null(pool);
    f->device.misalign = false;
    rf_plan_free(plan);
}

/* Every pool by itself: what it was planned to be, in the order of opening, and in balance. */
static void each_pool_is_listed_with_its_own_balance(void **state)
{
    fixture *f = *state;
    const uint64_t weights[] = {5000, 7000, 3000};
    const uint64_t cache = 9000;
    rf_plan *plans[] = {plan_of(weights, 3, RF_MEMORY_WEIGHTS, 1 << 13, 256),
                        plan_of(&cache, 1, RF_MEMORY_KV, 1 << 13, 256)};
    rf_pool *pools[2];
    rf_pool_stats listed[8];
    size_t count = 7;
    rf_memory_list_pools(f->memory, listed, 8, &count);
    assert_int_equal(count, 0);
    assert_int_equal(rf_pool_open(f->memory, plans[0], WEIGHTS, "weights", &pools[0], NULL), RF_OK);
    assert_int_equal(rf_pool_open(f->memory, plans[1], ENGINE, "engine", &pools[1], NULL), RF_OK);
    rf_block block;
    assert_int_equal(rf_pool_take_planned(pools[1], plans[1], 0, &block, NULL), RF_OK);
    rf_memory_list_pools(f->memory, listed, 8, &count);
    size_t n_weights = rf_plan_pool_count(plans[0]);
    assert_int_equal(n_weights, 2);
    assert_int_equal(count, n_weights + 1);
    for (size_t i = 0; i < count; i++) {
        bool engine = i == n_weights;
        assert_string_equal(listed[i].label, engine ? "engine" : "weights");
        assert_int_equal(listed[i].bytes, rf_plan_pool_at(plans[engine], engine ? 0 : i).bytes);
        assert_int_equal(listed[i].live + listed[i].free + listed[i].padding, listed[i].bytes);
        assert_int_equal(listed[i].blocks, engine);
        assert_int_equal(listed[i].largest_free, engine ? 0 : listed[i].bytes);
    }
    listed[1] = (rf_pool_stats){.bytes = 77};
    rf_memory_list_pools(f->memory, listed, 1, &count);
    assert_int_equal(count, n_weights + 1);
    assert_int_equal(listed[1].bytes, 77); /* past the capacity */
    assert_int_equal(rf_pool_give(block, NULL), RF_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(rf_pool_close(pools[i], NULL), RF_OK);
        rf_plan_free(plans[i]);
    }
}

static void statistics_of_another_version_are_refused(void **state)
{
    fixture *f = *state;
    rf_memory_stats stats = {.version = RF_MEMORY_STATS_VERSION + 1, .live = 5};
    assert_int_equal(rf_memory_statistics(f->memory, &stats, NULL), RF_ERROR_ARGUMENT);
    assert_int_equal(stats.live, 5);
    assert_ptr_equal(rf_memory_device(f->memory), &f->device.base);
    assert_string_equal(rf_memory_class_name(RF_MEMORY_KV), "kv cache");
    assert_string_equal(rf_memory_class_name(RF_MEMORY_CLASS_COUNT), "unknown class");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)
    const struct CMUnitTest tests[] = {
        TEST(what_is_planned_is_what_is_allocated),
        TEST(pools_open_by_class_and_whole),
        TEST(a_pool_serves_only_its_own_plan),
        TEST(a_pool_of_no_parts_is_a_pool),
        TEST(the_account_balances_after_every_step),
        TEST(running_out_says_asked_free_and_largest),
        TEST(blocks_beyond_the_reserve_are_refused),
        TEST(any_part_may_hold_every_block),
        TEST(sums_of_external_and_pooled_bytes_are_numbers),
        TEST(closing_names_what_is_still_live),
        TEST(a_refused_free_is_reported_and_the_pool_closed),
        TEST(an_address_off_alignment_is_refused),
        TEST(each_pool_is_listed_with_its_own_balance),
        TEST(statistics_of_another_version_are_refused),
    };
    return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
