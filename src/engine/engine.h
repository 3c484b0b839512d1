/*
 * engine.h: the state behind rf_engine. A fixed number of slots, each running one sequence;
 * requests wait in a queue until a slot is free; a step puts one batch together from all slots.
 */
#ifndef RF_ENGINE_ENGINE_H
#define RF_ENGINE_ENGINE_H

#include "engine/sampler.h"
#include "model/forward.h"
#include "model/model.h"

/* A step's batch may be as long as a context, and no longer than this: scratch grows with it. */
#define RF_ENGINE_MAX_BATCH (1U << 20)
/* Sequences at once: bounds the tables that grow with them. */
#define RF_ENGINE_MAX_SEQUENCES   4096
#define RF_ENGINE_DEFAULT_CONTEXT 4096
#define RF_ENGINE_DEFAULT_BATCH   512

/* Options as resolved: no zeros left. */
typedef struct rf_engine_shape {
    uint32_t n_batch;
    uint32_t n_logits;
    rf_kvcache_config kv;
} rf_engine_shape;

/* Which plan item holds what; see rf_activations and rf_batch_view. */
typedef struct rf_engine_items {
    uint32_t kv_first;
    uint32_t x, normed, q, k, v, heads, gate, up, logits;
    uint32_t batch; /* tokens, positions, rows and logits_rows, then the block tables; all i32 */
    uint32_t workspace;
} rf_engine_items;

/* Resolves and checks options for a model. RF_ERROR_ARGUMENT names the option and its range. */
rf_status rf_engine_resolve(const rf_model_config *config, const rf_engine_options *options,
                            rf_engine_shape *out, rf_error *error);

/* The solved plan of all that an engine takes: what rf_plan_create shows is what rf_engine_create
 * allocates, because both come from here. */
rf_status rf_engine_plan_make(const rf_model_config *config, const rf_engine_shape *shape,
                              const rf_target *target, const rf_plan_config *plan_config,
                              rf_plan **out, rf_engine_items *items, rf_error *error);

/* A plan of a model and its engine together, for a report on both: *config says for what device.
 * rf_plan_free. */
rf_status rf_engine_plan_join(const rf_plan_config *config, const rf_model_config *model_config,
                              const rf_engine_shape *shape, const rf_plan *model,
                              const rf_plan *engine, rf_plan **out, rf_error *error);

/* One request, waiting or running. */
typedef struct rf_request_state {
    rf_sequence id;
    int32_t *tokens; /* the prompt; room for no more */
    uint32_t n_prompt;
    uint32_t n_done;     /* prompt tokens that are in the cache */
    uint32_t max_tokens; /* still to generate; UINT32_MAX: as many as fit */
    int32_t next;        /* the token to compute next, once the prompt is done */
    bool ignore_end;
    uint32_t kv; /* sequence in the cache, or RF_KV_NO_SEQUENCE while waiting */
    rf_sampler *sampler;
    struct rf_request_state *following; /* in the queue */
} rf_request_state;

void rf_request_state_free(rf_request_state *request);

/* Checks a prompt: its length against the context, its ids against the vocabulary. */
rf_status rf_engine_check_tokens(const rf_engine *engine, const int32_t *tokens, size_t n,
                                 rf_error *error);

/* What a step asks of one slot. */
typedef struct rf_slot_share {
    uint32_t n_tokens;   /* in this batch; 0: none */
    uint32_t length;     /* of its sequence before the step */
    uint32_t logits_row; /* UINT32_MAX: none wanted */
} rf_slot_share;

struct rf_engine {
    rf_model *model;
    rf_engine_shape shape;
    rf_plan *plan; /* of the model and the engine together, for reports */
    rf_pool *pool;
    rf_block *blocks; /* taken from the pool, but for the cache's */
    uint32_t n_blocks;
    rf_kvcache *kv;
    rf_activations activations;
    rf_block logits;
    rf_block batch_block;
    rf_compute compute;
    int32_t *batch;           /* host copy of the batch arrays, laid out as on the device */
    float *row;               /* f32 [n_vocab]: logits of one token on the host */
    rf_request_state **slots; /* [n_sequences]; NULL: free */
    rf_slot_share *shares;    /* [n_sequences]: of the pass under way */
    int32_t *drawn;           /* [n_sequences]: tokens drawn in it */
    rf_request_state *queue_first;
    rf_request_state *queue_last;
    size_t n_active;
    rf_sequence last_id;
    rf_engine_stats stats;
};

/* ---- batches ----------------------------------------------------------------------------------
 */

/* A batch being put together: pointers into engine->batch. */
typedef struct rf_batch {
    uint32_t n_tokens;
    uint32_t n_logits;
    int32_t *tokens;
    int32_t *positions;
    int32_t *rows;
    int32_t *logits_rows;
    int32_t *tables;
} rf_batch;

/* i32 values in the batch arrays of a shape. */
rf_status rf_batch_values(const rf_engine_shape *shape, uint64_t *values, rf_error *error);

rf_batch rf_batch_begin(rf_engine *engine);
/* Adds n tokens of a cache sequence from a position on. There is room. */
void rf_batch_add(rf_batch *batch, const int32_t *tokens, uint32_t n, uint32_t position,
                  uint32_t kv_sequence);
/* Asks for the logits of the batch's last token; returns its row. There is room. */
uint32_t rf_batch_want_logits(rf_batch *batch);
/* Copies the batch to the device and runs the model on it. Room in the cache was reserved. */
rf_status rf_batch_run(rf_engine *engine, const rf_batch *batch, rf_error *error);

#endif
