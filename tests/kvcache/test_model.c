/*
 * test_model.c: thousands of random steps of a cache against a model in which each sequence is a
 * plain array of tokens of its own. Bytes are written where kernels would write them, also into
 * room that is reserved and never committed, and read back for every token of every sequence after
 * each step.
 */
#include "support/cmocka.h"

#include <string.h>

#include "engine/random.h"
#include "kvcache/fixture.h"

enum { MAX_SEQUENCES = 8, MAX_CONTEXT = 700 };

typedef struct model_sequence {
    bool open;
    uint32_t length;
    uint32_t reserved;
    uint32_t tokens[MAX_CONTEXT];
} model_sequence;

typedef struct world {
    fixture f;
    rf_random random;
    model_sequence sequences[MAX_SEQUENCES];
    uint64_t failures; /* copies that were refused */
} world;

static world w; /* too large for a stack */

static uint32_t below(uint32_t limit)
{
    return (uint32_t)(rf_random_next(&w.random) % limit);
}

/* ---- bytes ------------------------------------------------------------------------------------
 */

/* Byte j of the row that a token has in a layer's keys or values of a head. */
static uint8_t byte_of(uint32_t token, uint32_t place, uint32_t j)
{
    uint32_t x = (token * 0x9e3779b1U) ^ (place * 0x85ebca6bU) ^ (j * 0xc2b2ae35U);
    return (uint8_t)((x ^ (x >> 15)) * 0x2c1b3c6dU >> 24);
}

typedef void (*row_visitor)(uint8_t *row, uint32_t bytes, uint32_t token, uint32_t place);

static void each_row(uint32_t sequence, uint32_t position, uint32_t token, row_visitor visit)
{
    const rf_kvcache_config *c = &w.f.config;
    uint32_t place = 0;
    for (uint32_t layer = 0; layer < c->n_layers; layer++) {
        for (uint32_t part = 0; part < 2; part++) {
            for (uint32_t head = 0; head < c->n_kv_heads; head++)
                visit(fixture_row(&w.f, sequence, position, layer, part, head),
                      fixture_row_bytes(&w.f), token, place++);
        }
    }
}

static void write_row(uint8_t *row, uint32_t bytes, uint32_t token, uint32_t place)
{
    for (uint32_t j = 0; j < bytes; j++)
        row[j] = byte_of(token, place, j);
}

static void compare_row(uint8_t *row, uint32_t bytes, uint32_t token, uint32_t place)
{
    for (uint32_t j = 0; j < bytes; j++)
        assert_int_equal(row[j], byte_of(token, place, j));
}

/* ---- the cache as a whole ---------------------------------------------------------------------
 */

static void assert_agreement(void)
{
    rf_error error = {0};
    assert_status(rf_kvcache_check(w.f.cache, &error), RF_OK, &error);
    for (uint32_t i = 0; i < w.f.config.n_sequences; i++) {
        const model_sequence *m = &w.sequences[i];
        assert_int_equal(rf_kvcache_length(w.f.cache, i), m->open ? m->length : 0);
        for (uint32_t j = 0; m->open && j < m->length; j++)
            each_row(i, j, m->tokens[j], compare_row);
    }
}

/* What must not change where a call fails. */
typedef struct snapshot {
    rf_kvcache_stats stats;
    int32_t tables[MAX_SEQUENCES * MAX_CONTEXT];
} snapshot;

static void take_snapshot(snapshot *s)
{
    s->stats = rf_kvcache_statistics(w.f.cache);
    memcpy(s->tables, rf_kvcache_tables(w.f.cache), s->stats.pages_total * sizeof(int32_t));
}

static void assert_unchanged(const snapshot *before)
{
    rf_kvcache_stats stats = rf_kvcache_statistics(w.f.cache);
    /* The page of a copy that failed was in use for a moment. */
    assert_true(stats.pages_peak <= before->stats.pages_peak + 1);
    stats.pages_peak = before->stats.pages_peak;
    assert_memory_equal(&stats, &before->stats, sizeof(stats));
    assert_memory_equal(rf_kvcache_tables(w.f.cache), before->tables,
                        stats.pages_total * sizeof(int32_t));
}

/* ---- steps ------------------------------------------------------------------------------------
 */

static uint32_t open_sequences(void)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < w.f.config.n_sequences; i++)
        count += w.sequences[i].open;
    return count;
}

static void step_open(void)
{
    rf_error error = {0};
    uint32_t made = RF_KV_NO_SEQUENCE;
    bool full = open_sequences() == w.f.config.n_sequences;
    assert_status(rf_kvcache_open(w.f.cache, &made, &error), full ? RF_ERROR_FULL : RF_OK, &error);
    if (full) {
        assert_int_equal(made, RF_KV_NO_SEQUENCE);
        return;
    }
    assert_true(made < w.f.config.n_sequences && !w.sequences[made].open);
    w.sequences[made] = (model_sequence){.open = true};
}

/* Writes tokens nobody will commit, as a pass that fails half way does. */
static void scribble(uint32_t i)
{
    const model_sequence *m = &w.sequences[i];
    for (uint32_t j = m->length; j < m->reserved; j++)
        each_row(i, j, (uint32_t)rf_random_next(&w.random), write_row);
}

static void step_reserve(uint32_t i)
{
    rf_error error = {0};
    model_sequence *m = &w.sequences[i];
    uint32_t context = w.f.config.n_context;
    uint32_t n = below(4) ? below(w.f.config.page_tokens * 2 + 1) : below(context + 2);
    static snapshot before;
    take_snapshot(&before);
    w.f.flaky.calls = 0;
    w.f.flaky.fail_at = below(4) ? 0 : 1 + below(2 * w.f.config.n_layers + 2);
    rf_status status = rf_kvcache_reserve(w.f.cache, i, n, &error);
    bool refused = w.f.flaky.fail_at > 0 && w.f.flaky.calls >= w.f.flaky.fail_at;
    w.f.flaky.fail_at = 0;
    if (m->length + n > context) {
        /* The only way to be full: pages are enough for every context, copies included. */
        assert_status(status, RF_ERROR_FULL, &error);
        assert_non_null(strstr(error.message, "context full: "));
        assert_unchanged(&before);
    } else if (refused) {
        assert_status(status, RF_ERROR_DEVICE, &error);
        assert_unchanged(&before);
        w.failures++;
    } else {
        assert_status(status, RF_OK, &error);
        m->reserved = m->length + n > m->reserved ? m->length + n : m->reserved;
        scribble(i);
    }
}

static void step_commit(uint32_t i)
{
    rf_error error = {0};
    model_sequence *m = &w.sequences[i];
    uint32_t room = m->reserved - m->length;
    uint32_t n = below(room + 1);
    if (below(8) == 0) {
        assert_status(rf_kvcache_commit(w.f.cache, i, room + 1 + n, &error), RF_ERROR_RANGE,
                      &error);
        return;
    }
    for (uint32_t j = m->length; j < m->length + n; j++) {
        m->tokens[j] = (uint32_t)rf_random_next(&w.random);
        each_row(i, j, m->tokens[j], write_row);
    }
    assert_status(rf_kvcache_commit(w.f.cache, i, n, &error), RF_OK, &error);
    m->length += n;
}

static void step_fork(uint32_t i)
{
    rf_error error = {0};
    uint32_t made = RF_KV_NO_SEQUENCE;
    bool full = open_sequences() == w.f.config.n_sequences;
    uint64_t used = rf_kvcache_statistics(w.f.cache).pages_used;
    assert_status(rf_kvcache_fork(w.f.cache, i, &made, &error), full ? RF_ERROR_FULL : RF_OK,
                  &error);
    assert_int_equal(rf_kvcache_statistics(w.f.cache).pages_used, used);
    if (full)
        return;
    assert_true(made < w.f.config.n_sequences && !w.sequences[made].open);
    w.sequences[made] = w.sequences[i];
    w.sequences[made].reserved = w.sequences[i].length;
}

static void step_truncate(uint32_t i)
{
    rf_error error = {0};
    model_sequence *m = &w.sequences[i];
    uint32_t n =
        below(3) ? m->length - below(m->length < 3 ? m->length + 1 : 3) : below(m->length + 1);
    if (below(8) == 0) {
        assert_status(rf_kvcache_truncate(w.f.cache, i, m->length + 1 + n, &error), RF_ERROR_RANGE,
                      &error);
        return;
    }
    assert_status(rf_kvcache_truncate(w.f.cache, i, n, &error), RF_OK, &error);
    m->length = n;
    m->reserved = n;
}

static void step_release(uint32_t i)
{
    rf_error error = {0};
    assert_status(rf_kvcache_release(w.f.cache, i, &error), RF_OK, &error);
    w.sequences[i].open = false;
}

/* Every call on a sequence that is not open, or none, is refused. */
static void step_misuse(uint32_t i)
{
    rf_status expected = i < w.f.config.n_sequences ? RF_ERROR_STALE : RF_ERROR_RANGE;
    rf_error error = {0};
    uint32_t made = 77;
    assert_status(rf_kvcache_reserve(w.f.cache, i, 1, &error), expected, &error);
    assert_status(rf_kvcache_commit(w.f.cache, i, 0, &error), expected, &error);
    assert_status(rf_kvcache_fork(w.f.cache, i, &made, &error), expected, &error);
    assert_status(rf_kvcache_truncate(w.f.cache, i, 0, &error), expected, &error);
    assert_status(rf_kvcache_release(w.f.cache, i, &error), expected, &error);
    assert_int_equal(made, 77);
    assert_int_equal(rf_kvcache_length(w.f.cache, i), 0);
}

static void one_step(void)
{
    uint32_t i = below(w.f.config.n_sequences);
    uint32_t kind = below(20);
    if (kind == 0)
        step_misuse(w.f.config.n_sequences + i * 1000003U);
    else if (!w.sequences[i].open)
        kind % 2 ? step_misuse(i) : step_open();
    else if (kind < 7)
        step_reserve(i);
    else if (kind < 12)
        step_commit(i);
    else if (kind < 15)
        step_fork(i);
    else if (kind < 18)
        step_truncate(i);
    else if (kind < 19)
        step_open();
    else
        step_release(i);
}

static void run(rf_kvcache_config config, uint32_t steps, uint64_t seed)
{
    assert_true(config.n_sequences <= MAX_SEQUENCES && config.n_context <= MAX_CONTEXT);
    memset(&w, 0, sizeof(w));
    rf_random_seed(&w.random, seed);
    fixture_open(&w.f, config);
    for (uint32_t i = 0; i < steps; i++) {
        one_step();
        assert_agreement();
    }
    rf_kvcache_stats stats = rf_kvcache_statistics(w.f.cache);
    assert_true(stats.copies > 0 || config.page_tokens == 1);
    assert_true(w.failures > 0 || config.page_tokens == 1);
    for (uint32_t i = 0; i < config.n_sequences; i++) {
        if (w.sequences[i].open)
            step_release(i);
    }
    assert_agreement();
    assert_int_equal(rf_kvcache_statistics(w.f.cache).pages_used, 0);
    fixture_close(&w.f);
}

static void pages_of_one_token(void **state)
{
    (void)state;
    run((rf_kvcache_config){.n_layers = 1,
                            .n_kv_heads = 2,
                            .head_size = 3,
                            .type = RF_TYPE_F32,
                            .page_tokens = 1,
                            .n_context = 13,
                            .n_sequences = 4},
        4000, 1);
}

static void pages_of_two_tokens_and_many_sequences(void **state)
{
    (void)state;
    run((rf_kvcache_config){.n_layers = 2,
                            .n_kv_heads = 1,
                            .head_size = 2,
                            .type = RF_TYPE_F16,
                            .page_tokens = 2,
                            .n_context = 7,
                            .n_sequences = 8},
        4000, 2);
}

static void pages_of_sixteen_tokens(void **state)
{
    (void)state;
    run((rf_kvcache_config){.n_layers = 3,
                            .n_kv_heads = 2,
                            .head_size = 32,
                            .type = RF_TYPE_Q8_0,
                            .page_tokens = 16,
                            .n_context = 50,
                            .n_sequences = 4},
        2000, 3);
}

static void pages_of_256_tokens(void **state)
{
    (void)state;
    run((rf_kvcache_config){.n_layers = 1,
                            .n_kv_heads = 1,
                            .head_size = 1,
                            .type = RF_TYPE_F16,
                            .page_tokens = 256,
                            .n_context = 700,
                            .n_sequences = 3},
        1000, 4);
}

static void one_page_a_sequence(void **state)
{
    (void)state;
    run((rf_kvcache_config){.n_layers = 1,
                            .n_kv_heads = 1,
                            .head_size = 1,
                            .type = RF_TYPE_F32,
                            .page_tokens = 16,
                            .n_context = 16,
                            .n_sequences = 5},
        3000, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_of_one_token),
        cmocka_unit_test(pages_of_two_tokens_and_many_sequences),
        cmocka_unit_test(pages_of_sixteen_tokens),
        cmocka_unit_test(pages_of_256_tokens),
        cmocka_unit_test(one_page_a_sequence),
    };
    return cmocka_run_group_tests_name("kvcache model", tests, NULL, NULL);
}
