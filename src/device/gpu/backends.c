/* backends.c: HIP and CUDA as the registry wants them: one library each, everything else shared. */
#include "device/gpu/gpu.h"

static rf_status hip_count(uint32_t *out, rf_error *error)
{
    return rf_gpu_count(&rf_gpu_hip, out, error);
}

static rf_status hip_why_none(rf_error *error)
{
    return rf_gpu_why_none(&rf_gpu_hip, error);
}

static void hip_id(uint32_t index, char out[RF_DEVICE_ID_BYTES])
{
    rf_gpu_id(&rf_gpu_hip, index, out);
}

static rf_status hip_look(uint32_t index, rf_device_facts *out, rf_error *error)
{
    return rf_gpu_look(&rf_gpu_hip, index, out, error);
}

static rf_status hip_open(uint32_t index, rf_device **out, rf_error *error)
{
    return rf_gpu_open(&rf_gpu_hip, index, out, error);
}

const rf_backend rf_backend_hip = {
    .name = "hip",
    .count = hip_count,
    .why_none = hip_why_none,
    .id = hip_id,
    .look = hip_look,
    .open = hip_open,
};

static rf_status cuda_count(uint32_t *out, rf_error *error)
{
    return rf_gpu_count(&rf_gpu_cuda, out, error);
}

static rf_status cuda_why_none(rf_error *error)
{
    return rf_gpu_why_none(&rf_gpu_cuda, error);
}

static void cuda_id(uint32_t index, char out[RF_DEVICE_ID_BYTES])
{
    rf_gpu_id(&rf_gpu_cuda, index, out);
}

static rf_status cuda_look(uint32_t index, rf_device_facts *out, rf_error *error)
{
    return rf_gpu_look(&rf_gpu_cuda, index, out, error);
}

static rf_status cuda_open(uint32_t index, rf_device **out, rf_error *error)
{
    return rf_gpu_open(&rf_gpu_cuda, index, out, error);
}

const rf_backend rf_backend_cuda = {
    .name = "cuda",
    .count = cuda_count,
    .why_none = cuda_why_none,
    .id = cuda_id,
    .look = cuda_look,
    .open = cuda_open,
};
