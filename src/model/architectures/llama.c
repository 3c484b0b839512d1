/*
 * llama.c: Llama 1, 2 and 3, Mistral, TinyLlama, SmolLM, and Mixtral, whose layers have experts in
 * place of the feed-forward (Touvron et al. 2023; Jiang et al. 2024).
 *
 * GGUF files of this architecture have q and k permuted for interleaved rotation.
 */
#include "model/architecture.h"

static rf_status layer(const rf_pass *pass, uint32_t index, rf_error *error)
{
    RF_TRY(rf_block_attention(pass, index, error));
    return pass->config->n_experts ? rf_block_experts(pass, index, error)
                                   : rf_block_feed_forward(pass, index, error);
}

const rf_architecture rf_architecture_llama = {
    .name = "llama",
    .rope_style = RF_ROPE_INTERLEAVED,
    .parts = RF_PART_DENSE | RF_PART_EXPERTS | RF_PART_WHOLE_ROTARY,
    .layer = layer,
};
