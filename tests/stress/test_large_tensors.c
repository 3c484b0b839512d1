/*
 * test_large_tensors.c: one tensor above 2 GiB and one above 4 GiB: no size, offset or count on
 * their way is of 32 bits. The file is sparse; what it has stands at the places where such a number
 * would wrap.
 */
#include "support/cmocka.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "memory/staging.h"
#include "support/emu_runtime.h"

/* Host memory that the emulated GPU takes for a tensor, and more: checksums, buffers, page cache.
 */
#define NEEDED_BYTES (12ULL << 30)
#define DATA_OFFSET  4000U

static void skip_without_memory(void)
{
    rf_device *cpu = NULL;
    rf_device_memory memory;
    assert_int_equal(rf_device_open("cpu", &cpu, NULL), RF_OK);
    assert_int_equal(cpu->ops->memory(cpu, &memory, NULL), RF_OK);
    rf_device_close(cpu, NULL);
    if (memory.free < NEEDED_BYTES) {
        print_message("skipped: %" PRIu64 " bytes of memory are free, %llu needed\n", memory.free,
                      NEEDED_BYTES);
        skip();
    }
}

/* Marks at the start, the end, and on both sides of 2 GiB and 4 GiB. */
static uint32_t mark_places(uint64_t bytes, uint64_t places[8])
{
    uint64_t candidates[] = {0,          (2ULL << 30) - 8, 2ULL << 30, (4ULL << 30) - 8,
                             4ULL << 30, bytes - 8};
    uint32_t count = 0;
    for (size_t i = 0; i < sizeof(candidates) / sizeof(candidates[0]); i++) {
        if (candidates[i] + 8 <= bytes)
            places[count++] = candidates[i];
    }
    return count;
}

static uint64_t mark_of(uint64_t place)
{
    return place * 0x9E3779B97F4A7C15U + 1;
}

static void write_sparse(char path[64], uint64_t bytes)
{
    uint64_t places[8];
    strcpy(path, "/tmp/rocmforge-large-XXXXXX");
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    assert_int_equal(ftruncate(descriptor, (off_t)(DATA_OFFSET + bytes)), 0);
    for (uint32_t i = mark_places(bytes, places); i-- > 0;) {
        uint64_t mark = mark_of(places[i]);
        assert_int_equal(pwrite(descriptor, &mark, 8, (off_t)(DATA_OFFSET + places[i])), 8);
    }
    close(descriptor);
}

static void load_large(uint64_t bytes, rf_read_mode mode)
{
    emu_runtime r;
    rf_error error;
    char path[64];
    skip_without_memory();
    emu_runtime_open(&r);
    write_sparse(path, bytes);
    rf_file *file = NULL;
    rf_plan *plan = NULL;
    rf_pool *pool = NULL;
    uint32_t planned = 0;
    assert_int_equal(rf_file_open(path, &file, &error), RF_OK);
    rf_staging_item item = {.file = file, .offset = DATA_OFFSET, .bytes = bytes, .label = "large"};
    rf_plan_config config = {.available = 8ULL << 30};
    assert_int_equal(rf_plan_new(&config, &plan, &error), RF_OK);
    assert_int_equal(rf_plan_add(plan, "large", RF_MEMORY_WEIGHTS, bytes, &planned, &error), RF_OK);
    assert_int_equal(rf_plan_solve(plan, &error), RF_OK);
    assert_int_equal(
        rf_pool_open(r.runtime.memory, plan, 1U << RF_MEMORY_WEIGHTS, "large", &pool, &error),
        RF_OK);
    assert_int_equal(rf_pool_take_planned(pool, plan, planned, &item.block, &error), RF_OK);
    rf_load_stats stats = {0};
    rf_staging_config staging = {.read_mode = mode, .n_readers = 4, .verify = true};
    if (rf_staging_load(r.runtime.memory, &staging, &item, 1, &stats, &error) != RF_OK)
        fail_msg("%s", error.message);
    assert_int_equal(stats.bytes, bytes);
    uint64_t places[8];
    for (uint32_t i = mark_places(bytes, places); i-- > 0;) {
        uint64_t mark = 0;
        assert_int_equal(rf_block_read(item.block, places[i], &mark, 8, &error), RF_OK);
        assert_int_equal(mark, mark_of(places[i]));
    }
    print_message("%" PRIu64 " bytes in %.2f s, verified in %.2f s\n", bytes,
                  (double)stats.transfer_nanoseconds * 1e-9,
                  (double)stats.verify_nanoseconds * 1e-9);
    assert_int_equal(rf_pool_give(item.block, &error), RF_OK);
    assert_int_equal(rf_pool_close(pool, &error), RF_OK);
    rf_plan_free(plan);
    rf_file_close(file);
    unlink(path);
    emu_runtime_close(&r);
}

static void a_tensor_of_more_than_2_gib(void **state)
{
    (void)state;
    load_large((2ULL << 30) + 12344, RF_READ_BUFFERED);
}

static void a_tensor_of_more_than_4_gib(void **state)
{
    (void)state;
    load_large((4ULL << 30) + 77777, RF_READ_DIRECT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tensor_of_more_than_2_gib),
        cmocka_unit_test(a_tensor_of_more_than_4_gib),
    };
    return cmocka_run_group_tests_name("large tensors", tests, NULL, NULL);
}
