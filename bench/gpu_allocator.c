/*
 * gpu_allocator.c: a GPU driver's allocators, to compare pools with: alloc and free of the device
 * table, and the allocator in stream order, which the engine has no use for (docs/memory.md says
 * why) and so no symbols either. This file alone opens the drivers' libraries for it; the style
 * test names it as the one place outside src/device.
 */
#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

#include "allocator.h"

static rf_memory *account;
static rf_address addresses[MAX_PLACES];

/* ---- the device's own ------------------------------------------------------------------------ */

static bool driver_begin(const trace *t, rf_memory *memory)
{
    (void)t;
    account = memory;
    return true;
}

static bool driver_take(uint32_t place, uint64_t bytes)
{
    rf_device *device = rf_memory_device(account);
    return device->ops->alloc(device, bytes, 256, &addresses[place], NULL) == RF_OK;
}

static bool driver_give(uint32_t place)
{
    rf_device *device = rf_memory_device(account);
    return device->ops->free(device, addresses[place], NULL) == RF_OK;
}

static void nothing(void)
{
}

const allocator driver_allocator = {"driver alloc+free", driver_begin, driver_take,
                                    driver_give,         NULL,         nothing};

/* ---- in stream order ------------------------------------------------------------------------- */

/* Both APIs have the same parameters; every function returns 0 when it worked. Addresses are
 * pointers in HIP's and 64-bit numbers in CUDA's, which x86-64 passes alike. */
typedef int (*take_function)(rf_address *out, size_t bytes, void *stream);
typedef int (*give_function)(rf_address address, void *stream);
typedef int (*sync_function)(void *stream);

static take_function take_async;
static give_function give_async;
static sync_function sync_stream;

/* A symbol of a library as a function pointer, which ISO C does not convert to. */
static bool look_up(void *library, const char *name, void *function)
{
    void *symbol = dlsym(library, name);
    memcpy(function, &symbol, sizeof(symbol));
    return symbol != NULL;
}

/* The context of the device table is the device's primary one: made current for this thread. */
static bool open_cuda(void)
{
    void *library = dlopen("libcuda.so.1", RTLD_NOW);
    int (*init)(unsigned flags) = NULL;
    int (*retain)(void **context, int device) = NULL;
    int (*make_current)(void *context) = NULL;
    void *context = NULL;
    return library && look_up(library, "cuInit", &init) &&
           look_up(library, "cuDevicePrimaryCtxRetain", &retain) &&
           look_up(library, "cuCtxSetCurrent", &make_current) &&
           look_up(library, "cuMemAllocAsync", &take_async) &&
           look_up(library, "cuMemFreeAsync", &give_async) &&
           look_up(library, "cuStreamSynchronize", &sync_stream) && init(0) == 0 &&
           retain(&context, 0) == 0 && make_current(context) == 0;
}

static bool open_hip(void)
{
    static const char *const names[] = {"libamdhip64.so.7", "libamdhip64.so.6", "libamdhip64.so.5",
                                        "libamdhip64.so"};
    void *library = NULL;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && !library; i++)
        library = dlopen(names[i], RTLD_NOW);
    int (*set_device)(int device) = NULL;
    return library && look_up(library, "hipSetDevice", &set_device) &&
           look_up(library, "hipMallocAsync", &take_async) &&
           look_up(library, "hipFreeAsync", &give_async) &&
           look_up(library, "hipStreamSynchronize", &sync_stream) && set_device(0) == 0;
}

static bool async_begin(const trace *t, rf_memory *memory)
{
    (void)t;
    const char *backend = rf_memory_device(memory)->ops->backend;
    return strcmp(backend, "cuda") == 0 ? open_cuda() : strcmp(backend, "hip") == 0 && open_hip();
}

static bool async_take(uint32_t place, uint64_t bytes)
{
    return take_async(&addresses[place], bytes, NULL) == 0;
}

static bool async_give(uint32_t place)
{
    return give_async(addresses[place], NULL) == 0;
}

static void async_end(void)
{
    (void)sync_stream(NULL); /* what was given goes back to the driver */
}

const allocator async_allocator = {
    "driver alloc+free, async", async_begin, async_take, async_give, NULL, async_end};
