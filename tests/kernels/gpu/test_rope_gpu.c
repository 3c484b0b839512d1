/* test_rope_gpu.c: norms, rotation and the append to pages on GPUs (on_gpu.h), against the portable
 * operation of the CPU. */
#include "kernels/gpu/on_gpu.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/gpu/operations.h"
#include "tensor/dequantise.h"

typedef struct rope_case {
    batch_shape shape;
    rf_type type;
    uint32_t n_heads;
    uint32_t n_kv_heads;
    uint32_t head_size;
    uint32_t page_tokens;
    uint32_t n_rotary;
    rf_rope_style style;
    bool norms;
} rope_case;

static const rope_case cases[] = {
    {{1, {0}, {1}}, RF_TYPE_F32, 1, 1, 5, 1, 4, RF_ROPE_INTERLEAVED, false},
    {{1, {70000}, {1}}, RF_TYPE_F16, 8, 2, 128, 256, 128, RF_ROPE_HALVES, true},
    {{1, {30}, {3}}, RF_TYPE_Q8_0, 4, 2, 96, 16, 64, RF_ROPE_HALVES, false},
    {{3, {0, 9, 300}, {5, 1, 7}}, RF_TYPE_F16, 3, 1, 64, 4, 64, RF_ROPE_INTERLEAVED, true},
    {{2, {16, 15}, {20, 2}}, RF_TYPE_Q8_0, 2, 2, 256, 8, 256, RF_ROPE_INTERLEAVED, true},
    {{2, {0, 2}, {4, 4}}, RF_TYPE_F32, 2, 1, 512, 2, 512, RF_ROPE_HALVES, true},
    {{1, {3}, {2}}, RF_TYPE_F16, 2, 1, 33, 16, 10, RF_ROPE_HALVES, true},
    {{1, {3}, {2}}, RF_TYPE_Q8_0, 40, 8, 32, 16, 0, RF_ROPE_HALVES, false},
    {{1, {0}, {40}}, RF_TYPE_F16, 32, 8, 128, 32, 128, RF_ROPE_INTERLEAVED, false},
};
#define N_CASES (sizeof(cases) / sizeof(cases[0]))

/* One side's data: that of the CPU, which is then copied to the device. */
typedef struct rope_run {
    const rope_case *c;
    paged_batch batch;
    size_t n_q, n_k;
    float *q, *k, *v;
    rf_tensor frequencies, q_norm, k_norm;
} rope_run;

static void open_run(rope_run *run, const rope_case *c)
{
    *run = (rope_run){.c = c};
    open_pages(&run->batch, &c->shape, c->type, c->n_kv_heads, c->head_size, c->page_tokens);
    const size_t n = (size_t)run->batch.view.n_tokens * c->head_size;
    run->n_q = n * c->n_heads;
    run->n_k = n * c->n_kv_heads;
    run->q = random_floats(run->n_q, 3);
    run->k = random_floats(run->n_k, 3);
    run->v = random_floats(run->n_k, 3);
    run->frequencies = random_tensor(RF_TYPE_F32, c->n_rotary / 2 + 1, 1, 1);
    float *frequencies = (float *)(uintptr_t)run->frequencies.address;
    for (uint32_t i = 0; i < c->n_rotary / 2; i++)
        frequencies[i] = powf(10000, -2 * (float)i / (float)c->n_rotary);
    run->q_norm = random_tensor(RF_TYPE_F32, c->head_size, 1, 1);
    run->k_norm = random_tensor(RF_TYPE_F32, c->head_size, 1, 1);
}

static void close_run(rope_run *run)
{
    close_pages(&run->batch);
    free(run->q);
    free(run->k);
    free(run->v);
    free_tensor(&run->frequencies);
    free_tensor(&run->q_norm);
    free_tensor(&run->k_norm);
}

static rf_rope_append_args args_of(const rope_run *run)
{
    return (rf_rope_append_args){
        .batch = &run->batch.view,
        .q = address_of(run->q),
        .k = address_of(run->k),
        .v = address_of(run->v),
        .n_heads = run->c->n_heads,
        .q_norm = run->c->norms ? &run->q_norm : NULL,
        .k_norm = run->c->norms ? &run->k_norm : NULL,
        .epsilon = 1e-5F,
        .rope = {.style = run->c->style,
                 .n_rotary = run->c->n_rotary,
                 .frequencies = &run->frequencies,
                 .magnitude = 1.25F},
        .kv = &run->batch.layer,
    };
}

/* What the device makes of the same. */
typedef struct rope_result {
    float *q, *k;
    uint8_t *keys, *values;
} rope_result;

static rope_result compute(const rope_run *run, gpu *g)
{
    rf_error error = {0};
    const uint64_t q_bytes = run->n_q * sizeof(float);
    const uint64_t k_bytes = run->n_k * sizeof(float);
    const uint64_t norm_bytes = run->c->head_size * sizeof(float);
    gpu_batch batch = gpu_pages(g, &run->batch, run->c->shape.n_sequences);
    rf_tensor frequencies =
        gpu_tensor(g, &run->frequencies, (run->c->n_rotary / 2 + 1) * sizeof(float));
    rf_tensor q_norm = gpu_tensor(g, &run->q_norm, norm_bytes);
    rf_tensor k_norm = gpu_tensor(g, &run->k_norm, norm_bytes);
    rf_rope_append_args args = args_of(run);
    args.batch = &batch.view;
    args.kv = &batch.layer;
    args.q = gpu_copy(g, run->q, q_bytes);
    args.k = gpu_copy(g, run->k, k_bytes);
    args.v = gpu_copy(g, run->v, k_bytes);
    args.rope.frequencies = &frequencies;
    args.q_norm = run->c->norms ? &q_norm : NULL;
    args.k_norm = run->c->norms ? &k_norm : NULL;
    expect_ok(rf_gpu_rope_append(&g->compute, &args, &error), &error);
    rope_result out = {malloc(q_bytes), malloc(k_bytes), malloc(run->batch.bytes),
                       malloc(run->batch.bytes)};
    gpu_read(g, out.q, args.q, q_bytes);
    gpu_read(g, out.k, args.k, k_bytes);
    gpu_read(g, out.keys, batch.layer.keys, run->batch.bytes);
    gpu_read(g, out.values, batch.layer.values, run->batch.bytes);
    gpu_forget(g);
    return out;
}

static void free_result(rope_result *result)
{
    free(result->q);
    free(result->k);
    free(result->keys);
    free(result->values);
}

static void expect_close(const float *got, const float *expected, size_t n, double bound)
{
    for (size_t i = 0; i < n; i++) {
        if (!(fabs((double)got[i] - (double)expected[i]) <= bound))
            fail_msg("element %zu of %zu: %.9g, expected %.9g", i, n, (double)got[i],
                     (double)expected[i]);
    }
}

/* All rows of the cache, those that were written and those that were not. A last bit of what is
 * stored may go either way; of Q8_0, a step of d. */
static void expect_rows(const paged_batch *batch, const uint8_t *got, const uint8_t *expected)
{
    const uint64_t n = batch->bytes / batch->row_bytes * batch->layer.head_size;
    float *a = malloc(n * sizeof(*a));
    float *b = malloc(n * sizeof(*b));
    assert_int_equal(rf_dequantise_row(batch->layer.type, got, a, n, NULL), RF_OK);
    assert_int_equal(rf_dequantise_row(batch->layer.type, expected, b, n, NULL), RF_OK);
    expect_close(a, b, n,
                 batch->layer.type == RF_TYPE_F32   ? 3e-6
                 : batch->layer.type == RF_TYPE_F16 ? 6e-3
                                                    : 0.06);
    free(a);
    free(b);
}

static void check_case(gpu *g, const rope_case *c)
{
    rope_run run;
    test_compute cpu;
    open_run(&run, c);
    rope_result got = compute(&run, g);
    open_compute(&cpu, true, 1, 0);
    rf_rope_append_args args = args_of(&run);
    assert_int_equal(cpu.compute.kernels->rope_append(&cpu.compute, &args, NULL), RF_OK);
    close_compute(&cpu);
    expect_close(got.q, run.q, run.n_q, 3e-6);
    expect_close(got.k, run.k, run.n_k, 3e-6);
    expect_rows(&run.batch, got.keys, run.batch.keys);
    expect_rows(&run.batch, got.values, run.batch.values);
    free_result(&got);
    close_run(&run);
}

static void check_cases(gpu *g)
{
    for (size_t i = 0; i < N_CASES; i++)
        check_case(g, &cases[i]);
}

static void agrees_with_the_cpu(void **state)
{
    (void)state;
    on_every_warp(check_cases);
}

static void check_missing_pages(gpu *g)
{
    static const rope_case c = {{1, {0}, {12}}, RF_TYPE_F32, 2, 2, 16, 4, 16,
                                RF_ROPE_HALVES, false};
    rope_run run;
    open_run(&run, &c);
    run.batch.positions[0] = -1;
    const int32_t page = run.batch.tables[1]; /* of positions 4 to 7 */
    run.batch.tables[1] = -1;
    rope_result got = compute(&run, g);
    run.batch.tables[1] = page;
    for (uint32_t p = 0; p < 12; p++) {
        const uint8_t *was = page_row(&run.batch, run.batch.values, 0, p, 1);
        const uint8_t *is = page_row(&run.batch, got.values, 0, p, 1);
        const float *v = run.v + ((size_t)p * 2 + 1) * 16;
        const bool stored = p != 0 && p / 4 != 1;
        assert_memory_equal(is, stored ? (const void *)v : was, 16 * sizeof(float));
    }
    free_result(&got);
    close_run(&run);
}

/* Tokens of nobody, and pages that are not there. */
static void what_has_no_page_is_not_stored(void **state)
{
    (void)state;
    on_every_warp(check_missing_pages);
}

static void check_bad_shapes(gpu *g)
{
    rope_run run;
    rf_error error = {0};
    open_run(&run, &cases[0]);
    rf_rope_append_args args = args_of(&run);
    args.rope.n_rotary = 6;
    assert_int_equal(rf_gpu_rope_append(&g->compute, &args, &error), RF_ERROR_INTERNAL);
    assert_non_null(strstr(error.message, "6 elements of a head of 5"));
    run.batch.layer.type = RF_TYPE_Q4_K;
    assert_int_equal(rf_gpu_rope_append(&g->compute, &args, &error), RF_ERROR_UNSUPPORTED);
    run.batch.layer.type = RF_TYPE_Q8_0;
    assert_int_equal(rf_gpu_rope_append(&g->compute, &args, &error), RF_ERROR_INTERNAL);
    close_run(&run);
}

static void bad_shapes_are_errors(void **state)
{
    (void)state;
    on_any_gpu(check_bad_shapes);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_cpu),
        cmocka_unit_test(what_has_no_page_is_not_stored),
        cmocka_unit_test(bad_shapes_are_errors),
    };
    const int status = gpu_arguments(argc, argv);
    return status ? status : cmocka_run_group_tests_name("rope on GPUs", tests, NULL, gpu_stop_all);
}
