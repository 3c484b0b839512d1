/* probe_args.h: what the kernels of the tests are given. */
#ifndef RF_TESTS_KERNELS_GPU_PROBE_ARGS_H
#define RF_TESTS_KERNELS_GPU_PROBE_ARGS_H

#include <stdint.h>

struct probe_args {
    uint64_t out;
    uint64_t in;
    uint64_t counter;
    uint32_t n;
    uint32_t mode;
};

/* c = a * b^T, and what became of c as an a tile. */
struct probe_matrix_args {
    uint64_t a;      /* f16 [16][stride] */
    uint64_t b;      /* f16 [16][stride], or of `transposed` [16 k][stride] */
    uint64_t c;      /* f32 [16][16], added to */
    uint64_t turned; /* f32 [16][16]: c, rounded to f16, times the unit matrix */
    uint32_t stride;
    uint32_t transposed;
};

#endif
