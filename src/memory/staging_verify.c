/* staging_verify.c: reading blocks back and comparing them with the checksums of the file's bytes.
 */
#include <inttypes.h>

#include "base/hash.h"
#include "memory/staging_transfer.h"

/* Compares the pieces of a segment, whose bytes as the device has them stand at `bytes`. */
static rf_status compare(const rf_transfer *t, const rf_staging_segment *segment,
                         const uint8_t *bytes, rf_error *error)
{
    const rf_staging_item *item = &t->items[segment->item];
    const uint64_t *sum = t->pieces + t->first_piece[segment->item];
    sum += segment->offset / RF_STAGING_PIECE_BYTES;
    for (uint64_t done = 0; done < segment->bytes; done += RF_STAGING_PIECE_BYTES) {
        uint64_t left = segment->bytes - done;
        uint64_t piece = left < RF_STAGING_PIECE_BYTES ? left : RF_STAGING_PIECE_BYTES;
        if (rf_hash64(bytes + done, piece) == *sum++)
            continue;
        uint64_t offset = segment->offset + done;
        return rf_error_set(error, RF_ERROR_INTERNAL,
                            "tensor %s: what device %s has of its bytes %" PRIu64 " to %" PRIu64
                            ", in pool %" PRIu32 " from offset %" PRIu64
                            ", is not what the file gave",
                            item->label, t->device->id, offset, offset + piece, item->pool,
                            item->pool_offset + offset);
    }
    return RF_OK;
}

/* Copies a job's segments into a buffer, each to where it was read. */
static rf_status copy_back(const rf_transfer *t, const rf_staging_job *job,
                           const rf_staging_buffer *buffer, rf_error *error)
{
    for (uint32_t i = 0; i < job->n_segments; i++) {
        rf_staging_segment segment = rf_staging_segment_at(t->items, job, i);
        const rf_staging_item *item = &t->items[segment.item];
        rf_address from = 0;
        const uint8_t *to = buffer->memory + (item->offset + segment.offset - job->begin);
        rf_status status = rf_block_address(item->block, &from, error);
        if (status == RF_OK)
            status =
                t->device->ops->copy(t->device, buffer->stream, RF_COPY_FROM_DEVICE, (uintptr_t)to,
                                     from + segment.offset, segment.bytes, error);
        if (status != RF_OK)
            return rf_error_context(error, status, "reading tensor %s back", item->label);
    }
    return RF_OK;
}

static rf_status verify_staged(const rf_transfer *t, const rf_staging_job *job, rf_error *error)
{
    rf_staging_buffer *buffer = NULL;
    RF_TRY(rf_staging_ring_take(t->ring, &buffer, error));
    RF_TRY(copy_back(t, job, buffer, error));
    RF_TRY(rf_staging_ring_mark(t->ring, buffer, error));
    RF_TRY(rf_staging_ring_wait(t->ring, buffer, error));
    for (uint32_t i = 0; i < job->n_segments; i++) {
        rf_staging_segment segment = rf_staging_segment_at(t->items, job, i);
        uint64_t at = t->items[segment.item].offset + segment.offset - job->begin;
        RF_TRY(compare(t, &segment, buffer->memory + at, error));
    }
    rf_staging_ring_put(t->ring, buffer);
    return RF_OK;
}

static rf_status verify_in_place(const rf_transfer *t, const rf_staging_job *job, rf_error *error)
{
    for (uint32_t i = 0; i < job->n_segments; i++) {
        rf_staging_segment segment = rf_staging_segment_at(t->items, job, i);
        uint8_t *bytes = NULL;
        RF_TRY(rf_staging_host_pointer(&t->items[segment.item], segment.offset, &bytes, error));
        RF_TRY(compare(t, &segment, bytes, error));
    }
    return RF_OK;
}

rf_status rf_staging_verify_job(rf_transfer *transfer, const rf_staging_job *job,
                                rf_staging_times *times, rf_error *error)
{
    (void)times; /* only reading is told apart */
    return transfer->ring ? verify_staged(transfer, job, error)
                          : verify_in_place(transfer, job, error);
}
