/*
 * cuda.c: the CUDA driver API under the neutral names of driver.h. Source of every number: the CUDA
 * Driver API reference manual, "Data types used by CUDA driver".
 */
#include <stdio.h>
#include <string.h>

#include "device/gpu/cuda_symbols.h"
#include "device/gpu/library.h"

typedef struct cuda_symbols {
#define FIELD(name, parameters) __typeof__(rf_cu_result parameters) *(name);
    RF_CUDA_SYMBOLS(FIELD)
    RF_CUDA_OPTIONAL_SYMBOLS(FIELD)
#undef FIELD
} cuda_symbols;

static const rf_gpu_symbol symbol_list[] = {
#define ENTRY(name, parameters) {#name, offsetof(cuda_symbols, name), false},
    RF_CUDA_SYMBOLS(ENTRY)
#undef ENTRY
#define ENTRY(name, parameters) {#name, offsetof(cuda_symbols, name), true},
        RF_CUDA_OPTIONAL_SYMBOLS(ENTRY)
#undef ENTRY
};

/* Calls an entry point through the symbols f. */
#define CALL(name, ...) ((int)((const cuda_symbols *)f)->name(__VA_ARGS__))

/* Numbers of the API. */
enum {
    ATTRIBUTE_WARP_SIZE = 10,
    ATTRIBUTE_MULTIPROCESSOR_COUNT = 16,
    ATTRIBUTE_INTEGRATED = 18,
    ATTRIBUTE_CAPABILITY_MAJOR = 75,
    ATTRIBUTE_CAPABILITY_MINOR = 76,
    ATTRIBUTE_SHARED_MEMORY_OPTIN = 97, /* the most a block may have, when asked for */
    FUNCTION_SHARED_SIZE = 1,           /* static shared memory */
    FUNCTION_MAX_DYNAMIC_SHARED_SIZE = 8,
    HOST_ALLOC_PORTABLE = 1,
    STREAM_NON_BLOCKING = 1,
    EVENT_BLOCKING_SYNC = 1, /* who waits sleeps */
    CAPTURE_THREAD_LOCAL = 1,
    TENSOR_UINT16 = 1,
    TENSOR_NOT_INTERLEAVED = 0,
    TENSOR_NOT_SWIZZLED = 0,
    TENSOR_L2_PROMOTION_256 = 3,           /* a miss brings 256 bytes */
    TENSOR_FILL_ZEROS = 0,                 /* what is outside of the rows */
    LAUNCH_CLUSTER_DIMENSION = 4,          /* value: three unsigned ints */
    LAUNCH_PROGRAMMATIC_SERIALIZATION = 6, /* "programmatic dependent launch" */
    JIT_ERROR_LOG_BUFFER = 5,
    JIT_ERROR_LOG_BUFFER_BYTES = 6,
};

/* ---- the driver and its devices ------------------------------------------------------------- */

static int version(const void *f, int *out)
{
    return CALL(cuDriverGetVersion, out);
}

/* major * 1000 + minor * 10 */
static void version_text(int number, char *out, size_t bytes)
{
    snprintf(out, bytes, "%d.%d", number / 1000, number % 1000 / 10);
}

static int device_count(const void *f, int *out)
{
    int code = CALL(cuInit, 0);
    return code ? code : CALL(cuDeviceGetCount, out);
}

static const char *error_name(const void *f, int code)
{
    const char *name = NULL;
    return CALL(cuGetErrorName, (rf_cu_result)code, &name) == 0 && name ? name : "unknown error";
}

static const char *error_text(const void *f, int code)
{
    const char *text = NULL;
    return CALL(cuGetErrorString, (rf_cu_result)code, &text) == 0 && text ? text : "no description";
}

static int device_name(const void *f, int ordinal, char *out, int bytes)
{
    int device = 0;
    int code = CALL(cuDeviceGet, &device, ordinal);
    return code ? code : CALL(cuDeviceGetName, out, bytes, device);
}

static int pci_address(const void *f, int ordinal, char *out, int bytes)
{
    int device = 0;
    int code = CALL(cuDeviceGet, &device, ordinal);
    return code ? code : CALL(cuDeviceGetPCIBusId, out, bytes, device);
}

static int get_attribute(const void *f, int ordinal, unsigned number, int *out)
{
    int device = 0;
    int code = CALL(cuDeviceGet, &device, ordinal);
    return code ? code : CALL(cuDeviceGetAttribute, out, number, device);
}

static int attribute(const void *f, int ordinal, rf_gpu_attribute which, int *out)
{
    static const unsigned numbers[RF_GPU_ATTRIBUTE_COUNT] = {
        [RF_GPU_COMPUTE_UNITS] = ATTRIBUTE_MULTIPROCESSOR_COUNT,
        [RF_GPU_WARP_SIZE] = ATTRIBUTE_WARP_SIZE,
        [RF_GPU_INTEGRATED] = ATTRIBUTE_INTEGRATED,
    };
    return get_attribute(f, ordinal, numbers[which], out);
}

static int architecture(const void *f, int ordinal, char *out, size_t bytes)
{
    int major = 0;
    int minor = 0;
    int code = get_attribute(f, ordinal, ATTRIBUTE_CAPABILITY_MAJOR, &major);
    if (code == 0)
        code = get_attribute(f, ordinal, ATTRIBUTE_CAPABILITY_MINOR, &minor);
    if (code == 0)
        snprintf(out, bytes, "sm_%d%d", major, minor);
    return code;
}

static int total_memory(const void *f, int ordinal, size_t *out)
{
    int device = 0;
    int code = CALL(cuDeviceGet, &device, ordinal);
    return code ? code : CALL(cuDeviceTotalMem_v2, out, device);
}

/* ---- contexts ------------------------------------------------------------------------------- */

static int retain(const void *f, int ordinal, void **context)
{
    int device = 0;
    rf_cu_context out = NULL;
    int code = CALL(cuDeviceGet, &device, ordinal);
    if (code == 0)
        code = CALL(cuDevicePrimaryCtxRetain, &out, device);
    if (code == 0)
        *context = out;
    return code;
}

static int release(const void *f, int ordinal)
{
    int device = 0;
    int code = CALL(cuDeviceGet, &device, ordinal);
    return code ? code : CALL(cuDevicePrimaryCtxRelease_v2, device);
}

static int enter(const void *f, int ordinal, void *context)
{
    (void)ordinal;
    return CALL(cuCtxSetCurrent, context);
}

static int sync(const void *f)
{
    return CALL(cuCtxSynchronize);
}

/* ---- memory --------------------------------------------------------------------------------- */

static int memory_info(const void *f, size_t *available, size_t *total)
{
    return CALL(cuMemGetInfo_v2, available, total);
}

/* cuMemAlloc hands out large pages. On an H100 with CUDA 13.0, cuMemGetInfo's free memory shrinks
 * by whole multiples of this; allocations of up to 1 MiB share one. */
#define ALLOCATION_GRANULARITY (2ULL << 20)

static int device_alloc(const void *f, uint64_t bytes, uint64_t *out)
{
    rf_cu_address address = 0;
    int code = CALL(cuMemAlloc_v2, &address, bytes);
    if (code == 0)
        *out = address;
    return code;
}

static int device_free(const void *f, uint64_t address)
{
    return CALL(cuMemFree_v2, address);
}

static int host_alloc(const void *f, uint64_t bytes, void **out)
{
    return CALL(cuMemHostAlloc, out, bytes, HOST_ALLOC_PORTABLE);
}

static int host_free(const void *f, void *memory)
{
    return CALL(cuMemFreeHost, memory);
}

static int copy(const void *f, rf_copy_kind kind, uint64_t to, uint64_t from, uint64_t bytes,
                void *stream)
{
    switch (kind) {
    case RF_COPY_TO_DEVICE:
        return CALL(cuMemcpyHtoDAsync_v2, to, (const void *)(uintptr_t)from, bytes, stream);
    case RF_COPY_FROM_DEVICE:
        return CALL(cuMemcpyDtoHAsync_v2, (void *)(uintptr_t)to, from, bytes, stream);
    case RF_COPY_ON_DEVICE:
        return CALL(cuMemcpyDtoDAsync_v2, to, from, bytes, stream);
    }
    return RF_GPU_INVALID_VALUE;
}

static int fill(const void *f, uint64_t to, uint8_t value, uint64_t bytes, void *stream)
{
    return CALL(cuMemsetD8Async, to, value, bytes, stream);
}

/* ---- streams and events --------------------------------------------------------------------- */

static int stream_create(const void *f, void **out)
{
    rf_cu_stream stream = NULL;
    int code = CALL(cuStreamCreate, &stream, STREAM_NON_BLOCKING);
    if (code == 0)
        *out = stream;
    return code;
}

static int stream_destroy(const void *f, void *stream)
{
    return CALL(cuStreamDestroy_v2, stream);
}

static int stream_sync(const void *f, void *stream)
{
    return CALL(cuStreamSynchronize, stream);
}

static int stream_wait(const void *f, void *stream, void *event)
{
    return CALL(cuStreamWaitEvent, stream, event, 0);
}

static int event_create(const void *f, void **out)
{
    rf_cu_event event = NULL;
    int code = CALL(cuEventCreate, &event, EVENT_BLOCKING_SYNC);
    if (code == 0)
        *out = event;
    return code;
}

static int event_destroy(const void *f, void *event)
{
    return CALL(cuEventDestroy_v2, event);
}

static int event_record(const void *f, void *event, void *stream)
{
    return CALL(cuEventRecord, event, stream);
}

static int event_sync(const void *f, void *event)
{
    return CALL(cuEventSynchronize, event);
}

static int event_query(const void *f, void *event)
{
    return CALL(cuEventQuery, event);
}

static int event_elapsed(const void *f, void *begin, void *end, float *milliseconds)
{
    return CALL(cuEventElapsedTime, milliseconds, begin, end);
}

/* ---- code ----------------------------------------------------------------------------------- */

static int module_load(const void *f, const void *code, char *log, size_t log_bytes, void **out)
{
    unsigned options[] = {JIT_ERROR_LOG_BUFFER, JIT_ERROR_LOG_BUFFER_BYTES};
    void *values[] = {log, (void *)(uintptr_t)log_bytes}; /* numbers travel as pointers */
    rf_cu_module module = NULL;
    int result = CALL(cuModuleLoadDataEx, &module, code, 2, options, values);
    if (result == 0)
        *out = module;
    return result;
}

static int module_unload(const void *f, void *module)
{
    return CALL(cuModuleUnload, module);
}

/* A launch with more than 48 KiB of dynamic shared memory is refused unless the function was set up
 * for it; what its static shared memory leaves is the most it can be set up for. */
static int allow_shared_memory(const void *f, int ordinal, rf_cu_function function)
{
    int most = 0;
    int fixed = 0;
    int code = get_attribute(f, ordinal, ATTRIBUTE_SHARED_MEMORY_OPTIN, &most);
    if (code == 0)
        code = CALL(cuFuncGetAttribute, &fixed, FUNCTION_SHARED_SIZE, function);
    if (code == 0 && most > fixed)
        code = CALL(cuFuncSetAttribute, function, FUNCTION_MAX_DYNAMIC_SHARED_SIZE, most - fixed);
    return code;
}

static int module_function(const void *f, int ordinal, void *module, const char *name, void **out)
{
    rf_cu_function function = NULL;
    int code = CALL(cuModuleGetFunction, &function, module, name);
    if (code == 0)
        code = allow_shared_memory(f, ordinal, function);
    if (code == 0)
        *out = function;
    return code;
}

/* Clusters, and kernels that start before the one ahead has ended.
 * Where the hardware cannot overlap (before 9.0) the driver takes the attribute and starts the
 * kernel afterwards. */
static int launch_extended(const void *f, void *function, const rf_launch *launch, void *stream)
{
    rf_cu_attribute attributes[2];
    unsigned n = 0;
    if (launch->overlap)
        attributes[n++] = (rf_cu_attribute){.id = LAUNCH_PROGRAMMATIC_SERIALIZATION, .value = {1}};
    if (launch->cluster > 1)
        attributes[n++] = (rf_cu_attribute){.id = LAUNCH_CLUSTER_DIMENSION,
                                            .value = {(int)launch->cluster, 1, 1}};
    rf_cu_launch config = {
        .blocks_x = launch->blocks[0],
        .blocks_y = launch->blocks[1],
        .blocks_z = launch->blocks[2],
        .threads_x = launch->threads[0],
        .threads_y = launch->threads[1],
        .threads_z = launch->threads[2],
        .shared_bytes = launch->shared_bytes,
        .stream = stream,
        .attributes = attributes,
        .n_attributes = n,
    };
    return CALL(cuLaunchKernelEx, &config, function, launch->arguments, NULL);
}

static int launch_kernel(const void *f, void *function, const rf_launch *launch, void *stream)
{
    const bool extended = ((const cuda_symbols *)f)->cuLaunchKernelEx;
    if (launch->cluster > 1 && !extended)
        return RF_GPU_NOT_SUPPORTED;
    if ((launch->overlap || launch->cluster > 1) && extended)
        return launch_extended(f, function, launch, stream);
    return CALL(cuLaunchKernel, function, launch->blocks[0], launch->blocks[1], launch->blocks[2],
                launch->threads[0], launch->threads[1], launch->threads[2], launch->shared_bytes,
                stream, launch->arguments, NULL);
}

/* Elements are of 16 bits: a box has at most 256 of them in a row. */
static int describe_rows(const void *f, const rf_row_boxes *boxes, rf_row_boxes_code *out)
{
    if (!((const cuda_symbols *)f)->cuTensorMapEncodeTiled)
        return RF_GPU_NOT_SUPPORTED;
    const uint64_t sizes[] = {boxes->row_bytes / 2, boxes->n_rows};
    const uint64_t strides[] = {boxes->row_bytes};
    const uint32_t box[] = {boxes->box_bytes / 2, boxes->box_rows};
    const uint32_t steps[] = {1, 1};
    return CALL(cuTensorMapEncodeTiled, out, TENSOR_UINT16, 2, (void *)(uintptr_t)boxes->address,
                sizes, strides, box, steps, TENSOR_NOT_INTERLEAVED, TENSOR_NOT_SWIZZLED,
                TENSOR_L2_PROMOTION_256, TENSOR_FILL_ZEROS);
}

/* ---- graphs --------------------------------------------------------------------------------- */

/* Other threads may go on allocating while this one captures. */
static int capture_begin(const void *f, void *stream)
{
    return CALL(cuStreamBeginCapture_v2, stream, CAPTURE_THREAD_LOCAL);
}

static int capture_end(const void *f, void *stream, void **graph)
{
    rf_cu_graph out = NULL;
    int code = CALL(cuStreamEndCapture, stream, &out);
    if (code == 0)
        *graph = out;
    return code;
}

static int graph_instantiate(const void *f, void *graph, void **executable)
{
    rf_cu_executable out = NULL;
    int code = CALL(cuGraphInstantiateWithFlags, &out, graph, 0);
    if (code == 0)
        *executable = out;
    return code;
}

static int graph_destroy(const void *f, void *graph)
{
    return CALL(cuGraphDestroy, graph);
}

static int executable_launch(const void *f, void *executable, void *stream)
{
    return CALL(cuGraphLaunch, executable, stream);
}

static int executable_destroy(const void *f, void *executable)
{
    return CALL(cuGraphExecDestroy, executable);
}

/* ---- the table ------------------------------------------------------------------------------ */

static const rf_gpu_driver driver = {
    .name = "cuda",
    .symbols = symbol_list,
    .n_symbols = sizeof(symbol_list) / sizeof(symbol_list[0]),
    .oldest_version = 11040, /* 11.4, where cuGraphInstantiateWithFlags came */
    .alignment = 256,        /* CUDA C++ Programming Guide, "Device memory accesses" */
    .title = "CUDA",
    .module = "nvidia",
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

static const char *const names[] = {"libcuda.so.1", "libcuda.so", NULL};
static cuda_symbols symbols;

rf_gpu_library rf_gpu_cuda = {.driver = &driver, .symbols = &symbols, .names = names, .root = ""};
