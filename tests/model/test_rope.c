/* test_rope.c: rotary frequencies at the edges of what a file may ask for. */
#include "support/cmocka.h"

#include <math.h>
#include <string.h>

#include "model/rope.h"

#define PAIRS 8

static rf_model_config config(rf_rope_scaling scaling, float factor)
{
    return (rf_model_config){.rope = {.n_rotary = 2 * PAIRS,
                                      .base = 10000,
                                      .scaling = scaling,
                                      .factor = factor,
                                      .attention_factor = 1,
                                      .extrapolation = 1,
                                      .beta_fast = 32,
                                      .beta_slow = 1,
                                      .original_context = 4096}};
}

static void a_factor_of_one_changes_nothing(void **state)
{
    (void)state;
    rf_model_config plain = config(RF_ROPE_SCALING_NONE, 1);
    rf_model_config yarn = config(RF_ROPE_SCALING_YARN, 1);
    float expected[PAIRS];
    float frequencies[PAIRS];
    float magnitude = 0;
    assert_int_equal(rf_rope_frequencies(&plain, NULL, expected, &magnitude, NULL), RF_OK);
    assert_true(magnitude == 1);
    assert_int_equal(rf_rope_frequencies(&yarn, NULL, frequencies, &magnitude, NULL), RF_OK);
    assert_true(magnitude == 1);
    assert_memory_equal(frequencies, expected, sizeof(expected));
}

/* YaRN's equation 22 is for longer contexts: at 1e-3 it would give 0.31, at 1e-5 less than 0. */
static void a_shorter_context_is_not_flattened(void **state)
{
    (void)state;
    static const float factors[] = {0.999F, 0.5F, 1e-3F};
    for (size_t i = 0; i < sizeof(factors) / sizeof(factors[0]); i++) {
        rf_model_config c = config(RF_ROPE_SCALING_YARN, factors[i]);
        float frequencies[PAIRS];
        float magnitude = 0;
        assert_int_equal(rf_rope_frequencies(&c, NULL, frequencies, &magnitude, NULL), RF_OK);
        assert_true(magnitude == 1);
        for (size_t k = 0; k < PAIRS; k++)
            assert_true(isfinite(frequencies[k]));
    }
    rf_model_config longer = config(RF_ROPE_SCALING_YARN, 4);
    float frequencies[PAIRS];
    float magnitude = 0;
    assert_int_equal(rf_rope_frequencies(&longer, NULL, frequencies, &magnitude, NULL), RF_OK);
    assert_float_equal(magnitude, 1 + 0.1 * log(4), 1e-6);
}

static void factors_of_the_file_are_numbers_to_divide_by(void **state)
{
    (void)state;
    static const float bad[] = {0, -1, NAN, INFINITY, 1e-30F, 1e-45F};
    rf_model_config c = config(RF_ROPE_SCALING_LINEAR, 1);
    float factors[PAIRS] = {1, 1, 1, 1, 1, 1, 1, 1};
    float frequencies[PAIRS];
    float magnitude = 7;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        rf_error error = {0};
        factors[5] = bad[i];
        assert_int_equal(rf_rope_frequencies(&c, factors, frequencies, &magnitude, &error),
                         RF_ERROR_FORMAT);
        assert_non_null(strstr(error.message, "rope_freqs.weight: factor 5"));
        assert_true(magnitude == 7);
    }
    factors[5] = 1e-6F;
    assert_int_equal(rf_rope_frequencies(&c, factors, frequencies, &magnitude, NULL), RF_OK);
    assert_true(isfinite(frequencies[5]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_factor_of_one_changes_nothing),
        cmocka_unit_test(a_shorter_context_is_not_flattened),
        cmocka_unit_test(factors_of_the_file_are_numbers_to_divide_by),
    };
    return cmocka_run_group_tests_name("rope", tests, NULL, NULL);
}
