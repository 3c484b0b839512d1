/*
 * hip.c: the HIP runtime under the neutral names of driver.h. Source of every number: the HIP
 * runtime API reference manual and hip_runtime_api.h of ROCm 5.2, 6 and 7, which agree on all that
 * are used here. (Before HIP 5 the attributes were numbered otherwise: such a library is refused.)
 */
#include <stdio.h>
#include <string.h>

#include "device/gpu/hip_symbols.h"
#include "device/gpu/library.h"

typedef struct hip_symbols {
#define FIELD(result, name, parameters) __typeof__(result parameters) *(name);
    RF_HIP_SYMBOLS(FIELD)
    RF_HIP_OPTIONAL_SYMBOLS(FIELD)
#undef FIELD
} hip_symbols;

static const rf_gpu_symbol symbol_list[] = {
#define ENTRY(result, name, parameters) {#name, offsetof(hip_symbols, name), false},
    RF_HIP_SYMBOLS(ENTRY)
#undef ENTRY
#define ENTRY(result, name, parameters) {#name, offsetof(hip_symbols, name), true},
        RF_HIP_OPTIONAL_SYMBOLS(ENTRY)
#undef ENTRY
};

/* Calls an entry point through the symbols f. */
#define CALL(name, ...) ((int)((const hip_symbols *)f)->name(__VA_ARGS__))

/* Numbers of the API. */
enum {
    ATTRIBUTE_INTEGRATED = 16,
    ATTRIBUTE_MULTIPROCESSOR_COUNT = 63,
    ATTRIBUTE_WARP_SIZE = 87,
    HOST_MALLOC_PORTABLE = 1,
    COPY_HOST_TO_DEVICE = 1,
    COPY_DEVICE_TO_HOST = 2,
    COPY_DEVICE_TO_DEVICE = 3,
    STREAM_NON_BLOCKING = 1,
    EVENT_BLOCKING_SYNC = 1, /* who waits sleeps */
    CAPTURE_THREAD_LOCAL = 1,
};

/* hipDeviceProp_tR0600 is 1472 bytes in ROCm 6 and 7; gcnArchName, of 256, lies at 1160. The buffer
 * is larger, and what is read there is believed only if it looks like an architecture. */
#define PROPERTIES_BYTES        4096
#define PROPERTIES_ARCHITECTURE 1160

/* ---- the driver and its devices ------------------------------------------------------------- */

static int version(const void *f, int *out)
{
    return CALL(hipRuntimeGetVersion, out);
}

/* The first call starts the runtime; hipInit says "invalid device" where there is none. */
/* major * 10^7 + minor * 10^5 + patch */
static void version_text(int number, char *out, size_t bytes)
{
    snprintf(out, bytes, "%d.%d.%d", number / 10000000, number / 100000 % 100, number % 100000);
}

static int device_count(const void *f, int *out)
{
    return CALL(hipGetDeviceCount, out);
}

static const char *error_name(const void *f, int code)
{
    const char *name = ((const hip_symbols *)f)->hipGetErrorName((rf_hip_result)code);
    return name ? name : "unknown error";
}

static const char *error_text(const void *f, int code)
{
    const char *text = ((const hip_symbols *)f)->hipGetErrorString((rf_hip_result)code);
    return text ? text : "no description";
}

static int device_name(const void *f, int ordinal, char *out, int bytes)
{
    return CALL(hipDeviceGetName, out, bytes, ordinal);
}

static int pci_address(const void *f, int ordinal, char *out, int bytes)
{
    return CALL(hipDeviceGetPCIBusId, out, bytes, ordinal);
}

static int total_memory(const void *f, int ordinal, size_t *out)
{
    return CALL(hipDeviceTotalMem, out, ordinal);
}

static int attribute(const void *f, int ordinal, rf_gpu_attribute which, int *out)
{
    static const unsigned numbers[RF_GPU_ATTRIBUTE_COUNT] = {
        [RF_GPU_COMPUTE_UNITS] = ATTRIBUTE_MULTIPROCESSOR_COUNT,
        [RF_GPU_WARP_SIZE] = ATTRIBUTE_WARP_SIZE,
        [RF_GPU_INTEGRATED] = ATTRIBUTE_INTEGRATED,
    };
    return CALL(hipDeviceGetAttribute, out, numbers[which], ordinal);
}

/* "gfx942:sramecc+:xnack-" without what follows the first colon. */
static int architecture(const void *f, int ordinal, char *out, size_t bytes)
{
    _Alignas(16) char properties[PROPERTIES_BYTES] = {0};
    out[0] = '\0';
    if (!((const hip_symbols *)f)->hipGetDevicePropertiesR0600)
        return 0;
    int code = CALL(hipGetDevicePropertiesR0600, properties, ordinal);
    const char *name = properties + PROPERTIES_ARCHITECTURE;
    size_t length = strcspn(name, ":");
    if (code == 0 && strncmp(name, "gfx", 3) == 0 && length < bytes)
        snprintf(out, bytes, "%.*s", (int)length, name);
    return code;
}

/* ---- contexts: HIP keeps one a device, made by the first call that needs it ----------------- */

static int retain(const void *f, int ordinal, void **context)
{
    int code = CALL(hipSetDevice, ordinal);
    if (code == 0)
        *context = NULL;
    return code;
}

static int release(const void *f, int ordinal)
{
    (void)f, (void)ordinal;
    return 0;
}

static int enter(const void *f, int ordinal, void *context)
{
    (void)context;
    return CALL(hipSetDevice, ordinal);
}

static int sync(const void *f)
{
    return CALL(hipDeviceSynchronize);
}

/* ---- memory --------------------------------------------------------------------------------- */

static int memory_info(const void *f, size_t *available, size_t *total)
{
    return CALL(hipMemGetInfo, available, total);
}

/* The kernel's manager of video memory serves large requests in blocks of 2 MiB, so that page
 * tables stay short (amdgpu_vram_mgr.c); small ones may take less. */
#define ALLOCATION_GRANULARITY (2ULL << 20)

static int device_alloc(const void *f, uint64_t bytes, uint64_t *out)
{
    void *address = NULL;
    int code = CALL(hipMalloc, &address, bytes);
    if (code == 0)
        *out = (uintptr_t)address;
    return code;
}

static int device_free(const void *f, uint64_t address)
{
    return CALL(hipFree, (void *)(uintptr_t)address);
}

static int host_alloc(const void *f, uint64_t bytes, void **out)
{
    return CALL(hipHostMalloc, out, bytes, HOST_MALLOC_PORTABLE);
}

static int host_free(const void *f, void *memory)
{
    return CALL(hipHostFree, memory);
}

static int copy(const void *f, rf_copy_kind kind, uint64_t to, uint64_t from, uint64_t bytes,
                void *stream)
{
    static const unsigned kinds[] = {
        [RF_COPY_TO_DEVICE] = COPY_HOST_TO_DEVICE,
        [RF_COPY_FROM_DEVICE] = COPY_DEVICE_TO_HOST,
        [RF_COPY_ON_DEVICE] = COPY_DEVICE_TO_DEVICE,
    };
    if ((unsigned)kind >= sizeof(kinds) / sizeof(kinds[0]))
        return RF_GPU_INVALID_VALUE;
    return CALL(hipMemcpyAsync, (void *)(uintptr_t)to, (const void *)(uintptr_t)from, bytes,
                kinds[kind], stream);
}

static int fill(const void *f, uint64_t to, uint8_t value, uint64_t bytes, void *stream)
{
    return CALL(hipMemsetD8Async, (void *)(uintptr_t)to, value, bytes, stream);
}

/* ---- streams and events --------------------------------------------------------------------- */

static int stream_create(const void *f, void **out)
{
    rf_hip_stream stream = NULL;
    int code = CALL(hipStreamCreateWithFlags, &stream, STREAM_NON_BLOCKING);
    if (code == 0)
        *out = stream;
    return code;
}

static int stream_destroy(const void *f, void *stream)
{
    return CALL(hipStreamDestroy, stream);
}

static int stream_sync(const void *f, void *stream)
{
    return CALL(hipStreamSynchronize, stream);
}

static int stream_wait(const void *f, void *stream, void *event)
{
    return CALL(hipStreamWaitEvent, stream, event, 0);
}

static int event_create(const void *f, void **out)
{
    rf_hip_event event = NULL;
    int code = CALL(hipEventCreateWithFlags, &event, EVENT_BLOCKING_SYNC);
    if (code == 0)
        *out = event;
    return code;
}

static int event_destroy(const void *f, void *event)
{
    return CALL(hipEventDestroy, event);
}

static int event_record(const void *f, void *event, void *stream)
{
    return CALL(hipEventRecord, event, stream);
}

static int event_sync(const void *f, void *event)
{
    return CALL(hipEventSynchronize, event);
}

static int event_query(const void *f, void *event)
{
    return CALL(hipEventQuery, event);
}

static int event_elapsed(const void *f, void *begin, void *end, float *milliseconds)
{
    return CALL(hipEventElapsedTime, milliseconds, begin, end);
}

/* ---- code ----------------------------------------------------------------------------------- */

/* Code objects are not compiled on loading, so there is nothing to say of them. */
static int module_load(const void *f, const void *code, char *log, size_t log_bytes, void **out)
{
    (void)log_bytes;
    log[0] = '\0';
    rf_hip_module module = NULL;
    int result = CALL(hipModuleLoadData, &module, code);
    if (result == 0)
        *out = module;
    return result;
}

static int module_unload(const void *f, void *module)
{
    return CALL(hipModuleUnload, module);
}

/* All of a compute unit's local memory can be asked for at a launch, without preparation. */
static int module_function(const void *f, int ordinal, void *module, const char *name, void **out)
{
    (void)ordinal;
    rf_hip_function function = NULL;
    int code = CALL(hipModuleGetFunction, &function, module, name);
    if (code == 0)
        *out = function;
    return code;
}

static int launch_kernel(const void *f, void *function, const rf_launch *launch, void *stream)
{
    if (launch->cluster > 1) /* no AMD GPU has them */
        return RF_GPU_NOT_SUPPORTED;
    return CALL(hipModuleLaunchKernel, function, launch->blocks[0], launch->blocks[1],
                launch->blocks[2], launch->threads[0], launch->threads[1], launch->threads[2],
                launch->shared_bytes, stream, launch->arguments, NULL);
}

static int describe_rows(const void *f, const rf_row_boxes *boxes, rf_row_boxes_code *out)
{
    (void)f, (void)boxes, (void)out;
    return RF_GPU_NOT_SUPPORTED; /* no AMD GPU copies so */
}

/* ---- graphs --------------------------------------------------------------------------------- */

/* Other threads may go on allocating while this one captures. */
static int capture_begin(const void *f, void *stream)
{
    return CALL(hipStreamBeginCapture, stream, CAPTURE_THREAD_LOCAL);
}

static int capture_end(const void *f, void *stream, void **graph)
{
    rf_hip_graph out = NULL;
    int code = CALL(hipStreamEndCapture, stream, &out);
    if (code == 0)
        *graph = out;
    return code;
}

static int graph_instantiate(const void *f, void *graph, void **executable)
{
    rf_hip_executable out = NULL;
    int code = CALL(hipGraphInstantiate, &out, graph, NULL, NULL, 0);
    if (code == 0)
        *executable = out;
    return code;
}

static int graph_destroy(const void *f, void *graph)
{
    return CALL(hipGraphDestroy, graph);
}

static int executable_launch(const void *f, void *executable, void *stream)
{
    return CALL(hipGraphLaunch, executable, stream);
}

static int executable_destroy(const void *f, void *executable)
{
    return CALL(hipGraphExecDestroy, executable);
}

/* ---- the table ------------------------------------------------------------------------------ */

static const rf_gpu_driver driver = {
    .name = "hip",
    .symbols = symbol_list,
    .n_symbols = sizeof(symbol_list) / sizeof(symbol_list[0]),
    .oldest_version = 50000000, /* major * 10^7 + minor * 10^5 + patch */
    .alignment = 256,           /* HIP promises what CUDA does; memory comes in pages of 4096 */
    .title = "HIP",
    .module = "amdgpu",
    .granularity = ALLOCATION_GRANULARITY,
    .version = version,
    .version_text = version_text,
    .device_count = device_count,
    .error_name = error_name,
    .error_text = error_text,
    .device_name = device_name,
    .pci_address = pci_address,
    .attribute = attribute,
    .architecture = architecture,
    .total_memory = total_memory,
    .retain = retain,
    .release = release,
    .enter = enter,
    .sync = sync,
    .memory_info = memory_info,
    .device_alloc = device_alloc,
    .device_free = device_free,
    .host_alloc = host_alloc,
    .host_free = host_free,
    .copy = copy,
    .fill = fill,
    .stream_create = stream_create,
    .stream_destroy = stream_destroy,
    .stream_sync = stream_sync,
    .stream_wait = stream_wait,
    .event_create = event_create,
    .event_destroy = event_destroy,
    .event_record = event_record,
    .event_sync = event_sync,
    .event_query = event_query,
    .event_elapsed = event_elapsed,
    .module_load = module_load,
    .module_unload = module_unload,
    .module_function = module_function,
    .launch = launch_kernel,
    .describe_rows = describe_rows,
    .capture_begin = capture_begin,
    .capture_end = capture_end,
    .graph_instantiate = graph_instantiate,
    .graph_destroy = graph_destroy,
    .executable_launch = executable_launch,
    .executable_destroy = executable_destroy,
};

static const char *const names[] = {"libamdhip64.so.7", "libamdhip64.so.6", "libamdhip64.so.5",
                                    "libamdhip64.so", NULL};
static hip_symbols symbols;

rf_gpu_library rf_gpu_hip = {.driver = &driver, .symbols = &symbols, .names = names, .root = ""};
