/*
 * test_memory_faults.c: the life of a pool with its Nth host allocation, or its Nth driver call,
 * failing, for every N until none fires. After each: an error with a text came back, the account
 * and the counts of host and device memory are at their baseline, and the next life of a pool
 * works.
 */
#include "support/cmocka.h"

#include <string.h>

#include "base/fault.h"
#include "base/memory.h"
#include "memory/fake_device.h"
#include "memory/pool.h"
#include "support/faults.h"

enum { ITEMS = 24 };

#define POOL_BYTES (1ULL << 16)
#define KV         (1U << RF_MEMORY_KV)

typedef struct fixture {
    fake_device device;
    rf_memory *memory;
} fixture;

static int open_fixture(void **state)
{
    static fixture f;
    assert_int_equal(fake_open(&f.device), RF_OK);
    assert_int_equal(rf_memory_open(&f.device.base, &f.memory, NULL), RF_OK);
    *state = &f;
    return 0;
}

static int close_fixture(void **state)
{
    fixture *f = *state;
    assert_int_equal(rf_memory_close(f->memory, NULL), RF_OK);
    fake_close(&f->device);
    return 0;
}

/* Takes every planned block and writes to it; the blocks taken are *count also on failure. */
static rf_status fill(rf_pool *pool, const rf_plan *plan, rf_block blocks[ITEMS], uint32_t *count,
                      rf_error *error)
{
    for (uint32_t i = 0; i < ITEMS; i++) {
        RF_TRY(rf_pool_take_planned(pool, plan, i, &blocks[i], error));
        *count = i + 1;
        RF_TRY(rf_block_write(blocks[i], 0, "bytes", 5, error));
    }
    return RF_OK;
}

/* The whole life of a plan and its pool. Whatever fails, everything is given back here. */
static rf_status live(fixture *f, rf_error *error)
{
    rf_plan *plan = NULL;
    rf_pool *pool = NULL;
    rf_block blocks[ITEMS];
    uint32_t count = 0;
    rf_plan_config config = {.pool_bytes = POOL_BYTES};
    rf_status status = rf_plan_new(&config, &plan, error);
    for (uint32_t i = 0; i < ITEMS && status == RF_OK; i++)
        status = rf_plan_add(plan, "item", RF_MEMORY_KV, 7000 + 5000 * (uint64_t)i, NULL, error);
    if (status == RF_OK)
        status = rf_plan_solve(plan, error);
    if (status == RF_OK)
        status = rf_pool_open(f->memory, plan, KV, "pool", &pool, error);
    if (status == RF_OK)
        status = fill(pool, plan, blocks, &count, error);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(rf_pool_give(blocks[i], NULL), RF_OK);
    rf_status closed = rf_pool_close(pool, status == RF_OK ? error : NULL);
    rf_plan_free(plan);
    return status == RF_OK ? closed : status;
}

/* What must be as before, whatever failed: all but what counts calls and what remembers the most.
 */
static void expect_baseline(fixture *f, uint64_t host_before)
{
    rf_memory_stats stats = {.version = RF_MEMORY_STATS_VERSION};
    assert_int_equal(rf_memory_statistics(f->memory, &stats, NULL), RF_OK);
    assert_int_equal(stats.pools, 0);
    assert_int_equal(stats.reserved, 0);
    assert_int_equal(stats.live + stats.free + stats.padding + stats.largest_free, 0);
    for (int c = 0; c < RF_MEMORY_CLASS_COUNT; c++)
        assert_int_equal(stats.classes[c].current + stats.classes[c].count, 0);
    assert_int_equal(f->device.live, 0);
    assert_int_equal(rf_host_live_count(), host_before);
}

static void expect_next_to_work(fixture *f, uint64_t host_before)
{
    rf_error error = {0};
    if (live(f, &error) != RF_OK)
        fail_msg("the next life: %s", error.message);
    expect_baseline(f, host_before);
}

static void every_host_allocation_may_fail(void **state)
{
    fixture *f = *state;
    uint64_t before = rf_host_live_count();
    uint64_t n = 1;
    for (bool fired = true; fired; n++) {
        rf_error error = {0};
        rf_fault_arm(RF_FAULT_HOST_ALLOC, n);
        rf_status status = live(f, &error);
        fired = rf_fault_fired(RF_FAULT_HOST_ALLOC);
        rf_fault_arm(RF_FAULT_HOST_ALLOC, 0);
        /* Pages of the CPU device are device memory: see alloc.c there. */
        if (fired)
            assert_true(status == RF_ERROR_HOST_MEMORY || status == RF_ERROR_DEVICE_MEMORY);
        else
            assert_int_equal(status, RF_OK);
        assert_true(!fired || strlen(error.message) > 0);
        expect_baseline(f, before);
        expect_next_to_work(f, before);
    }
    faults_tried(n - 2, "host allocations");
}

static void every_driver_call_may_fail(void **state)
{
    fixture *f = *state;
    uint64_t before = rf_host_live_count();
    uint64_t n = 1;
    for (bool fired = true; fired; n++) {
        rf_error error = {0};
        f->device.calls = 0;
        f->device.fired = false;
        f->device.fail_at = n;
        rf_status status = live(f, &error);
        fired = f->device.fired;
        f->device.fail_at = 0;
        assert_int_equal(status, fired ? RF_ERROR_DEVICE : RF_OK);
        assert_true(!fired || strstr(error.message, "injected: driver call") != NULL);
        expect_baseline(f, before);
        expect_next_to_work(f, before);
    }
    faults_tried(n - 2, "driver calls");
}

/* The account itself is made of two allocations. */
static void an_account_opens_whole_or_not(void **state)
{
    fixture *f = *state;
    uint64_t before = rf_host_live_count();
    rf_memory *memory = NULL;
    rf_error error;
    for (uint64_t n = 1; n <= 2; n++) {
        rf_fault_arm(RF_FAULT_HOST_ALLOC, n);
        assert_int_equal(rf_memory_open(&f->device.base, &memory, &error), RF_ERROR_HOST_MEMORY);
        assert_int_equal(rf_host_live_count(), before);
    }
    rf_fault_arm(RF_FAULT_HOST_ALLOC, 0);
    assert_null(memory);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)
    const struct CMUnitTest tests[] = {
        TEST(every_host_allocation_may_fail),
        TEST(every_driver_call_may_fail),
        TEST(an_account_opens_whole_or_not),
    };
    return cmocka_run_group_tests_name("memory-faults", tests, NULL, NULL);
}
