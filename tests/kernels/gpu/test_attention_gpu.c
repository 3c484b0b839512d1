/* test_attention_gpu.c: attention on GPUs (on_gpu.h) against the portable operation of the CPU. */
#include "kernels/gpu/on_gpu.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/gpu/args_attention.h"
#include "kernels/gpu/attention.h"
#include "tensor/dequantise_types.h"

typedef struct attention_case {
    batch_shape shape;
    rf_type type;
    uint32_t n_heads;
    uint32_t n_kv_heads;
    uint32_t head_size;
    uint32_t page_tokens;
} attention_case;

/* Every kernel of decoding, by its type, width and group; every one of prefill. */
static const attention_case cases[] = {
    /* one token, the first of its sequence; heads that are no multiple of eight; small pages */
    {{1, {0}, {1}}, RF_TYPE_F32, 1, 1, 5, 1},
    {{1, {37}, {1}}, RF_TYPE_F16, 3, 1, 20, 2},
    {{1, {50}, {2}}, RF_TYPE_Q8_0, 2, 2, 288, 16},
    /* decoding: contexts of all sorts */
    {{4, {0, 31, 32, 200}, {1, 1, 1, 1}}, RF_TYPE_F16, 8, 2, 64, 16},
    {{3, {63, 64, 127}, {1, 1, 1}}, RF_TYPE_Q8_0, 4, 4, 96, 64},
    {{1, {1000}, {1}}, RF_TYPE_Q8_0, 12, 2, 32, 32},
    {{2, {300, 5}, {1, 3}}, RF_TYPE_F16, 7, 1, 128, 4},
    {{2, {90, 0}, {1, 1}}, RF_TYPE_F32, 4, 2, 128, 256},
    {{2, {190, 2}, {1, 1}}, RF_TYPE_F16, 6, 1, 256, 8},
    {{2, {191, 2}, {1, 1}}, RF_TYPE_Q8_0, 5, 1, 160, 16},
    {{1, {70}, {1}}, RF_TYPE_F32, 8, 1, 200, 16},
    {{1, {70}, {1}}, RF_TYPE_F32, 2, 2, 64, 4},
    {{1, {100}, {1}}, RF_TYPE_F16, 3, 3, 256, 32},
    {{1, {100}, {1}}, RF_TYPE_Q8_0, 10, 1, 128, 32},
    {{1, {40}, {1}}, RF_TYPE_F16, 71, 1, 64, 8},
    /* prefill: whole tiles and parts of them, after other chunks, with odd heads, small pages */
    {{1, {0}, {100}}, RF_TYPE_F32, 4, 4, 80, 16},
    {{1, {0}, {77}}, RF_TYPE_F16, 3, 3, 64, 1},
    {{1, {0}, {33}}, RF_TYPE_Q8_0, 7, 1, 64, 4},
    {{1, {250}, {70}}, RF_TYPE_F16, 2, 1, 128, 16},
    {{1, {60}, {40}}, RF_TYPE_F16, 2, 2, 256, 64},
    {{1, {9}, {30}}, RF_TYPE_F32, 2, 1, 33, 2},
    {{1, {9}, {20}}, RF_TYPE_Q8_0, 1, 1, 512, 16},
    {{1, {65}, {130}}, RF_TYPE_Q8_0, 1, 1, 96, 128},
};
#define N_CASES (sizeof(cases) / sizeof(cases[0]))

typedef struct attention_run {
    const attention_case *shape;
    paged_batch batch;
    size_t count; /* of q and out */
    float *q;
    float *out;
    float *expected;
    float scale;
} attention_run;

/* Puts the tokens of a batch in order of their sequences: in runs as long as there are. */
static void sort_batch(paged_batch *batch, const batch_shape *shape)
{
    uint32_t t = 0;
    for (uint32_t s = 0; s < shape->n_sequences; s++) {
        for (uint32_t i = 0; i < shape->n[s]; i++, t++) {
            batch->rows[t] = (int32_t)s;
            batch->positions[t] = (int32_t)(shape->first[s] + i);
        }
    }
}

static void compute_expected(attention_run *run)
{
    test_compute on;
    open_compute(&on, true, 1, 0);
    const rf_attention_args args = {
        .batch = &run->batch.view,
        .q = address_of(run->q),
        .out = address_of(run->expected),
        .n_heads = run->shape->n_heads,
        .scale = run->scale,
        .kv = &run->batch.layer,
    };
    assert_int_equal(on.compute.kernels->attention(&on.compute, &args, NULL), RF_OK);
    close_compute(&on);
}

static void open_run(attention_run *run, const attention_case *c, bool sorted)
{
    *run = (attention_run){.shape = c, .scale = 4 / sqrtf((float)c->head_size)};
    open_pages(&run->batch, &c->shape, c->type, c->n_kv_heads, c->head_size, c->page_tokens);
    if (sorted)
        sort_batch(&run->batch, &c->shape);
    run->count = (size_t)run->batch.view.n_tokens * c->n_heads * c->head_size;
    run->q = random_floats(run->count, 2);
    run->out = calloc(run->count, sizeof(float));
    run->expected = calloc(run->count, sizeof(float));
    compute_expected(run);
}

static void close_run(attention_run *run)
{
    close_pages(&run->batch);
    free(run->q);
    free(run->out);
    free(run->expected);
}

/* NULL: the operation's own choice. */
static void compute(attention_run *run, gpu *g, const rf_gpu_attention_choice *choice)
{
    rf_error error = {0};
    gpu_batch batch = gpu_pages(g, &run->batch, run->shape->shape.n_sequences);
    rf_address out = gpu_room(g, run->count * sizeof(float));
    rf_gpu_attention_choice own;
    const rf_attention_args args = {
        .batch = &batch.view,
        .q = gpu_copy(g, run->q, run->count * sizeof(float)),
        .out = out,
        .n_heads = run->shape->n_heads,
        .scale = run->scale,
        .kv = &batch.layer,
    };
    rf_gpu_attention_choose(g->traits, &args, &own);
    choice = choice ? choice : &own;
    expect_ok(rf_gpu_attention_run(&g->compute, &args, choice, &error), &error);
    gpu_read(g, run->out, out, run->count * sizeof(float));
    gpu_forget(g);
}

/* Values are at most 1, weights sum to 1. Decoding is in f32, or in f16 of two parts; other f16
 * products round queries, keys and weights to 11 bits, and scores are up to some 10 in size. */
static void expect_close(const attention_run *run, double bound, const gpu *g)
{
    for (size_t i = 0; i < run->count; i++) {
        const double off = fabs((double)run->out[i] - (double)run->expected[i]);
        if (!(off <= bound))
            fail_msg("%s, case %d, element %zu of %zu: %.9g, expected %.9g", g->id,
                     (int)(run->shape - cases), i, run->count, (double)run->out[i],
                     (double)run->expected[i]);
    }
}

#define WORKSPACE     (8 << 20)
#define DECODE_BOUND  1e-5
#define PREFILL_BOUND 1.5e-3

static void decode_cases(gpu *g, uint32_t n_splits)
{
    for (size_t i = 0; i < N_CASES; i++) {
        attention_run run;
        const rf_gpu_attention_choice choice = {.n_splits = n_splits, .tokens_per_block = 1};
        if (n_splits > 1 && cases[i].shape.n[0] > 16)
            continue;
        open_run(&run, &cases[i], false);
        compute(&run, g, &choice);
        expect_close(&run, DECODE_BOUND, g);
        close_run(&run);
    }
}

static void check_tokens_alone(gpu *g)
{
    gpu_workspace(g, WORKSPACE);
    decode_cases(g, 1);
    decode_cases(g, 3);
    decode_cases(g, 64);
}

static void tokens_alone_agree_with_the_cpu(void **state)
{
    (void)state;
    on_every_warp(check_tokens_alone);
}

static void check_runs(gpu *g)
{
    gpu_workspace(g, WORKSPACE);
    for (size_t i = 0; i < N_CASES; i++) {
        attention_run run;
        if (cases[i].shape.n[0] <= 16)
            continue;
        open_run(&run, &cases[i], true);
        compute(&run, g, NULL);
        expect_close(&run, PREFILL_BOUND, g);
        close_run(&run);
    }
}

static void runs_agree_with_the_cpu(void **state)
{
    (void)state;
    on_every_gpu(check_runs);
}

/* ---- batches of several kinds of tokens --------------------------------------------------- */

static uint32_t one_of(const uint32_t *values, uint32_t n)
{
    return values[random_below(n)];
}

static attention_case random_case(void)
{
    static const rf_type types[] = {RF_TYPE_F32, RF_TYPE_F16, RF_TYPE_Q8_0};
    static const uint32_t heads[] = {32, 64, 64, 96, 128, 128, 160};
    static const uint32_t odd_heads[] = {8, 12, 33, 50, 72, 100};
    static const uint32_t groups[] = {1, 2, 3, 4, 7, 8};
    attention_case c = {.type = types[random_below(3)], .n_kv_heads = 1 + random_below(2)};
    c.n_heads = c.n_kv_heads * one_of(groups, 6);
    c.head_size =
        c.type != RF_TYPE_Q8_0 && random_below(3) == 0 ? one_of(odd_heads, 6) : one_of(heads, 7);
    c.page_tokens = 1U << random_below(9);
    c.shape.n_sequences = 1 + random_below(MAX_SEQUENCES);
    for (uint32_t s = 0; s < c.shape.n_sequences; s++) {
        c.shape.first[s] = random_below(4) ? random_below(150) : 0;
        c.shape.n[s] = random_below(2) ? 1 : 1 + random_below(50);
    }
    return c;
}

/* Chunks of prompts beside tokens that are generated, in whatever order; and every way to share
 * them out between kernels and blocks. */
static void check_random_batches(gpu *g)
{
    const uint32_t n = !g->emulated ? 100 : g->variant ? 8 : 25; /* a card is quick */
    gpu_workspace(g, WORKSPACE);
    for (uint32_t i = 0; i < n; i++) {
        const attention_case c = random_case();
        attention_run run;
        open_run(&run, &c, random_below(3) != 0);
        const bool prefill = c.head_size <= 256 && random_below(4) != 0;
        rf_gpu_attention_choice choice = {.n_splits = 1 + random_below(5), 1, prefill};
        if (random_below(3) == 0)
            choice = (rf_gpu_attention_choice){1, 1 + random_below(8), prefill};
        compute(&run, g, random_below(3) ? &choice : NULL);
        run.shape = cases; /* for the message, which case says nothing */
        expect_close(&run, PREFILL_BOUND, g);
        close_run(&run);
    }
}

static void any_batch_agrees_with_the_cpu(void **state)
{
    (void)state;
    on_every_gpu(check_random_batches);
}

/* ---- what must not be read ------------------------------------------------------------------- */

/* Takes page `index` from every sequence, and its position from token `nobody`. */
static void make_holes(attention_run *run, uint32_t index, uint32_t nobody)
{
    for (uint32_t s = 0; s < run->shape->shape.n_sequences; s++)
        run->batch.tables[s * run->batch.view.table_stride + index] = -1;
    run->batch.positions[nobody] = -1;
}

/* Element d of a row of keys or values, F32 or F16. */
static double element_of(const paged_batch *batch, uint8_t *from, uint32_t sequence,
                         uint32_t position, uint32_t kv_head, uint32_t d)
{
    const uint8_t *row = page_row(batch, from, sequence, position, kv_head);
    float value = 0;
    if (batch->layer.type == RF_TYPE_F16)
        rf_dequantise_f16(row + d * 2ULL, &value, 1);
    else
        memcpy(&value, row + d * sizeof(value), sizeof(value));
    return (double)value;
}

/* The definition, over the pages that there are. */
static void attend_around_holes(const attention_run *run, uint32_t token, uint32_t head,
                                double *out)
{
    const paged_batch *batch = &run->batch;
    const uint32_t n = batch->layer.head_size;
    const uint32_t sequence = (uint32_t)batch->rows[token];
    const uint32_t kv_head = head / (run->shape->n_heads / run->shape->n_kv_heads);
    const float *q = run->q + ((size_t)token * run->shape->n_heads + head) * n;
    double sum = 0;
    memset(out, 0, n * sizeof(*out));
    for (int32_t p = 0; p <= batch->positions[token]; p++) {
        const uint32_t page = (uint32_t)p / batch->layer.page_tokens;
        if (batch->tables[sequence * batch->view.table_stride + page] < 0)
            continue;
        double score = 0;
        for (uint32_t d = 0; d < n; d++)
            score +=
                (double)q[d] * element_of(batch, batch->keys, sequence, (uint32_t)p, kv_head, d);
        const double weight = exp(score * (double)run->scale);
        sum += weight;
        for (uint32_t d = 0; d < n; d++)
            out[d] += weight * element_of(batch, batch->values, sequence, (uint32_t)p, kv_head, d);
    }
    for (uint32_t d = 0; d < n; d++)
        out[d] = sum > 0 ? out[d] / sum : 0;
}

static void check_holes(gpu *g, rf_type type, const rf_gpu_attention_choice *choice)
{
    const attention_case c = {{2, {40, 0}, {30, 20}}, type, 6, 2, 64, 8};
    attention_run run;
    double expected[64];
    open_run(&run, &c, true);
    make_holes(&run, 1, 33);
    for (uint32_t i = 0; i < run.batch.view.n_tokens * c.n_heads; i++) {
        attend_around_holes(&run, i / c.n_heads, i % c.n_heads, expected);
        for (uint32_t d = 0; d < 64; d++)
            run.expected[i * 64 + d] = (float)expected[d];
    }
    compute(&run, g, choice);
    run.shape = cases;
    expect_close(&run, PREFILL_BOUND, g);
    close_run(&run);
}

static void check_missing_pages(gpu *g)
{
    static const rf_gpu_attention_choice choices[] = {{1, 1, true}, {1, 1, false}, {4, 1, false}};
    gpu_workspace(g, WORKSPACE);
    for (size_t i = 0; i < 3; i++) {
        check_holes(g, RF_TYPE_F32, &choices[i]);
        check_holes(g, RF_TYPE_F16, &choices[i]);
    }
}

static void pages_that_are_not_there_are_left_out(void **state)
{
    (void)state;
    on_every_gpu(check_missing_pages);
}

static void check_rows_after(gpu *g)
{
    static const attention_case c = {{1, {37}, {1}}, RF_TYPE_F16, 8, 2, 128, 64};
    attention_run run;
    gpu_workspace(g, WORKSPACE);
    open_run(&run, &c, true);
    for (uint32_t i = 0; i < (64 - 38) * c.n_kv_heads; i++) { /* NaN */
        const uint32_t position = 38 + i / c.n_kv_heads, head = i % c.n_kv_heads;
        memset(page_row(&run.batch, run.batch.keys, 0, position, head), 0xFF, 256);
        memset(page_row(&run.batch, run.batch.values, 0, position, head), 0xFF, 256);
    }
    compute(&run, g, NULL);
    run.shape = cases;
    expect_close(&run, DECODE_BOUND, g);
    close_run(&run);
}

/* Rows of a page that come after a token may hold anything, and so may those of other sequences. */
static void rows_after_a_token_are_not_used(void **state)
{
    (void)state;
    on_every_warp(check_rows_after);
}

static void check_queries(gpu *g)
{
    static const attention_case c = {{2, {150, 20}, {1, 1}}, RF_TYPE_F16, 8, 1, 128, 16};
    static const float sizes[] = {1e20F, 1e-20F};
    gpu_workspace(g, WORKSPACE);
    for (size_t s = 0; s < 2; s++) {
        attention_run run;
        open_run(&run, &c, true);
        for (size_t i = 0; i < run.count; i++)
            run.q[i] *= sizes[s];
        run.scale /= sizes[s];
        compute(&run, g, NULL);
        run.shape = cases;
        expect_close(&run, DECODE_BOUND, g);
        close_run(&run);
    }
}

/* Queries far outside the range of F16, at both ends, whose scores are of the usual size. */
static void queries_may_be_of_any_size(void **state)
{
    (void)state;
    on_every_warp(check_queries);
}

/* ---- the same again -------------------------------------------------------------------------- */

static void expect_zero_counters(gpu *g)
{
    static uint32_t counters[RF_GPU_COUNTERS];
    gpu_read(g, counters, rf_gpu_counters(&g->compute), sizeof(counters));
    for (uint32_t i = 0; i < RF_GPU_COUNTERS; i++)
        assert_int_equal(counters[i], 0);
}

/* Twice: on an emulated GPU the second time in another order of threads, which a card has anyway.
 */
static void check_same_bits(gpu *g)
{
    static const attention_case c = {
        {4, {150, 0, 60, 77}, {1, 20, 1, 12}}, RF_TYPE_F16, 8, 2, 64, 16};
    static const rf_gpu_attention_choice choices[] = {{5, 1, true}, {5, 1, false}, {1, 3, true}};
    attention_run run;
    gpu_workspace(g, WORKSPACE);
    open_run(&run, &c, true);
    for (size_t i = 0; i < 3; i++) {
        float *first = malloc(run.count * sizeof(*first));
        compute(&run, g, &choices[i]);
        expect_zero_counters(g);
        memcpy(first, run.out, run.count * sizeof(*first));
        if (g->emulated)
            rf_emu_set_schedule(g->device, RF_EMU_RANDOM, 5 + i);
        compute(&run, g, &choices[i]);
        assert_memory_equal(first, run.out, run.count * sizeof(*first));
        free(first);
    }
    close_run(&run);
}

static void every_run_gives_the_same_bits(void **state)
{
    (void)state;
    on_every_warp(check_same_bits);
}

/* ---- what the host chooses ------------------------------------------------------------------- */

static void choices_fill_the_device(void **state)
{
    (void)state;
    static const struct {
        uint32_t n_tokens, n_heads, n_kv_heads, head_size;
        rf_gpu_attention_choice choice;
    } expected[] = {
        {1, 32, 8, 128, {32, 1, false, 2}}, /* 256 blocks of the 264 that run at a time */
        {1, 8, 8, 512, {32, 1, false, 4}},  /* slices of two heads, here half empty */
        {1, 1, 1, 64, {64, 1, false, 2}},   /* as many as there may be */
        {4, 64, 8, 128, {8, 1, false, 2}},  /* 256 */
        {16, 32, 8, 128, {2, 1, false, 6}}, /* 256 */
        {48, 32, 8, 128, {2, 1, true, 6}},  /* 768 of 792 */
        {64, 32, 8, 128, {1, 1, true, 6}},  /* 512 of 528 */
        {512, 32, 8, 128, {1, 8, true, 6}}, /* from here on most will be in runs */
        {2048, 32, 8, 128, {1, 32, true, 6}},
        {2048, 32, 8, 320, {1, 63, false, 4}}, /* no kernel for runs; two slices */
    };
    const rf_gpu_traits traits = {.warp_size = 32, .compute_units = 132, .matrix_columns = 8};
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        const rf_batch_view batch = {.n_tokens = expected[i].n_tokens};
        const rf_kv_layer kv = {.type = RF_TYPE_F16,
                                .n_kv_heads = expected[i].n_kv_heads,
                                .head_size = expected[i].head_size,
                                .page_tokens = 16};
        const rf_attention_args args = {.batch = &batch, .n_heads = expected[i].n_heads, .kv = &kv};
        rf_gpu_attention_choice choice;
        rf_gpu_attention_choose(&traits, &args, &choice);
        assert_int_equal(choice.n_splits, expected[i].choice.n_splits);
        assert_int_equal(choice.tokens_per_block, expected[i].choice.tokens_per_block);
        assert_int_equal(choice.prefill, expected[i].choice.prefill);
        assert_int_equal(choice.unsplit_steps, expected[i].choice.unsplit_steps);
        const rf_batch_view alone = {.n_tokens = expected[i].n_tokens, .alone = true};
        const rf_attention_args of_alone = {
            .batch = &alone, .n_heads = expected[i].n_heads, .kv = &kv};
        rf_gpu_attention_choose(&traits, &of_alone, &choice);
        assert_false(choice.prefill);
    }
}

static void check_workspace(gpu *g)
{
    static const attention_case c = {{3, {150, 0, 60}, {1, 1, 1}}, RF_TYPE_F16, 8, 2, 64, 16};
    const rf_kernel_limits limits = {.n_tokens = 3, .n_heads = 8, .n_kv_heads = 2, .head_size = 64};
    const rf_gpu_attention_choice most = {RF_GPU_ATTENTION_SPLITS, 1, false};
    attention_run run;
    uint64_t bytes = 0;
    rf_error error = {0};
    expect_ok(rf_gpu_attention_workspace(&limits, NULL, &bytes, &error), &error);
    gpu_workspace(g, bytes);
    open_run(&run, &c, true);
    compute(&run, g, &most);
    expect_close(&run, DECODE_BOUND, g);
    rf_compute small = g->compute;
    small.workspace_bytes = RF_GPU_COUNTERS * sizeof(uint32_t) + 256;
    const rf_attention_args args = {
        .batch = &run.batch.view, .n_heads = 8, .scale = 1, .kv = &run.batch.layer};
    assert_int_equal(rf_gpu_attention_run(&small, &args, &most, &error), RF_ERROR_INTERNAL);
    assert_non_null(strstr(error.message, "workspace"));
    run.batch.layer.type = RF_TYPE_Q4_0;
    assert_int_equal(rf_gpu_attention_run(&small, &args, &most, &error), RF_ERROR_UNSUPPORTED);
    assert_non_null(strstr(error.message, "Q4_0"));
    run.batch.layer.type = RF_TYPE_F16;
    run.batch.layer.head_size = RF_MAX_HEAD_SIZE + 1;
    assert_int_equal(rf_gpu_attention_run(&small, &args, &most, &error), RF_ERROR_INTERNAL);
    close_run(&run);
}

/* The workspace is enough for whatever is chosen; and a smaller one is an error. */
static void the_workspace_is_enough(void **state)
{
    (void)state;
    on_any_gpu(check_workspace);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_alone_agree_with_the_cpu),
        cmocka_unit_test(runs_agree_with_the_cpu),
        cmocka_unit_test(any_batch_agrees_with_the_cpu),
        cmocka_unit_test(pages_that_are_not_there_are_left_out),
        cmocka_unit_test(rows_after_a_token_are_not_used),
        cmocka_unit_test(queries_may_be_of_any_size),
        cmocka_unit_test(every_run_gives_the_same_bits),
        cmocka_unit_test(choices_fill_the_device),
        cmocka_unit_test(the_workspace_is_enough),
    };
    const int status = gpu_arguments(argc, argv);
    return status ? status
                  : cmocka_run_group_tests_name("attention on GPUs", tests, NULL, gpu_stop_all);
}
