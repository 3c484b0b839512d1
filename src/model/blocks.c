/* blocks.c: the blocks that layers are made of, written as in the papers, one kernel call a line of
 * it. */
#include <math.h>

#include "model/architecture.h"
#include "model/forward.h"

/* An optional tensor: NULL for kernels where the file has none. */
static const rf_tensor *if_present(const rf_tensor *tensor)
{
    return tensor->n_dimensions ? tensor : NULL;
}

/* What follows a layer: the next one's q, k and v, or the output, where they are on this device. */
static rf_ahead behind_layer(const rf_pass *pass, uint32_t layer)
{
    const rf_model_weights *weights = pass->weights;
    if (layer + 1 < pass->layers.first + pass->layers.count) {
        const rf_layer_weights *next = &weights->layers[layer + 1];
        return (rf_ahead){.n_weights = 3, .weights = {&next->q, &next->k, &next->v}};
    }
    if (rf_span_ends(pass->layers, pass->config))
        return (rf_ahead){.n_weights = 1, .weights = {&weights->output}};
    return (rf_ahead){0};
}

/* The residual stream, normed. */
static rf_linear_input normed(const rf_pass *pass, const rf_tensor *weight)
{
    return (rf_linear_input){.x = pass->activations->x,
                             .norm = weight,
                             .epsilon = pass->config->norm_epsilon,
                             .scratch = pass->activations->normed};
}

/* x += from · weight (+ bias). ahead: what is read next */
static rf_status add_linear(const rf_pass *pass, rf_address from, const rf_tensor *weight,
                            const rf_tensor *bias, rf_ahead ahead, rf_error *error)
{
    return pass->compute->kernels->linear(
        pass->compute,
        &(rf_linear_args){
            .input = {.x = from},
            .n_tokens = pass->batch.n_tokens,
            .n_weights = 1,
            .parts = {{.weight = weight, .bias = if_present(bias), .out = pass->activations->x}},
            .end = RF_LINEAR_ADD,
            .ahead = ahead},
        error);
}

rf_status rf_block_attention(const rf_pass *pass, uint32_t layer, rf_error *error)
{
    const rf_model_config *c = pass->config;
    const rf_layer_weights *w = &pass->weights->layers[layer];
    const rf_activations *a = pass->activations;
    const rf_kernels *kernels = pass->compute->kernels;
    const rf_kv_layer *kv = rf_kvcache_layer(pass->kv, layer);

    RF_TRY(kernels->linear(
        pass->compute,
        &(rf_linear_args){
            .input = normed(pass, &w->attn_norm),
            .n_tokens = pass->batch.n_tokens,
            .n_weights = 3,
            .parts = {{.weight = &w->q, .bias = if_present(&w->q_bias), .out = a->q},
                      {.weight = &w->k, .bias = if_present(&w->k_bias), .out = a->k},
                      {.weight = &w->v, .bias = if_present(&w->v_bias), .out = a->v}}},
        error));
    RF_TRY(kernels->rope_append(
        pass->compute,
        &(rf_rope_append_args){.batch = &pass->batch,
                               .q = a->q,
                               .k = a->k,
                               .v = a->v,
                               .n_heads = c->n_heads,
                               .q_norm = if_present(&w->q_norm),
                               .k_norm = if_present(&w->k_norm),
                               .epsilon = c->norm_epsilon,
                               .rope = {.style = c->architecture->rope_style,
                                        .n_rotary = c->rope.n_rotary,
                                        .frequencies = &pass->weights->rope_frequencies,
                                        .magnitude = pass->weights->rope_magnitude},
                               .kv = kv},
        error));
    RF_TRY(kernels->attention(pass->compute,
                              &(rf_attention_args){.batch = &pass->batch,
                                                   .q = a->q,
                                                   .out = a->heads,
                                                   .n_heads = c->n_heads,
                                                   .scale = 1.0F / sqrtf((float)c->head_size),
                                                   .kv = kv},
                              error));
    const rf_ahead ahead = {.n_weights = w->gate.n_dimensions ? 2 : 0, /* experts are not known */
                            .side_by_side = true,
                            .weights = {&w->gate, &w->up}};
    return add_linear(pass, a->heads, &w->attn_output, &w->attn_output_bias, ahead, error);
}

rf_status rf_block_feed_forward(const rf_pass *pass, uint32_t layer, rf_error *error)
{
    const rf_layer_weights *w = &pass->weights->layers[layer];
    const rf_activations *a = pass->activations;
    const rf_kernels *kernels = pass->compute->kernels;

    RF_TRY(kernels->linear(
        pass->compute,
        &(rf_linear_args){
            .input = normed(pass, &w->ffn_norm),
            .n_tokens = pass->batch.n_tokens,
            .n_weights = 2,
            .parts = {{.weight = &w->gate, .bias = if_present(&w->gate_bias), .out = a->gate},
                      {.weight = &w->up, .bias = if_present(&w->up_bias), .out = a->up}},
            .end = RF_LINEAR_SWIGLU,
            .ahead = {.n_weights = 1, .weights = {&w->down}}},
        error));
    return add_linear(pass, a->gate, &w->down, &w->down_bias, behind_layer(pass, layer), error);
}

rf_status rf_block_experts(const rf_pass *pass, uint32_t layer, rf_error *error)
{
    const rf_layer_weights *w = &pass->weights->layers[layer];
    return pass->compute->kernels->experts(
        pass->compute,
        &(rf_experts_args){.input = normed(pass, &w->ffn_norm),
                           .router = &w->router,
                           .gate = &w->gate_experts,
                           .up = &w->up_experts,
                           .down = &w->down_experts,
                           .out = pass->activations->x,
                           .n_tokens = pass->batch.n_tokens,
                           .n_used = pass->config->n_experts_used},
        error);
}
