/* tensors.c: parsing the tensor table and checking where the tensors lie. */
#include "gguf/tensors.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/memory.h"
#include "gguf/format.h"

void rf_gguf_tensors_free(rf_gguf_tensors *tensors)
{
    rf_free(tensors->items);
    rf_map_free(&tensors->index);
    *tensors = (rf_gguf_tensors){0};
}

static rf_status make_room(rf_gguf_tensors *tensors, rf_error *error)
{
    if (tensors->count < tensors->capacity)
        return RF_OK;
    size_t capacity = tensors->capacity ? tensors->capacity * 2 : 64;
    rf_gguf_tensor *grown = rf_realloc(tensors->items, capacity, sizeof(*grown));
    if (!grown)
        return rf_error_host_memory(error, "the tensor table", capacity * sizeof(*grown));
    tensors->items = grown;
    tensors->capacity = capacity;
    return RF_OK;
}

/* All of an entry but its name. */
static rf_status parse_description(rf_cursor *cursor, rf_gguf_tensor *tensor, rf_error *error)
{
    uint32_t type = 0;
    RF_TRY(rf_cursor_u32(cursor, "number of dimensions", &tensor->n_dimensions, error));
    if (tensor->n_dimensions > RF_MAX_DIMENSIONS) /* no place for them: let it say so */
        return rf_gguf_tensor_measure(tensor, error);
    for (uint32_t i = 0; i < tensor->n_dimensions; i++)
        RF_TRY(rf_cursor_u64(cursor, "dimension", &tensor->shape[i], error));
    RF_TRY(rf_cursor_u32(cursor, "element type", &type, error));
    RF_TRY(rf_cursor_u64(cursor, "offset", &tensor->offset, error));
    tensor->type = (rf_type)type;
    return rf_gguf_tensor_measure(tensor, error);
}

static rf_status parse_entry(rf_cursor *cursor, uint32_t file, rf_gguf_tensors *tensors,
                             rf_error *error)
{
    uint64_t start = cursor->offset;
    rf_gguf_tensor tensor = {.file = file};
    RF_TRY(rf_cursor_name(cursor, "name", RF_GGUF_NAME_MAX, &tensor.name, error));
    RF_TRY(make_room(tensors, error));
    bool added = false;
    RF_TRY(rf_map_insert(&tensors->index, tensor.name, (uint32_t)tensors->count, &added, error));
    if (!added)
        return rf_error_set(error, RF_ERROR_FORMAT,
                            "tensor %.*s at byte %" PRIu64 " is there a second time",
                            RF_STR_ARGS(tensor.name), start);
    rf_status status = parse_description(cursor, &tensor, error);
    if (status != RF_OK)
        return rf_error_context(error, status, "tensor %.*s at byte %" PRIu64,
                                RF_STR_ARGS(tensor.name), start);
    tensors->items[tensors->count++] = tensor;
    return RF_OK;
}

rf_status rf_gguf_tensors_parse(rf_cursor *cursor, uint64_t count, uint32_t file,
                                rf_gguf_tensors *tensors, rf_error *error)
{
    if (count > rf_cursor_left(cursor) / RF_GGUF_TENSOR_BYTES_MIN)
        return rf_error_set(error, RF_ERROR_FORMAT,
                            "a table of %" PRIu64 " tensors does not fit into the %" PRIu64
                            " bytes behind the metadata",
                            count, rf_cursor_left(cursor));
    if (count > RF_GGUF_TENSORS_MAX - tensors->count)
        return rf_error_set(error, RF_ERROR_FORMAT, "%" PRIu64 " tensors, the most allowed is %u",
                            count, RF_GGUF_TENSORS_MAX);
    for (uint64_t i = 0; i < count; i++) {
        rf_status status = parse_entry(cursor, file, tensors, error);
        if (status != RF_OK)
            return rf_error_context(error, status, "table entry %" PRIu64 " of %" PRIu64, i + 1,
                                    count);
    }
    return RF_OK;
}

static rf_status place(rf_gguf_tensor *tensor, uint64_t data_start, uint64_t alignment,
                       uint64_t file_bytes, rf_error *error)
{
    uint64_t offset;
    if (tensor->offset % alignment != 0)
        return rf_error_set(error, RF_ERROR_FORMAT,
                            "tensor %.*s: offset %" PRIu64
                            " is not a multiple of the alignment %" PRIu64,
                            RF_STR_ARGS(tensor->name), tensor->offset, alignment);
    if (!rf_add(data_start, tensor->offset, &offset) ||
        !rf_range_inside(offset, tensor->bytes, file_bytes))
        return rf_error_set(error, RF_ERROR_FORMAT,
                            "tensor %.*s: %" PRIu64 " bytes at offset %" PRIu64
                            " of the data (which starts at byte %" PRIu64
                            ") lie past the end of the file (%" PRIu64 " bytes)",
                            RF_STR_ARGS(tensor->name), tensor->bytes, tensor->offset, data_start,
                            file_bytes);
    tensor->offset = offset;
    return RF_OK;
}

static int by_offset(const void *left, const void *right)
{
    const rf_gguf_tensor *a = *(const rf_gguf_tensor *const *)left;
    const rf_gguf_tensor *b = *(const rf_gguf_tensor *const *)right;
    return a->offset < b->offset ? -1 : a->offset > b->offset;
}

/* order[count] holds tensors of one file by ascending offset: neighbours must not touch. */
static rf_status check_neighbours(const rf_gguf_tensor *const *order, size_t count, rf_error *error)
{
    for (size_t i = 1; i < count; i++) {
        const rf_gguf_tensor *a = order[i - 1];
        const rf_gguf_tensor *b = order[i];
        if (b->offset - a->offset < a->bytes)
            return rf_error_set(error, RF_ERROR_FORMAT,
                                "tensors %.*s (%" PRIu64 " bytes at byte %" PRIu64
                                ") and %.*s (at byte %" PRIu64 ") overlap",
                                RF_STR_ARGS(a->name), a->bytes, a->offset, RF_STR_ARGS(b->name),
                                b->offset);
    }
    return RF_OK;
}

static rf_status check_overlap(const rf_gguf_tensor *tensors, size_t count, rf_error *error)
{
    const rf_gguf_tensor **order = rf_calloc(count, sizeof(rf_gguf_tensor *));
    if (!order)
        return rf_error_host_memory(error, "the order of tensors",
                                    count * sizeof(rf_gguf_tensor *));
    for (size_t i = 0; i < count; i++)
        order[i] = &tensors[i];
    qsort(order, count, sizeof(rf_gguf_tensor *), by_offset);
    rf_status status = check_neighbours(order, count, error);
    rf_free(order);
    return status;
}

rf_status rf_gguf_tensors_place(rf_gguf_tensors *tensors, size_t first, uint64_t data_start,
                                uint64_t alignment, uint64_t file_bytes, rf_error *error)
{
    for (size_t i = first; i < tensors->count; i++)
        RF_TRY(place(&tensors->items[i], data_start, alignment, file_bytes, error));
    return first < tensors->count
               ? check_overlap(tensors->items + first, tensors->count - first, error)
               : RF_OK;
}
