/*
 * gpu.c: a GPU as a device: finding it, opening and closing it, its facts, and its driver's errors
 * in our terms. It knows no vendor.
 */
#include "device/gpu/gpu.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "device/gpu/sysfs.h"

/* ---- errors --------------------------------------------------------------------------------- */

static rf_status status_of(int code)
{
    switch (code) {
    case RF_GPU_INVALID_VALUE:
        return RF_ERROR_ARGUMENT;
    case RF_GPU_OUT_OF_MEMORY:
        return RF_ERROR_DEVICE_MEMORY;
    case RF_GPU_NOT_FOUND:
        return RF_ERROR_NOT_FOUND;
    case RF_GPU_INVALID_IMAGE:
    case RF_GPU_NO_BINARY_FOR_GPU:
    case RF_GPU_INVALID_KERNEL_FILE:
    case RF_GPU_NOT_SUPPORTED:
        return RF_ERROR_UNSUPPORTED;
    default:
        return RF_ERROR_DEVICE;
    }
}

rf_status rf_gpu_check(const rf_gpu_device *gpu, int code, rf_error *error, const char *format, ...)
{
    if (code == 0)
        return RF_OK;
    char tried[RF_ERROR_MESSAGE_BYTES / 2];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(tried, sizeof(tried), format, arguments);
    va_end(arguments);
    return rf_error_set_code(error, status_of(code), code, "device %s: %s: %s: %s (%d)",
                             gpu->base.id, tried, gpu->driver->error_name(gpu->f, code),
                             gpu->driver->error_text(gpu->f, code), code);
}

rf_status rf_gpu_enter(const rf_gpu_device *gpu, rf_error *error)
{
    return rf_gpu_check(gpu, gpu->driver->enter(gpu->f, gpu->ordinal, gpu->context), error,
                        "make it the thread's device");
}

/* ---- facts ---------------------------------------------------------------------------------- */

/* Facts of a device whose own were read, without its memory. */
static rf_device_facts facts_of(const rf_gpu_device *gpu)
{
    rf_device_facts facts = {
        .integrated = gpu->integrated,
        .info = {.compute_units = gpu->compute_units, .warp_size = gpu->warp_size},
        .allocation_alignment = gpu->driver->alignment,
        .realigned = atomic_load(&gpu->realigned),
        .allocation_granularity = gpu->driver->granularity,
    };
    memcpy(facts.info.id, gpu->base.id, sizeof(facts.info.id));
    memcpy(facts.info.name, gpu->name, sizeof(facts.info.name));
    memcpy(facts.info.driver, gpu->driver_text, sizeof(facts.info.driver));
    memcpy(facts.info.architecture, gpu->architecture, sizeof(facts.info.architecture));
    return facts;
}

static rf_status gpu_facts(rf_device *device, rf_device_facts *out, rf_error *error)
{
    rf_device_memory memory;
    RF_TRY(rf_gpu_memory(device, &memory, error));
    rf_device_facts facts = facts_of((const rf_gpu_device *)device);
    rf_backend_note_memory(&facts.info, &memory);
    *out = facts;
    return RF_OK;
}

static rf_status read_attribute(const rf_gpu_device *gpu, rf_gpu_attribute which, const char *what,
                                int *out, rf_error *error)
{
    return rf_gpu_check(gpu, gpu->driver->attribute(gpu->f, gpu->ordinal, which, out), error,
                        "read %s", what);
}

/* What a report of an error has to say of the driver. */
static rf_status read_version(rf_gpu_device *gpu, rf_error *error)
{
    const rf_gpu_driver *driver = gpu->driver;
    int version = 0;
    char text[32] = "";
    char module[64] = "";
    RF_TRY(rf_gpu_check(gpu, driver->version(gpu->f, &version), error, "ask its driver's version"));
    driver->version_text(version, text, sizeof(text));
    const char *file = strrchr(gpu->library, '/');
    bool known = rf_gpu_sysfs_module_version(gpu->root, driver->module, module);
    snprintf(gpu->driver_text, sizeof(gpu->driver_text), "%s %s (%.32s)%s%s%s%.40s", driver->title,
             text, file ? file + 1 : gpu->library, known ? ", " : "", known ? driver->module : "",
             known ? " " : "", module);
    return RF_OK;
}

/* Asks the driver for what does not change. Numbers are needed; a name that it does not know (an
 * empty one) is not. */
static rf_status read_facts(rf_gpu_device *gpu, rf_error *error)
{
    const rf_gpu_driver *driver = gpu->driver;
    int units = 0;
    int warp = 0;
    int integrated = 0;
    RF_TRY(read_attribute(gpu, RF_GPU_COMPUTE_UNITS, "its compute units", &units, error));
    RF_TRY(read_attribute(gpu, RF_GPU_WARP_SIZE, "its warp size", &warp, error));
    RF_TRY(read_attribute(gpu, RF_GPU_INTEGRATED, "whether it is integrated", &integrated, error));
    if (units <= 0 || warp <= 0)
        return rf_error_set(error, RF_ERROR_DEVICE,
                            "device %s: the driver says %d compute units, warp size %d",
                            gpu->base.id, units, warp);
    gpu->compute_units = (uint32_t)units;
    gpu->warp_size = (uint32_t)warp;
    gpu->integrated = integrated != 0;
    RF_TRY(read_version(gpu, error));
    RF_TRY(rf_gpu_check(
        gpu,
        driver->pci_address(gpu->f, gpu->ordinal, gpu->pci_address, (int)sizeof(gpu->pci_address)),
        error, "read its PCI address"));
    RF_TRY(rf_gpu_check(
        gpu,
        driver->architecture(gpu->f, gpu->ordinal, gpu->architecture, sizeof(gpu->architecture)),
        error, "read its architecture"));
    if (!gpu->architecture[0])
        rf_gpu_sysfs_architecture(gpu->root, gpu->pci_address, gpu->architecture);
    RF_TRY(rf_gpu_check(
        gpu, driver->device_name(gpu->f, gpu->ordinal, gpu->name, (int)sizeof(gpu->name)), error,
        "read its name"));
    if (!gpu->name[0]) /* drivers know no name for some boards */
        snprintf(gpu->name, sizeof(gpu->name), "%s GPU %s", driver->name, gpu->architecture);
    return RF_OK;
}

/* ---- opening and closing -------------------------------------------------------------------- */

/* Closing has nobody to report to but the log. */
static void close_context(const rf_gpu_device *gpu)
{
    rf_error error;
    if (rf_gpu_check(gpu, gpu->driver->release(gpu->f, gpu->ordinal), &error, "close it") != RF_OK)
        rf_log(RF_LOG_WARNING, "%s", error.message);
}

static rf_status gpu_close(rf_device *device, rf_error *error)
{
    rf_gpu_device *gpu = (rf_gpu_device *)device;
    rf_leaks leaks = {0};
    rf_gpu_free_all(gpu, &leaks);
    rf_status status = rf_leaks_report(&leaks, device, error);
    close_context(gpu);
    pthread_mutex_destroy(&gpu->lock);
    rf_free(gpu);
    return status;
}

static const rf_device_ops gpu_ops = {
    .backend = NULL, /* the driver's name: set in each device's copy */
    .facts = gpu_facts,
    .memory = rf_gpu_memory,
    .close = gpu_close,
    .alloc = rf_gpu_alloc,
    .free = rf_gpu_free,
    .pinned_alloc = rf_gpu_pinned_alloc,
    .pinned_free = rf_gpu_pinned_free,
    .copy = rf_gpu_copy,
    .fill = rf_gpu_fill,
    .stream_create = rf_gpu_stream_create,
    .stream_destroy = rf_gpu_stream_destroy,
    .stream_sync = rf_gpu_stream_sync,
    .sync = rf_gpu_sync,
    .event_create = rf_gpu_event_create,
    .event_destroy = rf_gpu_event_destroy,
    .event_record = rf_gpu_event_record,
    .event_sync = rf_gpu_event_sync,
    .event_done = rf_gpu_event_done,
    .event_elapsed = rf_gpu_event_elapsed,
    .stream_wait = rf_gpu_stream_wait,
    .module_load = rf_gpu_module_load,
    .module_unload = rf_gpu_module_unload,
    .module_function = rf_gpu_module_function,
    .launch = rf_gpu_launch,
    .graph_begin = rf_gpu_graph_begin,
    .graph_end = rf_gpu_graph_end,
    .graph_replay = rf_gpu_graph_replay,
    .graph_destroy = rf_gpu_graph_destroy,
    .describe_rows = rf_gpu_describe_rows,
};

static rf_status open_context(rf_gpu_device *gpu, rf_error *error)
{
    const rf_gpu_driver *driver = gpu->driver;
    RF_TRY(rf_gpu_check(gpu, driver->retain(gpu->f, gpu->ordinal, &gpu->context), error,
                        "make it ready"));
    rf_status status = read_facts(gpu, error);
    if (status != RF_OK)
        close_context(gpu);
    return status;
}

/* Sets what calls of the driver need. */
static void address_driver(const rf_gpu_library *library, uint32_t index, rf_gpu_device *gpu)
{
    rf_gpu_id(library, index, gpu->base.id);
    gpu->driver = library->driver;
    gpu->f = library->symbols;
    gpu->root = library->root;
    gpu->library = library->name;
    gpu->ordinal = (int)index; /* below the count, which the driver gave as an int */
}

rf_status rf_gpu_look(rf_gpu_library *library, uint32_t index, rf_device_facts *out,
                      rf_error *error)
{
    rf_gpu_device gpu = {0};
    size_t total = 0;
    RF_TRY(rf_gpu_library_open(library, error));
    address_driver(library, index, &gpu);
    RF_TRY(read_facts(&gpu, error));
    RF_TRY(rf_gpu_check(&gpu, gpu.driver->total_memory(gpu.f, gpu.ordinal, &total), error,
                        "read how much memory it has"));
    rf_device_facts facts = facts_of(&gpu);
    facts.info.memory_total = total;
    *out = facts;
    return RF_OK;
}

rf_status rf_gpu_open(rf_gpu_library *library, uint32_t index, rf_device **out, rf_error *error)
{
    RF_TRY(rf_gpu_library_open(library, error));
    rf_gpu_device *gpu = rf_calloc(1, sizeof(*gpu));
    if (!gpu)
        return rf_error_host_memory(error, "a device", sizeof(*gpu));
    gpu->ops = gpu_ops;
    gpu->ops.backend = library->driver->name;
    gpu->base.ops = &gpu->ops;
    address_driver(library, index, gpu);
    rf_status status = open_context(gpu, error);
    if (status != RF_OK) {
        rf_free(gpu);
        return status;
    }
    pthread_mutex_init(&gpu->lock, NULL); /* cannot fail with default attributes on Linux */
    *out = &gpu->base;
    return RF_OK;
}

/* ---- the backends --------------------------------------------------------------------------- */

void rf_gpu_id(const rf_gpu_library *library, uint32_t index, char out[RF_DEVICE_ID_BYTES])
{
    snprintf(out, RF_DEVICE_ID_BYTES, "%s:%" PRIu32, library->driver->name, index);
}

rf_status rf_gpu_count(rf_gpu_library *library, uint32_t *out, rf_error *error)
{
    rf_error failure;
    rf_status status = rf_gpu_library_open(library, &failure);
    if (status == RF_ERROR_NOT_FOUND) {
        rf_log(RF_LOG_DEBUG, "%s", failure.message);
        *out = 0;
        return RF_OK;
    }
    if (status != RF_OK) {
        if (error)
            *error = failure;
        return status;
    }
    const rf_gpu_driver *driver = library->driver;
    int count = 0;
    int code = driver->device_count(library->symbols, &count);
    if (code != 0 && code != RF_GPU_NO_DEVICE)
        return rf_error_set_code(error, status_of(code), code, "%s: count devices: %s: %s (%d)",
                                 library->name, driver->error_name(library->symbols, code),
                                 driver->error_text(library->symbols, code), code);
    *out = code == 0 && count > 0 ? (uint32_t)count : 0;
    return RF_OK;
}

rf_status rf_gpu_why_none(rf_gpu_library *library, rf_error *error)
{
    RF_TRY(rf_gpu_library_open(library, error));
    return rf_error_set(error, RF_ERROR_NOT_FOUND, "the %s driver, %s, finds no device",
                        library->driver->name, library->name);
}
