/* test_quantise.c: the error of quantisation, and what it does with numbers that no block can hold.
 */
#include "support/cmocka.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "tensor/dequantise.h"
#include "tensor/ground_truth.h"
#include "tensor/half.h"
#include "tensor/quantise.h"
#include "tensor/random_blocks.h"

enum { N = 1024 };

static uint8_t blocks[N * 4];
static float x[N];
static float back[N];

static void round_trip(rf_type type)
{
    assert_int_equal(rf_quantise_row(type, x, blocks, N, NULL), RF_OK);
    assert_int_equal(rf_dequantise_row(type, blocks, back, N, NULL), RF_OK);
}

static double squared_error(const float *a, const float *b, uint64_t n)
{
    double sum = 0;
    for (uint64_t i = 0; i < n; i++)
        sum += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
    return sum;
}

/* Against the blocks that the reference implementation makes of the same source: at most 3 % worse.
 */
static void error_is_near_the_references(void **state)
{
    (void)state;
    rf_gguf *gguf = open_ground_truth();
    for (uint32_t t = 0; t < n_computable_types; t++) {
        rf_gguf_tensor tensor;
        rf_type type = computable_types[t];
        const char *name = rf_type_describe((uint32_t)type)->name;
        float *source = read_ground_truth(gguf, type, "source", &tensor);
        if (!source)
            continue; /* F32 has none */
        float *values = read_ground_truth(gguf, type, "quantised.values", &tensor);
        float *ours = rf_calloc(tensor.n_elements, sizeof(*ours));
        uint8_t *packed = rf_calloc(tensor.n_elements, sizeof(float));
        assert_true(values && ours && packed);
        assert_int_equal(rf_quantise_row(type, source, packed, tensor.n_elements, NULL), RF_OK);
        assert_int_equal(rf_dequantise_row(type, packed, ours, tensor.n_elements, NULL), RF_OK);
        double n = (double)tensor.n_elements;
        double our_error = sqrt(squared_error(source, ours, tensor.n_elements) / n);
        double reference_error = sqrt(squared_error(source, values, tensor.n_elements) / n);
        print_message("%-8s root mean square error %.3e, the reference's %.3e\n", name, our_error,
                      reference_error);
        assert_true(our_error <= 1.03 * reference_error);
        rf_free(source);
        rf_free(values);
        rf_free(ours);
        rf_free(packed);
    }
    rf_gguf_close(gguf);
}

/* The largest error of one element, relative to the largest element of its block: about a quarter
 * more than the worst of a million random ones. */
static const struct {
    rf_type type;
    double bound;
} bounds[] = {
    {RF_TYPE_F32, 0},       {RF_TYPE_F16, 0x1p-11}, {RF_TYPE_BF16, 0x1p-8}, {RF_TYPE_Q8_0, 0.0045},
    {RF_TYPE_Q6_K, 0.04},   {RF_TYPE_Q5_K, 0.095},  {RF_TYPE_Q5_1, 0.09},   {RF_TYPE_Q5_0, 0.095},
    {RF_TYPE_Q4_K, 0.18},   {RF_TYPE_Q4_1, 0.17},   {RF_TYPE_Q4_0, 0.2},    {RF_TYPE_IQ4_NL, 0.2},
    {RF_TYPE_IQ4_XS, 0.22}, {RF_TYPE_MXFP4, 0.3},   {RF_TYPE_Q3_K, 0.36},   {RF_TYPE_Q2_K, 0.7},
};

static void check_bound(rf_type type, double bound)
{
    const rf_type_info *info = rf_type_describe((uint32_t)type);
    uint32_t size = info->block_elements;
    round_trip(type);
    for (uint32_t first = 0; first < N; first += size) {
        double largest = 0;
        for (uint32_t i = first; i < first + size; i++)
            largest = fmax(largest, fabs((double)x[i]));
        for (uint32_t i = first; i < first + size; i++) {
            double error = fabs((double)x[i] - (double)back[i]);
            if (error > bound * largest + 0x1p-25) /* half a step of subnormal F16 */
                fail_msg("%s: %g became %g, the largest being %g", info->name, (double)x[i],
                         (double)back[i], largest);
        }
    }
}

static void error_is_bounded(void **state)
{
    (void)state;
    assert_int_equal(sizeof(bounds) / sizeof(bounds[0]), n_computable_types);
    for (int round = 0; round < 30; round++) {
        float scale = ldexpf(1, (int)(random_bits() % 12) - 6);
        for (int i = 0; i < N; i++)
            x[i] = scale * (round % 3 ? random_normal() : random_uniform(-1, 1));
        for (size_t t = 0; t < sizeof(bounds) / sizeof(bounds[0]); t++)
            check_bound(bounds[t].type, bounds[t].bound);
    }
}

static void zeros_stay_zeros(void **state)
{
    (void)state;
    memset(x, 0, sizeof(x));
    for (uint32_t t = 0; t < n_computable_types; t++) {
        round_trip(computable_types[t]);
        for (int i = 0; i < N; i++)
            assert_true(back[i] == 0);
    }
}

/* One value all over is met within the precision of an F16 scale and the integers under it. */
static void constants_stay_near(void **state)
{
    (void)state;
    const float constants[] = {1, -1, 0.37F, -250, 65504, -65504, 1e-3F};
    for (size_t c = 0; c < sizeof(constants) / sizeof(constants[0]); c++) {
        for (int i = 0; i < N; i++)
            x[i] = constants[c];
        for (size_t t = 0; t < sizeof(bounds) / sizeof(bounds[0]); t++)
            check_bound(bounds[t].type, bounds[t].bound);
    }
}

/* Numbers as far apart as floats are: nothing but finite numbers comes out, and none beyond the
 * format. */
static void tiny_and_huge_numbers_are_finite(void **state)
{
    (void)state;
    for (int round = 0; round < 60; round++) {
        int lowest = (int)(random_bits() % 240) - 149;
        int count = 1 + (int)(random_bits() % 40);
        for (int i = 0; i < N; i++)
            x[i] = ldexpf(random_normal(), lowest + (int)(random_bits() % (uint32_t)count));
        for (uint32_t t = 0; t < n_computable_types; t++) {
            if (rf_type_describe((uint32_t)computable_types[t])->block_elements == 1)
                continue;
            round_trip(computable_types[t]);
            for (int i = 0; i < N; i++)
                if (!(fabsf(back[i]) <= 3 * 65504.0F))
                    fail_msg("%s: %g became %g",
                             rf_type_describe((uint32_t)computable_types[t])->name, (double)x[i],
                             (double)back[i]);
        }
    }
}

/* As quantise.h says: NaN counts as 0, and what is beyond +-65504 as that. */
static void other_numbers_are_cut(void **state)
{
    (void)state;
    static uint8_t cut_blocks[sizeof(blocks)];
    for (int round = 0; round < 20; round++) {
        float cut[N];
        for (int i = 0; i < N; i++) {
            x[i] = random_bits() % 4 ? random_normal() * 30000
                                     : rf_f32_from_bits((uint32_t)random_bits() | 0x7F000000U);
            cut[i] = isnan(x[i]) ? 0 : fmaxf(-65504, fminf(65504, x[i]));
        }
        for (uint32_t t = 0; t < n_computable_types; t++) {
            const rf_type_info *info = rf_type_describe((uint32_t)computable_types[t]);
            if (info->block_elements == 1)
                continue;
            assert_int_equal(rf_quantise_row(info->type, x, blocks, N, NULL), RF_OK);
            assert_int_equal(rf_quantise_row(info->type, cut, cut_blocks, N, NULL), RF_OK);
            assert_memory_equal(blocks, cut_blocks,
                                (size_t)N / info->block_elements * info->block_bytes);
        }
    }
}

static void float_types_keep_nan_and_infinity(void **state)
{
    (void)state;
    const rf_type types[] = {RF_TYPE_F32, RF_TYPE_F16, RF_TYPE_BF16};
    for (int i = 0; i < N; i++)
        x[i] = i % 3 == 0 ? NAN : i % 3 == 1 ? INFINITY : -INFINITY;
    for (int t = 0; t < 3; t++) {
        round_trip(types[t]);
        for (int i = 0; i < N; i++)
            assert_true(i % 3 == 0 ? isnan(back[i]) : back[i] == x[i]);
    }
}

static void bad_rows_are_refused(void **state)
{
    (void)state;
    rf_error error;
    blocks[0] = 42;
    assert_int_equal(rf_quantise_row(RF_TYPE_Q4_K, x, blocks, 255, &error), RF_ERROR_ARGUMENT);
    assert_non_null(strstr(error.message, "255"));
    assert_int_equal(rf_quantise_row(RF_TYPE_IQ2_XS, x, blocks, 256, &error), RF_ERROR_UNSUPPORTED);
    assert_non_null(strstr(error.message, "IQ2_XS"));
    assert_int_equal(rf_quantise_row((rf_type)4, x, blocks, 256, &error), RF_ERROR_ARGUMENT);
    assert_int_equal(blocks[0], 42);
    assert_int_equal(rf_quantise_row(RF_TYPE_Q4_K, x, blocks, 0, NULL), RF_OK);
    assert_int_equal(blocks[0], 42);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(error_is_near_the_references),
        cmocka_unit_test(error_is_bounded),
        cmocka_unit_test(zeros_stay_zeros),
        cmocka_unit_test(constants_stay_near),
        cmocka_unit_test(tiny_and_huge_numbers_are_finite),
        cmocka_unit_test(other_numbers_are_cut),
        cmocka_unit_test(float_types_keep_nan_and_infinity),
        cmocka_unit_test(bad_rows_are_refused),
    };
    return cmocka_run_group_tests_name("quantise", tests, NULL, NULL);
}
