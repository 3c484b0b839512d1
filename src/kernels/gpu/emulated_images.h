/* emulated_images.h: the list of images of the emulated devices. */
#ifndef RF_KERNELS_GPU_EMULATED_IMAGES_H
#define RF_KERNELS_GPU_EMULATED_IMAGES_H

#include "device/emu/thread.h"

typedef struct rf_gpu_emulated_entry {
    const char *architecture; /* NULL behind the last one */
    rf_emu_image image;
} rf_gpu_emulated_entry;

extern const rf_gpu_emulated_entry rf_gpu_emulated_images[] __attribute__((visibility("hidden")));

#endif
