/* module.c: code of an emulated device: modules, functions, and launches up to where they run. */
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "base/checked.h"
#include "base/log.h"
#include "base/memory.h"
#include "device/emu/internal.h"

/* Of one kernel's arguments: what CUDA takes. */
#define MAX_ARGS_BYTES 4096U

/* ---- modules -------------------------------------------------------------------------------- */

/* Whether the code is an image for this device. */
static rf_status check_image(const emu_device *emu, const void *code, uint64_t bytes,
                             rf_error *error)
{
    const rf_emu_image *image = code;
    if (!code || bytes != sizeof(*image) || image->magic != RF_EMU_IMAGE_MAGIC)
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "device %s: %" PRIu64 " bytes of code are no image of kernels for an "
                            "emulated device",
                            emu->base.id, bytes);
    if (image->warp_size != emu->warp_size)
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "device %s: the code is for warps of %" PRIu32 ", not of %" PRIu32,
                            emu->base.id, image->warp_size, emu->warp_size);
    /* What kernels are compiled for (kernels/gpu/meson.build). F16C is in all processors that have
     * AVX2, and not in every compiler's list. */
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
        return rf_error_set(error, RF_ERROR_UNSUPPORTED,
                            "device %s: this processor lacks AVX2 or FMA, which emulated kernels "
                            "are compiled for",
                            emu->base.id);
    return RF_OK;
}

static emu_function *find_name(emu_module *module, uint64_t count, const char *name)
{
    for (uint64_t i = 0; i < count; i++)
        if (strcmp(module->functions[i].kernel->name, name) == 0)
            return &module->functions[i];
    return NULL;
}

/* Fills in a module's functions: no two of a name, which a compiler would have refused. */
static rf_status fill(const emu_device *emu, const rf_emu_image *image, emu_module *module,
                      rf_error *error)
{
    for (uint64_t i = 0; i < module->n_functions; i++) {
        const rf_emu_kernel *kernel = image->begin[i];
        if (find_name(module, i, kernel->name))
            return rf_error_set(error, RF_ERROR_ARGUMENT,
                                "device %s: the code has two kernels of the name %s", emu->base.id,
                                kernel->name);
        module->functions[i] = (emu_function){.module = module, .kernel = kernel};
    }
    return RF_OK;
}

rf_status rf_emu_module_load(rf_device *device, const void *code, uint64_t bytes, rf_module **out,
                             rf_error *error)
{
    emu_device *emu = (emu_device *)device;
    const rf_emu_image *image = code;
    uint64_t size;
    RF_TRY(check_image(emu, code, bytes, error));
    uint64_t count = image->begin ? (uint64_t)(image->end - image->begin) : 0;
    if (!rf_mul(count, sizeof(emu_function), &size) || !rf_add(size, sizeof(emu_module), &size))
        return rf_error_set(error, RF_ERROR_OVERFLOW, "device %s: %" PRIu64 " kernels",
                            emu->base.id, count);
    emu_module *module = rf_calloc(1, size);
    if (!module)
        return rf_error_host_memory(error, "device code", size);
    module->n_functions = count;
    module->references = 1;
    rf_status status = fill(emu, image, module, error);
    if (status != RF_OK) {
        rf_free(module);
        return status;
    }
    pthread_mutex_lock(&emu->lock);
    module->serial = ++emu->last_module;
    module->next = emu->modules;
    emu->modules = module;
    emu->live.modules++;
    pthread_mutex_unlock(&emu->lock);
    *out = (rf_module *)module;
    return RF_OK;
}

/* The lock is held for all below that are not operations of the device. */

static void module_unref(emu_module *module)
{
    if (--module->references == 0)
        rf_free(module);
}

/* Handles are compared with those that are live before anything is read through them. */
static rf_status find_module(emu_device *emu, const void *handle, emu_module ***out,
                             rf_error *error)
{
    emu_module **link = &emu->modules;
    while (*link && *link != handle)
        link = &(*link)->next;
    if (!*link)
        return rf_error_set(error, RF_ERROR_STALE,
                            "device %s: module %p was unloaded, or never was one", emu->base.id,
                            handle);
    *out = link;
    return RF_OK;
}

static void unload(emu_device *emu, emu_module **link)
{
    emu_module *module = *link;
    *link = module->next;
    module->unloaded = true;
    emu->live.modules--;
    module_unref(module);
}

rf_status rf_emu_module_unload(rf_device *device, rf_module *module, rf_error *error)
{
    emu_device *emu = (emu_device *)device;
    emu_module **link = NULL;
    if (!module)
        return RF_OK;
    pthread_mutex_lock(&emu->lock);
    rf_status status = find_module(emu, module, &link, error);
    if (status == RF_OK)
        unload(emu, link);
    pthread_mutex_unlock(&emu->lock);
    return status;
}

void rf_emu_unload_all(emu_device *emu, rf_leaks *leaks)
{
    pthread_mutex_lock(&emu->lock);
    while (emu->modules) {
        rf_leaks_add(leaks, &emu->base, "module %" PRIu64 " of %" PRIu64 " kernels",
                     emu->modules->serial, emu->modules->n_functions);
        unload(emu, &emu->modules);
    }
    pthread_mutex_unlock(&emu->lock);
}

rf_status rf_emu_module_function(rf_device *device, rf_module *module, const char *name,
                                 rf_function **out, rf_error *error)
{
    emu_device *emu = (emu_device *)device;
    emu_module **link = NULL;
    pthread_mutex_lock(&emu->lock);
    rf_status status = find_module(emu, module, &link, error);
    if (status == RF_OK) {
        emu_function *function = find_name(*link, (*link)->n_functions, name);
        if (function)
            *out = (rf_function *)function;
        else
            status =
                rf_error_set(error, RF_ERROR_NOT_FOUND,
                             "device %s: module %" PRIu64 " (%" PRIu64 " kernels) has no kernel %s",
                             emu->base.id, (*link)->serial, (*link)->n_functions, name);
    }
    pthread_mutex_unlock(&emu->lock);
    return status;
}

static rf_status find_function(const emu_device *emu, const void *handle, const emu_function **out,
                               rf_error *error)
{
    for (const emu_module *module = emu->modules; module; module = module->next)
        for (uint64_t i = 0; i < module->n_functions; i++)
            if (&module->functions[i] == handle) {
                *out = &module->functions[i];
                return RF_OK;
            }
    return rf_error_set(error, RF_ERROR_STALE,
                        "device %s: function %p is of no module: it was unloaded, or never was one",
                        emu->base.id, handle);
}

/* ---- calls ---------------------------------------------------------------------------------- */

static rf_status refuse(const emu_device *emu, const rf_emu_kernel *kernel, const char *what,
                        uint64_t value, uint64_t limit, rf_error *error)
{
    return rf_error_set(error, RF_ERROR_ARGUMENT,
                        "device %s: kernel %s: %" PRIu64 " %s, at most %" PRIu64, emu->base.id,
                        kernel->name, value, what, limit);
}

static rf_status check_shape(const emu_device *emu, const rf_emu_kernel *kernel,
                             const rf_launch *launch, rf_error *error)
{
    const uint32_t *blocks = launch->blocks;
    const uint32_t *threads = launch->threads;
    uint32_t most = kernel->max_threads < EMU_MAX_THREADS ? kernel->max_threads : EMU_MAX_THREADS;
    if (!blocks[0] || !blocks[1] || !blocks[2] || !threads[0])
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "device %s: kernel %s: %" PRIu32 " x %" PRIu32 " x %" PRIu32
                            " blocks of %" PRIu32 " threads are none",
                            emu->base.id, kernel->name, blocks[0], blocks[1], blocks[2],
                            threads[0]);
    if (threads[1] != 1 || threads[2] != 1)
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "device %s: kernel %s: blocks of %" PRIu32 " x %" PRIu32 " x %" PRIu32
                            " threads, but kernels are for blocks of n x 1 x 1",
                            emu->base.id, kernel->name, threads[0], threads[1], threads[2]);
    if (threads[0] > most)
        return refuse(emu, kernel, "threads in a block", threads[0], most, error);
    if (blocks[0] > EMU_MAX_BLOCKS_X)
        return refuse(emu, kernel, "blocks in x", blocks[0], EMU_MAX_BLOCKS_X, error);
    if (blocks[1] > EMU_MAX_BLOCKS_Y || blocks[2] > EMU_MAX_BLOCKS_Y)
        return refuse(emu, kernel, "blocks in y or z",
                      blocks[1] > blocks[2] ? blocks[1] : blocks[2], EMU_MAX_BLOCKS_Y, error);
    if (launch->cluster > 1)
        return refuse(emu, kernel, "blocks in a cluster", launch->cluster, 1, error);
    if (launch->shared_bytes > RF_EMU_SHARED_BYTES)
        return refuse(emu, kernel, "bytes of shared memory", launch->shared_bytes,
                      RF_EMU_SHARED_BYTES, error);
    return RF_OK;
}

static rf_status check_arguments(const emu_device *emu, const rf_emu_kernel *kernel,
                                 const rf_launch *launch, rf_error *error)
{
    if (kernel->args_bytes > MAX_ARGS_BYTES)
        return refuse(emu, kernel, "bytes of arguments", kernel->args_bytes, MAX_ARGS_BYTES, error);
    if (launch->n_arguments == 1 && launch->arguments && launch->arguments[0])
        return RF_OK;
    return rf_error_set(error, RF_ERROR_ARGUMENT,
                        "device %s: kernel %s: %" PRIu32 " arguments; it takes one, of %" PRIu32
                        " bytes",
                        emu->base.id, kernel->name, launch->n_arguments, kernel->args_bytes);
}

/* The allocations that words of the arguments are addresses in. */
static void find_used(const emu_device *emu, emu_call *call)
{
    for (uint32_t at = 0; at + 8 <= call->kernel->args_bytes; at += 8) {
        uint64_t word = 0;
        memcpy(&word, (const uint8_t *)call->args + at, sizeof(word));
        emu_allocation *a = word ? rf_emu_find(emu, word) : NULL;
        uint32_t i = 0;
        while (i < call->n_used && call->used[i] != a)
            i++;
        if (!a || i < call->n_used)
            continue;
        call->used[call->n_used++] = a;
        a->references++;
    }
}

void rf_emu_call_unref(emu_call *call)
{
    if (!call || --call->references)
        return;
    for (uint32_t i = 0; call->used && i < call->n_used; i++)
        rf_emu_unref(call->used[i]);
    if (call->module)
        module_unref(call->module);
    rf_free(call->used);
    rf_free(call->args);
    rf_free(call);
}

/* A call with one reference. */
static rf_status call_create(const emu_device *emu, const emu_function *function,
                             const rf_launch *launch, emu_call **out, rf_error *error)
{
    const rf_emu_kernel *kernel = function->kernel;
    emu_call *call = rf_calloc(1, sizeof(*call));
    if (!call)
        return rf_error_host_memory(error, "a launch", sizeof(*call));
    call->references = 1;
    call->args = rf_calloc(1, kernel->args_bytes);
    call->used = rf_calloc(kernel->args_bytes / 8 + 1, sizeof(emu_allocation *));
    if (!call->args || !call->used) {
        rf_emu_call_unref(call);
        return rf_error_host_memory(error, "the arguments of a launch", kernel->args_bytes);
    }
    call->module = function->module;
    call->module->references++;
    call->kernel = kernel;
    memcpy(call->blocks, launch->blocks, sizeof(call->blocks));
    call->threads = launch->threads[0];
    call->shared_bytes = launch->shared_bytes;
    memcpy(call->args, launch->arguments[0], kernel->args_bytes);
    find_used(emu, call);
    *out = call;
    return RF_OK;
}

static rf_status launch_kernel(emu_device *emu, rf_stream *stream, const void *handle,
                               const rf_launch *launch, rf_error *error)
{
    const emu_function *function = NULL;
    emu_operation operation = {.kind = EMU_LAUNCH};
    emu_mark mark;
    RF_TRY(find_function(emu, handle, &function, error));
    RF_TRY(check_shape(emu, function->kernel, launch, error));
    RF_TRY(check_arguments(emu, function->kernel, launch, error));
    RF_TRY(call_create(emu, function, launch, &operation.call, error));
    rf_status status = rf_emu_queue(emu, stream, &operation, &mark, error);
    if (status != RF_OK)
        rf_emu_let_go(&operation);
    return status;
}

rf_status rf_emu_launch(rf_device *device, rf_stream *stream, rf_function *function,
                        const rf_launch *launch, rf_error *error)
{
    emu_device *emu = (emu_device *)device;
    pthread_mutex_lock(&emu->lock);
    rf_status status = launch_kernel(emu, stream, function, launch, error);
    pthread_mutex_unlock(&emu->lock);
    return status;
}

rf_status rf_emu_call_check(const emu_device *emu, const emu_call *call, rf_error *error)
{
    if (call->module->unloaded)
        return rf_error_set(error, RF_ERROR_DEVICE,
                            "device %s: module %" PRIu64
                            " was unloaded before a launch of its kernel %s was done",
                            emu->base.id, call->module->serial, call->kernel->name);
    for (uint32_t i = 0; i < call->n_used; i++) {
        const emu_allocation *a = call->used[i];
        if (a->freed)
            return rf_error_set(error, RF_ERROR_DEVICE,
                                "device %s: allocation %" PRIu64 " (%" PRIu64 " bytes at 0x%" PRIx64
                                ") was freed before a launch of kernel %s on it was done",
                                emu->base.id, a->serial, a->bytes, a->address, call->kernel->name);
    }
    return RF_OK;
}

rf_status rf_emu_run_call(emu_device *emu, const emu_call *call, emu_mark here, rf_error *error)
{
    RF_TRY(rf_emu_call_check(emu, call, error));
    return rf_emu_execute(&emu->streams[here.stream].executor, emu, call,
                          emu->seed ^ (here.position * EMU_STREAMS + here.stream), error);
}
