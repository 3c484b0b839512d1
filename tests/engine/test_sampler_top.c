/* test_sampler_top.c: drawing from the largest logits alone, as a GPU finds them. */
#include "support/cmocka.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/random.h"
#include "engine/sampler.h"

enum { VOCABULARY = 200, MOST = 40 };

static rf_sampler *create(const rf_sampling *sampling)
{
    rf_sampler *sampler = NULL;
    assert_int_equal(rf_sampler_create(sampling, VOCABULARY, &sampler, NULL), RF_OK);
    return sampler;
}

/* Few different values, so that ties are common; some that are no candidates. */
static void random_logits(rf_random *random, float *logits)
{
    for (int i = 0; i < VOCABULARY; i++) {
        double u = rf_random_uniform(random);
        logits[i] = u < 0.05 ? NAN : u < 0.1 ? -INFINITY : (float)floor(u * 60) / 8;
    }
}

static const float *sorted; /* what compare looks at */

static int compare(const void *a, const void *b)
{
    int32_t i = *(const int32_t *)a;
    int32_t j = *(const int32_t *)b;
    float x = isnan(sorted[i]) ? -INFINITY : sorted[i];
    float y = isnan(sorted[j]) ? -INFINITY : sorted[j];
    return x != y ? (x > y ? -1 : 1) : (i > j) - (i < j);
}

static void largest(const float *logits, uint32_t n, int32_t *indices, float *values)
{
    int32_t order[VOCABULARY];
    for (int i = 0; i < VOCABULARY; i++)
        order[i] = i;
    sorted = logits;
    qsort(order, VOCABULARY, sizeof(order[0]), compare);
    for (uint32_t i = 0; i < n; i++) {
        indices[i] = order[i];
        values[i] = logits[order[i]];
    }
}

static void greedy_draws_are_the_same(void **state)
{
    (void)state;
    rf_sampling sampling = RF_SAMPLING_INIT;
    sampling.temperature = 0;
    rf_sampler *sampler = create(&sampling);
    assert_int_equal(rf_sampler_top(sampler), 1);
    rf_random random;
    rf_random_seed(&random, 1);
    for (int turn = 0; turn < 500; turn++) {
        float logits[VOCABULARY];
        int32_t index, expected, token = -1;
        float value;
        random_logits(&random, logits);
        largest(logits, 1, &index, &value);
        assert_int_equal(rf_sampler_draw(sampler, logits, &expected, NULL), RF_OK);
        assert_int_equal(rf_sampler_draw_top(sampler, &index, &value, 1, &token, NULL), RF_OK);
        assert_int_equal(token, expected);
    }
    rf_sampler_free(sampler);
}

/* More candidates than were asked for change nothing, and how often a token comes up is as in whole
 * rows. */
static void draws_by_chance_have_the_same_distribution(void **state)
{
    (void)state;
    enum { DRAWS = 20000 };
    rf_sampling sampling = RF_SAMPLING_INIT;
    sampling.temperature = 0.9F;
    sampling.top_k = 12;
    sampling.top_p = 0.9F;
    sampling.min_p = 0.02F;
    rf_random random;
    rf_random_seed(&random, 7);
    float logits[VOCABULARY];
    random_logits(&random, logits);
    int32_t indices[MOST];
    float values[MOST];
    largest(logits, MOST, indices, values);
    rf_sampler *whole = create(&sampling);
    rf_sampler *top = create(&sampling);
    rf_sampler *more = create(&sampling);
    assert_int_equal(rf_sampler_top(top), 12);
    int counts[2][VOCABULARY] = {{0}};
    for (int i = 0; i < DRAWS; i++) {
        float row[VOCABULARY];
        int32_t a, b, c;
        memcpy(row, logits, sizeof(row));
        assert_int_equal(rf_sampler_draw(whole, row, &a, NULL), RF_OK);
        assert_int_equal(rf_sampler_draw_top(top, indices, values, 12, &b, NULL), RF_OK);
        assert_int_equal(rf_sampler_draw_top(more, indices, values, MOST, &c, NULL), RF_OK);
        assert_int_equal(b, c);
        counts[0][a]++;
        counts[1][b]++;
    }
    for (int i = 0; i < VOCABULARY; i++) {
        double spread = 6 * sqrt(2.0 * (counts[0][i] + 1)); /* six deviations of the difference */
        assert_true(fabs((double)counts[0][i] - counts[1][i]) <= spread);
        assert_true((counts[0][i] == 0) == (counts[1][i] == 0) || counts[0][i] + counts[1][i] < 20);
    }
    rf_sampler_free(whole);
    rf_sampler_free(top);
    rf_sampler_free(more);
}

static void what_looks_at_other_logits_wants_them_all(void **state)
{
    (void)state;
    rf_logit_bias bias = {.token = 3, .bias = 1};
    rf_sampling cases[4] = {RF_SAMPLING_INIT, RF_SAMPLING_INIT, RF_SAMPLING_INIT, RF_SAMPLING_INIT};
    cases[0].biases = &bias;
    cases[0].n_biases = 1;
    cases[1].repeat_penalty = 1.1F;
    cases[1].penalty_last_n = 64;
    cases[2].temperature = 1;
    cases[2].top_k = 0;
    cases[3].temperature = 1;
    cases[3].top_k = VOCABULARY;
    for (int i = 0; i < 4; i++) {
        rf_sampler *sampler = create(&cases[i]);
        assert_int_equal(rf_sampler_top(sampler), 0);
        rf_sampler_free(sampler);
    }
}

static void nothing_left_is_an_error(void **state)
{
    (void)state;
    for (int greedy = 0; greedy < 2; greedy++) {
        rf_sampling sampling = RF_SAMPLING_INIT;
        sampling.temperature = greedy ? 0 : 1;
        sampling.top_k = 2;
        rf_sampler *sampler = create(&sampling);
        int32_t token = 5;
        int32_t indices[2] = {0, 1};
        float values[2] = {-INFINITY, NAN};
        assert_int_equal(rf_sampler_draw_top(sampler, indices, values, 2, &token, NULL),
                         RF_ERROR_INTERNAL);
        assert_int_equal(token, 5);
        rf_sampler_free(sampler);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(greedy_draws_are_the_same),
        cmocka_unit_test(draws_by_chance_have_the_same_distribution),
        cmocka_unit_test(what_looks_at_other_logits_wants_them_all),
        cmocka_unit_test(nothing_left_is_an_error),
    };
    return cmocka_run_group_tests_name("sampler-top", tests, NULL, NULL);
}
