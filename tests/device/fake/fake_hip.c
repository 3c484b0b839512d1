/* fake_hip.c: the fake driver's entry points under libamdhip64's names. The list of symbols
 * declares them, so their types are those that the library calls. */
#include <stdio.h>
#include <string.h>

#include "device/fake/fake_internal.h"
#include "device/gpu/hip_symbols.h"

#define DECLARE(result, name, parameters)                                                          \
    __attribute__((visibility("default"))) result name parameters;
RF_HIP_SYMBOLS(DECLARE)
RF_HIP_OPTIONAL_SYMBOLS(DECLARE)

/* An entry point that does what stands behind it; one that cannot fail, and one that counts the
 * call and fails if it is to fail. */
#define PLAIN(result, name, parameters, action)                                                    \
    result name parameters                                                                         \
    {                                                                                              \
        return (action);                                                                           \
    }
#define ENTRY(name, parameters, action)                                                            \
    rf_hip_result name parameters                                                                  \
    {                                                                                              \
        int fails = fake_begin(#name);                                                             \
        return (rf_hip_result)(fails ? fails : (action));                                          \
    }

static int set_version(int *out)
{
    *out = fake.hip_version;
    return 0;
}

static int count_devices(int *out)
{
    fake.initialised++;
    *out = fake.devices;
    return fake.devices ? 0 : FAKE_NO_DEVICE;
}

static int device_attribute(int *out, unsigned attribute)
{
    static const int values[][2] = {{63, 48}, {87, 32}};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        if ((unsigned)values[i][0] == attribute) {
            *out = values[i][1];
            return 0;
        }
    *out = fake.integrated;
    return attribute == 16 ? 0 : FAKE_INVALID_VALUE;
}

static int synchronise(void)
{
    return fake_check(FAKE_STREAM, NULL);
}

static int copy(void *to, const void *from, size_t bytes, unsigned kind, void *stream)
{
    return kind >= 1 && kind <= 3 ? fake_copy(to, from, bytes, stream) : FAKE_INVALID_VALUE;
}

#define OUT(out) ((void **)(out))

PLAIN(const char *, hipGetErrorName, (rf_hip_result code), fake_error_name(code))
PLAIN(const char *, hipGetErrorString, (rf_hip_result code), fake_error_text(code))

ENTRY(hipRuntimeGetVersion, (int *version), set_version(version))
ENTRY(hipGetDeviceCount, (int *count), count_devices(count))
ENTRY(hipSetDevice, (int ordinal), fake_enter(ordinal))
ENTRY(hipDeviceGetName, (char *name, int bytes, int ordinal), fake_name(name, bytes, ordinal))
ENTRY(hipDeviceGetPCIBusId, (char *id, int bytes, int ordinal), fake_pci(id, bytes, ordinal))
ENTRY(hipDeviceGetAttribute, (int *out, unsigned attribute, int ordinal),
      ordinal < fake.devices ? device_attribute(out, attribute) : FAKE_INVALID_DEVICE)
ENTRY(hipDeviceTotalMem, (size_t * bytes, int ordinal), fake_total_memory(bytes, ordinal))
ENTRY(hipDeviceSynchronize, (void), synchronise())
#ifndef FAKE_ROCM_5
/* The struct of 1472 bytes: all of it is written, and one member has a meaning here. */
static int properties(char *out, int device)
{
    memset(out, 'x', 1472);
    snprintf(out + 1160, 256, "%s", fake.architecture);
    return device < fake.devices ? 0 : FAKE_INVALID_DEVICE;
}

ENTRY(hipGetDevicePropertiesR0600, (void *out, int ordinal), properties(out, ordinal))
#endif

ENTRY(hipMemGetInfo, (size_t * available, size_t *total), fake_memory_info(available, total))
ENTRY(hipMalloc, (void **out, size_t bytes), fake_alloc(FAKE_MEMORY, bytes, out))
ENTRY(hipFree, (void *address), fake_free(FAKE_MEMORY, address))
ENTRY(hipHostMalloc, (void **out, size_t bytes, unsigned flags),
      flags == 1 ? fake_alloc(FAKE_PINNED, bytes, out) : FAKE_INVALID_VALUE)
ENTRY(hipHostFree, (void *memory), fake_free(FAKE_PINNED, memory))
ENTRY(hipMemcpyAsync,
      (void *to, const void *from, size_t bytes, unsigned kind, rf_hip_stream stream),
      copy(to, from, bytes, kind, stream))
#ifndef FAKE_PARTIAL
ENTRY(hipMemsetD8Async, (void *to, unsigned char value, size_t bytes, rf_hip_stream stream),
      fake_fill(to, value, bytes, stream))
#endif

ENTRY(hipStreamCreateWithFlags, (rf_hip_stream * out, unsigned flags),
      flags == 1 ? fake_make(FAKE_STREAM, OUT(out)) : FAKE_INVALID_VALUE)
ENTRY(hipStreamDestroy, (rf_hip_stream stream), fake_destroy(FAKE_STREAM, stream))
ENTRY(hipStreamSynchronize, (rf_hip_stream stream), fake_check(FAKE_STREAM, stream))
ENTRY(hipStreamWaitEvent, (rf_hip_stream stream, rf_hip_event event, unsigned flags),
      flags
          ? FAKE_INVALID_VALUE
          : (fake_check(FAKE_STREAM, stream) ? FAKE_INVALID_HANDLE : fake_check(FAKE_EVENT, event)))
ENTRY(hipEventCreateWithFlags, (rf_hip_event * out, unsigned flags),
      flags == 1 ? fake_make(FAKE_EVENT, OUT(out)) : FAKE_INVALID_VALUE)
ENTRY(hipEventDestroy, (rf_hip_event event), fake_destroy(FAKE_EVENT, event))
ENTRY(hipEventRecord, (rf_hip_event event, rf_hip_stream stream), fake_record(event, stream))
ENTRY(hipEventSynchronize, (rf_hip_event event), fake_check(FAKE_EVENT, event))
ENTRY(hipEventQuery, (rf_hip_event event), fake_query(event))
ENTRY(hipEventElapsedTime, (float *milliseconds, rf_hip_event begin, rf_hip_event end),
      fake_elapsed(begin, end, milliseconds))

ENTRY(hipModuleLoadData, (rf_hip_module * out, const void *image), fake_module(image, OUT(out)))
ENTRY(hipModuleUnload, (rf_hip_module module), fake_destroy(FAKE_MODULE, module))
ENTRY(hipModuleGetFunction, (rf_hip_function * out, rf_hip_module module, const char *name),
      fake_function(module, name, OUT(out)))
ENTRY(hipModuleLaunchKernel,
      (rf_hip_function function, unsigned blocks_x, unsigned blocks_y, unsigned blocks_z,
       unsigned threads_x, unsigned threads_y, unsigned threads_z, unsigned shared_bytes,
       rf_hip_stream stream, void **arguments, void **extra),
      blocks_x &&blocks_y &&blocks_z &&threads_x &&threads_y &&threads_z && !extra
          ? fake_launch(function, shared_bytes, stream, arguments)
          : FAKE_INVALID_VALUE)

ENTRY(hipStreamBeginCapture, (rf_hip_stream stream, unsigned mode),
      mode == 1 ? fake_capture(stream) : FAKE_INVALID_VALUE)
ENTRY(hipStreamEndCapture, (rf_hip_stream stream, rf_hip_graph *out),
      fake_capture_end(stream, OUT(out)))
/* NOLINTNEXTLINE(readability-non-const-parameter): HIP's type */
ENTRY(hipGraphInstantiate,
      (rf_hip_executable * out, rf_hip_graph graph, rf_hip_node *failed, char *log,
       size_t log_bytes),
      failed || log || log_bytes ? FAKE_INVALID_VALUE : fake_instantiate(graph, OUT(out)))
#ifndef FAKE_PARTIAL
ENTRY(hipGraphLaunch, (rf_hip_executable executable, rf_hip_stream stream),
      fake_replay(executable, stream))
#endif
ENTRY(hipGraphDestroy, (rf_hip_graph graph), fake_destroy(FAKE_GRAPH, graph))
ENTRY(hipGraphExecDestroy, (rf_hip_executable executable),
      fake_destroy(FAKE_EXECUTABLE, executable))
