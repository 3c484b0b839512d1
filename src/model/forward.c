/* forward.c: from token ids to logits. */
#include "model/forward.h"

#include "model/architecture.h"

/* Norm and output product of the rows whose logits are wanted; the others stop at the last layer.
 */
static rf_status compute_logits(const rf_pass *pass, rf_error *error)
{
    const rf_model_config *c = pass->config;
    const rf_activations *a = pass->activations;
    return pass->compute->kernels->linear(
        pass->compute,
        &(rf_linear_args){.input = {.x = a->x,
                                    .rows = pass->logits_rows,
                                    .norm = &pass->weights->output_norm,
                                    .epsilon = c->norm_epsilon,
                                    .scratch = a->normed},
                          .n_tokens = pass->n_logits,
                          .n_weights = 1,
                          .parts = {{.weight = &pass->weights->output, .out = a->logits}}},
        error);
}

static rf_status embed(const rf_pass *pass, rf_error *error)
{
    return pass->compute->kernels->embed(pass->compute,
                                         &(rf_embed_args){.table = &pass->weights->token_embd,
                                                          .tokens = pass->batch.tokens,
                                                          .out = pass->activations->x,
                                                          .n_tokens = pass->batch.n_tokens},
                                         error);
}

rf_status rf_model_forward(const rf_pass *pass, rf_error *error)
{
    if (rf_span_begins(pass->layers))
        RF_TRY(embed(pass, error));
    for (uint32_t i = 0; i < pass->layers.count; i++) {
        uint32_t layer = pass->layers.first + i;
        rf_status status = pass->config->architecture->layer(pass, layer, error);
        if (status != RF_OK)
            return rf_error_context(error, status, "layer %u", layer);
    }
    bool wanted = rf_span_ends(pass->layers, pass->config) && pass->n_logits;
    return wanted ? compute_logits(pass, error) : RF_OK;
}
