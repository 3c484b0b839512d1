/*
 * test_gpu_signatures.c: the types of driver calls that src/device/gpu writes by itself are those
 * of the vendors' headers. What differs fails when this file is compiled; where a header is absent,
 * the test says so.
 */
#include "support/cmocka.h"

#define IS(name, value) _Static_assert((name) == (value), #name);

#ifdef HAVE_HIP_HEADER
#include <hip/hip_runtime_api.h>

#include "device/gpu/hip_symbols.h"

/* An enumeration of C without negative members is compatible with unsigned int in GCC and Clang. */
#define SAME(result, name, parameters)                                                             \
    _Static_assert(__builtin_types_compatible_p(__typeof__(name), result parameters),              \
                   #name " has another type in hip_runtime_api.h");
RF_HIP_SYMBOLS(SAME)
#undef SAME

/* Numbers that hip.c and driver.h write by themselves. */
IS(hipErrorInvalidValue, 1)
IS(hipErrorOutOfMemory, 2)
IS(hipErrorNoDevice, 100)
IS(hipErrorInvalidImage, 200)
IS(hipErrorNoBinaryForGpu, 209)
IS(hipErrorInvalidKernelFile, 218)
IS(hipErrorNotFound, 500)
IS(hipErrorNotReady, 600)
IS(hipErrorNotSupported, 801)
IS(hipDeviceAttributeIntegrated, 16)
IS(hipDeviceAttributeMultiprocessorCount, 63)
IS(hipDeviceAttributeWarpSize, 87)
IS(hipHostMallocPortable, 1)
IS(hipMemcpyHostToDevice, 1)
IS(hipMemcpyDeviceToHost, 2)
IS(hipMemcpyDeviceToDevice, 3)
IS(hipStreamNonBlocking, 1)
IS(hipEventBlockingSync, 1)
IS(hipStreamCaptureModeThreadLocal, 1)
#if HIP_VERSION_MAJOR >= 6
_Static_assert(offsetof(hipDeviceProp_tR0600, gcnArchName) == 1160 &&
                   sizeof(hipDeviceProp_tR0600) <= 4096,
               "properties");
#endif
#endif

static void hip_calls_have_the_types_of_its_header(void **state)
{
    (void)state;
#ifdef HAVE_HIP_HEADER
    print_message("checked against hip_runtime_api.h of HIP %d.%d\n", HIP_VERSION_MAJOR,
                  HIP_VERSION_MINOR);
#else
    print_message("skipped: there was no hip/hip_runtime_api.h when this was built (Debian: "
                  "libamdhip64-dev)\n");
    skip();
#endif
}

#ifdef HAVE_CUDA_HEADER
#include <cuda.h>

#include "device/device.h"
#include "device/gpu/cuda_symbols.h"

#define SAME(name, parameters)                                                                     \
    _Static_assert(__builtin_types_compatible_p(__typeof__(name), rf_cu_result parameters),        \
                   #name " has another type in cuda.h");
RF_CUDA_SYMBOLS(SAME)
#undef SAME

/* Calls with structs of our own: the struct has the same members at the same places. */
#define SAME_PLACE(ours, theirs)                                                                   \
    _Static_assert(offsetof(rf_cu_launch, ours) == offsetof(CUlaunchConfig, theirs), #theirs);
SAME_PLACE(blocks_x, gridDimX)
SAME_PLACE(threads_z, blockDimZ)
SAME_PLACE(shared_bytes, sharedMemBytes)
SAME_PLACE(stream, hStream)
SAME_PLACE(attributes, attrs)
SAME_PLACE(n_attributes, numAttrs)
#undef SAME_PLACE
_Static_assert(sizeof(rf_cu_launch) == sizeof(CUlaunchConfig), "CUlaunchConfig");
_Static_assert(sizeof(rf_cu_attribute) == sizeof(CUlaunchAttribute), "CUlaunchAttribute");
_Static_assert(offsetof(rf_cu_attribute, value) == offsetof(CUlaunchAttribute, value), "value");
IS(CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION, 6)
IS(CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION, 4)
_Static_assert(offsetof(CUlaunchAttributeValue, clusterDim.z) == 2 * sizeof(int), "clusterDim");

/* Descriptions of rows. */
_Static_assert(sizeof(rf_row_boxes_code) == sizeof(CUtensorMap), "CUtensorMap");
_Static_assert(_Alignof(rf_row_boxes_code) >= _Alignof(CUtensorMap), "CUtensorMap");
IS(CU_TENSOR_MAP_DATA_TYPE_UINT16, 1)
IS(CU_TENSOR_MAP_INTERLEAVE_NONE, 0)
IS(CU_TENSOR_MAP_SWIZZLE_NONE, 0)
IS(CU_TENSOR_MAP_L2_PROMOTION_L2_256B, 3)
IS(CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE, 0)

/* Numbers that cuda.c and driver.h write by themselves. */
IS(CUDA_ERROR_INVALID_VALUE, 1)
IS(CUDA_ERROR_OUT_OF_MEMORY, 2)
IS(CUDA_ERROR_NO_DEVICE, 100)
IS(CUDA_ERROR_INVALID_IMAGE, 200)
IS(CUDA_ERROR_NO_BINARY_FOR_GPU, 209)
IS(CUDA_ERROR_INVALID_PTX, 218)
IS(CUDA_ERROR_NOT_FOUND, 500)
IS(CUDA_ERROR_NOT_READY, 600)
IS(CUDA_ERROR_NOT_SUPPORTED, 801)
IS(CU_DEVICE_ATTRIBUTE_WARP_SIZE, 10)
IS(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, 16)
IS(CU_DEVICE_ATTRIBUTE_INTEGRATED, 18)
IS(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, 75)
IS(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, 76)
IS(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, 97)
IS(CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES, 1)
IS(CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 8)
IS(CU_MEMHOSTALLOC_PORTABLE, 1)
IS(CU_STREAM_NON_BLOCKING, 1)
IS(CU_EVENT_BLOCKING_SYNC, 1)
IS(CU_STREAM_CAPTURE_MODE_THREAD_LOCAL, 1)
IS(CU_JIT_ERROR_LOG_BUFFER, 5)
IS(CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES, 6)
#endif

static void cuda_calls_have_the_types_of_its_header(void **state)
{
    (void)state;
#ifdef HAVE_CUDA_HEADER
    print_message("checked against cuda.h of CUDA %d\n", CUDA_VERSION);
#else
    print_message("skipped: there was no cuda.h when this was built\n");
    skip();
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hip_calls_have_the_types_of_its_header),
        cmocka_unit_test(cuda_calls_have_the_types_of_its_header),
    };
    return cmocka_run_group_tests_name("gpu-signatures", tests, NULL, NULL);
}
