/* engine.c: creating an engine by its plan, and giving everything back. */
#include "engine/engine.h"

#include "base/memory.h"

#define N_BLOCKS 12 /* scratch items of rf_engine_items; the cache keeps its own */

/* Takes one planned item; an index of 0 that is not the item's (dense parts of a MoE) is not asked
 * for. */
static rf_status take(rf_engine *engine, const rf_plan *plan, uint32_t item, rf_block *block,
                      rf_address *address, rf_error *error)
{
    rf_block taken;
    RF_TRY(rf_pool_take_planned(engine->pool, plan, item, &taken, error));
    engine->blocks[engine->n_blocks++] = taken;
    if (block)
        *block = taken;
    return rf_block_address(taken, address, error);
}

static rf_status take_all(rf_engine *engine, const rf_plan *plan, const rf_engine_items *items,
                          rf_error *error)
{
    rf_activations *a = &engine->activations;
    rf_address batch;
    RF_TRY(take(engine, plan, items->x, NULL, &a->x, error));
    RF_TRY(take(engine, plan, items->normed, NULL, &a->normed, error));
    RF_TRY(take(engine, plan, items->q, NULL, &a->q, error));
    RF_TRY(take(engine, plan, items->k, NULL, &a->k, error));
    RF_TRY(take(engine, plan, items->v, NULL, &a->v, error));
    RF_TRY(take(engine, plan, items->heads, NULL, &a->heads, error));
    if (engine->model->config.n_ff) {
        RF_TRY(take(engine, plan, items->gate, NULL, &a->gate, error));
        RF_TRY(take(engine, plan, items->up, NULL, &a->up, error));
    }
    RF_TRY(take(engine, plan, items->logits, &engine->logits, &a->logits, error));
    RF_TRY(take(engine, plan, items->batch, &engine->batch_block, &batch, error));
    rf_address top;
    if (engine->compute.kernels->top)
        RF_TRY(take(engine, plan, items->top, &engine->top, &top, error));
    rf_block workspace;
    RF_TRY(take(engine, plan, items->workspace, &workspace, &engine->compute.workspace, error));
    engine->compute.workspace_bytes = workspace.bytes;
    /* Kernels that count arrivals find zeros, and leave them. */
    rf_device *device = engine->compute.device;
    RF_TRY(device->ops->fill(device, engine->compute.stream, engine->compute.workspace, 0,
                             workspace.bytes, error));
    return device->ops->stream_sync(device, engine->compute.stream, error);
}

static rf_status allocate_host(rf_engine *engine, rf_error *error)
{
    uint64_t batch_values;
    RF_TRY(rf_batch_values(&engine->shape, &batch_values, error));
    uint32_t n_sequences = engine->shape.kv.n_sequences;
    engine->slots = rf_calloc(n_sequences, sizeof(rf_request_state *));
    engine->shares = rf_calloc(n_sequences, sizeof(rf_slot_share));
    engine->drawn = rf_calloc(n_sequences, sizeof(int32_t));
    engine->blocks = rf_calloc(N_BLOCKS, sizeof(rf_block));
    if (!engine->slots || !engine->shares || !engine->drawn || !engine->blocks)
        return rf_error_host_memory(error, "an engine's tables",
                                    n_sequences * sizeof(rf_slot_share));
    RF_TRY(rf_host_array_make(engine, "batch on the host", batch_values * sizeof(int32_t),
                              &engine->batch, error));
    return rf_host_array_make(engine, "results on the host",
                              rf_results_bytes(&engine->model->config, &engine->shape),
                              &engine->results, error);
}

static rf_status make_plan(rf_engine *engine, rf_engine_items *items, rf_plan **out,
                           rf_error *error)
{
    const rf_model *model = engine->model;
    rf_target target;
    RF_TRY(rf_target_of(model->runtime, &target, error));
    rf_plan_config config =
        rf_target_plan_config(&target, model->plan_config.pool_bytes, model->plan_config.alignment);
    rf_plan *plan = NULL;
    RF_TRY(
        rf_engine_plan_make(&model->config, &engine->shape, &target, &config, &plan, items, error));
    rf_status status = rf_plan_require_fit(plan, error);
    if (status != RF_OK) {
        rf_plan_free(plan);
        return status;
    }
    *out = plan;
    return RF_OK;
}

static rf_status fill(rf_engine *engine, const rf_plan *plan, const rf_engine_items *items,
                      rf_error *error)
{
    rf_runtime *runtime = engine->model->runtime;
    uint32_t classes = 1U << RF_MEMORY_KV | 1U << RF_MEMORY_SCRATCH;
    engine->compute = (rf_compute){.kernels = runtime->kernels,
                                   .device = runtime->device,
                                   .threads = runtime->threads,
                                   .programs = runtime->programs};
    RF_TRY(runtime->device->ops->stream_create(runtime->device, &engine->compute.stream, error));
    RF_TRY(allocate_host(engine, error));
    RF_TRY(rf_engine_plan_join(&engine->model->plan_config, &engine->model->config, &engine->shape,
                               engine->model->plan, plan, &engine->plan, error));
    RF_TRY(rf_pool_open(runtime->memory, plan, classes, "engine", &engine->pool, error));
    rf_kv_store store = {.n_layers = engine->shape.kv.n_layers,
                         .first = items->kv_first,
                         .plan = plan,
                         .pool = engine->pool,
                         .device = runtime->device};
    RF_TRY(rf_kvcache_create(&engine->shape.kv, &store, 1, &engine->kv, error));
    return take_all(engine, plan, items, error);
}

rf_status rf_engine_create(rf_model *model, const rf_engine_options *options, rf_engine **out,
                           rf_error *error)
{
    rf_engine_shape shape;
    RF_TRY(rf_runtime_require_kernels(model->runtime, error));
    RF_TRY(rf_engine_resolve(&model->config, options, &shape, error));
    rf_engine *engine = rf_calloc(1, sizeof(*engine));
    if (!engine)
        return rf_error_host_memory(error, "an engine", sizeof(*engine));
    engine->model = model;
    engine->shape = shape;
    rf_model_retain(model);
    rf_plan *plan = NULL;
    rf_engine_items items;
    rf_status status = make_plan(engine, &items, &plan, error);
    if (status == RF_OK)
        status = fill(engine, plan, &items, error);
    rf_plan_free(plan);
    if (status != RF_OK) {
        rf_engine_free(engine);
        return rf_error_context(error, status, "engine for %u sequences of %u tokens",
                                shape.kv.n_sequences, shape.kv.n_context);
    }
    *out = engine;
    return RF_OK;
}

static void free_requests(rf_engine *engine)
{
    for (uint32_t i = 0; engine->slots && i < engine->shape.kv.n_sequences; i++)
        rf_request_state_free(engine->slots[i]);
    while (engine->queue_first) {
        rf_request_state *request = engine->queue_first;
        engine->queue_first = request->following;
        rf_request_state_free(request);
    }
}

void rf_engine_free(rf_engine *engine)
{
    if (!engine)
        return;
    free_requests(engine);
    rf_engine_graphs_free(engine);
    rf_kvcache_free(engine->kv);
    /* What is given back was taken here, once: these cannot fail but for a driver's refusal to
     * free, which the pool has logged. */
    for (uint32_t i = engine->n_blocks; i-- > 0;)
        (void)rf_pool_give(engine->blocks[i], NULL);
    (void)rf_pool_close(engine->pool, NULL);
    rf_plan_free(engine->plan);
    rf_free(engine->blocks);
    rf_free(engine->drawn);
    rf_free(engine->shares);
    rf_free(engine->slots);
    rf_host_array_free(engine, &engine->results);
    rf_host_array_free(engine, &engine->batch);
    if (engine->compute.stream) /* nothing is on it; a refusal has nobody left to be told */
        (void)engine->compute.device->ops->stream_destroy(engine->compute.device,
                                                          engine->compute.stream, NULL);
    rf_model_release(engine->model);
    rf_free(engine);
}

const rf_plan *rf_engine_plan(const rf_engine *engine)
{
    return engine->plan;
}

size_t rf_engine_active(const rf_engine *engine)
{
    return engine->n_active;
}

rf_engine_stats rf_engine_statistics(const rf_engine *engine)
{
    rf_engine_stats stats = engine->stats;
    rf_kvcache_stats pages = rf_kvcache_statistics(engine->kv);
    stats.kv_pages_total = pages.pages_total;
    stats.kv_pages_used = pages.pages_used;
    stats.kv_pages_peak = pages.pages_peak;
    return stats;
}
