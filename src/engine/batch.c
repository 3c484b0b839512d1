/* batch.c: putting a batch together on the host and running it on the device. */
#include <string.h>

#include "engine/engine.h"

rf_batch rf_batch_begin(rf_engine *engine)
{
    uint32_t n = engine->shape.n_batch;
    int32_t *values = engine->batch;
    return (rf_batch){.tokens = values,
                      .positions = values + n,
                      .rows = values + 2 * (size_t)n,
                      .logits_rows = values + 3 * (size_t)n,
                      .tables = values + 3 * (size_t)n + engine->shape.n_logits};
}

void rf_batch_add(rf_batch *batch, const int32_t *tokens, uint32_t n, uint32_t position,
                  uint32_t kv_sequence)
{
    for (uint32_t i = 0; i < n; i++) {
        batch->tokens[batch->n_tokens] = tokens[i];
        batch->positions[batch->n_tokens] = (int32_t)(position + i);
        batch->rows[batch->n_tokens] = (int32_t)kv_sequence;
        batch->n_tokens++;
    }
}

uint32_t rf_batch_want_logits(rf_batch *batch)
{
    batch->logits_rows[batch->n_logits] = (int32_t)batch->n_tokens - 1;
    return batch->n_logits++;
}

/* The address on the device of a pointer into the host's copy of the batch arrays. */
static rf_address on_device(const rf_engine *engine, rf_address base, const int32_t *values)
{
    return base + (rf_address)((const char *)values - (const char *)engine->batch);
}

rf_status rf_batch_run(rf_engine *engine, const rf_batch *batch, rf_error *error)
{
    uint32_t stride = rf_kvcache_table_stride(engine->kv);
    uint64_t table_values = (uint64_t)stride * engine->shape.kv.n_sequences;
    memcpy(batch->tables, rf_kvcache_tables(engine->kv), table_values * sizeof(int32_t));
    RF_TRY(rf_block_write(engine->batch_block, 0, engine->batch, engine->batch_block.bytes, error));
    rf_address base;
    RF_TRY(rf_block_address(engine->batch_block, &base, error));
    rf_pass pass = {.config = &engine->model->config,
                    .weights = engine->model->weights,
                    .compute = &engine->compute,
                    .kv = engine->kv,
                    .activations = &engine->activations,
                    .batch = {.n_tokens = batch->n_tokens,
                              .tokens = on_device(engine, base, batch->tokens),
                              .positions = on_device(engine, base, batch->positions),
                              .rows = on_device(engine, base, batch->rows),
                              .block_tables = on_device(engine, base, batch->tables),
                              .table_stride = stride},
                    .n_logits = batch->n_logits,
                    .logits_rows = on_device(engine, base, batch->logits_rows)};
    return rf_model_forward(&pass, error);
}
