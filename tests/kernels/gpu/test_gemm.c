/*
 * test_gemm.c: embeddings and products by matrix units against double precision, on every emulated
 * device, or on the one named: test_gemm --device cuda.
 */
#include "kernels/operations.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/gpu/any_gpu.h"
#include "kernels/gpu/args_gemm_few.h"
#include "kernels/gpu/emulated.h"
#include "kernels/gpu/gemm.h"
#include "kernels/gpu/gemm_hopper.h"
#include "kernels/gpu/operations.h"
#include "tensor/dequantise.h"
#include "tensor/half.h"

/* Sums in f32 of k products, in whatever order and rounding a matrix unit has, against the sum of
 * their magnitudes. */
#define SUM_ROUNDING   4e-6
#define WHOLE_ROUNDING 2.5e-4 /* 2^-12, and that */
#define MAX_OUT        3

/* ---- products -------------------------------------------------------------------------------- */

typedef struct gemm_case {
    rf_type type;
    uint32_t n_rows, k, n_parts;
    uint32_t m[MAX_OUT];
    rf_linear_end end;
    bool bias;
    uint32_t n_experts, row_divisor;
    uint64_t workspace;
    rf_status (*run)(const rf_compute *, const rf_gpu_product *, rf_error *); /* NULL: tiles */
    bool whole;  /* weights are not rounded to f16 */
    bool hopper; /* by gemm_hopper, of packed rows */
} gemm_case;

typedef struct operands {
    uint32_t n_inputs, stride;
    uint16_t *rows;
    rf_tensor weights[MAX_OUT];
    float *bias[MAX_OUT];
    int32_t *ids, *offsets, *order;
    float *out[MAX_OUT];
} operands;

static uint32_t n_matrices(const gemm_case *c)
{
    return c->n_experts ? c->n_experts : 1;
}

static void sort_by_expert(const gemm_case *c, operands *o)
{
    int32_t at = 0;
    o->ids = calloc(c->n_rows, sizeof(int32_t));
    o->order = calloc(c->n_rows, sizeof(int32_t));
    o->offsets = calloc(n_matrices(c) + 1, sizeof(int32_t));
    for (uint32_t i = 0; i < c->n_rows; i++) /* the last but one expert has no rows */
        o->ids[i] = (int32_t)random_below(n_matrices(c));
    for (uint32_t e = 0; e < n_matrices(c); e++) {
        for (uint32_t i = 0; i < c->n_rows; i++)
            if (o->ids[i] == (int32_t)e)
                o->order[at++] = (int32_t)i;
        o->offsets[e + 1] = at;
    }
}

static void make_operands(const gemm_case *c, operands *o)
{
    memset(o, 0, sizeof(*o));
    o->n_inputs = (c->n_rows + c->row_divisor - 1) / c->row_divisor;
    o->stride = (c->k + 7) / 8 * 8;
    o->rows = calloc((size_t)o->n_inputs * o->stride, sizeof(uint16_t));
    for (uint32_t r = 0; r < o->n_inputs; r++)
        for (uint32_t i = 0; i < c->k; i++)
            o->rows[(size_t)r * o->stride + i] = rf_f32_to_f16(random_uniform(-2, 2));
    for (uint32_t p = 0; p < c->n_parts; p++) {
        const size_t n = (size_t)c->m[p] * c->n_rows;
        o->weights[p] = random_tensor(c->type, c->k, c->m[p], n_matrices(c));
        o->bias[p] = random_floats(c->m[p], 1);
        o->out[p] = malloc(n * sizeof(float));
        for (size_t i = 0; i < n; i++)
            o->out[p][i] = 3; /* what ADD adds to */
    }
    sort_by_expert(c, o);
}

static void free_operands(const gemm_case *c, operands *o)
{
    for (uint32_t p = 0; p < c->n_parts; p++) {
        free_tensor(&o->weights[p]);
        free(o->bias[p]);
        free(o->out[p]);
    }
    free(o->rows);
    free(o->ids);
    free(o->order);
    free(o->offsets);
}

/* Packs rows, which are f16 before and after. Returns what is to be freed. */
static rf_address pack_rows(gpu *g, const gemm_case *c, const operands *o, rf_gpu_rows *out)
{
    rf_error error = {0};
    uint64_t bytes = 0;
    float *wide = malloc((size_t)c->n_rows * c->k * sizeof(float));
    for (uint32_t r = 0; r < c->n_rows; r++)
        for (uint32_t i = 0; i < c->k; i++)
            wide[(size_t)r * c->k + i] = rf_f16_to_f32(o->rows[(size_t)r * o->stride + i]);
    const rf_linear_input input = {.x =
                                       upload(g, wide, (uint64_t)c->n_rows * c->k * sizeof(float))};
    expect_ok(rf_gpu_packed_bytes(c->n_rows, c->k, &bytes, &error), &error);
    *out = (rf_gpu_rows){.form = rf_gpu_gemm_hopper_form(c->type), .values = gpu_alloc(g, bytes)};
    expect_ok(rf_gpu_pack(&g->compute, &input, c->n_rows, c->k, out->form, out->values, &error),
              &error);
    OK(g, stream_sync, g->compute.stream);
    OK(g, free, input.x);
    free(wide);
    return out->values;
}

static void run_product(gpu *g, const gemm_case *c, operands *o)
{
    rf_error error = {0};
    rf_address used[6 + 3 * MAX_OUT];
    uint32_t n_used = 0;
    rf_gpu_product product = {.type = c->type,
                              .n_rows = c->n_rows,
                              .k = c->k,
                              .n_parts = c->n_parts,
                              .end = c->end,
                              .n_experts = c->n_experts,
                              .row_divisor = c->row_divisor,
                              .expert_bytes = o->weights[0].stride[2]};
    product.rows = (rf_gpu_rows){.form = RF_GPU_F16, .stride = o->stride};
    product.rows.values = used[n_used++] =
        upload(g, o->rows, (uint64_t)o->n_inputs * o->stride * sizeof(uint16_t));
    product.ids = used[n_used++] = upload(g, o->ids, c->n_rows * sizeof(int32_t));
    product.order = used[n_used++] = upload(g, o->order, c->n_rows * sizeof(int32_t));
    product.offsets = used[n_used++] = upload(g, o->offsets, (n_matrices(c) + 1) * sizeof(int32_t));
    for (uint32_t p = 0; p < c->n_parts; p++) {
        const rf_tensor *w = &o->weights[p];
        product.parts[p].row_bytes = w->stride[1];
        product.parts[p].m = c->m[p];
        product.parts[p].weights = used[n_used++] =
            upload(g, (const void *)(uintptr_t)w->address, w->stride[2] * n_matrices(c));
        used[n_used] = upload(g, o->bias[p], c->m[p] * sizeof(float));
        product.parts[p].bias = c->bias ? used[n_used] : 0;
        n_used++;
        product.parts[p].out = used[n_used++] =
            upload(g, o->out[p], (uint64_t)c->m[p] * c->n_rows * sizeof(float));
    }
    if (c->hopper)
        used[n_used++] = pack_rows(g, c, o, &product.rows);
    g->compute.workspace = used[n_used++] = gpu_alloc(g, c->workspace);
    g->compute.workspace_bytes = c->workspace;
    expect_ok((c->run ? c->run : rf_gpu_gemm_tiles)(&g->compute, &product, &error), &error);
    for (uint32_t p = 0; p < c->n_parts; p++)
        download(g, o->out[p], product.parts[p].out, (uint64_t)c->m[p] * c->n_rows * sizeof(float));
    for (uint32_t i = 0; i < n_used; i++)
        OK(g, free, used[i]);
}

/* A weight as kernels see it: rounded to f16, its largest number where it is beyond; but of whole
 * numbers as it is. */
static double rounded(float weight, bool whole)
{
    if (whole)
        return (double)weight;
    double w = (double)rf_f16_to_f32(rf_f32_to_f16(weight));
    return isinf(w) ? copysign(65504, w) : w;
}

/* A product's exact value, and the sum of the magnitudes. */
static double dot(const float *w, const uint16_t *x, uint32_t k, bool whole, double *size)
{
    double sum = 0;
    *size = 0;
    for (uint32_t i = 0; i < k; i++) {
        double product = rounded(w[i], whole) * (double)rf_f16_to_f32(x[i]);
        sum += product;
        *size += fabs(product);
    }
    return sum;
}

static double silu_of(double x)
{
    return x / (1 + exp(-x));
}

/* wide: the weights of every part. */
static void check_element(const gemm_case *c, const operands *o, float *const *wide, uint32_t p,
                          uint32_t r, uint32_t m)
{
    const uint64_t matrix = c->n_experts ? (uint64_t)o->ids[r] : 0;
    const uint16_t *x = o->rows + (size_t)(r / c->row_divisor) * o->stride;
    const uint64_t at = (matrix * c->m[p] + m) * c->k;
    double size;
    double value = dot(wide[p] + at, x, c->k, c->whole, &size);
    value += c->bias ? (double)o->bias[p][m] : 0;
    /* Of Q6_K whole numbers above 2048 are rounded to f16. */
    const double rounding = c->whole && c->type == RF_TYPE_Q6_K ? WHOLE_ROUNDING : SUM_ROUNDING;
    double bound = (size + 3) * rounding;
    if (c->end == RF_LINEAR_ADD)
        value += 3;
    if (c->end == RF_LINEAR_SWIGLU) {
        double up_size;
        double up = dot(wide[1] + at, x, c->k, c->whole, &up_size);
        up += c->bias ? (double)o->bias[1][m] : 0;
        bound = 1.1 * bound * fabs(up) + fabs(value) * (up_size + 3) * rounding + 1e-5;
        value = silu_of(value) * up;
    }
    double got = (double)o->out[p][(size_t)r * c->m[p] + m];
    if (!(fabs(got - value) <= bound))
        fail_msg("type %d, %u rows, k %u, part %u: row %u, element %u: %g, expected %g within %g",
                 (int)c->type, c->n_rows, c->k, p, r, m, got, value, bound);
}

#define MAX_CHOSEN 1024

/* Which of n rows or elements are compared, as double precision takes its time: all of a few; of
 * many the last, those on either side of every edge that a tile can have, and one at random of each
 * piece in between, so that no tile is left out; of very many these alone. Returns how many. */
static uint32_t choose(uint32_t n, uint32_t chosen[MAX_CHOSEN])
{
    enum { FEW = 192, EDGE = 32, PIECE = 16 };
    const bool many = n > MAX_CHOSEN;
    const uint32_t piece = many ? n / (MAX_CHOSEN / 2) : PIECE;
    uint32_t count = 0;
    uint32_t drawn = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (i % piece == 0)
            drawn = i + random_below(piece);
        bool at_edge = (!many && (i % EDGE == 0 || i % EDGE == EDGE - 1)) || i == n - 1;
        if (n <= FEW || at_edge || i == drawn)
            chosen[count++] = i;
    }
    return count;
}

static void check_product(const gemm_case *c, const operands *o)
{
    static uint32_t rows[MAX_CHOSEN];
    static uint32_t elements[MAX_CHOSEN];
    float *wide[MAX_OUT];
    const uint32_t n_out = c->end == RF_LINEAR_SWIGLU ? 1 : c->n_parts;
    const uint32_t n_rows = choose(c->n_rows, rows);
    for (uint32_t p = 0; p < c->n_parts; p++)
        wide[p] = widen_tensor(&o->weights[p]);
    for (uint32_t p = 0; p < n_out; p++) {
        const uint32_t n_elements = choose(c->m[p], elements);
        for (uint32_t r = 0; r < n_rows; r++)
            for (uint32_t m = 0; m < n_elements; m++)
                check_element(c, o, wide, p, rows[r], elements[m]);
    }
    for (uint32_t p = 0; p < c->n_parts; p++)
        free(wide[p]);
}

static void check_case(gpu *g, gemm_case c)
{
    operands o;
    if (!has_type(g, c.type))
        return;
    c.row_divisor = c.row_divisor ? c.row_divisor : 1;
    make_operands(&c, &o);
    run_product(g, &c, &o);
    check_product(&c, &o);
    free_operands(&c, &o);
}

static void check_types(gpu *g)
{
    for (uint32_t t = 0; t < n_computable_types; t++) {
        const rf_type type = computable_types[t];
        const uint32_t block = rf_type_describe((uint32_t)type)->block_elements;
        const uint32_t k[3] = {block == 1    ? 77
                               : block == 32 ? 96
                                             : 256,
                               512, block == 1 ? 200 : 256};
        const uint32_t n_rows[3] = {9, 33, 70};
        for (uint32_t i = 0; i < 3; i++)
            check_case(g, (gemm_case){.type = type,
                                      .n_rows = n_rows[i],
                                      .k = k[i],
                                      .n_parts = 1,
                                      .m = {i == 2 ? 131 : 50},
                                      .bias = i == 1});
    }
}

static const rf_type some_types[] = {RF_TYPE_F16, RF_TYPE_Q8_0, RF_TYPE_Q4_K};
#define SOME_TYPES (sizeof(some_types) / sizeof(some_types[0]))

static void check_parts(gpu *g)
{
    for (uint32_t i = 0; i < 2 * SOME_TYPES; i++)
        check_case(g, (gemm_case){.type = some_types[i % SOME_TYPES],
                                  .n_rows = 17 + random_below(40),
                                  .k = 512,
                                  .n_parts = 3,
                                  .m = {130 + random_below(60), 1 + random_below(9), 33},
                                  .end = i < SOME_TYPES ? RF_LINEAR_ADD : RF_LINEAR_STORE,
                                  .bias = i % 2,
                                  .workspace = i % 2 ? 1 << 20 : 0});
}

static void check_swiglu(gpu *g)
{
    static const uint32_t n_rows[4] = {11, 20, 40, 66};
    for (uint32_t i = 0; i < 4; i++) {
        uint32_t m = 65 + random_below(40);
        check_case(g, (gemm_case){.type = some_types[i % SOME_TYPES],
                                  .n_rows = n_rows[i],
                                  .k = 512,
                                  .n_parts = 2,
                                  .m = {m, m},
                                  .end = RF_LINEAR_SWIGLU,
                                  .bias = i % 2,
                                  .workspace = i < 2 ? 1 << 20 : 0});
    }
}

static void check_experts(gpu *g)
{
    static const uint32_t n_rows[3] = {40, 90, 150};
    for (uint32_t i = 0; i < 3; i++) {
        check_case(g, (gemm_case){.type = some_types[i],
                                  .n_rows = n_rows[i],
                                  .k = 256,
                                  .n_parts = 2,
                                  .m = {40, 40},
                                  .end = RF_LINEAR_SWIGLU,
                                  .n_experts = i == 0 ? 70 : 3,
                                  .row_divisor = 2});
        check_case(g, (gemm_case){.type = some_types[i],
                                  .n_rows = n_rows[i],
                                  .k = 256,
                                  .n_parts = 1,
                                  .m = {141},
                                  .n_experts = 2 + i});
    }
}

/* ---- few rows -------------------------------------------------------------------------------- */

/* A case for gemm_few, or skipped where there are no matrix units. */
static void check_few_case(gpu *g, gemm_case c)
{
    if (rf_gpu_traits_of(g->compute.programs)->matrix_columns == 0)
        return;
    c.run = rf_gpu_gemm_few;
    /* gemm_few.hip, few::WHOLE; rows of an expert on average */
    const uint32_t n_rows = c.n_experts ? (c.n_rows + c.n_experts - 1) / c.n_experts : c.n_rows;
    c.whole = n_rows <= RF_GPU_FEW_WHOLE_ROWS &&
              rf_gpu_traits_of(g->compute.programs)->matrix_columns == 8 &&
              (c.type == RF_TYPE_Q4_K || c.type == RF_TYPE_Q5_K || c.type == RF_TYPE_Q6_K);
    check_case(g, c);
}

/* Elements of a row that end anywhere in a span, where rows begin at multiples of 16 or not. */
static uint32_t random_k(rf_type type)
{
    const uint32_t block = rf_type_describe((uint32_t)type)->block_elements;
    const uint32_t unit = block == 1 ? 8 : block;
    return unit * (1 + random_below(2 + 1300 / unit));
}

static void check_few_types(gpu *g)
{
    static const uint32_t limits[4] = {8, 16, 32, 64};
    static const rf_linear_end ends[3] = {RF_LINEAR_STORE, RF_LINEAR_ADD, RF_LINEAR_SWIGLU};
    for (uint32_t t = 0; t < n_computable_types; t++)
        for (uint32_t i = 0; i < 4; i++) {
            const rf_linear_end end = ends[(t + i) % 3];
            const uint32_t m = 1 + random_below(i == 3 ? 50 : 90);
            check_few_case(g, (gemm_case){.type = computable_types[t],
                                          .n_rows = limits[i] - random_below(limits[i] / 2),
                                          .k = random_k(computable_types[t]),
                                          .n_parts = end == RF_LINEAR_SWIGLU ? 2 : 1,
                                          .m = {m, m},
                                          .end = end,
                                          .bias = i % 2,
                                          .workspace = i < 2 ? 1 << 20 : 0});
        }
}

/* Several blocks, warps along weights and along k, and splits of k. */
static void check_few_shapes(gpu *g)
{
    for (uint32_t i = 0; i < 12; i++) {
        const rf_type type = some_types[i % SOME_TYPES];
        const bool swiglu = i % 4 == 3;
        const uint32_t m = 1 + random_below(i < 6 ? 700 : 40);
        check_few_case(g, (gemm_case){.type = type,
                                      .n_rows = 2 + random_below(i % 2 ? 62 : 10),
                                      .k = i < 6 ? 256 : 4096,
                                      .n_parts = swiglu ? 2 : 1 + i % 3,
                                      .m = {m, swiglu ? m : 1 + random_below(60), 33},
                                      .end = swiglu  ? RF_LINEAR_SWIGLU
                                             : i % 2 ? RF_LINEAR_ADD
                                                     : RF_LINEAR_STORE,
                                      .bias = i % 2,
                                      .workspace = i % 3 ? 1 << 20 : 0});
    }
}

static void check_few_experts(gpu *g)
{
    static const uint32_t n_rows[3] = {40, 90, 150};
    for (uint32_t i = 0; i < 3; i++) {
        check_few_case(g, (gemm_case){.type = some_types[i],
                                      .n_rows = n_rows[i],
                                      .k = 512,
                                      .n_parts = 2,
                                      .m = {40, 40},
                                      .end = RF_LINEAR_SWIGLU,
                                      .n_experts = i == 0 ? 70 : 3,
                                      .row_divisor = 2});
        check_few_case(g, (gemm_case){.type = some_types[i],
                                      .n_rows = n_rows[i],
                                      .k = 256,
                                      .n_parts = 1,
                                      .m = {141},
                                      .n_experts = 2 + i});
    }
}

/* ---- few rows on Hopper ---------------------------------------------------------------------- */

static void check_hopper_case(gpu *g, gemm_case c)
{
    c.run = rf_gpu_gemm_hopper;
    c.hopper = true;
    c.whole = c.type == RF_TYPE_Q4_K || c.type == RF_TYPE_Q5_K || c.type == RF_TYPE_Q6_K;
    check_case(g, c);
}

/* Of a real device alone: there is no other with its instructions. */
static void check_hopper(gpu *g)
{
    static const rf_linear_end ends[3] = {RF_LINEAR_STORE, RF_LINEAR_ADD, RF_LINEAR_SWIGLU};
    if (!rf_gpu_traits_of(g->compute.programs)->warpgroups) {
        print_message("skipped: %s is no Hopper GPU\n", only_device);
        skip();
    }
    for (uint32_t i = 0; i < 6 * n_computable_types; i++) {
        const rf_type type = computable_types[i % n_computable_types];
        const rf_linear_end end = ends[random_below(3)];
        const uint32_t m = 1 + random_below(i % 2 ? 900 : 90);
        if (type == RF_TYPE_F32)
            continue;
        check_hopper_case(g,
                          (gemm_case){.type = type,
                                      .n_rows = 2 + random_below(i % 3 ? 15 : 63),
                                      /* rows that begin at multiples of 16 bytes */
                                      .k = 2048 * (1 + random_below(3)),
                                      .n_parts = end == RF_LINEAR_SWIGLU ? 2 : 1 + random_below(3),
                                      .m = {m, end == RF_LINEAR_SWIGLU ? m : 40, 77},
                                      .end = end,
                                      .bias = i % 2});
    }
    /* More tiles than there are compute units. */
    for (uint32_t i = 0; i < 2; i++)
        check_hopper_case(
            g,
            (gemm_case){
                .type = RF_TYPE_Q4_K, .n_rows = i ? 64 : 5, .k = 512, .n_parts = 1, .m = {150001}});
}

static void few_rows_agree_on_hopper(void **state)
{
    (void)state;
    if (!only_device || strncmp(only_device, "emu", 3) == 0)
        skip();
    for_all(check_hopper);
}

/* As long prompts have: of a real device alone, an emulated one would take minutes. */
static void check_many_rows(gpu *g)
{
    static const rf_linear_end ends[3] = {RF_LINEAR_STORE, RF_LINEAR_ADD, RF_LINEAR_SWIGLU};
    for (uint32_t t = 0; t < n_computable_types; t++)
        for (uint32_t i = 0; i < 3; i++)
            check_case(g, (gemm_case){.type = computable_types[t],
                                      .n_rows = 256 + 150 * i,
                                      .k = 512 + 256 * i,
                                      .n_parts = i == 2 ? 2 : 3 - i,
                                      .m = {i == 2 ? 300 : 129 + 100 * i, 300, 77},
                                      .end = ends[i],
                                      .bias = i != 1,
                                      .run = rf_gpu_gemm,
                                      /* of i 2: a slab at a time */
                                      .workspace = i == 2 ? 5 << 19 : 64 << 20});
}

static void many_rows_agree(void **state)
{
    (void)state;
    if (!only_device || strncmp(only_device, "emu", 3) == 0)
        skip();
    for_all(check_many_rows);
}

/* ---- embeddings ------------------------------------------------------------------------------ */

static void check_embed(gpu *g)
{
    static const int32_t tokens[] = {3, 0, 6, 3};
    for (uint32_t t = 0; t < n_computable_types; t++) {
        const rf_type type = computable_types[t];
        const uint32_t n = rf_type_describe((uint32_t)type)->block_elements == 1 ? 77 : 512;
        rf_tensor table = random_tensor(type, n, 7, 1);
        float *wide = widen_tensor(&table);
        float *out = malloc(4 * (size_t)n * sizeof(float));
        rf_tensor there = table;
        rf_error error = {0};
        there.address = upload(g, (const void *)(uintptr_t)table.address, 7 * table.stride[1]);
        const rf_embed_args args = {.table = &there,
                                    .tokens = upload(g, tokens, sizeof(tokens)),
                                    .out = gpu_alloc(g, 4 * (uint64_t)n * sizeof(float)),
                                    .n_tokens = 4};
        expect_ok(rf_gpu_embed(&g->compute, &args, &error), &error);
        download(g, out, args.out, 4 * (uint64_t)n * sizeof(float));
        for (uint32_t i = 0; i < 4 * n; i++)
            if (out[i] != wide[(uint32_t)tokens[i / n] * n + i % n])
                fail_msg("type %d, element %u: %g, expected %g", (int)type, i, (double)out[i],
                         (double)wide[(uint32_t)tokens[i / n] * n + i % n]);
        OK(g, free, there.address);
        OK(g, free, args.tokens);
        OK(g, free, args.out);
        free(out);
        free(wide);
        free_tensor(&table);
    }
}

static void embeddings_are_exact(void **state)
{
    (void)state;
    for_all(check_embed);
}

static void every_type_agrees(void **state)
{
    (void)state;
    for_all(check_types);
}

static void parts_share_rows(void **state)
{
    (void)state;
    for_all(check_parts);
}

static void gates_are_applied(void **state)
{
    (void)state;
    for_all(check_swiglu);
}

static void rows_find_their_experts(void **state)
{
    (void)state;
    for_all(check_experts);
}

static void few_rows_of_every_type_agree(void **state)
{
    (void)state;
    for_all(check_few_types);
}

static void few_rows_are_shared_out(void **state)
{
    (void)state;
    for_all(check_few_shapes);
}

static void few_rows_find_their_experts(void **state)
{
    (void)state;
    for_all(check_few_experts);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--device") == 0)
        only_device = argv[2];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(embeddings_are_exact),
        cmocka_unit_test(every_type_agrees),
        cmocka_unit_test(parts_share_rows),
        cmocka_unit_test(gates_are_applied),
        cmocka_unit_test(rows_find_their_experts),
        cmocka_unit_test(many_rows_agree),
        cmocka_unit_test(few_rows_of_every_type_agree),
        cmocka_unit_test(few_rows_are_shared_out),
        cmocka_unit_test(few_rows_find_their_experts),
        cmocka_unit_test(few_rows_agree_on_hopper),
    };
    return cmocka_run_group_tests_name("gemm", tests, NULL, NULL);
}
