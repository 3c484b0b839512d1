/*
 * test_candidates.c: the random numbers against published values, and top-k, top-p and min-p
 * against a reference that sorts everything and computes with the C library in double precision.
 */
#include "support/cmocka.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/memory.h"
#include "engine/candidates.h"
#include "engine/random.h"

enum { MAX_VOCABULARY = 6000 };

/* Values that implementations of both generators are commonly checked with. */
static void random_numbers_are_those_of_the_papers(void **state)
{
    (void)state;
    rf_random random;
    rf_random_seed(&random, 1234567);
    const uint64_t splitmix[4] = {6457827717110365317U, 3203168211198807973U, 9817491932198370423U,
                                  4593380528125082431U};
    assert_memory_equal(random.state, splitmix, sizeof(splitmix));

    random = (rf_random){{1, 2, 3, 4}};
    const uint64_t expected[] = {11520,
                                 0,
                                 1509978240,
                                 1215971899390074240,
                                 1216172134540287360,
                                 607988272756665600,
                                 16172922978634559625U,
                                 8476171486693032832};
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
        assert_true(rf_random_next(&random) == expected[i]);
}

static void uniform_numbers_fill_the_interval(void **state)
{
    (void)state;
    rf_random random;
    rf_random_seed(&random, 0);
    double sum = 0;
    double least = 1;
    double most = 0;
    enum { DRAWS = 100000 };
    for (int i = 0; i < DRAWS; i++) {
        double u = rf_random_uniform(&random);
        assert_true(u >= 0 && u < 1);
        sum += u;
        least = fmin(least, u);
        most = fmax(most, u);
    }
    assert_true(fabs(sum / DRAWS - 0.5) < 0.005);
    assert_true(least < 1e-3 && most > 1 - 1e-3);
}

/* ---- the reference ----------------------------------------------------------------------------
 */

typedef struct ranked {
    float logit;
    int32_t token;
} ranked;

static int by_rank(const void *left, const void *right)
{
    const ranked *a = left;
    const ranked *b = right;
    if (a->logit != b->logit)
        return a->logit > b->logit ? -1 : 1;
    return a->token < b->token ? -1 : 1;
}

/* Sorts what can be drawn; returns how many that are. */
static uint32_t rank_all(const float *logits, uint32_t n, ranked *out)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (!isnan(logits[i]) && logits[i] != -INFINITY)
            out[count++] = (ranked){fminf(logits[i], FLT_MAX), (int32_t)i};
    }
    qsort(out, count, sizeof(*out), by_rank);
    return count;
}

static double share_of(const ranked *list, uint32_t i)
{
    return exp((double)list[i].logit - list[0].logit);
}

static uint32_t cut_share(const ranked *list, uint32_t count, double p)
{
    double total = 0;
    for (uint32_t i = 0; i < count; i++)
        total += share_of(list, i);
    double sum = 0;
    for (uint32_t i = 0; i < count; i++) {
        sum += share_of(list, i);
        if (sum >= p * total)
            return i + 1;
    }
    return count;
}

static uint32_t cut_ratio(const ranked *list, uint32_t count, double p)
{
    uint32_t kept = 0;
    while (kept < count && share_of(list, kept) >= p)
        kept++;
    return kept;
}

static int by_candidate(const void *left, const void *right)
{
    const rf_candidate *a = left;
    const rf_candidate *b = right;
    return by_rank(&(ranked){a->logit, a->token}, &(ranked){b->logit, b->token});
}

/* The candidates are the first `count` of the list, with the right weights. */
static void assert_same(rf_candidates *candidates, const ranked *list, uint32_t count,
                        double temperature)
{
    assert_int_equal(candidates->count, count);
    qsort(candidates->items, count, sizeof(*candidates->items), by_candidate);
    for (uint32_t i = 0; i < count; i++) {
        const rf_candidate *item = &candidates->items[i];
        assert_int_equal(item->token, list[i].token);
        assert_true(item->logit == list[i].logit);
        if (temperature > 0) {
            double exact = exp(((double)list[i].logit - list[0].logit) / temperature);
            assert_true(fabs(item->weight - exact) <= exact * 0x1p-51 + DBL_MIN);
        }
    }
}

/* ---- logits of every kind ---------------------------------------------------------------------
 */

static float normal(rf_random *random)
{
    double u = 1 - rf_random_uniform(random);
    return (float)(sqrt(-2 * log(u)) * cos(6.283185307179586 * rf_random_uniform(random)));
}

static uint32_t below(rf_random *random, uint32_t limit)
{
    return (uint32_t)(rf_random_next(random) % limit);
}

static float one_logit(rf_random *random, int kind, uint32_t i)
{
    uint64_t r = rf_random_next(random);
    float any;
    switch (kind) {
    case 0: /* as models give them */
        return 4 * normal(random);
    case 1: /* many ties */
        return (float)(int)(r % 7) - 3;
    case 2: /* all equal, zeros of both signs */
        return r & 1 ? 0.0F : -0.0F;
    case 3: /* holes */
        return r % 3 == 0 ? -INFINITY : r % 3 == 1 ? NAN : normal(random);
    case 4: /* extremes */
        return r % 2 ? 1e30F * normal(random) : normal(random);
    case 5: /* ascending: the worst case of a pruned top-k */
        return (float)i * 0.01F;
    case 6: /* descending */
        return (float)i * -0.01F;
    default: /* any bits at all */
        memcpy(&any, &r, sizeof(any));
        return any;
    }
}

static void steps_agree_with_a_full_sort(void **state)
{
    (void)state;
    static float logits[MAX_VOCABULARY];
    static ranked list[MAX_VOCABULARY];
    rf_random random;
    rf_random_seed(&random, 77);
    for (int round = 0; round < 400; round++) {
        uint32_t n = below(&random, below(&random, 4) ? 300 : MAX_VOCABULARY) + 1;
        for (uint32_t i = 0; i < n; i++)
            logits[i] = one_logit(&random, round % 8, i);
        uint32_t top_k = below(&random, 3) ? below(&random, below(&random, 2) ? 60 : n + 2) : 0;
        double p = below(&random, 5) ? (float)(1 - rf_random_uniform(&random)) : 1;
        double ratio = below(&random, 5) ? (float)(rf_random_uniform(&random) * 0.99) : 0;
        double temperature = 0.05 + 2 * rf_random_uniform(&random);

        rf_candidates candidates;
        assert_int_equal(rf_candidates_create(n, top_k, &candidates, NULL), RF_OK);
        rf_candidates_collect(&candidates, logits, n);
        uint32_t count = rank_all(logits, n, list);
        if (top_k > 0 && top_k < count)
            count = top_k;
        assert_same(&candidates, list, count, 0);
        if (count > 0) {
            rf_candidates_weigh(&candidates, 1);
            assert_same(&candidates, list, count, 1);
            if (p < 1) {
                rf_candidates_keep_share(&candidates, p);
                count = cut_share(list, count, p);
            }
            assert_same(&candidates, list, count, 1);
            rf_candidates_keep_ratio(&candidates, ratio);
            count = cut_ratio(list, count, ratio);
            assert_same(&candidates, list, count, 1);
            rf_candidates_weigh(&candidates, temperature);
            assert_same(&candidates, list, count, temperature);
        }
        rf_candidates_free(&candidates);
    }
}

static void a_point_picks_the_candidate_it_lies_in(void **state)
{
    (void)state;
    rf_candidate items[] = {{.weight = 1, .token = 7},
                            {.weight = 0, .token = 8},
                            {.weight = 2, .token = 9},
                            {.weight = 1, .token = 10},
                            {.weight = 0, .token = 11}};
    rf_candidates candidates = {.items = items, .count = 5, .capacity = 5, .limit = 5};
    const struct {
        double u;
        int32_t token;
    } cases[] = {{0, 7}, {0.2499, 7}, {0.25, 9}, {0.7499, 9}, {0.75, 10}, {1 - 0x1p-53, 10}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(rf_candidates_pick(&candidates, cases[i].u), cases[i].token);
}

static void a_small_top_k_needs_little_memory(void **state)
{
    (void)state;
    rf_candidates candidates;
    assert_int_equal(rf_candidates_create(150000, 40, &candidates, NULL), RF_OK);
    assert_true(candidates.capacity < 2000);
    rf_candidates_free(&candidates);
    rf_fault_arm(RF_FAULT_HOST_ALLOC, 1);
    assert_int_equal(rf_candidates_create(150000, 40, &candidates, NULL), RF_ERROR_HOST_MEMORY);
    rf_fault_arm(RF_FAULT_HOST_ALLOC, 0);
    assert_null(candidates.items);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_numbers_are_those_of_the_papers),
        cmocka_unit_test(uniform_numbers_fill_the_interval),
        cmocka_unit_test(steps_agree_with_a_full_sort),
        cmocka_unit_test(a_point_picks_the_candidate_it_lies_in),
        cmocka_unit_test(a_small_top_k_needs_little_memory),
    };
    return cmocka_run_group_tests_name("candidates", tests, NULL, NULL);
}
