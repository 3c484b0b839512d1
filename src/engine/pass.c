/*
 * pass.c: one pass of a batch: to the device, through the model, and what is wanted of it back.
 * Everything goes on one stream; layers on the host are computed before.
 *
 * A small batch is captured as a graph: its kernels read token ids, positions and block tables from
 * the same places every time, so that a replay with other contents there is another step. Graphs
 * hold addresses of the engine's own blocks and of its model's, and go before these do.
 */
#include <string.h>

#include "engine/engine.h"

/* ---- host memory ------------------------------------------------------------------------------
 */

rf_status rf_host_array_make(rf_engine *engine, const char *label, uint64_t bytes,
                             rf_host_array *out, rf_error *error)
{
    const rf_runtime *runtime = rf_engine_last(engine)->model->runtime;
    rf_device *device = runtime->device;
    rf_host_array array = {0};
    RF_TRY(device->ops->pinned_alloc(device, bytes, &array.memory, error));
    rf_status status = RF_OK;
    if (!runtime->facts.unified) /* else it is memory of the host like any other */
        status = rf_memory_register(runtime->memory, (rf_address)(uintptr_t)array.memory, bytes,
                                    RF_MEMORY_STAGING, label, &array.block, error);
    if (status != RF_OK) {
        (void)device->ops->pinned_free(device, array.memory, NULL); /* the first failure counts */
        return status;
    }
    memset(array.memory, 0, bytes);
    *out = array;
    return RF_OK;
}

void rf_host_array_free(rf_engine *engine, rf_host_array *array)
{
    if (!array->memory)
        return;
    rf_device *device = rf_engine_last(engine)->model->runtime->device;
    /* It was registered here, once; a driver's refusal to free has nobody left to be told. */
    if (array->block.kind != RF_BLOCK_NONE)
        (void)rf_memory_unregister(array->block, NULL);
    (void)device->ops->pinned_free(device, array->memory, NULL);
    *array = (rf_host_array){0};
}

/* ---- the work of a pass ------------------------------------------------------------------------
 */

static rf_status copy_in(const rf_engine *engine, const rf_engine_part *part, const rf_batch *batch,
                         rf_error *error)
{
    rf_address to;
    RF_TRY(rf_block_address(part->batch_block, &to, error));
    uint64_t stride = rf_kvcache_table_stride(engine->kv);
    uint64_t values = (uint64_t)(batch->tables - batch->tokens) + batch->table_rows * stride;
    rf_device *device = part->compute.device;
    return device->ops->copy(device, part->compute.stream, RF_COPY_TO_DEVICE, to,
                             (rf_address)(uintptr_t)batch->tokens, values * sizeof(int32_t), error);
}

/* The residual stream goes on where the host's layers left it. */
static rf_status copy_stream(const rf_engine *engine, const rf_engine_part *part,
                             const rf_batch *batch, rf_error *error)
{
    rf_device *device = part->compute.device;
    uint64_t bytes = (uint64_t)batch->n_tokens * engine->model->config.n_embd * sizeof(float);
    return device->ops->copy(device, part->compute.stream, RF_COPY_TO_DEVICE, part->activations.x,
                             (rf_address)(uintptr_t)engine->stream.memory, bytes, error);
}

/* The address on the device of a pointer into the host's copy of the batch arrays. */
static rf_address on_device(const rf_batch *batch, rf_address base, const int32_t *values)
{
    return base + (rf_address)(values - batch->tokens) * sizeof(int32_t);
}

static rf_status forward(const rf_engine *engine, const rf_engine_part *part, const rf_batch *batch,
                         rf_error *error)
{
    rf_address base, fed = 0;
    RF_TRY(rf_block_address(part->batch_block, &base, error));
    if (batch->fed)
        RF_TRY(rf_block_address(engine->top, &fed, error));
    rf_pass pass = {.config = &engine->model->config,
                    .layers = part->model->layers,
                    .weights = part->model->weights,
                    .compute = &part->compute,
                    .kv = engine->kv,
                    .activations = &part->activations,
                    .batch = {.n_tokens = batch->n_tokens,
                              .alone = !batch->runs,
                              .tokens = fed ? fed : on_device(batch, base, batch->tokens),
                              .positions = on_device(batch, base, batch->positions),
                              .rows = on_device(batch, base, batch->rows),
                              .block_tables = on_device(batch, base, batch->tables),
                              .table_stride = rf_kvcache_table_stride(engine->kv)},
                    .n_logits = batch->n_logits,
                    .logits_rows = on_device(batch, base, batch->logits_rows)};
    return rf_model_forward(&pass, error);
}

/* Finds the n_top largest logits of each row, and copies them to the host: indices, then values. */
static rf_status find_top(rf_engine *engine, const rf_batch *batch, uint32_t n_top, rf_error *error)
{
    rf_address logits, top;
    const rf_compute *compute = &rf_engine_last(engine)->compute;
    rf_device *device = compute->device;
    uint64_t bytes = (uint64_t)batch->n_logits * n_top * sizeof(int32_t);
    RF_TRY(rf_block_address(engine->logits, &logits, error));
    RF_TRY(rf_block_address(engine->top, &top, error));
    const rf_top_args args = {.logits = logits,
                              .n_rows = batch->n_logits,
                              .n = engine->model->config.n_vocab,
                              .k = n_top,
                              .indices = top,
                              .values = top + bytes};
    RF_TRY(compute->kernels->top(compute, &args, error));
    return device->ops->copy(device, compute->stream, RF_COPY_FROM_DEVICE,
                             (rf_address)(uintptr_t)batch->results, top, 2 * bytes, error);
}

/* The layers that are on the host, where the model is divided: done when it returns. */
static rf_status run_on_host(const rf_engine *engine, const rf_batch *batch, rf_error *error)
{
    const rf_engine_part *part = &engine->parts[0];
    if (engine->n_parts == 1)
        return RF_OK;
    RF_TRY(copy_in(engine, part, batch, error));
    RF_TRY(forward(engine, part, batch, error));
    return part->compute.device->ops->stream_sync(part->compute.device, part->compute.stream,
                                                  error);
}

static rf_status put_work(rf_engine *engine, const rf_batch *batch, uint32_t n_top, rf_error *error)
{
    const rf_engine_part *last = rf_engine_last(engine);
    RF_TRY(copy_in(engine, last, batch, error));
    if (engine->n_parts > 1)
        RF_TRY(copy_stream(engine, last, batch, error));
    RF_TRY(forward(engine, last, batch, error));
    return n_top && batch->n_logits ? find_top(engine, batch, n_top, error) : RF_OK;
}

/* ---- graphs ------------------------------------------------------------------------------------
 */

/* The entry for such a pass: its own, or the one used longest ago, emptied. */
static rf_status find_graph(rf_engine *engine, const rf_batch *batch, uint32_t n_top,
                            rf_engine_graph **out, rf_error *error)
{
    rf_engine_graph *oldest = &engine->graphs[0];
    for (uint32_t i = 0; i < RF_ENGINE_GRAPHS; i++) {
        rf_engine_graph *g = &engine->graphs[i];
        if (g->last_used && g->host == batch->tokens && g->fed == batch->fed &&
            g->n_tokens == batch->n_tokens && g->n_logits == batch->n_logits && g->n_top == n_top &&
            g->table_rows == batch->table_rows && g->runs == batch->runs) {
            *out = g;
            return RF_OK;
        }
        if (g->last_used < oldest->last_used)
            oldest = g;
    }
    rf_device *device = rf_engine_last(engine)->compute.device;
    if (oldest->graph)
        RF_TRY(device->ops->graph_destroy(device, oldest->graph, error));
    *oldest = (rf_engine_graph){.host = batch->tokens,
                                .fed = batch->fed,
                                .n_tokens = batch->n_tokens,
                                .n_logits = batch->n_logits,
                                .n_top = n_top,
                                .table_rows = batch->table_rows,
                                .runs = batch->runs};
    *out = oldest;
    return RF_OK;
}

static rf_status capture(rf_engine *engine, const rf_batch *batch, uint32_t n_top, rf_graph **out,
                         rf_error *error)
{
    rf_device *device = rf_engine_last(engine)->compute.device;
    rf_stream *stream = rf_engine_last(engine)->compute.stream;
    rf_graph *graph = NULL;
    RF_TRY(device->ops->graph_begin(device, stream, error));
    rf_status status = put_work(engine, batch, n_top, error);
    /* The stream must leave its capture, whatever happened in it. */
    rf_status ended =
        device->ops->graph_end(device, stream, &graph, status == RF_OK ? error : NULL);
    if (status != RF_OK && ended == RF_OK)
        (void)device->ops->graph_destroy(device, graph, NULL); /* the first failure counts */
    RF_TRY(status);
    RF_TRY(ended);
    *out = graph;
    return RF_OK;
}

/* The first pass of a kind runs as it is, which loads its kernels; the second is captured. */
static rf_status put_graph(rf_engine *engine, const rf_batch *batch, uint32_t n_top,
                           rf_error *error)
{
    const rf_compute *compute = &rf_engine_last(engine)->compute;
    rf_device *device = compute->device;
    rf_engine_graph *entry = NULL;
    RF_TRY(find_graph(engine, batch, n_top, &entry, error));
    bool first = entry->last_used == 0;
    if (!first && !entry->graph)
        RF_TRY(capture(engine, batch, n_top, &entry->graph, error));
    entry->last_used = engine->passes;
    if (first)
        return put_work(engine, batch, n_top, error);
    return device->ops->graph_replay(device, compute->stream, entry->graph, error);
}

void rf_engine_graphs_free(rf_engine *engine)
{
    rf_device *device = rf_engine_last(engine)->compute.device;
    for (uint32_t i = 0; i < RF_ENGINE_GRAPHS; i++) {
        if (engine->graphs[i].graph) /* a refusal has nobody left to be told */
            (void)device->ops->graph_destroy(device, engine->graphs[i].graph, NULL);
        engine->graphs[i] = (rf_engine_graph){0};
    }
}

/* ---- a pass ------------------------------------------------------------------------------------
 */

static rf_status put_pass(rf_engine *engine, const rf_batch *batch, uint32_t n_top, rf_error *error)
{
    bool graph =
        rf_engine_last(engine)->compute.programs && batch->n_tokens <= RF_ENGINE_GRAPH_TOKENS;
    RF_TRY(run_on_host(engine, batch, error));
    return graph ? put_graph(engine, batch, n_top, error) : put_work(engine, batch, n_top, error);
}

rf_status rf_engine_put(rf_engine *engine, rf_engine_flight *flight, const rf_batch *batch,
                        rf_error *error)
{
    const rf_compute *compute = &rf_engine_last(engine)->compute;
    uint64_t table_values = (uint64_t)rf_kvcache_table_stride(engine->kv) * batch->table_rows;
    memcpy(batch->tables, rf_kvcache_tables(engine->kv), table_values * sizeof(int32_t));
    engine->passes++;
    flight->n_tokens = batch->n_tokens;
    flight->n_rows = batch->n_logits;
    rf_status status = put_pass(engine, batch, flight->n_top, error);
    if (status != RF_OK) /* what was put reads the batch, which is written next */
        (void)compute->device->ops->stream_sync(compute->device, compute->stream, NULL);
    return status;
}

rf_status rf_engine_wait(rf_engine *engine, const rf_engine_flight *flight, bool behind,
                         rf_error *error)
{
    const rf_compute *compute = &rf_engine_last(engine)->compute;
    rf_device *device = compute->device;
    return behind ? device->ops->event_sync(device, flight->done, error)
                  : device->ops->stream_sync(device, compute->stream, error);
}

void rf_engine_top(const rf_engine_flight *flight, uint32_t row, const int32_t **indices,
                   const float **values)
{
    /* All indices come before all values. */
    const uint32_t n_top = flight->n_top;
    const int32_t *all = flight->results.memory;
    *indices = all + (size_t)row * n_top;
    *values = (const float *)(all + (size_t)flight->n_rows * n_top) + (size_t)row * n_top;
}

rf_status rf_engine_row(rf_engine *engine, const rf_engine_flight *flight, uint32_t row,
                        float **logits, rf_error *error)
{
    const rf_compute *compute = &rf_engine_last(engine)->compute;
    rf_device *device = compute->device;
    uint64_t bytes = (uint64_t)engine->model->config.n_vocab * sizeof(float);
    rf_address from;
    RF_TRY(rf_block_address(engine->logits, &from, error));
    RF_TRY(device->ops->copy(device, compute->stream, RF_COPY_FROM_DEVICE,
                             (rf_address)(uintptr_t)flight->results.memory, from + row * bytes,
                             bytes, error));
    RF_TRY(device->ops->stream_sync(device, compute->stream, error));
    *logits = flight->results.memory;
    return RF_OK;
}
