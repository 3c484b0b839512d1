/* weights_plan.c: what the weights of a model take, and in what order they are read. */
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "gguf/gguf.h"
#include "model/weights.h"

/* GGUF's own limit on tensor names (GGML_MAX_NAME). */
#define NAME_BYTES 64

/* The place of an item's tensor: its file, then its offset. context: the list. */
static int compare_places(const void *a, const void *b, void *context)
{
    const rf_weight_list *list = context;
    const rf_gguf_tensor *x = list->bindings[((const rf_staging_item *)a)->id].source;
    const rf_gguf_tensor *y = list->bindings[((const rf_staging_item *)b)->id].source;
    if (x->file != y->file)
        return x->file < y->file ? -1 : 1;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

rf_status rf_weights_in_file_order(const rf_weight_list *list, const rf_gguf *gguf,
                                   const rf_plan *plan, rf_staging_item **out, rf_error *error)
{
    rf_staging_item *items = rf_calloc(list->count, sizeof(*items));
    if (!items)
        return rf_error_host_memory(error, "the tensors to load", list->count * sizeof(*items));
    for (uint32_t i = 0; i < list->count; i++) {
        const rf_weight_binding *b = &list->bindings[i];
        items[i] = (rf_staging_item){.file = rf_gguf_file(gguf, b->source->file),
                                     .offset = b->source->offset,
                                     .bytes = b->source->bytes,
                                     .label = rf_plan_item_at(plan, b->item).label,
                                     .id = i};
    }
    qsort_r(items, list->count, sizeof(*items), compare_places, (void *)(uintptr_t)list);
    *out = items;
    return RF_OK;
}

/* Adds the buffers of a load. */
static rf_status plan_staging(const rf_weight_list *list, const rf_gguf *gguf,
                              const rf_staging_config *staging, rf_plan *plan, rf_error *error)
{
    rf_staging_item *items = NULL;
    RF_TRY(rf_weights_in_file_order(list, gguf, plan, &items, error));
    rf_status status = rf_staging_plan(staging, items, list->count, plan, error);
    rf_free(items);
    return status;
}

rf_status rf_weights_plan(rf_weight_list *list, const rf_gguf *gguf, const rf_model_config *config,
                          bool in_place, const rf_staging_config *staging, rf_plan *plan,
                          rf_error *error)
{
    for (uint32_t i = 0; i < list->count; i++) {
        rf_weight_binding *b = &list->bindings[i];
        char label[NAME_BYTES + 1];
        snprintf(label, sizeof(label), "%.*s", (int)b->source->name.length, b->source->name.data);
        RF_TRY((in_place ? rf_plan_add_external : rf_plan_add)(plan, label, RF_MEMORY_WEIGHTS,
                                                               b->source->bytes, &b->item, error));
    }
    RF_TRY(rf_plan_add(plan, "rope frequencies", RF_MEMORY_WEIGHTS,
                       config->rope.n_rotary / 2 * sizeof(float), &list->frequencies_item, error));
    return in_place ? RF_OK : plan_staging(list, gguf, staging, plan, error);
}
