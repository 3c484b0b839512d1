/*
 * test_forward.c: every architecture and option against a double-precision forward pass that shares
 * no code with the model layer. Weights are random; so are the tokens.
 */
#include "support/cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/session.h"
#include "support/tiny_model.h"

#define N_TOKENS 41

/* Portable kernels on f32 weights and f32 cache differ from double precision by rounding alone. */
#define EXACT 1e-5
/* With weights of 16 bits or quantised ones activations are rounded too; the oracle's tolerances.
 */
#define FAST_F16       1e-3
#define FAST_QUANTISED 0.03

static void make_tokens(const tiny_model *m, int32_t *tokens)
{
    for (uint32_t i = 0; i < N_TOKENS; i++)
        tokens[i] = (int32_t)((i * i * 31 + i * 17 + m->seed) % m->n_vocab);
}

static double error_of(const tiny_model *m, const char *path, const session_options *options,
                       bool one_by_one)
{
    int32_t tokens[N_TOKENS];
    size_t n = (size_t)N_TOKENS * m->n_vocab;
    float *logits = calloc(n, sizeof(float));
    double *expected = calloc(n, sizeof(double));
    rf_error error;
    make_tokens(m, tokens);
    tiny_model_reference(m, path, tokens, N_TOKENS, expected);
    session s = session_open(path, options);
    if (rf_engine_logits(s.engine, tokens, N_TOKENS, one_by_one, logits, &error) != RF_OK)
        fail_msg("%s", error.message);
    session_close(&s);
    double result = relative_error(logits, expected, n);
    free(logits);
    free(expected);
    return result;
}

static session_options exact_options(void)
{
    session_options options = session_defaults();
    options.runtime.reference_kernels = true;
    options.engine.kv_type_set = true;
    options.engine.kv_type = RF_TYPE_F32;
    options.engine.n_batch = N_TOKENS;
    options.engine.n_logits = N_TOKENS;
    return options;
}

/* Whole batch, chunks, one by one; portable kernels; in place and in pools. */
static void check_exact(const tiny_model *m, const char *what)
{
    char path[64];
    tiny_model_write(m, path);
    session_options options = exact_options();
    double whole = error_of(m, path, &options, false);
    double single = error_of(m, path, &options, true);
    options.model.no_mmap = true;
    options.engine.n_logits = 7;
    options.engine.page_tokens = 4;
    double chunks = error_of(m, path, &options, false);
    unlink(path);
    print_message("%s: batch %.1e, one by one %.1e, chunks %.1e\n", what, whole, single, chunks);
    assert_true(whole < EXACT);
    assert_true(single < EXACT);
    assert_true(chunks < EXACT);
}

static void every_architecture_is_exact(void **state)
{
    (void)state;
    static const char *const names[] = {"llama", "qwen2", "qwen3", "qwen3moe"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        tiny_model m = tiny_model_default(names[i]);
        check_exact(&m, names[i]);
        m.tied = true;
        m.seed = 7;
        m.biases = !m.biases || i == 1; /* qwen2 has to have them */
        check_exact(&m, "tied, biases switched");
        m.n_heads = 5;
        m.n_kv_heads = 5;
        m.head_size = 48;
        m.n_rotary = i == 0 ? 48 : 24; /* llama rotates whole heads */
        check_exact(&m, "no groups, heads of 48, half of each rotated");
        m.n_heads = 8;
        m.n_kv_heads = 1;
        m.head_size = 16;
        m.n_rotary = 16;
        check_exact(&m, "one key head for all");
    }
}

static void experts_as_in_mixtral(void **state)
{
    (void)state;
    tiny_model m = tiny_model_default("llama");
    m.n_experts = 8;
    for (m.n_experts_used = 1; m.n_experts_used <= 8; m.n_experts_used *= 2)
        check_exact(&m, "mixtral");
}

static void every_rope_scaling(void **state)
{
    (void)state;
    tiny_model m = tiny_model_default("llama");
    m.rope_factors = true;
    check_exact(&m, "rope_freqs");
    m.scaling = "linear";
    check_exact(&m, "rope_freqs and linear");
    m.rope_factors = false;
    m.scaling = "yarn";
    check_exact(&m, "yarn");
    m.architecture = "qwen2";
    m.biases = true;
    m.factor = 2.5F;
    m.original_context = 1000;
    m.n_rotary = 20;
    check_exact(&m, "yarn, halves");
}

static void every_type_within_its_tolerance(void **state)
{
    (void)state;
    static const rf_type types[] = {
        RF_TYPE_F32,  RF_TYPE_F16,  RF_TYPE_BF16, RF_TYPE_Q8_0,
        RF_TYPE_Q4_0, RF_TYPE_Q4_K, RF_TYPE_Q6_K,
    };
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        tiny_model m = tiny_model_default("llama");
        const rf_type_info *info = rf_type_describe(types[i]);
        m.type = types[i];
        m.n_embd = 256;
        m.n_heads = 8;
        m.n_ff = 256;
        char path[64];
        tiny_model_write(&m, path);
        session_options options = exact_options();
        double exact = error_of(&m, path, &options, false);
        options.runtime.reference_kernels = false;
        options.engine.kv_type = RF_TYPE_F16;
        double fast = error_of(&m, path, &options, false);
        double single = error_of(&m, path, &options, true);
        options.engine.kv_type = RF_TYPE_Q8_0;
        double kv_q8 = error_of(&m, path, &options, false);
        unlink(path);
        print_message("%s: exact %.1e, fast %.1e, one by one %.1e, q8_0 cache %.1e\n", info->name,
                      exact, fast, single, kv_q8);
        double tolerance = info->block_elements == 1 ? FAST_F16 : FAST_QUANTISED;
        assert_true(exact < EXACT);
        assert_true(fast < tolerance);
        assert_true(single < tolerance);
        assert_true(kv_q8 < FAST_QUANTISED);
    }
}

static void threads_do_not_change_a_bit(void **state)
{
    (void)state;
    tiny_model m = tiny_model_default("qwen3moe");
    char path[64];
    int32_t tokens[N_TOKENS];
    size_t n = (size_t)N_TOKENS * m.n_vocab;
    float *first = calloc(n, sizeof(float));
    float *other = calloc(n, sizeof(float));
    tiny_model_write(&m, path);
    make_tokens(&m, tokens);
    for (uint32_t threads = 1; threads <= 4; threads++) {
        session_options options = session_defaults();
        options.runtime.n_threads = threads;
        options.engine.n_logits = N_TOKENS;
        session s = session_open(path, &options);
        assert_int_equal(
            rf_engine_logits(s.engine, tokens, N_TOKENS, false, threads == 1 ? first : other, NULL),
            RF_OK);
        session_close(&s);
        if (threads > 1)
            assert_memory_equal(first, other, n * sizeof(float));
    }
    unlink(path);
    free(first);
    free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_architecture_is_exact),
        cmocka_unit_test(experts_as_in_mixtral),
        cmocka_unit_test(every_rope_scaling),
        cmocka_unit_test(every_type_within_its_tolerance),
        cmocka_unit_test(threads_do_not_change_a_bit),
    };
    return cmocka_run_group_tests_name("forward", tests, NULL, NULL);
}
