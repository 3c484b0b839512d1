/* test_rope.c: norm and rotation of heads against double precision, and what is stored where. */
#include "pages.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/quantise.h"

typedef struct rope_case {
    batch_shape shape;
    rf_type type;
    rf_rope_style style;
    uint32_t n_heads;
    uint32_t n_kv_heads;
    uint32_t head_size;
    uint32_t n_rotary;
    uint32_t page_tokens;
    bool has_norms;
    float magnitude;
} rope_case;

static const rope_case cases[] = {
    {{1, {0}, {1}}, RF_TYPE_F32, RF_ROPE_INTERLEAVED, 1, 1, 2, 2, 1, false, 1},
    {{1, {5}, {1}}, RF_TYPE_F16, RF_ROPE_HALVES, 4, 2, 20, 20, 16, true, 1},
    {{4, {0, 31, 5000, 7}, {1, 1, 1, 1}},
     RF_TYPE_F16,
     RF_ROPE_INTERLEAVED,
     8,
     2,
     64,
     64,
     64,
     false,
     1},
    {{3, {0, 15, 16}, {40, 3, 50}}, RF_TYPE_Q8_0, RF_ROPE_HALVES, 6, 2, 96, 64, 16, true, 1},
    {{2, {9, 0}, {30, 12}}, RF_TYPE_F32, RF_ROPE_INTERLEAVED, 5, 1, 33, 10, 2, false, 1.3F},
    {{2, {300, 0}, {30, 12}}, RF_TYPE_F16, RF_ROPE_HALVES, 4, 4, 512, 512, 256, true, 1.2F},
    {{1, {3}, {7}}, RF_TYPE_F16, RF_ROPE_HALVES, 2, 1, 16, 0, 8, false, 1},
};
#define N_CASES (sizeof(cases) / sizeof(cases[0]))

typedef struct rope_run {
    const rope_case *shape;
    paged_batch batch;
    rf_tensor frequencies;
    rf_tensor norm;
    float *q;
    float *k;
    float *v;
    size_t q_count;
    size_t k_count;
} rope_run;

static const float *floats_of(const rf_tensor *tensor)
{
    return (const float *)(uintptr_t)tensor->address;
}

static void open_run(rope_run *run, const rope_case *c)
{
    *run = (rope_run){.shape = c};
    open_pages(&run->batch, &c->shape, c->type, c->n_kv_heads, c->head_size, c->page_tokens);
    run->q_count = (size_t)run->batch.view.n_tokens * c->n_heads * c->head_size;
    run->k_count = (size_t)run->batch.view.n_tokens * c->n_kv_heads * c->head_size;
    run->q = random_floats(run->q_count, 3);
    run->k = random_floats(run->k_count, 3);
    run->v = random_floats(run->k_count, 3);
    run->frequencies = random_tensor(RF_TYPE_F32, c->n_rotary / 2 + 1, 1, 1);
    run->norm = random_tensor(RF_TYPE_F32, c->head_size, 1, 1);
}

static void close_run(rope_run *run)
{
    close_pages(&run->batch);
    free(run->q);
    free(run->k);
    free(run->v);
    free_tensor(&run->frequencies);
    free_tensor(&run->norm);
}

static rf_status compute(rope_run *run, const test_compute *on, rf_error *error)
{
    const rope_case *c = run->shape;
    const rf_rope_append_args args = {
        .batch = &run->batch.view,
        .q = address_of(run->q),
        .k = address_of(run->k),
        .v = address_of(run->v),
        .n_heads = c->n_heads,
        .q_norm = c->has_norms ? &run->norm : NULL,
        .k_norm = c->has_norms ? &run->norm : NULL,
        .epsilon = 1e-6F,
        .rope = {c->style, c->n_rotary, &run->frequencies, c->magnitude},
        .kv = &run->batch.layer,
    };
    return on->compute.kernels->rope_append(&on->compute, &args, error);
}

/* The definition: element i of a pair turns with element j. */
static void turn(const rope_run *run, const float *head, int32_t position, double *out)
{
    const rope_case *c = run->shape;
    double squares = 0;
    for (uint32_t i = 0; i < c->head_size; i++)
        squares += (double)head[i] * (double)head[i];
    for (uint32_t i = 0; i < c->head_size; i++)
        out[i] = c->has_norms ? (double)head[i] / sqrt(squares / c->head_size + 1e-6) *
                                    (double)floats_of(&run->norm)[i]
                              : (double)head[i];
    for (uint32_t pair = 0; pair < c->n_rotary / 2; pair++) {
        uint32_t i = c->style == RF_ROPE_INTERLEAVED ? 2 * pair : pair;
        uint32_t j = c->style == RF_ROPE_INTERLEAVED ? 2 * pair + 1 : pair + c->n_rotary / 2;
        double angle = (double)position * (double)floats_of(&run->frequencies)[pair];
        double x = out[i];
        double y = out[j];
        out[i] = (double)c->magnitude * (x * cos(angle) - y * sin(angle));
        out[j] = (double)c->magnitude * (x * sin(angle) + y * cos(angle));
    }
}

static double *expect(const rope_run *run, const float *heads, uint32_t n_heads)
{
    const uint32_t n = run->shape->head_size;
    const uint32_t count = run->batch.view.n_tokens * n_heads;
    double *out = malloc((size_t)count * n * sizeof(*out));
    for (uint32_t i = 0; i < count; i++)
        turn(run, heads + (size_t)i * n, run->batch.positions[i / n_heads], out + (size_t)i * n);
    return out;
}

/* The pages hold exactly what a batch with these keys and values leaves there, and nothing else
 * changed. */
static void check_pages(const rope_run *run, const paged_batch *before)
{
    const rope_case *c = run->shape;
    for (uint32_t t = 0; t < run->batch.view.n_tokens; t++) {
        for (uint32_t h = 0; h < c->n_kv_heads; h++) {
            const size_t at = ((size_t)t * c->n_kv_heads + h) * c->head_size;
            const uint32_t sequence = (uint32_t)run->batch.rows[t];
            const uint32_t position = (uint32_t)run->batch.positions[t];
            rf_quantise_row(c->type, run->k + at,
                            page_row(before, before->keys, sequence, position, h), c->head_size,
                            NULL);
            rf_quantise_row(c->type, run->v + at,
                            page_row(before, before->values, sequence, position, h), c->head_size,
                            NULL);
        }
    }
    assert_memory_equal(run->batch.keys, before->keys, before->bytes);
    assert_memory_equal(run->batch.values, before->values, before->bytes);
}

static void check_case(const rope_case *c, const test_compute *on)
{
    rope_run run;
    open_run(&run, c);
    paged_batch before = run.batch;
    before.keys = memcpy(malloc(before.bytes), run.batch.keys, before.bytes);
    before.values = memcpy(malloc(before.bytes), run.batch.values, before.bytes);
    double *q = expect(&run, run.q, c->n_heads);
    double *k = expect(&run, run.k, c->n_kv_heads);
    assert_int_equal(compute(&run, on, NULL), RF_OK);
    assert_all_close(run.q, q, 3e-6, run.q_count);
    assert_all_close(run.k, k, 3e-6, run.k_count);
    check_pages(&run, &before);
    free(before.keys);
    free(before.values);
    free(q);
    free(k);
    close_run(&run);
}

static void agrees_with_the_definition(void **state)
{
    (void)state;
    for (int table = 0; table < 2; table++) {
        for (int i = 0; i < 4; i++) {
            test_compute on;
            open_compute(&on, both_tables[table], thread_counts[i], 0);
            for (size_t j = 0; j < N_CASES; j++)
                check_case(&cases[j], &on);
            close_compute(&on);
        }
    }
}

static void bad_sizes_are_errors(void **state)
{
    (void)state;
    static const rope_case wide = {
        {1, {0}, {1}}, RF_TYPE_F32, RF_ROPE_HALVES, 1, 1, 16, 18, 1, false, 1};
    rope_run run;
    open_run(&run, &wide);
    test_compute on;
    open_compute(&on, false, 1, 0);
    rf_error error;
    assert_int_equal(compute(&run, &on, &error), RF_ERROR_INTERNAL);
    assert_non_null(strstr(error.message, "18"));
    run.batch.layer.type = RF_TYPE_BF16;
    assert_int_equal(compute(&run, &on, &error), RF_ERROR_UNSUPPORTED);
    close_compute(&on);
    close_run(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_definition),
        cmocka_unit_test(bad_sizes_are_errors),
    };
    return cmocka_run_group_tests_name("rope", tests, NULL, NULL);
}
