/* fake_cuda.c: the fake driver's entry points under libcuda's names. The list of symbols declares
 * them, so their types are those that the library calls. */
#include <stdio.h>
#include <string.h>

#include "device/fake/fake_internal.h"
#include "device/gpu/cuda_symbols.h"

#define DECLARE(name, parameters)                                                                  \
    __attribute__((visibility("default"))) rf_cu_result name parameters;
RF_CUDA_SYMBOLS(DECLARE)
#ifndef FAKE_CUDA_11
RF_CUDA_OPTIONAL_SYMBOLS(DECLARE)
#endif

/* An entry point that does what stands behind it; one that cannot fail, and one that counts the
 * call and fails if it is to fail. */
#define PLAIN(name, parameters, action)                                                            \
    rf_cu_result name parameters                                                                   \
    {                                                                                              \
        return (rf_cu_result)(action);                                                             \
    }
#define ENTRY(name, parameters, action)                                                            \
    rf_cu_result name parameters                                                                   \
    {                                                                                              \
        int fails = fake_begin(#name);                                                             \
        return (rf_cu_result)(fails ? fails : (action));                                           \
    }

static int device_at(int *out, int ordinal)
{
    *out = ordinal;
    return ordinal >= 0 && ordinal < fake.devices ? 0 : FAKE_INVALID_DEVICE;
}

static int device_attribute(int *out, unsigned attribute)
{
    static const int values[][2] = {{10, 32}, {16, 12}, {75, 9}, {76, 0}, {97, 232448}};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        if ((unsigned)values[i][0] == attribute) {
            *out = values[i][1];
            return 0;
        }
    *out = fake.integrated;
    return attribute == 18 ? 0 : FAKE_INVALID_VALUE;
}

/* A context is its device's number plus one, as a pointer. */
static int retain(rf_cu_context *out, int device)
{
    *out = (rf_cu_context)(uintptr_t)(device + 1);
    __atomic_add_fetch(&fake.live[FAKE_CONTEXT], 1, __ATOMIC_RELAXED);
    return 0;
}

static int release(void)
{
    __atomic_sub_fetch(&fake.live[FAKE_CONTEXT], 1, __ATOMIC_RELAXED);
    return 0;
}

static int count_devices(int *out)
{
    *out = fake.devices;
    return 0;
}

static int set_version(int *out)
{
    *out = fake.cuda_version;
    return 0;
}

static int initialise(void)
{
    fake.initialised++;
    return fake.devices ? 0 : FAKE_NO_DEVICE;
}

static int allocate(rf_cu_address *out, size_t bytes)
{
    void *memory = NULL;
    int code = fake_alloc(FAKE_MEMORY, bytes, &memory);
    if (code == 0)
        *out = (uintptr_t)memory;
    return code;
}

/* Says of bad code what a compiler would, over two lines. */
static int load(rf_cu_module *out, const void *image, const unsigned *options, void **values)
{
    int code = fake_module(image, (void **)out);
    if (code != 0 && options[0] == 5 && options[1] == 6)
        snprintf(values[0], (size_t)(uintptr_t)values[1], "line 1: %s\nthat is all\n",
                 (const char *)image);
    return code;
}

static int get_function_attribute(int *out, unsigned attribute)
{
    *out = 1024;
    return attribute == 1 ? 0 : FAKE_INVALID_VALUE;
}

static int set_function_attribute(unsigned attribute, int value)
{
    fake.dynamic_shared = value;
    return attribute == 8 ? 0 : FAKE_INVALID_VALUE;
}

/* What words an error has is not a call that fails. */
static int error_name(rf_cu_result code, const char **out)
{
    *out = fake_error_name(code);
    return 0;
}

static int error_text(rf_cu_result code, const char **out)
{
    *out = fake_error_text(code);
    return 0;
}

static int enter(rf_cu_context context)
{
    return fake_enter((int)(uintptr_t)context - 1);
}

static int synchronise(void)
{
    return fake_check(FAKE_STREAM, NULL);
}

#define MEMORY(address) ((void *)(uintptr_t)(address))
#define OUT(out)        ((void **)(out))

PLAIN(cuGetErrorName, (rf_cu_result code, const char **out), error_name(code, out))
PLAIN(cuGetErrorString, (rf_cu_result code, const char **out), error_text(code, out))

ENTRY(cuInit, (unsigned flags), flags ? FAKE_INVALID_VALUE : initialise())
ENTRY(cuDriverGetVersion, (int *version), set_version(version))
ENTRY(cuDeviceGetCount, (int *count), count_devices(count))
ENTRY(cuDeviceGet, (int *device, int ordinal), device_at(device, ordinal))
ENTRY(cuDeviceGetName, (char *name, int bytes, int device), fake_name(name, bytes, device))
ENTRY(cuDeviceGetPCIBusId, (char *id, int bytes, int device), fake_pci(id, bytes, device))
ENTRY(cuDeviceGetAttribute, (int *out, unsigned attribute, int device),
      device < fake.devices ? device_attribute(out, attribute) : FAKE_INVALID_DEVICE)
ENTRY(cuDeviceTotalMem_v2, (size_t * bytes, int device), fake_total_memory(bytes, device))
ENTRY(cuDevicePrimaryCtxRetain, (rf_cu_context * out, int device), retain(out, device))
ENTRY(cuDevicePrimaryCtxRelease_v2, (int device),
      device < fake.devices ? release() : FAKE_INVALID_DEVICE)
ENTRY(cuCtxSetCurrent, (rf_cu_context context), enter(context))
ENTRY(cuCtxSynchronize, (void), synchronise())

ENTRY(cuMemGetInfo_v2, (size_t * available, size_t *total), fake_memory_info(available, total))
ENTRY(cuMemAlloc_v2, (rf_cu_address * out, size_t bytes), allocate(out, bytes))
ENTRY(cuMemFree_v2, (rf_cu_address address), fake_free(FAKE_MEMORY, MEMORY(address)))
ENTRY(cuMemHostAlloc, (void **out, size_t bytes, unsigned flags),
      flags == 1 ? fake_alloc(FAKE_PINNED, bytes, out) : FAKE_INVALID_VALUE)
ENTRY(cuMemFreeHost, (void *memory), fake_free(FAKE_PINNED, memory))
ENTRY(cuMemcpyHtoDAsync_v2, (rf_cu_address to, const void *from, size_t bytes, rf_cu_stream stream),
      fake_copy(MEMORY(to), from, bytes, stream))
ENTRY(cuMemcpyDtoHAsync_v2, (void *to, rf_cu_address from, size_t bytes, rf_cu_stream stream),
      fake_copy(to, MEMORY(from), bytes, stream))
ENTRY(cuMemcpyDtoDAsync_v2,
      (rf_cu_address to, rf_cu_address from, size_t bytes, rf_cu_stream stream),
      fake_copy(MEMORY(to), MEMORY(from), bytes, stream))
ENTRY(cuMemsetD8Async, (rf_cu_address to, unsigned char value, size_t bytes, rf_cu_stream stream),
      fake_fill(MEMORY(to), value, bytes, stream))

ENTRY(cuStreamCreate, (rf_cu_stream * out, unsigned flags),
      flags == 1 ? fake_make(FAKE_STREAM, OUT(out)) : FAKE_INVALID_VALUE)
ENTRY(cuStreamDestroy_v2, (rf_cu_stream stream), fake_destroy(FAKE_STREAM, stream))
ENTRY(cuStreamSynchronize, (rf_cu_stream stream), fake_check(FAKE_STREAM, stream))
ENTRY(cuStreamWaitEvent, (rf_cu_stream stream, rf_cu_event event, unsigned flags),
      flags
          ? FAKE_INVALID_VALUE
          : (fake_check(FAKE_STREAM, stream) ? FAKE_INVALID_HANDLE : fake_check(FAKE_EVENT, event)))
ENTRY(cuEventCreate, (rf_cu_event * out, unsigned flags),
      flags == 1 ? fake_make(FAKE_EVENT, OUT(out)) : FAKE_INVALID_VALUE)
ENTRY(cuEventDestroy_v2, (rf_cu_event event), fake_destroy(FAKE_EVENT, event))
ENTRY(cuEventRecord, (rf_cu_event event, rf_cu_stream stream), fake_record(event, stream))
ENTRY(cuEventSynchronize, (rf_cu_event event), fake_check(FAKE_EVENT, event))
#ifndef FAKE_PARTIAL
ENTRY(cuEventQuery, (rf_cu_event event), fake_query(event))
#endif
ENTRY(cuEventElapsedTime, (float *milliseconds, rf_cu_event begin, rf_cu_event end),
      fake_elapsed(begin, end, milliseconds))

ENTRY(cuModuleLoadDataEx,
      (rf_cu_module * out, const void *image, unsigned n_options, unsigned *options, void **values),
      n_options == 2 ? load(out, image, options, values) : FAKE_INVALID_VALUE)
ENTRY(cuModuleUnload, (rf_cu_module module), fake_destroy(FAKE_MODULE, module))
ENTRY(cuModuleGetFunction, (rf_cu_function * out, rf_cu_module module, const char *name),
      fake_function(module, name, OUT(out)))
ENTRY(cuFuncGetAttribute, (int *out, unsigned attribute, rf_cu_function function),
      fake_check(FAKE_MODULE, function) ? FAKE_INVALID_HANDLE
                                        : get_function_attribute(out, attribute))
ENTRY(cuFuncSetAttribute, (rf_cu_function function, unsigned attribute, int value),
      fake_check(FAKE_MODULE, function) ? FAKE_INVALID_HANDLE
                                        : set_function_attribute(attribute, value))
ENTRY(cuLaunchKernel,
      (rf_cu_function function, unsigned blocks_x, unsigned blocks_y, unsigned blocks_z,
       unsigned threads_x, unsigned threads_y, unsigned threads_z, unsigned shared_bytes,
       rf_cu_stream stream, void **arguments, void **extra),
      blocks_x &&blocks_y &&blocks_z &&threads_x &&threads_y &&threads_z && !extra
          ? fake_launch(function, shared_bytes, stream, arguments)
          : FAKE_INVALID_VALUE)

#ifndef FAKE_CUDA_11
/* Launches with attributes: those that the library knows, by their numbers. */
static int launch_extended(const rf_cu_launch *config, rf_cu_function function, void **arguments)
{
    fake.overlap = false;
    fake.cluster = 0;
    for (unsigned i = 0; i < config->n_attributes; i++) {
        const rf_cu_attribute *attribute = &config->attributes[i];
        if (attribute->id == 6 && attribute->value[0] == 1)
            fake.overlap = true;
        else if (attribute->id == 4 && attribute->value[1] == 1 && attribute->value[2] == 1)
            fake.cluster = attribute->value[0];
        else
            return FAKE_INVALID_VALUE;
    }
    return fake_launch(function, config->shared_bytes, config->stream, arguments);
}
ENTRY(cuLaunchKernelEx,
      (const rf_cu_launch *config, rf_cu_function function, void **arguments, void **extra),
      config->blocks_x && config->blocks_y && config->blocks_z && config->threads_x && !extra
          ? launch_extended(config, function, arguments)
          : FAKE_INVALID_VALUE)

/* Writes what it was given, where it is what the driver takes: two dimensions of 16-bit elements.
 */
static int describe(uint64_t *map, void *address, const uint64_t *sizes, const uint64_t *strides,
                    const uint32_t *box)
{
    if ((uintptr_t)address % 16 || strides[0] % 16 || box[0] > 256 || box[1] > 256 || box[0] % 8)
        return FAKE_INVALID_VALUE;
    map[0] = (uint64_t)(uintptr_t)address;
    map[1] = sizes[0];
    map[2] = sizes[1];
    map[3] = strides[0];
    map[4] = box[0];
    map[5] = box[1];
    return 0;
}
ENTRY(cuTensorMapEncodeTiled,
      (void *map, unsigned type, uint32_t rank, void *address, const uint64_t *sizes,
       const uint64_t *strides, const uint32_t *box, const uint32_t *steps, unsigned interleaving,
       unsigned swizzle, unsigned promotion, unsigned fill),
      type == 1 && rank == 2 && steps[0] == 1 && steps[1] == 1 && !interleaving && !swizzle &&
              promotion == 3 && !fill
          ? describe(map, address, sizes, strides, box)
          : FAKE_INVALID_VALUE)
#endif

ENTRY(cuStreamBeginCapture_v2, (rf_cu_stream stream, unsigned mode),
      mode == 1 ? fake_capture(stream) : FAKE_INVALID_VALUE)
ENTRY(cuStreamEndCapture, (rf_cu_stream stream, rf_cu_graph *out),
      fake_capture_end(stream, OUT(out)))
ENTRY(cuGraphInstantiateWithFlags,
      (rf_cu_executable * out, rf_cu_graph graph, unsigned long long flags),
      flags ? FAKE_INVALID_VALUE : fake_instantiate(graph, OUT(out)))
#ifndef FAKE_PARTIAL
ENTRY(cuGraphLaunch, (rf_cu_executable executable, rf_cu_stream stream),
      fake_replay(executable, stream))
#endif
ENTRY(cuGraphDestroy, (rf_cu_graph graph), fake_destroy(FAKE_GRAPH, graph))
ENTRY(cuGraphExecDestroy, (rf_cu_executable executable), fake_destroy(FAKE_EXECUTABLE, executable))
