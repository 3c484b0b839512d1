/*
 * step.c: continuous batching (Yu et al. 2022, "Orca"). Every pass first takes one token of each
 * sequence that generates, so that none waits for a long prompt, and fills the rest of the batch
 * with prompts in chunks.
 *
 * A pass either happens whole or not at all: room is reserved before, committed after, and cut off
 * again on failure.
 */
#include <inttypes.h>

#include "base/clock.h"
#include "engine/engine.h"
#include "tokenizer/tokenizer.h"

#define NO_LOGITS UINT32_MAX

static bool is_generating(const rf_request_state *request)
{
    return request->n_done == request->n_prompt;
}

/* Gives free slots to waiting requests, first come first served. */
static rf_status admit(rf_engine *engine, rf_error *error)
{
    for (uint32_t i = 0; i < engine->shape.kv.n_sequences && engine->queue_first; i++) {
        if (engine->slots[i])
            continue;
        rf_request_state *request = engine->queue_first;
        RF_TRY(rf_kvcache_open(engine->kv, &request->kv, error));
        engine->queue_first = request->following;
        if (!engine->queue_first)
            engine->queue_last = NULL;
        request->following = NULL;
        engine->slots[i] = request;
    }
    return RF_OK;
}

/* Adds n tokens of slot i to the batch. */
static rf_status add_share(rf_engine *engine, rf_batch *batch, uint32_t i, const int32_t *tokens,
                           uint32_t n, bool want_logits, rf_error *error)
{
    rf_slot_share *share = &engine->shares[i];
    uint32_t kv = engine->slots[i]->kv;
    share->length = rf_kvcache_length(engine->kv, kv);
    RF_TRY(rf_kvcache_reserve(engine->kv, kv, n, error));
    share->n_tokens = n;
    rf_batch_add(batch, tokens, n, share->length, kv);
    if (want_logits)
        share->logits_row = rf_batch_want_logits(batch);
    return RF_OK;
}

/* Every sequence that generates gives its next token; prompts share the room that is left. */
static rf_status fill_batch(rf_engine *engine, rf_batch *batch, rf_error *error)
{
    uint32_t n_slots = engine->shape.kv.n_sequences;
    for (uint32_t i = 0; i < n_slots; i++) {
        const rf_request_state *request = engine->slots[i];
        if (request && is_generating(request))
            RF_TRY(add_share(engine, batch, i, &request->next, 1, true, error));
    }
    for (uint32_t i = 0; i < n_slots; i++) {
        const rf_request_state *request = engine->slots[i];
        uint32_t room = engine->shape.n_batch - batch->n_tokens;
        if (!request || is_generating(request) || room == 0)
            continue;
        uint32_t left = request->n_prompt - request->n_done;
        uint32_t n = left < room ? left : room;
        RF_TRY(add_share(engine, batch, i, request->tokens + request->n_done, n, n == left, error));
    }
    return RF_OK;
}

/* How many of the largest logits are enough for every row of the batch; 0: whole rows are needed.
 */
static uint32_t top_wanted(rf_engine *engine)
{
    uint32_t most = 0;
    for (uint32_t i = 0; i < engine->shape.kv.n_sequences; i++) {
        if (engine->shares[i].n_tokens == 0 || engine->shares[i].logits_row == NO_LOGITS)
            continue;
        uint32_t wanted = rf_sampler_top(engine->slots[i]->sampler);
        if (wanted == 0 || wanted > RF_TOP_MAX)
            return 0;
        most = wanted > most ? wanted : most;
    }
    return rf_engine_last(engine)->compute.kernels->top ? most : 0;
}

static rf_status draw(rf_engine *engine, const rf_request_state *request, uint32_t row,
                      uint32_t n_top, int32_t *token, rf_error *error)
{
    if (n_top) {
        const int32_t *indices;
        const float *values;
        rf_engine_top(engine, n_top, row, &indices, &values);
        return rf_sampler_draw_top(request->sampler, indices, values, n_top, token, error);
    }
    float *logits;
    RF_TRY(rf_engine_row(engine, row, &logits, error));
    return rf_sampler_draw(request->sampler, logits, token, error);
}

/* Draws every slot's next token before anything is committed. tokens: [n_sequences]. */
static rf_status draw_all(rf_engine *engine, uint32_t n_top, int32_t *tokens, rf_error *error)
{
    for (uint32_t i = 0; i < engine->shape.kv.n_sequences; i++) {
        const rf_slot_share *share = &engine->shares[i];
        if (share->n_tokens == 0 || share->logits_row == NO_LOGITS)
            continue;
        rf_status status =
            draw(engine, engine->slots[i], share->logits_row, n_top, &tokens[i], error);
        if (status != RF_OK)
            return rf_error_context(error, status, "sequence %" PRIu64, engine->slots[i]->id);
    }
    return RF_OK;
}

/* Puts the cache back to where it was before the batch was filled. */
static void roll_back(rf_engine *engine)
{
    for (uint32_t i = 0; i < engine->shape.kv.n_sequences; i++) {
        const rf_request_state *request = engine->slots[i];
        if (request) /* to its present length: drops what was reserved; that cannot fail */
            (void)rf_kvcache_truncate(engine->kv, request->kv,
                                      rf_kvcache_length(engine->kv, request->kv), NULL);
    }
}

static rf_finish finish_of(const rf_engine *engine, const rf_request_state *request, int32_t token)
{
    const rf_tokenizer *tokenizer = engine->model->tokenizer;
    if (!request->ignore_end && tokenizer && rf_tokenizer_is_end(tokenizer, token))
        return RF_FINISH_END;
    bool full = rf_kvcache_length(engine->kv, request->kv) >= engine->shape.kv.n_context;
    return full || request->max_tokens == 0 ? RF_FINISH_LENGTH : RF_FINISH_NONE;
}

/* Moves slot i past its share; *output is written if it has a new token. */
static rf_status advance(rf_engine *engine, uint32_t i, int32_t token, rf_output *output,
                         rf_error *error)
{
    rf_request_state *request = engine->slots[i];
    const rf_slot_share *share = &engine->shares[i];
    RF_TRY(rf_kvcache_commit(engine->kv, request->kv, share->n_tokens, error));
    if (!is_generating(request))
        request->n_done += share->n_tokens;
    if (share->logits_row == NO_LOGITS)
        return RF_OK;
    request->next = token;
    if (request->max_tokens != UINT32_MAX)
        request->max_tokens--;
    rf_sampler_accept(request->sampler, token);
    *output = (rf_output){request->id, token, finish_of(engine, request, token)};
    if (output->finish != RF_FINISH_NONE) {
        RF_TRY(rf_kvcache_release(engine->kv, request->kv, error));
        rf_request_state_free(request);
        engine->slots[i] = NULL;
        engine->n_active--;
    }
    return RF_OK;
}

static rf_status advance_all(rf_engine *engine, const int32_t *tokens, rf_output *outputs,
                             size_t *count, rf_error *error)
{
    size_t n = 0;
    for (uint32_t i = 0; i < engine->shape.kv.n_sequences; i++) {
        if (engine->shares[i].n_tokens == 0)
            continue;
        bool has_output = engine->shares[i].logits_row != NO_LOGITS;
        RF_TRY(advance(engine, i, tokens[i], &outputs[n], error));
        n += has_output;
    }
    *count = n;
    return RF_OK;
}

static void count_time(rf_engine *engine, const rf_batch *batch, uint64_t nanoseconds)
{
    /* A pass with any prompt in it counts as prefill: its time is the prompt's for the most part.
     */
    bool prefill = false;
    for (uint32_t i = 0; i < engine->shape.kv.n_sequences; i++)
        prefill = prefill || (engine->shares[i].n_tokens && !is_generating(engine->slots[i]));
    rf_engine_stats *stats = &engine->stats;
    *(prefill ? &stats->prefill_tokens : &stats->decode_tokens) += batch->n_tokens;
    *(prefill ? &stats->prefill_nanoseconds : &stats->decode_nanoseconds) += nanoseconds;
}

static rf_status run_pass(rf_engine *engine, rf_batch *batch, rf_error *error)
{
    RF_TRY(fill_batch(engine, batch, error));
    if (batch->n_tokens == 0)
        return RF_OK;
    uint32_t n_top = top_wanted(engine);
    RF_TRY(rf_engine_pass(engine, batch, n_top, error));
    return draw_all(engine, n_top, engine->drawn, error);
}

rf_status rf_engine_step(rf_engine *engine, rf_output *outputs, size_t capacity, size_t *count,
                         rf_error *error)
{
    uint32_t n_slots = engine->shape.kv.n_sequences;
    if (capacity < n_slots)
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "room for %zu outputs, expected at least n_sequences = %u", capacity,
                            n_slots);
    uint64_t start = rf_clock_ns();
    RF_TRY(admit(engine, error));
    for (uint32_t i = 0; i < n_slots; i++)
        engine->shares[i] = (rf_slot_share){.logits_row = NO_LOGITS};
    rf_batch batch = rf_batch_begin(engine);
    rf_status status = run_pass(engine, &batch, error);
    if (status != RF_OK) {
        roll_back(engine);
        return status;
    }
    count_time(engine, &batch, rf_clock_ns() - start);
    return advance_all(engine, engine->drawn, outputs, count, error);
}
