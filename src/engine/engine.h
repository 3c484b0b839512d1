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
    uint32_t top;   /* i32 indices [n_logits][RF_TOP_MAX], f32 values likewise; GPUs only */
    uint32_t workspace;
} rf_engine_items;

/* Batches of up to this many tokens are captured as graphs, the numbers of tokens and logits and
 * the candidates wanted being fixed in each: launching their kernels one by one would take as long
 * as the kernels. Larger ones keep the device busy anyway. */
#define RF_ENGINE_GRAPH_TOKENS 64
/* Graphs that an engine keeps; the one used longest ago makes way. */
#define RF_ENGINE_GRAPHS 16

/* A captured pass. */
typedef struct rf_engine_graph {
    const int32_t *host; /* the batch that it copies */
    bool fed;            /* as of its batch */
    uint32_t n_tokens, n_logits, n_top;
    uint32_t table_rows; /* of the block tables, copied with it */
    bool runs;           /* as of its batch */
    uint64_t last_used;  /* 0: no such pass was ever made */
    rf_graph *graph;     /* NULL: made once, not captured yet: that loads the kernels */
} rf_engine_graph;

/* Resolves and checks options for a model. RF_ERROR_ARGUMENT names the option and its range. */
rf_status rf_engine_resolve(const rf_model_config *config, const rf_engine_options *options,
                            rf_engine_shape *out, rf_error *error);

/* A device, and which layers are on it. */
typedef struct rf_engine_place {
    const rf_target *target;
    rf_layer_span layers;
    rf_plan_config plan_config;
} rf_engine_place;

/* The solved plan of all that an engine takes in one place: what rf_plan_create shows is what
 * rf_engine_create allocates, because both come from here. */
rf_status rf_engine_plan_make(const rf_model_config *config, const rf_engine_shape *shape,
                              const rf_engine_place *place, rf_plan **out, rf_engine_items *items,
                              rf_error *error);

/* A plan of a model and its engine together, for a report on both: *config says for what device.
 * rf_plan_free. */
rf_status rf_engine_plan_join(const rf_plan_config *config, const rf_model_config *model_config,
                              const rf_engine_shape *shape, const rf_plan *model,
                              const rf_plan *engine, rf_plan **out, rf_error *error);

/* The same of a device and the host, for a report on all: the host's becomes that of the device's.
 * Either may be NULL: with no layers on the device its plan is an empty one, made by *config. Takes
 * both, also on failure. */
rf_status rf_engine_plan_pair(const rf_plan_config *config, const rf_model_config *model_config,
                              const rf_engine_shape *shape, rf_plan *device, rf_plan *host,
                              uint32_t n_device_layers, rf_plan **out, rf_error *error);

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

/* Pinned host memory, on the account of the device where that has memory of its own. */
typedef struct rf_host_array {
    void *memory; /* NULL: none */
    rf_block block;
} rf_host_array;

/* A pass may be put on the stream behind one whose tokens are not read yet. */
#define RF_ENGINE_FLIGHTS 2

/* A pass: being put together, on the stream, or read. */
typedef struct rf_engine_flight {
    rf_slot_share *shares; /* [n_sequences]: what it asks of each slot */
    uint32_t n_tokens;     /* of slots that still want them */
    uint32_t n_rows;       /* of logits */
    uint32_t n_top;        /* of each row, that are wanted on the host */
    rf_host_array batch;   /* the batch arrays, i32, laid out as on the devices */
    rf_host_array results; /* f32 [n_vocab]: logits of one token; or what top gave */
    rf_event *done;        /* with another behind it; NULL where none ever is */
} rf_engine_flight;

#define RF_ENGINE_PART_BLOCKS 12 /* scratch items of rf_engine_items; the cache keeps its own */

/* What an engine has where a part of its model is. */
typedef struct rf_engine_part {
    const rf_model_part *model;
    rf_pool *pool;
    rf_block blocks[RF_ENGINE_PART_BLOCKS]; /* taken from it, but for the cache's */
    uint32_t n_blocks;
    rf_activations activations;
    rf_block batch_block;
    rf_compute compute;
} rf_engine_part;

struct rf_engine {
    rf_model *model;
    rf_engine_shape shape;
    rf_plan *plan; /* of the model and the engine together, for reports */
    rf_engine_part parts[RF_MODEL_MAX_PARTS]; /* as the model's */
    uint32_t n_parts;
    rf_kvcache *kv;
    rf_block logits; /* of the last part, as is top */
    rf_block top;
    rf_engine_graph graphs[RF_ENGINE_GRAPHS]; /* of the last part's work */
    uint64_t passes;                          /* ever made */
    rf_engine_flight flights[RF_ENGINE_FLIGHTS];
    uint32_t now;       /* the one whose tokens the next step gives */
    bool ahead;         /* and it is on the stream already */
    uint64_t waited_ns; /* when the pass before it was over */
    /* With two parts: the residual stream of the first one, f32 [n_batch][n_embd]. The host
     * computes in memory that is pinned for the device, so that it is copied there as it lies. */
    rf_host_array stream;
    rf_request_state **slots; /* [n_sequences]; NULL: free */
    int32_t *drawn;           /* [n_sequences]: tokens drawn in the pass under way */
    rf_request_state *queue_first;
    rf_request_state *queue_last;
    size_t n_active;
    rf_sequence last_id;
    rf_engine_stats stats;
};

/* ---- parts: part.c -----------------------------------------------------------------------------
 */

/* The part that ends with the logits: on the device, but where no layer is. */
static inline rf_engine_part *rf_engine_last(rf_engine *engine)
{
    return &engine->parts[engine->n_parts - 1];
}

/* Readies a part to compute, without memory. On failure the part can be closed. */
rf_status rf_engine_part_start(rf_engine_part *part, rf_error *error);
/* Takes the planned memory of a started part, whose pool is open. */
rf_status rf_engine_part_take(rf_engine *engine, rf_engine_part *part, const rf_plan *plan,
                              const rf_engine_items *items, rf_error *error);
/* Takes any part, half made or not at all. */
void rf_engine_part_close(rf_engine_part *part);

/* ---- batches ----------------------------------------------------------------------------------
 */

/* A batch being put together: pointers into its flight's arrays, of which tokens is the start. */
typedef struct rf_batch {
    uint32_t n_tokens;
    uint32_t n_logits;
    int32_t *tokens;
    int32_t *positions;
    int32_t *rows;
    int32_t *logits_rows;
    int32_t *tables;
    uint32_t table_rows; /* of the block tables: those up to the last sequence in the batch */
    bool runs;           /* a sequence has several tokens */
    bool fed; /* token i is the largest logit of row i of the pass before; what is here is not read
               */
    void *results;
} rf_batch;

/* i32 values in the batch arrays of a shape. */
rf_status rf_batch_values(const rf_engine_shape *shape, uint64_t *values, rf_error *error);

/* Bytes that the results of a pass take on the host. */
uint64_t rf_results_bytes(const rf_model_config *config, const rf_engine_shape *shape);

/* Bytes of a batch's residual stream. */
uint64_t rf_stream_bytes(const rf_model_config *config, const rf_engine_shape *shape);

rf_batch rf_batch_begin(const rf_engine *engine, const rf_engine_flight *flight);
/* Adds n tokens of a cache sequence from a position on. There is room. */
void rf_batch_add(rf_batch *batch, const int32_t *tokens, uint32_t n, uint32_t position,
                  uint32_t kv_sequence);
/* Asks for the logits of the batch's last token; returns its row. There is room. */
uint32_t rf_batch_want_logits(rf_batch *batch);

/* ---- passes: pass.c ----------------------------------------------------------------------------
 */

/* Puts the model's work for a batch on the stream; layers on the host are computed before. Room in
 * the cache was reserved. flight: its n_top says how many of the largest logits of each row are
 * wanted on the host, 0 for none. After a failure nothing is on the stream. */
rf_status rf_engine_put(rf_engine *engine, rf_engine_flight *flight, const rf_batch *batch,
                        rf_error *error);
/* Waits for a pass, and for all before it; behind: whether there is another behind it. */
rf_status rf_engine_wait(rf_engine *engine, const rf_engine_flight *flight, bool behind,
                         rf_error *error);
/* After a pass with n_top: what it found for a row of logits. */
void rf_engine_top(const rf_engine_flight *flight, uint32_t row, const int32_t **indices,
                   const float **values);
/* After a pass, none being behind it: one row of logits, until the next pass or row. */
rf_status rf_engine_row(rf_engine *engine, const rf_engine_flight *flight, uint32_t row,
                        float **logits, rf_error *error);
/* Where a pass was put ahead: waits for it, and forgets it. Before the engine's arrays are used for
 * anything but steps. */
rf_status rf_engine_settle(rf_engine *engine, rf_error *error);
/* Where a pass was put ahead: the token that it finds for a slot is not wanted any more. Pages of
 * the slot may be given back at once: whatever uses them next comes behind that pass on the stream.
 */
void rf_engine_forget(rf_engine *engine, uint32_t slot);
void rf_engine_graphs_free(rf_engine *engine);

rf_status rf_host_array_make(rf_engine *engine, const char *label, uint64_t bytes,
                             rf_host_array *out, rf_error *error);
void rf_host_array_free(rf_engine *engine, rf_host_array *array);

#endif
