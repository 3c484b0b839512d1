/*
 * target.h: what a plan has to know of the device it is for. The device need not be here: plans are
 * arithmetic.
 */
#ifndef RF_KERNELS_TARGET_H
#define RF_KERNELS_TARGET_H

#include "kernels/runtime.h"

/*
 * What a GPU's driver takes of the device's memory for a process before it allocates anything:
 * its context, and the streams that a load copies on. Measured: 526.8 MiB for a context of
 * CUDA 13.0 on an H100, and 2 MiB for the first streams. Other cards and HIP take less. It is used
 * only where there is no driver to ask.
 */
#define RF_TARGET_DRIVER_BYTES (530ULL << 20)

/*
 * What a GPU's driver takes later, as kernels are loaded and graphs are made: an estimate, some two
 * MiB for each of the compiled units that one model uses. Who fills a device to its last byte
 * leaves so much free.
 */
#define RF_TARGET_LATE_BYTES (64ULL << 20)

/* By how much drivers round allocations up: see cuda.c and hip.c. */
#define RF_TARGET_GRANULARITY (2ULL << 20)

typedef struct rf_target {
    bool unified; /* as in rf_device_facts */
    bool absent;  /* it is not here */
    uint64_t free;
    uint64_t total;
    uint64_t granularity; /* as in rf_device_facts */
    uint64_t driver;      /* still to be taken by the driver for itself */
    uint64_t late;        /* to be taken by it after a load; 0 where there is no driver */
    const rf_kernels *kernels;
    uint32_t n_threads;
} rf_target;

/* A runtime's device, as it is now. Errors: the device's. */
rf_status rf_target_of(const rf_runtime *runtime, rf_target *out, rf_error *error);

/* A GPU with memory of its own that is not here, with so much of it free. */
rf_target rf_target_absent_gpu(uint64_t free_bytes);

/* How to plan for it; 0 are the defaults, as in rf_plan_config. */
rf_plan_config rf_target_plan_config(const rf_target *target, uint64_t pool_bytes,
                                     uint64_t alignment);

#endif
