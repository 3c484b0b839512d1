/* test_elementwise.c: embedding, norm, SwiGLU and gather against double precision. */
#include "operations.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/cpu/instructions.h"
#include "kernels/cpu/loops.h"
#include "kernels/cpu/operations.h"

static const uint64_t lengths[] = {1, 2, 7, 8, 9, 31, 64, 100, 1023, 1024, 1025, 20000};
#define N_LENGTHS (sizeof(lengths) / sizeof(lengths[0]))

/* From -110 to 90 in steps of about a thousand representable numbers. */
static void exponential_is_within_a_unit(void **state)
{
    (void)state;
    if (!rf_cpu_has_avx2_fma_f16c()) {
        print_message("skipped: this CPU has no AVX2\n");
        skip();
    }
    double worst = 0;
    for (float x = -110; x < 90; x = nextafterf(x, INFINITY)) {
        float batch[8] __attribute__((aligned(32)));
        float arguments[8];
        for (int i = 0; i < 8; i++) {
            arguments[i] = x;
            batch[i] = x;
            x += fmaxf(fabsf(x) * 1e-5F, 1e-6F);
        }
        rf_loops_avx2.exponentials(batch, 8, 0);
        for (int i = 0; i < 8; i++) {
            double expected = exp((double)arguments[i]);
            if (expected > 0x1.fffffep127) {
                assert_true(isinf(batch[i]));
                continue;
            }
            int exponent = expected < 0x1p-126 ? -126 : ilogb(expected);
            double unit = ldexp(1, exponent - 23);
            worst = fmax(worst, fabs((double)batch[i] - expected) / unit);
        }
    }
    if (worst > 1)
        fail_msg("off by %.3f units in the last place", worst);
}

static void exponential_keeps_what_is_no_number(void **state)
{
    (void)state;
    const rf_cpu_loops *loops[] = {&rf_loops_portable, &rf_loops_avx2};
    for (int i = 0; i < (rf_cpu_has_avx2_fma_f16c() ? 2 : 1); i++) {
        float x[8] __attribute__((aligned(32))) = {NAN, -INFINITY, INFINITY, -1e30F, 1e30F, 0};
        loops[i]->exponentials(x, 6, 0);
        assert_true(isnan(x[0]));
        assert_true(x[1] == 0 && isinf(x[2]) && x[3] == 0 && isinf(x[4]) && x[5] == 1);
        const float gate[5] = {NAN, -INFINITY, -1e30F, 1e30F, -200};
        const float up[5] = {1, 1, 1, 1, 1};
        float out[5];
        loops[i]->swiglu(gate, up, out, 5);
        assert_true(isnan(out[0]));
        assert_true(out[2] == 0 && out[3] == 1e30F && fabsf(out[4]) < 1e-30F);
    }
}

static void norm_of_rows(const test_compute *on, uint32_t n, uint32_t rows)
{
    const size_t count = (size_t)n * rows;
    float *x = random_floats(count, 3);
    float *out = malloc(count * sizeof(*out));
    double *expected = malloc(count * sizeof(*expected));
    rf_tensor weight = random_tensor(RF_TYPE_F32, n, 1, 1);
    const float *w = (const float *)(uintptr_t)weight.address;
    for (uint32_t r = 0; r < rows; r++) {
        double squares = 0;
        for (uint32_t i = 0; i < n; i++)
            squares += (double)x[(size_t)r * n + i] * (double)x[(size_t)r * n + i];
        for (uint32_t i = 0; i < n; i++)
            expected[(size_t)r * n + i] =
                (double)x[(size_t)r * n + i] / sqrt(squares / n + 1e-5) * (double)w[i];
    }
    rf_norm_args args = {address_of(x), &weight, address_of(out), rows, n, 1e-5F};
    rf_cpu_norm(&on->compute, &args);
    assert_all_close(out, expected, 2e-6, count);
    args.out = args.x; /* in place */
    rf_cpu_norm(&on->compute, &args);
    assert_memory_equal(x, out, count * sizeof(*out));
    free(x);
    free(out);
    free(expected);
    free_tensor(&weight);
}

static void norm_agrees(void **state)
{
    (void)state;
    for (int table = 0; table < 2; table++) {
        for (int threads = 0; threads < 4; threads++) {
            test_compute on;
            open_compute(&on, both_tables[table], thread_counts[threads], 0);
            for (size_t i = 0; i < N_LENGTHS; i++)
                norm_of_rows(&on, (uint32_t)lengths[i], 1 + random_below(9));
            close_compute(&on);
        }
    }
}

static void swiglu_of(const test_compute *on, uint64_t n)
{
    float *gate = random_floats(n, 12);
    float *up = random_floats(n, 2);
    float *out = malloc(n * sizeof(*out));
    double *expected = malloc(n * sizeof(*expected));
    double *bound = malloc(n * sizeof(*bound));
    for (uint64_t i = 0; i < n; i++) {
        double x = (double)gate[i];
        expected[i] = x / (1 + exp(-x)) * (double)up[i];
        bound[i] = 5e-7 * fabs(expected[i]);
    }
    rf_swiglu_args args = {address_of(gate), address_of(up), address_of(out), n};
    rf_cpu_swiglu(&on->compute, &args);
    assert_close(out, expected, bound, n);
    /* The same elements one by one: no result depends on where it is. */
    for (uint64_t i = 0; i < n; i += 1 + n / 40) {
        float alone = 0;
        rf_swiglu_args one = {address_of(gate + i), address_of(up + i), address_of(&alone), 1};
        rf_cpu_swiglu(&on->compute, &one);
        assert_memory_equal(&alone, out + i, sizeof(alone));
    }
    args.out = args.gate; /* in place */
    rf_cpu_swiglu(&on->compute, &args);
    assert_memory_equal(gate, out, n * sizeof(*out));
    free(gate);
    free(up);
    free(out);
    free(expected);
    free(bound);
}

static void swiglu_agrees(void **state)
{
    (void)state;
    for (int table = 0; table < 2; table++) {
        for (int threads = 0; threads < 4; threads++) {
            test_compute on;
            open_compute(&on, both_tables[table], thread_counts[threads], 0);
            for (size_t i = 0; i < N_LENGTHS; i++)
                swiglu_of(&on, lengths[i]);
            swiglu_of(&on, 150000); /* shared out among threads */
            close_compute(&on);
        }
    }
}

static void embed_rows(const test_compute *on, rf_type type)
{
    enum { N_EMBD = 512, N_VOCAB = 50, N_TOKENS = 200 };
    rf_tensor table = random_tensor(type, N_EMBD, N_VOCAB, 1);
    float *wide = widen_tensor(&table);
    int32_t tokens[N_TOKENS];
    for (int i = 0; i < N_TOKENS; i++)
        tokens[i] = (int32_t)random_below(N_VOCAB);
    float *out = calloc((size_t)N_TOKENS * N_EMBD, sizeof(*out));
    rf_embed_args args = {&table, address_of(tokens), address_of(out), N_TOKENS};
    assert_int_equal(on->compute.kernels->embed(&on->compute, &args, NULL), RF_OK);
    for (int i = 0; i < N_TOKENS; i++)
        assert_memory_equal(out + (size_t)i * N_EMBD, wide + (size_t)tokens[i] * N_EMBD,
                            N_EMBD * sizeof(float));
    free(wide);
    free(out);
    free_tensor(&table);
}

static void embed_agrees(void **state)
{
    (void)state;
    static const rf_type types[] = {RF_TYPE_F32, RF_TYPE_F16, RF_TYPE_Q8_0, RF_TYPE_Q4_K};
    for (int table = 0; table < 2; table++) {
        test_compute on;
        open_compute(&on, both_tables[table], 3, 0);
        for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
            embed_rows(&on, types[i]);
        close_compute(&on);
    }
}

static void gather_picks_rows(void **state)
{
    (void)state;
    enum { N = 1000, FROM = 300, ROWS = 200 };
    test_compute on;
    open_compute(&on, false, 3, 0);
    float *x = random_floats((size_t)N * FROM, 1);
    float *out = malloc((size_t)N * ROWS * sizeof(*out));
    int32_t rows[ROWS];
    for (int i = 0; i < ROWS; i++)
        rows[i] = (int32_t)random_below(FROM);
    rf_gather_args args = {address_of(x), address_of(rows), address_of(out), ROWS, N};
    rf_cpu_gather(&on.compute, &args);
    for (int i = 0; i < ROWS; i++)
        assert_memory_equal(out + (size_t)i * N, x + (size_t)rows[i] * N, N * sizeof(float));
    free(x);
    free(out);
    close_compute(&on);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exponential_is_within_a_unit),
        cmocka_unit_test(exponential_keeps_what_is_no_number),
        cmocka_unit_test(norm_agrees),
        cmocka_unit_test(swiglu_agrees),
        cmocka_unit_test(embed_agrees),
        cmocka_unit_test(gather_picks_rows),
    };
    return cmocka_run_group_tests_name("elementwise", tests, NULL, NULL);
}
