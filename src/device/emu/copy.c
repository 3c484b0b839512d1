/* copy.c: copies and fills of an emulated device: checked when they are asked for, and once more
 * when a stream comes to them, for what was freed in between. */
#include <inttypes.h>
#include <string.h>

#include "device/emu/internal.h"

/* Queued work keeps the records of its allocations, not their memory. */
static void ref(const emu_operation *operation)
{
    if (operation->to.allocation)
        operation->to.allocation->references++;
    if (operation->from.allocation)
        operation->from.allocation->references++;
}

void rf_emu_let_go(const emu_operation *operation)
{
    rf_emu_unref(operation->to.allocation);
    rf_emu_unref(operation->from.allocation);
    rf_emu_call_unref(operation->call);
    rf_emu_graph_unref(operation->graph);
}

/* Finds both sides of a copy. The lock is held. */
static rf_status find_ends(const emu_device *emu, rf_copy_kind kind, rf_address to, rf_address from,
                           emu_operation *operation, rf_error *error)
{
    uint64_t bytes = operation->bytes;
    switch (kind) {
    case RF_COPY_TO_DEVICE:
        RF_TRY(rf_emu_device_end(emu, to, bytes, &operation->to, error));
        return rf_emu_host_end(emu, from, bytes, &operation->from, error);
    case RF_COPY_FROM_DEVICE:
        RF_TRY(rf_emu_host_end(emu, to, bytes, &operation->to, error));
        return rf_emu_device_end(emu, from, bytes, &operation->from, error);
    case RF_COPY_ON_DEVICE:
        RF_TRY(rf_emu_device_end(emu, to, bytes, &operation->to, error));
        return rf_emu_device_end(emu, from, bytes, &operation->from, error);
    }
    return rf_error_set(error, RF_ERROR_ARGUMENT, "device %s: there is no copy of kind %u",
                        emu->base.id, (unsigned)kind);
}

/* Puts a copy or fill on a stream. The lock is held. */
static rf_status queue(emu_device *emu, rf_stream *stream, const emu_operation *operation,
                       emu_mark *mark, rf_error *error)
{
    ref(operation);
    rf_status status = rf_emu_queue(emu, stream, operation, mark, error);
    if (status != RF_OK)
        rf_emu_let_go(operation);
    return status;
}

/* The lock is held. */
static rf_status copy(emu_device *emu, rf_stream *stream, rf_copy_kind kind, rf_address to,
                      rf_address from, uint64_t bytes, rf_error *error)
{
    emu_operation operation = {.kind = EMU_COPY, .bytes = bytes};
    emu_mark mark = {0};
    emu_graph *capture = NULL;
    RF_TRY(find_ends(emu, kind, to, from, &operation, error));
    RF_TRY(rf_emu_capture_of(emu, stream, &capture, error));
    /* Host memory that is not pinned may be gone when the caller goes on: drivers wait too. */
    bool waits = !operation.to.allocation || !operation.from.allocation;
    if (waits && capture)
        return rf_emu_spoil(emu, capture, "a copy of host memory that is not pinned", error);
    RF_TRY(queue(emu, stream, &operation, &mark, error));
    if (waits)
        rf_emu_wait(emu, mark);
    return RF_OK;
}

rf_status rf_emu_copy(rf_device *device, rf_stream *stream, rf_copy_kind kind, rf_address to,
                      rf_address from, uint64_t bytes, rf_error *error)
{
    if (bytes == 0)
        return RF_OK;
    emu_device *emu = (emu_device *)device;
    pthread_mutex_lock(&emu->lock);
    rf_status status = copy(emu, stream, kind, to, from, bytes, error);
    pthread_mutex_unlock(&emu->lock);
    return status;
}

rf_status rf_emu_fill(rf_device *device, rf_stream *stream, rf_address to, uint8_t value,
                      uint64_t bytes, rf_error *error)
{
    if (bytes == 0)
        return RF_OK;
    emu_device *emu = (emu_device *)device;
    emu_operation operation = {.kind = EMU_FILL, .bytes = bytes, .value = value};
    emu_mark mark;
    pthread_mutex_lock(&emu->lock);
    rf_status status = rf_emu_device_end(emu, to, bytes, &operation.to, error);
    if (status == RF_OK)
        status = queue(emu, stream, &operation, &mark, error);
    pthread_mutex_unlock(&emu->lock);
    return status;
}

/* ---- what a stream does --------------------------------------------------------------------- */

static rf_status was_freed(const emu_device *emu, const emu_operation *operation,
                           const emu_allocation *a, rf_error *error)
{
    return rf_error_set(error, RF_ERROR_DEVICE,
                        "device %s: %s %" PRIu64 " (%" PRIu64 " bytes at 0x%" PRIx64
                        ") was freed before a %s of %" PRIu64 " bytes queued on it was done",
                        emu->base.id, a->pinned ? "pinned allocation" : "allocation", a->serial,
                        a->bytes, a->address, operation->kind == EMU_FILL ? "fill" : "copy",
                        operation->bytes);
}

static void pin(emu_allocation *a)
{
    if (a)
        a->users++;
}

static void unpin(emu_allocation *a)
{
    if (a)
        a->users--;
}

rf_status rf_emu_move(emu_device *emu, const emu_operation *operation, rf_error *error)
{
    emu_allocation *to = operation->to.allocation;
    emu_allocation *from = operation->from.allocation;
    rf_status status = RF_OK;
    if (to && to->freed) {
        status = was_freed(emu, operation, to, error);
    } else {
        const uint8_t *source = operation->from.bytes; /* NULL for a fill */
        uint8_t value = operation->value;
        if (from && from->freed) {
            status = was_freed(emu, operation, from, error);
            source = NULL;
            value = RF_EMU_FREED;
        }
        pin(to);
        pin(from);
        pthread_mutex_unlock(&emu->lock);
        if (source)
            memmove(operation->to.bytes, source, operation->bytes);
        else
            memset(operation->to.bytes, value, operation->bytes);
        pthread_mutex_lock(&emu->lock);
        unpin(to);
        unpin(from);
    }
    return status;
}
