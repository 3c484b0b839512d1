/*
 * gpu.h: the operations of GPU devices: one host side for AMD, NVIDIA and the emulated GPU. Each
 * operation is a file of its own that fills a kernel's arguments (args_NAME.h) and launches it.
 *
 * Units: what is compiled and loaded as one piece of device code, a .hip file, or one with an
 * element type of weights given ("matvec_q4_k"). A unit is loaded when the first of its kernels is
 * asked for, and stays loaded as long as its programs.
 */
#ifndef RF_KERNELS_GPU_GPU_H
#define RF_KERNELS_GPU_GPU_H

#include "kernels/kernels.h"

/* Opens what a device's kernels need. Errors: UNSUPPORTED where the library was built without
 * kernels for its architecture, naming those that there are. The device outlives it. */
rf_status rf_gpu_programs_open(rf_device *device, const rf_device_facts *facts,
                               rf_gpu_programs **out, rf_error *error);
/* The error that it gives where there are no kernels. */
rf_status rf_gpu_programs_why_none(const rf_device *device, const rf_device_facts *facts,
                                   rf_error *error);
rf_status rf_gpu_programs_close(rf_gpu_programs *programs, rf_error *error); /* NULL is allowed */

/* For which architecture the kernels were compiled: the device's own, or one whose code it runs. */
const char *rf_gpu_programs_target(const rf_gpu_programs *programs);

/* What kernels may count on. */
typedef struct rf_gpu_traits {
    uint32_t warp_size;
    uint32_t compute_units;
    uint32_t shared_bytes;    /* that a block can have */
    uint32_t matrix_columns;  /* of the narrowest product by matrix units; 0: there are none */
    bool overlap;             /* kernels can start before the one ahead has ended */
    bool asynchronous_copies; /* from global to shared memory */
    bool warpgroups;          /* Hopper's matrix units, and the build has kernels for them */
    bool boxes;               /* that too, and rf_device_ops.describe_rows */
} rf_gpu_traits;

const rf_gpu_traits *rf_gpu_traits_of(const rf_gpu_programs *programs);

/* One launch. Blocks of one dimension of threads. */
typedef struct rf_gpu_launch {
    const char *unit;
    const char *kernel;
    uint32_t blocks[3]; /* 0 counts as 1 */
    uint32_t threads;
    uint32_t shared_bytes;
    uint32_t cluster; /* blocks, along x, that run together; 0 counts as 1. For Hopper alone. */
    bool overlap;     /* the kernel calls wait_for_previous() itself */
} rf_gpu_launch;

/* Launches on the compute's stream. args: the kernel's struct, copied. */
rf_status rf_gpu_run(const rf_compute *compute, const rf_gpu_launch *launch, const void *args,
                     rf_error *error);

/* The operations of all GPUs. Constant. */
const rf_kernels *rf_kernels_for_gpu(void);

/* The name of an element type in units and kernels: "q4_k"; NULL for one that no kernel computes
 * with. */
const char *rf_gpu_type_name(rf_type type);
/* More than the longest name of a unit or kernel. */
#define RF_GPU_NAME_BYTES 48

/* ---- the workspace --------------------------------------------------------------------------- */

/*
 * A workspace starts with counters, u32 each, that are zero whenever no operation runs: whoever
 * makes a workspace fills it with zeros, and every operation leaves them so. The last block of a
 * kernel is told by one of them. Rooms lie behind.
 */
#define RF_GPU_COUNTERS 4096U
static inline rf_address rf_gpu_counters(const rf_compute *compute)
{
    return compute->workspace;
}

/* Parts of a workspace, taken one after the other; each starts at a multiple of 256. */
typedef struct rf_gpu_room {
    rf_address next; /* counts from 0 when only sizes are wanted */
    rf_address end;
} rf_gpu_room;

rf_gpu_room rf_gpu_room_begin(const rf_compute *compute);
/* RF_ERROR_INTERNAL where the workspace is too small. */
rf_status rf_gpu_room_take(rf_gpu_room *room, uint64_t bytes, rf_address *out, rf_error *error);

#endif
