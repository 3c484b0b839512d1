/* emulated.h: the kernels of the emulated GPU, which are functions of this program. */
#ifndef RF_KERNELS_GPU_EMULATED_H
#define RF_KERNELS_GPU_EMULATED_H

#include "kernels/gpu/images.h"

/* Whether an architecture is one of the emulated device's. */
bool rf_gpu_emulated_is(const char *architecture);
/* RF_ERROR_UNSUPPORTED where the build has no kernels for it, or there is no such one. */
rf_status rf_gpu_emulated_require(const char *architecture, rf_error *error);
/* All its kernels in one image, whatever the unit. */
rf_status rf_gpu_emulated_image(const char *architecture, rf_gpu_image *out, rf_error *error);

#endif
