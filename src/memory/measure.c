/* measure.c: the halves of a load, each by itself. */
#include "memory/measure.h"

#include "base/clock.h"
#include "base/memory.h"
#include "memory/staging_transfer.h"

/* Allocates every buffer of a ring, so that no time is taken of it later. */
static rf_status warm_up(rf_staging_ring *ring, uint32_t n_buffers, rf_error *error)
{
    for (uint32_t i = 0; i < n_buffers; i++) {
        rf_staging_buffer *buffer = NULL;
        RF_TRY(rf_staging_ring_take(ring, &buffer, error));
        rf_staging_ring_put(ring, buffer); /* at the end of the queue: the next is another one */
    }
    return RF_OK;
}

/* ---- reading -------------------------------------------------------------------------------- */

static rf_status read_all(rf_transfer *t, const rf_staging_shape *s,
                          const rf_staging_config *config, rf_transfer_measurement *out,
                          rf_error *error)
{
    rf_staging_audience nobody = {.config = config, .total = s->work.bytes};
    RF_TRY(rf_staging_choose_mode(config->read_mode, t->items, t->n_items, &t->direct, error));
    RF_TRY(rf_staging_ring_open(t->memory, s->n_buffers, s->buffer_bytes, &t->ring, error));
    RF_TRY(warm_up(t->ring, s->n_buffers, error));
    uint64_t start = rf_clock_ns();
    RF_TRY(rf_staging_run_round(t, rf_staging_fetch_job, &nobody, error));
    *out = (rf_transfer_measurement){.bytes = s->work.bytes,
                                     .nanoseconds = rf_clock_ns() - start,
                                     .read_mode = t->direct ? RF_READ_DIRECT : RF_READ_BUFFERED,
                                     .n_readers = s->n_readers,
                                     .staging_buffers = s->n_buffers,
                                     .staging_bytes = s->n_buffers * s->buffer_bytes};
    return RF_OK;
}

static rf_status measure_items(rf_memory *memory, const rf_staging_item *items, uint32_t n_items,
                               const rf_staging_config *config, rf_transfer_measurement *out,
                               rf_error *error)
{
    rf_staging_shape s = {0};
    rf_transfer t;
    rf_transfer_measurement measured = {0};
    RF_TRY(rf_staging_transfer_open(memory, config, items, n_items, &s, &t, error));
    rf_status status = read_all(&t, &s, config, &measured, error);
    RF_TRY(rf_staging_transfer_close(&t, status, error));
    *out = measured;
    return RF_OK;
}

rf_status rf_memory_measure_read(rf_memory *memory, rf_file *const *files, uint32_t n_files,
                                 const rf_staging_config *config, rf_transfer_measurement *out,
                                 rf_error *error)
{
    rf_staging_config quiet = *config;
    quiet.unified = false; /* through buffers on every device */
    quiet.progress = NULL;
    rf_staging_item *items = rf_calloc(n_files, sizeof(*items));
    if (!items)
        return rf_error_host_memory(error, "the list of files", n_files * sizeof(*items));
    for (uint32_t i = 0; i < n_files; i++)
        items[i] = (rf_staging_item){
            .file = files[i], .bytes = rf_file_bytes(files[i]), .label = rf_file_path(files[i])};
    rf_status status = measure_items(memory, items, n_files, &quiet, out, error);
    rf_free(items);
    return status;
}

/* ---- copying -------------------------------------------------------------------------------- */

/* Puts one buffer's copy on its stream. */
static rf_status copy_buffer(rf_device *device, rf_staging_ring *ring, rf_address to,
                             uint64_t bytes, rf_error *error)
{
    rf_staging_buffer *buffer = NULL;
    RF_TRY(rf_staging_ring_take(ring, &buffer, error));
    RF_TRY(device->ops->copy(device, buffer->stream, RF_COPY_TO_DEVICE, to,
                             (uintptr_t)buffer->memory, bytes, error));
    RF_TRY(rf_staging_ring_mark(ring, buffer, error));
    rf_staging_ring_put(ring, buffer);
    return RF_OK;
}

/* Copies n buffers to places of the block in turn, and waits for them. */
static rf_status copy_all(rf_device *device, rf_staging_ring *ring, const rf_staging_shape *s,
                          rf_block block, uint64_t n, rf_error *error)
{
    rf_address to = 0;
    RF_TRY(rf_block_address(block, &to, error));
    for (uint64_t i = 0; i < n; i++)
        RF_TRY(copy_buffer(device, ring, to + i % s->n_buffers * s->capacity, s->capacity, error));
    return rf_staging_ring_drain(ring, error);
}

static rf_status time_copies(rf_memory *memory, const rf_staging_shape *s, rf_block block,
                             uint64_t bytes, rf_transfer_measurement *out, rf_error *error)
{
    rf_device *device = rf_memory_device(memory);
    rf_staging_ring *ring = NULL;
    RF_TRY(rf_staging_ring_open(memory, s->n_buffers, s->capacity, &ring, error));
    uint64_t n = bytes / s->capacity + (bytes % s->capacity != 0);
    uint64_t start = 0;
    rf_status status = warm_up(ring, s->n_buffers, error);
    /* One round that is not timed: the first use of anything is slow. */
    if (status == RF_OK)
        status = copy_all(device, ring, s, block, s->n_buffers, error);
    if (status == RF_OK) {
        start = rf_clock_ns();
        status = copy_all(device, ring, s, block, n, error);
    }
    uint64_t took = rf_clock_ns() - start;
    rf_status closed = rf_staging_ring_close(ring, status == RF_OK ? error : NULL);
    RF_TRY(status);
    RF_TRY(closed);
    *out = (rf_transfer_measurement){.bytes = n * s->capacity,
                                     .nanoseconds = took,
                                     .staging_buffers = s->n_buffers,
                                     .staging_bytes = s->n_buffers * s->capacity};
    return RF_OK;
}

/* With a pool that holds one item, the first of its plan. */
static rf_status copy_into_pool(rf_memory *memory, const rf_plan *plan, rf_pool *pool,
                                const rf_staging_shape *s, uint64_t bytes,
                                rf_transfer_measurement *out, rf_error *error)
{
    rf_block block;
    RF_TRY(rf_pool_take_planned(pool, plan, 0, &block, error));
    rf_status status = time_copies(memory, s, block, bytes, out, error);
    rf_status given = rf_pool_give(block, status == RF_OK ? error : NULL);
    return status == RF_OK ? given : status;
}

rf_status rf_memory_measure_copy(rf_memory *memory, uint64_t bytes, const rf_staging_config *config,
                                 rf_transfer_measurement *out, rf_error *error)
{
    rf_staging_shape s = {0};
    rf_plan *plan = NULL;
    rf_pool *pool = NULL;
    rf_transfer_measurement measured = {0};
    rf_staging_config staged = *config;
    staged.unified = false;
    RF_TRY(rf_staging_fill_defaults(&staged, &s, error));
    RF_TRY(rf_plan_new(&(rf_plan_config){0}, &plan, error));
    /* Both factors are below a limit: the product fits. */
    rf_status status =
        rf_plan_add(plan, "copies", RF_MEMORY_SCRATCH, s.n_buffers * s.capacity, NULL, error);
    if (status == RF_OK)
        status = rf_plan_solve(plan, error);
    if (status == RF_OK)
        status = rf_pool_open(memory, plan, 1U << RF_MEMORY_SCRATCH, "copies", &pool, error);
    if (status == RF_OK)
        status = copy_into_pool(memory, plan, pool, &s, bytes, &measured, error);
    rf_status closed = rf_pool_close(pool, status == RF_OK ? error : NULL);
    rf_plan_free(plan);
    RF_TRY(status);
    RF_TRY(closed);
    *out = measured;
    return RF_OK;
}
