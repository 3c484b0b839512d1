/* config.c: reading hyperparameters, each checked where it is read. */
#include "model/config.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "model/architecture.h"

#define KEY_BYTES 160

/* One read in progress: the file, the architecture's prefix, and where errors go. */
typedef struct reader {
    const rf_gguf *gguf;
    const rf_architecture *architecture;
    rf_error *error;
} reader;

static const char *full_key(const reader *r, const char *name, char key[KEY_BYTES])
{
    /* Architecture names come from our own table and names from this file: they fit. */
    snprintf(key, KEY_BYTES, "%s.%s", r->architecture->name, name);
    return key;
}

/* An integer of [least, most]; an absent one is the fallback, or an error where there is none (0).
 */
static rf_status read_count(const reader *r, const char *name, uint32_t fallback, uint32_t least,
                            uint32_t most, uint32_t *out)
{
    char key[KEY_BYTES];
    uint32_t value;
    full_key(r, name, key);
    if (fallback == 0)
        RF_TRY(rf_gguf_require_u32(r->gguf, key, &value, r->error));
    else
        RF_TRY(rf_gguf_get_u32(r->gguf, key, fallback, &value, r->error));
    if (value < least || value > most)
        return rf_error_set(r->error, RF_ERROR_FORMAT, "%s is %u, expected %u to %u", key, value,
                            least, most);
    *out = value;
    return RF_OK;
}

/* A float of [least, most]; NaN is in no range. */
static rf_status read_real(const reader *r, const char *name, float fallback, float least,
                           float most, float *out)
{
    char key[KEY_BYTES];
    float value;
    full_key(r, name, key);
    RF_TRY(rf_gguf_get_f32(r->gguf, key, fallback, &value, r->error));
    if (!(value >= least && value <= most))
        return rf_error_set(r->error, RF_ERROR_FORMAT, "%s is %g, expected %g to %g", key,
                            (double)value, (double)least, (double)most);
    *out = value;
    return RF_OK;
}

static rf_status read_heads(const reader *r, rf_model_config *c)
{
    RF_TRY(read_count(r, "attention.head_count", 0, 1, RF_MODEL_MAX_WIDTH, &c->n_heads));
    RF_TRY(read_count(r, "attention.head_count_kv", c->n_heads, 1, c->n_heads, &c->n_kv_heads));
    if (c->n_heads % c->n_kv_heads != 0)
        return rf_error_set(r->error, RF_ERROR_FORMAT,
                            "%s.attention.head_count is %u, not a multiple of head_count_kv %u",
                            r->architecture->name, c->n_heads, c->n_kv_heads);
    char key[KEY_BYTES];
    bool explicit_size = rf_gguf_find(r->gguf, full_key(r, "attention.key_length", key)) != NULL;
    if (!explicit_size && c->n_embd % c->n_heads != 0)
        return rf_error_set(r->error, RF_ERROR_FORMAT,
                            "%s.embedding_length is %u, not a multiple of head_count %u",
                            r->architecture->name, c->n_embd, c->n_heads);
    uint32_t derived = explicit_size ? 0 : c->n_embd / c->n_heads;
    RF_TRY(read_count(r, "attention.key_length", derived, 1, RF_MAX_HEAD_SIZE, &c->head_size));
    uint32_t value_length;
    RF_TRY(
        read_count(r, "attention.value_length", c->head_size, 1, RF_MAX_HEAD_SIZE, &value_length));
    if (value_length != c->head_size)
        return rf_error_set(r->error, RF_ERROR_UNSUPPORTED,
                            "%s.attention.value_length %u differs from key_length %u",
                            r->architecture->name, value_length, c->head_size);
    if ((uint64_t)c->n_heads * c->head_size > RF_MODEL_MAX_WIDTH)
        return rf_error_set(r->error, RF_ERROR_FORMAT,
                            "%s: %u heads of %u elements are wider than %u", r->architecture->name,
                            c->n_heads, c->head_size, RF_MODEL_MAX_WIDTH);
    return RF_OK;
}

static rf_status read_experts(const reader *r, rf_model_config *c)
{
    char key[KEY_BYTES];
    RF_TRY(rf_gguf_get_u32(r->gguf, full_key(r, "expert_count", key), 0, &c->n_experts, r->error));
    bool may_have = r->architecture->parts & RF_PART_EXPERTS;
    bool may_be_dense = r->architecture->parts & RF_PART_DENSE;
    if (c->n_experts > (may_have ? RF_MODEL_MAX_EXPERTS : 0))
        return rf_error_set(r->error, may_have ? RF_ERROR_FORMAT : RF_ERROR_UNSUPPORTED,
                            "%s is %u, expected at most %d", key, c->n_experts,
                            may_have ? RF_MODEL_MAX_EXPERTS : 0);
    if (c->n_experts == 0) {
        if (!may_be_dense)
            return rf_error_set(r->error, RF_ERROR_FORMAT, "%s is missing or zero", key);
        return read_count(r, "feed_forward_length", 0, 1, RF_MODEL_MAX_WIDTH, &c->n_ff);
    }
    RF_TRY(read_count(r, "expert_used_count", 0, 1, c->n_experts, &c->n_experts_used));
    /* Mixtral's files give the experts' width as feed_forward_length alone. */
    uint32_t n_ff;
    RF_TRY(rf_gguf_get_u32(r->gguf, full_key(r, "feed_forward_length", key), 0, &n_ff, r->error));
    return read_count(r, "expert_feed_forward_length", n_ff, 1, RF_MODEL_MAX_WIDTH,
                      &c->n_ff_expert);
}

static rf_status read_rope_scaling(const reader *r, rf_model_config *c)
{
    char key[KEY_BYTES];
    rf_string type;
    static const rf_string linear = {"linear", 6};
    full_key(r, "rope.scaling.type", key);
    RF_TRY(rf_gguf_get_string(r->gguf, key, linear, &type, r->error));
    if (type.length == 4 && memcmp(type.data, "none", 4) == 0)
        c->rope.scaling = RF_ROPE_SCALING_NONE;
    else if (type.length == 6 && memcmp(type.data, "linear", 6) == 0)
        c->rope.scaling = RF_ROPE_SCALING_LINEAR;
    else if (type.length == 4 && memcmp(type.data, "yarn", 4) == 0)
        c->rope.scaling = RF_ROPE_SCALING_YARN;
    else
        return rf_error_set(r->error, RF_ERROR_UNSUPPORTED,
                            "%s is \"%.*s\", supported are none, linear and yarn", key,
                            RF_STR_ARGS(type));
    /* A factor of 0 means none, as does an absent one; scale_linear is the key's older name. */
    float older;
    RF_TRY(read_real(r, "rope.scale_linear", 1.0F, 0.0F, 1e6F, &older));
    RF_TRY(read_real(r, "rope.scaling.factor", older, 0.0F, 1e6F, &c->rope.factor));
    if (c->rope.factor == 0.0F || c->rope.scaling == RF_ROPE_SCALING_NONE)
        c->rope.factor = 1.0F;
    if (c->rope.factor < 1e-3F) /* contexts shorter by so much are none, and frequencies overflow */
        return rf_error_set(r->error, RF_ERROR_FORMAT,
                            "%s.rope.scaling.factor is %g, expected 0, or 0.001 to 1e+06",
                            r->architecture->name, (double)c->rope.factor);
    RF_TRY(read_real(r, "rope.scaling.attn_factor", 1.0F, 1e-6F, 1e6F, &c->rope.attention_factor));
    RF_TRY(read_real(r, "rope.scaling.yarn_ext_factor", 1.0F, 0.0F, 1.0F, &c->rope.extrapolation));
    RF_TRY(read_real(r, "rope.scaling.yarn_beta_fast", 32.0F, 1e-3F, 1e6F, &c->rope.beta_fast));
    RF_TRY(read_real(r, "rope.scaling.yarn_beta_slow", 1.0F, 1e-3F, 1e6F, &c->rope.beta_slow));
    return read_count(r, "rope.scaling.original_context_length", c->n_context_trained, 1,
                      RF_MODEL_MAX_CONTEXT, &c->rope.original_context);
}

static rf_status read_rope(const reader *r, rf_model_config *c)
{
    uint32_t least = r->architecture->parts & RF_PART_WHOLE_ROTARY ? c->head_size : 1;
    RF_TRY(read_count(r, "rope.dimension_count", c->head_size, least, c->head_size,
                      &c->rope.n_rotary));
    if (c->rope.n_rotary % 2 != 0)
        return rf_error_set(r->error, RF_ERROR_FORMAT,
                            "%s.rope.dimension_count is %u, expected an even number",
                            r->architecture->name, c->rope.n_rotary);
    /* Below 1 frequencies would grow with the dimension; at 1 YaRN's logarithm of it divides by 0.
     */
    RF_TRY(read_real(r, "rope.freq_base", 10000.0F, 1.001F, 1e15F, &c->rope.base));
    return read_rope_scaling(r, c);
}

/* The vocabulary's size: the embedding's rows; a key and the tokens must not disagree. */
static rf_status read_vocabulary(const reader *r, rf_model_config *c)
{
    const rf_gguf_tensor *embedding = rf_gguf_find_tensor(r->gguf, "token_embd.weight");
    if (!embedding)
        return rf_error_set(r->error, RF_ERROR_FORMAT, "tensor token_embd.weight is missing");
    if (embedding->n_dimensions != 2 || embedding->shape[1] > RF_MODEL_MAX_VOCABULARY)
        return rf_error_set(r->error, RF_ERROR_FORMAT,
                            "tensor token_embd.weight: %u dimensions, %" PRIu64
                            " rows; expected 2 and at most %u",
                            embedding->n_dimensions, embedding->shape[1], RF_MODEL_MAX_VOCABULARY);
    c->n_vocab = (uint32_t)embedding->shape[1];
    uint32_t stated;
    RF_TRY(read_count(r, "vocab_size", c->n_vocab, 1, RF_MODEL_MAX_VOCABULARY, &stated));
    if (stated != c->n_vocab)
        return rf_error_set(r->error, RF_ERROR_FORMAT,
                            "%s.vocab_size is %u, tensor token_embd.weight has %u rows",
                            r->architecture->name, stated, c->n_vocab);
    const rf_gguf_value *tokens = rf_gguf_find(r->gguf, "tokenizer.ggml.tokens");
    if (tokens && tokens->type == RF_GGUF_ARRAY && tokens->array.count != c->n_vocab)
        return rf_error_set(r->error, RF_ERROR_FORMAT,
                            "tokenizer.ggml.tokens has %" PRIu64
                            " entries, tensor token_embd.weight %u rows",
                            tokens->array.count, c->n_vocab);
    return RF_OK; /* that it is an array of texts is for the tokenizer to see */
}

/* Keys that nothing here computes with still have to be what the specification says they are: a
 * file that has them wrong is damaged, or made by a program that got more wrong than that. */
static rf_status check_general(const rf_gguf *gguf, rf_error *error)
{
    static const char *const strings[] = {"general.name", "general.type",
                                          "tokenizer.chat_template"};
    static const char *const numbers[] = {"general.file_type", "general.quantization_version"};
    rf_string text;
    uint32_t number;
    for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
        RF_TRY(rf_gguf_get_string(gguf, strings[i], (rf_string){NULL, 0}, &text, error));
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        RF_TRY(rf_gguf_get_u32(gguf, numbers[i], 0, &number, error));
    return RF_OK;
}

rf_status rf_model_config_read(const rf_gguf *gguf, rf_model_config *out, rf_error *error)
{
    rf_string name;
    RF_TRY(rf_gguf_require_string(gguf, "general.architecture", &name, error));
    reader r = {gguf, rf_architecture_find(name), error};
    if (!r.architecture)
        return rf_error_set(error, RF_ERROR_UNSUPPORTED,
                            "general.architecture is \"%.*s\", supported are %s", RF_STR_ARGS(name),
                            rf_architecture_names());
    RF_TRY(check_general(gguf, error));
    rf_model_config c = {.architecture = r.architecture};
    RF_TRY(read_count(&r, "block_count", 0, 1, RF_MODEL_MAX_LAYERS, &c.n_layers));
    RF_TRY(read_count(&r, "context_length", 0, 1, RF_MODEL_MAX_CONTEXT, &c.n_context_trained));
    RF_TRY(read_count(&r, "embedding_length", 0, 1, RF_MODEL_MAX_WIDTH, &c.n_embd));
    RF_TRY(read_heads(&r, &c));
    RF_TRY(read_experts(&r, &c));
    RF_TRY(read_rope(&r, &c));
    char key[KEY_BYTES];
    full_key(&r, "attention.layer_norm_rms_epsilon", key);
    if (!rf_gguf_find(gguf, key))
        return rf_error_set(error, RF_ERROR_FORMAT, "%s is missing", key);
    RF_TRY(read_real(&r, "attention.layer_norm_rms_epsilon", 0.0F, 0.0F, 1.0F, &c.norm_epsilon));
    RF_TRY(read_vocabulary(&r, &c));
    *out = c;
    return RF_OK;
}
