/* qwen2.c: Qwen 2 and 2.5 (Yang et al. 2024): biases on q, k and v. */
#include "model/architecture.h"

static rf_status layer(const rf_pass *pass, uint32_t index, rf_error *error)
{
    RF_TRY(rf_block_attention(pass, index, error));
    return rf_block_feed_forward(pass, index, error);
}

const rf_architecture rf_architecture_qwen2 = {
    .name = "qwen2",
    .rope_style = RF_ROPE_HALVES,
    .parts = RF_PART_DENSE | RF_PART_QKV_BIAS,
    .layer = layer,
};
