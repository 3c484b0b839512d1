/* qwen3moe.c: Qwen 3 with experts in every layer (Yang et al. 2025). */
#include "model/architecture.h"

static rf_status layer(const rf_pass *pass, uint32_t index, rf_error *error)
{
    RF_TRY(rf_block_attention(pass, index, error));
    return rf_block_experts(pass, index, error);
}

const rf_architecture rf_architecture_qwen3moe = {
    .name = "qwen3moe",
    .rope_style = RF_ROPE_HALVES,
    .parts = RF_PART_EXPERTS | RF_PART_QK_NORM,
    .layer = layer,
};
