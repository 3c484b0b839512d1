/* test_block.c: views never own, stale handles are errors, no address leaves its block. */
#include "support/cmocka.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "memory/fake_device.h"
#include "memory/pool.h"

#define KV (1U << RF_MEMORY_KV)

typedef struct fixture {
    fake_device device;
    rf_memory *memory;
    rf_pool *pool; /* of 64 KiB at alignment 256 */
} fixture;

static int open_fixture(void **state)
{
    static fixture f;
    rf_plan *plan = NULL;
    rf_plan_config config = {.alignment = 256};
    assert_int_equal(fake_open(&f.device), RF_OK);
    assert_int_equal(rf_memory_open(&f.device.base, &f.memory, NULL), RF_OK);
    assert_int_equal(rf_plan_new(&config, &plan, NULL), RF_OK);
    assert_int_equal(rf_plan_add(plan, "all", RF_MEMORY_KV, 64 << 10, NULL, NULL), RF_OK);
    assert_int_equal(rf_plan_solve(plan, NULL), RF_OK);
    assert_int_equal(rf_pool_open(f.memory, plan, KV, "kv", &f.pool, NULL), RF_OK);
    rf_plan_free(plan);
    *state = &f;
    return 0;
}

static int close_fixture(void **state)
{
    fixture *f = *state;
    f->device.fail_at = 0;
    assert_int_equal(rf_pool_close(f->pool, NULL), RF_OK);
    assert_int_equal(rf_memory_close(f->memory, NULL), RF_OK);
    fake_close(&f->device);
    return 0;
}

static rf_block take(fixture *f, uint64_t bytes)
{
    rf_block block;
    assert_int_equal(rf_pool_take(f->pool, bytes, RF_MEMORY_KV, "block", &block, NULL), RF_OK);
    return block;
}

static void views_stay_inside_their_block(void **state)
{
    fixture *f = *state;
    rf_block block = take(f, 1000);
    rf_block view = {0};
    rf_block inner;
    rf_address base, address;
    rf_error error;
    assert_int_equal(rf_block_address(block, &base, NULL), RF_OK);
    assert_int_equal(rf_block_view(block, 100, 50, &view, NULL), RF_OK);
    assert_int_equal(rf_block_view(view, 10, 40, &inner, NULL), RF_OK);
    assert_int_equal(rf_block_address(inner, &address, NULL), RF_OK);
    assert_int_equal(address, base + 110);
    assert_int_equal(inner.kind, RF_BLOCK_VIEW);
    /* A view ends where it was made to end, not where its block does. */
    assert_int_equal(rf_block_view(view, 10, 41, &inner, &error), RF_ERROR_RANGE);
    assert_string_equal(error.message, "offset 10, 41 bytes: the block has 50");
    /* Defect 1: offsets at the end of the address space. */
    assert_int_equal(rf_block_view(block, UINT64_MAX, 1, &inner, &error), RF_ERROR_RANGE);
    assert_int_equal(rf_block_view(block, 1, UINT64_MAX, &inner, &error), RF_ERROR_RANGE);
    assert_int_equal(rf_block_view(block, 1000, 0, &inner, &error), RF_OK);
    assert_int_equal(rf_block_view(block, 1001, 0, &inner, &error), RF_ERROR_RANGE);
    /* A handle whose numbers were tampered with is caught by what its slot says. */
    rf_block forged = block;
    forged.bytes = 1001;
    assert_int_equal(rf_block_address(forged, &address, &error), RF_ERROR_RANGE);
    forged = view;
    forged.offset = UINT64_MAX - 10;
    assert_int_equal(rf_block_address(forged, &address, &error), RF_ERROR_RANGE);
    forged.slot = UINT32_MAX;
    assert_int_equal(rf_block_address(forged, &address, &error), RF_ERROR_STALE);
    assert_int_equal(rf_pool_give(forged, &error), RF_ERROR_ARGUMENT);
    assert_int_equal(rf_pool_give(block, NULL), RF_OK);
}

/* The earlier engine's double free, replayed: a view was a second owner of its parent's memory. */
static void views_never_free(void **state)
{
    fixture *f = *state;
    rf_block block = take(f, 1000);
    rf_block view;
    rf_address address;
    rf_error error;
    uint8_t byte = 42;
    assert_int_equal(rf_block_view(block, 0, 1000, &view, NULL), RF_OK);
    assert_int_equal(rf_pool_give(view, &error), RF_ERROR_ARGUMENT);
    assert_non_null(strstr(error.message, "this is a view"));
    /* The view is dropped first: the block is as it was. */
    assert_int_equal(rf_block_write(block, 999, &byte, 1, NULL), RF_OK);
    /* The pool under a view does not close while the view's owner lives. */
    assert_int_equal(rf_pool_close(f->pool, &error), RF_ERROR_BUSY);
    assert_int_equal(f->device.live, 1);
    assert_int_equal(rf_pool_give(block, NULL), RF_OK);
    assert_int_equal(rf_block_address(view, &address, &error), RF_ERROR_STALE);
    assert_int_equal(rf_block_read(view, 0, &byte, 1, &error), RF_ERROR_STALE);
    assert_int_equal(rf_block_view(view, 0, 1, &view, &error), RF_ERROR_STALE);
}

static void a_stale_handle_stays_stale(void **state)
{
    fixture *f = *state;
    rf_block old = take(f, 256);
    rf_block copy = old;
    rf_address address = 7;
    rf_error error;
    assert_int_equal(rf_pool_give(old, NULL), RF_OK);
    /* The same slot and the same bytes are taken again, many times: never the old handle's. */
    for (int i = 0; i < 1000; i++) {
        rf_block again = take(f, 256);
        assert_int_equal(again.slot, old.slot);
        assert_int_equal(rf_pool_give(copy, &error), RF_ERROR_STALE);
        assert_int_equal(rf_block_address(copy, &address, &error), RF_ERROR_STALE);
        assert_int_equal(rf_pool_give(again, NULL), RF_OK);
    }
    assert_int_equal(address, 7);
}

/* Handles outlive their pool safely, for the account keeps their slots. */
static void handles_of_a_closed_pool_are_stale(void **state)
{
    fixture *f = *state;
    rf_block block = take(f, 256);
    rf_block view;
    rf_address address;
    assert_int_equal(rf_block_view(block, 10, 10, &view, NULL), RF_OK);
    assert_int_equal(rf_pool_give(block, NULL), RF_OK);
    assert_int_equal(rf_pool_close(f->pool, NULL), RF_OK);
    f->pool = NULL;
    assert_int_equal(rf_block_address(view, &address, NULL), RF_ERROR_STALE);
    assert_int_equal(rf_block_write(view, 0, "x", 1, NULL), RF_ERROR_STALE);
    assert_int_equal(rf_pool_give(block, NULL), RF_ERROR_STALE);
}

static void external_blocks_are_counted_apart(void **state)
{
    fixture *f = *state;
    static char mapped[5000];
    rf_block block, view;
    rf_address address;
    rf_error error;
    rf_memory_stats stats = {.version = RF_MEMORY_STATS_VERSION};
    assert_int_equal(rf_memory_register(f->memory, (uintptr_t)mapped, sizeof(mapped),
                                        RF_MEMORY_WEIGHTS, "model.gguf", &block, NULL),
                     RF_OK);
    assert_int_equal(rf_memory_statistics(f->memory, &stats, NULL), RF_OK);
    assert_int_equal(stats.classes[RF_MEMORY_WEIGHTS].current, 5000);
    assert_int_equal(stats.classes[RF_MEMORY_WEIGHTS].external, 5000);
    assert_int_equal(stats.live, 0);
    assert_int_equal(stats.reserved, 64 << 10);
    assert_int_equal(rf_block_view(block, 4000, 1000, &view, NULL), RF_OK);
    assert_int_equal(rf_block_address(view, &address, NULL), RF_OK);
    assert_int_equal(address, (uintptr_t)mapped + 4000);
    assert_int_equal(rf_pool_give(block, &error), RF_ERROR_ARGUMENT);
    assert_int_equal(rf_memory_unregister(view, &error), RF_ERROR_ARGUMENT);
    assert_int_equal(rf_memory_close(f->memory, &error), RF_ERROR_BUSY);
    assert_non_null(strstr(error.message, "external blocks are live: 'model.gguf'"));
    assert_int_equal(rf_memory_unregister(block, NULL), RF_OK);
    assert_int_equal(rf_memory_unregister(block, &error), RF_ERROR_STALE);
    assert_int_equal(rf_block_address(view, &address, &error), RF_ERROR_STALE);
    assert_int_equal(rf_memory_statistics(f->memory, &stats, NULL), RF_OK);
    assert_int_equal(stats.classes[RF_MEMORY_WEIGHTS].current, 0);
    assert_int_equal(stats.classes[RF_MEMORY_WEIGHTS].peak, 5000);
}

static void external_blocks_lie_in_the_address_space(void **state)
{
    fixture *f = *state;
    rf_block block = {0};
    rf_error error;
    assert_int_equal(
        rf_memory_register(f->memory, UINT64_MAX - 10, 12, RF_MEMORY_WEIGHTS, "x", &block, &error),
        RF_ERROR_OVERFLOW);
    assert_int_equal(rf_memory_register(f->memory, 0, 12, RF_MEMORY_WEIGHTS, "x", &block, &error),
                     RF_ERROR_ARGUMENT);
    assert_int_equal(rf_memory_register(f->memory, 4096, 0, RF_MEMORY_WEIGHTS, "x", &block, &error),
                     RF_ERROR_ARGUMENT);
    assert_int_equal(
        rf_memory_register(f->memory, 4096, 1, RF_MEMORY_CLASS_COUNT, "x", &block, &error),
        RF_ERROR_ARGUMENT);
    assert_int_equal(block.kind, RF_BLOCK_NONE);
    /* The sum of two blocks is as much a sum as any. */
    assert_int_equal(
        rf_memory_register(f->memory, 4096, 1ULL << 62, RF_MEMORY_WEIGHTS, "x", &block, NULL),
        RF_OK);
    rf_block second = {0};
    assert_int_equal(
        rf_memory_register(f->memory, 4096, 1ULL << 62, RF_MEMORY_WEIGHTS, "x", &second, &error),
        RF_ERROR_OVERFLOW);
    assert_int_equal(second.kind, RF_BLOCK_NONE);
    assert_int_equal(rf_memory_unregister(block, NULL), RF_OK);
}

static void the_table_of_blocks_has_an_end(void **state)
{
    fixture *f = *state;
    enum { COUNT = RF_MEMORY_MAX_BLOCKS };
    rf_block *blocks = calloc(COUNT, sizeof(*blocks));
    rf_error error;
    size_t n = 0;
    rf_status status = RF_OK;
    for (; n < COUNT && status == RF_OK; n += status == RF_OK)
        status = rf_memory_register(f->memory, 4096, 1, RF_MEMORY_KV, "x", &blocks[n], &error);
    /* The pool of the fixture has its own blocks promised, and can still take them. */
    assert_int_equal(status, RF_ERROR_FULL);
    assert_int_equal(n, COUNT - 1 - RF_POOL_SPARE_BLOCKS);
    rf_block block = take(f, 100);
    assert_int_equal(rf_pool_give(block, NULL), RF_OK);
    while (n)
        assert_int_equal(rf_memory_unregister(blocks[--n], NULL), RF_OK);
    free(blocks);
}

static void copies_stay_inside_and_report_the_driver(void **state)
{
    fixture *f = *state;
    rf_block block = take(f, 100);
    rf_error error;
    char bytes[100];
    char back[100] = {0};
    for (int i = 0; i < 100; i++)
        bytes[i] = (char)i;
    assert_int_equal(rf_block_write(block, 0, bytes, 100, NULL), RF_OK);
    assert_int_equal(rf_block_read(block, 33, back, 67, NULL), RF_OK);
    assert_memory_equal(back, bytes + 33, 67);
    assert_int_equal(rf_block_write(block, 1, bytes, 100, &error), RF_ERROR_RANGE);
    assert_int_equal(rf_block_read(block, 100, back, 1, &error), RF_ERROR_RANGE);
    assert_int_equal(rf_block_read(block, UINT64_MAX, back, 2, &error), RF_ERROR_RANGE);
    assert_int_equal(rf_block_read(block, 100, NULL, 0, &error), RF_OK);
    /* Defect 6: the copy and the synchronisation behind it are both asked how they went. */
    for (uint64_t n = 1; n <= 2; n++) {
        f->device.calls = 0;
        f->device.fail_at = n;
        assert_int_equal(rf_block_read(block, 0, back, 10, &error), RF_ERROR_DEVICE);
        f->device.calls = 0;
        assert_int_equal(rf_block_write(block, 0, bytes, 10, &error), RF_ERROR_DEVICE);
    }
    f->device.fail_at = 0;
    assert_int_equal(rf_pool_give(block, NULL), RF_OK);
}

static void an_empty_handle_is_no_block(void **state)
{
    (void)state;
    rf_block none = {0};
    rf_address address;
    rf_error error;
    assert_int_equal(rf_block_address(none, &address, &error), RF_ERROR_ARGUMENT);
    assert_int_equal(rf_block_view(none, 0, 0, &none, &error), RF_ERROR_ARGUMENT);
    assert_int_equal(rf_pool_give(none, &error), RF_ERROR_ARGUMENT);
    assert_int_equal(rf_memory_unregister(none, &error), RF_ERROR_ARGUMENT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)
    const struct CMUnitTest tests[] = {
        TEST(views_stay_inside_their_block),
        TEST(views_never_free),
        TEST(a_stale_handle_stays_stale),
        TEST(handles_of_a_closed_pool_are_stale),
        TEST(external_blocks_are_counted_apart),
        TEST(external_blocks_lie_in_the_address_space),
        TEST(the_table_of_blocks_has_an_end),
        TEST(copies_stay_inside_and_report_the_driver),
        cmocka_unit_test(an_empty_handle_is_no_block),
    };
    return cmocka_run_group_tests_name("block", tests, NULL, NULL);
}
