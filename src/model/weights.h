/*
 * weights.h: the tensors of a model: found and checked in the file, planned, and brought to the
 * device.
 *
 * The three steps are separate so that a plan can be made, and refused, without a load; the load
 * then uses the plan's own placements.
 */
#ifndef RF_MODEL_WEIGHTS_H
#define RF_MODEL_WEIGHTS_H

#include "memory/staging.h"
#include "model/config.h"

/* One layer's tensors. An optional one that the file does not have has n_dimensions 0. */
typedef struct rf_layer_weights {
    rf_tensor attn_norm; /* f32 [n_embd] */
    rf_tensor q;         /* [n_embd, n_heads * head_size] */
    rf_tensor k;         /* [n_embd, n_kv_heads * head_size] */
    rf_tensor v;         /* [n_embd, n_kv_heads * head_size] */
    rf_tensor q_bias;    /* f32, as wide as q; so k_bias, v_bias */
    rf_tensor k_bias;
    rf_tensor v_bias;
    rf_tensor q_norm;           /* f32 [head_size] */
    rf_tensor k_norm;           /* f32 [head_size] */
    rf_tensor attn_output;      /* [n_heads * head_size, n_embd] */
    rf_tensor attn_output_bias; /* f32 [n_embd] */
    rf_tensor ffn_norm;         /* f32 [n_embd] */
    rf_tensor gate;             /* [n_embd, n_ff] */
    rf_tensor up;               /* [n_embd, n_ff] */
    rf_tensor down;             /* [n_ff, n_embd] */
    rf_tensor gate_bias;        /* f32 [n_ff] */
    rf_tensor up_bias;          /* f32 [n_ff] */
    rf_tensor down_bias;        /* f32 [n_embd] */
    rf_tensor router;           /* [n_embd, n_experts] */
    rf_tensor gate_experts;     /* [n_embd, n_ff_expert, n_experts] */
    rf_tensor up_experts;       /* [n_embd, n_ff_expert, n_experts] */
    rf_tensor down_experts;     /* [n_ff_expert, n_embd, n_experts] */
} rf_layer_weights;

/* The weights of some layers. What other layers have is empty. */
typedef struct rf_model_weights {
    rf_tensor token_embd;       /* [n_embd, n_vocab] */
    rf_tensor output_norm;      /* f32 [n_embd] */
    rf_tensor output;           /* [n_embd, n_vocab]; token_embd itself where the file ties them */
    rf_tensor rope_frequencies; /* f32 [n_rotary / 2] */
    float rope_magnitude;
    rf_layer_weights *layers; /* [n_layers] */
    /* What gives it all back. */
    rf_pool *pool;
    rf_block *blocks;
    uint32_t n_blocks;
} rf_model_weights;

/* A tensor of the file and the member that it is for. */
typedef struct rf_weight_binding {
    const rf_gguf_tensor *source;
    uint32_t layer;  /* RF_WEIGHT_GLOBAL: member is of rf_model_weights, not of a layer */
    uint32_t member; /* offset of the rf_tensor in the struct, bytes */
    uint32_t item;   /* in the plan, once planned */
} rf_weight_binding;

#define RF_WEIGHT_GLOBAL UINT32_MAX

/* All tensors that a model uses. Views into the gguf, which must outlive it. */
typedef struct rf_weight_list {
    rf_weight_binding *bindings;
    uint32_t count;
    uint32_t frequencies_item;          /* in the plan */
    const rf_gguf_tensor *rope_factors; /* NULL where the file has none */
} rf_weight_list;

/* Finds and checks every tensor. Errors: FORMAT (missing, wrong shape), UNSUPPORTED (type), each
 * with the tensor's name, what it has and what was expected. Free: rf_weight_list_free. */
rf_status rf_weights_bind(const rf_gguf *gguf, const rf_model_config *config, rf_weight_list *out,
                          rf_error *error);
/* Logs a warning where the file has tensors that the model does not use. */
void rf_weights_note_unused(const rf_gguf *gguf, const rf_weight_list *list);
/* What some layers need of a list: their own tensors, the token embedding with the first layer,
 * norm and output with the last, which are the token embedding where the file ties them. */
rf_status rf_weights_select(const rf_weight_list *list, const rf_model_config *config,
                            rf_layer_span layers, rf_weight_list *out, rf_error *error);
void rf_weight_list_free(rf_weight_list *list);

/* Adds them to a plan, as external items where in_place, otherwise as pool items, and with them the
 * buffers that loading takes. */
rf_status rf_weights_plan(rf_weight_list *list, const rf_gguf *gguf, const rf_model_config *config,
                          bool in_place, const rf_staging_config *staging, rf_plan *plan,
                          rf_error *error);

/* Whether this file's tensors can be used where they are mapped: their alignment must do for
 * kernels. */
bool rf_weights_can_map(const rf_gguf *gguf);

/* What the loader takes: the tensors of a list in the order of their files, each with the index of
 * its binding as id and the label that the plan has. Blocks and pools are left empty. *out is
 * list->count items: rf_free. */
rf_status rf_weights_in_file_order(const rf_weight_list *list, const rf_gguf *gguf,
                                   const rf_plan *plan, rf_staging_item **out, rf_error *error);

/*
 * Brings the weights to the device by the plan's placements: in_place, or as *staging says, whose
 * progress is called in both cases. *stats gets everything that is known of the load here: all but
 * the times of planning and of the whole. The gguf must outlive weights in place. On failure (also
 * CANCELLED) everything is given back.
 */
rf_status rf_weights_load(rf_memory *memory, const rf_gguf *gguf, const rf_model_config *config,
                          const rf_weight_list *list, const rf_plan *plan, bool in_place,
                          const rf_staging_config *staging, rf_model_weights **out,
                          rf_load_stats *stats, rf_error *error);
/* Takes half-loaded ones too. The status is the first of what giving back reported. */
rf_status rf_weights_free(rf_model_weights *weights, rf_error *error);

#endif
