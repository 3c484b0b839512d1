/*
 * synth_tensors.c: the list of a model's tensors. Names and shapes are those of the GGUF files that
 * published models of these architectures come in; weights.c has them from the reader's side, and
 * tests load what is written here.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/memory.h"
#include "model/architecture.h"
#include "model/synth.h"

/* Dimensions by meaning; the model gives each its number. */
typedef enum dimension {
    NOTHING, /* no further dimension */
    EMBD,
    VOCAB,
    Q_WIDTH,
    KV_WIDTH,
    HEAD,
    HALF_HEAD,
    FF,
    FF_EXPERT,
    EXPERTS,
} dimension;

/* Which models have a tensor. */
typedef enum condition {
    ALWAYS,
    IF_UNTIED,
    IF_ROPE_FACTOR,
    IF_QKV_BIAS,
    IF_QK_NORM,
    IF_DENSE,
    IF_EXPERTS,
} condition;

typedef struct spec {
    const char *name; /* behind "blk.N." for a layer's */
    condition when;
    rf_synth_fill fill;
    bool f32; /* whatever the quantisation */
    rf_synth_role role;
    dimension shape[3];
} spec;

#define MATRIX(name, when, role, ...)                                                              \
    {                                                                                              \
        name, when, RF_SYNTH_MATRIX, false, RF_SYNTH_##role,                                       \
        {                                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#define F32(name, when, fill, ...)                                                                 \
    {                                                                                              \
        name, when, RF_SYNTH_##fill, true, RF_SYNTH_OTHER,                                         \
        {                                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }

static const spec first_specs[] = {
    F32("rope_freqs.weight", IF_ROPE_FACTOR, ROPE, HALF_HEAD),
    MATRIX("token_embd.weight", ALWAYS, EMBEDDING, EMBD, VOCAB),
};

static const spec layer_specs[] = {
    F32("attn_norm.weight", ALWAYS, NORM, EMBD),
    MATRIX("attn_q.weight", ALWAYS, OTHER, EMBD, Q_WIDTH),
    F32("attn_q.bias", IF_QKV_BIAS, BIAS, Q_WIDTH),
    F32("attn_q_norm.weight", IF_QK_NORM, NORM, HEAD),
    MATRIX("attn_k.weight", ALWAYS, K, EMBD, KV_WIDTH),
    F32("attn_k.bias", IF_QKV_BIAS, BIAS, KV_WIDTH),
    F32("attn_k_norm.weight", IF_QK_NORM, NORM, HEAD),
    MATRIX("attn_v.weight", ALWAYS, V, EMBD, KV_WIDTH),
    F32("attn_v.bias", IF_QKV_BIAS, BIAS, KV_WIDTH),
    MATRIX("attn_output.weight", ALWAYS, ATTENTION_OUTPUT, Q_WIDTH, EMBD),
    F32("ffn_norm.weight", ALWAYS, NORM, EMBD),
    MATRIX("ffn_gate.weight", IF_DENSE, OTHER, EMBD, FF),
    MATRIX("ffn_up.weight", IF_DENSE, OTHER, EMBD, FF),
    MATRIX("ffn_down.weight", IF_DENSE, DOWN, FF, EMBD),
    F32("ffn_gate_inp.weight", IF_EXPERTS, MATRIX, EMBD, EXPERTS),
    MATRIX("ffn_gate_exps.weight", IF_EXPERTS, OTHER_EXPERTS, EMBD, FF_EXPERT, EXPERTS),
    MATRIX("ffn_up_exps.weight", IF_EXPERTS, OTHER_EXPERTS, EMBD, FF_EXPERT, EXPERTS),
    MATRIX("ffn_down_exps.weight", IF_EXPERTS, DOWN_EXPERTS, FF_EXPERT, EMBD, EXPERTS),
};

static const spec last_specs[] = {
    F32("output_norm.weight", ALWAYS, NORM, EMBD),
    MATRIX("output.weight", IF_UNTIED, OUTPUT, EMBD, VOCAB),
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* No layer. */
#define GLOBAL UINT32_MAX

/* What a list is made from. */
typedef struct recipe {
    const rf_synth_model *model;
    const rf_synth_quant *quant;
    uint32_t parts; /* rf_model_parts of the architecture */
    bool pure;
} recipe;

static uint64_t dimension_size(const rf_synth_model *m, dimension d)
{
    switch (d) {
    case NOTHING:
        return 1;
    case EMBD:
        return m->n_embd;
    case VOCAB:
        return m->n_vocab;
    case Q_WIDTH:
        return (uint64_t)m->n_heads * m->head_size;
    case KV_WIDTH:
        return (uint64_t)m->n_kv_heads * m->head_size;
    case HEAD:
        return m->head_size;
    case HALF_HEAD:
        return m->head_size / 2;
    case FF:
        return m->n_ff;
    case FF_EXPERT:
        return m->n_ff_expert;
    case EXPERTS:
        return m->n_experts;
    }
    return 0;
}

static bool applies(const recipe *r, condition when)
{
    switch (when) {
    case ALWAYS:
        return true;
    case IF_UNTIED:
        return !r->model->tied;
    case IF_ROPE_FACTOR:
        return r->model->rope_factor != 0;
    case IF_QKV_BIAS:
        return r->parts & RF_PART_QKV_BIAS;
    case IF_QK_NORM:
        return r->parts & RF_PART_QK_NORM;
    case IF_DENSE:
        return r->model->n_experts == 0;
    case IF_EXPERTS:
        return r->model->n_experts != 0;
    }
    return false;
}

static rf_status measure(rf_synth_tensor *t, rf_error *error)
{
    const rf_type_info *info = rf_type_describe((uint32_t)t->type);
    uint64_t rows;
    if (!rf_mul(t->shape[1], t->shape[2], &rows) || !rf_mul(rows, t->shape[0], &t->n_elements) ||
        !rf_mul(t->n_elements / info->block_elements, info->block_bytes, &t->bytes))
        return rf_error_set(error, RF_ERROR_OVERFLOW, "tensor %s: its bytes exceed 2^64", t->name);
    return RF_OK;
}

static rf_status count(rf_synth_summary *s, const rf_synth_tensor *t, rf_error *error)
{
    if (!rf_add(s->tensor_bytes, t->bytes, &s->tensor_bytes) ||
        !rf_add(s->n_parameters, t->fill == RF_SYNTH_ROPE ? 0 : t->n_elements, &s->n_parameters))
        return rf_error_set(error, RF_ERROR_OVERFLOW, "the bytes of all tensors exceed 2^64");
    s->n_tensors++;
    if (t->bytes > s->largest_tensor)
        s->largest_tensor = t->bytes;
    return RF_OK;
}

static rf_status add(const recipe *r, const spec *s, uint32_t layer, rf_synth_list *list,
                     rf_error *error)
{
    rf_synth_tensor *t = &list->tensors[list->count];
    *t = (rf_synth_tensor){.fill = s->fill};
    /* The longest name, "blk.4095.ffn_gate_exps.weight", fits. */
    if (layer == GLOBAL)
        snprintf(t->name, sizeof(t->name), "%s", s->name);
    else
        snprintf(t->name, sizeof(t->name), "blk.%" PRIu32 ".%s", layer, s->name);
    for (uint32_t i = 0; i < 3; i++) {
        t->shape[i] = dimension_size(r->model, s->shape[i]);
        t->n_dimensions += s->shape[i] != NOTHING;
    }
    t->type = s->f32 ? RF_TYPE_F32
                     : rf_synth_type(r->quant, r->model, r->pure, s->role, layer, t->shape[0]);
    RF_TRY(measure(t, error));
    RF_TRY(count(&list->summary, t, error));
    list->count++;
    return RF_OK;
}

static rf_status add_all(const recipe *r, const spec *specs, size_t n_specs, uint32_t layer,
                         rf_synth_list *list, rf_error *error)
{
    for (size_t i = 0; i < n_specs; i++) {
        if (applies(r, specs[i].when))
            RF_TRY(add(r, &specs[i], layer, list, error));
    }
    return RF_OK;
}

static rf_status fill(const recipe *r, rf_synth_list *list, rf_error *error)
{
    RF_TRY(add_all(r, first_specs, COUNT(first_specs), GLOBAL, list, error));
    for (uint32_t layer = 0; layer < r->model->n_layers; layer++)
        RF_TRY(add_all(r, layer_specs, COUNT(layer_specs), layer, list, error));
    return add_all(r, last_specs, COUNT(last_specs), GLOBAL, list, error);
}

rf_status rf_synth_list_make(const rf_synth_model *model, const rf_synth_quant *quant, bool pure,
                             rf_synth_list *out, rf_error *error)
{
    rf_string name = {model->architecture, strlen(model->architecture)};
    const rf_architecture *architecture = rf_architecture_find(name);
    if (!architecture)
        return rf_error_set(error, RF_ERROR_INTERNAL, "shape %s: no architecture '%s'", model->name,
                            model->architecture);
    recipe r = {model, quant, architecture->parts, pure};
    /* At most RF_MODEL_MAX_LAYERS layers: no overflow. */
    size_t most = COUNT(first_specs) + model->n_layers * COUNT(layer_specs) + COUNT(last_specs);
    rf_synth_list list = {.tensors = rf_calloc(most, sizeof(*list.tensors))};
    if (!list.tensors)
        return rf_error_host_memory(error, "the list of tensors", most * sizeof(*list.tensors));
    rf_status status = fill(&r, &list, error);
    if (status != RF_OK) {
        rf_synth_list_free(&list);
        return status;
    }
    *out = list;
    return RF_OK;
}

void rf_synth_list_free(rf_synth_list *list)
{
    rf_free(list->tensors);
    *list = (rf_synth_list){0};
}
