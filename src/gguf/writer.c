/* writer.c: the writer's life: the tensor table in memory, then the file streamed out. */
#include "gguf/writer.h"

#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "base/memory.h"
#include "gguf/format.h"
#include "gguf/tensors.h"
#include "gguf/writer_state.h"

void rf_gguf_writer_free(rf_gguf_writer *writer)
{
    if (!writer)
        return;
    rf_draft_free(writer->draft);
    rf_buffer_free(&writer->values);
    rf_buffer_free(&writer->table);
    rf_buffer_free(&writer->sizes);
    rf_map_free(&writer->keys);
    rf_map_free(&writer->tensor_names);
    while (writer->names) {
        rf_used_name *next = writer->names->next;
        rf_free(writer->names);
        writer->names = next;
    }
    rf_free(writer);
}

rf_status rf_gguf_writer_create(const char *path, uint32_t alignment, rf_gguf_writer **out,
                                rf_error *error)
{
    uint32_t chosen = alignment ? alignment : RF_GGUF_ALIGNMENT_DEFAULT;
    if (!rf_is_power_of_two(chosen) || chosen < RF_GGUF_ALIGNMENT_MIN ||
        chosen > RF_GGUF_ALIGNMENT_MAX)
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "alignment %" PRIu32 ", expected a power of two from %d to %u",
                            alignment, RF_GGUF_ALIGNMENT_MIN, RF_GGUF_ALIGNMENT_MAX);
    rf_gguf_writer *writer = rf_calloc(1, sizeof(*writer));
    if (!writer)
        return rf_error_host_memory(error, "a GGUF writer", sizeof(*writer));
    writer->alignment = chosen;
    rf_status status = rf_draft_create(path, &writer->draft, error);
    if (status == RF_OK && chosen != RF_GGUF_ALIGNMENT_DEFAULT)
        status = rf_writer_put_alignment(writer, chosen, error);
    if (status != RF_OK) {
        rf_gguf_writer_free(writer);
        return status;
    }
    *out = writer;
    return RF_OK;
}

rf_status rf_writer_check_name(const char *what, const char *name, size_t limit, rf_error *error)
{
    size_t length = name ? strlen(name) : 0;
    if (length == 0 || length > limit)
        return rf_error_set(error, RF_ERROR_ARGUMENT, "%s of %zu bytes, expected 1 to %zu", what,
                            length, limit);
    return RF_OK;
}

rf_status rf_writer_use_name(rf_gguf_writer *writer, rf_map *set, const char *name, rf_error *error)
{
    size_t length = strlen(name);
    rf_used_name *copy = rf_calloc(1, sizeof(*copy) + length + 1);
    if (!copy)
        return rf_error_host_memory(error, "a name", sizeof(*copy) + length + 1);
    memcpy(copy->text, name, length + 1);
    bool added = false;
    rf_status status = rf_map_insert(set, (rf_string){copy->text, length}, 0, &added, error);
    if (status == RF_OK && !added)
        status = rf_error_set(error, RF_ERROR_ARGUMENT, "was written already");
    if (status != RF_OK) {
        rf_free(copy);
        return status;
    }
    copy->next = writer->names;
    writer->names = copy;
    return RF_OK;
}

rf_status rf_writer_append_string(rf_buffer *buffer, rf_string string, rf_error *error)
{
    uint64_t length = string.length;
    RF_TRY(rf_buffer_append(buffer, &length, sizeof(length), error));
    return rf_buffer_append(buffer, string.data, string.length, error);
}

/* ----------------------------------------------------------------------------------- tensors ---
 */

static rf_status append_tensor(rf_gguf_writer *writer, const rf_gguf_tensor *tensor,
                               rf_error *error)
{
    uint32_t type = (uint32_t)tensor->type;
    RF_TRY(rf_writer_append_string(&writer->table, tensor->name, error));
    RF_TRY(rf_buffer_append(&writer->table, &tensor->n_dimensions, sizeof(uint32_t), error));
    RF_TRY(rf_buffer_append(&writer->table, tensor->shape, tensor->n_dimensions * sizeof(uint64_t),
                            error));
    RF_TRY(rf_buffer_append(&writer->table, &type, sizeof(type), error));
    RF_TRY(rf_buffer_append(&writer->table, &tensor->offset, sizeof(uint64_t), error));
    RF_TRY(rf_buffer_append(&writer->sizes, &tensor->bytes, sizeof(uint64_t), error));
    return rf_writer_use_name(writer, &writer->tensor_names, tensor->name.data, error);
}

/* Measures a new tensor and places it behind the last one. */
static rf_status place_tensor(const rf_gguf_writer *writer, rf_gguf_tensor *tensor, uint64_t *end,
                              rf_error *error)
{
    rf_status status = rf_gguf_tensor_measure(tensor, error);
    if (status != RF_OK) {
        /* What is a malformed file to the reader is a wrong argument here. */
        if (error)
            error->status = RF_ERROR_ARGUMENT;
        return RF_ERROR_ARGUMENT;
    }
    if (!rf_align_up(writer->data_end, writer->alignment, &tensor->offset) ||
        !rf_add(tensor->offset, tensor->bytes, end) || *end > INT64_MAX)
        return rf_error_set(error, RF_ERROR_OVERFLOW, "its data ends behind byte 2^63");
    return RF_OK;
}

static rf_status add_tensor(rf_gguf_writer *writer, rf_gguf_tensor *tensor, rf_error *error)
{
    uint64_t end = 0;
    if (writer->streaming)
        return rf_error_set(error, RF_ERROR_ARGUMENT, "comes after tensor data");
    if (writer->n_tensors >= RF_GGUF_TENSORS_MAX)
        return rf_error_set(error, RF_ERROR_ARGUMENT, "more than %u tensors", RF_GGUF_TENSORS_MAX);
    RF_TRY(place_tensor(writer, tensor, &end, error));
    size_t table_before = writer->table.length;
    size_t sizes_before = writer->sizes.length;
    rf_status status = append_tensor(writer, tensor, error);
    if (status != RF_OK) {
        writer->table.length = table_before;
        writer->sizes.length = sizes_before;
        return status;
    }
    writer->data_end = end;
    writer->n_tensors++;
    return RF_OK;
}

rf_status rf_gguf_write_tensor(rf_gguf_writer *writer, const char *name, rf_type type,
                               uint32_t n_dimensions, const uint64_t *shape, uint64_t *bytes,
                               rf_error *error)
{
    RF_TRY(rf_writer_check_name("tensor name", name, RF_GGUF_NAME_MAX, error));
    rf_gguf_tensor tensor = {
        .name = {name, strlen(name)}, .type = type, .n_dimensions = n_dimensions};
    for (uint32_t i = 0; i < n_dimensions && i < RF_MAX_DIMENSIONS; i++)
        tensor.shape[i] = shape[i];
    rf_status status = add_tensor(writer, &tensor, error);
    if (status != RF_OK)
        return rf_error_context(error, status, "tensor %s", name);
    if (bytes)
        *bytes = tensor.bytes;
    return RF_OK;
}

/* -------------------------------------------------------------------------------------- data ---
 */

static rf_status emit(rf_gguf_writer *writer, const void *data, uint64_t bytes, rf_error *error)
{
    RF_TRY(rf_draft_write(writer->draft, data, bytes, error));
    writer->position += bytes; /* cannot wrap: the files of Linux end before 2^63 */
    return RF_OK;
}

static rf_status emit_padding(rf_gguf_writer *writer, rf_error *error)
{
    static const char zeros[4096];
    uint64_t left = -writer->position & (writer->alignment - 1);
    while (left) {
        uint64_t piece = left < sizeof(zeros) ? left : sizeof(zeros);
        RF_TRY(emit(writer, zeros, piece, error));
        left -= piece;
    }
    return RF_OK;
}

/* Ends phase 1: writes everything that stands before the data. */
static rf_status emit_head(rf_gguf_writer *writer, rf_error *error)
{
    uint32_t version = RF_GGUF_VERSION_MAX;
    writer->streaming = true;
    RF_TRY(emit(writer, RF_GGUF_MAGIC, RF_GGUF_MAGIC_BYTES, error));
    RF_TRY(emit(writer, &version, sizeof(version), error));
    RF_TRY(emit(writer, &writer->n_tensors, sizeof(writer->n_tensors), error));
    RF_TRY(emit(writer, &writer->n_values, sizeof(writer->n_values), error));
    RF_TRY(emit(writer, writer->values.data, writer->values.length, error));
    RF_TRY(emit(writer, writer->table.data, writer->table.length, error));
    return emit_padding(writer, error);
}

static uint64_t current_bytes(const rf_gguf_writer *writer)
{
    uint64_t bytes;
    memcpy(&bytes, writer->sizes.data + writer->current * sizeof(bytes), sizeof(bytes));
    return bytes;
}

rf_status rf_gguf_write_data(rf_gguf_writer *writer, const void *data, uint64_t bytes,
                             rf_error *error)
{
    if (!writer->streaming)
        RF_TRY(emit_head(writer, error));
    if (writer->current == writer->n_tensors)
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "%" PRIu64 " bytes of data behind the last tensor", bytes);
    uint64_t size = current_bytes(writer);
    if (bytes > size - writer->filled)
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "%" PRIu64 " bytes for tensor %" PRIu64 ", which has %" PRIu64
                            " of %" PRIu64 " left",
                            bytes, writer->current, size - writer->filled, size);
    RF_TRY(emit(writer, data, bytes, error));
    writer->filled += bytes;
    if (writer->filled < size)
        return RF_OK;
    writer->current++;
    writer->filled = 0;
    return emit_padding(writer, error);
}

rf_status rf_gguf_writer_finish(rf_gguf_writer *writer, rf_error *error)
{
    if (writer->current < writer->n_tensors)
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "data of tensor %" PRIu64 " of %" PRIu64 " is not complete",
                            writer->current, writer->n_tensors);
    if (!writer->streaming)
        RF_TRY(emit_head(writer, error));
    return rf_draft_commit(writer->draft, error);
}
