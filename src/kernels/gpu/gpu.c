/* gpu.c: the table of operations of GPUs, the names of element types, and the size of the
 * workspace. */
#include "kernels/gpu/gpu.h"

#include "base/checked.h"
#include "kernels/gpu/attention.h"
#include "kernels/gpu/operations.h"
#include "kernels/gpu/prepare.h"
#include "kernels/gpu/top.h"

/* Of a row, twice the largest vocabulary that is known. `top` takes rows one by one if it has to.
 */
#define MOST_LOGITS (1U << 19)

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Operations run one after the other, so that the largest need is enough for all, beside the
 * counters.
 */
static rf_status workspace_bytes(const rf_kernel_limits *limits, uint64_t *bytes, rf_error *error)
{
    uint64_t linear = 0;
    uint64_t attention = 0;
    uint64_t experts = 0;
    uint64_t top = 0;
    RF_TRY(rf_gpu_linear_workspace(limits, &linear, error));
    RF_TRY(rf_gpu_attention_workspace(limits, NULL, &attention, error));
    if (limits->n_experts)
        RF_TRY(rf_gpu_experts_workspace(limits, &experts, error));
    RF_TRY(rf_gpu_top_workspace(1, MOST_LOGITS, &top, error));
    *bytes = larger(larger(linear, attention), larger(experts, top));
    if (!rf_add(*bytes, RF_GPU_COUNTERS * sizeof(uint32_t), bytes))
        return rf_error_set(error, RF_ERROR_OVERFLOW, "workspace: %llu bytes and counters",
                            (unsigned long long)*bytes);
    return RF_OK;
}

static const rf_kernels operations = {
    .name = "gpu",
    .workspace_bytes = workspace_bytes,
    .embed = rf_gpu_embed,
    .linear = rf_gpu_linear,
    .rope_append = rf_gpu_rope_append,
    .attention = rf_gpu_attention,
    .experts = rf_gpu_experts,
    .top = rf_gpu_top,
};

const rf_kernels *rf_kernels_for_gpu(void)
{
    return &operations;
}

/* As the build names units: src/kernels/gpu/meson.build. */
const char *rf_gpu_type_name(rf_type type)
{
    switch (type) {
    case RF_TYPE_F32:
        return "f32";
    case RF_TYPE_F16:
        return "f16";
    case RF_TYPE_BF16:
        return "bf16";
    case RF_TYPE_Q4_0:
        return "q4_0";
    case RF_TYPE_Q4_1:
        return "q4_1";
    case RF_TYPE_Q5_0:
        return "q5_0";
    case RF_TYPE_Q5_1:
        return "q5_1";
    case RF_TYPE_Q8_0:
        return "q8_0";
    case RF_TYPE_Q2_K:
        return "q2_k";
    case RF_TYPE_Q3_K:
        return "q3_k";
    case RF_TYPE_Q4_K:
        return "q4_k";
    case RF_TYPE_Q5_K:
        return "q5_k";
    case RF_TYPE_Q6_K:
        return "q6_k";
    case RF_TYPE_IQ4_NL:
        return "iq4_nl";
    case RF_TYPE_IQ4_XS:
        return "iq4_xs";
    case RF_TYPE_MXFP4:
        return "mxfp4";
    default:
        return NULL;
    }
}
