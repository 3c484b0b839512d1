/* test_matvec.c: products of few rows on GPUs (on_gpu.h), with every type of weights, against the
 * definition in double precision on the same rounded activations. */
#include "kernels/gpu/on_gpu.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/gpu/args_matvec.h"
#include "kernels/gpu/product.h"
#include "tensor/blocks.h"
#include "tensor/dequantise.h"
#include "tensor/half.h"

/* One product. Sizes of 0 are none. */
typedef struct matvec_case {
    rf_type type;
    uint32_t n_rows, k;
    uint32_t n_parts, m[RF_LINEAR_MAX];
    rf_linear_end end;
    uint32_t bias; /* a bit for each part */
    uint32_t n_experts, row_divisor;
    bool norm, gather; /* of the input; not for floats, whose input is prepared */
} matvec_case;

#define EPSILON 1e-5F

typedef struct matvec_run {
    const matvec_case *c;
    gpu *g;
    rf_gpu_product product;
    uint32_t n_inputs; /* prepared rows */
    float *x;          /* as they are after rounding: [n_inputs][k] */
    float *doubt;      /* [n_inputs][k]: by how much an element may be off that */
    float *norm;
    float *weights[RF_LINEAR_MAX]; /* [experts][m][k] */
    float *bias[RF_LINEAR_MAX];
    float *before[RF_LINEAR_MAX]; /* what outputs held */
    int32_t *ids;
} matvec_run;

/* ---- inputs ---------------------------------------------------------------------------------- */

static bool is_float(rf_type type)
{
    return rf_type_describe((uint32_t)type)->block_elements == 1;
}

/* In steps: nearer to the middle of two an element may be rounded to either. Up to 127 steps have
 * some units of 2^-24 of their size for errors. */
#define DOUBT 1e-4

/* Rounds x as the kernel does: to 127 steps of the block's largest. */
static void round_block(float *x, float *doubt)
{
    double most = 0;
    for (uint32_t i = 0; i < RF_GPU_Q8_BLOCK; i++)
        most = fmax(most, fabsf(x[i]));
    for (uint32_t i = 0; i < RF_GPU_Q8_BLOCK && most > 0; i++) {
        const double steps = x[i] * (127 / most);
        const double whole = rint(steps);
        doubt[i] = fabs(steps - whole) > 0.5 - DOUBT ? (float)(most / 127) : 0;
        x[i] = (float)(most / 127 * whole);
    }
}

/* What the kernel makes of one row of f32: normed, and for weights in blocks rounded. */
static void prepare_row(const matvec_run *run, const float *from, float *to, float *doubt)
{
    const matvec_case *c = run->c;
    double squares = 0;
    for (uint32_t i = 0; i < c->k; i++)
        squares += (double)from[i] * from[i];
    const float scale = (float)(1 / sqrt(squares / c->k + EPSILON));
    for (uint32_t i = 0; i < c->k; i++)
        to[i] = c->norm ? from[i] * scale * run->norm[i] : from[i];
    for (uint32_t i = 0; i < c->k && !is_float(c->type); i += RF_GPU_Q8_BLOCK)
        round_block(to + i, doubt + i);
}

/* Rows in an order of their own, if asked for, out of twice as many. */
static void make_rows(matvec_run *run)
{
    const matvec_case *c = run->c;
    const uint32_t n = run->n_inputs;
    const size_t count = (size_t)2 * n * c->k;
    float *x = random_floats(count, 2);
    int32_t *order = calloc(n + 1, sizeof(*order));
    run->x = malloc((size_t)n * c->k * sizeof(*run->x));
    run->doubt = calloc((size_t)n * c->k, sizeof(*run->doubt));
    run->norm = random_floats(c->k, 1);
    run->product.rows = (rf_gpu_rows){.form = is_float(c->type) ? RF_GPU_F32 : RF_GPU_INPUT,
                                      .values = gpu_copy(run->g, x, count * sizeof(float)),
                                      .stride = c->k,
                                      .epsilon = EPSILON};
    for (uint32_t r = 0; r < n; r++) {
        order[r] = (int32_t)(c->gather ? random_below(2 * n) : r);
        prepare_row(run, x + (size_t)order[r] * c->k, run->x + (size_t)r * c->k,
                    run->doubt + (size_t)r * c->k);
    }
    if (c->gather)
        run->product.rows.order = gpu_copy(run->g, order, n * sizeof(*order));
    if (c->norm)
        run->product.rows.norm = gpu_copy(run->g, run->norm, c->k * sizeof(float));
    free(order);
    free(x);
}

static void make_ids(matvec_run *run)
{
    run->ids = malloc((run->c->n_rows + 1) * sizeof(*run->ids));
    for (uint32_t r = 0; r < run->c->n_rows; r++)
        run->ids[r] = (int32_t)random_below(run->c->n_experts);
    run->product.ids = gpu_copy(run->g, run->ids, run->c->n_rows * sizeof(*run->ids));
}

static void make_part(matvec_run *run, uint32_t i)
{
    const matvec_case *c = run->c;
    const rf_type_info *info = rf_type_describe((uint32_t)c->type);
    const uint32_t experts = c->n_experts ? c->n_experts : 1;
    const size_t count = (size_t)experts * c->m[i] * c->k;
    const size_t bytes = count / info->block_elements * info->block_bytes;
    void *blocks = malloc(bytes);
    rf_error error = {0};
    random_blocks(c->type, blocks, count);
    run->weights[i] = malloc(count * sizeof(float));
    expect_ok(rf_dequantise_row(c->type, blocks, run->weights[i], count, &error), &error);
    run->bias[i] = random_floats(c->m[i], 1);
    run->before[i] = random_floats((size_t)c->n_rows * c->m[i], 1);
    run->product.parts[i].weights = gpu_copy(run->g, blocks, bytes);
    run->product.parts[i].row_bytes = (uint64_t)(c->k / info->block_elements) * info->block_bytes;
    run->product.parts[i].m = c->m[i];
    if (c->bias & 1U << i)
        run->product.parts[i].bias = gpu_copy(run->g, run->bias[i], c->m[i] * sizeof(float));
    run->product.parts[i].out =
        gpu_copy(run->g, run->before[i], (size_t)c->n_rows * c->m[i] * sizeof(float));
    run->product.expert_bytes = c->n_experts ? c->m[i] * run->product.parts[i].row_bytes : 0;
    free(blocks);
}

static void open_run(matvec_run *run, gpu *g, const matvec_case *c)
{
    *run = (matvec_run){.c = c, .g = g};
    const uint32_t divisor = c->row_divisor ? c->row_divisor : 1;
    run->product = (rf_gpu_product){.type = c->type,
                                    .n_rows = c->n_rows,
                                    .k = c->k,
                                    .n_parts = c->n_parts,
                                    .end = c->end,
                                    .n_experts = c->n_experts,
                                    .row_divisor = divisor};
    run->n_inputs = (c->n_rows + divisor - 1) / divisor;
    make_rows(run);
    if (c->n_experts)
        make_ids(run);
    for (uint32_t i = 0; i < c->n_parts; i++)
        make_part(run, i);
}

static void close_run(matvec_run *run)
{
    gpu_forget(run->g);
    for (uint32_t i = 0; i < run->c->n_parts; i++) {
        free(run->weights[i]);
        free(run->bias[i]);
        free(run->before[i]);
    }
    free(run->x);
    free(run->doubt);
    free(run->norm);
    free(run->ids);
}

/* ---- what is expected ------------------------------------------------------------------------ */

typedef struct bounded {
    double value;
    double bound;
} bounded;

/*
 * A product of row r of the output. Integer products are exact, so what is rounded are the scaled
 * products of 16 or 32 elements and their sums: some of 2^-24 of what is summed; and of blocks with
 * a minimum, of both their parts, which are each at most some times as large as their difference
 * is. And elements of x that are in doubt.
 */
static bounded product_of(const matvec_run *run, uint32_t part, uint32_t r, uint32_t row)
{
    const matvec_case *c = run->c;
    const uint32_t expert = c->n_experts ? (uint32_t)run->ids[r] : 0;
    const float *w = run->weights[part] + ((size_t)expert * c->m[part] + row) * c->k;
    const size_t input = (size_t)(r / run->product.row_divisor) * c->k;
    const float *x = run->x + input;
    bounded sum = {0, 0};
    float most = 0;
    for (uint32_t i = 0; i < c->k; i++)
        most = fmaxf(most, fabsf(w[i]));
    for (uint32_t i = 0; i < c->k; i++) {
        sum.value += (double)w[i] * x[i];
        sum.bound += (double)most * fabsf(x[i]);
    }
    sum.bound = sum.bound * 0x1p-22 + 1e-30;
    for (uint32_t i = 0; i < c->k; i++)
        sum.bound += (double)run->doubt[input + i] * fabsf(w[i]);
    if (c->bias & 1U << part)
        sum.value += run->bias[part][row];
    sum.bound += fabs(sum.value) * 0x1p-22;
    return sum;
}

static bounded expected_of(const matvec_run *run, uint32_t part, uint32_t r, uint32_t row)
{
    bounded p = product_of(run, part, r, row);
    if (run->c->end == RF_LINEAR_ADD) {
        float before = run->before[part][(size_t)r * run->c->m[part] + row];
        p.value += before;
        p.bound += fabsf(before) * 0x1p-23;
    } else if (run->c->end == RF_LINEAR_SWIGLU) {
        bounded up = product_of(run, 1, r, row);
        double gate = p.value / (1 + exp(-p.value));
        /* The steepest of silu is 1.1. */
        p.bound = 1.1 * p.bound * (fabs(up.value) + up.bound) + fabs(gate) * up.bound +
                  fabs(gate * up.value) * 0x1p-20;
        p.value = gate * up.value;
    }
    return p;
}

static void expect_outputs(matvec_run *run)
{
    const matvec_case *c = run->c;
    const uint32_t n_outputs = c->end == RF_LINEAR_SWIGLU ? 1 : c->n_parts;
    for (uint32_t i = 0; i < n_outputs; i++) {
        const size_t count = (size_t)c->n_rows * c->m[i];
        float *got = malloc(count * sizeof(*got));
        double *expected = malloc(count * sizeof(*expected));
        double *bound = malloc(count * sizeof(*bound));
        gpu_read(run->g, got, run->product.parts[i].out, count * sizeof(*got));
        for (size_t at = 0; at < count; at++) {
            bounded p = expected_of(run, i, (uint32_t)(at / c->m[i]), (uint32_t)(at % c->m[i]));
            expected[at] = p.value;
            bound[at] = p.bound;
        }
        assert_close(got, expected, bound, count);
        free(got);
        free(expected);
        free(bound);
    }
}

static void launch(matvec_run *run)
{
    rf_error error = {0};
    expect_ok(rf_gpu_matvec(&run->g->compute, &run->product, &error), &error);
}

static void check(gpu *g, const matvec_case *c)
{
    matvec_run run;
    open_run(&run, g, c);
    launch(&run);
    expect_outputs(&run);
    close_run(&run);
}

static uint32_t blocks(rf_type type, uint32_t n)
{
    return n * rf_type_describe((uint32_t)type)->block_elements;
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void check_shapes(gpu *g)
{
    for (uint32_t t = 0; t < n_computable_types; t++) {
        rf_type type = computable_types[t];
        uint32_t most = is_float(type) ? 700 : 2800 / blocks(type, 1);
        for (uint32_t n = 1; n <= 8; n++) {
            matvec_case c = {.type = type,
                             .n_rows = n,
                             .k = blocks(type, 1 + random_below(most)),
                             .n_parts = 1 + n % 3,
                             .m = {1 + random_below(40), 1 + random_below(9), 1 + random_below(20)},
                             .end = n % 2 ? RF_LINEAR_STORE : RF_LINEAR_ADD,
                             .bias = random_below(8),
                             .norm = !is_float(type) && n % 2,
                             .gather = !is_float(type) && n % 3 == 0};
            check(g, &c);
        }
    }
}

static void products_of_any_shape(void **state)
{
    (void)state;
    on_every_warp(check_shapes);
}

/* One block alone, and rows that are wide enough for whole vectors of floats and several tiles. */
static void check_row_lengths(gpu *g)
{
    for (uint32_t t = 0; t < n_computable_types; t++) {
        rf_type type = computable_types[t];
        matvec_case c = {.type = type, .n_rows = 1, .k = blocks(type, 1), .n_parts = 1, .m = {3}};
        check(g, &c);
        c.k = 4096 + 512;
        check(g, &c);
        c.n_rows = 8;
        c.m[0] = 70;
        check(g, &c);
    }
}

static void short_and_long_rows(void **state)
{
    (void)state;
    on_every_warp(check_row_lengths);
}

static void check_gates(gpu *g)
{
    for (uint32_t t = 0; t < n_computable_types; t++) {
        rf_type type = computable_types[t];
        matvec_case c = {.type = type,
                         .n_rows = 1 + t % 4,
                         .k = blocks(type, 1) < 256 ? 288 : 512,
                         .n_parts = 2,
                         .m = {37, 37},
                         .end = RF_LINEAR_SWIGLU,
                         .bias = t % 4};
        check(g, &c);
    }
}

static void gates_and_ups(void **state)
{
    (void)state;
    on_every_warp(check_gates);
}

static void check_experts(gpu *g)
{
    for (uint32_t t = 0; t < n_computable_types; t++) {
        rf_type type = computable_types[t];
        matvec_case c = {.type = type,
                         .n_rows = 12,
                         .k = blocks(type, 1) < 256 ? 96 : 256,
                         .n_parts = 2,
                         .m = {19, 19},
                         .end = t % 2 ? RF_LINEAR_SWIGLU : RF_LINEAR_STORE,
                         .n_experts = 5,
                         .row_divisor = 4};
        check(g, &c);
        c.row_divisor = 1;
        c.n_parts = 1;
        c.end = RF_LINEAR_STORE;
        check(g, &c);
    }
}

static void experts_by_their_ids(void **state)
{
    (void)state;
    on_every_warp(check_experts);
}

/* ---- what is not a number -------------------------------------------------------------------- */

/* Writes the bits of an F16 to a block's scale in row 1 of a matrix of three. */
static void spoil(matvec_run *run, uint32_t offset, uint16_t bits)
{
    uint64_t row_bytes = run->product.parts[0].row_bytes;
    gpu_write(run->g, run->product.parts[0].weights + row_bytes + offset, &bits, sizeof(bits));
}

static void check_strange_scales(gpu *g)
{
    static const struct {
        rf_type type;
        uint32_t offset;
    } scales[] = {
        {RF_TYPE_F16, 2},
        {RF_TYPE_BF16, 2},
        {RF_TYPE_Q4_0, offsetof(rf_block_q4_0, d)},
        {RF_TYPE_Q4_1, offsetof(rf_block_q4_1, m)},
        {RF_TYPE_Q5_0, offsetof(rf_block_q5_0, d)},
        {RF_TYPE_Q5_1, offsetof(rf_block_q5_1, d)},
        {RF_TYPE_Q8_0, offsetof(rf_block_q8_0, d)},
        {RF_TYPE_Q2_K, offsetof(rf_block_q2_k, dmin)},
        {RF_TYPE_Q3_K, offsetof(rf_block_q3_k, d)},
        {RF_TYPE_Q4_K, offsetof(rf_block_q4_k, d)},
        {RF_TYPE_Q5_K, offsetof(rf_block_q5_k, dmin)},
        {RF_TYPE_Q6_K, offsetof(rf_block_q6_k, d)},
        {RF_TYPE_IQ4_NL, offsetof(rf_block_iq4_nl, d)},
        {RF_TYPE_IQ4_XS, offsetof(rf_block_iq4_xs, d)},
    };
    static const uint16_t strange[] = {0x7E00, 0x7C00, 0xFC00};
    static const uint16_t strange_bf16[] = {0x7FC0, 0x7F80, 0xFF80};
    for (size_t i = 0; i < sizeof(scales) / sizeof(scales[0]); i++) {
        for (size_t s = 0; s < 3; s++) {
            matvec_case c = {.type = scales[i].type, .n_rows = 2, .k = 256, .n_parts = 1, .m = {3}};
            matvec_run run;
            float out[6];
            open_run(&run, g, &c);
            spoil(&run, scales[i].offset, c.type == RF_TYPE_BF16 ? strange_bf16[s] : strange[s]);
            launch(&run);
            gpu_read(g, out, run.product.parts[0].out, sizeof(out));
            for (uint32_t r = 0; r < 6; r++)
                assert_true(r % 3 == 1 ? !isfinite(out[r]) : isfinite(out[r]));
            close_run(&run);
        }
    }
}

static void strange_scales_are_seen(void **state)
{
    (void)state;
    on_any_gpu(check_strange_scales);
}

/* ---- what is refused ------------------------------------------------------------------------- */

static void check_refusals(gpu *g)
{
    matvec_case c = {.type = RF_TYPE_Q4_0, .n_rows = 8, .k = 32, .n_parts = 1, .m = {2}};
    matvec_run run;
    rf_error error = {0};
    open_run(&run, g, &c);
    run.product.n_rows = 9;
    assert_int_equal(rf_gpu_matvec(&g->compute, &run.product, &error), RF_ERROR_INTERNAL);
    assert_non_null(strstr(error.message, "9 rows, limit 8"));
    run.product.n_rows = 8;
    run.product.rows.form = RF_GPU_F32;
    assert_int_equal(rf_gpu_matvec(&g->compute, &run.product, &error), RF_ERROR_INTERNAL);
    assert_non_null(strstr(error.message, "form"));
    run.product.rows.form = RF_GPU_INPUT;
    run.product.parts[0].weights += 8;
    assert_int_equal(rf_gpu_matvec(&g->compute, &run.product, &error), RF_ERROR_INTERNAL);
    assert_non_null(strstr(error.message, "alignment must be 16"));
    run.product.parts[0].weights -= 8;
    close_run(&run);
}

static void refuses_what_it_cannot_do(void **state)
{
    (void)state;
    on_any_gpu(check_refusals);
}

static void forms_suit_the_kernels(void **state)
{
    (void)state;
    for (uint32_t t = 0; t < n_computable_types; t++) {
        rf_type type = computable_types[t];
        rf_gpu_form few = is_float(type) ? RF_GPU_F32 : RF_GPU_INPUT;
        assert_int_equal(rf_gpu_form_for(type, 1), few);
        assert_int_equal(rf_gpu_form_for(type, RF_GPU_MATVEC_ROWS), few);
        assert_int_equal(rf_gpu_form_for(type, RF_GPU_MATVEC_ROWS + 1), RF_GPU_F16);
    }
}

/* ---- inputs that are no common numbers --------------------------------------------------------
 */

typedef struct odd_input {
    float value;
    bool is_number; /* whether products with it are */
} odd_input;

/* One element among zeros: large and small ones count, what is none makes all products none. */
static void check_odd_input(gpu *g, rf_type type, const odd_input *input)
{
    const matvec_case c = {.type = type, .n_rows = 1, .k = 512, .n_parts = 1, .m = {5}};
    matvec_run run;
    float x[512] = {0}, got[5];
    open_run(&run, g, &c);
    x[337] = input->value;
    run.product.rows.values = gpu_copy(g, x, sizeof(x));
    launch(&run);
    gpu_read(g, got, run.product.parts[0].out, sizeof(got));
    for (uint32_t m = 0; m < 5; m++) {
        const float *w = run.weights[0] + (size_t)m * c.k;
        float most = 0;
        for (uint32_t i = 256; i < 512; i++) /* a minimum is as large as its block's weights */
            most = fmaxf(most, fabsf(w[i]));
        const double expected = (double)w[337] * input->value;
        const double bound = fabs((double)most * input->value) * 1e-5 + 0x1p-80;
        if (!input->is_number)
            assert_true(isnan(got[m]));
        else if (!(fabs(got[m] - expected) <= bound))
            fail_msg("type %d, %g times %g: %g", (int)type, (double)input->value, (double)w[337],
                     (double)got[m]);
    }
    close_run(&run);
}

static void check_odd_inputs(gpu *g)
{
    static const odd_input inputs[] = {
        {NAN, false},  {INFINITY, false}, {-INFINITY, false}, {0x1p127F, false},
        {-0.0F, true}, {1e30F, true},     {-1e-20F, true},    {1e-44F, true},
    };
    /* Of each kind of scales and sums. */
    static const rf_type types[] = {RF_TYPE_Q8_0, RF_TYPE_Q4_1, RF_TYPE_Q4_K, RF_TYPE_Q6_K};
    for (size_t i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++) {
        for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++)
            check_odd_input(g, types[t], &inputs[i]);
    }
}

static void what_is_no_number_stays_so(void **state)
{
    (void)state;
    on_every_warp(check_odd_inputs);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_of_any_shape),
        cmocka_unit_test(short_and_long_rows),
        cmocka_unit_test(gates_and_ups),
        cmocka_unit_test(experts_by_their_ids),
        cmocka_unit_test(strange_scales_are_seen),
        cmocka_unit_test(refuses_what_it_cannot_do),
        cmocka_unit_test(what_is_no_number_stays_so),
        cmocka_unit_test(forms_suit_the_kernels),
    };
    const int status = gpu_arguments(argc, argv);
    return status ? status : cmocka_run_group_tests_name("matvec", tests, NULL, gpu_stop_all);
}
