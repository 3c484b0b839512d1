/*
 * emulated_images.c: where this program's kernels for each emulated device are: sections that the
 * linker gives a start and an end (ld's manual, "Output Section Data"), none where no kernel is in
 * one.
 *
 * It becomes one object with the compiled kernels (meson.build), so that who wants this list is
 * linked with them all.
 */
#include "kernels/gpu/emulated_images.h"

#include <stddef.h>

#define SECTION(name)                                                                              \
    extern const rf_emu_kernel *const __start_##name[]                                             \
        __attribute__((weak, visibility("hidden")));                                               \
    extern const rf_emu_kernel *const __stop_##name[] __attribute__((weak, visibility("hidden")));

SECTION(rf_emu32)
SECTION(rf_emu64)
SECTION(rf_emu32_rdna3)
SECTION(rf_emu32_rdna4)
SECTION(rf_emu32_plain)
SECTION(rf_emu64_plain)

#define IMAGE(id, warp, name)                                                                      \
    {                                                                                              \
        id,                                                                                        \
        {                                                                                          \
            .magic = RF_EMU_IMAGE_MAGIC, .warp_size = (warp), .begin = __start_##name,             \
            .end = __stop_##name                                                                   \
        }                                                                                          \
    }

const rf_gpu_emulated_entry rf_gpu_emulated_images[] = {
    IMAGE("emu32", 32, rf_emu32),
    IMAGE("emu64", 64, rf_emu64),
    IMAGE("emu32-rdna3", 32, rf_emu32_rdna3),
    IMAGE("emu32-rdna4", 32, rf_emu32_rdna4),
    IMAGE("emu32-plain", 32, rf_emu32_plain),
    IMAGE("emu64-plain", 64, rf_emu64_plain),
    {NULL, {0}},
};
