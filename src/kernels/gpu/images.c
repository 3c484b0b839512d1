/* images.c: finding the code for a device, and decompressing it. */
#include "kernels/gpu/images.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "kernels/gpu/emulated.h"

/* The generic targets that run on several processors ("Generic processors" in LLVM's AMDGPU usage
 * document). gfx908 and later CDNA are not of gfx9-generic's kind of matrix unit, but run its code.
 */
static const struct {
    const char *prefix;
    const char *generic;
} generics[] = {
    {"gfx9", "gfx9-generic"},
    {"gfx103", "gfx10-3-generic"},
    {"gfx11", "gfx11-generic"},
    {"gfx12", "gfx12-generic"},
};

/* Of "sm_90" 90, of "sm_90a" too; 0 of anything else. */
static long sm_number(const char *architecture)
{
    return strncmp(architecture, "sm_", 3) == 0 ? strtol(architecture + 3, NULL, 10) : 0;
}

/*
 * How well code for `built` suits a device: 0 not at all, the more the better. NVIDIA: machine code
 * runs on its own architecture, PTX on that and on later ones; either with an "a" only on its own.
 * AMD: the processor, less what follows a colon (features), or its generic target.
 */
static unsigned suits(const char *device, const char *built)
{
    enum { GENERIC = 1, EXACT = 1000, MACHINE_CODE = 2000 };
    long ours = sm_number(built);
    size_t length = strcspn(built, ":");
    if (ours) {
        long theirs = sm_number(device);
        if (built[length])
            return theirs == ours ? MACHINE_CODE : 0;
        if (built[length - 1] == 'a')
            return theirs == ours ? EXACT : 0;
        return theirs >= ours ? (unsigned)ours : 0;
    }
    if (length == strcspn(device, ":") && memcmp(built, device, length) == 0)
        return EXACT;
    for (size_t i = 0; i < sizeof(generics) / sizeof(generics[0]); i++) {
        if (strncmp(device, generics[i].prefix, strlen(generics[i].prefix)) == 0 &&
            strcmp(built, generics[i].generic) == 0)
            return GENERIC;
    }
    return 0;
}

/* The code for a unit (NULL: any) that suits best, of what suits less than `below`. */
static const rf_gpu_packed_image *find(const char *architecture, const char *unit, unsigned *below)
{
    const rf_gpu_packed_image *best = NULL;
    unsigned best_suits = 0;
    for (const rf_gpu_packed_image *image = rf_gpu_packed_images; image->unit; image++) {
        unsigned how = suits(architecture, image->architecture);
        if (how > best_suits && how < *below && (!unit || strcmp(image->unit, unit) == 0)) {
            best = image;
            best_suits = how;
        }
    }
    *below = best_suits;
    return best;
}

static rf_status none(const char *architecture, rf_error *error)
{
    rf_buffer names = {0};
    rf_status status = RF_OK;
    const char *last = "";
    for (const rf_gpu_packed_image *image = rf_gpu_packed_images; status == RF_OK && image->unit;
         image++) {
        if (strcmp(image->architecture, last) != 0) /* they are sorted by it */
            status = rf_buffer_format(&names, error, "%s%s", names.length ? ", " : "",
                                      image->architecture);
        last = image->architecture;
    }
    if (status == RF_OK)
        status = rf_error_set(error, RF_ERROR_UNSUPPORTED,
                              "there are no kernels for %s in this build; there are for: %.*s "
                              "(rebuild with -Dgpu_targets=native or all)",
                              architecture, (int)(names.length < 256 ? names.length : 256),
                              names.length ? names.data : "none");
    rf_buffer_free(&names);
    return status;
}

rf_status rf_gpu_image_require(const char *architecture, rf_error *error)
{
    if (rf_gpu_emulated_is(architecture))
        return rf_gpu_emulated_require(architecture, error);
    unsigned below = UINT_MAX;
    return find(architecture, NULL, &below) ? RF_OK : none(architecture, error);
}

const char *rf_gpu_image_target(const char *architecture)
{
    unsigned below = UINT_MAX;
    if (rf_gpu_image_require(architecture, NULL) != RF_OK)
        return NULL;
    if (rf_gpu_emulated_is(architecture))
        return architecture;
    return find(architecture, NULL, &below)->architecture;
}

static rf_status unpack(const rf_gpu_packed_image *image, rf_gpu_image *out, rf_error *error)
{
    void *code = rf_calloc(1, image->bytes);
    if (!code)
        return rf_error_host_memory(error, "a kernel's code", image->bytes);
    size_t bytes = ZSTD_decompress(code, image->bytes, rf_gpu_packed_code + image->offset,
                                   image->packed_bytes);
    if (ZSTD_isError(bytes) || bytes != image->bytes) {
        rf_free(code);
        return rf_error_set(error, RF_ERROR_INTERNAL,
                            "the code of unit %s for %s cannot be decompressed: %s", image->unit,
                            image->architecture,
                            ZSTD_isError(bytes) ? ZSTD_getErrorName(bytes) : "its size differs");
    }
    *out = (rf_gpu_image){.code = code, .bytes = bytes, .owned = code};
    return RF_OK;
}

rf_status rf_gpu_image_open(const char *architecture, const char *unit, uint32_t choice,
                            rf_gpu_image *out, rf_error *error)
{
    if (rf_gpu_emulated_is(architecture) && choice == 0)
        return rf_gpu_emulated_image(architecture, out, error);
    RF_TRY(rf_gpu_image_require(architecture, error));
    const rf_gpu_packed_image *image = NULL;
    unsigned below = UINT_MAX;
    for (uint32_t i = 0; i <= choice && (i == 0 || image); i++)
        image = find(architecture, unit, &below);
    if (image)
        return unpack(image, out, error);
    return rf_error_set(error, RF_ERROR_NOT_FOUND, "there is no %sunit %s for %s in this build",
                        choice ? "other " : "", unit, architecture);
}

void rf_gpu_image_close(rf_gpu_image *image)
{
    rf_free(image->owned);
    *image = (rf_gpu_image){0};
}
