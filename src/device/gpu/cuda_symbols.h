/*
 * cuda_symbols.h: what is called of the CUDA driver API: names as libcuda exports them, and types.
 * Written from the CUDA Driver API reference manual; no header of NVIDIA's is used. Handles have
 * the tags of the API's own typedefs, so that a test can compare the types with cuda.h.
 *
 * All of these are exported by drivers of CUDA 11.4 and later.
 */
#ifndef RF_DEVICE_GPU_CUDA_SYMBOLS_H
#define RF_DEVICE_GPU_CUDA_SYMBOLS_H

#include <stddef.h>

/* Enumerations of the API are unsigned int in the x86-64 ABI. CUdevice is an int and CUdeviceptr an
 * unsigned long long. */
typedef unsigned rf_cu_result;
typedef unsigned long long rf_cu_address;
typedef struct CUctx_st *rf_cu_context;
typedef struct CUstream_st *rf_cu_stream;
typedef struct CUevent_st *rf_cu_event;
typedef struct CUmod_st *rf_cu_module;
typedef struct CUfunc_st *rf_cu_function;
typedef struct CUgraph_st *rf_cu_graph;
typedef struct CUgraphExec_st *rf_cu_executable;

/* X(name, (parameters)); every one returns rf_cu_result. */
#define RF_CUDA_SYMBOLS(X)                                                                         \
    X(cuInit, (unsigned flags))                                                                    \
    X(cuDriverGetVersion, (int *version))                                                          \
    X(cuGetErrorName, (rf_cu_result code, const char **out))                                       \
    X(cuGetErrorString, (rf_cu_result code, const char **out))                                     \
    X(cuDeviceGetCount, (int *count))                                                              \
    X(cuDeviceGet, (int *device, int ordinal))                                                     \
    X(cuDeviceGetName, (char *name, int bytes, int device))                                        \
    X(cuDeviceGetPCIBusId, (char *id, int bytes, int device))                                      \
    X(cuDeviceGetAttribute, (int *out, unsigned attribute, int device))                            \
    X(cuDeviceTotalMem_v2, (size_t * bytes, int device))                                           \
    X(cuDevicePrimaryCtxRetain, (rf_cu_context * out, int device))                                 \
    X(cuDevicePrimaryCtxRelease_v2, (int device))                                                  \
    X(cuCtxSetCurrent, (rf_cu_context context))                                                    \
    X(cuCtxSynchronize, (void))                                                                    \
    X(cuMemGetInfo_v2, (size_t * available, size_t * total))                                       \
    X(cuMemAlloc_v2, (rf_cu_address * out, size_t bytes))                                          \
    X(cuMemFree_v2, (rf_cu_address address))                                                       \
    X(cuMemHostAlloc, (void **out, size_t bytes, unsigned flags))                                  \
    X(cuMemFreeHost, (void *memory))                                                               \
    X(cuMemcpyHtoDAsync_v2,                                                                        \
      (rf_cu_address to, const void *from, size_t bytes, rf_cu_stream stream))                     \
    X(cuMemcpyDtoHAsync_v2, (void *to, rf_cu_address from, size_t bytes, rf_cu_stream stream))     \
    X(cuMemcpyDtoDAsync_v2,                                                                        \
      (rf_cu_address to, rf_cu_address from, size_t bytes, rf_cu_stream stream))                   \
    X(cuMemsetD8Async, (rf_cu_address to, unsigned char value, size_t bytes, rf_cu_stream stream)) \
    X(cuStreamCreate, (rf_cu_stream * out, unsigned flags))                                        \
    X(cuStreamDestroy_v2, (rf_cu_stream stream))                                                   \
    X(cuStreamSynchronize, (rf_cu_stream stream))                                                  \
    X(cuStreamWaitEvent, (rf_cu_stream stream, rf_cu_event event, unsigned flags))                 \
    X(cuEventCreate, (rf_cu_event * out, unsigned flags))                                          \
    X(cuEventDestroy_v2, (rf_cu_event event))                                                      \
    X(cuEventRecord, (rf_cu_event event, rf_cu_stream stream))                                     \
    X(cuEventSynchronize, (rf_cu_event event))                                                     \
    X(cuEventQuery, (rf_cu_event event))                                                           \
    X(cuEventElapsedTime, (float *milliseconds, rf_cu_event begin, rf_cu_event end))               \
    X(cuModuleLoadDataEx, (rf_cu_module * out, const void *image, unsigned n_options,              \
                           unsigned *options, void **values))                                      \
    X(cuModuleUnload, (rf_cu_module module))                                                       \
    X(cuModuleGetFunction, (rf_cu_function * out, rf_cu_module module, const char *name))          \
    X(cuFuncGetAttribute, (int *out, unsigned attribute, rf_cu_function function))                 \
    X(cuFuncSetAttribute, (rf_cu_function function, unsigned attribute, int value))                \
    X(cuLaunchKernel,                                                                              \
      (rf_cu_function function, unsigned blocks_x, unsigned blocks_y, unsigned blocks_z,           \
       unsigned threads_x, unsigned threads_y, unsigned threads_z, unsigned shared_bytes,          \
       rf_cu_stream stream, void **arguments, void **extra))                                       \
    X(cuStreamBeginCapture_v2, (rf_cu_stream stream, unsigned mode))                               \
    X(cuStreamEndCapture, (rf_cu_stream stream, rf_cu_graph * out))                                \
    X(cuGraphInstantiateWithFlags,                                                                 \
      (rf_cu_executable * out, rf_cu_graph graph, unsigned long long flags))                       \
    X(cuGraphLaunch, (rf_cu_executable executable, rf_cu_stream stream))                           \
    X(cuGraphDestroy, (rf_cu_graph graph))                                                         \
    X(cuGraphExecDestroy, (rf_cu_executable executable))

/* Since CUDA 11.8: launches with attributes. */
typedef struct rf_cu_attribute {
    unsigned id;
    unsigned unused;
    int value[16]; /* a union of 64 bytes; the first ints of it are what is set here */
} rf_cu_attribute;

typedef struct rf_cu_launch {
    unsigned blocks_x, blocks_y, blocks_z;
    unsigned threads_x, threads_y, threads_z;
    unsigned shared_bytes;
    rf_cu_stream stream;
    rf_cu_attribute *attributes;
    unsigned n_attributes;
} rf_cu_launch;

#define RF_CUDA_OPTIONAL_SYMBOLS(X)                                                                \
    X(cuLaunchKernelEx,                                                                            \
      (const rf_cu_launch *config, rf_cu_function function, void **arguments, void **extra))       \
    X(cuTensorMapEncodeTiled,                                                                      \
      (void *map, unsigned type, uint32_t rank, void *address, const uint64_t *sizes,              \
       const uint64_t *strides, const uint32_t *box, const uint32_t *steps, unsigned interleaving, \
       unsigned swizzle, unsigned promotion, unsigned fill))

#endif
