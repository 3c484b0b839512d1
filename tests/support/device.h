/*
 * device.h: the device that a test program runs on, where its command line names one: --device ID,
 * as the command takes it, or --device gpu, which is the best GPU of this machine.
 */
#ifndef RF_TESTS_SUPPORT_DEVICE_H
#define RF_TESTS_SUPPORT_DEVICE_H

#include "rocmforge.h"

/* What a program needs of the device. */
typedef enum device_need {
    DEVICE_OPENS,    /* it is there and its driver works */
    DEVICE_COMPUTES, /* and this build has kernels for it */
} device_need;

/*
 * Reads the arguments. *id: the id of the device that is named, "gpu" resolved, to keep for good;
 * untouched where none is. Returns 0, or what main returns at once: nothing in the program runs,
 * not even what needs no device, and it counts as skipped where this machine has no such device or
 * the build no kernels for it, which is said; as failed where the arguments are others or a driver
 * does not work.
 */
int device_argument(int argc, char **argv, device_need need, const char **id);

#endif
