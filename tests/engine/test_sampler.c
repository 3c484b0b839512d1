/* test_sampler.c: whole draws: penalties, biases, distribution, determinism, failed allocations. */
#include "support/cmocka.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/fault.h"
#include "base/memory.h"
#include "engine/random.h"
#include "engine/sampler.h"

enum { VOCABULARY = 50 };

/* Every step switched off. */
static rf_sampling plain(float temperature)
{
    rf_sampling sampling = RF_SAMPLING_INIT;
    sampling.temperature = temperature;
    sampling.top_k = 0;
    sampling.top_p = 1;
    sampling.min_p = 0;
    return sampling;
}

static rf_sampler *create(const rf_sampling *sampling, uint32_t n_vocabulary)
{
    rf_sampler *sampler = NULL;
    rf_error error = {0};
    if (rf_sampler_create(sampling, n_vocabulary, &sampler, &error) != RF_OK)
        fail_msg("%s", error.message);
    return sampler;
}

/* Draws from a copy of the logits. */
static int32_t draw(rf_sampler *sampler, const float *logits, uint32_t n_vocabulary)
{
    static float row[VOCABULARY];
    rf_error error = {0};
    int32_t token = -1;
    assert_true(n_vocabulary <= VOCABULARY);
    memcpy(row, logits, n_vocabulary * sizeof(*row));
    if (rf_sampler_draw(sampler, row, &token, &error) != RF_OK)
        fail_msg("%s", error.message);
    return token;
}

static void random_logits(float *logits, uint32_t n_vocabulary, uint64_t seed)
{
    rf_random random;
    rf_random_seed(&random, seed);
    for (uint32_t i = 0; i < n_vocabulary; i++)
        logits[i] = (float)(rf_random_uniform(&random) * 6 - 3);
}

/* ---- greedy -----------------------------------------------------------------------------------
 */

static void greedy_takes_the_largest_and_the_lowest_of_equals(void **state)
{
    (void)state;
    rf_sampling sampling = plain(0);
    rf_sampler *sampler = create(&sampling, 4);
    assert_int_equal(draw(sampler, (float[]){1, 3, 2, 3}, 4), 1);
    assert_int_equal(draw(sampler, (float[]){-5, -5, -5, -5}, 4), 0);
    assert_int_equal(draw(sampler, (float[]){-0.0F, 0, -1, 0}, 4), 0);
    assert_int_equal(draw(sampler, (float[]){NAN, -INFINITY, -1e30F, NAN}, 4), 2);
    assert_int_equal(draw(sampler, (float[]){1e30F, INFINITY, NAN, -1e30F}, 4), 1);
    assert_int_equal(draw(sampler, (float[]){-INFINITY, -INFINITY, -FLT_MAX, -INFINITY}, 4), 2);
    rf_sampler_free(sampler);
}

static void nothing_left_is_an_error(void **state)
{
    (void)state;
    for (int greedy = 0; greedy < 2; greedy++) {
        rf_sampling sampling = RF_SAMPLING_INIT;
        sampling.temperature = greedy ? 0 : 1;
        rf_sampler *sampler = create(&sampling, 3);
        float logits[3] = {NAN, -INFINITY, NAN};
        int32_t token = 99;
        rf_error error = {0};
        assert_int_equal(rf_sampler_draw(sampler, logits, &token, &error), RF_ERROR_INTERNAL);
        assert_int_equal(token, 99);
        assert_non_null(strstr(error.message, "all 3 logits are -infinity or not a number"));
        rf_sampler_free(sampler);
    }
}

/* ---- biases and penalties ---------------------------------------------------------------------
 */

static void biases_are_copied_and_added(void **state)
{
    (void)state;
    rf_logit_bias biases[] = {{2, -INFINITY}, {0, 1.5F}, {0, 1.5F}, {3, 1e38F}, {3, -1e38F}};
    rf_sampling sampling = plain(0);
    sampling.biases = biases;
    sampling.n_biases = 5;
    rf_sampler *sampler = create(&sampling, 4);
    memset(biases, 0, sizeof(biases));
    assert_int_equal(draw(sampler, (float[]){0, 2.5F, 100, -1}, 4), 0);
    assert_int_equal(draw(sampler, (float[]){0, 3.5F, 100, -1}, 4), 1);
    rf_sampler_free(sampler);
}

static void a_forbidden_token_is_never_drawn(void **state)
{
    (void)state;
    rf_logit_bias biases[] = {{1, -INFINITY}, {3, -INFINITY}};
    rf_sampling sampling = plain(100);
    sampling.biases = biases;
    sampling.n_biases = 2;
    sampling.repeat_penalty = 0.5F;
    rf_sampler *sampler = create(&sampling, 5);
    bool seen[5] = {false};
    for (int i = 0; i < 2000; i++) {
        int32_t token = draw(sampler, (float[]){0, 50, 0, INFINITY, 0}, 5);
        assert_true(token != 1 && token != 3);
        seen[token] = true;
        rf_sampler_accept(sampler, i % 5);
    }
    assert_true(seen[0] && seen[2] && seen[4]);
    rf_sampler_free(sampler);
}

/* A naive copy of the penalties: counts by looking through the history. */
static int32_t penalised_best(const rf_sampling *s, const float *logits, uint32_t n_vocabulary,
                              const int32_t *history, uint32_t length)
{
    uint32_t first = length > s->penalty_last_n ? length - s->penalty_last_n : 0;
    int32_t best = -1;
    float largest = -INFINITY;
    for (uint32_t token = 0; token < n_vocabulary; token++) {
        uint32_t count = 0;
        for (uint32_t i = first; i < length; i++)
            count += history[i] == (int32_t)token;
        double logit = logits[token];
        if (count > 0) {
            logit *= logit > 0 ? 1.0 / s->repeat_penalty : s->repeat_penalty;
            logit -= count * (double)s->frequency_penalty + s->presence_penalty;
        }
        if ((float)logit > largest) {
            largest = (float)logit;
            best = (int32_t)token;
        }
    }
    return best;
}

static void penalties_agree_with_a_search_of_the_history(void **state)
{
    (void)state;
    enum { STEPS = 400 };
    static int32_t history[STEPS];
    static const uint32_t windows[] = {0, 1, 2, 7, 64, 1000};
    rf_random random;
    rf_random_seed(&random, 5);
    for (size_t w = 0; w < sizeof(windows) / sizeof(windows[0]); w++) {
        rf_sampling sampling = plain(0);
        sampling.penalty_last_n = windows[w];
        sampling.repeat_penalty = 1.3F;
        sampling.frequency_penalty = w % 2 ? 0.25F : 0;
        sampling.presence_penalty = w % 3 ? 0.5F : -0.5F;
        rf_sampler *sampler = create(&sampling, VOCABULARY);
        for (uint32_t i = 0; i < STEPS; i++) {
            float logits[VOCABULARY];
            random_logits(logits, VOCABULARY, 1000 * w + i / 3);
            int32_t token = draw(sampler, logits, VOCABULARY);
            assert_int_equal(token, penalised_best(&sampling, logits, VOCABULARY, history, i));
            /* Sometimes another one, as in a prompt. */
            history[i] = i % 4 ? token : (int32_t)(rf_random_next(&random) % VOCABULARY);
            rf_sampler_accept(sampler, history[i]);
        }
        rf_sampler_accept(sampler, -1);
        rf_sampler_accept(sampler, VOCABULARY);
        rf_sampler_free(sampler);
    }
}

static void penalties_divide_positive_and_multiply_negative(void **state)
{
    (void)state;
    rf_sampling sampling = plain(0);
    sampling.repeat_penalty = 2;
    rf_sampler *sampler = create(&sampling, 3);
    rf_sampler_accept(sampler, 0);
    rf_sampler_accept(sampler, 0); /* the repeat penalty does not count */
    assert_int_equal(draw(sampler, (float[]){4, 1.9F, 0}, 3), 0);
    assert_int_equal(draw(sampler, (float[]){4, 2.1F, 0}, 3), 1);
    assert_int_equal(draw(sampler, (float[]){-2, -3.9F, -9}, 3), 1);
    assert_int_equal(draw(sampler, (float[]){-2, -4.1F, -9}, 3), 0);
    rf_sampler_free(sampler);
}

static void penalties_cannot_forbid(void **state)
{
    (void)state;
    rf_sampling sampling = plain(0);
    sampling.repeat_penalty = FLT_MAX;
    sampling.frequency_penalty = FLT_MAX;
    rf_sampler *sampler = create(&sampling, 2);
    rf_sampler_accept(sampler, 1);
    assert_int_equal(draw(sampler, (float[]){-INFINITY, -FLT_MAX}, 2), 1);
    rf_sampler_free(sampler);
}

/* ---- chance -----------------------------------------------------------------------------------
 */

/* What rf_sampling promises, by brute force: rank, cut, cut, cut, temperature. */
static uint32_t expected_probabilities(const rf_sampling *s, const float *logits, uint32_t n,
                                       double *out)
{
    bool taken[VOCABULARY] = {false};
    int32_t order[VOCABULARY];
    for (uint32_t i = 0; i < n; i++) {
        int32_t best = -1;
        for (uint32_t j = 0; j < n; j++) {
            if (!taken[j] && (best < 0 || logits[j] > logits[best]))
                best = (int32_t)j;
        }
        order[i] = best;
        taken[best] = true;
        out[i] = 0;
    }
    double top = logits[order[0]];
    uint32_t count = s->top_k > 0 && s->top_k < n ? s->top_k : n;
    double total = 0;
    for (uint32_t i = 0; i < count; i++)
        total += exp(logits[order[i]] - top);
    uint32_t kept = 0;
    double sum = 0;
    while (kept < count && sum < s->top_p * total)
        sum += exp(logits[order[kept++]] - top);
    while (kept > 1 && exp(logits[order[kept - 1]] - top) < s->min_p)
        kept--;
    total = 0;
    for (uint32_t i = 0; i < kept; i++)
        total += exp((logits[order[i]] - top) / s->temperature);
    for (uint32_t i = 0; i < kept; i++)
        out[order[i]] = exp((logits[order[i]] - top) / s->temperature) / total;
    return kept;
}

/* Pearson's chi-square against the expected probabilities, five standard deviations allowed: with
 * fixed seeds it cannot pass today and fail tomorrow. */
static void assert_distribution(const rf_sampling *sampling, const float *logits, uint32_t n)
{
    enum { DRAWS = 20000 };
    double expected[VOCABULARY];
    uint32_t counts[VOCABULARY] = {0};
    uint32_t kept = expected_probabilities(sampling, logits, n, expected);
    rf_sampler *sampler = create(sampling, n);
    for (int i = 0; i < DRAWS; i++)
        counts[draw(sampler, logits, n)]++;
    rf_sampler_free(sampler);
    double chi_square = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (expected[i] == 0) {
            assert_int_equal(counts[i], 0);
            continue;
        }
        double difference = counts[i] - expected[i] * DRAWS;
        chi_square += difference * difference / (expected[i] * DRAWS);
    }
    double freedom = kept - 1;
    assert_true(chi_square <= freedom + 5 * sqrt(2 * freedom) + 1e-9);
}

static void draws_follow_the_distribution(void **state)
{
    (void)state;
    const struct {
        float temperature;
        uint32_t top_k;
        float top_p;
        float min_p;
    } cases[] = {
        {1, 0, 1, 0},
        {0.5F, 0, 1, 0},
        {2, 10, 1, 0},
        {1, 0, 0.7F, 0},
        {1.5F, 0, 1, 0.2F},
        {0.8F, 40, 0.95F, 0.05F},
        {3, 20, 0.6F, 0.01F},
        {1, 1, 1, 0},
        {1, 0, 1e-6F, 0},
        {1, 0, 1, 0.999F},
        {0.3F, 5, 0.99F, 0.01F},
        {1, VOCABULARY, 0.999F, 0},
    };
    float logits[VOCABULARY];
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        rf_sampling sampling = RF_SAMPLING_INIT;
        sampling.temperature = cases[i].temperature;
        sampling.top_k = cases[i].top_k;
        sampling.top_p = cases[i].top_p;
        sampling.min_p = cases[i].min_p;
        sampling.seed = i;
        random_logits(logits, VOCABULARY, i);
        assert_distribution(&sampling, logits, VOCABULARY);
    }
}

static void extreme_logits_are_drawn_from(void **state)
{
    (void)state;
    rf_sampling sampling = plain(1);
    rf_sampler *sampler = create(&sampling, 4);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(draw(sampler, (float[]){-1e30F, 1e30F, 0, -1e30F}, 4), 1);
        assert_int_equal(draw(sampler, (float[]){-FLT_MAX, FLT_MAX, NAN, -INFINITY}, 4), 1);
        assert_int_equal(draw(sampler, (float[]){NAN, 0, INFINITY, NAN}, 4), 2);
    }
    rf_sampler_free(sampler);
    const float flat[][4] = {{0}, {1e30F, 1e30F, 1e30F, 1e30F}, {-1e30F, -1e30F, -1e30F, -1e30F}};
    for (size_t i = 0; i < 3; i++)
        assert_distribution(&sampling, flat[i], 4);
    sampling.temperature = FLT_MIN;
    assert_distribution(&sampling, (float[]){3, 3, 2.999F, 0}, 4);
    sampling.temperature = FLT_MAX;
    assert_distribution(&sampling, (float[]){3, -30, 2.999F, 0}, 4);
}

static void ties_at_a_cut_go_to_the_lowest_ids(void **state)
{
    (void)state;
    const float flat[8] = {0};
    rf_sampling sampling = plain(1);
    sampling.top_k = 3;
    assert_distribution(&sampling, flat, 8);
    sampling.top_k = 0;
    sampling.top_p = 0.5F;
    assert_distribution(&sampling, flat, 8);
}

/* ---- determinism ------------------------------------------------------------------------------
 */

static void draw_many(const rf_sampling *sampling, int32_t *out, int count)
{
    float logits[VOCABULARY];
    rf_sampler *sampler = create(sampling, VOCABULARY);
    for (int i = 0; i < count; i++) {
        random_logits(logits, VOCABULARY, (uint64_t)i);
        out[i] = draw(sampler, logits, VOCABULARY);
        rf_sampler_accept(sampler, out[i]);
    }
    rf_sampler_free(sampler);
}

static void a_seed_makes_the_text(void **state)
{
    (void)state;
    enum { DRAWS = 200 };
    int32_t first[DRAWS];
    int32_t second[DRAWS];
    rf_sampling sampling = RF_SAMPLING_INIT;
    sampling.seed = 42;
    sampling.repeat_penalty = 1.1F;
    draw_many(&sampling, first, DRAWS);
    draw_many(&sampling, second, DRAWS);
    assert_memory_equal(first, second, sizeof(first));
    sampling.seed = 43;
    draw_many(&sampling, second, DRAWS);
    assert_memory_not_equal(first, second, sizeof(first));
    /* The same on every machine and with every compiler. */
    static const int32_t golden[] = {5,  11, 44, 34, 36, 25, 31, 37, 35, 15, 26, 44,
                                     31, 8,  47, 33, 20, 4,  19, 35, 6,  1,  41, 37};
    assert_memory_equal(first, golden, sizeof(golden));
}

/* ---- memory -----------------------------------------------------------------------------------
 */

static void creation_survives_every_failed_allocation(void **state)
{
    (void)state;
    uint64_t before = rf_host_live_count();
    rf_logit_bias bias = {1, 2};
    rf_sampling sampling = RF_SAMPLING_INIT;
    sampling.repeat_penalty = 1.1F;
    sampling.biases = &bias;
    sampling.n_biases = 1;
    for (uint64_t n = 1;; n++) {
        rf_sampler *sampler = NULL;
        rf_error error = {0};
        rf_fault_arm(RF_FAULT_HOST_ALLOC, n);
        rf_status status = rf_sampler_create(&sampling, VOCABULARY, &sampler, &error);
        bool fired = rf_fault_fired(RF_FAULT_HOST_ALLOC);
        rf_fault_arm(RF_FAULT_HOST_ALLOC, 0);
        assert_int_equal(status, fired ? RF_ERROR_HOST_MEMORY : RF_OK);
        if (!fired) {
            /* Drawing goes on where allocation is impossible. */
            float logits[VOCABULARY];
            random_logits(logits, VOCABULARY, 1);
            rf_fault_arm(RF_FAULT_HOST_ALLOC, 1);
            rf_sampler_accept(sampler, draw(sampler, logits, VOCABULARY));
            assert_false(rf_fault_fired(RF_FAULT_HOST_ALLOC));
            rf_fault_arm(RF_FAULT_HOST_ALLOC, 0);
            rf_sampler_free(sampler);
            break;
        }
        assert_true(n < 20);
        assert_null(sampler);
        assert_non_null(strstr(error.message, "out of host memory"));
        assert_int_equal(rf_host_live_count(), before);
    }
    assert_int_equal(rf_host_live_count(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(greedy_takes_the_largest_and_the_lowest_of_equals),
        cmocka_unit_test(nothing_left_is_an_error),
        cmocka_unit_test(biases_are_copied_and_added),
        cmocka_unit_test(a_forbidden_token_is_never_drawn),
        cmocka_unit_test(penalties_agree_with_a_search_of_the_history),
        cmocka_unit_test(penalties_divide_positive_and_multiply_negative),
        cmocka_unit_test(penalties_cannot_forbid),
        cmocka_unit_test(draws_follow_the_distribution),
        cmocka_unit_test(extreme_logits_are_drawn_from),
        cmocka_unit_test(ties_at_a_cut_go_to_the_lowest_ids),
        cmocka_unit_test(a_seed_makes_the_text),
        cmocka_unit_test(creation_survives_every_failed_allocation),
    };
    return cmocka_run_group_tests_name("sampler", tests, NULL, NULL);
}
