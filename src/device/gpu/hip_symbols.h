/*
 * hip_symbols.h: what is called of the HIP runtime: names as libamdhip64 exports them, and types.
 * Written from the HIP runtime API reference manual; no header of AMD's is used. Handles have the
 * tags of the API's own typedefs, so that a test can compare the types with hip_runtime_api.h.
 *
 * The types of all of these are the same in ROCm 5, 6 and 7. Where a call has variants, the one
 * whose type never changed is taken: hipMemcpyAsync, since hipMemcpyHtoDAsync's source was not
 * const before ROCm 7; hipGraphInstantiate, since …WithFlags came later.
 */
#ifndef RF_DEVICE_GPU_HIP_SYMBOLS_H
#define RF_DEVICE_GPU_HIP_SYMBOLS_H

#include <stddef.h>

/* Enumerations of the API are unsigned int in the x86-64 ABI. */
typedef unsigned rf_hip_result;
typedef struct ihipStream_t *rf_hip_stream;
typedef struct ihipEvent_t *rf_hip_event;
typedef struct ihipModule_t *rf_hip_module;
typedef struct ihipModuleSymbol_t *rf_hip_function;
typedef struct ihipGraph *rf_hip_graph;
typedef struct hipGraphNode *rf_hip_node;
typedef struct hipGraphExec *rf_hip_executable;

/* X(result, name, (parameters)) */
#define RF_HIP_SYMBOLS(X)                                                                          \
    X(rf_hip_result, hipRuntimeGetVersion, (int *version))                                         \
    X(const char *, hipGetErrorName, (rf_hip_result code))                                         \
    X(const char *, hipGetErrorString, (rf_hip_result code))                                       \
    X(rf_hip_result, hipGetDeviceCount, (int *count))                                              \
    X(rf_hip_result, hipSetDevice, (int ordinal))                                                  \
    X(rf_hip_result, hipDeviceGetName, (char *name, int bytes, int ordinal))                       \
    X(rf_hip_result, hipDeviceGetPCIBusId, (char *id, int bytes, int ordinal))                     \
    X(rf_hip_result, hipDeviceGetAttribute, (int *out, unsigned attribute, int ordinal))           \
    X(rf_hip_result, hipDeviceTotalMem, (size_t * bytes, int ordinal))                             \
    X(rf_hip_result, hipDeviceSynchronize, (void))                                                 \
    X(rf_hip_result, hipMemGetInfo, (size_t * available, size_t * total))                          \
    X(rf_hip_result, hipMalloc, (void **out, size_t bytes))                                        \
    X(rf_hip_result, hipFree, (void *address))                                                     \
    X(rf_hip_result, hipHostMalloc, (void **out, size_t bytes, unsigned flags))                    \
    X(rf_hip_result, hipHostFree, (void *memory))                                                  \
    X(rf_hip_result, hipMemcpyAsync,                                                               \
      (void *to, const void *from, size_t bytes, unsigned kind, rf_hip_stream stream))             \
    X(rf_hip_result, hipMemsetD8Async,                                                             \
      (void *to, unsigned char value, size_t bytes, rf_hip_stream stream))                         \
    X(rf_hip_result, hipStreamCreateWithFlags, (rf_hip_stream * out, unsigned flags))              \
    X(rf_hip_result, hipStreamDestroy, (rf_hip_stream stream))                                     \
    X(rf_hip_result, hipStreamSynchronize, (rf_hip_stream stream))                                 \
    X(rf_hip_result, hipStreamWaitEvent,                                                           \
      (rf_hip_stream stream, rf_hip_event event, unsigned flags))                                  \
    X(rf_hip_result, hipEventCreateWithFlags, (rf_hip_event * out, unsigned flags))                \
    X(rf_hip_result, hipEventDestroy, (rf_hip_event event))                                        \
    X(rf_hip_result, hipEventRecord, (rf_hip_event event, rf_hip_stream stream))                   \
    X(rf_hip_result, hipEventSynchronize, (rf_hip_event event))                                    \
    X(rf_hip_result, hipEventQuery, (rf_hip_event event))                                          \
    X(rf_hip_result, hipEventElapsedTime,                                                          \
      (float *milliseconds, rf_hip_event begin, rf_hip_event end))                                 \
    X(rf_hip_result, hipModuleLoadData, (rf_hip_module * out, const void *image))                  \
    X(rf_hip_result, hipModuleUnload, (rf_hip_module module))                                      \
    X(rf_hip_result, hipModuleGetFunction,                                                         \
      (rf_hip_function * out, rf_hip_module module, const char *name))                             \
    X(rf_hip_result, hipModuleLaunchKernel,                                                        \
      (rf_hip_function function, unsigned blocks_x, unsigned blocks_y, unsigned blocks_z,          \
       unsigned threads_x, unsigned threads_y, unsigned threads_z, unsigned shared_bytes,          \
       rf_hip_stream stream, void **arguments, void **extra))                                      \
    X(rf_hip_result, hipStreamBeginCapture, (rf_hip_stream stream, unsigned mode))                 \
    X(rf_hip_result, hipStreamEndCapture, (rf_hip_stream stream, rf_hip_graph * out))              \
    X(rf_hip_result, hipGraphInstantiate,                                                          \
      (rf_hip_executable * out, rf_hip_graph graph, rf_hip_node * failed, char *log,               \
       size_t log_bytes))                                                                          \
    X(rf_hip_result, hipGraphLaunch, (rf_hip_executable executable, rf_hip_stream stream))         \
    X(rf_hip_result, hipGraphDestroy, (rf_hip_graph graph))                                        \
    X(rf_hip_result, hipGraphExecDestroy, (rf_hip_executable executable))

/* Of ROCm 6 and later only: fills the struct that release 6.0 fixed under this name, whatever a
 * later header's hipDeviceProp_t looks like. out is that struct. */
#define RF_HIP_OPTIONAL_SYMBOLS(X)                                                                 \
    X(rf_hip_result, hipGetDevicePropertiesR0600, (void *out, int ordinal))

#endif
