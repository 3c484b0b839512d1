/* weights.c: which tensors a model has, and the check of each against the configuration. */
#include "model/weights.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

#include "base/log.h"
#include "base/memory.h"
#include "model/architecture.h"

/* GGUF's own limit on tensor names (GGML_MAX_NAME). */
#define NAME_BYTES 64

/* Dimensions by meaning; the configuration gives each its number. */
typedef enum dimension {
    EMBD,
    VOCAB,
    Q_WIDTH,
    KV_WIDTH,
    HEAD,
    FF,
    FF_EXPERT,
    EXPERTS,
    ROTARY
} dimension;

/* When a tensor has to be there. */
typedef enum need {
    ALWAYS,
    OPTIONAL,
    WITH_QKV_BIAS, /* required by some architectures, used by the others where present */
    WITH_QK_NORM,
    WITH_DENSE,
    DENSE_OPTIONAL,
    WITH_EXPERTS,
} need;

typedef struct spec {
    const char *name; /* behind "blk.N." for a layer's */
    uint32_t member;
    need need;
    bool vector; /* f32, added or multiplied element by element; otherwise any computable type */
    uint32_t n_dimensions;
    dimension shape[3];
} spec;

#define MATRIX(tensor_name, member_name, when, ...)                                                \
    {                                                                                              \
        tensor_name, offsetof(rf_layer_weights, member_name), when, false,                         \
            sizeof((dimension[]){__VA_ARGS__}) / sizeof(dimension),                                \
        {                                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#define VECTOR(tensor_name, member_name, when, width)                                              \
    {                                                                                              \
        tensor_name, offsetof(rf_layer_weights, member_name), when, true, 1,                       \
        {                                                                                          \
            width                                                                                  \
        }                                                                                          \
    }

static const spec layer_specs[] = {
    VECTOR("attn_norm.weight", attn_norm, ALWAYS, EMBD),
    MATRIX("attn_q.weight", q, ALWAYS, EMBD, Q_WIDTH),
    MATRIX("attn_k.weight", k, ALWAYS, EMBD, KV_WIDTH),
    MATRIX("attn_v.weight", v, ALWAYS, EMBD, KV_WIDTH),
    VECTOR("attn_q.bias", q_bias, WITH_QKV_BIAS, Q_WIDTH),
    VECTOR("attn_k.bias", k_bias, WITH_QKV_BIAS, KV_WIDTH),
    VECTOR("attn_v.bias", v_bias, WITH_QKV_BIAS, KV_WIDTH),
    VECTOR("attn_q_norm.weight", q_norm, WITH_QK_NORM, HEAD),
    VECTOR("attn_k_norm.weight", k_norm, WITH_QK_NORM, HEAD),
    MATRIX("attn_output.weight", attn_output, ALWAYS, Q_WIDTH, EMBD),
    VECTOR("attn_output.bias", attn_output_bias, OPTIONAL, EMBD),
    VECTOR("ffn_norm.weight", ffn_norm, ALWAYS, EMBD),
    MATRIX("ffn_gate.weight", gate, WITH_DENSE, EMBD, FF),
    MATRIX("ffn_up.weight", up, WITH_DENSE, EMBD, FF),
    MATRIX("ffn_down.weight", down, WITH_DENSE, FF, EMBD),
    VECTOR("ffn_gate.bias", gate_bias, DENSE_OPTIONAL, FF),
    VECTOR("ffn_up.bias", up_bias, DENSE_OPTIONAL, FF),
    VECTOR("ffn_down.bias", down_bias, DENSE_OPTIONAL, EMBD),
    MATRIX("ffn_gate_inp.weight", router, WITH_EXPERTS, EMBD, EXPERTS),
    MATRIX("ffn_gate_exps.weight", gate_experts, WITH_EXPERTS, EMBD, FF_EXPERT, EXPERTS),
    MATRIX("ffn_up_exps.weight", up_experts, WITH_EXPERTS, EMBD, FF_EXPERT, EXPERTS),
    MATRIX("ffn_down_exps.weight", down_experts, WITH_EXPERTS, FF_EXPERT, EMBD, EXPERTS),
};

#define N_LAYER_SPECS (sizeof(layer_specs) / sizeof(layer_specs[0]))

static const spec global_specs[] = {
    {"token_embd.weight", offsetof(rf_model_weights, token_embd), ALWAYS, false, 2, {EMBD, VOCAB}},
    {"output_norm.weight", offsetof(rf_model_weights, output_norm), ALWAYS, true, 1, {EMBD}},
    {"output.weight", offsetof(rf_model_weights, output), OPTIONAL, false, 2, {EMBD, VOCAB}},
};

#define N_GLOBAL_SPECS (sizeof(global_specs) / sizeof(global_specs[0]))

static const spec rope_factors_spec = {"rope_freqs.weight", 0, OPTIONAL, true, 1, {ROTARY}};

static uint64_t dimension_size(const rf_model_config *c, dimension d)
{
    switch (d) {
    case EMBD:
        return c->n_embd;
    case VOCAB:
        return c->n_vocab;
    case Q_WIDTH:
        return (uint64_t)c->n_heads * c->head_size;
    case KV_WIDTH:
        return (uint64_t)c->n_kv_heads * c->head_size;
    case HEAD:
        return c->head_size;
    case FF:
        return c->n_ff;
    case FF_EXPERT:
        return c->n_ff_expert;
    case EXPERTS:
        return c->n_experts;
    case ROTARY:
        return c->rope.n_rotary / 2;
    }
    return 0;
}

/* Whether a tensor is used where present, and whether it has to be. */
static bool is_used(const rf_model_config *c, need when, bool *required)
{
    uint32_t parts = c->architecture->parts;
    *required = false;
    switch (when) {
    case ALWAYS:
        return *required = true;
    case OPTIONAL:
        return true;
    case WITH_QKV_BIAS:
        *required = parts & RF_PART_QKV_BIAS;
        return true;
    case WITH_QK_NORM:
        return *required = parts & RF_PART_QK_NORM;
    case WITH_DENSE:
        return *required = c->n_experts == 0;
    case DENSE_OPTIONAL:
        return c->n_experts == 0;
    case WITH_EXPERTS:
        return *required = c->n_experts != 0;
    }
    return false;
}

static rf_status check_type(const spec *s, const rf_gguf_tensor *t, rf_error *error)
{
    const rf_type_info *info = rf_type_describe(t->type);
    if (s->vector && t->type != RF_TYPE_F32)
        return rf_error_set(error, RF_ERROR_UNSUPPORTED, "tensor %.*s: type %s, expected F32",
                            RF_STR_ARGS(t->name), info->name);
    if (!info->computable)
        return rf_error_set(error, RF_ERROR_UNSUPPORTED,
                            "tensor %.*s: weights of type %s are not supported",
                            RF_STR_ARGS(t->name), info->name);
    return RF_OK;
}

static rf_status check_tensor(const rf_model_config *c, const spec *s, const rf_gguf_tensor *t,
                              rf_error *error)
{
    uint64_t expected[RF_MAX_DIMENSIONS];
    bool equal = t->n_dimensions == s->n_dimensions;
    for (uint32_t i = 0; i < s->n_dimensions; i++) {
        expected[i] = dimension_size(c, s->shape[i]);
        equal = equal && t->shape[i] == expected[i];
    }
    char has[RF_SHAPE_TEXT_BYTES];
    char wants[RF_SHAPE_TEXT_BYTES];
    if (!equal)
        return rf_error_set(error, RF_ERROR_FORMAT, "tensor %.*s: shape %s, expected %s",
                            RF_STR_ARGS(t->name), rf_shape_text(t->n_dimensions, t->shape, has),
                            rf_shape_text(s->n_dimensions, expected, wants));
    return check_type(s, t, error);
}

/* Finds one tensor; *found stays NULL for an optional one that is absent. */
static rf_status find(const rf_gguf *gguf, const rf_model_config *c, const spec *s, uint32_t layer,
                      const rf_gguf_tensor **found, rf_error *error)
{
    bool required;
    *found = NULL;
    if (!is_used(c, s->need, &required))
        return RF_OK;
    char name[NAME_BYTES];
    if (layer == RF_WEIGHT_GLOBAL)
        snprintf(name, sizeof(name), "%s", s->name);
    else
        snprintf(name, sizeof(name), "blk.%u.%s", layer, s->name);
    const rf_gguf_tensor *tensor = rf_gguf_find_tensor(gguf, name);
    if (!tensor)
        return required ? rf_error_set(error, RF_ERROR_FORMAT, "tensor %s is missing", name)
                        : RF_OK;
    RF_TRY(check_tensor(c, s, tensor, error));
    *found = tensor;
    return RF_OK;
}

static rf_status bind(const rf_gguf *gguf, const rf_model_config *c, const spec *specs,
                      size_t n_specs, uint32_t layer, rf_weight_list *list, rf_error *error)
{
    for (size_t i = 0; i < n_specs; i++) {
        const rf_gguf_tensor *tensor;
        RF_TRY(find(gguf, c, &specs[i], layer, &tensor, error));
        if (tensor)
            list->bindings[list->count++] =
                (rf_weight_binding){.source = tensor, .layer = layer, .member = specs[i].member};
    }
    return RF_OK;
}

static rf_status bind_all(const rf_gguf *gguf, const rf_model_config *c, rf_weight_list *list,
                          rf_error *error)
{
    RF_TRY(bind(gguf, c, global_specs, N_GLOBAL_SPECS, RF_WEIGHT_GLOBAL, list, error));
    RF_TRY(find(gguf, c, &rope_factors_spec, RF_WEIGHT_GLOBAL, &list->rope_factors, error));
    for (uint32_t layer = 0; layer < c->n_layers; layer++)
        RF_TRY(bind(gguf, c, layer_specs, N_LAYER_SPECS, layer, list, error));
    return RF_OK;
}

void rf_weights_note_unused(const rf_gguf *gguf, const rf_weight_list *list)
{
    uint64_t used = (uint64_t)list->count + (list->rope_factors != NULL);
    if (used < rf_gguf_tensor_count(gguf))
        rf_log(RF_LOG_WARNING, "%" PRIu64 " of the file's %zu tensors are not used by this model",
               rf_gguf_tensor_count(gguf) - used, rf_gguf_tensor_count(gguf));
}

rf_status rf_weights_bind(const rf_gguf *gguf, const rf_model_config *config, rf_weight_list *out,
                          rf_error *error)
{
    /* At most 4096 layers of 22 tensors: no overflow. A file names each layer that it claims. */
    uint64_t most = N_GLOBAL_SPECS + (uint64_t)config->n_layers * N_LAYER_SPECS;
    rf_weight_list list = {.bindings = rf_calloc(most, sizeof(*list.bindings))};
    if (!list.bindings)
        return rf_error_host_memory(error, "the list of weights", most * sizeof(*list.bindings));
    rf_status status = bind_all(gguf, config, &list, error);
    if (status != RF_OK) {
        rf_weight_list_free(&list);
        return status;
    }
    *out = list;
    return RF_OK;
}

static bool is_global(const rf_weight_binding *b, size_t member)
{
    return b->layer == RF_WEIGHT_GLOBAL && b->member == member;
}

static bool has_output(const rf_weight_list *list)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (is_global(&list->bindings[i], offsetof(rf_model_weights, output)))
            return true;
    return false;
}

rf_status rf_weights_select(const rf_weight_list *list, const rf_model_config *config,
                            rf_layer_span layers, rf_weight_list *out, rf_error *error)
{
    rf_weight_list chosen = {.rope_factors = list->rope_factors};
    bool ends = rf_span_ends(layers, config);
    bool embeds = rf_span_begins(layers) || (ends && !has_output(list));
    chosen.bindings = rf_calloc(list->count, sizeof(*chosen.bindings));
    if (!chosen.bindings)
        return rf_error_host_memory(error, "the list of weights",
                                    list->count * sizeof(*chosen.bindings));
    for (uint32_t i = 0; i < list->count; i++) {
        const rf_weight_binding *b = &list->bindings[i];
        bool wanted = is_global(b, offsetof(rf_model_weights, token_embd)) ? embeds
                      : b->layer == RF_WEIGHT_GLOBAL                       ? ends
                                                     : b->layer - layers.first < layers.count;
        if (wanted)
            chosen.bindings[chosen.count++] = *b;
    }
    *out = chosen;
    return RF_OK;
}

void rf_weight_list_free(rf_weight_list *list)
{
    rf_free(list->bindings);
    *list = (rf_weight_list){0};
}
