/*
 * test_staging_jobs.c: how tensors are cut into jobs: every byte is in one job, jobs fit their
 * buffer, and small tensors share them. And what a plan of the lineage's lists takes: it is what a
 * load takes (defect 5), within one part in a hundred of what any placement takes (defect 9).
 */
#include "support/cmocka.h"

#include <stdlib.h>

#include "memory/random.h"
#include "memory/shapes.h"
#include "memory/staging_fixture.h"
#include "memory/staging_jobs.h"
#include "support/emu_runtime.h"

enum { ROUNDS = 200 };

/* Walks all jobs, and expects the next byte wherever one begins. */
static uint64_t walk(const cargo *c, uint64_t capacity)
{
    rf_staging_cursor at = {0};
    rf_staging_job job;
    uint32_t item = 0;
    uint64_t offset = 0;
    uint64_t jobs = 0;
    while (rf_staging_next(c->items, c->n_items, capacity, &at, &job)) {
        uint64_t bytes = 0;
        assert_true(rf_staging_lead(&job) + (job.end - job.begin) <= capacity);
        for (uint32_t i = 0; i < job.n_segments; i++) {
            rf_staging_segment s = rf_staging_segment_at(c->items, &job, i);
            assert_int_equal(s.item, item);
            assert_int_equal(s.offset, offset);
            assert_int_equal(s.offset % RF_STAGING_PIECE_BYTES, 0);
            assert_true(s.bytes > 0);
            assert_true(c->items[item].offset + s.offset >= job.begin);
            assert_true(c->items[item].offset + s.offset + s.bytes <= job.end);
            bytes += s.bytes;
            offset += s.bytes;
            if (offset == c->items[item].bytes) {
                item++;
                offset = 0;
            }
        }
        assert_int_equal(bytes, job.bytes);
        jobs++;
    }
    assert_int_equal(item, c->n_items);
    return jobs;
}

static void every_byte_is_in_one_job(void **state)
{
    (void)state;
    uint64_t random = 3;
    for (int round = 0; round < ROUNDS; round++) {
        cargo *c = cargo_pack_random("/tmp", 1 + random_below(&random, 1 << 20), (uint64_t)round);
        uint64_t capacity = RF_STAGING_MIN_BUFFER_BYTES + 4096 * random_below(&random, 64);
        rf_staging_work work;
        assert_int_equal(rf_staging_measure(c->items, c->n_items, capacity, &work, NULL), RF_OK);
        assert_int_equal(walk(c, capacity), work.jobs);
        assert_true(work.widest <= capacity);
        cargo_free(c);
    }
}

static void thousands_of_small_tensors_share_jobs(void **state)
{
    (void)state;
    uint64_t sizes[4000];
    for (int i = 0; i < 4000; i++)
        sizes[i] = 4096;
    cargo *c = cargo_pack("/tmp", sizes, 4000, 0);
    rf_staging_work work;
    assert_int_equal(rf_staging_measure(c->items, 4000, 8 << 20, &work, NULL), RF_OK);
    assert_int_equal(work.jobs, 2);
    cargo_free(c);
}

static void lists_out_of_order_are_refused(void **state)
{
    (void)state;
    uint64_t sizes[] = {100, 200, 300};
    cargo *c = cargo_pack("/tmp", sizes, 3, 0);
    rf_staging_work work;
    c->items[1].offset -= 1; /* overlaps */
    assert_int_equal(rf_staging_measure(c->items, 3, 1 << 20, &work, NULL), RF_ERROR_ARGUMENT);
    c->items[1].offset += 1;
    c->items[2].bytes += 1; /* past the end of the file */
    assert_int_equal(rf_staging_measure(c->items, 3, 1 << 20, &work, NULL), RF_ERROR_ARGUMENT);
    c->items[2].bytes = 0;
    assert_int_equal(rf_staging_measure(c->items, 3, 1 << 20, &work, NULL), RF_ERROR_ARGUMENT);
    c->items[2].offset = UINT64_MAX - 2;
    c->items[2].bytes = 4;
    assert_int_equal(rf_staging_measure(c->items, 3, 1 << 20, &work, NULL), RF_ERROR_ARGUMENT);
    cargo_free(c);
}

/* The pools and buffers that a load takes from the driver are those of its plan, byte for byte. */
static void lineage_5_a_load_takes_the_pools_of_its_plan(void **state)
{
    (void)state;
    emu_runtime r;
    emu_runtime_open(&r);
    for (uint64_t round = 0; round < 40; round++) {
        cargo *c = cargo_pack_random("/tmp", 1 << 21, 1000 + round);
        rf_staging_config config = {.n_buffers = 3, .buffer_bytes = 128 << 10};
        cargo_place(c, r.runtime.memory, &config);
        rf_plan_summary plan = rf_plan_summarise(c->plan);
        rf_emu_live live = rf_emu_count_live(r.emu);
        assert_int_equal(live.allocations, rf_plan_pool_count(c->plan));
        assert_int_equal(live.bytes, plan.total);
        rf_memory_stats before = {.version = RF_MEMORY_STATS_VERSION};
        assert_int_equal(rf_memory_statistics(r.runtime.memory, &before, NULL), RF_OK);
        rf_load_stats load = {0};
        assert_int_equal(
            rf_staging_load(r.runtime.memory, &config, c->items, c->n_items, &load, NULL), RF_OK);
        rf_memory_stats after = {.version = RF_MEMORY_STATS_VERSION};
        assert_int_equal(rf_memory_statistics(r.runtime.memory, &after, NULL), RF_OK);
        const rf_memory_class_stats *staging = &after.classes[RF_MEMORY_STAGING];
        assert_int_equal(load.staging_bytes, plan.external[RF_MEMORY_STAGING]);
        assert_int_equal(staging->total - before.classes[RF_MEMORY_STAGING].total,
                         plan.external[RF_MEMORY_STAGING]);
        assert_int_equal(after.driver_allocations, before.driver_allocations);
        assert_int_equal(staging->current, 0);
        cargo_expect_arrived(c);
        cargo_unplace(c);
        cargo_free(c);
    }
    emu_runtime_close(&r);
}

/* No placement takes less than the tensors' own bytes. With pages for the small ones, whose
 * rounding is the only loss. */
static void expect_packed(const shapes *s, uint64_t pool_bytes, uint64_t alignment)
{
    rf_plan *plan = NULL;
    rf_plan_config config = {.pool_bytes = pool_bytes, .alignment = alignment};
    uint64_t least = 0;
    assert_int_equal(rf_plan_new(&config, &plan, NULL), RF_OK);
    for (size_t i = 0; i < s->count; i++) {
        assert_int_equal(rf_plan_add(plan, "tensor", RF_MEMORY_WEIGHTS, s->bytes[i], NULL, NULL),
                         RF_OK);
        least += (s->bytes[i] + alignment - 1) / alignment * alignment;
    }
    assert_int_equal(rf_plan_solve(plan, NULL), RF_OK);
    uint64_t total = rf_plan_summarise(plan).total;
    assert_true(total <= least + least / 100);
    /* Where there is room for as many bytes there is a fit: the plan asks for no more. */
    assert_true(total <= least);
    rf_plan_free(plan);
}

static void lineage_9_plans_pack_within_one_part_in_a_hundred(void **state)
{
    (void)state;
    shapes llama = shapes_llama_3_8b();
    expect_packed(&llama, 1 << 30, 4096);
    uint64_t random = 9;
    for (int round = 0; round < ROUNDS; round++) {
        shapes s = shapes_random(&random, 1ULL << 33);
        expect_packed(&s, 1ULL << (20 + random_below(&random, 12)),
                      256U << random_below(&random, 6));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_is_in_one_job),
        cmocka_unit_test(thousands_of_small_tensors_share_jobs),
        cmocka_unit_test(lists_out_of_order_are_refused),
        cmocka_unit_test(lineage_5_a_load_takes_the_pools_of_its_plan),
        cmocka_unit_test(lineage_9_plans_pack_within_one_part_in_a_hundred),
    };
    return cmocka_run_group_tests_name("staging jobs", tests, NULL, NULL);
}
