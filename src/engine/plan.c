/* plan.c: resolving an engine's options and planning its memory. */
#include <inttypes.h>

#include "base/checked.h"
#include "base/options.h"
#include "engine/engine.h"

/* Zero means the default; anything else must lie in [1, most]. */
static rf_status resolve(const char *name, uint32_t given, uint32_t fallback, uint32_t most,
                         uint32_t *out, rf_error *error)
{
    if (given > most)
        return rf_error_set(error, RF_ERROR_ARGUMENT, "%s is %u, expected at most %u", name, given,
                            most);
    *out = given ? given : fallback;
    return RF_OK;
}

static uint32_t lesser(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

rf_status rf_engine_resolve(const rf_model_config *config, const rf_engine_options *options,
                            rf_engine_shape *out, rf_error *error)
{
    rf_engine_options known = RF_ENGINE_OPTIONS_INIT;
    RF_TRY(rf_options_read(&known, sizeof(known), options, "rf_engine_options", error));
    rf_engine_shape shape = {.kv = {.n_layers = config->n_layers,
                                    .n_kv_heads = config->n_kv_heads,
                                    .head_size = config->head_size,
                                    .type = known.kv_type_set ? known.kv_type : RF_TYPE_F16}};
    uint32_t context = lesser(config->n_context_trained, RF_ENGINE_DEFAULT_CONTEXT);
    RF_TRY(resolve("n_context", known.n_context, context, RF_MODEL_MAX_CONTEXT, &shape.kv.n_context,
                   error));
    RF_TRY(resolve("n_sequences", known.n_sequences, 1, RF_ENGINE_MAX_SEQUENCES,
                   &shape.kv.n_sequences, error));
    RF_TRY(resolve("n_batch", known.n_batch, RF_ENGINE_DEFAULT_BATCH, RF_ENGINE_MAX_BATCH,
                   &shape.n_batch, error));
    RF_TRY(resolve("page_tokens", known.page_tokens, 16, RF_KV_MAX_PAGE_TOKENS,
                   &shape.kv.page_tokens, error));
    /* A batch longer than all contexts together can never be filled; one token of every sequence
     * must fit, so that a step moves all of them. */
    uint64_t most = (uint64_t)shape.kv.n_context * shape.kv.n_sequences;
    if (shape.n_batch > most)
        shape.n_batch = (uint32_t)most;
    if (shape.n_batch < shape.kv.n_sequences)
        shape.n_batch = shape.kv.n_sequences;
    RF_TRY(resolve("n_logits", known.n_logits, shape.kv.n_sequences, RF_ENGINE_MAX_BATCH,
                   &shape.n_logits, error));
    shape.n_logits = lesser(shape.n_logits, shape.n_batch);
    if (shape.n_logits < shape.kv.n_sequences)
        shape.n_logits = shape.kv.n_sequences;
    RF_TRY(rf_kvcache_check_config(&shape.kv, error));
    *out = shape;
    return RF_OK;
}

rf_status rf_batch_values(const rf_engine_shape *shape, uint64_t *values, rf_error *error)
{
    const rf_kvcache_config *kv = &shape->kv;
    uint64_t pages = kv->n_context / kv->page_tokens + (kv->n_context % kv->page_tokens != 0);
    uint64_t tables;
    uint64_t total = 3 * (uint64_t)shape->n_batch + shape->n_logits;
    if (!rf_mul(pages, kv->n_sequences, &tables) || !rf_add(total, tables, &total))
        return rf_error_set(error, RF_ERROR_OVERFLOW, "the block tables do not fit into 64 bits");
    *values = total;
    return RF_OK;
}

uint64_t rf_results_bytes(const rf_model_config *config, const rf_engine_shape *shape)
{
    uint64_t row = config->n_vocab; /* neither product wraps: both factors have 32 bits at most */
    uint64_t top = 2 * (uint64_t)RF_TOP_MAX * shape->n_logits;
    return sizeof(float) * (row > top ? row : top);
}

uint64_t rf_stream_bytes(const rf_model_config *config, const rf_engine_shape *shape)
{
    return sizeof(float) * (uint64_t)shape->n_batch * config->n_embd; /* 2 + 20 + 22 bits at most */
}

/* Adds rows * width values of 4 bytes (f32 or i32). */
static rf_status add(rf_plan *plan, const char *label, uint64_t rows, uint64_t width,
                     uint32_t *item, rf_error *error)
{
    uint64_t bytes;
    if (!rf_mul(rows, width, &bytes) || !rf_mul(bytes, 4, &bytes))
        return rf_error_set(error, RF_ERROR_OVERFLOW, "%s: %" PRIu64 " x %" PRIu64 " values", label,
                            rows, width);
    return rf_plan_add(plan, label, RF_MEMORY_SCRATCH, bytes, item, error);
}

static rf_status add_workspace(const rf_model_config *c, const rf_engine_shape *shape,
                               const rf_target *target, rf_plan *plan, uint32_t *item,
                               rf_error *error)
{
    uint32_t widest = c->n_heads * c->head_size; /* at most RF_MODEL_MAX_WIDTH, as are the others */
    widest = widest > c->n_embd ? widest : c->n_embd;
    widest = widest > c->n_ff ? widest : c->n_ff;
    rf_kernel_limits limits = {.n_tokens = shape->n_batch,
                               .n_row_elements = widest,
                               .n_heads = c->n_heads,
                               .n_kv_heads = c->n_kv_heads,
                               .head_size = c->head_size,
                               .n_embd = c->n_embd,
                               .n_ff = c->n_ff_expert,
                               .n_experts = c->n_experts,
                               .n_experts_used = c->n_experts_used,
                               .n_threads = target->n_threads};
    uint64_t bytes;
    RF_TRY(target->kernels->workspace_bytes(&limits, &bytes, error));
    return rf_plan_add(plan, "workspace", RF_MEMORY_SCRATCH, bytes ? bytes : 1, item, error);
}

/* The arrays that every layer reads and writes. */
static rf_status add_activations(const rf_model_config *c, const rf_engine_shape *shape,
                                 rf_plan *plan, rf_engine_items *made, rf_error *error)
{
    uint64_t n = shape->n_batch;
    uint64_t q_width = (uint64_t)c->n_heads * c->head_size;
    uint64_t kv_width = (uint64_t)c->n_kv_heads * c->head_size;
    RF_TRY(add(plan, "normed", n, c->n_embd, &made->normed, error));
    RF_TRY(add(plan, "queries", n, q_width, &made->q, error));
    RF_TRY(add(plan, "keys", n, kv_width, &made->k, error));
    RF_TRY(add(plan, "values", n, kv_width, &made->v, error));
    RF_TRY(add(plan, "heads", n, q_width, &made->heads, error));
    if (c->n_ff) {
        RF_TRY(add(plan, "feed-forward gate", n, c->n_ff, &made->gate, error));
        RF_TRY(add(plan, "feed-forward up", n, c->n_ff, &made->up, error));
    }
    return RF_OK;
}

/* Arrays of the host, pinned for a device that has memory of its own: the last part's. */
static rf_status add_pinned(const rf_model_config *c, const rf_engine_shape *shape,
                            rf_layer_span layers, rf_plan *plan, rf_error *error)
{
    uint64_t batch_values;
    RF_TRY(rf_batch_values(shape, &batch_values, error));
    for (uint32_t i = 0; i < RF_ENGINE_FLIGHTS; i++) {
        RF_TRY(rf_plan_add_external(plan, "batch on the host", RF_MEMORY_STAGING,
                                    batch_values * sizeof(int32_t), NULL, error));
        RF_TRY(rf_plan_add_external(plan, "results on the host", RF_MEMORY_STAGING,
                                    rf_results_bytes(c, shape), NULL, error));
    }
    return rf_span_begins(layers)
               ? RF_OK
               : rf_plan_add_external(plan, "stream on the host", RF_MEMORY_STAGING,
                                      rf_stream_bytes(c, shape), NULL, error);
}

/* Adds all that an engine takes in one place to a plan. */
static rf_status plan_items(const rf_model_config *c, const rf_engine_shape *shape,
                            const rf_engine_place *place, rf_plan *plan, rf_engine_items *items,
                            rf_error *error)
{
    const rf_target *target = place->target;
    rf_layer_span layers = place->layers;
    bool ends = rf_span_ends(layers, c);
    uint64_t batch_values;
    rf_engine_items made = {0};
    RF_TRY(rf_batch_values(shape, &batch_values, error));
    RF_TRY(rf_kvcache_plan(&shape->kv, layers.first, layers.count, plan, &made.kv_first, error));
    if (ends) /* else it is in the pinned memory of the part that goes on with it */
        RF_TRY(add(plan, "residual stream", shape->n_batch, c->n_embd, &made.x, error));
    RF_TRY(add_activations(c, shape, plan, &made, error));
    if (ends)
        RF_TRY(add(plan, "logits", shape->n_logits, c->n_vocab, &made.logits, error));
    RF_TRY(add(plan, "batch", batch_values, 1, &made.batch, error));
    if (ends && target->kernels->top)
        RF_TRY(add(plan, "candidates", shape->n_logits, 2ULL * RF_TOP_MAX, &made.top, error));
    if (!target->unified)
        RF_TRY(add_pinned(c, shape, layers, plan, error));
    RF_TRY(add_workspace(c, shape, target, plan, &made.workspace, error));
    *items = made;
    return RF_OK;
}

rf_status rf_engine_plan_make(const rf_model_config *config, const rf_engine_shape *shape,
                              const rf_engine_place *place, rf_plan **out, rf_engine_items *items,
                              rf_error *error)
{
    rf_plan *plan = NULL;
    RF_TRY(rf_plan_new(&place->plan_config, &plan, error));
    rf_status status = plan_items(config, shape, place, plan, items, error);
    if (status == RF_OK)
        status = rf_plan_solve(plan, error);
    if (status != RF_OK) {
        rf_plan_free(plan);
        return status;
    }
    *out = plan;
    return RF_OK;
}

/* ---- reports -------------------------------------------------------------------------------- */

static void note_engine(rf_plan *plan, const rf_model_config *config, const rf_engine_shape *shape)
{
    rf_plan_note_engine(plan, shape->kv.n_context, shape->kv.n_sequences, shape->n_batch,
                        shape->kv.type, config->n_context_trained);
}

/* Puts the two into an empty plan. */
static rf_status join(rf_plan *whole, const rf_plan *model, const rf_plan *engine, rf_error *error)
{
    RF_TRY(rf_plan_solve(whole, error));
    RF_TRY(rf_plan_merge(whole, model, error));
    return rf_plan_merge(whole, engine, error);
}

rf_status rf_engine_plan_join(const rf_plan_config *config, const rf_model_config *model_config,
                              const rf_engine_shape *shape, const rf_plan *model,
                              const rf_plan *engine, rf_plan **out, rf_error *error)
{
    rf_plan *whole = NULL;
    RF_TRY(rf_plan_new(config, &whole, error));
    rf_status status = join(whole, model, engine, error);
    if (status != RF_OK) {
        rf_plan_free(whole);
        return status;
    }
    note_engine(whole, model_config, shape);
    *out = whole;
    return RF_OK;
}

/* The plan of a device that takes nothing, its driver nothing either. */
static rf_status plan_nothing(const rf_plan_config *config, rf_plan **out, rf_error *error)
{
    rf_plan_config idle = *config;
    idle.driver = 0;
    rf_plan *plan = NULL;
    RF_TRY(rf_plan_new(&idle, &plan, error));
    rf_status status = rf_plan_solve(plan, error);
    if (status == RF_OK)
        *out = plan;
    else
        rf_plan_free(plan);
    return status;
}

rf_status rf_engine_plan_pair(const rf_plan_config *config, const rf_model_config *model_config,
                              const rf_engine_shape *shape, rf_plan *device, rf_plan *host,
                              uint32_t n_device_layers, rf_plan **out, rf_error *error)
{
    rf_status status = device ? RF_OK : plan_nothing(config, &device, error);
    if (status != RF_OK) {
        rf_plan_free(host);
        return status;
    }
    note_engine(device, model_config, shape);
    rf_plan_note_layers(device, model_config->n_layers, n_device_layers, host);
    *out = device;
    return RF_OK;
}
