/* qwen3.c: Qwen 3, dense (Yang et al. 2025): an RMS norm of every head's q and k, no biases. */
#include "model/architecture.h"

static rf_status layer(const rf_pass *pass, uint32_t index, rf_error *error)
{
    RF_TRY(rf_block_attention(pass, index, error));
    return rf_block_feed_forward(pass, index, error);
}

const rf_architecture rf_architecture_qwen3 = {
    .name = "qwen3",
    .rope_style = RF_ROPE_HALVES,
    .parts = RF_PART_DENSE | RF_PART_QK_NORM,
    .layer = layer,
};
