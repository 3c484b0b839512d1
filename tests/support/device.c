/* device.c: finding the device that a test program is told to use. */
#include "support/device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device/device.h"
#include "kernels/gpu/images.h"

#define EXIT_SKIPPED 77 /* as Meson understands it */
#define EXIT_USAGE   2

static rf_status has_kernels(const rf_device_facts *facts, rf_error *error)
{
    return facts->unified ? RF_OK : rf_gpu_image_require(facts->info.architecture, error);
}

/* The best device, where that is a GPU; else *out stays NULL. */
static rf_status open_best(rf_device_judge judge, rf_device **out, rf_error *error)
{
    rf_device *best = NULL;
    rf_device_facts facts;
    RF_TRY(rf_device_open_best(judge, &best, error));
    rf_status status = best->ops->facts(best, &facts, error);
    if (status == RF_OK && !facts.unified)
        *out = best;
    else
        (void)rf_device_close(best, NULL); /* nothing is on it */
    return status;
}

/* Says why there is none: what both drivers say, or the first that does not work. */
static rf_status no_gpu(rf_error *error)
{
    static const char *const drivers[] = {"cuda", "hip"};
    rf_error why[2] = {0};
    for (size_t i = 0; i < 2; i++) {
        rf_device *device = NULL;
        rf_status status = rf_device_open(drivers[i], &device, &why[i]);
        (void)rf_device_close(device, NULL); /* it was plugged in just now, if there is one */
        if (status != RF_OK && status != RF_ERROR_NOT_FOUND) {
            *error = why[i];
            return status;
        }
    }
    return rf_error_set(error, RF_ERROR_NOT_FOUND, "there is no GPU here: %.250s; %.250s",
                        why[0].message, why[1].message);
}

/* One without kernels is the answer where no other has them: what it lacks is what to say. */
static rf_status open_gpu(rf_device **out, rf_error *error)
{
    RF_TRY(open_best(has_kernels, out, error));
    if (!*out)
        RF_TRY(open_best(NULL, out, error));
    return *out ? RF_OK : no_gpu(error);
}

static rf_status find(const char *wanted, device_need need, char id[RF_DEVICE_ID_BYTES],
                      rf_error *error)
{
    rf_device *device = NULL;
    rf_device_facts facts;
    if (strcmp(wanted, "gpu") == 0)
        RF_TRY(open_gpu(&device, error));
    else
        RF_TRY(rf_device_open(wanted, &device, error));
    memcpy(id, device->id, RF_DEVICE_ID_BYTES);
    rf_status status = device->ops->facts(device, &facts, error);
    if (status == RF_OK && need == DEVICE_COMPUTES) {
        status = has_kernels(&facts, error);
        if (status != RF_OK)
            status = rf_error_context(error, status, "device %s", id);
    }
    rf_status closed = rf_device_close(device, status == RF_OK ? error : NULL);
    return status == RF_OK ? closed : status;
}

int device_argument(int argc, char **argv, device_need need, const char **id)
{
    static char found[RF_DEVICE_ID_BYTES];
    rf_error error = {0};
    const char *wanted = NULL;
    for (int i = 1; i < argc; i += 2) {
        if (strcmp(argv[i], "--device") != 0 || i + 1 == argc) {
            printf("%s: no argument of this test; there is: --device ID\n", argv[i]);
            return EXIT_USAGE;
        }
        wanted = argv[i + 1]; /* the last one counts: the tests' own comes first */
    }
    if (!wanted)
        return 0;
    rf_status status = find(wanted, need, found, &error);
    if (status == RF_ERROR_NOT_FOUND || status == RF_ERROR_UNSUPPORTED) {
        printf("skipped: %s\n", error.message);
        return EXIT_SKIPPED;
    }
    if (status != RF_OK) {
        printf("%s\n", error.message);
        return EXIT_FAILURE;
    }
    *id = found;
    return 0;
}
