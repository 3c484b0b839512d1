/* test_linear.c: matrix products against double precision, for every weight type and odd shapes. */
#include "operations.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Where activations are packed, each is off by at most half a step of its block, max |x| / 254, and
 * its scale by a rounding; so a product is by at most that times the sum of |weight|. Sums in f32
 * add about n roundings of the largest partial sum.
 */
#define PACKING_STEP (1.001 / 254)
#define SUM_ROUNDING 1e-6

typedef struct product {
    rf_tensor weight;
    rf_tensor bias;
    bool has_bias;
    float *out;
} product;

typedef struct linear_case {
    uint64_t k;
    uint32_t n_tokens;
    uint32_t n_weights;
    bool accumulate;
    product parts[RF_LINEAR_MAX];
    float *x;
} linear_case;

static void open_case(linear_case *c, const rf_type types[RF_LINEAR_MAX],
                      const uint64_t rows[RF_LINEAR_MAX], bool has_bias)
{
    c->x = random_floats(c->k * c->n_tokens, 2);
    for (uint32_t i = 0; i < c->n_weights; i++) {
        product *p = &c->parts[i];
        p->weight = random_tensor(types[i], c->k, rows[i], 1);
        p->bias = random_tensor(RF_TYPE_F32, rows[i], 1, 1);
        p->has_bias = has_bias;
        p->out = malloc(rows[i] * c->n_tokens * sizeof(float));
    }
}

static void close_case(linear_case *c)
{
    for (uint32_t i = 0; i < c->n_weights; i++) {
        free_tensor(&c->parts[i].weight);
        free_tensor(&c->parts[i].bias);
        free(c->parts[i].out);
    }
    free(c->x);
}

static rf_status run_case(linear_case *c, const test_compute *on, rf_error *error)
{
    rf_linear_args args = {
        .input = {.x = address_of(c->x)},
        .n_tokens = c->n_tokens,
        .n_weights = c->n_weights,
        .end = c->accumulate ? RF_LINEAR_ADD : RF_LINEAR_STORE,
    };
    for (uint32_t i = 0; i < c->n_weights; i++) {
        product *p = &c->parts[i];
        for (uint64_t j = 0; j < p->weight.shape[1] * c->n_tokens; j++)
            p->out[j] = 3; /* what accumulation adds to */
        args.parts[i].weight = &p->weight;
        args.parts[i].bias = p->has_bias ? &p->bias : NULL;
        args.parts[i].out = address_of(p->out);
    }
    return on->compute.kernels->linear(&on->compute, &args, error);
}

/* One part's result and how far off it may be. */
static void check_product(const linear_case *c, const product *p, bool packed)
{
    const uint64_t m = p->weight.shape[1];
    float *wide = widen_tensor(&p->weight);
    const float *bias = (const float *)(uintptr_t)p->bias.address;
    double *expected = malloc(m * c->n_tokens * sizeof(*expected));
    double *bound = malloc(m * c->n_tokens * sizeof(*bound));
    for (uint32_t t = 0; t < c->n_tokens; t++) {
        const float *x = c->x + t * c->k;
        double max = 0;
        for (uint64_t i = 0; i < c->k; i++)
            max = fmax(max, fabs((double)x[i]));
        for (uint64_t r = 0; r < m; r++) {
            double sum = 0;
            double size = 0;
            for (uint64_t i = 0; i < c->k; i++) {
                sum += (double)wide[r * c->k + i] * (double)x[i];
                size += fabs((double)wide[r * c->k + i]);
            }
            sum += p->has_bias ? (double)bias[r] : 0;
            expected[t * m + r] = c->accumulate ? sum + 3 : sum;
            bound[t * m + r] =
                size * max * ((packed ? PACKING_STEP : 0) + SUM_ROUNDING) + SUM_ROUNDING;
        }
    }
    assert_close(p->out, expected, bound, m * c->n_tokens);
    free(wide);
    free(expected);
    free(bound);
}

static uint64_t workspace_for(const test_compute *on, uint32_t n_tokens, uint64_t k)
{
    rf_kernel_limits limits = {.n_tokens = n_tokens, .n_row_elements = (uint32_t)k};
    uint64_t bytes = 0;
    assert_int_equal(on->compute.kernels->workspace_bytes(&limits, &bytes, NULL), RF_OK);
    return bytes;
}

/* A workspace of just what was asked for: address sanitiser sees a byte too many. */
static void open_exactly(test_compute *on, bool reference, uint32_t threads, uint32_t n_tokens,
                         uint64_t k)
{
    open_compute(on, reference, threads, 0);
    uint64_t bytes = workspace_for(on, n_tokens, k);
    close_compute(on);
    open_compute(on, reference, threads, bytes);
}

static bool is_float(rf_type type)
{
    return type == RF_TYPE_F32 || type == RF_TYPE_F16 || type == RF_TYPE_BF16;
}

static void every_type_agrees(void **state)
{
    (void)state;
    static const uint32_t tokens[] = {1, 2, 5, 65, 130};
    for (uint32_t t = 0; t < n_computable_types; t++) {
        const rf_type type = computable_types[t];
        for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
            linear_case c = {.k = 512, .n_tokens = tokens[i], .n_weights = 1};
            open_case(&c, (rf_type[]){type, 0, 0}, (uint64_t[]){37, 0, 0}, i % 2 == 0);
            for (int table = 0; table < 2; table++) {
                test_compute on;
                open_exactly(&on, both_tables[table], 2, c.n_tokens, c.k);
                assert_int_equal(run_case(&c, &on, NULL), RF_OK);
                check_product(&c, &c.parts[0], !both_tables[table] && !is_float(type));
                close_compute(&on);
            }
            close_case(&c);
        }
    }
}

/* Three weights of different types, as queries, keys and values are; odd rows; rows of any length.
 */
static void parts_share_an_input(void **state)
{
    (void)state;
    static const rf_type mixes[][RF_LINEAR_MAX] = {
        {RF_TYPE_Q4_K, RF_TYPE_Q4_K, RF_TYPE_Q6_K},
        {RF_TYPE_F16, RF_TYPE_Q8_0, RF_TYPE_F32},
        {RF_TYPE_Q8_0, RF_TYPE_Q4_0, RF_TYPE_BF16},
        {RF_TYPE_F32, RF_TYPE_F16, RF_TYPE_BF16},
    };
    static const uint64_t lengths[] = {256, 768, 1024, 33}; /* the last mix is of floats alone */
    for (size_t mix = 0; mix < 4; mix++) {
        for (int accumulate = 0; accumulate < 2; accumulate++) {
            linear_case c = {
                .k = lengths[mix], .n_tokens = 19, .n_weights = 3, .accumulate = accumulate};
            open_case(&c, mixes[mix], (uint64_t[]){100, 1, 17}, true);
            for (int table = 0; table < 2; table++) {
                test_compute on;
                open_exactly(&on, both_tables[table], 3, c.n_tokens, c.k);
                assert_int_equal(run_case(&c, &on, NULL), RF_OK);
                for (int i = 0; i < 3; i++)
                    check_product(&c, &c.parts[i], !both_tables[table] && !is_float(mixes[mix][i]));
                close_compute(&on);
            }
            close_case(&c);
        }
    }
}

static void threads_change_nothing(void **state)
{
    (void)state;
    static const rf_type types[RF_LINEAR_MAX] = {RF_TYPE_Q4_K, RF_TYPE_F16, RF_TYPE_Q8_0};
    for (int table = 0; table < 2; table++) {
        linear_case c = {.k = 1024, .n_tokens = 21, .n_weights = 3};
        open_case(&c, types, (uint64_t[]){300, 77, 50}, true);
        float *first[RF_LINEAR_MAX] = {0};
        for (int i = 0; i < 4; i++) {
            test_compute on;
            open_exactly(&on, both_tables[table], thread_counts[i], c.n_tokens, c.k);
            assert_int_equal(run_case(&c, &on, NULL), RF_OK);
            close_compute(&on);
            for (int p = 0; p < RF_LINEAR_MAX; p++) {
                size_t bytes = c.parts[p].weight.shape[1] * c.n_tokens * sizeof(float);
                if (i == 0)
                    first[p] = memcpy(malloc(bytes), c.parts[p].out, bytes);
                assert_memory_equal(first[p], c.parts[p].out, bytes);
            }
        }
        for (int p = 0; p < RF_LINEAR_MAX; p++)
            free(first[p]);
        close_case(&c);
    }
}

static void small_workspace_is_an_error(void **state)
{
    (void)state;
    linear_case c = {.k = 512, .n_tokens = 4, .n_weights = 1};
    open_case(&c, (rf_type[]){RF_TYPE_Q8_0, 0, 0}, (uint64_t[]){20, 0, 0}, false);
    test_compute on;
    open_exactly(&on, false, 2, 4, 512);
    const uint64_t need = on.compute.workspace_bytes;
    if (need == 0 || strcmp(on.compute.kernels->name, "cpu portable") == 0) {
        close_compute(&on);
        close_case(&c);
        skip(); /* portable products pack nothing */
    }
    on.compute.workspace_bytes = need - 1;
    rf_error error;
    assert_int_equal(run_case(&c, &on, &error), RF_ERROR_INTERNAL);
    char numbers[100];
    snprintf(numbers, sizeof(numbers), "workspace of %llu bytes, needs %llu",
             (unsigned long long)need - 1, (unsigned long long)need);
    assert_non_null(strstr(error.message, numbers));
    for (int i = 0; i < 80; i++)
        assert_true(c.parts[0].out[i] == 3); /* untouched */
    close_compute(&on);
    close_case(&c);
}

static void huge_limits_are_an_error(void **state)
{
    (void)state;
    test_compute on;
    open_compute(&on, false, 1, 0);
    rf_kernel_limits limits = {.n_tokens = UINT32_MAX,
                               .n_row_elements = UINT32_MAX,
                               .n_ff = UINT32_MAX,
                               .n_experts = UINT32_MAX,
                               .n_experts_used = UINT32_MAX};
    uint64_t bytes = 7;
    rf_error error;
    assert_int_equal(on.compute.kernels->workspace_bytes(&limits, &bytes, &error),
                     RF_ERROR_OVERFLOW);
    assert_int_equal(bytes, 7);
    close_compute(&on);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_agrees),        cmocka_unit_test(parts_share_an_input),
        cmocka_unit_test(threads_change_nothing),   cmocka_unit_test(small_workspace_is_an_error),
        cmocka_unit_test(huge_limits_are_an_error),
    };
    return cmocka_run_group_tests_name("linear", tests, NULL, NULL);
}
