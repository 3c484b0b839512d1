/*
 * staging_read.c: what a reader does with a job: fill a buffer and start the copies out of it, or
 * fill the blocks themselves. Checksums are taken on the way, of bytes that the core's own cache
 * still holds.
 */
#include "base/checked.h"
#include "base/clock.h"
#include "base/hash.h"
#include "memory/staging_transfer.h"

/* Bytes of one buffered read: several pieces, and well within a core's second-level cache. */
#define UNIT_BYTES (256ULL << 10)

/* A stretch of a file on its way into memory. */
typedef struct stretch {
    const rf_transfer *transfer;
    const rf_file *file;
    uint64_t begin;  /* in the file: what memory's first byte is */
    uint64_t end;    /* of what is to be read */
    uint64_t filled; /* read up to here */
    uint8_t *memory;
} stretch;

/* Reads on until the bytes before `until` are there. */
static rf_status advance(stretch *s, uint64_t until, rf_error *error)
{
    while (s->filled < until) {
        uint64_t bytes = s->end - s->filled;
        uint8_t *to = s->memory + (s->filled - s->begin);
        if (s->transfer->direct) {
            RF_TRY(rf_file_read_direct(s->file, s->filled, to, bytes, error));
        } else {
            bytes = bytes < UNIT_BYTES ? bytes : UNIT_BYTES;
            RF_TRY(rf_file_read(s->file, s->filled, to, bytes, error));
        }
        s->filled += bytes;
    }
    return RF_OK;
}

/* Reads a part of an item and takes the checksums of its pieces. */
static rf_status read_segment(stretch *s, const rf_staging_segment *segment, rf_error *error)
{
    const rf_transfer *t = s->transfer;
    const rf_staging_item *item = &t->items[segment->item];
    uint64_t *sum = t->pieces + t->first_piece[segment->item];
    sum += segment->offset / RF_STAGING_PIECE_BYTES;
    for (uint64_t done = 0; done < segment->bytes; done += RF_STAGING_PIECE_BYTES) {
        uint64_t left = segment->bytes - done;
        uint64_t bytes = left < RF_STAGING_PIECE_BYTES ? left : RF_STAGING_PIECE_BYTES;
        uint64_t at = item->offset + segment->offset + done;
        rf_status status = advance(s, at + bytes, error);
        if (status != RF_OK)
            return rf_error_context(error, status, "tensor %s", item->label);
        *sum++ = rf_hash64(s->memory + (at - s->begin), bytes);
    }
    return RF_OK;
}

/* ---- through a buffer ----------------------------------------------------------------------- */

/* The stretch that a job is: from the start of its block, and where reads are direct to the end of
 * one, if the file goes that far. */
static stretch buffer_stretch(const rf_transfer *t, const rf_staging_job *job, uint8_t *memory)
{
    uint64_t begin = job->begin - rf_staging_lead(job);
    stretch s = {.transfer = t,
                 .file = job->file,
                 .begin = begin,
                 .filled = t->direct ? begin : job->begin,
                 .end = job->end};
    s.memory = memory;
    if (t->direct) {
        uint64_t bytes = rf_file_bytes(job->file);
        if (!rf_align_up(job->end, RF_FILE_DIRECT_ALIGNMENT, &s.end) || s.end > bytes)
            s.end = bytes;
    }
    return s;
}

static rf_status fill(const rf_transfer *t, const rf_staging_job *job, uint8_t *memory,
                      rf_error *error)
{
    stretch s = buffer_stretch(t, job, memory);
    for (uint32_t i = 0; i < job->n_segments; i++) {
        rf_staging_segment segment = rf_staging_segment_at(t->items, job, i);
        RF_TRY(read_segment(&s, &segment, error));
    }
    return RF_OK;
}

static rf_status start_copies(const rf_transfer *t, const rf_staging_job *job,
                              const rf_staging_buffer *buffer, rf_error *error)
{
    uint64_t begin = job->begin - rf_staging_lead(job);
    for (uint32_t i = 0; i < job->n_segments; i++) {
        rf_staging_segment segment = rf_staging_segment_at(t->items, job, i);
        const rf_staging_item *item = &t->items[segment.item];
        rf_address to = 0;
        const uint8_t *from = buffer->memory + (item->offset + segment.offset - begin);
        rf_status status = rf_block_address(item->block, &to, error);
        if (status == RF_OK)
            status =
                t->device->ops->copy(t->device, buffer->stream, RF_COPY_TO_DEVICE,
                                     to + segment.offset, (uintptr_t)from, segment.bytes, error);
        if (status != RF_OK)
            return rf_error_context(error, status, "tensor %s", item->label);
    }
    return RF_OK;
}

static rf_status read_staged(const rf_transfer *t, const rf_staging_job *job,
                             rf_staging_times *times, rf_error *error)
{
    rf_staging_buffer *buffer = NULL;
    uint64_t start = rf_clock_ns();
    RF_TRY(rf_staging_ring_take(t->ring, &buffer, error));
    uint64_t taken = rf_clock_ns();
    times->wait += taken - start;
    RF_TRY(fill(t, job, buffer->memory, error));
    times->read += rf_clock_ns() - taken;
    RF_TRY(start_copies(t, job, buffer, error));
    RF_TRY(rf_staging_ring_mark(t->ring, buffer, error));
    rf_staging_ring_put(t->ring, buffer);
    return RF_OK;
}

rf_status rf_staging_fetch_job(rf_transfer *transfer, const rf_staging_job *job,
                               rf_staging_times *times, rf_error *error)
{
    rf_staging_buffer *buffer = NULL;
    RF_TRY(rf_staging_ring_take(transfer->ring, &buffer, error));
    uint64_t start = rf_clock_ns();
    stretch s = buffer_stretch(transfer, job, buffer->memory);
    RF_TRY(advance(&s, s.end, error));
    times->read += rf_clock_ns() - start;
    rf_staging_ring_put(transfer->ring, buffer);
    return RF_OK;
}

/* ---- in place ------------------------------------------------------------------------------- */

rf_status rf_staging_host_pointer(const rf_staging_item *item, uint64_t offset, uint8_t **out,
                                  rf_error *error)
{
    rf_address address = 0;
    RF_TRY(rf_block_address(item->block, &address, error));
    *out = (uint8_t *)(uintptr_t)address + offset;
    return RF_OK;
}

static rf_status read_in_place(const rf_transfer *t, const rf_staging_job *job,
                               rf_staging_times *times, rf_error *error)
{
    uint64_t start = rf_clock_ns();
    for (uint32_t i = 0; i < job->n_segments; i++) {
        rf_staging_segment segment = rf_staging_segment_at(t->items, job, i);
        const rf_staging_item *item = &t->items[segment.item];
        uint64_t begin = item->offset + segment.offset;
        stretch s = {.transfer = t,
                     .file = job->file,
                     .begin = begin,
                     .filled = begin,
                     .end = begin + segment.bytes};
        RF_TRY(rf_staging_host_pointer(item, segment.offset, &s.memory, error));
        RF_TRY(read_segment(&s, &segment, error));
    }
    times->read += rf_clock_ns() - start;
    return RF_OK;
}

rf_status rf_staging_read_job(rf_transfer *transfer, const rf_staging_job *job,
                              rf_staging_times *times, rf_error *error)
{
    return transfer->ring ? read_staged(transfer, job, times, error)
                          : read_in_place(transfer, job, times, error);
}
