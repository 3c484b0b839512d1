/* test_sampling_options.c: every bad option is refused, and named with its value. */
#include "support/cmocka.h"

#include <math.h>
#include <string.h>

#include "engine/sampler.h"

enum { VOCABULARY = 50 };

static void assert_refused(const rf_sampling *sampling, const char *text)
{
    rf_sampler *sampler = NULL;
    rf_error error = {0};
    assert_int_equal(rf_sampler_create(sampling, VOCABULARY, &sampler, &error), RF_ERROR_ARGUMENT);
    assert_null(sampler);
    if (!strstr(error.message, text))
        fail_msg("\"%s\" does not say \"%s\"", error.message, text);
}

static void bad_options_are_refused_by_name(void **state)
{
    (void)state;
    const struct {
        size_t field;
        float values[5];
        const char *name;
    } cases[] = {
        {offsetof(rf_sampling, temperature), {-0.1F, NAN, INFINITY, -INFINITY, -1}, "temperature"},
        {offsetof(rf_sampling, top_p), {0, -1, 1.01F, NAN, INFINITY}, "top_p"},
        {offsetof(rf_sampling, min_p), {-0.1F, 1, 1.5F, NAN, INFINITY}, "min_p"},
        {offsetof(rf_sampling, repeat_penalty), {0, -1, NAN, INFINITY, -INFINITY}, "repeat_penal"},
        {offsetof(rf_sampling, frequency_penalty),
         {NAN, INFINITY, -INFINITY, NAN, NAN},
         "frequency_penalty"},
        {offsetof(rf_sampling, presence_penalty),
         {NAN, INFINITY, -INFINITY, NAN, NAN},
         "presence_penalty"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (size_t j = 0; j < 5; j++) {
            rf_sampling sampling = RF_SAMPLING_INIT;
            memcpy((char *)&sampling + cases[i].field, &cases[i].values[j], sizeof(float));
            assert_refused(&sampling, cases[i].name);
        }
    }
    rf_sampling sampling = RF_SAMPLING_INIT;
    sampling.top_p = 1.5F;
    assert_refused(&sampling, "top_p 1.5, expected above 0, at most 1");
    sampling = RF_SAMPLING_INIT;
    sampling.penalty_last_n = UINT32_MAX;
    assert_refused(&sampling, "penalty_last_n 4294967295");
}

static void bad_biases_and_vocabularies_are_refused(void **state)
{
    (void)state;
    const struct {
        rf_logit_bias bias;
        const char *text;
    } cases[] = {
        {{-1, 0}, "token -1"},
        {{VOCABULARY, 0}, "token 50, the vocabulary has 50"},
        {{3, NAN}, "token 3"},
        {{4, INFINITY}, "token 4"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        rf_logit_bias biases[2] = {{1, -INFINITY}, cases[i].bias};
        rf_sampling sampling = RF_SAMPLING_INIT;
        sampling.biases = biases;
        sampling.n_biases = 2;
        assert_refused(&sampling, cases[i].text);
    }
    rf_sampling sampling = RF_SAMPLING_INIT;
    sampling.n_biases = 1;
    assert_refused(&sampling, "no address");
    sampling.n_biases = SIZE_MAX;
    assert_refused(&sampling, "biases, at most 65536");

    sampling = RF_SAMPLING_INIT;
    rf_sampler *sampler = NULL;
    assert_int_equal(rf_sampler_create(&sampling, 0, &sampler, NULL), RF_ERROR_ARGUMENT);
    assert_int_equal(rf_sampler_create(&sampling, UINT32_MAX, &sampler, NULL), RF_ERROR_ARGUMENT);
    assert_null(sampler);
    rf_sampler_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_options_are_refused_by_name),
        cmocka_unit_test(bad_biases_and_vocabularies_are_refused),
    };
    return cmocka_run_group_tests_name("sampling options", tests, NULL, NULL);
}
