/*
 * library.h: a driver's shared library, opened while the program runs. Nothing of a driver is
 * linked, so one binary runs where there is a HIP driver, a CUDA driver, both or none.
 *
 * The registry calls a backend one call at a time (backend.h); its lock guards what is here. A
 * library that was opened stays: drivers have threads of their own and do not survive dlclose.
 */
#ifndef RF_DEVICE_GPU_LIBRARY_H
#define RF_DEVICE_GPU_LIBRARY_H

#include "device/gpu/driver.h"

typedef struct rf_gpu_library {
    const rf_gpu_driver *driver;
    void *symbols;            /* the driver's struct of function pointers; valid while opened */
    const char *const *names; /* sonames or paths, tried in this order; NULL ends them */
    const char *root;         /* put in front of paths in /sys and /proc: "", but for tests */
    void *handle;             /* NULL: not opened */
    const char *name;         /* the one of names that was opened */
} rf_gpu_library;

extern rf_gpu_library rf_gpu_hip;
extern rf_gpu_library rf_gpu_cuda;

/*
 * Opens the first library of the list that is there and looks its symbols up; nothing to do where
 * that is done. Errors: NOT_FOUND names the list where none is installed; DEVICE where one is and
 * cannot be loaded, lacks symbols (they are named), or is older than the oldest that will do.
 */
rf_status rf_gpu_library_open(rf_gpu_library *library, rf_error *error);

/* For tests: closes it, so that names can be changed. Its devices must be closed. */
void rf_gpu_library_close(rf_gpu_library *library);

#endif
