/*
 * config.h: a model's hyperparameters, read from metadata and checked before anything is sized by
 * them. Key names are those of the GGUF specification, "ARCH.attention.head_count" and so on.
 */
#ifndef RF_MODEL_CONFIG_H
#define RF_MODEL_CONFIG_H

#include "gguf/gguf.h"
#include "kernels/kernels.h"

/* Far above any model that exists, and low enough that products of two fit 64 bits with room to
 * spare and that a small file cannot ask for a large table. */
#define RF_MODEL_MAX_LAYERS     4096
#define RF_MODEL_MAX_EXPERTS    4096
#define RF_MODEL_MAX_WIDTH      (1U << 22) /* embedding, feed-forward, heads x head size */
#define RF_MODEL_MAX_VOCABULARY (1U << 24) /* token ids */
#define RF_MODEL_MAX_CONTEXT    (1U << 30) /* tokens */

/* What a kind of model is made of; each has one file in src/model/architectures. */
typedef struct rf_architecture rf_architecture;

typedef enum rf_rope_scaling {
    RF_ROPE_SCALING_NONE,
    RF_ROPE_SCALING_LINEAR,
    RF_ROPE_SCALING_YARN,
} rf_rope_scaling;

typedef struct rf_model_config {
    const rf_architecture *architecture;
    uint32_t n_layers;
    uint32_t n_embd;
    uint32_t n_heads;
    uint32_t n_kv_heads; /* divides n_heads */
    uint32_t head_size;
    uint32_t n_ff;      /* of a dense layer; 0 where all are experts */
    uint32_t n_experts; /* 0: dense */
    uint32_t n_experts_used;
    uint32_t n_ff_expert; /* of one expert */
    uint32_t n_vocab;
    uint32_t n_context_trained;
    float norm_epsilon;
    struct {
        uint32_t n_rotary; /* even, at most head_size */
        float base;
        rf_rope_scaling scaling;
        float factor;           /* how many times longer than trained; 1 without scaling */
        float attention_factor; /* multiplies YaRN's magnitude */
        float extrapolation;    /* YaRN's mix of the two frequencies, 0 to 1 */
        float beta_fast;        /* rotations above which a frequency is left alone */
        float beta_slow;        /* rotations below which it is interpolated */
        uint32_t original_context;
    } rope;
} rf_model_config;

/* Some of a model's layers, one after the other. Who has the first has the token embedding, who has
 * the last the output. */
typedef struct rf_layer_span {
    uint32_t first;
    uint32_t count; /* at least 1 */
} rf_layer_span;

static inline bool rf_span_begins(rf_layer_span span)
{
    return span.first == 0;
}

static inline bool rf_span_ends(rf_layer_span span, const rf_model_config *config)
{
    return span.first + span.count == config->n_layers;
}

/*
 * Reads the configuration of a file. Errors: UNSUPPORTED (architecture, scaling, by name), FORMAT
 * (the key, its value, what it may be).
 */
rf_status rf_model_config_read(const rf_gguf *gguf, rf_model_config *out, rf_error *error);

#endif
