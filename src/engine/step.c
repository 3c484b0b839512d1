/*
 * step.c: continuous batching (Yu et al. 2022, "Orca"). Every pass first takes one token of each
 * sequence that generates, so that none waits for a long prompt, and fills the rest of the batch
 * with prompts in chunks.
 *
 * A pass either happens whole or not at all: room is reserved before, committed after, and cut off
 * again on failure.
 *
 * Where all that a pass computes are next tokens, each the one with the largest logit, the pass
 * behind it needs nothing that the host does not know but these tokens, and they are on the device:
 * it is put on the stream before they are read, so that the device does not wait for the host.
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

static void clear_shares(const rf_engine *engine, rf_engine_flight *flight)
{
    flight->n_tokens = 0;
    for (uint32_t i = 0; i < engine->shape.kv.n_sequences; i++)
        flight->shares[i] = (rf_slot_share){.logits_row = NO_LOGITS};
}

/* Adds n tokens of slot i to the batch, behind share->length of its sequence. */
static rf_status add_share(const rf_engine *engine, rf_slot_share *share, rf_batch *batch,
                           uint32_t i, const int32_t *tokens, uint32_t n, bool want_logits,
                           rf_error *error)
{
    uint32_t kv = engine->slots[i]->kv;
    RF_TRY(rf_kvcache_reserve(engine->kv, kv, share->length - rf_kvcache_length(engine->kv, kv) + n,
                              error));
    share->n_tokens = n;
    rf_batch_add(batch, tokens, n, share->length, kv);
    if (want_logits)
        share->logits_row = rf_batch_want_logits(batch);
    return RF_OK;
}

/* Every sequence that generates gives its next token; prompts share the room that is left. */
static rf_status fill_batch(const rf_engine *engine, const rf_engine_flight *flight,
                            rf_batch *batch, rf_error *error)
{
    uint32_t n_slots = engine->shape.kv.n_sequences;
    for (uint32_t i = 0; i < n_slots; i++) {
        const rf_request_state *request = engine->slots[i];
        if (!request)
            continue;
        flight->shares[i].length = rf_kvcache_length(engine->kv, request->kv);
        if (is_generating(request))
            RF_TRY(add_share(engine, &flight->shares[i], batch, i, &request->next, 1, true, error));
    }
    for (uint32_t i = 0; i < n_slots; i++) {
        const rf_request_state *request = engine->slots[i];
        uint32_t room = engine->shape.n_batch - batch->n_tokens;
        if (!request || is_generating(request) || room == 0)
            continue;
        uint32_t left = request->n_prompt - request->n_done;
        uint32_t n = left < room ? left : room;
        RF_TRY(add_share(engine, &flight->shares[i], batch, i, request->tokens + request->n_done, n,
                         n == left, error));
    }
    return RF_OK;
}

/* How many of the largest logits are enough for every row of the batch; 0: whole rows are needed.
 */
static uint32_t top_wanted(rf_engine *engine, const rf_engine_flight *flight)
{
    uint32_t most = 0;
    for (uint32_t i = 0; i < engine->shape.kv.n_sequences; i++) {
        if (flight->shares[i].n_tokens == 0 || flight->shares[i].logits_row == NO_LOGITS)
            continue;
        uint32_t wanted = rf_sampler_top(engine->slots[i]->sampler);
        if (wanted == 0 || wanted > RF_TOP_MAX)
            return 0;
        most = wanted > most ? wanted : most;
    }
    return rf_engine_last(engine)->compute.kernels->top ? most : 0;
}

static rf_status draw(rf_engine *engine, const rf_engine_flight *flight,
                      const rf_request_state *request, uint32_t row, int32_t *token,
                      rf_error *error)
{
    if (flight->n_top) {
        const int32_t *indices;
        const float *values;
        rf_engine_top(flight, row, &indices, &values);
        return rf_sampler_draw_top(request->sampler, indices, values, flight->n_top, token, error);
    }
    float *logits;
    RF_TRY(rf_engine_row(engine, flight, row, &logits, error));
    return rf_sampler_draw(request->sampler, logits, token, error);
}

/* Draws every slot's next token before anything is committed. tokens: [n_sequences]. */
static rf_status draw_all(rf_engine *engine, const rf_engine_flight *flight, int32_t *tokens,
                          rf_error *error)
{
    for (uint32_t i = 0; i < engine->shape.kv.n_sequences; i++) {
        const rf_slot_share *share = &flight->shares[i];
        if (share->n_tokens == 0 || share->logits_row == NO_LOGITS)
            continue;
        rf_status status =
            draw(engine, flight, engine->slots[i], share->logits_row, &tokens[i], error);
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

/* Ends the sequence of slot i. */
static rf_status end_slot(rf_engine *engine, uint32_t i, rf_error *error)
{
    RF_TRY(rf_kvcache_release(engine->kv, engine->slots[i]->kv, error));
    rf_engine_forget(engine, i);
    rf_request_state_free(engine->slots[i]);
    engine->slots[i] = NULL;
    engine->n_active--;
    return RF_OK;
}

/* Moves slot i past its share; *output is written if it has a new token. */
static rf_status advance(rf_engine *engine, const rf_slot_share *share, uint32_t i, int32_t token,
                         rf_output *output, rf_error *error)
{
    rf_request_state *request = engine->slots[i];
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
    return output->finish == RF_FINISH_NONE ? RF_OK : end_slot(engine, i, error);
}

static rf_status advance_all(rf_engine *engine, const rf_engine_flight *flight,
                             const int32_t *tokens, rf_output *outputs, size_t *count,
                             rf_error *error)
{
    size_t n = 0;
    for (uint32_t i = 0; i < engine->shape.kv.n_sequences; i++) {
        const rf_slot_share *share = &flight->shares[i];
        if (share->n_tokens == 0)
            continue;
        bool has_output = share->logits_row != NO_LOGITS;
        RF_TRY(advance(engine, share, i, tokens[i], &outputs[n], error));
        n += has_output;
    }
    *count = n;
    return RF_OK;
}

static void count_time(rf_engine *engine, const rf_engine_flight *flight, uint64_t nanoseconds)
{
    /* A pass with any prompt in it counts as prefill: its time is the prompt's for the most part.
     */
    bool prefill = false;
    for (uint32_t i = 0; i < engine->shape.kv.n_sequences; i++)
        prefill = prefill || (flight->shares[i].n_tokens && !is_generating(engine->slots[i]));
    rf_engine_stats *stats = &engine->stats;
    *(prefill ? &stats->prefill_tokens : &stats->decode_tokens) += flight->n_tokens;
    *(prefill ? &stats->prefill_nanoseconds : &stats->decode_nanoseconds) += nanoseconds;
}

/* ---- passes --------------------------------------------------------------------------------- */

/* Where no pass is on the stream. */
static rf_status put_next(rf_engine *engine, rf_engine_flight *flight, rf_error *error)
{
    clear_shares(engine, flight);
    RF_TRY(admit(engine, error));
    rf_batch batch = rf_batch_begin(engine, flight);
    RF_TRY(fill_batch(engine, flight, &batch, error));
    if (batch.n_tokens == 0)
        return RF_OK;
    flight->n_top = top_wanted(engine, flight);
    return rf_engine_put(engine, flight, &batch, error);
}

/* Whether every slot goes on behind a pass that was put, as far as that is known: its token may
 * end it. In the pass behind it token i is that of row i: so each of its tokens must have one, and
 * nobody may have left it. */
static bool can_go_ahead(const rf_engine *engine, const rf_engine_flight *flight)
{
    if (!flight->done || flight->n_top != 1 || flight->n_tokens != flight->n_rows ||
        flight->n_tokens > RF_ENGINE_GRAPH_TOKENS)
        return false;
    for (uint32_t i = 0; i < engine->shape.kv.n_sequences; i++) {
        const rf_request_state *request = engine->slots[i];
        const rf_slot_share *share = &flight->shares[i];
        if (!request && engine->queue_first)
            return false; /* somebody waits for this slot */
        if (request && (share->n_tokens == 0 || !is_generating(request) ||
                        request->max_tokens == 1 || share->length + 2 > engine->shape.kv.n_context))
            return false;
    }
    return true;
}

/* Puts the pass behind one that was put, whose tokens it is fed. */
static rf_status put_ahead(rf_engine *engine, const rf_engine_flight *flight,
                           rf_engine_flight *behind, rf_error *error)
{
    const rf_compute *compute = &rf_engine_last(engine)->compute;
    const int32_t unknown = 0;
    clear_shares(engine, behind);
    rf_batch batch = rf_batch_begin(engine, behind);
    batch.fed = true;
    for (uint32_t i = 0; i < engine->shape.kv.n_sequences; i++) {
        if (!engine->slots[i])
            continue;
        behind->shares[i].length = flight->shares[i].length + 1;
        RF_TRY(add_share(engine, &behind->shares[i], &batch, i, &unknown, 1, true, error));
    }
    behind->n_top = 1;
    RF_TRY(
        compute->device->ops->event_record(compute->device, flight->done, compute->stream, error));
    return rf_engine_put(engine, behind, &batch, error);
}

/* Waits for whatever is on the stream, and forgets it. */
static rf_status stop(rf_engine *engine, rf_error *error)
{
    const rf_compute *compute = &rf_engine_last(engine)->compute;
    engine->ahead = false;
    roll_back(engine);
    return compute->device->ops->stream_sync(compute->device, compute->stream, error);
}

rf_status rf_engine_settle(rf_engine *engine, rf_error *error)
{
    return engine->ahead ? stop(engine, error) : RF_OK;
}

void rf_engine_forget(rf_engine *engine, uint32_t slot)
{
    rf_engine_flight *flight = &engine->flights[engine->now];
    if (!engine->ahead)
        return;
    flight->n_tokens -= flight->shares[slot].n_tokens;
    flight->shares[slot] = (rf_slot_share){.logits_row = NO_LOGITS};
}

/* The pass whose tokens a step gives: puts it, if that was not done ahead, and what is behind it;
 * waits, and draws. *ahead: whether there is one behind it. */
static rf_status run_pass(rf_engine *engine, rf_engine_flight *flight, rf_engine_flight *behind,
                          bool *ahead, rf_error *error)
{
    if (engine->ahead && flight->n_tokens == 0) /* nobody wants any of it */
        RF_TRY(stop(engine, error));
    if (!engine->ahead)
        RF_TRY(put_next(engine, flight, error));
    if (flight->n_tokens == 0)
        return RF_OK;
    /* Where that fails nothing is behind it, and the pass itself may be good. */
    *ahead = can_go_ahead(engine, flight) && put_ahead(engine, flight, behind, NULL) == RF_OK;
    RF_TRY(rf_engine_wait(engine, flight, *ahead, error));
    return draw_all(engine, flight, engine->drawn, error);
}

rf_status rf_engine_step(rf_engine *engine, rf_output *outputs, size_t capacity, size_t *count,
                         rf_error *error)
{
    uint32_t n_slots = engine->shape.kv.n_sequences;
    if (capacity < n_slots)
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "room for %zu outputs, expected at least n_sequences = %u", capacity,
                            n_slots);
    /* A pass that was put ahead runs since the one before it was over. */
    uint64_t start = engine->ahead ? engine->waited_ns : rf_clock_ns();
    rf_engine_flight *flight = &engine->flights[engine->now];
    rf_engine_flight *behind = &engine->flights[!engine->now];
    bool ahead = false;
    rf_status status = run_pass(engine, flight, behind, &ahead, error);
    if (status == RF_OK) {
        engine->waited_ns = rf_clock_ns();
        count_time(engine, flight, engine->waited_ns - start);
        engine->ahead = ahead;
        engine->now = ahead ? !engine->now : engine->now;
        status = advance_all(engine, flight, engine->drawn, outputs, count, error);
    }
    if (status != RF_OK)
        (void)stop(engine, NULL); /* the first failure counts */
    return status;
}
