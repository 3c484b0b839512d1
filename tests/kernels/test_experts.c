/* test_experts.c: the mixture of experts against the definition in double precision. */
#include "operations.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct experts_case {
    uint32_t n_tokens;
    uint32_t n_embd;
    uint32_t n_ff;
    uint32_t n_experts;
    uint32_t n_used;
    rf_type router;
    rf_type gate;
    rf_type up;
    rf_type down;
} experts_case;

static const experts_case cases[] = {
    {1, 64, 96, 8, 2, RF_TYPE_F32, RF_TYPE_F32, RF_TYPE_F32, RF_TYPE_F32},
    {1, 33, 17, 3, 1, RF_TYPE_F32, RF_TYPE_F32, RF_TYPE_F16, RF_TYPE_F32},
    {70, 40, 20, 4, 4, RF_TYPE_F16, RF_TYPE_F16, RF_TYPE_F16, RF_TYPE_F16},
    {200, 64, 50, 2, 1, RF_TYPE_F32, RF_TYPE_F32, RF_TYPE_F32, RF_TYPE_F32},
    {23, 256, 128, 60, 8, RF_TYPE_F32, RF_TYPE_Q8_0, RF_TYPE_Q8_0, RF_TYPE_Q8_0},
    {9, 512, 256, 8, 2, RF_TYPE_F32, RF_TYPE_Q4_K, RF_TYPE_Q4_K, RF_TYPE_Q6_K},
    /* gate and up whose products want different inputs */
    {5, 256, 64, 8, 2, RF_TYPE_F32, RF_TYPE_Q4_0, RF_TYPE_F16, RF_TYPE_Q8_0},
};
#define N_CASES (sizeof(cases) / sizeof(cases[0]))

typedef struct experts_run {
    const experts_case *shape;
    rf_tensor router, gate, up, down;
    float *x;
    float *out;
    size_t count; /* of out */
} experts_run;

static void open_run(experts_run *run, const experts_case *c)
{
    *run = (experts_run){.shape = c, .count = (size_t)c->n_tokens * c->n_embd};
    run->router = random_tensor(c->router, c->n_embd, c->n_experts, 1);
    run->gate = random_tensor(c->gate, c->n_embd, c->n_ff, c->n_experts);
    run->up = random_tensor(c->up, c->n_embd, c->n_ff, c->n_experts);
    run->down = random_tensor(c->down, c->n_ff, c->n_embd, c->n_experts);
    run->x = random_floats(run->count, 0.5F);
    run->out = malloc(run->count * sizeof(float));
}

static void close_run(experts_run *run)
{
    free_tensor(&run->router);
    free_tensor(&run->gate);
    free_tensor(&run->up);
    free_tensor(&run->down);
    free(run->x);
    free(run->out);
}

static rf_status compute(experts_run *run, const test_compute *on, rf_error *error)
{
    for (size_t i = 0; i < run->count; i++)
        run->out[i] = 1; /* what is added to */
    const rf_experts_args args = {
        .input = {.x = address_of(run->x)},
        .router = &run->router,
        .gate = &run->gate,
        .up = &run->up,
        .down = &run->down,
        .out = address_of(run->out),
        .n_tokens = run->shape->n_tokens,
        .n_used = run->shape->n_used,
    };
    return on->compute.kernels->experts(&on->compute, &args, error);
}

/* A workspace of just what this shape needs. */
static void open_exactly(test_compute *on, const experts_case *c, bool reference, uint32_t threads)
{
    const rf_kernel_limits limits = {
        .n_tokens = c->n_tokens,
        .n_row_elements = c->n_embd,
        .n_ff = c->n_ff,
        .n_experts = c->n_experts,
        .n_experts_used = c->n_used,
    };
    uint64_t bytes = 0;
    open_compute(on, reference, threads, 0);
    assert_int_equal(on->compute.kernels->workspace_bytes(&limits, &bytes, NULL), RF_OK);
    close_compute(on);
    open_compute(on, reference, threads, bytes);
}

static double dot(const float *a, const float *b, uint32_t n)
{
    double sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

typedef struct wide_weights {
    float *router, *gate, *up, *down;
} wide_weights;

/* out += share * down(silu(gate(x)) * up(x)) of one expert. */
static void add_expert(const experts_case *c, const wide_weights *w, uint32_t expert,
                       const float *x, double share, double *out)
{
    const size_t matrix = (size_t)expert * c->n_ff * c->n_embd;
    double *hidden = malloc(c->n_ff * sizeof(*hidden));
    for (uint32_t r = 0; r < c->n_ff; r++) {
        double gate = dot(w->gate + matrix + (size_t)r * c->n_embd, x, c->n_embd);
        double up = dot(w->up + matrix + (size_t)r * c->n_embd, x, c->n_embd);
        hidden[r] = gate / (1 + exp(-gate)) * up;
    }
    for (uint32_t i = 0; i < c->n_embd; i++) {
        for (uint32_t r = 0; r < c->n_ff; r++)
            out[i] += share * (double)w->down[matrix + (size_t)i * c->n_ff + r] * hidden[r];
    }
    free(hidden);
}

/* One token: softmax, the best n_used one after another, their sum. */
static void expect_token(const experts_case *c, const wide_weights *w, const float *x, double *out)
{
    double *probability = malloc(c->n_experts * sizeof(*probability));
    double chosen_sum = 0;
    for (uint32_t e = 0; e < c->n_experts; e++)
        probability[e] = exp(dot(w->router + (size_t)e * c->n_embd, x, c->n_embd));
    uint32_t chosen[8];
    double shares[8];
    for (uint32_t i = 0; i < c->n_used; i++) {
        uint32_t best = 0;
        for (uint32_t e = 1; e < c->n_experts; e++)
            best = probability[e] > probability[best] ? e : best;
        chosen[i] = best;
        shares[i] = probability[best];
        chosen_sum += probability[best];
        probability[best] = -1;
    }
    for (uint32_t i = 0; i < c->n_embd; i++)
        out[i] = 1;
    for (uint32_t i = 0; i < c->n_used; i++)
        add_expert(c, w, chosen[i], x, shares[i] / chosen_sum, out);
    free(probability);
}

static double *expect(const experts_run *run)
{
    const experts_case *c = run->shape;
    wide_weights w = {widen_tensor(&run->router), widen_tensor(&run->gate), widen_tensor(&run->up),
                      widen_tensor(&run->down)};
    double *out = malloc(run->count * sizeof(*out));
    for (uint32_t t = 0; t < c->n_tokens; t++)
        expect_token(c, &w, run->x + (size_t)t * c->n_embd, out + (size_t)t * c->n_embd);
    free(w.router);
    free(w.gate);
    free(w.up);
    free(w.down);
    return out;
}

static double root_mean_square(const double *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i] * x[i];
    return sqrt(sum / (double)n);
}

static double root_mean_square_error(const float *got, const double *expected, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += ((double)got[i] - expected[i]) * ((double)got[i] - expected[i]);
    return sqrt(sum / (double)n);
}

static bool is_float(rf_type type)
{
    return type == RF_TYPE_F32 || type == RF_TYPE_F16;
}

static void agrees_with_the_definition(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_CASES; i++) {
        experts_run run;
        open_run(&run, &cases[i]);
        double *expected = expect(&run);
        const double size = root_mean_square(expected, run.count);
        for (int table = 0; table < 2; table++) {
            test_compute on;
            open_exactly(&on, &cases[i], both_tables[table], 3);
            assert_int_equal(compute(&run, &on, NULL), RF_OK);
            /* Three products of 8-bit inputs, each off by about 0.4 % of its size, come to 1 %. */
            if (both_tables[table] || (is_float(cases[i].gate) && is_float(cases[i].down)))
                assert_all_close(run.out, expected, size * 1e-5, run.count);
            else
                assert_true(root_mean_square_error(run.out, expected, run.count) < size * 0.02);
            close_compute(&on);
        }
        free(expected);
        close_run(&run);
    }
}

/* All experts are equally likely: the first n_used are taken, with equal shares. */
static void ties_go_to_the_lower_index(void **state)
{
    (void)state;
    static const experts_case c = {3,           32,          16,          6,          2,
                                   RF_TYPE_F32, RF_TYPE_F32, RF_TYPE_F32, RF_TYPE_F32};
    experts_run run;
    open_run(&run, &c);
    float *router = (float *)(uintptr_t)run.router.address;
    for (uint32_t e = 1; e < c.n_experts; e++)
        memcpy(router + (size_t)e * c.n_embd, router, c.n_embd * sizeof(float));
    wide_weights w = {router, widen_tensor(&run.gate), widen_tensor(&run.up),
                      widen_tensor(&run.down)};
    double expected[3 * 32];
    for (uint32_t t = 0; t < c.n_tokens; t++) {
        for (uint32_t i = 0; i < c.n_embd; i++)
            expected[t * c.n_embd + i] = 1;
        for (uint32_t e = 0; e < c.n_used; e++)
            add_expert(&c, &w, e, run.x + (size_t)t * c.n_embd, 0.5,
                       expected + (size_t)t * c.n_embd);
    }
    test_compute on;
    open_exactly(&on, &c, false, 2);
    assert_int_equal(compute(&run, &on, NULL), RF_OK);
    assert_all_close(run.out, expected, 1e-4, run.count);
    close_compute(&on);
    free(w.gate);
    free(w.up);
    free(w.down);
    close_run(&run);
}

/* Broken weights: whatever is chosen is an expert, and the result says that something is wrong. */
static void routing_survives_what_is_no_number(void **state)
{
    (void)state;
    static const experts_case c = {2,           32,          16,          6,          3,
                                   RF_TYPE_F32, RF_TYPE_F32, RF_TYPE_F32, RF_TYPE_F32};
    experts_run run;
    open_run(&run, &c);
    float *router = (float *)(uintptr_t)run.router.address;
    for (uint32_t i = 0; i < c.n_experts * c.n_embd; i++)
        router[i] = NAN;
    test_compute on;
    open_exactly(&on, &c, false, 2);
    assert_int_equal(compute(&run, &on, NULL), RF_OK);
    for (size_t i = 0; i < run.count; i++)
        assert_true(isnan(run.out[i]));
    close_compute(&on);
    close_run(&run);
}

static void threads_change_nothing(void **state)
{
    (void)state;
    static const experts_case c = {40,           256,          128,          8,           3,
                                   RF_TYPE_Q8_0, RF_TYPE_Q4_K, RF_TYPE_Q4_K, RF_TYPE_Q8_0};
    for (int table = 0; table < 2; table++) {
        experts_run run;
        open_run(&run, &c);
        float *first = malloc(run.count * sizeof(*first));
        for (int i = 0; i < 4; i++) {
            test_compute on;
            open_exactly(&on, &c, both_tables[table], thread_counts[i]);
            assert_int_equal(compute(&run, &on, NULL), RF_OK);
            close_compute(&on);
            if (i == 0)
                memcpy(first, run.out, run.count * sizeof(*first));
            assert_memory_equal(first, run.out, run.count * sizeof(*first));
        }
        free(first);
        close_run(&run);
    }
}

static void small_workspace_is_an_error(void **state)
{
    (void)state;
    experts_run run;
    open_run(&run, &cases[0]);
    test_compute on;
    open_exactly(&on, &cases[0], false, 1);
    const unsigned long long need = on.compute.workspace_bytes--;
    rf_error error;
    assert_int_equal(compute(&run, &on, &error), RF_ERROR_INTERNAL);
    char numbers[100];
    snprintf(numbers, sizeof(numbers), "workspace of %llu bytes, needs %llu", need - 1, need);
    assert_non_null(strstr(error.message, numbers));
    for (size_t i = 0; i < run.count; i++)
        assert_true(run.out[i] == 1); /* untouched */
    close_compute(&on);
    close_run(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_definition),
        cmocka_unit_test(ties_go_to_the_lower_index),
        cmocka_unit_test(routing_survives_what_is_no_number),
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(small_workspace_is_an_error),
    };
    return cmocka_run_group_tests_name("experts", tests, NULL, NULL);
}
