/*
 * test_linear_gpu.c: products of one input with weights of several element types, which run side by
 * side where kernels overlap; and which weights are brought closer. test_linear --device cuda.
 */
#include "kernels/gpu/on_gpu.h"

#include <math.h>
#include <stdlib.h>

#include "kernels/gpu/ahead_plan.h"
#include "kernels/gpu/operations.h"

#define K         1024
#define MAX_ROWS  40
#define TURNS     20
#define WORKSPACE (8U << 20)

/* ---- side by side ---------------------------------------------------------------------------- */

static const uint32_t sizes[RF_LINEAR_MAX] = {512, 128, 130};

typedef struct linear_run {
    uint32_t n_rows;
    rf_tensor weights[RF_LINEAR_MAX]; /* of the host */
    rf_tensor there[RF_LINEAR_MAX];
    float *x;
    rf_linear_args args;
} linear_run;

static void open_run(linear_run *run, gpu *g, const rf_type types[RF_LINEAR_MAX], uint32_t n_rows)
{
    *run = (linear_run){.n_rows = n_rows, .x = random_floats((size_t)MAX_ROWS * K, 1)};
    run->args = (rf_linear_args){.input = {.x = gpu_copy(g, run->x, sizeof(float) * MAX_ROWS * K)},
                                 .n_tokens = n_rows,
                                 .n_weights = RF_LINEAR_MAX};
    for (uint32_t i = 0; i < RF_LINEAR_MAX; i++) {
        run->weights[i] = random_tensor(types[i], K, sizes[i], 1);
        run->there[i] =
            gpu_tensor(g, &run->weights[i], run->weights[i].stride[1] * (uint64_t)sizes[i]);
        run->args.parts[i].weight = &run->there[i];
        run->args.parts[i].out = gpu_room(g, (uint64_t)MAX_ROWS * sizes[i] * sizeof(float));
    }
}

static void close_run(linear_run *run, gpu *g)
{
    for (uint32_t i = 0; i < RF_LINEAR_MAX; i++)
        free_tensor(&run->weights[i]);
    free(run->x);
    gpu_forget(g);
}

static float *outputs_of(const linear_run *run, gpu *g, uint32_t part)
{
    const size_t count = (size_t)run->n_rows * sizes[part];
    float *out = malloc(count * sizeof(*out));
    gpu_read(g, out, run->args.parts[part].out, count * sizeof(*out));
    return out;
}

/* Rounding of activations to 8 bits, or of weights and activations to f16, is all that differs. */
static void expect_products(const linear_run *run, gpu *g)
{
    for (uint32_t p = 0; p < RF_LINEAR_MAX; p++) {
        float *got = outputs_of(run, g, p);
        float *w = widen_tensor(&run->weights[p]);
        for (uint32_t r = 0; r < run->n_rows; r++) {
            for (uint32_t m = 0; m < sizes[p]; m++) {
                double sum = 0, squares = 0;
                for (uint32_t i = 0; i < K; i++) {
                    const double product = (double)w[m * K + i] * run->x[r * K + i];
                    sum += product;
                    squares += (double)w[m * K + i] * w[m * K + i];
                }
                /* Errors of up to 1/254 of the largest activation, 1, add up as a walk does. */
                if (!(fabs(got[r * sizes[p] + m] - sum) <= 6 * sqrt(squares) / 254))
                    fail_msg("part %u, row %u, element %u: %g, expected %g", p, r, m,
                             (double)got[r * sizes[p] + m], sum);
            }
        }
        free(w);
        free(got);
    }
}

/* Again and again behind each other, as in a model, without a wait: what one turn writes the next
 * overwrites, with the same bits. */
static void expect_the_same(const linear_run *run, gpu *g)
{
    rf_error error = {0};
    float *first[RF_LINEAR_MAX];
    for (uint32_t p = 0; p < RF_LINEAR_MAX; p++)
        first[p] = outputs_of(run, g, p);
    for (uint32_t i = 0; i < (g->emulated ? 1 : TURNS); i++)
        expect_ok(rf_gpu_linear(&g->compute, &run->args, &error), &error);
    for (uint32_t p = 0; p < RF_LINEAR_MAX; p++) {
        float *again = outputs_of(run, g, p);
        assert_memory_equal(first[p], again, (size_t)run->n_rows * sizes[p] * sizeof(float));
        free(first[p]);
        free(again);
    }
}

static void check_types(gpu *g)
{
    static const rf_type types[][RF_LINEAR_MAX] = {
        {RF_TYPE_Q4_K, RF_TYPE_Q4_K, RF_TYPE_Q6_K},
        {RF_TYPE_Q8_0, RF_TYPE_Q4_K, RF_TYPE_Q6_K},
        {RF_TYPE_Q4_K, RF_TYPE_F16, RF_TYPE_Q8_0},
    };
    static const uint32_t rows[] = {1, 5, MAX_ROWS};
    gpu_workspace(g, WORKSPACE);
    for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++) {
        for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
            rf_error error = {0};
            linear_run run;
            open_run(&run, g, types[t], rows[r]);
            expect_ok(rf_gpu_linear(&g->compute, &run.args, &error), &error);
            expect_products(&run, g);
            expect_the_same(&run, g);
            close_run(&run, g);
        }
    }
}

static void weights_of_several_types(void **state)
{
    (void)state;
    on_every_warp(check_types);
}

/* ---- what is brought closer ------------------------------------------------------------------ */

static void expect_inside(const struct rf_gpu_ahead *plan, const rf_ahead *ahead)
{
    uint64_t all = 0;
    for (uint32_t i = 0; i < RF_GPU_AHEAD_PARTS; i++) {
        const uint64_t count = plan->parts[i].count;
        if (count == 0)
            continue;
        assert_true(i < ahead->n_weights);
        const rf_tensor *weight = ahead->weights[i];
        const uint64_t bytes = weight->stride[1] * weight->shape[1];
        assert_int_equal(plan->parts[i].start, weight->address);
        assert_int_equal(plan->parts[i].stride % 16 + plan->parts[i].bytes % 16, 0);
        assert_true(plan->parts[i].bytes > 0 && plan->parts[i].bytes <= plan->parts[i].stride);
        assert_true((count - 1) * plan->parts[i].stride + plan->parts[i].bytes <= bytes);
        all += count * plan->parts[i].bytes;
    }
    assert_true(all <= 4U << 20);
}

/* Pieces lie in their weights, are copies of 16 bytes, and are not more than was meant. */
static void plans_stay_inside(void **state)
{
    (void)state;
    for (uint32_t turn = 0; turn < 2000; turn++) {
        rf_tensor weights[RF_LINEAR_MAX];
        rf_ahead ahead = {.n_weights = random_below(RF_LINEAR_MAX + 1),
                          .side_by_side = random_below(2)};
        struct rf_gpu_ahead plan;
        for (uint32_t i = 0; i < ahead.n_weights; i++) {
            weights[i] = (rf_tensor){.n_dimensions = 2, .address = 4096 * (1 + (rf_address)turn)};
            weights[i].stride[1] = random_below(1U << random_below(20));
            weights[i].shape[1] = random_below(1U << random_below(16));
            ahead.weights[i] = &weights[i];
        }
        rf_gpu_plan_ahead(&ahead, random_below(4) ? 1 + random_below(600) : 0, &plan);
        expect_inside(&plan, &ahead);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_of_several_types),
        cmocka_unit_test(plans_stay_inside),
    };
    const int status = gpu_arguments(argc, argv);
    return status ? status
                  : cmocka_run_group_tests_name("linear on GPUs", tests, NULL, gpu_stop_all);
}
