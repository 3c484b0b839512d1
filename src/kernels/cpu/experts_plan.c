/* experts_plan.c: the workspace of a mixture of experts, as one function for planning and for use.
 */
#include "base/checked.h"
#include "kernels/cpu/experts.h"

#define ARRAY_ALIGNMENT 64 /* a cache line, and more than any loop asks for */

/* Appends an array of count items to a layout. */
static bool append(uint64_t *bytes, uint64_t count, uint64_t item_bytes, uint64_t *offset)
{
    uint64_t size;
    uint64_t end;
    if (!rf_mul(count, item_bytes, &size) || !rf_add(*bytes, size, &end) ||
        !rf_align_up(end, ARRAY_ALIGNMENT, &end))
        return false;
    *offset = *bytes;
    *bytes = end;
    return true;
}

/* A column as any dot product may want it: as floats, or as whole blocks of 8-bit numbers. */
static rf_status column_bytes(uint64_t n, uint64_t *bytes, rf_error *error)
{
    uint64_t wide = 0;
    uint64_t narrow = 0;
    RF_TRY(rf_activation_bytes(RF_ACTIVATION_F32, n, &wide, error));
    RF_TRY(rf_activation_bytes(RF_ACTIVATION_Q8, n, &narrow, error));
    *bytes = wide > narrow ? wide : narrow;
    return RF_OK;
}

rf_status rf_experts_plan(const rf_experts_shape *shape, rf_experts_layout *out, rf_error *error)
{
    rf_experts_layout plan = {0};
    uint64_t embd_column = 0;
    uint64_t ff_column = 0;
    uint64_t pairs = 0;
    uint64_t logits = 0;
    uint64_t hidden = 0;
    RF_TRY(column_bytes(shape->n_embd, &embd_column, error));
    RF_TRY(column_bytes(shape->n_ff, &ff_column, error));
    const uint64_t column = embd_column > ff_column ? embd_column : ff_column;
    bool fits = rf_mul(shape->n_tokens, shape->n_used, &pairs) &&
                rf_mul(shape->n_tokens, shape->n_experts, &logits) &&
                rf_mul(pairs, shape->n_ff, &hidden) &&
                append(&plan.bytes, logits, sizeof(float), &plan.logits) &&
                append(&plan.bytes, pairs, sizeof(uint32_t), &plan.chosen) &&
                append(&plan.bytes, pairs, sizeof(float), &plan.shares) &&
                append(&plan.bytes, shape->n_experts + 1, sizeof(uint32_t), &plan.ends) &&
                append(&plan.bytes, shape->n_experts, sizeof(uint32_t), &plan.active) &&
                append(&plan.bytes, pairs, sizeof(uint32_t), &plan.pair_tokens) &&
                append(&plan.bytes, pairs, sizeof(float), &plan.pair_weights) &&
                append(&plan.bytes, hidden, sizeof(float), &plan.hidden) &&
                append(&plan.bytes, pairs, column, &plan.packed);
    /* Pairs are counted in 32 bits. */
    if (!fits || pairs > UINT32_MAX)
        return rf_error_set(error, RF_ERROR_OVERFLOW, "experts: workspace");
    plan.packed_bytes = plan.bytes - plan.packed;
    *out = plan;
    return RF_OK;
}
