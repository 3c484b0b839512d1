/* test_work.c: what a pass has to do is what the model's tensors say, counted from its file. */
#include "support/cmocka.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#include "support/session.h"
#include "support/tiny_model.h"

/* Of all tensors whose names begin with a prefix: bytes, and elements of those with two dimensions
 * or more. */
static void sum(const rf_gguf *gguf, const char *prefix, double *bytes, double *elements)
{
    *bytes = 0;
    *elements = 0;
    for (size_t i = 0; i < rf_gguf_tensor_count(gguf); i++) {
        const rf_gguf_tensor *t = rf_gguf_tensor_at(gguf, i);
        if (t->name.length < strlen(prefix) || memcmp(t->name.data, prefix, strlen(prefix)) != 0)
            continue;
        *bytes += (double)t->bytes;
        *elements += t->n_dimensions > 1 ? (double)t->n_elements : 0;
    }
}

/* Of the experts' tensors alone. */
static double expert_elements(const rf_gguf *gguf, double *bytes)
{
    double elements = 0;
    *bytes = 0;
    for (size_t i = 0; i < rf_gguf_tensor_count(gguf); i++) {
        const rf_gguf_tensor *t = rf_gguf_tensor_at(gguf, i);
        if (t->n_dimensions == 3) {
            *bytes += (double)t->bytes;
            elements += (double)t->n_elements;
        }
    }
    return elements;
}

static void near(double found, double expected)
{
    if (!(fabs(found - expected) <= 1e-9 * expected))
        fail_msg("%.9g, expected %.9g", found, expected);
}

static void check(const char *architecture, bool tied)
{
    tiny_model m = tiny_model_default(architecture);
    m.tied = tied;
    char path[64];
    tiny_model_write(&m, path);
    session_options options = session_defaults();
    session s = session_open(path, &options);
    rf_gguf *gguf = NULL;
    assert_int_equal(rf_gguf_open(path, &gguf, NULL), RF_OK);
    double layers, layer_elements, experts, table, table_elements, output, output_elements, norm,
        none;
    sum(gguf, "blk.", &layers, &layer_elements);
    sum(gguf, "token_embd.", &table, &table_elements);
    sum(gguf, tied ? "token_embd." : "output.", &output, &output_elements);
    sum(gguf, "output_norm.", &norm, &none);
    double all_experts = expert_elements(gguf, &experts);
    double share = m.n_experts ? (double)m.n_experts_used / m.n_experts : 0;

    rf_pass_work one = rf_engine_pass_work(s.engine, &(rf_pass_shape){1, 10, 1, .logits = true});
    near(one.weight_bytes, layers - experts * (1 - share) + output + norm + table / m.n_vocab);
    double token = 2.0 * 2 * m.n_kv_heads * m.head_size * m.n_layers; /* f16 */
    near(one.kv_bytes, 11 * token);
    double attention = 4.0 * m.n_heads * m.head_size * m.n_layers;
    double products = 2 * (layer_elements - all_experts * (1 - share));
    near(one.flops, products + 2 * output_elements + 11 * attention);

    /* Three sequences of four tokens, behind 10: every one of them sees itself and all before. */
    rf_pass_work many = rf_engine_pass_work(s.engine, &(rf_pass_shape){3, 10, 4, .logits = false});
    double used = m.n_experts ? 1 - pow(1 - share, 12) : 0;
    near(many.weight_bytes, layers - experts * (1 - used) + 12 * table / m.n_vocab);
    near(many.kv_bytes, 3 * 14 * token);
    near(many.flops, 12 * products + 3 * (11 + 12 + 13 + 14) * attention);
    rf_gguf_close(gguf);
    session_close(&s);
    assert_int_equal(unlink(path), 0);
}

static void a_pass_reads_what_the_file_has(void **state)
{
    (void)state;
    check("llama", false);
    check("llama", true);
    check("qwen2", false);
    check("qwen3moe", false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_pass_reads_what_the_file_has)};
    return cmocka_run_group_tests_name("work", tests, NULL, NULL);
}
