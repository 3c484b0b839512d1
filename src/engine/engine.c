/* engine.c: creating an engine by its plan, and giving everything back. */
#include "engine/engine.h"

#include "base/memory.h"

/* The plans of an engine's memory, one for each part. */
typedef struct part_plans {
    rf_plan *plans[RF_MODEL_MAX_PARTS];
    rf_engine_items items[RF_MODEL_MAX_PARTS];
} part_plans;

static rf_status allocate_flight(rf_engine *engine, rf_engine_flight *flight, rf_error *error)
{
    uint64_t batch_values;
    const uint32_t n_sequences = engine->shape.kv.n_sequences;
    const rf_compute *compute = &rf_engine_last(engine)->compute;
    flight->shares = rf_calloc(n_sequences, sizeof(*flight->shares));
    if (!flight->shares)
        return rf_error_host_memory(error, "a pass's tables", n_sequences * sizeof(rf_slot_share));
    RF_TRY(rf_batch_values(&engine->shape, &batch_values, error));
    RF_TRY(rf_host_array_make(engine, "batch on the host", batch_values * sizeof(int32_t),
                              &flight->batch, error));
    RF_TRY(rf_host_array_make(engine, "results on the host",
                              rf_results_bytes(&engine->model->config, &engine->shape),
                              &flight->results, error));
    /* Behind layers on the host, which are computed before, there is nothing to put. */
    return compute->programs && engine->n_parts == 1
               ? compute->device->ops->event_create(compute->device, &flight->done, error)
               : RF_OK;
}

static rf_status allocate_host(rf_engine *engine, rf_error *error)
{
    uint32_t n_sequences = engine->shape.kv.n_sequences;
    engine->slots = rf_calloc(n_sequences, sizeof(rf_request_state *));
    engine->drawn = rf_calloc(n_sequences, sizeof(int32_t));
    if (!engine->slots || !engine->drawn)
        return rf_error_host_memory(error, "an engine's tables",
                                    n_sequences * sizeof(rf_request_state *));
    for (uint32_t i = 0; i < RF_ENGINE_FLIGHTS; i++)
        RF_TRY(allocate_flight(engine, &engine->flights[i], error));
    if (engine->n_parts == 1)
        return RF_OK;
    return rf_host_array_make(engine, "stream on the host",
                              rf_stream_bytes(&engine->model->config, &engine->shape),
                              &engine->stream, error);
}

static rf_status make_plan(const rf_engine *engine, const rf_model_part *part,
                           rf_engine_items *items, rf_plan **out, rf_error *error)
{
    rf_target target;
    RF_TRY(rf_target_of(part->runtime, &target, error));
    rf_engine_place place = {.target = &target,
                             .layers = part->layers,
                             .plan_config =
                                 rf_target_plan_config(&target, part->plan_config.pool_bytes,
                                                       part->plan_config.alignment)};
    rf_plan *plan = NULL;
    RF_TRY(
        rf_engine_plan_make(&engine->model->config, &engine->shape, &place, &plan, items, error));
    rf_status status = rf_plan_require_fit(plan, error);
    if (status != RF_OK) {
        rf_plan_free(plan);
        return rf_model_part_context(engine->model, part, status, error);
    }
    *out = plan;
    return RF_OK;
}

/* Makes the plan of all, for reports. */
static rf_status note_plan(rf_engine *engine, const part_plans *p, rf_error *error)
{
    const rf_model *model = engine->model;
    rf_plan *joined[2] = {NULL, NULL}; /* of the device, and of the host */
    rf_target target;
    rf_status status = rf_target_of(model->runtime, &target, error);
    for (uint32_t i = 0; i < model->n_parts && status == RF_OK; i++) {
        const rf_model_part *part = &model->parts[i];
        status = rf_engine_plan_join(&part->plan_config, &model->config, &engine->shape, part->plan,
                                     p->plans[i], &joined[part->runtime != model->runtime], error);
    }
    if (status != RF_OK) {
        rf_plan_free(joined[0]);
        rf_plan_free(joined[1]);
        return status;
    }
    const rf_plan_config *config = &model->parts[0].plan_config;
    rf_plan_config empty = rf_target_plan_config(&target, config->pool_bytes, config->alignment);
    return rf_engine_plan_pair(&empty, &model->config, &engine->shape, joined[0], joined[1],
                               rf_model_device_layers(model), &engine->plan, error);
}

/* Opens the pools, and the cache in all of them. */
static rf_status open_pools(rf_engine *engine, const part_plans *p, rf_error *error)
{
    uint32_t classes = 1U << RF_MEMORY_KV | 1U << RF_MEMORY_SCRATCH;
    rf_kv_store stores[RF_MODEL_MAX_PARTS];
    for (uint32_t i = 0; i < engine->n_parts; i++) {
        rf_engine_part *part = &engine->parts[i];
        RF_TRY(rf_pool_open(part->model->runtime->memory, p->plans[i], classes, "engine",
                            &part->pool, error));
        stores[i] = (rf_kv_store){.n_layers = part->model->layers.count,
                                  .first = p->items[i].kv_first,
                                  .plan = p->plans[i],
                                  .pool = part->pool,
                                  .device = part->compute.device};
    }
    return rf_kvcache_create(&engine->shape.kv, stores, engine->n_parts, &engine->kv, error);
}

static rf_status fill(rf_engine *engine, part_plans *p, rf_error *error)
{
    for (uint32_t i = 0; i < engine->n_parts; i++)
        RF_TRY(make_plan(engine, engine->parts[i].model, &p->items[i], &p->plans[i], error));
    for (uint32_t i = 0; i < engine->n_parts; i++)
        RF_TRY(rf_engine_part_start(&engine->parts[i], error));
    RF_TRY(allocate_host(engine, error));
    RF_TRY(note_plan(engine, p, error));
    RF_TRY(open_pools(engine, p, error));
    for (uint32_t i = 0; i < engine->n_parts; i++)
        RF_TRY(rf_engine_part_take(engine, &engine->parts[i], p->plans[i], &p->items[i], error));
    return RF_OK;
}

static rf_status make_engine(rf_model *model, const rf_engine_shape *shape, rf_engine **out,
                             rf_error *error)
{
    part_plans plans = {0};
    rf_engine *engine = rf_calloc(1, sizeof(*engine));
    if (!engine)
        return rf_error_host_memory(error, "an engine", sizeof(*engine));
    engine->model = model;
    engine->shape = *shape;
    engine->n_parts = model->n_parts;
    for (uint32_t i = 0; i < model->n_parts; i++)
        engine->parts[i].model = &model->parts[i];
    rf_model_retain(model);
    rf_status status = fill(engine, &plans, error);
    for (uint32_t i = 0; i < model->n_parts; i++)
        rf_plan_free(plans.plans[i]);
    if (status != RF_OK) {
        rf_engine_free(engine);
        return rf_error_context(error, status, "engine for %u sequences of %u tokens",
                                shape->kv.n_sequences, shape->kv.n_context);
    }
    *out = engine;
    return RF_OK;
}

rf_status rf_engine_create(rf_model *model, const rf_engine_options *options, rf_engine **out,
                           rf_error *error)
{
    rf_engine_shape shape;
    for (uint32_t i = 0; i < model->n_parts; i++)
        RF_TRY(rf_runtime_require_kernels(model->parts[i].runtime, error));
    RF_TRY(rf_engine_resolve(&model->config, options, &shape, error));
    return make_engine(model, &shape, out, error);
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

static void free_flight(rf_engine *engine, rf_engine_flight *flight)
{
    rf_device *device = rf_engine_last(engine)->compute.device;
    if (flight->done) /* a refusal has nobody left to be told */
        (void)device->ops->event_destroy(device, flight->done, NULL);
    rf_host_array_free(engine, &flight->results);
    rf_host_array_free(engine, &flight->batch);
    rf_free(flight->shares);
}

void rf_engine_free(rf_engine *engine)
{
    if (!engine)
        return;
    (void)rf_engine_settle(engine, NULL); /* a failure has nobody left to be told */
    free_requests(engine);
    rf_engine_graphs_free(engine);
    rf_kvcache_free(engine->kv);
    rf_plan_free(engine->plan);
    rf_free(engine->drawn);
    rf_free(engine->slots);
    rf_host_array_free(engine, &engine->stream);
    for (uint32_t i = 0; i < RF_ENGINE_FLIGHTS; i++)
        free_flight(engine, &engine->flights[i]);
    for (uint32_t i = engine->n_parts; i-- > 0;)
        rf_engine_part_close(&engine->parts[i]);
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
