/*
 * test_device_memory.c: the memory layer on a device with its own address space, an emulated GPU,
 * while that device's Nth call fails, for every N until none fires. After each: an error with a
 * text came back, the account is at its baseline, nothing is left on the device or the host, and
 * the next try works. And what an earlier engine did wrong, replayed.
 */
#include "device/emu_support.h"

#include "base/fault.h"
#include "base/memory.h"
#include "device/fault/fault.h"
#include "memory/pool.h"
#include "support/faults.h"

enum { ITEMS = 12 };

#define POOL_BYTES (1ULL << 16)
#define WEIGHTS    (1U << RF_MEMORY_WEIGHTS)

typedef struct fixture {
    rf_device *emu;
    rf_device *fault;
    rf_memory *memory;
} fixture;

static int setup(void **state)
{
    static fixture f;
    void *emu = NULL;
    rf_error error = {0};
    emu_setup(&emu);
    f.emu = emu;
    expect_ok(rf_fault_device_wrap(f.emu, &f.fault, &error), &error);
    expect_ok(rf_memory_open(f.fault, &f.memory, &error), &error);
    rf_emu_set_schedule(f.emu, RF_EMU_RANDOM, 7);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    void *emu = f->emu;
    rf_error error = {0};
    expect_ok(rf_memory_close(f->memory, &error), &error);
    rf_fault_device_close(f->fault);
    return emu_teardown(&emu);
}

/* ---- one life of a pool --------------------------------------------------------------------- */

static uint64_t item_bytes(uint32_t item)
{
    return 7000 + 9001 * (uint64_t)item;
}

static rf_plan *make_plan(void)
{
    rf_plan *plan = NULL;
    rf_error error = {0};
    rf_plan_config config = {.pool_bytes = POOL_BYTES};
    expect_ok(rf_plan_new(&config, &plan, &error), &error);
    for (uint32_t i = 0; i < ITEMS; i++)
        expect_ok(rf_plan_add(plan, "tensor", RF_MEMORY_WEIGHTS, item_bytes(i), NULL, &error),
                  &error);
    expect_ok(rf_plan_solve(plan, &error), &error);
    return plan;
}

/* Writes a block's beginning and its end, and reads both back as one. */
static rf_status write_and_read(rf_block block, uint8_t mark, rf_error *error)
{
    static uint8_t bytes[7000 + 9001 * ITEMS];
    memset(bytes, mark, block.bytes);
    uint64_t half = block.bytes / 2 + 1;
    RF_TRY(rf_block_write(block, 0, bytes, half, error));
    RF_TRY(rf_block_write(block, half, bytes + half, block.bytes - half, error));
    memset(bytes, 0, block.bytes);
    RF_TRY(rf_block_read(block, 0, bytes, block.bytes, error));
    for (uint64_t i = 0; i < block.bytes; i++) {
        if (bytes[i] != mark)
            return rf_error_set(error, RF_ERROR_INTERNAL, "byte %u is not what was written",
                                (unsigned)i);
    }
    return RF_OK;
}

/* Takes and uses every planned block; those taken are *count also on failure. */
static rf_status use_blocks(rf_pool *pool, const rf_plan *plan, rf_block blocks[ITEMS],
                            uint32_t *count, rf_error *error)
{
    for (uint32_t i = 0; i < ITEMS; i++) {
        RF_TRY(rf_pool_take_planned(pool, plan, i, &blocks[i], error));
        *count = i + 1;
        RF_TRY(write_and_read(blocks[i], (uint8_t)(i + 1), error));
    }
    return RF_OK;
}

/* Opens the pools of a plan, uses them and closes them. Whatever fails, all is given back here. */
static rf_status live(fixture *f, const rf_plan *plan, rf_error *error)
{
    rf_pool *pool = NULL;
    rf_block blocks[ITEMS];
    uint32_t count = 0;
    RF_TRY(rf_pool_open(f->memory, plan, WEIGHTS, "weights", &pool, error));
    rf_status status = use_blocks(pool, plan, blocks, &count, error);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(rf_pool_give(blocks[i], NULL), RF_OK);
    rf_status closed = rf_pool_close(pool, status == RF_OK ? error : NULL);
    return status == RF_OK ? closed : status;
}

static void expect_baseline(fixture *f, uint64_t host_before)
{
    rf_memory_stats stats = {.version = RF_MEMORY_STATS_VERSION};
    rf_error error = {0};
    expect_ok(rf_memory_statistics(f->memory, &stats, &error), &error);
    assert_int_equal(stats.pools, 0);
    assert_int_equal(stats.reserved, 0);
    assert_int_equal(stats.live + stats.free + stats.padding + stats.largest_free, 0);
    for (int c = 0; c < RF_MEMORY_CLASS_COUNT; c++)
        assert_int_equal(stats.classes[c].current + stats.classes[c].count, 0);
    emu_expect_nothing_live(f->emu);
    assert_int_equal(rf_host_live_count(), host_before);
}

/* Lives until the Nth call of a kind no longer fires; returns how often it did. */
static uint64_t fail_in_turn(fixture *f, const rf_plan *plan, rf_fault_call call)
{
    uint64_t before = rf_host_live_count();
    for (uint64_t n = 1;; n++) {
        rf_error error = {0};
        rf_fault_device_arm(f->fault, call, n);
        rf_status status = live(f, plan, &error);
        bool fired = rf_fault_device_fired(f->fault);
        rf_fault_device_arm(f->fault, RF_FAULT_ANY, 0);
        expect_baseline(f, before);
        if (!fired) {
            expect_ok(status, &error);
            return n - 1;
        }
        assert_int_equal(status, RF_ERROR_DEVICE);
        assert_non_null(strstr(error.message, "device fault:emu32: injected: "));
        error = (rf_error){0};
        expect_ok(live(f, plan, &error), &error);
        expect_baseline(f, before);
    }
}

/* ---- tests ---------------------------------------------------------------------------------- */

/* Defect 3, for the memory layer's part in a load. */
static void every_device_call_may_fail(void **state)
{
    fixture *f = *state;
    rf_plan *plan = make_plan();
    rf_error error = {0};
    expect_ok(live(f, plan, &error), &error);
    uint64_t calls = rf_fault_device_calls(f->fault, RF_FAULT_ANY);
    uint64_t tried = fail_in_turn(f, plan, RF_FAULT_ANY);
    faults_tried(tried, "device calls");
    assert_int_equal(tried, calls);
    rf_plan_free(plan);
}

/* Defect 6: a synchronisation that fails is not taken for one that worked. */
static void every_synchronisation_may_fail(void **state)
{
    fixture *f = *state;
    rf_plan *plan = make_plan();
    uint64_t tried = fail_in_turn(f, plan, RF_FAULT_STREAM_SYNC);
    faults_tried(tried, "synchronisations");
    assert_int_equal(tried, ITEMS * 3); /* two writes and a read of each block */
    rf_plan_free(plan);
}

static void every_kind_of_call_may_fail(void **state)
{
    fixture *f = *state;
    rf_plan *plan = make_plan();
    uint64_t tried = 0;
    const rf_fault_call kinds[] = {RF_FAULT_ALLOC, RF_FAULT_FREE, RF_FAULT_COPY};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        uint64_t of_kind = fail_in_turn(f, plan, kinds[i]);
        assert_true(of_kind > 0);
        tried += of_kind;
    }
    faults_tried(tried, "allocations, frees and copies");
    rf_plan_free(plan);
}

/* The records and mappings of the emulated device are among them. */
static void every_host_allocation_may_fail(void **state)
{
    fixture *f = *state;
    rf_plan *plan = make_plan();
    uint64_t before = rf_host_live_count();
    bool fired = true;
    uint64_t n = 1;
    for (; fired; n++) {
        rf_error error = {0};
        rf_fault_arm(RF_FAULT_HOST_ALLOC, n);
        rf_status status = live(f, plan, &error);
        fired = rf_fault_fired(RF_FAULT_HOST_ALLOC);
        rf_fault_arm(RF_FAULT_HOST_ALLOC, 0);
        if (fired)
            assert_true(status == RF_ERROR_HOST_MEMORY || status == RF_ERROR_DEVICE_MEMORY);
        else
            expect_ok(status, &error);
        assert_true(!fired || strlen(error.message) > 0);
        expect_baseline(f, before);
    }
    faults_tried(n - 2, "host allocations");
    rf_plan_free(plan);
}

/* However much memory is missing, what was allocated before the refusal comes back. */
static void running_out_anywhere_leaves_nothing(void **state)
{
    fixture *f = *state;
    rf_plan *plan = make_plan();
    uint64_t total = rf_plan_summarise(plan).total;
    uint64_t before = rf_host_live_count();
    rf_emu_set_memory(f->emu, total);
    for (uint64_t hidden = 0; hidden <= total; hidden += 40000) {
        rf_error error = {0};
        rf_fault_device_shrink(f->fault, hidden);
        rf_status status = live(f, plan, &error);
        assert_int_equal(status, hidden ? RF_ERROR_DEVICE_MEMORY : RF_OK);
        assert_true(!hidden || strstr(error.message, "asked "));
        expect_baseline(f, before);
    }
    rf_plan_free(plan);
}

/*
 * Defect 14: in the earlier engine a view owned its parent's memory and freed it when dropped, and
 * pools were freed while views lived; reads then failed at any offset, zero included.
 */
static void views_do_not_own_and_pools_outlive_them(void **state)
{
    fixture *f = *state;
    rf_plan *plan = make_plan();
    rf_pool *pool = NULL;
    rf_block parent, view;
    rf_error error = {0};
    uint8_t bytes[4096];
    expect_ok(rf_pool_open(f->memory, plan, WEIGHTS, "weights", &pool, &error), &error);
    expect_ok(rf_pool_take_planned(pool, plan, 3, &parent, &error), &error);
    expect_ok(write_and_read(parent, 0x5A, &error), &error);
    uint64_t allocations = rf_emu_count_live(f->emu).allocations;
    uint64_t frees = rf_fault_device_calls(f->fault, RF_FAULT_FREE);

    /* A view is dropped before its parent: nothing is freed, everything is still read. */
    expect_ok(rf_block_view(parent, 4096, 8192, &view, &error), &error);
    assert_int_equal(rf_pool_give(view, &error), RF_ERROR_ARGUMENT);
    view = (rf_block){0};
    const uint64_t offsets[] = {0, 1, 4096, 4097, item_bytes(3) - sizeof(bytes)};
    for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
        expect_ok(rf_block_read(parent, offsets[i], bytes, sizeof(bytes), &error), &error);
        emu_expect_all(bytes, sizeof(bytes), 0x5A);
    }

    /* A pool is closed under live views: refused, nothing is freed, the view still reads. */
    expect_ok(rf_block_view(parent, 4096, 8192, &view, &error), &error);
    assert_int_equal(rf_pool_close(pool, &error), RF_ERROR_BUSY);
    assert_int_equal(rf_emu_count_live(f->emu).allocations, allocations);
    assert_int_equal(rf_fault_device_calls(f->fault, RF_FAULT_FREE), frees);
    expect_ok(rf_block_read(view, 0, bytes, sizeof(bytes), &error), &error);
    emu_expect_all(bytes, sizeof(bytes), 0x5A);

    /* Once the parent is given, and once the pool is gone, the view is stale and no copy is made.
     */
    expect_ok(rf_pool_give(parent, &error), &error);
    uint64_t copies = rf_fault_device_calls(f->fault, RF_FAULT_COPY);
    assert_int_equal(rf_block_read(view, 0, bytes, 1, &error), RF_ERROR_STALE);
    expect_ok(rf_pool_close(pool, &error), &error);
    assert_int_equal(rf_block_read(view, 0, bytes, 1, &error), RF_ERROR_STALE);
    assert_int_equal(rf_block_write(view, 0, bytes, 1, &error), RF_ERROR_STALE);
    assert_int_equal(rf_fault_device_calls(f->fault, RF_FAULT_COPY), copies);
    assert_int_equal(rf_fault_device_calls(f->fault, RF_FAULT_FREE), frees + allocations);
    emu_expect_nothing_live(f->emu);
    rf_plan_free(plan);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(every_device_call_may_fail),          TEST(every_synchronisation_may_fail),
        TEST(every_kind_of_call_may_fail),         TEST(every_host_allocation_may_fail),
        TEST(running_out_anywhere_leaves_nothing), TEST(views_do_not_own_and_pools_outlive_them),
    };
    return cmocka_run_group_tests_name("device-memory", tests, NULL, NULL);
}
