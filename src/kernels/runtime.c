/* runtime.c: opening and closing a runtime. */
#include "kernels/runtime.h"

#include "base/memory.h"
#include "base/options.h"
#include "kernels/cpu/cpu.h"
#include "kernels/gpu/gpu.h"
#include "kernels/gpu/images.h"

static rf_status can_compute(const rf_device_facts *facts, rf_error *error)
{
    return facts->unified ? RF_OK : rf_gpu_image_require(facts->info.architecture, error);
}

static rf_status open_device(const rf_runtime_options *options, rf_device **out, rf_error *error)
{
    if (options->device)
        return rf_device_open(options->device, out, error);
    if (options->reference_kernels) /* only the CPU has them */
        return rf_device_open("cpu", out, error);
    return rf_device_open_best(can_compute, out, error);
}

static rf_status open_parts(rf_runtime *runtime, const rf_runtime_options *options, rf_error *error)
{
    RF_TRY(open_device(options, &runtime->device, error));
    RF_TRY(runtime->device->ops->facts(runtime->device, &runtime->facts, error));
    RF_TRY(rf_memory_open(runtime->device, &runtime->memory, error));
    RF_TRY(rf_threads_create(options->n_threads, &runtime->threads, error));
    if (runtime->facts.unified) {
        runtime->kernels = rf_kernels_for_cpu(options->reference_kernels);
        return RF_OK;
    }
    runtime->kernels = rf_kernels_for_gpu();
    rf_status status =
        rf_gpu_programs_open(runtime->device, &runtime->facts, &runtime->programs, error);
    return status == RF_ERROR_UNSUPPORTED ? RF_OK : status; /* said again where it matters */
}

/* Takes half-opened runtimes too. */
static rf_status close_parts(rf_runtime *runtime, rf_error *error)
{
    if (runtime->memory)
        RF_TRY(rf_memory_close(runtime->memory, error));
    rf_threads_free(runtime->threads);
    rf_status status = rf_gpu_programs_close(runtime->programs, error);
    rf_status closed = rf_device_close(runtime->device, status == RF_OK ? error : NULL);
    status = status == RF_OK ? closed : status;
    pthread_mutex_destroy(&runtime->lock);
    rf_free(runtime);
    return status;
}

rf_status rf_runtime_open(const rf_runtime_options *options, rf_runtime **out, rf_error *error)
{
    rf_runtime_options known = RF_RUNTIME_OPTIONS_INIT;
    RF_TRY(rf_options_read(&known, sizeof(known), options, "rf_runtime_options", error));
    rf_runtime *runtime = rf_calloc(1, sizeof(*runtime));
    if (!runtime)
        return rf_error_host_memory(error, "a runtime", sizeof(*runtime));
    pthread_mutex_init(&runtime->lock, NULL); /* cannot fail with default attributes on Linux */
    rf_status status = open_parts(runtime, &known, error);
    if (status != RF_OK) {
        (void)close_parts(runtime, NULL); /* nothing is on it that could be busy */
        return status;
    }
    *out = runtime;
    return RF_OK;
}

rf_status rf_runtime_close(rf_runtime *runtime, rf_error *error)
{
    if (!runtime)
        return RF_OK;
    pthread_mutex_lock(&runtime->lock);
    uint32_t n_models = runtime->n_models;
    pthread_mutex_unlock(&runtime->lock);
    if (n_models) {
        char held[RF_ERROR_MESSAGE_BYTES / 2];
        rf_memory_describe_use(runtime->memory, held, sizeof(held));
        return rf_error_set(error, RF_ERROR_BUSY, "%u models are loaded on device %s%s%s", n_models,
                            runtime->device->id, *held ? ": " : "", held);
    }
    return close_parts(runtime, error);
}

rf_status rf_runtime_device(rf_runtime *runtime, rf_device_info *out, rf_error *error)
{
    rf_device_facts facts;
    RF_TRY(runtime->device->ops->facts(runtime->device, &facts, error));
    *out = facts.info;
    return RF_OK;
}

const char *rf_runtime_kernels(const rf_runtime *runtime)
{
    if (runtime->facts.unified)
        return runtime->kernels->name;
    return runtime->programs ? rf_gpu_programs_target(runtime->programs) : NULL;
}

rf_status rf_memory_stats_get(rf_runtime *runtime, rf_memory_stats *stats, rf_error *error)
{
    return rf_memory_statistics(runtime->memory, stats, error);
}

rf_status rf_memory_pools(rf_runtime *runtime, rf_pool_stats *out, size_t capacity, size_t *count,
                          rf_error *error)
{
    if (!count || (capacity && !out))
        return rf_error_set(error, RF_ERROR_ARGUMENT, "there is no place for the list of pools");
    rf_memory_list_pools(runtime->memory, out, capacity, count);
    return RF_OK;
}

rf_status rf_runtime_require_kernels(const rf_runtime *runtime, rf_error *error)
{
    if (runtime->facts.unified || runtime->programs)
        return RF_OK;
    return rf_gpu_programs_why_none(runtime->device, &runtime->facts, error);
}

void rf_runtime_retain(rf_runtime *runtime)
{
    pthread_mutex_lock(&runtime->lock);
    runtime->n_models++;
    pthread_mutex_unlock(&runtime->lock);
}

void rf_runtime_release(rf_runtime *runtime)
{
    pthread_mutex_lock(&runtime->lock);
    runtime->n_models--;
    pthread_mutex_unlock(&runtime->lock);
}
