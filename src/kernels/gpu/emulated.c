/* emulated.c: the kernels of the emulated GPU, by its variant. */
#include "kernels/gpu/emulated.h"

#include <string.h>

#include "kernels/gpu/emulated_images.h"

bool rf_gpu_emulated_is(const char *architecture)
{
    return strncmp(architecture, "emu", 3) == 0;
}

static rf_status find(const char *architecture, const rf_emu_image **out, rf_error *error)
{
    const rf_gpu_emulated_entry *entry = rf_gpu_emulated_images;
    while (entry->architecture && strcmp(entry->architecture, architecture) != 0)
        entry++;
    if (!entry->architecture)
        return rf_error_set(error, RF_ERROR_UNSUPPORTED, "there is no emulated GPU '%.64s'",
                            architecture);
    if (entry->image.begin == entry->image.end)
        return rf_error_set(error, RF_ERROR_UNSUPPORTED,
                            "there are no kernels for %s in this build: it was made without "
                            "clang-19 (meson option gpu)",
                            architecture);
    *out = &entry->image;
    return RF_OK;
}

rf_status rf_gpu_emulated_require(const char *architecture, rf_error *error)
{
    const rf_emu_image *image = NULL;
    return find(architecture, &image, error);
}

rf_status rf_gpu_emulated_image(const char *architecture, rf_gpu_image *out, rf_error *error)
{
    const rf_emu_image *image = NULL;
    RF_TRY(find(architecture, &image, error));
    *out = (rf_gpu_image){.code = image, .bytes = sizeof(*image)};
    return RF_OK;
}
