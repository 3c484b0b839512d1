/* test_top_gpu.c: the largest logits on GPUs (on_gpu.h), against sorting all of them. */
#include "kernels/gpu/on_gpu.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/gpu/args_top.h"
#include "kernels/gpu/operations.h"
#include "kernels/gpu/top.h"

/* ---- the definition ----------------------------------------------------------------------- */

typedef struct entry {
    float value;
    int32_t index;
} entry;

static int by_value(const void *left, const void *right)
{
    const entry *a = left;
    const entry *b = right;
    if (isnan(a->value) != isnan(b->value))
        return isnan(a->value) ? 1 : -1;
    if (!isnan(a->value) && a->value != b->value)
        return a->value > b->value ? -1 : 1;
    return a->index < b->index ? -1 : 1;
}

static void expect_top(const float *logits, uint32_t n, uint32_t k, const int32_t *indices,
                       const float *values)
{
    entry *sorted = malloc(n * sizeof(*sorted));
    for (uint32_t i = 0; i < n; i++)
        sorted[i] = (entry){logits[i], (int32_t)i};
    qsort(sorted, n, sizeof(*sorted), by_value);
    for (uint32_t i = 0; i < k; i++) {
        if (indices[i] != sorted[i].index)
            fail_msg("n %u, k %u: place %u is %d, expected %d", n, k, i, indices[i],
                     sorted[i].index);
        assert_memory_equal(&values[i], &sorted[i].value, sizeof(float));
    }
    free(sorted);
}

/* ---- logits of many kinds -------------------------------------------------------------------- */

static void fill_row(float *row, uint32_t n, uint32_t kind)
{
    for (uint32_t i = 0; i < n; i++) {
        const float x = random_uniform(-20, 20);
        switch (kind) {
        case 0: /* as models give them */
            row[i] = x;
            break;
        case 1: /* few values, so that most are equal */
            row[i] = (float)(int)(x / 8);
            break;
        case 2: /* no order at all */
            row[i] = -3;
            break;
        case 3: /* both zeros, infinities, and no numbers */
            row[i] = x > 10 ? NAN : x > 0 ? 0.0F : x > -5 ? -0.0F : x > -6 ? INFINITY : -INFINITY;
            break;
        case 4:
            row[i] = NAN;
            break;
        default: /* ascending: all that is wanted is in the last chunk */
            row[i] = (float)i;
            break;
        }
    }
}

typedef struct top_case {
    uint32_t n_rows, n, k;
} top_case;

static void check(gpu *g, const top_case *c, uint32_t first_kind)
{
    rf_error error = {0};
    const uint64_t found = (uint64_t)c->n_rows * c->k;
    float *logits = malloc((size_t)c->n_rows * c->n * sizeof(*logits));
    int32_t *indices = malloc(found * sizeof(*indices));
    float *values = malloc(found * sizeof(*values));
    for (uint32_t r = 0; r < c->n_rows; r++)
        fill_row(logits + (size_t)r * c->n, c->n, (first_kind + r) % 6);
    const rf_top_args args = {
        .logits = gpu_copy(g, logits, (uint64_t)c->n_rows * c->n * sizeof(float)),
        .n_rows = c->n_rows,
        .n = c->n,
        .k = c->k,
        .indices = gpu_room(g, found * sizeof(int32_t)),
        .values = gpu_room(g, found * sizeof(float)),
    };
    expect_ok(rf_gpu_top(&g->compute, &args, &error), &error);
    gpu_read(g, indices, args.indices, found * sizeof(int32_t));
    gpu_read(g, values, args.values, found * sizeof(float));
    for (uint32_t r = 0; r < c->n_rows; r++)
        expect_top(logits + (size_t)r * c->n, c->n, c->k, indices + (size_t)r * c->k,
                   values + (size_t)r * c->k);
    gpu_forget(g);
    free(logits);
    free(indices);
    free(values);
}

static void check_rows(gpu *g)
{
    static const top_case shapes[] = {
        {1, 1, 1},       {1, 1, 1},      {6, 2, 2},      {6, 33, 5},       {6, 128, 128},
        {6, 300, 128},   {6, 4096, 40},  {6, 4097, 1},   {6, 9000, 128},   {12, 20000, 7},
        {1, 128256, 40}, {1, 128256, 1}, {1, 300000, 1}, {1, 300000, 128}, {2, 4100, 127},
    };
    gpu_workspace(g, 1 << 20);
    for (uint32_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
        check(g, &shapes[i], i % 2 ? 0 : 5);
}

static void rows_agree_with_sorting(void **state)
{
    (void)state;
    on_every_warp(check_rows);
}

static void check_small_workspace(gpu *g)
{
    static const top_case c = {7, 9000, 100};
    uint64_t bytes = 0;
    rf_error error = {0};
    expect_ok(rf_gpu_top_workspace(1, c.n, &bytes, &error), &error);
    gpu_workspace(g, 2 * bytes);
    check(g, &c, 0);
    rf_compute compute = g->compute;
    compute.workspace_bytes = RF_GPU_COUNTERS * sizeof(uint32_t) + 512;
    const rf_top_args args = {.n_rows = 1, .n = c.n, .k = c.k};
    assert_int_equal(rf_gpu_top(&compute, &args, &error), RF_ERROR_INTERNAL);
    assert_non_null(strstr(error.message, "workspace"));
}

/* A workspace for some of the rows: the others come after. A smaller one is an error. */
static void a_small_workspace_takes_more_launches(void **state)
{
    (void)state;
    on_any_gpu(check_small_workspace);
}

static void check_bad_numbers(gpu *g)
{
    static const uint32_t bad[][2] = {{10, 0}, {10, 11}, {1000, RF_TOP_MAX + 1}};
    rf_error error = {0};
    gpu_workspace(g, 256);
    for (int i = 0; i < 3; i++) {
        const rf_top_args args = {.n_rows = 1, .n = bad[i][0], .k = bad[i][1]};
        assert_int_equal(rf_gpu_top(&g->compute, &args, &error), RF_ERROR_INTERNAL);
    }
}

static void bad_numbers_are_errors(void **state)
{
    (void)state;
    on_any_gpu(check_bad_numbers);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_agree_with_sorting),
        cmocka_unit_test(a_small_workspace_takes_more_launches),
        cmocka_unit_test(bad_numbers_are_errors),
    };
    const int status = gpu_arguments(argc, argv);
    return status ? status : cmocka_run_group_tests_name("top on GPUs", tests, NULL, gpu_stop_all);
}
