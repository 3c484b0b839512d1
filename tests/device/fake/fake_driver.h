/*
 * fake_driver.h: a GPU driver made of host memory, with the entry points of libcuda and of
 * libamdhip64 in one shared library that is opened by its path like any driver. What stands behind
 * the entry points is a library of its own, with which a test is linked: it sets what there is and
 * what fails, and reads what was called.
 *
 * It is strict where drivers are: work needs a current device of the calling thread, memory is
 * freed on its own device, handles are of the right kind and alive. A breach counts in `misuse` and
 * fails the call.
 */
#ifndef RF_TESTS_DEVICE_FAKE_DRIVER_H
#define RF_TESTS_DEVICE_FAKE_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What can be alive. Contexts are those that CUDA counts. */
typedef enum fake_kind {
    FAKE_MEMORY,
    FAKE_PINNED,
    FAKE_STREAM,
    FAKE_EVENT,
    FAKE_MODULE,
    FAKE_GRAPH,
    FAKE_EXECUTABLE,
    FAKE_CONTEXT,
    FAKE_KIND_COUNT
} fake_kind;

#define FAKE_DEVICES_MAX 8

typedef struct fake_driver {
    /* Set by a test; fake_reset gives these defaults. */
    int devices;              /* 2 */
    int cuda_version;         /* 12040 */
    int hip_version;          /* 60300000 */
    size_t memory_total;      /* 1 GiB a device */
    size_t memory_used;       /* by others: 0 */
    bool integrated;          /* false */
    const char *architecture; /* what HIP's properties say: "gfx1100:xnack-" */
    const char *name;         /* "Fake GPU" */
    size_t misalignment;      /* added to every address of device memory: 0 */
    bool busy;                /* events are not done: false */
    float milliseconds;       /* between any two events: 1.5 */
    const char *fail_name;    /* every call of this entry point fails; NULL: none */
    uint64_t fail_call;       /* the call of this number, from 1, fails; 0: none */
    int fail_code;            /* with this number: 719 */

    /* Written by the driver. */
    uint64_t calls;     /* since fake_reset */
    const char *failed; /* the entry point that was last made to fail; NULL: none */
    uint64_t misuse;
    uint64_t live[FAKE_KIND_COUNT];
    uint64_t bytes; /* of live device memory */
    uint64_t initialised;
    uint64_t launches; /* of functions; add_one adds 1 to bytes, add_one(address, count) */
    uint64_t most_shared;
    int dynamic_shared; /* what the last function was set up for, bytes */
    bool overlap;       /* of the last launch with attributes */
    int cluster;
} fake_driver;

/* One state, whichever variant of the entry points is opened. */
extern fake_driver fake;

/* Everything back to its defaults; nothing may be alive. */
void fake_reset(void);

/* Lets calls from now on be counted from 1, and the nth fail (0: none). */
void fake_fail(uint64_t nth);

#endif
