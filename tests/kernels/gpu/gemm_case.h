/*
 * gemm_case.h: a matrix product as a case of a test: its operands, a run of it, and its elements
 * against double precision.
 */
#ifndef RF_TESTS_GEMM_CASE_H
#define RF_TESTS_GEMM_CASE_H

#include "kernels/gpu/on_gpu.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* Packs rows, which are f16 before and after. */
static void pack_rows(gpu *g, const gemm_case *c, const operands *o, rf_gpu_rows *out)
{
    rf_error error = {0};
    uint64_t bytes = 0;
    float *wide = malloc((size_t)c->n_rows * c->k * sizeof(float));
    for (uint32_t r = 0; r < c->n_rows; r++)
        for (uint32_t i = 0; i < c->k; i++)
            wide[(size_t)r * c->k + i] = rf_f16_to_f32(o->rows[(size_t)r * o->stride + i]);
    const rf_linear_input input = {
        .x = gpu_copy(g, wide, (uint64_t)c->n_rows * c->k * sizeof(float))};
    expect_ok(rf_gpu_packed_bytes(c->n_rows, c->k, &bytes, &error), &error);
    *out = (rf_gpu_rows){.form = rf_gpu_gemm_hopper_form(c->type), .values = gpu_room(g, bytes)};
    expect_ok(rf_gpu_pack(&g->compute, &input, c->n_rows, c->k, out->form, out->values, &error),
              &error);
    free(wide);
}

static void run_product(gpu *g, const gemm_case *c, operands *o)
{
    rf_error error = {0};
    rf_compute compute = g->compute;
    rf_gpu_product product = {.type = c->type,
                              .n_rows = c->n_rows,
                              .k = c->k,
                              .n_parts = c->n_parts,
                              .end = c->end,
                              .n_experts = c->n_experts,
                              .row_divisor = c->row_divisor,
                              .expert_bytes = o->weights[0].stride[2]};
    product.rows = (rf_gpu_rows){.form = RF_GPU_F16, .stride = o->stride};
    product.rows.values =
        gpu_copy(g, o->rows, (uint64_t)o->n_inputs * o->stride * sizeof(uint16_t));
    product.ids = gpu_copy(g, o->ids, c->n_rows * sizeof(int32_t));
    product.order = gpu_copy(g, o->order, c->n_rows * sizeof(int32_t));
    product.offsets = gpu_copy(g, o->offsets, (n_matrices(c) + 1) * sizeof(int32_t));
    for (uint32_t p = 0; p < c->n_parts; p++) {
        const rf_tensor *w = &o->weights[p];
        product.parts[p].row_bytes = w->stride[1];
        product.parts[p].m = c->m[p];
        product.parts[p].weights =
            gpu_copy(g, (const void *)(uintptr_t)w->address, w->stride[2] * n_matrices(c));
        if (c->bias)
            product.parts[p].bias = gpu_copy(g, o->bias[p], c->m[p] * sizeof(float));
        product.parts[p].out =
            gpu_copy(g, o->out[p], (uint64_t)c->m[p] * c->n_rows * sizeof(float));
    }
    if (c->hopper)
        pack_rows(g, c, o, &product.rows);
    compute.workspace = gpu_room(g, c->workspace);
    compute.workspace_bytes = c->workspace;
    expect_ok((c->run ? c->run : rf_gpu_gemm_tiles)(&compute, &product, &error), &error);
    for (uint32_t p = 0; p < c->n_parts; p++)
        gpu_read(g, o->out[p], product.parts[p].out, (uint64_t)c->m[p] * c->n_rows * sizeof(float));
    gpu_forget(g);
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
    if (!gpu_has_type(g, c.type))
        return;
    c.row_divisor = c.row_divisor ? c.row_divisor : 1;
    make_operands(&c, &o);
    run_product(g, &c, &o);
    check_product(&c, &o);
    free_operands(&c, &o);
}

static const rf_type some_types[] = {RF_TYPE_F16, RF_TYPE_Q8_0, RF_TYPE_Q4_K};
#define SOME_TYPES (sizeof(some_types) / sizeof(some_types[0]))

#endif
