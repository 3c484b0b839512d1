/*
 * images.h: the compiled kernels that are part of the library: for AMD code objects, for NVIDIA
 * PTX, one a unit and architecture, compressed (zstd); for the emulated GPU the functions
 * themselves.
 */
#ifndef RF_KERNELS_GPU_IMAGES_H
#define RF_KERNELS_GPU_IMAGES_H

#include "base/error.h"

/* One unit's code for one architecture. */
typedef struct rf_gpu_image {
    const void *code;
    uint64_t bytes;
    void *owned; /* what rf_gpu_image_close frees; NULL where code is part of the program */
} rf_gpu_image;

/*
 * The code of a unit for a device's architecture ("gfx942", "sm_90", "emu32"), or for the nearest
 * one that such a device runs. choice: 0 for what suits it best, 1 for the next, and so on: a
 * driver may be too old for finished machine code and compile PTX all the same. Errors: NOT_FOUND
 * past the last choice; UNSUPPORTED where there is none at all, with the architectures that there
 * are; HOST_MEMORY; INTERNAL (it does not decompress).
 */
rf_status rf_gpu_image_open(const char *architecture, const char *unit, uint32_t choice,
                            rf_gpu_image *out, rf_error *error);
void rf_gpu_image_close(rf_gpu_image *image);

/* Whether there is any code for an architecture; the error of rf_gpu_image_open where not. */
rf_status rf_gpu_image_require(const char *architecture, rf_error *error);

/* The architecture whose code suits a device best, as the build names it ("sm_90:cubin",
 * "gfx11-generic"); an emulated device's own; NULL where there is none. */
const char *rf_gpu_image_target(const char *architecture);

/* ---- the table that the build makes (tools/pack_kernels.py) ---------------------------------- */

typedef struct rf_gpu_packed_image {
    const char *architecture; /* "gfx942", "sm_90" (PTX), "sm_90:cubin" (machine code) */
    const char *unit;
    uint64_t offset; /* in rf_gpu_packed_code */
    uint64_t packed_bytes;
    uint64_t bytes;
} rf_gpu_packed_image;

extern const rf_gpu_packed_image rf_gpu_packed_images[]; /* the last one has no unit */
extern const unsigned char rf_gpu_packed_code[];

#endif
