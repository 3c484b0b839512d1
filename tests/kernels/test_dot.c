/*
 * test_dot.c: dot products of every weight type: the chosen ones and the portable ones against sums
 * in double of the dequantised weights, on random bit patterns and odd shapes.
 */
#include "support/cmocka.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/cpu/dot.h"
#include "kernels/cpu/instructions.h"
#include "tensor/blocks.h"
#include "tensor/dequantise.h"
#include "tensor/half.h"
#include "tensor/random_blocks.h"

enum {
    MAX_N = 2048,
    MAX_ROWS = 5,
    MAX_COLUMNS = 9,
    MAX_ROW_BYTES = MAX_N * 4,
    OUT_STRIDE = MAX_ROWS + 2,
};

static uint8_t weights[MAX_ROWS * MAX_ROW_BYTES + 1];
static float values[MAX_ROWS][MAX_N];  /* the weights, dequantised */
static float x[MAX_COLUMNS][MAX_N];    /* activations */
static float seen[MAX_COLUMNS][MAX_N]; /* activations as the dot product sees them: packed */
static _Alignas(32) uint8_t packed[MAX_COLUMNS][MAX_N * 4 + 64];
static float out[MAX_COLUMNS * OUT_STRIDE];

typedef struct shape {
    uint64_t n;
    uint32_t rows;
    uint32_t columns;
} shape;

/* Rows of whole blocks, often not of whole groups of 256; F32, F16 and BF16 of any length. */
static shape random_shape(const rf_type_info *info)
{
    uint64_t blocks = 1 + random_bits() % (MAX_N / info->block_elements);
    return (shape){blocks * info->block_elements, 1 + (uint32_t)(random_bits() % MAX_ROWS),
                   1 + (uint32_t)(random_bits() % MAX_COLUMNS)};
}

/* What packed activations stand for. */
static void unpack(rf_activation activation, const void *from, float *to, uint64_t n)
{
    if (activation == RF_ACTIVATION_F32) {
        memcpy(to, from, n * sizeof(*to));
        return;
    }
    const rf_activation_block *blocks = from;
    for (uint64_t i = 0; i < n; i++) {
        const rf_activation_block *block = blocks + i / RF_SUPER_BLOCK;
        uint64_t j = i % RF_SUPER_BLOCK;
        to[i] = block->d[j / 32] * (float)block->q[j];
    }
}

static void make_inputs(const rf_dot_type *dot, shape s, uint64_t row_bytes)
{
    for (uint32_t r = 0; r < s.rows; r++) {
        /* One byte off, so that rows have no alignment. */
        random_blocks(dot->weight, weights + 1 + r * row_bytes, s.n);
        rf_dequantise_for(dot->weight)(weights + 1 + r * row_bytes, values[r], s.n);
    }
    for (uint32_t c = 0; c < s.columns; c++) {
        for (uint64_t i = 0; i < s.n; i++)
            x[c][i] = random_normal();
        dot->pack(x[c], packed[c], s.n);
        unpack(dot->activation, packed[c], seen[c], s.n);
    }
}

static void compute(const rf_dot_type *dot, shape s, uint64_t row_bytes)
{
    for (size_t i = 0; i < sizeof(out) / sizeof(out[0]); i++)
        out[i] = 42;
    dot->tile(&(rf_dot_tile){.weights = weights + 1,
                             .x = packed,
                             .out = out,
                             .n = s.n,
                             .row_bytes = row_bytes,
                             .x_bytes = sizeof(packed[0]),
                             .out_stride = OUT_STRIDE,
                             .n_rows = s.rows,
                             .n_columns = s.columns});
}

/*
 * What rounding may cost: sums in f32 of terms up to the largest weight of each 256 times |x|,
 * which also bounds the offsets of types that have one (they cancel against the scales' part); and
 * what the smallest scales lose where their products with those of the activations are subnormal.
 */
static double tolerance(const float *w, const float *activations, uint64_t n)
{
    double total = 0;
    for (uint64_t first = 0; first < n; first += RF_SUPER_BLOCK) {
        double largest = 0;
        double sum = 0;
        for (uint64_t i = first; i < n && i < first + RF_SUPER_BLOCK; i++) {
            largest = fmax(largest, fabs((double)w[i]));
            sum += fabs((double)activations[i]);
        }
        total += largest * sum;
    }
    return 2e-6 * total + 4e-39;
}

/* The error that 8-bit activations may bring: half a step of each, times its weight. */
static double packing_error(const rf_dot_type *dot, const void *column, const float *w, uint64_t n)
{
    if (dot->activation == RF_ACTIVATION_F32)
        return 0;
    const rf_activation_block *blocks = column;
    double total = 0;
    for (uint64_t i = 0; i < n; i++)
        total += 0.5001 * (double)blocks[i / RF_SUPER_BLOCK].d[i % RF_SUPER_BLOCK / 32] *
                 fabs((double)w[i]);
    return total;
}

static double exact(const float *w, const float *activations, uint64_t n)
{
    double sum = 0;
    for (uint64_t i = 0; i < n; i++)
        sum += (double)w[i] * (double)activations[i];
    return sum;
}

static void check_result(const rf_dot_type *dot, shape s)
{
    for (uint32_t c = 0; c < s.columns; c++) {
        for (uint32_t r = 0; r < s.rows; r++) {
            double result = (double)out[c * OUT_STRIDE + r];
            double slack = tolerance(values[r], seen[c], s.n);
            double error = fabs(result - exact(values[r], seen[c], s.n));
            double true_error = fabs(result - exact(values[r], x[c], s.n));
            if (!(error <= slack))
                fail_msg("%s n=%llu row %u column %u: error %g, allowed %g",
                         rf_type_describe(dot->weight)->name, (unsigned long long)s.n, r, c, error,
                         slack);
            assert_true(true_error <= slack + packing_error(dot, packed[c], values[r], s.n));
        }
        for (uint32_t r = s.rows; r < OUT_STRIDE; r++) /* nothing past the rows is written */
            assert_true(out[c * OUT_STRIDE + r] == 42);
    }
}

static void check_dot(const rf_dot_type *dot)
{
    const rf_type_info *info = rf_type_describe((uint32_t)dot->weight);
    for (int i = 0; i < 40; i++) {
        shape s = random_shape(info);
        uint64_t row_bytes = s.n / info->block_elements * info->block_bytes;
        make_inputs(dot, s, row_bytes);
        compute(dot, s, row_bytes);
        check_result(dot, s);
    }
}

static void fast_matches_exact_sums(void **state)
{
    (void)state;
    print_message("instructions: %s\n", rf_cpu_has_avx2_fma_f16c() ? "avx2" : "portable");
    for (uint32_t t = 0; t < n_computable_types; t++)
        check_dot(rf_dot_for(computable_types[t], false));
}

static void portable_matches_exact_sums(void **state)
{
    (void)state;
    for (uint32_t t = 0; t < n_computable_types; t++) {
        const rf_dot_type *dot = rf_dot_for(computable_types[t], true);
        assert_int_equal(dot->activation, RF_ACTIVATION_F32);
        check_dot(dot);
    }
}

/* A row ends where its last block does: the byte after it may be in no page. */
static void no_read_past_the_row(void **state)
{
    (void)state;
    for (uint32_t t = 0; t < n_computable_types; t++) {
        const rf_dot_type *dot = rf_dot_for(computable_types[t], false);
        const rf_type_info *info = rf_type_describe((uint32_t)dot->weight);
        uint64_t n = info->block_elements < 32 ? 33 : 3 * info->block_elements;
        uint64_t bytes = n / info->block_elements * info->block_bytes;
        void *row = malloc(bytes); /* exactly: the sanitizers watch its end */
        assert_non_null(row);
        random_blocks(dot->weight, row, n);
        rf_dequantise_for(dot->weight)(row, values[0], n);
        for (uint64_t i = 0; i < n; i++)
            x[0][i] = random_normal();
        dot->pack(x[0], packed[0], n);
        unpack(dot->activation, packed[0], seen[0], n);
        float result;
        dot->tile(&(rf_dot_tile){row, packed, &result, n, bytes, sizeof(packed[0]), 1, 1, 1});
        free(row);
        assert_true(fabs((double)result - exact(values[0], seen[0], n)) <=
                    tolerance(values[0], seen[0], n));
    }
}

static void nan_and_infinity_show_in_the_product(void **state)
{
    (void)state;
    const float bad[] = {NAN, -NAN, INFINITY, -INFINITY};
    for (uint32_t t = 0; t < n_computable_types; t++) {
        const rf_dot_type *dot = rf_dot_for(computable_types[t], false);
        const rf_type_info *info = rf_type_describe((uint32_t)dot->weight);
        shape s = {256, 1, 1};
        for (int i = 0; i < 4; i++) {
            uint64_t row_bytes = s.n / info->block_elements * info->block_bytes;
            make_inputs(dot, s, row_bytes);
            x[0][random_bits() % 256] = bad[i];
            dot->pack(x[0], packed[0], s.n);
            compute(dot, s, row_bytes);
            assert_false(isfinite(out[0]));
        }
    }
}

/* Packing in plain C, as dot.h describes it. */
static void pack_model(const float *from, rf_activation_block *to, uint64_t n)
{
    memset(to, 0, (n + 255) / 256 * sizeof(*to));
    for (uint64_t first = 0; first < n; first += 32) {
        rf_activation_block *block = to + first / 256;
        uint64_t j = first % 256;
        float largest = 0;
        bool finite = true;
        for (int i = 0; i < 32; i++) {
            largest = fmaxf(largest, fabsf(from[first + (uint64_t)i]));
            finite = finite && isfinite(from[first + (uint64_t)i]);
        }
        block->d[j / 32] = finite ? largest / 127 : NAN;
        if (!finite || largest < 0x1p-100F) {
            block->d[j / 32] = finite ? 0 : NAN;
            continue;
        }
        for (uint64_t i = 0; i < 32; i++) {
            block->q[j + i] = (int8_t)rintf(from[first + i] * (127 / largest));
            block->sums[(j + i) / 16] = (int16_t)(block->sums[(j + i) / 16] + block->q[j + i]);
        }
    }
}

static float random_activation(void)
{
    switch (random_bits() % 64) {
    case 0:
        return 0;
    case 1:
        return rf_f32_from_bits((uint32_t)random_bits()); /* any bits */
    case 2:
        return random_uniform(-1e30F, 1e30F);
    default:
        return ldexpf(random_normal(), (int)(random_bits() % 16) - 8);
    }
}

static void packing_matches_its_model(void **state)
{
    (void)state;
    rf_activation_block model[MAX_N / 256];
    const rf_dot_type *dot = rf_dot_for(RF_TYPE_Q8_0, false);
    if (dot->activation != RF_ACTIVATION_Q8) {
        print_message("skipped: this CPU has no dot product with packed activations\n");
        skip();
    }
    for (int round = 0; round < 300; round++) {
        uint64_t n = 32 * (1 + random_bits() % (MAX_N / 32));
        bool tiny = random_bits() % 8 == 0;
        for (uint64_t i = 0; i < n; i++)
            x[0][i] = tiny ? ldexpf(random_normal(), -102 - (int)(random_bits() % 47))
                           : random_activation();
        pack_model(x[0], model, n);
        memset(packed[0], 0xEE, sizeof(packed[0]));
        dot->pack(x[0], packed[0], n);
        const rf_activation_block *blocks = (const void *)packed[0];
        for (uint64_t b = 0; b < (n + 255) / 256; b++) {
            for (int j = 0; j < 8; j++)
                assert_true(model[b].d[j] == blocks[b].d[j] ||
                            (isnan(model[b].d[j]) && isnan(blocks[b].d[j])));
            assert_memory_equal(model[b].sums, blocks[b].sums, sizeof(model[b].sums));
            assert_memory_equal(model[b].q, blocks[b].q, sizeof(model[b].q));
        }
        uint64_t bytes;
        assert_int_equal(rf_activation_bytes(dot->activation, n, &bytes, NULL), RF_OK);
        assert_true(bytes == (n + 255) / 256 * sizeof(rf_activation_block));
        assert_int_equal(packed[0][bytes], 0xEE);
    }
}

static void types_and_sizes_are_checked(void **state)
{
    (void)state;
    assert_null(rf_dot_for(RF_TYPE_IQ2_XXS, false));
    assert_null(rf_dot_for(RF_TYPE_I32, true));
    uint64_t bytes = 42;
    rf_error error;
    assert_int_equal(rf_activation_bytes(RF_ACTIVATION_F32, UINT64_MAX / 2, &bytes, &error),
                     RF_ERROR_OVERFLOW);
    assert_int_equal(rf_activation_bytes(RF_ACTIVATION_Q8, UINT64_MAX, &bytes, &error),
                     RF_ERROR_OVERFLOW);
    assert_true(bytes == 42);
    assert_int_equal(rf_activation_bytes(RF_ACTIVATION_F32, 33, &bytes, NULL), RF_OK);
    assert_true(bytes == 33 * sizeof(float));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fast_matches_exact_sums),
        cmocka_unit_test(portable_matches_exact_sums),
        cmocka_unit_test(no_read_past_the_row),
        cmocka_unit_test(nan_and_infinity_show_in_the_product),
        cmocka_unit_test(packing_matches_its_model),
        cmocka_unit_test(types_and_sizes_are_checked),
    };
    return cmocka_run_group_tests_name("dot", tests, NULL, NULL);
}
