/* runtime.h: an opened device with all that work on it needs. The public rf_runtime. */
#ifndef RF_KERNELS_RUNTIME_H
#define RF_KERNELS_RUNTIME_H

#include <pthread.h>

#include "kernels/kernels.h"

struct rf_runtime {
    rf_device *device;
    rf_device_facts facts;
    rf_memory *memory;
    const rf_kernels *kernels; /* also where it cannot be computed: plans ask for their scratch */
    rf_gpu_programs *programs; /* of a GPU; NULL where the build has no kernels for it */
    rf_threads *threads;
    pthread_mutex_t lock; /* guards n_models */
    uint32_t n_models;
};

/* RF_ERROR_UNSUPPORTED on a GPU that the build has no kernels for, where models can be planned and
 * loaded all the same. */
rf_status rf_runtime_require_kernels(const rf_runtime *runtime, rf_error *error);

/* Counts models, so that a runtime is not closed under one. */
void rf_runtime_retain(rf_runtime *runtime);
void rf_runtime_release(rf_runtime *runtime);

#endif
