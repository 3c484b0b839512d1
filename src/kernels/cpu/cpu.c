/* cpu.c: the CPU's tables of operations, and what all operations start with. */
#include "kernels/cpu/cpu.h"

#include <inttypes.h>

#include "kernels/cpu/experts.h"
#include "kernels/cpu/instructions.h"
#include "kernels/cpu/linear.h"
#include "kernels/cpu/operations.h"

#define OPERATIONS(text)                                                                           \
    {                                                                                              \
        .name = (text), .workspace_bytes = rf_cpu_workspace_bytes, .embed = rf_cpu_embed,          \
        .linear = rf_cpu_linear, .rope_append = rf_cpu_rope_append, .attention = rf_cpu_attention, \
        .experts = rf_cpu_experts,                                                                 \
    }

static const rf_cpu_kernels portable = {
    .operations = OPERATIONS("cpu portable"),
    .reference = true,
    .loops = &rf_loops_portable,
};

static const rf_cpu_kernels avx2 = {
    .operations = OPERATIONS("cpu avx2"),
    .reference = false,
    .loops = &rf_loops_avx2,
};

const rf_kernels *rf_kernels_for_cpu(bool reference)
{
    return reference || !rf_cpu_has_avx2_fma_f16c() ? &portable.operations : &avx2.operations;
}

/* Operations run one after the other, so that the largest need is enough for all. */
rf_status rf_cpu_workspace_bytes(const rf_kernel_limits *limits, uint64_t *bytes, rf_error *error)
{
    uint64_t linear = 0;
    uint64_t experts = 0;
    RF_TRY(rf_linear_workspace(limits->n_tokens, limits->n_row_elements, &linear, error));
    if (limits->n_experts != 0) {
        const rf_experts_shape shape = {
            .n_tokens = limits->n_tokens,
            .n_embd = limits->n_row_elements,
            .n_ff = limits->n_ff,
            .n_experts = limits->n_experts,
            .n_used = limits->n_experts_used,
        };
        rf_experts_layout layout;
        RF_TRY(rf_experts_plan(&shape, &layout, error));
        experts = layout.bytes;
    }
    *bytes = linear > experts ? linear : experts;
    return RF_OK;
}

rf_status rf_cpu_need_workspace(const rf_compute *compute, const char *operation, uint64_t bytes,
                                rf_error *error)
{
    if (bytes <= compute->workspace_bytes)
        return RF_OK;
    return rf_error_set(error, RF_ERROR_INTERNAL,
                        "%s: workspace of %" PRIu64 " bytes, needs %" PRIu64, operation,
                        compute->workspace_bytes, bytes);
}

/* The least work worth a worker: the upper end of what waking one takes. */
#define PART_NS 20000.0

void rf_cpu_run(const rf_compute *compute, uint64_t tasks, double total_ns, rf_threads_body body,
                void *context)
{
    double parts = total_ns / PART_NS;
    uint64_t grain = parts < 2 ? tasks : (uint64_t)((double)tasks / parts) + 1;
    rf_threads_run(compute->threads, tasks, grain, body, context);
}
