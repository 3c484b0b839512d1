/* emu.c: the emulated devices: their facts, their table of operations, how they open and close. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "device/backend.h"
#include "device/emu/internal.h"

/* ---- facts ---------------------------------------------------------------------------------- */

static rf_status emu_facts(rf_device *device, rf_device_facts *out, rf_error *error)
{
    const emu_device *emu = (const emu_device *)device;
    rf_device_memory memory;
    RF_TRY(rf_emu_memory(device, &memory, error));
    rf_device_facts facts = {
        .info = {.compute_units = 1, .warp_size = emu->warp_size},
        .allocation_alignment = EMU_ALIGNMENT,
        .allocation_granularity = EMU_GRANULARITY,
    };
    memcpy(facts.info.id, device->id, sizeof(facts.info.id));
    memcpy(facts.info.name, emu->description, sizeof(facts.info.name));
    memcpy(facts.info.architecture, emu->base.id, sizeof(emu->base.id));
    rf_backend_note_memory(&facts.info, &memory);
    *out = facts;
    return RF_OK;
}

/* ---- what tests set and ask ----------------------------------------------------------------- */

void rf_emu_set_memory(rf_device *device, uint64_t total)
{
    emu_device *emu = (emu_device *)device;
    pthread_mutex_lock(&emu->lock);
    emu->total = total;
    pthread_mutex_unlock(&emu->lock);
}

void rf_emu_set_schedule(rf_device *device, rf_emu_schedule schedule, uint64_t seed)
{
    emu_device *emu = (emu_device *)device;
    pthread_mutex_lock(&emu->lock);
    emu->schedule = schedule;
    emu->seed = seed;
    for (uint32_t slot = 0; slot < EMU_STREAMS; slot++) {
        if (emu->streams[slot].state != EMU_STREAM_NONE)
            pthread_cond_signal(&emu->streams[slot].work); /* what was left may be due now */
    }
    pthread_mutex_unlock(&emu->lock);
}

rf_emu_live rf_emu_count_live(rf_device *device)
{
    emu_device *emu = (emu_device *)device;
    pthread_mutex_lock(&emu->lock);
    rf_emu_live live = emu->live;
    pthread_mutex_unlock(&emu->lock);
    return live;
}

/* ---- opening and closing -------------------------------------------------------------------- */

/* Takes half-opened devices, whose streams have not started, too. */
static void destroy(emu_device *emu)
{
    if (emu->pattern >= 0)
        close(emu->pattern); /* a file that lives in memory alone: nothing is lost if it fails */
    pthread_cond_destroy(&emu->progress);
    pthread_mutex_destroy(&emu->lock);
    rf_free(emu);
}

/* First the streams: they may still use memory. */
static rf_status emu_close(rf_device *device, rf_error *error)
{
    emu_device *emu = (emu_device *)device;
    rf_leaks leaks = {0};
    rf_emu_streams_stop(emu, &leaks);
    if (emu->live.events)
        rf_leaks_add(&leaks, device, "%u events", (unsigned)emu->live.events);
    rf_emu_graphs_destroy_all(emu, &leaks);
    rf_emu_unload_all(emu, &leaks);
    rf_emu_free_all(emu, &leaks);
    rf_status status = rf_leaks_report(&leaks, device, error);
    destroy(emu);
    return status;
}

static rf_status describe_rows(rf_device *device, const rf_row_boxes *boxes, rf_row_boxes_code *out,
                               rf_error *error)
{
    (void)boxes, (void)out;
    return rf_error_set(error, RF_ERROR_UNSUPPORTED, "device %s has no copies of boxes",
                        device->id);
}

static const rf_device_ops emu_ops = {
    .backend = "emu",
    .facts = emu_facts,
    .memory = rf_emu_memory,
    .close = emu_close,
    .alloc = rf_emu_alloc,
    .free = rf_emu_free,
    .pinned_alloc = rf_emu_pinned_alloc,
    .pinned_free = rf_emu_pinned_free,
    .copy = rf_emu_copy,
    .fill = rf_emu_fill,
    .stream_create = rf_emu_stream_create,
    .stream_destroy = rf_emu_stream_destroy,
    .stream_sync = rf_emu_stream_sync,
    .sync = rf_emu_sync,
    .event_create = rf_emu_event_create,
    .event_destroy = rf_emu_event_destroy,
    .event_record = rf_emu_event_record,
    .event_sync = rf_emu_event_sync,
    .event_done = rf_emu_event_done,
    .event_elapsed = rf_emu_event_elapsed,
    .stream_wait = rf_emu_stream_wait,
    .module_load = rf_emu_module_load,
    .module_unload = rf_emu_module_unload,
    .module_function = rf_emu_module_function,
    .launch = rf_emu_launch,
    .graph_begin = rf_emu_graph_begin,
    .graph_end = rf_emu_graph_end,
    .graph_replay = rf_emu_graph_replay,
    .graph_destroy = rf_emu_graph_destroy,
    .describe_rows = describe_rows,
};

/* What there is: a size of warps, and a kind of matrix unit, of whose layouts the kernels are. */
typedef struct variant {
    const char *id;
    uint32_t warp_size;
    const char *matrix_unit;
} variant;

static const variant variants[] = {
    {"emu32", 32, "matrix units like NVIDIA's"},
    {"emu64", 64, "matrix units like CDNA's"},
    {"emu32-rdna3", 32, "matrix units like RDNA3's"},
    {"emu32-rdna4", 32, "matrix units like RDNA4's"},
    {"emu32-plain", 32, "no matrix units"},
    {"emu64-plain", 64, "no matrix units"},
};

#define VARIANT_COUNT (sizeof(variants) / sizeof(variants[0]))

static rf_status open_variant(uint32_t index, rf_device **out, rf_error *error)
{
    const variant *v = &variants[index];
    emu_device *emu = rf_calloc(1, sizeof(*emu));
    if (!emu)
        return rf_error_host_memory(error, "a device", sizeof(*emu));
    emu->base.ops = &emu_ops;
    snprintf(emu->base.id, sizeof(emu->base.id), "%s", v->id);
    snprintf(emu->description, sizeof(emu->description), "emulated GPU with warps of %u and %s",
             v->warp_size, v->matrix_unit);
    emu->warp_size = v->warp_size;
    emu->total = RF_EMU_DEFAULT_MEMORY;
    emu->next_address = EMU_ADDRESS_FIRST + index * EMU_ADDRESS_STEP;
    emu->pattern = -1;
    pthread_mutex_init(&emu->lock, NULL); /* neither can fail with default attributes on Linux */
    pthread_cond_init(&emu->progress, NULL);
    rf_status status = rf_emu_pattern_open(&emu->pattern, error);
    if (status == RF_OK)
        status = rf_emu_streams_start(emu, error);
    if (status != RF_OK) {
        destroy(emu);
        return status;
    }
    *out = &emu->base;
    return RF_OK;
}

rf_status rf_emu_open(uint32_t warp_size, rf_device **out, rf_error *error)
{
    if (warp_size != 32 && warp_size != 64)
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "an emulated device has warps of 32 or 64 threads, not %u", warp_size);
    return open_variant(warp_size == 32 ? 0 : 1, out, error);
}

rf_status rf_emu_open_id(const char *id, rf_device **out, rf_error *error)
{
    for (uint32_t i = 0; i < VARIANT_COUNT; i++)
        if (strcmp(variants[i].id, id) == 0)
            return open_variant(i, out, error);
    return rf_error_set(error, RF_ERROR_NOT_FOUND, "no emulated device '%.64s'", id);
}

/* ---- the backend ---------------------------------------------------------------------------- */

static rf_status backend_count(uint32_t *out, rf_error *error)
{
    (void)error;
    *out = VARIANT_COUNT;
    return RF_OK;
}

static void backend_id(uint32_t index, char out[RF_DEVICE_ID_BYTES])
{
    snprintf(out, RF_DEVICE_ID_BYTES, "%s", variants[index].id);
}

const rf_backend rf_backend_emu = {
    .name = "emu",
    .unlisted = true,
    .count = backend_count,
    .id = backend_id,
    .open = open_variant,
};
