/* request.c: taking requests in, checked, cutting them back, and letting go of them. */
#include <inttypes.h>
#include <string.h>

#include "base/memory.h"
#include "engine/engine.h"

void rf_request_state_free(rf_request_state *request)
{
    if (!request)
        return;
    rf_sampler_free(request->sampler);
    rf_free(request->tokens);
    rf_free(request);
}

rf_status rf_engine_check_tokens(const rf_engine *engine, const int32_t *tokens, size_t n,
                                 rf_error *error)
{
    uint32_t n_vocab = engine->model->config.n_vocab;
    if (n == 0)
        return rf_error_set(error, RF_ERROR_ARGUMENT, "the prompt is empty: at least one token");
    if (n > engine->shape.kv.n_context)
        return rf_error_set(error, RF_ERROR_FULL,
                            "context full: the prompt has %zu tokens, the context %u", n,
                            engine->shape.kv.n_context);
    for (size_t i = 0; i < n; i++) {
        if (tokens[i] < 0 || (uint32_t)tokens[i] >= n_vocab)
            return rf_error_set(error, RF_ERROR_ARGUMENT,
                                "token %zu of the prompt is %" PRId32 ", expected 0 to %u", i,
                                tokens[i], n_vocab - 1);
    }
    return RF_OK;
}

static rf_status fill_state(const rf_engine *engine, const int32_t *kept, uint32_t n_kept,
                            const rf_request *request, rf_request_state *state, rf_error *error)
{
    uint32_t n = n_kept + (uint32_t)request->n_tokens; /* both within a context: no overflow */
    state->tokens = rf_calloc(n, sizeof(*state->tokens));
    if (!state->tokens)
        return rf_error_host_memory(error, "a prompt", n * sizeof(*state->tokens));
    if (n_kept)
        memcpy(state->tokens, kept, n_kept * sizeof(*state->tokens));
    memcpy(state->tokens + n_kept, request->tokens, request->n_tokens * sizeof(*state->tokens));
    state->n_prompt = n;
    state->n_done = n_kept;
    state->max_tokens = request->max_tokens ? request->max_tokens : UINT32_MAX;
    state->ignore_end = request->ignore_end;
    state->kv = RF_KV_NO_SEQUENCE;
    RF_TRY(rf_sampler_create(&request->sampling, engine->model->config.n_vocab, &state->sampler,
                             error));
    for (uint32_t i = 0; i < state->n_prompt; i++)
        rf_sampler_accept(state->sampler, state->tokens[i]);
    return RF_OK;
}

/* A state for a request, its prompt being these n_kept tokens, which are in the cache, and then the
 * request's own, which were checked. */
static rf_status make_state(const rf_engine *engine, const int32_t *kept, uint32_t n_kept,
                            const rf_request *request, rf_request_state **out, rf_error *error)
{
    rf_request_state *state = rf_calloc(1, sizeof(*state));
    if (!state) {
        (void)rf_error_host_memory(error, "a request", sizeof(*state));
        return RF_ERROR_HOST_MEMORY;
    }
    rf_status status = fill_state(engine, kept, n_kept, request, state, error);
    if (status != RF_OK) {
        rf_request_state_free(state);
        return status;
    }
    *out = state;
    return RF_OK;
}

rf_status rf_engine_submit(rf_engine *engine, const rf_request *request, rf_sequence *out,
                           rf_error *error)
{
    RF_TRY(rf_engine_check_tokens(engine, request->tokens, request->n_tokens, error));
    rf_request_state *state = NULL;
    RF_TRY(make_state(engine, NULL, 0, request, &state, error));
    state->id = ++engine->last_id;
    if (engine->queue_last)
        engine->queue_last->following = state;
    else
        engine->queue_first = state;
    engine->queue_last = state;
    engine->n_active++;
    *out = state->id;
    return RF_OK;
}

/* Takes a waiting request out of the queue; NULL where there is none of that id. */
static rf_request_state *unqueue(rf_engine *engine, rf_sequence id)
{
    rf_request_state *before = NULL;
    rf_request_state *request = engine->queue_first;
    while (request && request->id != id) {
        before = request;
        request = request->following;
    }
    if (!request)
        return NULL;
    if (before)
        before->following = request->following;
    else
        engine->queue_first = request->following;
    if (engine->queue_last == request)
        engine->queue_last = before;
    return request;
}

static rf_status not_active(rf_sequence sequence, rf_error *error)
{
    return rf_error_set(error, RF_ERROR_NOT_FOUND, "sequence %" PRIu64 " is not active", sequence);
}

/* The slot in which a sequence runs; n_sequences where it does not. */
static uint32_t slot_of(const rf_engine *engine, rf_sequence id)
{
    uint32_t i = 0;
    while (i < engine->shape.kv.n_sequences && !(engine->slots[i] && engine->slots[i]->id == id))
        i++;
    return i;
}

rf_status rf_engine_rewind(rf_engine *engine, rf_sequence sequence, size_t n_keep,
                           const rf_request *rest, rf_error *error)
{
    uint32_t slot = slot_of(engine, sequence);
    if (slot == engine->shape.kv.n_sequences)
        return not_active(sequence, error);
    rf_request_state *old = engine->slots[slot];
    if (n_keep > old->n_done)
        return rf_error_set(error, RF_ERROR_RANGE,
                            "sequence %" PRIu64 ": %zu tokens to keep, of %u that are computed of "
                            "its prompt",
                            sequence, n_keep, old->n_done);
    RF_TRY(rf_engine_check_tokens(engine, rest->tokens, rest->n_tokens, error));
    if (rest->n_tokens > engine->shape.kv.n_context - n_keep)
        return rf_error_set(error, RF_ERROR_FULL,
                            "context full: %zu tokens behind %zu, the context has %u",
                            rest->n_tokens, n_keep, engine->shape.kv.n_context);
    rf_request_state *state = NULL;
    RF_TRY(make_state(engine, old->tokens, (uint32_t)n_keep, rest, &state, error));
    rf_status status = rf_kvcache_truncate(engine->kv, old->kv, (uint32_t)n_keep, error);
    if (status != RF_OK) {
        rf_request_state_free(state);
        return status;
    }
    rf_engine_forget(engine, slot);
    if (engine->flights[engine->now].n_tokens == 0) /* or its time were the next step's */
        (void)rf_engine_settle(engine, NULL);       /* a broken device fails that too */
    state->id = sequence;
    state->kv = old->kv;
    engine->slots[slot] = state;
    rf_request_state_free(old);
    return RF_OK;
}

rf_status rf_engine_cancel(rf_engine *engine, rf_sequence sequence, rf_error *error)
{
    rf_request_state *request = unqueue(engine, sequence);
    uint32_t slot = slot_of(engine, sequence);
    if (!request && slot == engine->shape.kv.n_sequences)
        return not_active(sequence, error);
    if (!request) {
        request = engine->slots[slot];
        RF_TRY(rf_kvcache_release(engine->kv, request->kv, error));
        rf_engine_forget(engine, slot);
        engine->slots[slot] = NULL;
    }
    rf_request_state_free(request);
    engine->n_active--;
    return RF_OK;
}
