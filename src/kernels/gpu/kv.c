/* kv.c: see kv.h. */
#include "kernels/gpu/kv.h"

static rf_status find_type(rf_type type, uint32_t *out, rf_error *error)
{
    switch (type) {
    case RF_TYPE_F32:
        *out = RF_GPU_KV_F32;
        return RF_OK;
    case RF_TYPE_F16:
        *out = RF_GPU_KV_F16;
        return RF_OK;
    case RF_TYPE_Q8_0:
        *out = RF_GPU_KV_Q8_0;
        return RF_OK;
    default:
        break;
    }
    const rf_type_info *info = rf_type_describe((uint32_t)type);
    return rf_error_set(error, RF_ERROR_UNSUPPORTED,
                        "kv cache: element type %s, expected F32, F16 or Q8_0",
                        info ? info->name : "unknown");
}

rf_status rf_gpu_kv_args(const rf_batch_view *batch, const rf_kv_layer *layer,
                         struct rf_gpu_kv *out, rf_error *error)
{
    uint32_t type = 0;
    RF_TRY(find_type(layer->type, &type, error));
    const rf_type_info *info = rf_type_describe((uint32_t)layer->type);
    if (layer->head_size > RF_MAX_HEAD_SIZE || layer->head_size % info->block_elements != 0)
        return rf_error_set(error, RF_ERROR_INTERNAL,
                            "kv cache: head of %u elements of type %s, the most is %d",
                            layer->head_size, info->name, RF_MAX_HEAD_SIZE);
    *out = (struct rf_gpu_kv){
        .keys = layer->keys,
        .values = layer->values,
        .positions = batch->positions,
        .rows = batch->rows,
        .block_tables = batch->block_tables,
        .n_tokens = batch->n_tokens,
        .table_stride = batch->table_stride,
        .n_kv_heads = layer->n_kv_heads,
        .head_size = layer->head_size,
        .row_bytes = layer->head_size / info->block_elements * info->block_bytes,
        .page_shift = (uint32_t)__builtin_ctz(layer->page_tokens),
        .type = type,
    };
    return RF_OK;
}
