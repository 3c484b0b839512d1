/* staging_ring.c: the queue of pinned buffers, with the streams and events of their copies. */
#include "memory/staging_ring.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>

#include "base/memory.h"

struct rf_staging_ring {
    rf_memory *memory;
    rf_device *device;
    rf_stream *streams[RF_STAGING_STREAMS];
    uint64_t buffer_bytes;
    uint32_t n_buffers;
    pthread_mutex_t lock; /* guards the queue */
    uint32_t head, count; /* of the queue */
    uint32_t *queue;      /* indices of buffers */
    rf_staging_buffer buffers[];
};

/* The status of the first failure, whose error has been set; later ones are not reported. */
static void keep_first(rf_status *first, rf_status status)
{
    if (*first == RF_OK)
        *first = status;
}

/* ---- opening and closing -------------------------------------------------------------------- */

static rf_status open_parts(rf_staging_ring *ring, rf_error *error)
{
    const rf_device_ops *ops = ring->device->ops;
    ring->queue = rf_calloc(ring->n_buffers, sizeof(*ring->queue));
    if (!ring->queue)
        return rf_error_host_memory(error, "the queue of staging buffers",
                                    ring->n_buffers * sizeof(*ring->queue));
    for (uint32_t i = 0; i < RF_STAGING_STREAMS; i++)
        RF_TRY(ops->stream_create(ring->device, &ring->streams[i], error));
    for (uint32_t i = 0; i < ring->n_buffers; i++) {
        ring->buffers[i].stream = ring->streams[i % RF_STAGING_STREAMS];
        ring->queue[i] = i;
    }
    ring->count = ring->n_buffers;
    return RF_OK;
}

rf_status rf_staging_ring_open(rf_memory *memory, uint32_t n_buffers, uint64_t buffer_bytes,
                               rf_staging_ring **out, rf_error *error)
{
    size_t bytes = sizeof(rf_staging_ring) + n_buffers * sizeof(rf_staging_buffer);
    rf_staging_ring *ring = rf_calloc(1, bytes);
    if (!ring)
        return rf_error_host_memory(error, "the staging buffers", bytes);
    ring->memory = memory;
    ring->device = rf_memory_device(memory);
    ring->buffer_bytes = buffer_bytes;
    ring->n_buffers = n_buffers;
    pthread_mutex_init(&ring->lock, NULL); /* cannot fail with default attributes on Linux */
    rf_status status = open_parts(ring, error);
    if (status != RF_OK) {
        (void)rf_staging_ring_close(ring, NULL); /* the failure above is the one to report */
        return status;
    }
    *out = ring;
    return RF_OK;
}

static rf_status free_buffer(rf_staging_ring *ring, rf_staging_buffer *buffer, rf_error *error)
{
    const rf_device_ops *ops = ring->device->ops;
    rf_status first = RF_OK;
    if (buffer->event)
        first = ops->event_destroy(ring->device, buffer->event, error);
    if (buffer->block.kind != RF_BLOCK_NONE)
        keep_first(&first, rf_memory_unregister(buffer->block, first == RF_OK ? error : NULL));
    if (buffer->memory)
        keep_first(&first,
                   ops->pinned_free(ring->device, buffer->memory, first == RF_OK ? error : NULL));
    return first;
}

rf_status rf_staging_ring_close(rf_staging_ring *ring, rf_error *error)
{
    if (!ring)
        return RF_OK;
    rf_status first = rf_staging_ring_drain(ring, error);
    for (uint32_t i = 0; i < ring->n_buffers; i++)
        keep_first(&first, free_buffer(ring, &ring->buffers[i], first == RF_OK ? error : NULL));
    for (uint32_t i = 0; i < RF_STAGING_STREAMS; i++) {
        if (ring->streams[i])
            keep_first(&first, ring->device->ops->stream_destroy(ring->device, ring->streams[i],
                                                                 first == RF_OK ? error : NULL));
    }
    pthread_mutex_destroy(&ring->lock);
    rf_free(ring->queue);
    rf_free(ring);
    return first;
}

/* ---- one buffer ----------------------------------------------------------------------------- */

/* What a half-made buffer has, closing gives back. */
static rf_status allocate(rf_staging_ring *ring, rf_staging_buffer *buffer, rf_error *error)
{
    const rf_device_ops *ops = ring->device->ops;
    void *memory = NULL;
    char label[RF_LABEL_BYTES];
    RF_TRY(ops->event_create(ring->device, &buffer->event, error));
    RF_TRY(ops->pinned_alloc(ring->device, ring->buffer_bytes, &memory, error));
    buffer->memory = memory;
    if ((uintptr_t)memory % RF_FILE_DIRECT_ALIGNMENT)
        return rf_error_set(error, RF_ERROR_DEVICE,
                            "device %s gave pinned memory that does not start on a page: %p",
                            ring->device->id, memory);
    snprintf(label, sizeof(label), "staging buffer %" PRIuPTR, (uintptr_t)(buffer - ring->buffers));
    return rf_memory_register(ring->memory, (uintptr_t)memory, ring->buffer_bytes,
                              RF_MEMORY_STAGING, label, &buffer->block, error);
}

rf_status rf_staging_ring_take(rf_staging_ring *ring, rf_staging_buffer **out, rf_error *error)
{
    pthread_mutex_lock(&ring->lock);
    rf_staging_buffer *buffer = ring->count ? &ring->buffers[ring->queue[ring->head]] : NULL;
    if (buffer) {
        ring->head = (ring->head + 1) % ring->n_buffers;
        ring->count--;
    }
    pthread_mutex_unlock(&ring->lock);
    if (!buffer)
        return rf_error_set(error, RF_ERROR_INTERNAL, "%u staging buffers are too few for so many",
                            ring->n_buffers);
    if (!buffer->memory)
        RF_TRY(allocate(ring, buffer, error));
    else
        RF_TRY(rf_staging_ring_wait(ring, buffer, error));
    *out = buffer;
    return RF_OK;
}

void rf_staging_ring_put(rf_staging_ring *ring, rf_staging_buffer *buffer)
{
    pthread_mutex_lock(&ring->lock);
    ring->queue[(ring->head + ring->count) % ring->n_buffers] = (uint32_t)(buffer - ring->buffers);
    ring->count++;
    pthread_mutex_unlock(&ring->lock);
}

rf_status rf_staging_ring_mark(rf_staging_ring *ring, rf_staging_buffer *buffer, rf_error *error)
{
    RF_TRY(ring->device->ops->event_record(ring->device, buffer->event, buffer->stream, error));
    buffer->pending = true;
    return RF_OK;
}

rf_status rf_staging_ring_wait(rf_staging_ring *ring, rf_staging_buffer *buffer, rf_error *error)
{
    if (!buffer->pending)
        return RF_OK;
    RF_TRY(ring->device->ops->event_sync(ring->device, buffer->event, error));
    buffer->pending = false;
    return RF_OK;
}

/* ---- all of them ---------------------------------------------------------------------------- */

rf_status rf_staging_ring_drain(rf_staging_ring *ring, rf_error *error)
{
    const rf_device_ops *ops = ring->device->ops;
    rf_status first = RF_OK;
    for (uint32_t i = 0; i < RF_STAGING_STREAMS; i++) {
        if (ring->streams[i])
            keep_first(&first, ops->stream_sync(ring->device, ring->streams[i],
                                                first == RF_OK ? error : NULL));
    }
    /* Copies may go on where waiting failed, and their memory is about to be freed: wait for the
     * whole device. That its answer is good does not make good what failed. */
    if (first != RF_OK)
        (void)ops->sync(ring->device, NULL);
    return first;
}
