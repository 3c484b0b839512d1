/* test_attention.c: paged attention against a softmax in double precision over the same stored
 * rows. */
#include "pages.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/dequantise.h"

typedef struct attention_case {
    batch_shape shape;
    rf_type type;
    uint32_t n_heads;
    uint32_t n_kv_heads;
    uint32_t head_size;
    uint32_t page_tokens;
} attention_case;

static const attention_case cases[] = {
    /* one token, the first of its sequence; one head; a head that is no multiple of eight */
    {{1, {0}, {1}}, RF_TYPE_F32, 1, 1, 5, 1},
    {{1, {0}, {1}}, RF_TYPE_F16, 2, 1, 20, 16},
    /* decoding: one token each, contexts of all sorts */
    {{4, {0, 31, 32, 200}, {1, 1, 1, 1}}, RF_TYPE_F16, 8, 2, 64, 16},
    {{3, {63, 64, 127}, {1, 1, 1}}, RF_TYPE_Q8_0, 4, 4, 96, 64},
    {{1, {1000}, {1}}, RF_TYPE_Q8_0, 6, 2, 32, 32},
    /* prefill */
    {{1, {0}, {100}}, RF_TYPE_F32, 4, 4, 80, 16},
    {{1, {0}, {77}}, RF_TYPE_F16, 9, 3, 64, 1},
    {{1, {0}, {33}}, RF_TYPE_Q8_0, 14, 2, 64, 4},
    /* a group of more heads than a tile has queries */
    {{1, {40}, {9}}, RF_TYPE_F16, 71, 1, 64, 8},
    {{1, {10}, {4}}, RF_TYPE_F32, 34, 2, 33, 2},
    /* chunks of several sequences, and decoding beside them */
    {{4, {0, 50, 7, 130}, {40, 1, 23, 2}}, RF_TYPE_F16, 8, 4, 128, 16},
    {{3, {3, 0, 64}, {17, 18, 19}}, RF_TYPE_Q8_0, 16, 2, 256, 64},
    {{2, {90, 0}, {12, 30}}, RF_TYPE_F32, 5, 1, 512, 16},
};
#define N_CASES (sizeof(cases) / sizeof(cases[0]))

/* One head of one token, by the definition. */
static void attend(const paged_batch *batch, uint32_t token, uint32_t kv_head, const float *q,
                   double scale, double *out)
{
    const uint32_t n = batch->layer.head_size;
    const uint32_t sequence = (uint32_t)batch->rows[token];
    const uint32_t seen = (uint32_t)batch->positions[token] + 1;
    double *weights = malloc(seen * sizeof(*weights));
    float *row = malloc(n * sizeof(*row));
    double max = -INFINITY;
    for (uint32_t p = 0; p < seen; p++) {
        rf_dequantise_row(batch->layer.type, page_row(batch, batch->keys, sequence, p, kv_head),
                          row, n, NULL);
        weights[p] = 0;
        for (uint32_t d = 0; d < n; d++)
            weights[p] += scale * (double)q[d] * (double)row[d];
        max = fmax(max, weights[p]);
    }
    double sum = 0;
    for (uint32_t d = 0; d < n; d++)
        out[d] = 0;
    for (uint32_t p = 0; p < seen; p++) {
        double weight = exp(weights[p] - max);
        rf_dequantise_row(batch->layer.type, page_row(batch, batch->values, sequence, p, kv_head),
                          row, n, NULL);
        sum += weight;
        for (uint32_t d = 0; d < n; d++)
            out[d] += weight * (double)row[d];
    }
    for (uint32_t d = 0; d < n; d++)
        out[d] /= sum;
    free(weights);
    free(row);
}

typedef struct attention_run {
    const attention_case *shape;
    paged_batch batch;
    size_t count; /* of q and out */
    float *q;
    float *out;
    double scale;
} attention_run;

static void open_run(attention_run *run, const attention_case *c)
{
    *run = (attention_run){.shape = c, .scale = 4 / sqrt(c->head_size)};
    open_pages(&run->batch, &c->shape, c->type, c->n_kv_heads, c->head_size, c->page_tokens);
    run->count = (size_t)run->batch.view.n_tokens * c->n_heads * c->head_size;
    run->q = random_floats(run->count, 2);
    run->out = calloc(run->count, sizeof(float));
}

static void close_run(attention_run *run)
{
    close_pages(&run->batch);
    free(run->q);
    free(run->out);
}

static void compute(attention_run *run, const test_compute *on)
{
    const rf_attention_args args = {
        .batch = &run->batch.view,
        .q = address_of(run->q),
        .out = address_of(run->out),
        .n_heads = run->shape->n_heads,
        .scale = (float)run->scale,
        .kv = &run->batch.layer,
    };
    assert_int_equal(on->compute.kernels->attention(&on->compute, &args, NULL), RF_OK);
}

static void agrees_with_the_definition(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_CASES; i++) {
        const attention_case *c = &cases[i];
        attention_run run;
        open_run(&run, c);
        double *expected = malloc(run.count * sizeof(*expected));
        const uint32_t group = c->n_heads / c->n_kv_heads;
        for (uint32_t j = 0; j < run.batch.view.n_tokens * c->n_heads; j++)
            attend(&run.batch, j / c->n_heads, j % c->n_heads / group,
                   run.q + (size_t)j * c->head_size, run.scale,
                   expected + (size_t)j * c->head_size);
        for (int table = 0; table < 2; table++) {
            test_compute on;
            open_compute(&on, both_tables[table], 2, 0);
            compute(&run, &on);
            /* Scores are below 8 * sqrt(head_size) in size, values at most 1. */
            assert_all_close(run.out, expected, both_tables[table] ? 5e-6 : 2e-5, run.count);
            close_compute(&on);
        }
        free(expected);
        close_run(&run);
    }
}

static void threads_change_nothing(void **state)
{
    (void)state;
    static const attention_case c = {
        {4, {0, 500, 7, 130}, {40, 1, 23, 2}}, RF_TYPE_F16, 8, 4, 64, 16};
    for (int table = 0; table < 2; table++) {
        attention_run run;
        open_run(&run, &c);
        float *first = malloc(run.count * sizeof(*first));
        for (int i = 0; i < 4; i++) {
            test_compute on;
            open_compute(&on, both_tables[table], thread_counts[i], 0);
            compute(&run, &on);
            close_compute(&on);
            if (i == 0)
                memcpy(first, run.out, run.count * sizeof(*first));
            assert_memory_equal(first, run.out, run.count * sizeof(*first));
        }
        free(first);
        close_run(&run);
    }
}

/* Each token of a batch alone gives the same bits: prefill and decoding cannot disagree here. */
static void batches_change_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_CASES; i++) {
        attention_run run;
        open_run(&run, &cases[i]);
        test_compute on;
        open_compute(&on, false, 2, 0);
        compute(&run, &on);
        const size_t width = (size_t)cases[i].n_heads * cases[i].head_size;
        float *alone = malloc(width * sizeof(*alone));
        for (uint32_t t = 0; t < run.batch.view.n_tokens; t++) {
            rf_batch_view one = run.batch.view;
            one.n_tokens = 1;
            one.positions += t * sizeof(int32_t);
            one.rows += t * sizeof(int32_t);
            const rf_attention_args args = {
                .batch = &one,
                .q = address_of(run.q + t * width),
                .out = address_of(alone),
                .n_heads = cases[i].n_heads,
                .scale = (float)run.scale,
                .kv = &run.batch.layer,
            };
            assert_int_equal(on.compute.kernels->attention(&on.compute, &args, NULL), RF_OK);
            assert_memory_equal(alone, run.out + t * width, width * sizeof(*alone));
        }
        free(alone);
        close_compute(&on);
        close_run(&run);
    }
}

static void bad_layers_are_errors(void **state)
{
    (void)state;
    attention_run run;
    open_run(&run, &cases[0]);
    test_compute on;
    open_compute(&on, false, 1, 0);
    rf_attention_args args = {
        .batch = &run.batch.view,
        .q = address_of(run.q),
        .out = address_of(run.out),
        .n_heads = 1,
        .kv = &run.batch.layer,
    };
    rf_error error;
    run.batch.layer.head_size = RF_MAX_HEAD_SIZE + 1;
    assert_int_equal(on.compute.kernels->attention(&on.compute, &args, &error), RF_ERROR_INTERNAL);
    run.batch.layer.head_size = 32;
    run.batch.layer.type = RF_TYPE_Q4_0;
    assert_int_equal(on.compute.kernels->attention(&on.compute, &args, &error),
                     RF_ERROR_UNSUPPORTED);
    assert_non_null(strstr(error.message, "Q4_0"));
    close_compute(&on);
    close_run(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_definition),
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(batches_change_nothing),
        cmocka_unit_test(bad_layers_are_errors),
    };
    return cmocka_run_group_tests_name("attention", tests, NULL, NULL);
}
