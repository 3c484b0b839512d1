/* load.c: bringing weights to the device, in place or into the pools of their plan. */
#include <stddef.h>

#include "base/memory.h"
#include "model/rope.h"
#include "model/weights.h"

/* One piece of a copy: large enough for full speed, small enough that a cancel is prompt. */
#define PIECE_BYTES (4U << 20)
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
    const rf_weights_load_options *options;
    rf_model_weights *weights;
    void *piece; /* host memory that bytes pass through; NULL in place */
    uint64_t done;
    uint64_t total;
    rf_error *error;
} loader;

static rf_status report(loader *l, uint64_t bytes)
{
    l->done += bytes;
    if (l->options->progress && !l->options->progress(l->options->progress_user, l->done, l->total))
        return rf_error_set(l->error, RF_ERROR_CANCELLED, "the load was cancelled");
    return RF_OK;
}

/* Copies a tensor's bytes from its file into a block. */
static rf_status copy_in(loader *l, const rf_gguf_tensor *source, rf_block block)
{
    const rf_file *file = rf_gguf_file(l->gguf, source->file);
    for (uint64_t offset = 0; offset < source->bytes;) {
        uint64_t left = source->bytes - offset;
        uint64_t bytes = left < PIECE_BYTES ? left : PIECE_BYTES;
        RF_TRY(rf_file_read(file, source->offset + offset, l->piece, bytes, l->error));
        RF_TRY(rf_block_write(block, offset, l->piece, bytes, l->error));
        offset += bytes;
        RF_TRY(report(l, bytes));
    }
    return RF_OK;
}

/* Registers a tensor's bytes where its file is mapped. */
static rf_status map_in(loader *l, const rf_gguf_tensor *source, const char *label, rf_block *block)
{
    const void *mapped;
    RF_TRY(rf_file_map(rf_gguf_file(l->gguf, source->file), &mapped, l->error));
    rf_address address = (rf_address)(uintptr_t)((const char *)mapped + source->offset);
    RF_TRY(rf_memory_register(l->memory, address, source->bytes, RF_MEMORY_WEIGHTS, label, block,
                              l->error));
    return report(l, source->bytes);
}

static rf_tensor *target(rf_model_weights *weights, const rf_weight_binding *b)
{
    void *base = b->layer == RF_WEIGHT_GLOBAL ? (void *)weights : &weights->layers[b->layer];
    return (rf_tensor *)((char *)base + b->member);
}

static rf_status load_tensor(loader *l, const rf_weight_binding *b)
{
    rf_model_weights *w = l->weights;
    rf_block *block = &w->blocks[w->n_blocks];
    rf_status status;
    if (l->options->in_place) {
        status = map_in(l, b->source, rf_plan_item_at(l->plan, b->item).label, block);
        w->n_blocks += block->kind != RF_BLOCK_NONE;
    } else {
        RF_TRY(rf_pool_take_planned(w->pool, l->plan, b->item, block, l->error));
        w->n_blocks++;
        status = copy_in(l, b->source, *block);
    }
    if (status == RF_OK)
        status = rf_tensor_make(b->source->type, b->source->n_dimensions, b->source->shape, *block,
                                0, target(w, b), l->error);
    return status;
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
    if (!l->options->in_place && !(l->piece = rf_aligned_alloc(4096, PIECE_BYTES)))
        return rf_error_host_memory(l->error, "a copy buffer", PIECE_BYTES);
    RF_TRY(
        rf_pool_open(l->memory, l->plan, 1U << RF_MEMORY_WEIGHTS, "weights", &w->pool, l->error));
    for (uint32_t i = 0; i < l->list->count; i++)
        RF_TRY(load_tensor(l, &l->list->bindings[i]));
    if (w->output.n_dimensions == 0)
        w->output = w->token_embd;
    return load_frequencies(l);
}

rf_status rf_weights_load(rf_memory *memory, const rf_gguf *gguf, const rf_model_config *config,
                          const rf_weight_list *list, const rf_plan *plan,
                          const rf_weights_load_options *options, rf_model_weights **out,
                          rf_error *error)
{
    rf_model_weights *weights = rf_calloc(1, sizeof(*weights));
    if (!weights)
        return rf_error_host_memory(error, "the weights", sizeof(*weights));
    loader l = {.memory = memory,
                .gguf = gguf,
                .config = config,
                .list = list,
                .plan = plan,
                .options = options,
                .weights = weights,
                .error = error};
    for (uint32_t i = 0; i < list->count; i++)
        l.total +=
            list->bindings[i].source->bytes; /* tensors do not overlap in their files: no wrap */
    rf_status status = load_all(&l);
    rf_free(l.piece);
    if (status != RF_OK) {
        /* The caller gets the reason of the failure; giving back adds nothing to it. */
        (void)rf_weights_free(weights, NULL);
        return status;
    }
    *out = weights;
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
