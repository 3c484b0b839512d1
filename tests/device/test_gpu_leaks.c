/*
 * test_gpu_leaks.c: closing with something left is an error that names it, never silent: on the
 * CPU, an emulated GPU and, over the fake driver, HIP and CUDA ones. An account that is open keeps
 * its device open; memory that no account knows is freed with the device, and named.
 */
#include "support/cmocka.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "device/gpu_fixture.h"
#include "memory/pool.h"

#define WEIGHTS (1U << RF_MEMORY_WEIGHTS)

static const char *const ids[] = {"cpu", "emu32", "emu64", "hip:0", "cuda:1"};

#define COUNT (sizeof(ids) / sizeof(ids[0]))

static void expect_words(const char *message, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!strstr(message, words[i]))
            fail_msg("'%s' is not in '%s'", words[i], message);
}

typedef struct holder {
    rf_device *device;
    rf_memory *memory;
    rf_plan *plan;
    rf_pool *pool;
    rf_block block;
} holder;

/* A device with an account, a pool and a live block in it. */
static holder hold(const char *id)
{
    holder h = {0};
    assert_int_equal(rf_device_open(id, &h.device, NULL), RF_OK);
    assert_int_equal(rf_memory_open(h.device, &h.memory, NULL), RF_OK);
    assert_int_equal(rf_plan_new(&(rf_plan_config){0}, &h.plan, NULL), RF_OK);
    assert_int_equal(
        rf_plan_add(h.plan, "blk.0.attn_q.weight", RF_MEMORY_WEIGHTS, 5000, NULL, NULL), RF_OK);
    assert_int_equal(rf_plan_solve(h.plan, NULL), RF_OK);
    assert_int_equal(rf_pool_open(h.memory, h.plan, WEIGHTS, "weights", &h.pool, NULL), RF_OK);
    assert_int_equal(rf_pool_take_planned(h.pool, h.plan, 0, &h.block, NULL), RF_OK);
    return h;
}

static void a_device_is_not_closed_under_live_blocks(void **state)
{
    (void)state;
    uint64_t before = rf_host_live_count();
    for (size_t i = 0; i < COUNT; i++) {
        holder h = hold(ids[i]);
        rf_error error = {0};
        const char *const words[] = {ids[i], "pool 'weights' of 8192 bytes is open",
                                     "'blk.0.attn_q.weight'"};
        assert_int_equal(rf_device_close(h.device, &error), RF_ERROR_BUSY);
        expect_words(error.message, words, 3);
        assert_int_equal(rf_memory_close(h.memory, &error), RF_ERROR_BUSY);
        expect_words(error.message, words, 3);
        /* Nothing was closed: the block is still good, and all of it can be given back. */
        assert_int_equal(rf_block_write(h.block, 0, "bytes", 5, NULL), RF_OK);
        assert_int_equal(rf_pool_give(h.block, NULL), RF_OK);
        assert_int_equal(rf_device_close(h.device, &error), RF_ERROR_BUSY);
        expect_words(error.message, words, 2);
        assert_null(strstr(error.message, "live"));
        assert_int_equal(rf_pool_close(h.pool, NULL), RF_OK);
        assert_int_equal(rf_device_close(h.device, &error), RF_ERROR_BUSY);
        assert_non_null(strstr(error.message, "an account of its memory is open"));
        assert_int_equal(rf_memory_close(h.memory, NULL), RF_OK);
        assert_int_equal(rf_device_close(h.device, &error), RF_OK);
        rf_plan_free(h.plan);
        assert_int_equal(rf_host_live_count(), before);
    }
}

/* Another reference can go while an account is open: the device stays. */
static void a_reference_may_go_while_another_is_held(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        rf_device *first = NULL;
        rf_device *second = NULL;
        rf_memory *memory = NULL;
        assert_int_equal(rf_device_open(ids[i], &first, NULL), RF_OK);
        assert_int_equal(rf_device_open(ids[i], &second, NULL), RF_OK);
        assert_int_equal(rf_memory_open(first, &memory, NULL), RF_OK);
        assert_int_equal(rf_device_close(second, NULL), RF_OK);
        assert_int_equal(rf_device_close(first, NULL), RF_ERROR_BUSY);
        assert_int_equal(rf_memory_close(memory, NULL), RF_OK);
        assert_int_equal(rf_device_close(first, NULL), RF_OK);
    }
}

static void count_warnings(void *user, rf_log_level level, const char *line)
{
    int *lines = user;
    *lines += level == RF_LOG_WARNING && strstr(line, "not given back") != NULL;
}

static void memory_of_no_account_is_named_and_freed(void **state)
{
    (void)state;
    uint64_t before = rf_host_live_count();
    for (size_t i = 0; i < COUNT; i++) {
        rf_device *device = NULL;
        rf_address address = 0;
        void *pinned = NULL;
        rf_error error = {0};
        char where[2][64];
        int lines = 0;
        assert_int_equal(rf_device_open(ids[i], &device, NULL), RF_OK);
        assert_int_equal(device->ops->alloc(device, 8192, 4096, &address, NULL), RF_OK);
        assert_int_equal(device->ops->pinned_alloc(device, 4096, &pinned, NULL), RF_OK);
        snprintf(where[0], sizeof(where[0]), "at 0x%llx", (unsigned long long)address);
        snprintf(where[1], sizeof(where[1]), "at 0x%llx", (unsigned long long)(uintptr_t)pinned);
        const char *const words[] = {
            ids[i],  "2 things not given back", "8192 bytes", where[0], "pinned", "4096 bytes",
            where[1]};
        rf_log_set(count_warnings, &lines, RF_LOG_WARNING);
        assert_int_equal(rf_device_close(device, &error), RF_ERROR_INTERNAL);
        rf_log_set(NULL, NULL, RF_LOG_WARNING);
        expect_words(error.message, words, sizeof(words) / sizeof(words[0]));
        assert_int_equal(lines, 2);
        assert_int_equal(rf_host_live_count(), before);
        /* It was closed all the same, and opens anew. */
        assert_int_equal(rf_device_open(ids[i], &device, NULL), RF_OK);
        assert_int_equal(rf_device_close(device, NULL), RF_OK);
    }
}

/* More than fit into one message are counted. */
static void many_leaks_are_counted(void **state)
{
    (void)state;
    enum { LEAKS = 40 };
    rf_device *device = NULL;
    rf_error error = {0};
    rf_address address = 0;
    assert_int_equal(rf_device_open("cuda:0", &device, NULL), RF_OK);
    for (int i = 0; i < LEAKS; i++)
        assert_int_equal(device->ops->alloc(device, 4096, 4096, &address, NULL), RF_OK);
    assert_int_equal(rf_device_close(device, &error), RF_ERROR_INTERNAL);
    assert_non_null(strstr(error.message, "40 things"));
    assert_true(strlen(error.message) > 400 && strlen(error.message) < 800);
    size_t length = strlen(error.message); /* the last of those that are named is whole */
    assert_non_null(strstr(error.message + length - 20, "0x"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_fake, tear_down_fake)
    const struct CMUnitTest tests[] = {
        TEST(a_device_is_not_closed_under_live_blocks),
        TEST(a_reference_may_go_while_another_is_held),
        TEST(memory_of_no_account_is_named_and_freed),
        TEST(many_leaks_are_counted),
    };
    return cmocka_run_group_tests_name("gpu-leaks", tests, NULL, NULL);
}
