/* load.c: bringing weights to the device, in place or into the pools of their plan. */
#include <stddef.h>

#include "base/clock.h"
#include "base/memory.h"
#include "gguf/gguf.h"
#include "model/rope.h"
#include "model/weights.h"

/* What vector loads want; GGUF's own default alignment. */
#define IN_PLACE_ALIGNMENT 32

bool rf_weights_can_map(const rf_gguf *gguf)
{
    return rf_gguf_alignment(gguf) % IN_PLACE_ALIGNMENT == 0;
}

/* A load in progress. */
typedef struct loader {
    rf_memory *memory;
    const rf_gguf *gguf;
    const rf_model_config *config;
    const rf_weight_list *list;
    const rf_plan *plan;
    const rf_staging_config *staging;
    bool in_place;
    rf_model_weights *weights;
    rf_load_stats stats;
    rf_error *error;
} loader;

static rf_tensor *target(rf_model_weights *weights, const rf_weight_binding *b)
{
    void *base = b->layer == RF_WEIGHT_GLOBAL ? (void *)weights : &weights->layers[b->layer];
    return (rf_tensor *)((char *)base + b->member);
}

/* ---- in place ------------------------------------------------------------------------------- */

/* Registers a tensor's bytes where its file is mapped. */
static rf_status map_tensor(loader *l, const rf_weight_binding *b, rf_block *block)
{
    const void *mapped;
    RF_TRY(rf_file_map(rf_gguf_file(l->gguf, b->source->file), &mapped, l->error));
    rf_address address = (rf_address)(uintptr_t)((const char *)mapped + b->source->offset);
    return rf_memory_register(l->memory, address, b->source->bytes, RF_MEMORY_WEIGHTS,
                              rf_plan_item_at(l->plan, b->item).label, block, l->error);
}

static rf_status map_tensors(loader *l)
{
    rf_model_weights *w = l->weights;
    uint64_t total = 0;
    for (uint32_t i = 0; i < l->list->count; i++)
        total +=
            l->list->bindings[i].source->bytes; /* they do not overlap in their files: no wrap */
    for (uint32_t i = 0; i < l->list->count; i++) {
        const rf_weight_binding *b = &l->list->bindings[i];
        RF_TRY(map_tensor(l, b, &w->blocks[w->n_blocks]));
        w->n_blocks++;
        l->stats.bytes += b->source->bytes;
        if (l->staging->progress &&
            !l->staging->progress(l->staging->progress_user, l->stats.bytes, total))
            return rf_error_set(l->error, RF_ERROR_CANCELLED, "the load was cancelled");
    }
    l->stats.read_mode = RF_READ_MAPPED;
    return RF_OK;
}

/* ---- into pools ----------------------------------------------------------------------------- */

/* Takes the place that the plan has for each tensor, and reads them all, in the order of their
 * files. */
static rf_status read_tensors(loader *l)
{
    rf_model_weights *w = l->weights;
    rf_staging_item *items = NULL;
    for (uint32_t i = 0; i < l->list->count; i++) {
        RF_TRY(rf_pool_take_planned(w->pool, l->plan, l->list->bindings[i].item,
                                    &w->blocks[w->n_blocks], l->error));
        w->n_blocks++;
    }
    RF_TRY(rf_weights_in_file_order(l->list, l->gguf, l->plan, &items, l->error));
    for (uint32_t i = 0; i < l->list->count; i++) {
        rf_plan_item place = rf_plan_item_at(l->plan, l->list->bindings[items[i].id].item);
        items[i].block = w->blocks[items[i].id]; /* taken in the order of the list */
        items[i].pool = place.pool;
        items[i].pool_offset = place.offset;
    }
    rf_status status =
        rf_staging_load(l->memory, l->staging, items, l->list->count, &l->stats, l->error);
    rf_free(items);
    return status;
}

/* ---- all of it ------------------------------------------------------------------------------ */

/* Names the tensors of the model, whose blocks are in the order of the list. */
static rf_status make_tensors(loader *l)
{
    rf_model_weights *w = l->weights;
    for (uint32_t i = 0; i < l->list->count; i++) {
        const rf_weight_binding *b = &l->list->bindings[i];
        RF_TRY(rf_tensor_make(b->source->type, b->source->n_dimensions, b->source->shape,
                              w->blocks[i], 0, target(w, b), l->error));
    }
    if (w->output.n_dimensions == 0)
        w->output = w->token_embd;
    return RF_OK;
}

/* Computes the rotary frequencies, from the file's factors where it has them, and stores them. */
static rf_status load_frequencies(loader *l)
{
    uint64_t n = l->config->rope.n_rotary / 2;
    float values[RF_MAX_HEAD_SIZE / 2];
    float factors[RF_MAX_HEAD_SIZE / 2];
    const rf_gguf_tensor *source = l->list->rope_factors;
    if (source) /* its shape, f32 [n], was checked when it was bound */
        RF_TRY(rf_file_read(rf_gguf_file(l->gguf, source->file), source->offset, factors,
                            n * sizeof(float), l->error));
    rf_model_weights *w = l->weights;
    RF_TRY(rf_rope_frequencies(l->config, source ? factors : NULL, values, &w->rope_magnitude,
                               l->error));
    rf_block *block = &w->blocks[w->n_blocks];
    RF_TRY(rf_pool_take_planned(w->pool, l->plan, l->list->frequencies_item, block, l->error));
    w->n_blocks++;
    RF_TRY(rf_block_write(*block, 0, values, n * sizeof(float), l->error));
    return rf_tensor_make(RF_TYPE_F32, 1, &n, *block, 0, &w->rope_frequencies, l->error);
}

static rf_status load_all(loader *l)
{
    rf_model_weights *w = l->weights;
    uint32_t n_blocks = l->list->count + 1;
    w->layers = rf_calloc(l->config->n_layers, sizeof(*w->layers));
    w->blocks = rf_calloc(n_blocks, sizeof(*w->blocks));
    if (!w->layers || !w->blocks)
        return rf_error_host_memory(l->error, "the weights' handles",
                                    l->config->n_layers * sizeof(*w->layers) +
                                        n_blocks * sizeof(*w->blocks));
    uint64_t start = rf_clock_ns();
    RF_TRY(
        rf_pool_open(l->memory, l->plan, 1U << RF_MEMORY_WEIGHTS, "weights", &w->pool, l->error));
    l->stats.allocate_nanoseconds = rf_clock_ns() - start;
    l->stats.driver_allocations = (uint32_t)rf_plan_pool_count(l->plan);
    RF_TRY(l->in_place ? map_tensors(l) : read_tensors(l));
    RF_TRY(make_tensors(l));
    return load_frequencies(l);
}

rf_status rf_weights_load(rf_memory *memory, const rf_gguf *gguf, const rf_model_config *config,
                          const rf_weight_list *list, const rf_plan *plan, bool in_place,
                          const rf_staging_config *staging, rf_model_weights **out,
                          rf_load_stats *stats, rf_error *error)
{
    rf_model_weights *weights = rf_calloc(1, sizeof(*weights));
    if (!weights)
        return rf_error_host_memory(error, "the weights", sizeof(*weights));
    loader l = {.memory = memory,
                .gguf = gguf,
                .config = config,
                .list = list,
                .plan = plan,
                .staging = staging,
                .in_place = in_place,
                .weights = weights,
                .error = error};
    rf_status status = load_all(&l);
    if (status != RF_OK) {
        /* The caller gets the reason of the failure; giving back adds nothing to it. */
        (void)rf_weights_free(weights, NULL);
        return status;
    }
    *out = weights;
    *stats = l.stats;
    return RF_OK;
}

rf_status rf_weights_free(rf_model_weights *weights, rf_error *error)
{
    if (!weights)
        return RF_OK;
    rf_status first = RF_OK;
    for (uint32_t i = weights->n_blocks; i-- > 0;) {
        rf_block block = weights->blocks[i];
        rf_status status = block.kind == RF_BLOCK_EXTERNAL
                               ? rf_memory_unregister(block, first == RF_OK ? error : NULL)
                               : rf_pool_give(block, first == RF_OK ? error : NULL);
        first = first == RF_OK ? status : first;
    }
    rf_status status = rf_pool_close(weights->pool, first == RF_OK ? error : NULL);
    first = first == RF_OK ? status : first;
    rf_free(weights->blocks);
    rf_free(weights->layers);
    rf_free(weights);
    return first;
}
