/*
 * staging_ring.h: pinned buffers in a queue. A reader takes the one that was used longest ago,
 * waits until copies out of it are done, and puts it back at the end when it has started new ones.
 *
 * Precondition: no more threads hold a buffer at once than there are buffers, so the queue is never
 * empty for one that asks. A thread that fails keeps its buffer, which copies may still use, and
 * asks for no other.
 *
 * Buffers are allocated when they are first taken: pinning memory takes longer than reading into
 * it, and so runs beside it.
 */
#ifndef RF_MEMORY_STAGING_RING_H
#define RF_MEMORY_STAGING_RING_H

#include "memory/staging.h"

typedef struct rf_staging_ring rf_staging_ring;

typedef struct rf_staging_buffer {
    uint8_t *memory; /* pinned, on a page; NULL: not allocated yet */
    rf_event *event; /* behind the latest copies */
    rf_stream *stream;
    bool pending;   /* copies may be under way until the event is done */
    rf_block block; /* on the account */
} rf_staging_buffer;

rf_status rf_staging_ring_open(rf_memory *memory, uint32_t n_buffers, uint64_t buffer_bytes,
                               rf_staging_ring **out, rf_error *error);
/* A buffer that nothing uses. */
rf_status rf_staging_ring_take(rf_staging_ring *ring, rf_staging_buffer **out, rf_error *error);
/* Notes that copies were put on the buffer's stream: they are waited for before it is used again.
 */
rf_status rf_staging_ring_mark(rf_staging_ring *ring, rf_staging_buffer *buffer, rf_error *error);
/* Waits for the copies of a buffer that the caller holds. */
rf_status rf_staging_ring_wait(rf_staging_ring *ring, rf_staging_buffer *buffer, rf_error *error);
void rf_staging_ring_put(rf_staging_ring *ring, rf_staging_buffer *buffer);
/* Waits for all copies; no thread holds a buffer any more, or will touch the one that it kept. */
rf_status rf_staging_ring_drain(rf_staging_ring *ring, rf_error *error);
/* Waits likewise and frees everything, whatever fails; the status is the first failure. NULL is
 * allowed, and half-opened ones. */
rf_status rf_staging_ring_close(rf_staging_ring *ring, rf_error *error);

#endif
