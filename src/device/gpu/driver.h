/*
 * driver.h: a GPU driver under neutral names. hip.c and cuda.c fill one table each; everything else
 * in this folder calls a driver through it, and is written once.
 *
 * Preconditions, for every function of the table:
 *   - The first argument is the library's symbols (library.h), all of them found.
 *   - The result is 0 or the driver's own number for what went wrong, and outputs are then not
 *     written. HIP took CUDA's numbers over; those that are looked at here are RF_GPU_….
 *   - Where a device is not named, it is the one that the calling thread entered last.
 *   - Handles are the driver's own, as void pointers; addresses are numbers.
 */
#ifndef RF_DEVICE_GPU_DRIVER_H
#define RF_DEVICE_GPU_DRIVER_H

#include <stdbool.h>

#include "device/device.h"

/* Results that mean the same in the CUDA driver API (enum cudaError_enum) and in HIP (enum
 * hipError_t, ROCm 5 to 7). */
#define RF_GPU_INVALID_VALUE       1
#define RF_GPU_OUT_OF_MEMORY       2
#define RF_GPU_NO_DEVICE           100
#define RF_GPU_INVALID_IMAGE       200
#define RF_GPU_NO_BINARY_FOR_GPU   209
#define RF_GPU_INVALID_KERNEL_FILE 218
#define RF_GPU_NOT_FOUND           500
#define RF_GPU_NOT_READY           600
#define RF_GPU_NOT_SUPPORTED       801

/* Facts that both drivers give as an int, each under its own number. */
typedef enum rf_gpu_attribute {
    RF_GPU_COMPUTE_UNITS, /* on RDNA in its usual mode: pairs of them, as the driver counts */
    RF_GPU_WARP_SIZE,
    RF_GPU_INTEGRATED, /* 1: it shares the host's memory (an APU) */
    RF_GPU_ATTRIBUTE_COUNT
} rf_gpu_attribute;

/* One symbol of a driver library: where its address goes in the struct of symbols. */
typedef struct rf_gpu_symbol {
    const char *name;
    size_t offset; /* bytes */
    bool optional; /* absent from libraries that are new enough otherwise */
} rf_gpu_symbol;

typedef struct rf_gpu_driver {
    const char *name; /* of the backend, and what its ids start with: "hip", "cuda" */
    const rf_gpu_symbol *symbols;
    size_t n_symbols;
    int oldest_version; /* as version() counts */
    const char *title;  /* of the interface that version() is of: "HIP", "CUDA" */
    const char *module; /* the kernel's: "amdgpu", "nvidia" */
    /* Every allocation of device memory starts at a multiple of this by itself, bytes. */
    uint64_t alignment;
    uint64_t granularity; /* what one takes is its bytes rounded up to this at most */

    int (*version)(const void *f, int *out);
    /* A version as people write it: "6.3.42134". */
    void (*version_text)(int version, char *out, size_t bytes);
    /* Starts the driver; RF_GPU_NO_DEVICE or 0 devices where there is none. */
    int (*device_count)(const void *f, int *out);
    const char *(*error_name)(const void *f, int code); /* never NULL, as is error_text */
    const char *(*error_text)(const void *f, int code);

    int (*device_name)(const void *f, int ordinal, char *out, int bytes);
    int (*pci_address)(const void *f, int ordinal, char *out, int bytes); /* "0000:03:00.0" */
    int (*attribute)(const void *f, int ordinal, rf_gpu_attribute which, int *out);
    /* "gfx1100", "sm_90"; empty where the driver does not say. */
    int (*architecture)(const void *f, int ordinal, char *out, size_t bytes);
    int (*total_memory)(const void *f, int ordinal, size_t *out); /* bytes */

    /* A context is a device made ready for this process; the driver counts who retains it. */
    int (*retain)(const void *f, int ordinal, void **context);
    int (*release)(const void *f, int ordinal);
    int (*enter)(const void *f, int ordinal, void *context); /* for the calling thread */
    int (*sync)(const void *f);

    int (*memory_info)(const void *f, size_t *available, size_t *total);
    int (*device_alloc)(const void *f, uint64_t bytes, uint64_t *out);
    int (*device_free)(const void *f, uint64_t address);
    int (*host_alloc)(const void *f, uint64_t bytes, void **out); /* pinned, for all devices */
    int (*host_free)(const void *f, void *memory);
    int (*copy)(const void *f, rf_copy_kind kind, uint64_t to, uint64_t from, uint64_t bytes,
                void *stream);
    int (*fill)(const void *f, uint64_t to, uint8_t value, uint64_t bytes, void *stream);

    int (*stream_create)(const void *f, void **out);
    int (*stream_destroy)(const void *f, void *stream);
    int (*stream_sync)(const void *f, void *stream);
    int (*stream_wait)(const void *f, void *stream, void *event);

    int (*event_create)(const void *f, void **out);
    int (*event_destroy)(const void *f, void *event);
    int (*event_record)(const void *f, void *event, void *stream);
    int (*event_sync)(const void *f, void *event);
    int (*event_query)(const void *f, void *event); /* RF_GPU_NOT_READY while it is not done */
    int (*event_elapsed)(const void *f, void *begin, void *end, float *milliseconds);

    /* code is NUL-terminated and stays until the module is unloaded. log, of log_bytes, is empty
     * before; what the driver says of the code goes there. */
    int (*module_load)(const void *f, const void *code, char *log, size_t log_bytes, void **out);
    int (*module_unload)(const void *f, void *module);
    /* Ready for launches with all the dynamic shared memory that the device can give it. */
    int (*module_function)(const void *f, int ordinal, void *module, const char *name, void **out);
    int (*launch)(const void *f, void *function, const rf_launch *launch, void *stream);
    int (*describe_rows)(const void *f, const rf_row_boxes *boxes, rf_row_boxes_code *out);

    int (*capture_begin)(const void *f, void *stream);
    int (*capture_end)(const void *f, void *stream, void **graph);
    int (*graph_instantiate)(const void *f, void *graph, void **executable);
    int (*graph_destroy)(const void *f, void *graph);
    int (*executable_launch)(const void *f, void *executable, void *stream);
    int (*executable_destroy)(const void *f, void *executable);
} rf_gpu_driver;

#endif
