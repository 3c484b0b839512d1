/* batch.c: putting a batch together on the host. */
#include "engine/engine.h"

rf_batch rf_batch_begin(const rf_engine *engine, const rf_engine_flight *flight)
{
    uint32_t n = engine->shape.n_batch;
    int32_t *values = flight->batch.memory;
    return (rf_batch){.tokens = values,
                      .positions = values + n,
                      .rows = values + 2 * (size_t)n,
                      .logits_rows = values + 3 * (size_t)n,
                      .tables = values + 3 * (size_t)n + engine->shape.n_logits,
                      .results = flight->results.memory};
}

void rf_batch_add(rf_batch *batch, const int32_t *tokens, uint32_t n, uint32_t position,
                  uint32_t kv_sequence)
{
    const bool goes_on =
        batch->n_tokens && batch->rows[batch->n_tokens - 1] == (int32_t)kv_sequence;
    batch->runs = batch->runs || n > 1 || goes_on;
    for (uint32_t i = 0; i < n; i++) {
        batch->tokens[batch->n_tokens] = tokens[i];
        batch->positions[batch->n_tokens] = (int32_t)(position + i);
        batch->rows[batch->n_tokens] = (int32_t)kv_sequence;
        batch->n_tokens++;
    }
    if (batch->table_rows <= kv_sequence)
        batch->table_rows = kv_sequence + 1;
}

uint32_t rf_batch_want_logits(rf_batch *batch)
{
    batch->logits_rows[batch->n_logits] = (int32_t)batch->n_tokens - 1;
    return batch->n_logits++;
}
