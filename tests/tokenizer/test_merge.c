/* test_merge.c: the heap against the definition: look at all neighbours, take the best, again. */
#include "support/cmocka.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "tokenizer/merge.h"

enum { SYMBOLS = 12 };

/* A random rule: for each pair a rank and a result, or no merge. Ranks are in no sensible order. */
typedef struct pair_rule {
    bool merges[SYMBOLS][SYMBOLS];
    uint32_t rank[SYMBOLS][SYMBOLS];
    int32_t result[SYMBOLS][SYMBOLS];
} pair_rule;

static void make_rule(pair_rule *rule)
{
    for (int left = 0; left < SYMBOLS; left++) {
        for (int right = 0; right < SYMBOLS; right++) {
            rule->merges[left][right] = rand() % 3 != 0;
            rule->rank[left][right] = (uint32_t)(rand() % 40);
            rule->result[left][right] = rand() % SYMBOLS;
        }
    }
}

static bool apply(const void *context, int32_t left, int32_t right, rf_string text, uint32_t *rank,
                  int32_t *symbol)
{
    const pair_rule *rule = context;
    assert_true(text.length >= 2);
    if (!rule->merges[left][right])
        return false;
    *rank = rule->rank[left][right];
    *symbol = rule->result[left][right];
    return true;
}

/* Merges symbols[*count] by the definition. */
static void merge_slowly(const pair_rule *rule, int32_t *symbols, size_t *count)
{
    for (;;) {
        size_t best = *count;
        for (size_t i = 0; i + 1 < *count; i++) {
            if (rule->merges[symbols[i]][symbols[i + 1]] &&
                (best == *count || rule->rank[symbols[i]][symbols[i + 1]] <
                                       rule->rank[symbols[best]][symbols[best + 1]]))
                best = i;
        }
        if (best == *count)
            return;
        symbols[best] = rule->result[symbols[best]][symbols[best + 1]];
        memmove(symbols + best + 1, symbols + best + 2, (*count - best - 2) * sizeof(*symbols));
        (*count)--;
    }
}

static void merging_follows_the_definition(void **state)
{
    (void)state;
    static const char letters[64] = "x";
    srand(7);
    rf_merger merger = {0};
    for (int round = 0; round < 2000; round++) {
        pair_rule rule;
        make_rule(&rule);
        int32_t symbols[64];
        size_t count = 1 + (size_t)rand() % 63;
        rf_merger_clear(&merger);
        for (size_t i = 0; i < count; i++) {
            symbols[i] = rand() % SYMBOLS;
            assert_int_equal(rf_merger_add(&merger, i, symbols[i], NULL), RF_OK);
        }
        rf_string text = {letters, count};
        assert_int_equal(rf_merger_run(&merger, text, apply, &rule, NULL), RF_OK);
        merge_slowly(&rule, symbols, &count);
        size_t n = 0;
        size_t bytes = 0;
        for (uint32_t i = 0; i != RF_MERGE_END; i = merger.nodes[i].next) {
            assert_true(n < count);
            assert_int_equal(merger.nodes[i].symbol, symbols[n++]);
            assert_int_equal(merger.nodes[i].start, bytes);
            bytes += rf_merger_text(&merger, text, i).length;
        }
        assert_int_equal(n, count);
        assert_int_equal(bytes, text.length);
    }
    rf_merger_free(&merger);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(merging_follows_the_definition)};
    return cmocka_run_group_tests_name("merging", tests, NULL, NULL);
}
