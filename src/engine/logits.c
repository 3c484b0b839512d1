/* logits.c: the logits of a whole text, for comparison with other engines and for perplexity. */
#include <inttypes.h>

#include "base/clock.h"
#include "engine/engine.h"

/* Computes tokens [done, done + n) of a text whose beginning is in the cache, and reads their
 * logits. */
static rf_status compute_chunk(rf_engine *engine, uint32_t kv, const int32_t *tokens, uint32_t done,
                               uint32_t n, float *logits, rf_error *error)
{
    uint64_t start = rf_clock_ns();
    uint64_t row = engine->model->config.n_vocab;
    rf_engine_flight *flight = &engine->flights[engine->now];
    rf_batch batch = rf_batch_begin(engine, flight);
    RF_TRY(rf_kvcache_reserve(engine->kv, kv, n, error));
    for (uint32_t i = 0; i < n; i++) {
        rf_batch_add(&batch, tokens + done + i, 1, done + i, kv);
        rf_batch_want_logits(&batch);
    }
    flight->n_top = 0;
    RF_TRY(rf_engine_put(engine, flight, &batch, error));
    RF_TRY(rf_engine_wait(engine, flight, false, error));
    RF_TRY(rf_kvcache_commit(engine->kv, kv, n, error));
    RF_TRY(rf_block_read(engine->logits, 0, logits + done * row, n * row * sizeof(float), error));
    engine->stats.prefill_tokens += n;
    engine->stats.prefill_nanoseconds += rf_clock_ns() - start;
    return RF_OK;
}

static rf_status compute_text(rf_engine *engine, uint32_t kv, const int32_t *tokens,
                              uint32_t n_tokens, uint32_t chunk, float *logits, rf_error *error)
{
    for (uint32_t done = 0; done < n_tokens;) {
        uint32_t left = n_tokens - done;
        uint32_t n = left < chunk ? left : chunk;
        RF_TRY(compute_chunk(engine, kv, tokens, done, n, logits, error));
        done += n;
    }
    return RF_OK;
}

rf_status rf_engine_logits(rf_engine *engine, const int32_t *tokens, size_t n_tokens,
                           bool one_by_one, float *logits, rf_error *error)
{
    if (engine->n_active)
        return rf_error_set(error, RF_ERROR_BUSY, "%zu requests are active", engine->n_active);
    RF_TRY(rf_engine_check_tokens(engine, tokens, n_tokens, error));
    RF_TRY(rf_engine_settle(engine, error));
    uint32_t chunk = engine->shape.n_logits;
    uint32_t kv;
    RF_TRY(rf_kvcache_open(engine->kv, &kv, error));
    rf_status status =
        compute_text(engine, kv, tokens, (uint32_t)n_tokens, one_by_one ? 1 : chunk, logits, error);
    rf_status released = rf_kvcache_release(engine->kv, kv, status == RF_OK ? error : NULL);
    return status == RF_OK ? released : status;
}
