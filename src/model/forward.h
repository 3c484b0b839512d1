/*
 * forward.h: one pass of a batch through a model. An architecture's file says which blocks a layer
 * is made of; blocks.c says what each block computes; kernels compute it.
 */
#ifndef RF_MODEL_FORWARD_H
#define RF_MODEL_FORWARD_H

#include "kvcache/kvcache.h"
#include "model/config.h"
#include "model/weights.h"

/* Where the activations of a pass live: one planned block each, reused by every layer. */
typedef struct rf_activations {
    rf_address x;      /* f32 [n_batch][n_embd]: the residual stream */
    rf_address normed; /* f32 [n_batch][n_embd] */
    rf_address q;      /* f32 [n_batch][n_heads * head_size] */
    rf_address k;      /* f32 [n_batch][n_kv_heads * head_size] */
    rf_address v;      /* f32 [n_batch][n_kv_heads * head_size] */
    rf_address heads;  /* f32 [n_batch][n_heads * head_size]: what attention gives */
    rf_address gate;   /* f32 [n_batch][n_ff]; dense only */
    rf_address up;     /* f32 [n_batch][n_ff]; dense only */
    rf_address logits; /* f32 [n_logits][n_vocab] */
} rf_activations;

/* Everything that one pass through some layers reads and writes. */
typedef struct rf_pass {
    const rf_model_config *config;
    rf_layer_span layers;
    const rf_model_weights *weights; /* of them */
    const rf_compute *compute;
    const rf_kvcache *kv;
    const rf_activations *activations;
    rf_batch_view batch;
    uint32_t n_logits;      /* rows of logits wanted; may be 0 */
    rf_address logits_rows; /* i32 [n_logits]: which tokens of the batch */
} rf_pass;

/* Embeds, runs the layers, and leaves logits of the wanted rows in activations->logits. Layers that
 * are not the first find the residual stream in activations->x instead, and ones that are not the
 * last leave it there. Keys and values of the batch's tokens are in the cache afterwards, to be
 * committed by the caller. */
rf_status rf_model_forward(const rf_pass *pass, rf_error *error);

/* ---- blocks that layers are made of ------------------------------------------------------------
 */

/* x += attention(norm(x)), with biases and QK norms where the layer has them. */
rf_status rf_block_attention(const rf_pass *pass, uint32_t layer, rf_error *error);
/* x += down(silu(gate(norm(x))) * up(norm(x))). */
rf_status rf_block_feed_forward(const rf_pass *pass, uint32_t layer, rf_error *error);
/* x += sum of the chosen experts of norm(x). */
rf_status rf_block_experts(const rf_pass *pass, uint32_t layer, rf_error *error);

#endif
