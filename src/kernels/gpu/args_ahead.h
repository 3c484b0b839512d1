/*
 * args_ahead.h: weights of the next product that a kernel brings closer when it has read its own:
 * the beginnings of what the next kernel's blocks have, while the memory would have nothing to do.
 */
#ifndef RF_KERNELS_GPU_ARGS_AHEAD_H
#define RF_KERNELS_GPU_ARGS_AHEAD_H

#include <stdint.h>

#define RF_GPU_AHEAD_PARTS 3

struct rf_gpu_ahead {
    struct {
        uint64_t start;  /* all of these are multiples of 16 */
        uint64_t stride; /* from one piece to the next */
        uint32_t bytes;  /* of a piece */
        uint32_t count;  /* pieces; 0: no such part */
    } parts[RF_GPU_AHEAD_PARTS];
};

#endif
