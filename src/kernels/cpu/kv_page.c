/* kv_page.c: opens the pages of a layer. */
#include "kernels/cpu/kv_page.h"

rf_status rf_kv_pages_open(const rf_batch_view *batch, const rf_kv_layer *layer, rf_kv_pages *out,
                           rf_error *error)
{
    const rf_type_info *info = rf_type_describe((uint32_t)layer->type);
    if (!info || layer->head_size > RF_MAX_HEAD_SIZE)
        return rf_error_set(error, RF_ERROR_INTERNAL,
                            "kv cache: element type %u, head of %u elements, the most is %d",
                            (unsigned)layer->type, layer->head_size, RF_MAX_HEAD_SIZE);
    *out = (rf_kv_pages){
        .layer = layer,
        .positions = rf_cpu_pointer(batch->positions),
        .rows = rf_cpu_pointer(batch->rows),
        .block_tables = rf_cpu_pointer(batch->block_tables),
        .table_stride = batch->table_stride,
        .row_bytes = (uint64_t)layer->head_size / info->block_elements * info->block_bytes,
        .page_shift = (uint32_t)__builtin_ctz(layer->page_tokens),
    };
    return RF_OK;
}
