/* test_plan.c: what holds of every plan, on random lists and on a real model's; sums, errors,
 * merging. */
#include "support/cmocka.h"

#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/fault.h"
#include "base/memory.h"
#include "memory/plan.h"
#include "memory/shapes.h"
#include "support/faults.h"

static rf_plan *new_plan(uint64_t pool_bytes, uint64_t alignment, uint64_t available)
{
    rf_plan *plan = NULL;
    rf_plan_config config = {
        .pool_bytes = pool_bytes, .alignment = alignment, .available = available};
    assert_int_equal(rf_plan_new(&config, &plan, NULL), RF_OK);
    return plan;
}

static uint64_t rounded(uint64_t bytes, uint64_t alignment)
{
    uint64_t size = 0;
    assert_true(rf_align_up(bytes, alignment, &size));
    return size;
}

static bool is_weights(rf_memory_class memory_class)
{
    return memory_class == RF_MEMORY_WEIGHTS;
}

/* Every item lies in its pool, aligned, directly behind the one before it; every pool is exactly
 * full of items that live equally long. So no two items overlap, and nothing is lost but rounding.
 */
static void check_placement(const rf_plan *plan, uint64_t pool_bytes, uint64_t alignment)
{
    rf_plan_summary summary = rf_plan_summarise(plan);
    uint64_t total = 0;
    uint64_t padding = 0;
    for (size_t p = 0; p < rf_plan_pool_count(plan); p++) {
        rf_plan_pool pool = rf_plan_pool_at(plan, p);
        uint64_t end = 0;
        uint32_t items = 0;
        uint64_t pool_padding = 0;
        for (size_t i = 0; i < rf_plan_item_count(plan); i++) {
            rf_plan_item item = rf_plan_item_at(plan, i);
            if (item.pool != p)
                continue;
            assert_int_equal(item.offset, end);
            assert_int_equal(is_weights(item.memory_class), is_weights(pool.memory_class));
            assert_true(rf_plan_pool_classes(plan, p) & (1U << item.memory_class));
            end += rounded(item.bytes, alignment);
            pool_padding += rounded(item.bytes, alignment) - item.bytes;
            items++;
        }
        assert_int_equal(pool.bytes, end);
        assert_int_equal(pool.items, items);
        assert_int_equal(pool.padding, pool_padding);
        assert_int_equal(rf_plan_pool_alignment(plan, p), alignment);
        assert_true(items > 0 && (pool.bytes <= pool_bytes || items == 1));
        total += pool.bytes;
        padding += pool.padding;
    }
    assert_int_equal(summary.total, total);
    assert_int_equal(summary.padding, padding);
    assert_int_equal(summary.fits, total <= summary.available);
}

static void check_sums(const rf_plan *plan, uint64_t alignment)
{
    rf_plan_summary summary = rf_plan_summarise(plan);
    uint64_t least = 0;
    uint64_t pooled[RF_MEMORY_CLASS_COUNT] = {0};
    uint64_t external[RF_MEMORY_CLASS_COUNT] = {0};
    for (size_t i = 0; i < rf_plan_item_count(plan); i++) {
        rf_plan_item item = rf_plan_item_at(plan, i);
        if (item.pool == RF_PLAN_EXTERNAL) {
            external[item.memory_class] += item.bytes;
            continue;
        }
        pooled[item.memory_class] += item.bytes;
        least += rounded(item.bytes, alignment);
    }
    assert_memory_equal(summary.pooled, pooled, sizeof(pooled));
    assert_memory_equal(summary.external, external, sizeof(external));
    /* The lower bound of every placement at this alignment: the plan takes exactly that. */
    assert_int_equal(summary.total, least);
}

static void every_random_plan_is_tight(void **state)
{
    (void)state;
    uint64_t random = 11;
    for (int round = 0; round < 300; round++) {
        uint64_t alignment = 256ULL << random_below(&random, 8);
        uint64_t pool_bytes = (1ULL << 20) << random_below(&random, 8);
        shapes s = shapes_random(&random, 2 * pool_bytes);
        rf_plan *plan = new_plan(pool_bytes, alignment, random_below(&random, 1ULL << 32));
        for (size_t i = 0; i < s.count; i++) {
            rf_memory_class c = (rf_memory_class)random_below(&random, RF_MEMORY_CLASS_COUNT);
            uint32_t index = 0;
            rf_status status = random_below(&random, 8)
                                   ? rf_plan_add(plan, "x", c, s.bytes[i], &index, NULL)
                                   : rf_plan_add_external(plan, "x", c, s.bytes[i], &index, NULL);
            assert_int_equal(status, RF_OK);
            assert_int_equal(index, i);
        }
        assert_int_equal(rf_plan_solve(plan, NULL), RF_OK);
        check_placement(plan, pool_bytes, alignment);
        check_sums(plan, alignment);
        rf_plan_free(plan);
    }
}

/* The bound that place.c states: two consecutive pools hold more than one pool's most. */
static void many_small_items_need_few_pools(void **state)
{
    (void)state;
    uint64_t random = 12;
    for (int round = 0; round < 100; round++) {
        uint64_t pool_bytes = 1ULL << 20;
        shapes s = shapes_random(&random, pool_bytes);
        rf_plan *plan = new_plan(pool_bytes, 256, 0);
        for (size_t i = 0; i < s.count; i++)
            assert_int_equal(rf_plan_add(plan, "x", RF_MEMORY_WEIGHTS, s.bytes[i], NULL, NULL),
                             RF_OK);
        assert_int_equal(rf_plan_solve(plan, NULL), RF_OK);
        uint64_t total = rf_plan_summarise(plan).total;
        assert_true(rf_plan_pool_count(plan) <= 2 * total / pool_bytes + 1);
        rf_plan_free(plan);
    }
}

static void a_real_model_loses_less_than_one_percent(void **state)
{
    (void)state;
    shapes s = shapes_llama_3_8b();
    rf_plan *plan = new_plan(0, 0, 8ULL << 30);
    uint64_t sum = 0;
    for (size_t i = 0; i < s.count; i++) {
        sum += s.bytes[i];
        assert_int_equal(rf_plan_add(plan, "w", RF_MEMORY_WEIGHTS, s.bytes[i], NULL, NULL), RF_OK);
    }
    assert_int_equal(rf_plan_solve(plan, NULL), RF_OK);
    check_placement(plan, RF_PLAN_DEFAULT_POOL_BYTES, RF_PLAN_DEFAULT_ALIGNMENT);
    rf_plan_summary summary = rf_plan_summarise(plan);
    assert_true(summary.total - sum <= sum / 100);
    assert_true(summary.fits);
    assert_int_equal(rf_plan_require_fit(plan, NULL), RF_OK);
    /* The file is read front to back: each pool takes items that stand near each other. */
    assert_true(rf_plan_pool_count(plan) <= sum / RF_PLAN_DEFAULT_POOL_BYTES + 1);
    rf_plan_free(plan);
}

static void weights_share_no_pool(void **state)
{
    (void)state;
    rf_plan *plan = new_plan(1U << 20, 4096, 0);
    for (int c = 0; c < RF_MEMORY_CLASS_COUNT; c++)
        assert_int_equal(rf_plan_add(plan, "x", (rf_memory_class)c, 5000, NULL, NULL), RF_OK);
    assert_int_equal(rf_plan_add(plan, "large", RF_MEMORY_KV, (1U << 20) + 1, NULL, NULL), RF_OK);
    assert_int_equal(rf_plan_solve(plan, NULL), RF_OK);
    assert_int_equal(rf_plan_pool_count(plan), 3);
    assert_int_equal(rf_plan_pool_classes(plan, 0), 1U << RF_MEMORY_WEIGHTS);
    assert_int_equal(rf_plan_pool_classes(plan, 1),
                     1U << RF_MEMORY_KV | 1U << RF_MEMORY_SCRATCH | 1U << RF_MEMORY_STAGING);
    assert_int_equal(rf_plan_pool_at(plan, 2).bytes, (1U << 20) + 4096);
    assert_int_equal(rf_plan_pool_classes(plan, 3), 0);
    assert_int_equal(rf_plan_pool_at(plan, 3).bytes, 0);
    assert_null(rf_plan_item_at(plan, 99).label);
    rf_plan_free(plan);
}

static void sizes_that_overflow_are_errors(void **state)
{
    (void)state;
    rf_error error;
    rf_plan *plan = new_plan(0, 4096, UINT64_MAX);
    uint32_t index = 55;
    /* Defect 4: rounding one size up wraps. */
    assert_int_equal(rf_plan_add(plan, "blk.0.x", RF_MEMORY_KV, UINT64_MAX - 4094, &index, &error),
                     RF_ERROR_OVERFLOW);
    assert_non_null(strstr(error.message, "blk.0.x"));
    assert_int_equal(index, 55);
    /* Each fits, their sum does not. */
    for (int i = 0; i < 2; i++)
        assert_int_equal(rf_plan_add(plan, "x", RF_MEMORY_KV, 1ULL << 63, NULL, &error), RF_OK);
    assert_int_equal(rf_plan_solve(plan, &error), RF_ERROR_OVERFLOW);
    assert_int_equal(rf_plan_pool_count(plan), 0);
    assert_false(rf_plan_is_solved(plan));
    rf_plan_free(plan);
    plan = new_plan(0, 4096, 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(
            rf_plan_add_external(plan, "x", RF_MEMORY_WEIGHTS, 1ULL << 63, NULL, &error), RF_OK);
    assert_int_equal(rf_plan_solve(plan, &error), RF_ERROR_OVERFLOW);
    rf_plan_free(plan);
    /* Each class has a sum, all of them together have none. */
    plan = new_plan(0, 4096, 0);
    assert_int_equal(rf_plan_add(plan, "x", RF_MEMORY_KV, 1ULL << 63, NULL, &error), RF_OK);
    assert_int_equal(rf_plan_add(plan, "y", RF_MEMORY_WEIGHTS, 1ULL << 63, NULL, &error), RF_OK);
    assert_int_equal(rf_plan_solve(plan, &error), RF_ERROR_OVERFLOW);
    rf_plan_free(plan);
}

static void refusals_name_the_value_and_the_limit(void **state)
{
    (void)state;
    rf_error error;
    rf_plan *plan = NULL;
    const rf_plan_config bad[] = {
        {.alignment = 3000},
        {.alignment = 128},
        {.alignment = 1ULL << 31},
        {.pool_bytes = 3ULL << 20},
        {.pool_bytes = 2048, .alignment = 4096},
        {.granularity = 3000},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(rf_plan_new(&bad[i], &plan, &error), RF_ERROR_ARGUMENT);
    assert_null(plan);
    plan = new_plan(0, 0, 10000);
    assert_int_equal(rf_plan_add(plan, "x", RF_MEMORY_KV, 0, NULL, &error), RF_ERROR_ARGUMENT);
    assert_int_equal(rf_plan_add(plan, NULL, RF_MEMORY_KV, 1, NULL, &error), RF_ERROR_ARGUMENT);
    assert_int_equal(rf_plan_add(plan, "x", RF_MEMORY_CLASS_COUNT, 1, NULL, &error),
                     RF_ERROR_ARGUMENT);
    assert_int_equal(rf_plan_require_fit(plan, &error), RF_ERROR_ARGUMENT);
    assert_int_equal(rf_plan_merge(plan, plan, &error), RF_ERROR_ARGUMENT);
    assert_int_equal(rf_plan_add(plan, "x", RF_MEMORY_KV, 10001, NULL, &error), RF_OK);
    assert_int_equal(rf_plan_solve(plan, &error), RF_OK);
    assert_int_equal(rf_plan_solve(plan, &error), RF_ERROR_ARGUMENT);
    assert_int_equal(rf_plan_add(plan, "x", RF_MEMORY_KV, 1, NULL, &error), RF_ERROR_ARGUMENT);
    assert_int_equal(rf_plan_require_fit(plan, &error), RF_ERROR_DEVICE_MEMORY);
    assert_non_null(strstr(error.message, "asked 12288 bytes"));
    assert_non_null(strstr(error.message, "free 10000"));
    rf_plan_free(plan);
    rf_plan_free(NULL);
}

/* Each pool takes whole granules of the driver; what that adds is counted once, and judged. */
static void rounding_is_part_of_what_is_needed(void **state)
{
    (void)state;
    uint64_t random = 5;
    for (int round = 0; round < 200; round++) {
        uint64_t granularity = 1ULL << random_below(&random, 24);
        rf_plan_config config = {.pool_bytes = 1U << 20,
                                 .granularity = granularity,
                                 .driver = random_below(&random, 1U << 30)};
        rf_plan *plan = NULL;
        uint64_t needed = config.driver;
        for (int again = 0; again < 3;
             again++) { /* measure, then free just enough, and too little */
            config.available = again == 0 ? 0 : needed - (again == 2);
            assert_int_equal(rf_plan_new(&config, &plan, NULL), RF_OK);
            for (uint64_t i = 0; i < 20; i++)
                assert_int_equal(rf_plan_add(plan, "x", i % 3 ? RF_MEMORY_KV : RF_MEMORY_WEIGHTS,
                                             1 + (i * 7919 + (uint64_t)round) % (1U << 19), NULL,
                                             NULL),
                                 RF_OK);
            assert_int_equal(rf_plan_solve(plan, NULL), RF_OK);
            rf_plan_summary summary = rf_plan_summarise(plan);
            uint64_t rounding = 0;
            for (size_t p = 0; p < rf_plan_pool_count(plan); p++) {
                rf_plan_pool pool = rf_plan_pool_at(plan, p);
                assert_true(pool.rounding < granularity);
                assert_int_equal((pool.bytes + pool.rounding) % granularity, 0);
                rounding += pool.rounding;
            }
            assert_int_equal(summary.rounding, rounding);
            assert_int_equal(summary.needed, summary.total + rounding + config.driver);
            assert_int_equal(summary.fits, again == 1);
            assert_int_equal(rf_plan_require_fit(plan, NULL),
                             again == 1 ? RF_OK : RF_ERROR_DEVICE_MEMORY);
            needed = summary.needed;
            rf_plan_free(plan);
        }
    }
}

static void needs_that_overflow_are_errors(void **state)
{
    (void)state;
    rf_plan *plan = NULL;
    const rf_plan_config configs[] = {
        {.granularity = 1ULL << 63}, /* two pools of a granule each */
        {.driver = UINT64_MAX - 4096},
    };
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(rf_plan_new(&configs[i], &plan, NULL), RF_OK);
        assert_int_equal(rf_plan_add(plan, "x", RF_MEMORY_WEIGHTS, 4097, NULL, NULL), RF_OK);
        assert_int_equal(rf_plan_add(plan, "y", RF_MEMORY_KV, 1, NULL, NULL), RF_OK);
        assert_int_equal(rf_plan_solve(plan, NULL), RF_ERROR_OVERFLOW);
        assert_int_equal(rf_plan_pool_count(plan), 0);
        rf_plan_free(plan);
    }
}

static void merging_keeps_both_plans_as_they_were(void **state)
{
    (void)state;
    rf_plan *weights = new_plan(1U << 20, 4096, 1ULL << 30);
    rf_plan *engine = new_plan(1U << 20, 256, 7);
    assert_int_equal(rf_plan_add(weights, "w0", RF_MEMORY_WEIGHTS, 1U << 20, NULL, NULL), RF_OK);
    assert_int_equal(rf_plan_add(weights, "w1", RF_MEMORY_WEIGHTS, 100, NULL, NULL), RF_OK);
    assert_int_equal(rf_plan_add(engine, "kv", RF_MEMORY_KV, 100, NULL, NULL), RF_OK);
    assert_int_equal(rf_plan_add_external(engine, "mapped", RF_MEMORY_WEIGHTS, 100, NULL, NULL),
                     RF_OK);
    rf_plan_note_engine(engine, 512, 2, 64, RF_TYPE_F16, 1024);
    assert_int_equal(rf_plan_solve(weights, NULL), RF_OK);
    assert_int_equal(rf_plan_solve(engine, NULL), RF_OK);
    assert_int_equal(rf_plan_summarise(engine).n_context, 512);
    assert_int_equal(rf_plan_merge(weights, engine, NULL), RF_OK);
    rf_plan_free(engine);
    assert_int_equal(rf_plan_pool_count(weights), 3);
    assert_int_equal(rf_plan_item_count(weights), 4);
    rf_plan_item item = rf_plan_item_at(weights, 2);
    assert_string_equal(item.label, "kv");
    assert_int_equal(item.pool, 2);
    assert_int_equal(rf_plan_pool_alignment(weights, 2), 256);
    assert_int_equal(rf_plan_item_at(weights, 3).pool, RF_PLAN_EXTERNAL);
    rf_plan_summary summary = rf_plan_summarise(weights);
    assert_int_equal(summary.total, (1U << 20) + 4096 + 256);
    assert_int_equal(summary.available, 1ULL << 30);
    assert_int_equal(summary.external[RF_MEMORY_WEIGHTS], 100);
    rf_plan_free(weights);
}

/* Builds, solves and merges plans of 200 items; what fails on the way is given back here. */
static rf_status build(rf_error *error)
{
    rf_plan *plans[2] = {NULL, NULL};
    rf_plan_config config = {.pool_bytes = 4096};
    rf_status status = RF_OK;
    for (int p = 0; p < 2 && status == RF_OK; p++) {
        status = rf_plan_new(&config, &plans[p], error);
        for (int i = 0; i < 200 && status == RF_OK; i++)
            status = rf_plan_add(plans[p], "item", RF_MEMORY_KV, 4096, NULL, error);
        if (status == RF_OK)
            status = rf_plan_solve(plans[p], error);
    }
    if (status == RF_OK) {
        status = rf_plan_merge(plans[0], plans[1], error);
        assert_int_equal(rf_plan_item_count(plans[0]), status == RF_OK ? 400 : 200);
        assert_int_equal(rf_plan_pool_count(plans[0]), status == RF_OK ? 400 : 200);
    }
    rf_plan_free(plans[0]);
    rf_plan_free(plans[1]);
    return status;
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    uint64_t before = rf_host_live_count();
    uint64_t n = 1;
    for (bool fired = true; fired; n++) {
        rf_error error;
        rf_fault_arm(RF_FAULT_HOST_ALLOC, n);
        rf_status status = build(&error);
        fired = rf_fault_fired(RF_FAULT_HOST_ALLOC);
        rf_fault_arm(RF_FAULT_HOST_ALLOC, 0);
        assert_int_equal(status, fired ? RF_ERROR_HOST_MEMORY : RF_OK);
        assert_int_equal(rf_host_live_count(), before);
    }
    assert_true(n > 400);
    faults_tried(n - 2, "host allocations");
}

static void a_failed_solve_can_be_tried_again(void **state)
{
    (void)state;
    rf_plan *plan = new_plan(4096, 4096, 0);
    for (int i = 0; i < 40; i++)
        assert_int_equal(rf_plan_add(plan, "item", RF_MEMORY_KV, 4096, NULL, NULL), RF_OK);
    rf_fault_arm(RF_FAULT_HOST_ALLOC, 1);
    assert_int_equal(rf_plan_solve(plan, NULL), RF_ERROR_HOST_MEMORY);
    rf_fault_arm(RF_FAULT_HOST_ALLOC, 0);
    assert_int_equal(rf_plan_item_at(plan, 7).pool, 0);
    assert_int_equal(rf_plan_solve(plan, NULL), RF_OK);
    check_placement(plan, 4096, 4096);
    rf_plan_free(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_random_plan_is_tight),
        cmocka_unit_test(many_small_items_need_few_pools),
        cmocka_unit_test(a_real_model_loses_less_than_one_percent),
        cmocka_unit_test(weights_share_no_pool),
        cmocka_unit_test(sizes_that_overflow_are_errors),
        cmocka_unit_test(refusals_name_the_value_and_the_limit),
        cmocka_unit_test(rounding_is_part_of_what_is_needed),
        cmocka_unit_test(needs_that_overflow_are_errors),
        cmocka_unit_test(merging_keeps_both_plans_as_they_were),
        cmocka_unit_test(every_failed_allocation_is_survived),
        cmocka_unit_test(a_failed_solve_can_be_tried_again),
    };
    return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
