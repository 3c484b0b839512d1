/* measure.c: how many elements and bytes a tensor of a type and shape has, or why there is none
 * such. */
#include <inttypes.h>

#include "base/checked.h"
#include "gguf/tensors.h"

/* Numbers that once were element types (ggml's enum ggml_type keeps them reserved): Q4_2, Q4_3, and
 * the layouts repacked for one kind of CPU, which are made at load time today. */
static bool was_removed(uint32_t type)
{
    return type == 4 || type == 5 || (type >= 31 && type <= 33) || (type >= 36 && type <= 38);
}

static rf_status describe(uint32_t type, const rf_type_info **out, rf_error *error)
{
    const rf_type_info *info = rf_type_describe(type);
    if (!info && was_removed(type))
        return rf_error_set(error, RF_ERROR_UNSUPPORTED,
                            "element type %" PRIu32 " was removed from the format", type);
    if (!info)
        return rf_error_set(error, RF_ERROR_FORMAT, "unknown element type %" PRIu32, type);
    *out = info;
    return RF_OK;
}

static rf_status count_elements(const rf_gguf_tensor *tensor, uint64_t *out, rf_error *error)
{
    if (tensor->n_dimensions < 1 || tensor->n_dimensions > RF_MAX_DIMENSIONS)
        return rf_error_set(error, RF_ERROR_FORMAT, "%" PRIu32 " dimensions, expected 1 to %d",
                            tensor->n_dimensions, RF_MAX_DIMENSIONS);
    uint64_t elements = 1;
    for (uint32_t i = 0; i < tensor->n_dimensions; i++) {
        uint64_t size = tensor->shape[i];
        if (size == 0)
            return rf_error_set(error, RF_ERROR_FORMAT, "dimension %" PRIu32 " is 0", i);
        /* The format counts in signed 64-bit numbers, and so may whoever computes with a shape. */
        if (!rf_mul(elements, size, &elements) || elements > INT64_MAX)
            return rf_error_set(
                error, RF_ERROR_FORMAT,
                "dimension %" PRIu32 " of %" PRIu64 " makes more than 2^63 - 1 elements", i, size);
    }
    *out = elements;
    return RF_OK;
}

rf_status rf_gguf_tensor_measure(rf_gguf_tensor *tensor, rf_error *error)
{
    const rf_type_info *info = NULL;
    uint64_t elements = 0;
    uint64_t bytes = 0;
    RF_TRY(count_elements(tensor, &elements, error));
    RF_TRY(describe((uint32_t)tensor->type, &info, error));
    if (tensor->shape[0] % info->block_elements != 0)
        return rf_error_set(error, RF_ERROR_FORMAT,
                            "rows of %" PRIu64 " elements are not whole blocks of %" PRIu32 " (%s)",
                            tensor->shape[0], info->block_elements, info->name);
    if (!rf_mul(elements / info->block_elements, info->block_bytes, &bytes))
        return rf_error_set(error, RF_ERROR_FORMAT,
                            "%" PRIu64 " elements of %s take more than 2^64 bytes", elements,
                            info->name);
    for (uint32_t i = tensor->n_dimensions; i < RF_MAX_DIMENSIONS; i++)
        tensor->shape[i] = 1;
    tensor->n_elements = elements;
    tensor->bytes = bytes;
    return RF_OK;
}
