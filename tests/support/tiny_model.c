/* tiny_model.c: writing small random models. */
#include "support/tiny_model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gguf/writer.h"
#include "support/cmocka.h"
#include "tensor/quantise.h"

tiny_model tiny_model_default(const char *architecture)
{
    bool experts = strcmp(architecture, "qwen3moe") == 0;
    return (tiny_model){.architecture = architecture,
                        .n_layers = 2,
                        .n_embd = 96,
                        .n_heads = 6,
                        .n_kv_heads = 2,
                        .head_size = 32,
                        .n_rotary = 32,
                        .n_ff = 160,
                        .n_vocab = 97,
                        .n_context = 128,
                        .n_experts = experts ? 5 : 0,
                        .n_experts_used = experts ? 2 : 0,
                        .type = RF_TYPE_F32,
                        .biases = strcmp(architecture, "qwen2") == 0,
                        .factor = 4.0F,
                        .original_context = 64,
                        .seed = 1};
}

/* A file being written: the table first, then the same tensors again for their data. */
typedef struct out {
    rf_gguf_writer *writer;
    const tiny_model *model;
    uint64_t random;
    bool data; /* second round */
} out;

static void ok(rf_status status, const rf_error *error)
{
    if (status != RF_OK)
        fail_msg("%s", error->message);
}

/* Roughly normal, variance 1: a sum of uniform numbers. */
static float next_normal(out *o)
{
    float sum = 0;
    for (int i = 0; i < 4; i++) {
        o->random = o->random * 6364136223846793005U + 1442695040888963407U;
        sum += (float)(o->random >> 40) / (float)(1U << 24) - 0.5F;
    }
    return sum * 1.7320508F;
}

/* A tensor of normal numbers around mean; rows (all but shape[0]) are quantised one by one. */
static void tensor(out *o, const char *name, rf_type type, uint32_t n_dimensions,
                   const uint64_t *shape, float mean, float scale)
{
    rf_error error;
    uint64_t bytes;
    uint64_t rows = (n_dimensions > 1 ? shape[1] : 1) * (n_dimensions > 2 ? shape[2] : 1);
    if (!o->data) {
        ok(rf_gguf_write_tensor(o->writer, name, type, n_dimensions, shape, &bytes, &error),
           &error);
        return;
    }
    const rf_type_info *info = rf_type_describe(type);
    uint64_t row_bytes = shape[0] / info->block_elements * info->block_bytes;
    float *values = malloc(shape[0] * sizeof(float));
    void *row = malloc(row_bytes);
    for (uint64_t r = 0; r < rows; r++) {
        for (uint64_t i = 0; i < shape[0]; i++)
            values[i] = mean + scale * next_normal(o);
        ok(rf_quantise_row(type, values, row, shape[0], &error), &error);
        ok(rf_gguf_write_data(o->writer, row, row_bytes, &error), &error);
    }
    free(values);
    free(row);
}

static void matrix(out *o, const char *name, uint64_t k, uint64_t m)
{
    tensor(o, name, o->model->type, 2, (uint64_t[]){k, m}, 0, 1.0F / sqrtf((float)k));
}

static void vector(out *o, const char *name, uint64_t n, float mean, float scale)
{
    tensor(o, name, RF_TYPE_F32, 1, &n, mean, scale);
}

static const char *block_name(char name[64], uint32_t layer, const char *part)
{
    snprintf(name, 64, "blk.%u.%s", layer, part);
    return name;
}

static void attention(out *o, uint32_t layer)
{
    const tiny_model *m = o->model;
    char name[64];
    uint64_t q = (uint64_t)m->n_heads * m->head_size;
    uint64_t kv = (uint64_t)m->n_kv_heads * m->head_size;
    vector(o, block_name(name, layer, "attn_norm.weight"), m->n_embd, 1, 0.2F);
    matrix(o, block_name(name, layer, "attn_q.weight"), m->n_embd, q);
    matrix(o, block_name(name, layer, "attn_k.weight"), m->n_embd, kv);
    matrix(o, block_name(name, layer, "attn_v.weight"), m->n_embd, kv);
    matrix(o, block_name(name, layer, "attn_output.weight"), q, m->n_embd);
    if (m->biases) {
        vector(o, block_name(name, layer, "attn_q.bias"), q, 0, 0.3F);
        vector(o, block_name(name, layer, "attn_k.bias"), kv, 0, 0.3F);
        vector(o, block_name(name, layer, "attn_v.bias"), kv, 0, 0.3F);
        vector(o, block_name(name, layer, "attn_output.bias"), m->n_embd, 0, 0.3F);
    }
    if (strncmp(m->architecture, "qwen3", 5) == 0) {
        vector(o, block_name(name, layer, "attn_q_norm.weight"), m->head_size, 1, 0.2F);
        vector(o, block_name(name, layer, "attn_k_norm.weight"), m->head_size, 1, 0.2F);
    }
}

static void feed_forward(out *o, uint32_t layer)
{
    const tiny_model *m = o->model;
    char name[64];
    vector(o, block_name(name, layer, "ffn_norm.weight"), m->n_embd, 1, 0.2F);
    if (m->n_experts == 0) {
        matrix(o, block_name(name, layer, "ffn_gate.weight"), m->n_embd, m->n_ff);
        matrix(o, block_name(name, layer, "ffn_up.weight"), m->n_embd, m->n_ff);
        matrix(o, block_name(name, layer, "ffn_down.weight"), m->n_ff, m->n_embd);
        return;
    }
    float in = 1.0F / sqrtf((float)m->n_embd);
    tensor(o, block_name(name, layer, "ffn_gate_inp.weight"), RF_TYPE_F32, 2,
           (uint64_t[]){m->n_embd, m->n_experts}, 0, in);
    uint64_t wide[] = {m->n_embd, m->n_ff, m->n_experts};
    uint64_t narrow[] = {m->n_ff, m->n_embd, m->n_experts};
    tensor(o, block_name(name, layer, "ffn_gate_exps.weight"), m->type, 3, wide, 0, in);
    tensor(o, block_name(name, layer, "ffn_up_exps.weight"), m->type, 3, wide, 0, in);
    tensor(o, block_name(name, layer, "ffn_down_exps.weight"), m->type, 3, narrow, 0,
           1.0F / sqrtf((float)m->n_ff));
}

static void all_tensors(out *o)
{
    const tiny_model *m = o->model;
    o->random = m->seed * 2654435761U + 99;
    matrix(o, "token_embd.weight", m->n_embd, m->n_vocab);
    vector(o, "output_norm.weight", m->n_embd, 1, 0.2F);
    if (!m->tied)
        matrix(o, "output.weight", m->n_embd, m->n_vocab);
    if (m->rope_factors)
        vector(o, "rope_freqs.weight", m->n_rotary / 2, 3, 0.5F);
    for (uint32_t layer = 0; layer < m->n_layers; layer++) {
        attention(o, layer);
        feed_forward(o, layer);
    }
}

static void number(out *o, const char *key, uint32_t value)
{
    rf_error error;
    char full[128];
    snprintf(full, sizeof(full), "%s.%s", o->model->architecture, key);
    ok(rf_gguf_write_u32(o->writer, full, value, &error), &error);
}

static void real(out *o, const char *key, float value)
{
    rf_error error;
    char full[128];
    snprintf(full, sizeof(full), "%s.%s", o->model->architecture, key);
    ok(rf_gguf_write_f32(o->writer, full, value, &error), &error);
}

static void metadata(out *o)
{
    const tiny_model *m = o->model;
    rf_error error;
    char key[128];
    ok(rf_gguf_write_text(o->writer, "general.architecture", m->architecture, &error), &error);
    ok(rf_gguf_write_text(o->writer, "general.name", "tiny", &error), &error);
    number(o, "block_count", m->n_layers);
    number(o, "context_length", m->n_context);
    number(o, "embedding_length", m->n_embd);
    number(o, "feed_forward_length", m->n_ff);
    number(o, "attention.head_count", m->n_heads);
    number(o, "attention.head_count_kv", m->n_kv_heads);
    number(o, "attention.key_length", m->head_size);
    number(o, "attention.value_length", m->head_size);
    number(o, "rope.dimension_count", m->n_rotary);
    real(o, "rope.freq_base", 10000.0F);
    real(o, "attention.layer_norm_rms_epsilon", 1e-5F);
    if (m->n_experts) {
        number(o, "expert_count", m->n_experts);
        number(o, "expert_used_count", m->n_experts_used);
        number(o, "expert_feed_forward_length", m->n_ff);
    }
    if (m->scaling) {
        snprintf(key, sizeof(key), "%s.rope.scaling.type", m->architecture);
        ok(rf_gguf_write_text(o->writer, key, m->scaling, &error), &error);
        real(o, "rope.scaling.factor", m->factor);
        number(o, "rope.scaling.original_context_length", m->original_context);
    }
}

void tiny_model_write(const tiny_model *model, char *path)
{
    rf_error error;
    strcpy(path, "/tmp/rocmforge-tiny-XXXXXX");
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    close(descriptor);
    out o = {.model = model};
    ok(rf_gguf_writer_create(path, 0, &o.writer, &error), &error);
    metadata(&o);
    all_tensors(&o);
    o.data = true;
    all_tensors(&o);
    ok(rf_gguf_writer_finish(o.writer, &error), &error);
    rf_gguf_writer_free(o.writer);
}
