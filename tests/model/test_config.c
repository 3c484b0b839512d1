/*
 * test_config.c: each hyperparameter out of range, of a wrong type or missing is refused by its
 * key, each tensor missing, of a wrong shape or type by its name. One small good model, with one
 * thing changed.
 */
#include "support/cmocka.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gguf/gguf.h"
#include "gguf/writer.h"
#include "support/session.h"
#include "support/tiny_model.h"

typedef enum change { NUMBER, REAL, TEXT, REMOVED, TENSOR_REMOVED, TENSOR_RENAMED } change;

typedef struct defect {
    const char *architecture;
    const char *name; /* a key, or a tensor */
    change change;
    double value;
    const char *text;
    const char *expected; /* a part of the message */
} defect;

static const defect defects[] = {
    {"llama", "general.architecture", TEXT, 0, "nosuch", "\"nosuch\", supported are llama"},
    {"llama", "general.architecture", REMOVED, 0, NULL, "general.architecture"},
    {"llama", "general.name", NUMBER, 1, NULL, "general.name"},
    {"llama", "llama.block_count", NUMBER, 0, NULL, "block_count is 0"},
    {"llama", "llama.block_count", NUMBER, 4294967295.0, NULL, "block_count is 4294967295"},
    {"llama", "llama.block_count", NUMBER, 3, NULL, "blk.2.attn_norm.weight is missing"},
    {"llama", "llama.block_count", TEXT, 0, "2", "llama.block_count"},
    {"llama", "llama.block_count", REMOVED, 0, NULL, "llama.block_count"},
    {"llama", "llama.context_length", NUMBER, 0, NULL, "context_length is 0"},
    {"llama", "llama.embedding_length", NUMBER, 64, NULL, "token_embd.weight: shape [96, 97]"},
    {"llama", "llama.feed_forward_length", NUMBER, 161, NULL, "expected [96, 161]"},
    {"llama", "llama.attention.head_count", NUMBER, 0, NULL, "head_count is 0"},
    {"llama", "llama.attention.head_count", NUMBER, 5, NULL, "not a multiple of head_count_kv 2"},
    {"llama", "llama.attention.head_count_kv", NUMBER, 0, NULL, "head_count_kv is 0"},
    {"llama", "llama.attention.head_count_kv", NUMBER, 7, NULL, "head_count_kv is 7"},
    {"llama", "llama.attention.key_length", NUMBER, 0, NULL, "key_length is 0"},
    {"llama", "llama.attention.key_length", NUMBER, 513, NULL, "key_length is 513"},
    {"llama", "llama.attention.value_length", NUMBER, 16, NULL, "value_length 16 differs"},
    {"llama", "llama.attention.layer_norm_rms_epsilon", REAL, NAN, NULL, "epsilon is nan"},
    {"llama", "llama.attention.layer_norm_rms_epsilon", REAL, -1, NULL, "epsilon is -1"},
    {"llama", "llama.attention.layer_norm_rms_epsilon", REMOVED, 0, NULL, "epsilon is missing"},
    {"llama", "llama.rope.dimension_count", NUMBER, 16, NULL, "dimension_count is 16"},
    {"llama", "llama.rope.dimension_count", NUMBER, 64, NULL, "dimension_count is 64"},
    {"qwen2", "qwen2.rope.dimension_count", NUMBER, 15, NULL, "expected an even number"},
    {"llama", "llama.rope.freq_base", REAL, 0, NULL, "freq_base is 0"},
    {"llama", "llama.rope.freq_base", REAL, INFINITY, NULL, "freq_base is inf"},
    {"llama", "llama.rope.scaling.type", TEXT, 0, "longrope", "\"longrope\""},
    {"llama", "llama.rope.scaling.factor", REAL, NAN, NULL, "scaling.factor is nan"},
    {"llama", "llama.rope.scaling.factor", REAL, -2, NULL, "scaling.factor is -2"},
    {"llama", "llama.vocab_size", NUMBER, 98, NULL, "vocab_size is 98"},
    {"qwen2", "qwen2.expert_count", NUMBER, 4, NULL, "expert_count is 4"},
    {"qwen3moe", "qwen3moe.expert_count", NUMBER, 0, NULL, "expert_count is missing or zero"},
    {"qwen3moe", "qwen3moe.expert_used_count", NUMBER, 6, NULL, "expert_used_count is 6"},
    {"qwen3moe", "qwen3moe.expert_used_count", NUMBER, 0, NULL, "expert_used_count is 0"},
    {"llama", "token_embd.weight", TENSOR_REMOVED, 0, NULL, "token_embd.weight is missing"},
    {"llama", "blk.1.ffn_down.weight", TENSOR_REMOVED, 0, NULL, "blk.1.ffn_down.weight is missing"},
    {"qwen2", "blk.0.attn_k.bias", TENSOR_REMOVED, 0, NULL, "blk.0.attn_k.bias is missing"},
    {"qwen3", "blk.1.attn_q_norm.weight", TENSOR_REMOVED, 0, NULL, "attn_q_norm.weight is missing"},
    {"qwen3moe", "blk.0.ffn_up_exps.weight", TENSOR_RENAMED, 0, NULL,
     "ffn_up_exps.weight is missing"},
};

static void ok(rf_status status, const rf_error *error)
{
    if (status != RF_OK)
        fail_msg("%s", error->message);
}

static bool names(rf_string name, const char *text)
{
    return strlen(text) == name.length && memcmp(text, name.data, name.length) == 0;
}

static void write_changed(rf_gguf_writer *w, const defect *d, rf_error *error)
{
    if (d->change == NUMBER)
        ok(rf_gguf_write_u32(w, d->name, (uint32_t)d->value, error), error);
    else if (d->change == REAL)
        ok(rf_gguf_write_f32(w, d->name, (float)d->value, error), error);
    else if (d->change == TEXT)
        ok(rf_gguf_write_text(w, d->name, d->text, error), error);
}

/* The name under which a tensor is written; NULL: it is left out. */
static const char *tensor_name(const defect *d, rf_string name, char copy[65])
{
    memcpy(copy, name.data, name.length);
    copy[name.length] = '\0';
    if (!names(name, d->name))
        return copy;
    return d->change == TENSOR_REMOVED ? NULL : "blk.0.other.weight";
}

static void copy_tensors(rf_gguf_writer *w, const defect *d, const rf_gguf *gguf, rf_error *error)
{
    char name[65];
    for (size_t i = 0; i < rf_gguf_tensor_count(gguf); i++) {
        const rf_gguf_tensor *t = rf_gguf_tensor_at(gguf, i);
        const char *as = tensor_name(d, t->name, name);
        if (as)
            ok(rf_gguf_write_tensor(w, as, t->type, t->n_dimensions, t->shape, NULL, error), error);
    }
    for (size_t i = 0; i < rf_gguf_tensor_count(gguf); i++) {
        const rf_gguf_tensor *t = rf_gguf_tensor_at(gguf, i);
        if (!tensor_name(d, t->name, name))
            continue;
        void *bytes = malloc(t->bytes);
        ok(rf_file_read(rf_gguf_file(gguf, t->file), t->offset, bytes, t->bytes, error), error);
        ok(rf_gguf_write_data(w, bytes, t->bytes, error), error);
        free(bytes);
    }
}

/* Writes a copy of the model at path with a defect, to changed. */
static void write_defect(const char *path, const char *changed, const defect *d)
{
    rf_error error;
    rf_gguf *gguf = NULL;
    rf_gguf_writer *w = NULL;
    ok(rf_gguf_open(path, &gguf, &error), &error);
    ok(rf_gguf_writer_create(changed, 0, &w, &error), &error);
    for (size_t i = 0; i < rf_gguf_value_count(gguf); i++) {
        const rf_gguf_value *value = rf_gguf_value_at(gguf, i);
        if (!names(value->key, d->name))
            ok(rf_gguf_write_value(w, value, &error), &error);
    }
    write_changed(w, d, &error);
    copy_tensors(w, d, gguf, &error);
    ok(rf_gguf_writer_finish(w, &error), &error);
    rf_gguf_writer_free(w);
    rf_gguf_close(gguf);
}

static void every_defect_is_refused_by_name(void **state)
{
    (void)state;
    rf_runtime *runtime = NULL;
    rf_error error;
    ok(rf_runtime_open(CPU_RUNTIME, &runtime, &error), &error);
    for (size_t i = 0; i < sizeof(defects) / sizeof(defects[0]); i++) {
        const defect *d = &defects[i];
        char path[64];
        char changed[72];
        tiny_model m = tiny_model_default(d->architecture);
        rf_model *model = NULL;
        tiny_model_write(&m, path);
        snprintf(changed, sizeof(changed), "%s.bad", path);
        write_defect(path, changed, d);
        rf_status status = rf_model_load(runtime, changed, NULL, &model, &error);
        unlink(path);
        unlink(changed);
        if (status == RF_OK)
            fail_msg("%s: changed, and loaded", d->name);
        if (!strstr(error.message, d->expected))
            fail_msg("%s: expected '%s' in '%s'", d->name, d->expected, error.message);
        assert_null(model);
    }
    ok(rf_runtime_close(runtime, &error), &error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_defect_is_refused_by_name),
    };
    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
