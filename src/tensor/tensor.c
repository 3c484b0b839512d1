/* tensor.c: making and slicing tensor values. */
#include "tensor/tensor.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/checked.h"

const char *rf_shape_text(uint32_t n_dimensions, const uint64_t *shape,
                          char text[RF_SHAPE_TEXT_BYTES])
{
    size_t used = 0;
    for (uint32_t i = 0; i < n_dimensions && i < RF_MAX_DIMENSIONS; i++) {
        int length = snprintf(text + used, RF_SHAPE_TEXT_BYTES - used, "%s%" PRIu64, i ? ", " : "[",
                              shape[i]);
        if (length < 0)
            break;
        used += (size_t)length;
    }
    snprintf(text + used, RF_SHAPE_TEXT_BYTES - used, "%s", used ? "]" : "[]");
    return text;
}

/* Fills strides and total bytes of a contiguous tensor. */
static rf_status lay_out(rf_type type, uint32_t n_dimensions, const uint64_t *shape,
                         rf_tensor *tensor, uint64_t *bytes, rf_error *error)
{
    const rf_type_info *info = rf_type_describe(type);
    if (!info)
        return rf_error_set(error, RF_ERROR_FORMAT, "unknown element type %u", (unsigned)type);
    if (n_dimensions < 1 || n_dimensions > RF_MAX_DIMENSIONS)
        return rf_error_set(error, RF_ERROR_FORMAT, "%u dimensions, expected 1 to %d", n_dimensions,
                            RF_MAX_DIMENSIONS);
    *tensor = (rf_tensor){.type = type, .n_dimensions = n_dimensions};
    if (shape[0] % info->block_elements != 0)
        return rf_error_set(error, RF_ERROR_FORMAT,
                            "a row of %" PRIu64 " elements is not whole %s blocks of %u", shape[0],
                            info->name, info->block_elements);
    uint64_t stride = info->block_bytes;
    for (uint32_t i = 0; i < RF_MAX_DIMENSIONS; i++) {
        uint64_t count = i < n_dimensions ? shape[i] : 1;
        if (count == 0)
            return rf_error_set(error, RF_ERROR_FORMAT, "dimension %u is zero", i);
        tensor->shape[i] = count;
        tensor->stride[i] = stride;
        uint64_t steps = i == 0 ? count / info->block_elements : count;
        if (!rf_mul(stride, steps, &stride))
            return rf_error_set(error, RF_ERROR_OVERFLOW, "its size does not fit into 64 bits");
    }
    *bytes = stride;
    return RF_OK;
}

rf_status rf_tensor_bytes(rf_type type, uint32_t n_dimensions, const uint64_t *shape,
                          uint64_t *bytes, rf_error *error)
{
    rf_tensor tensor;
    uint64_t total;
    RF_TRY(lay_out(type, n_dimensions, shape, &tensor, &total, error));
    *bytes = total;
    return RF_OK;
}

rf_status rf_tensor_make(rf_type type, uint32_t n_dimensions, const uint64_t *shape, rf_block block,
                         uint64_t offset, rf_tensor *out, rf_error *error)
{
    rf_tensor tensor;
    uint64_t bytes;
    RF_TRY(lay_out(type, n_dimensions, shape, &tensor, &bytes, error));
    RF_TRY(rf_block_view(block, offset, bytes, &tensor.block, error));
    RF_TRY(rf_block_address(tensor.block, &tensor.address, error));
    *out = tensor;
    return RF_OK;
}

rf_status rf_tensor_slice(const rf_tensor *tensor, uint64_t begin, uint64_t count, rf_tensor *out,
                          rf_error *error)
{
    uint32_t outer = tensor->n_dimensions - 1;
    if (count == 0 || !rf_range_inside(begin, count, tensor->shape[outer]))
        return rf_error_set(error, RF_ERROR_RANGE,
                            "slice [%" PRIu64 ", +%" PRIu64 ") of a dimension of %" PRIu64, begin,
                            count, tensor->shape[outer]);
    uint64_t shape[RF_MAX_DIMENSIONS];
    for (uint32_t i = 0; i < RF_MAX_DIMENSIONS; i++)
        shape[i] = tensor->shape[i];
    shape[outer] = count;
    /* begin < shape[outer], so the product is below the tensor's size, which was checked. */
    uint64_t step = outer == 0
                        ? tensor->stride[0] * begin / rf_type_describe(tensor->type)->block_elements
                        : tensor->stride[outer] * begin;
    return rf_tensor_make(tensor->type, tensor->n_dimensions, shape, tensor->block, step, out,
                          error);
}
