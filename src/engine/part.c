/* part.c: what an engine has on one device: its place in the pools, and what computes there. */
#include "engine/engine.h"

rf_status rf_engine_part_start(rf_engine_part *part, rf_error *error)
{
    const rf_runtime *runtime = part->model->runtime;
    part->compute = (rf_compute){.kernels = runtime->kernels,
                                 .device = runtime->device,
                                 .threads = runtime->threads,
                                 .programs = runtime->programs};
    return runtime->device->ops->stream_create(runtime->device, &part->compute.stream, error);
}

/* Takes one planned item; an index of 0 that is not the item's (dense parts of a MoE) is not asked
 * for. */
static rf_status take(rf_engine_part *part, const rf_plan *plan, uint32_t item, rf_block *block,
                      rf_address *address, rf_error *error)
{
    rf_block taken;
    RF_TRY(rf_pool_take_planned(part->pool, plan, item, &taken, error));
    part->blocks[part->n_blocks++] = taken;
    if (block)
        *block = taken;
    return rf_block_address(taken, address, error);
}

/* What the layers need, whichever they are. */
static rf_status take_activations(const rf_engine *engine, rf_engine_part *part,
                                  const rf_plan *plan, const rf_engine_items *items,
                                  rf_error *error)
{
    rf_activations *a = &part->activations;
    RF_TRY(take(part, plan, items->normed, NULL, &a->normed, error));
    RF_TRY(take(part, plan, items->q, NULL, &a->q, error));
    RF_TRY(take(part, plan, items->k, NULL, &a->k, error));
    RF_TRY(take(part, plan, items->v, NULL, &a->v, error));
    RF_TRY(take(part, plan, items->heads, NULL, &a->heads, error));
    if (engine->model->config.n_ff) {
        RF_TRY(take(part, plan, items->gate, NULL, &a->gate, error));
        RF_TRY(take(part, plan, items->up, NULL, &a->up, error));
    }
    rf_address batch;
    return take(part, plan, items->batch, &part->batch_block, &batch, error);
}

/* The residual stream, and what comes behind the last layer. */
static rf_status take_ends(rf_engine *engine, rf_engine_part *part, const rf_plan *plan,
                           const rf_engine_items *items, rf_error *error)
{
    rf_activations *a = &part->activations;
    if (part != rf_engine_last(engine)) {
        a->x = (rf_address)(uintptr_t)engine->stream.memory;
        return RF_OK;
    }
    rf_address top;
    RF_TRY(take(part, plan, items->x, NULL, &a->x, error));
    RF_TRY(take(part, plan, items->logits, &engine->logits, &a->logits, error));
    return part->compute.kernels->top ? take(part, plan, items->top, &engine->top, &top, error)
                                      : RF_OK;
}

rf_status rf_engine_part_take(rf_engine *engine, rf_engine_part *part, const rf_plan *plan,
                              const rf_engine_items *items, rf_error *error)
{
    rf_block workspace;
    RF_TRY(take_activations(engine, part, plan, items, error));
    RF_TRY(take_ends(engine, part, plan, items, error));
    RF_TRY(take(part, plan, items->workspace, &workspace, &part->compute.workspace, error));
    part->compute.workspace_bytes = workspace.bytes;
    /* Kernels that count arrivals find zeros, and leave them. */
    rf_device *device = part->compute.device;
    RF_TRY(device->ops->fill(device, part->compute.stream, part->compute.workspace, 0,
                             workspace.bytes, error));
    return device->ops->stream_sync(device, part->compute.stream, error);
}

void rf_engine_part_close(rf_engine_part *part)
{
    /* What is given back was taken here, once: these cannot fail but for a driver's refusal to
     * free, which the pool has logged. */
    for (uint32_t i = part->n_blocks; i-- > 0;)
        (void)rf_pool_give(part->blocks[i], NULL);
    (void)rf_pool_close(part->pool, NULL);
    rf_device *device = part->compute.device;
    if (part->compute.stream) /* nothing is on it; a refusal has nobody left to be told */
        (void)device->ops->stream_destroy(device, part->compute.stream, NULL);
    *part = (rf_engine_part){0};
}
