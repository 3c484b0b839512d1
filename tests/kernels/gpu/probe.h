/* probe.h: an emulated device with the kernels of the tests on it. */
#ifndef RF_TESTS_KERNELS_GPU_PROBE_H
#define RF_TESTS_KERNELS_GPU_PROBE_H

#include "device/emu_support.h"

#include "kernels/gpu/emulated.h"
#include "kernels/gpu/probe_args.h"

static const char *const probe_variants[] = {"emu32",       "emu64",       "emu32-rdna3",
                                             "emu32-rdna4", "emu32-plain", "emu64-plain"};
#define PROBE_VARIANTS (sizeof(probe_variants) / sizeof(probe_variants[0]))

typedef struct probe {
    rf_device *device;
    rf_module *module;
    uint32_t warp;
} probe;

/* Skips the test where the build has no kernels. */
static inline probe probe_open(const char *id)
{
    probe p = {0};
    rf_error error = {0};
    rf_gpu_image image = {0};
    rf_device_facts facts;
    if (rf_gpu_emulated_require(id, &error) != RF_OK) {
        print_message("skipped: %s\n", error.message);
        skip();
    }
    expect_ok(rf_emu_open_id(id, &p.device, &error), &error);
    expect_ok(rf_gpu_emulated_image(id, &image, &error), &error);
    EMU_OK(p.device, module_load, image.code, image.bytes, &p.module);
    EMU_OK(p.device, facts, &facts);
    p.warp = facts.info.warp_size;
    return p;
}

static inline void probe_close(probe *p)
{
    EMU_OK(p->device, module_unload, p->module);
    emu_expect_nothing_live(p->device);
    assert_int_equal(p->device->ops->close(p->device, NULL), RF_OK);
}

static inline rf_function *probe_function(const probe *p, const char *name)
{
    rf_function *function = NULL;
    EMU_OK(p->device, module_function, p->module, name, &function);
    return function;
}

/* Puts a kernel on a stream. */
static inline rf_status probe_launch(const probe *p, rf_stream *stream, const char *name,
                                     uint32_t blocks, uint32_t threads, uint32_t shared,
                                     const void *args, rf_error *error)
{
    void *arguments[] = {(void *)(uintptr_t)args};
    rf_launch launch = {.blocks = {blocks, 1, 1},
                        .threads = {threads, 1, 1},
                        .shared_bytes = shared,
                        .arguments = arguments,
                        .n_arguments = 1};
    return p->device->ops->launch(p->device, stream, probe_function(p, name), &launch, error);
}

#define PROBE_LAUNCH(p, stream, name, blocks, threads, shared, args)                               \
    do {                                                                                           \
        rf_error probe_error_ = {0};                                                               \
        expect_ok(probe_launch(p, stream, name, blocks, threads, shared, args, &probe_error_),     \
                  &probe_error_);                                                                  \
    } while (0)

/* Launches on the default stream and waits, which has to succeed. */
#define PROBE_RUN(p, name, blocks, threads, shared, args)                                          \
    do {                                                                                           \
        PROBE_LAUNCH(p, NULL, name, blocks, threads, shared, args);                                \
        EMU_OK((p)->device, sync);                                                                 \
    } while (0)

/* The same; waiting has to fail, with this text in its message. */
#define PROBE_FAILS(p, text, name, blocks, threads, shared, args)                                  \
    do {                                                                                           \
        PROBE_LAUNCH(p, NULL, name, blocks, threads, shared, args);                                \
        EMU_FAILS((p)->device, RF_ERROR_DEVICE, text, sync);                                       \
    } while (0)

#endif
