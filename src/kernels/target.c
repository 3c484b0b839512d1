/* target.c: devices as plans see them, here or not. */
#include "kernels/target.h"

#include "kernels/gpu/gpu.h"

rf_status rf_target_of(const rf_runtime *runtime, rf_target *out, rf_error *error)
{
    rf_device_memory memory;
    RF_TRY(runtime->device->ops->memory(runtime->device, &memory, error));
    *out = (rf_target){.unified = runtime->facts.unified,
                       .free = memory.free,
                       .total = memory.total,
                       .granularity = runtime->facts.allocation_granularity,
                       .late = *runtime->facts.info.driver ? RF_TARGET_LATE_BYTES : 0,
                       .kernels = runtime->kernels,
                       .n_threads = rf_threads_count(runtime->threads)};
    return RF_OK;
}

rf_target rf_target_absent_gpu(uint64_t free_bytes)
{
    return (rf_target){.absent = true,
                       .free = free_bytes,
                       .total = free_bytes,
                       .granularity = RF_TARGET_GRANULARITY,
                       .driver = RF_TARGET_DRIVER_BYTES,
                       .late = RF_TARGET_LATE_BYTES,
                       .kernels = rf_kernels_for_gpu(),
                       .n_threads = 1};
}

rf_plan_config rf_target_plan_config(const rf_target *target, uint64_t pool_bytes,
                                     uint64_t alignment)
{
    return (rf_plan_config){.pool_bytes = pool_bytes,
                            .alignment = alignment,
                            .available = target->free,
                            .capacity = target->total,
                            .granularity = target->granularity,
                            .driver = target->driver,
                            .absent = target->absent};
}
