/*
 * any_gpu.h: one of the devices that kernels run on, opened for a test, and its memory: the
 * emulated ones by default, or the one that the command line names.
 */
#ifndef RF_TESTS_KERNELS_ANY_GPU_H
#define RF_TESTS_KERNELS_ANY_GPU_H

#include "kernels/operations.h"

#include <stdlib.h>
#include <string.h>

#include "kernels/gpu/emulated.h"
#include "kernels/gpu/gpu.h"

static const char *only_device; /* NULL: all emulated ones */
static const char *const emulated[] = {"emu32",       "emu64",       "emu32-rdna3",
                                       "emu32-rdna4", "emu32-plain", "emu64-plain"};

typedef struct gpu {
    rf_compute compute;
    bool all_types; /* the build has kernels of every type for it */
    uint64_t bytes;
} gpu;

static void expect_ok(rf_status status, const rf_error *error)
{
    if (status != RF_OK)
        fail_msg("%s", error->message);
}

#define OK(g, op, ...)                                                                             \
    do {                                                                                           \
        rf_error e_ = {0};                                                                         \
        expect_ok((g)->compute.device->ops->op((g)->compute.device, __VA_ARGS__, &e_), &e_);       \
    } while (0)

static rf_address gpu_alloc(gpu *g, uint64_t bytes)
{
    rf_address address = 0;
    OK(g, alloc, bytes ? bytes : 1, 256, &address);
    return address;
}

static rf_address upload(gpu *g, const void *from, uint64_t bytes)
{
    rf_address to = gpu_alloc(g, bytes);
    OK(g, copy, g->compute.stream, RF_COPY_TO_DEVICE, to, address_of(from), bytes);
    OK(g, stream_sync, g->compute.stream);
    return to;
}

static void download(gpu *g, void *to, rf_address from, uint64_t bytes)
{
    OK(g, copy, g->compute.stream, RF_COPY_FROM_DEVICE, address_of(to), from, bytes);
    OK(g, stream_sync, g->compute.stream);
}

static void gpu_open(gpu *g, const char *id)
{
    rf_error error = {0};
    rf_device_facts facts;
    memset(g, 0, sizeof(*g));
    expect_ok(rf_device_open(id, &g->compute.device, &error), &error);
    OK(g, facts, &facts);
    expect_ok(rf_gpu_programs_open(g->compute.device, &facts, &g->compute.programs, &error),
              &error);
    OK(g, stream_create, &g->compute.stream);
    g->all_types = strchr(id, '-') == NULL;
}

static void gpu_close(gpu *g)
{
    rf_error error = {0};
    OK(g, stream_destroy, g->compute.stream);
    expect_ok(rf_gpu_programs_close(g->compute.programs, &error), &error);
    rf_device_close(g->compute.device, NULL);
}

static void for_all(void (*test)(gpu *g))
{
    for (size_t i = 0; i < (only_device ? 1 : sizeof(emulated) / sizeof(emulated[0])); i++) {
        gpu g;
        rf_error error = {0};
        const char *id = only_device ? only_device : emulated[i];
        if (!only_device && rf_gpu_emulated_require(id, &error) != RF_OK) {
            print_message("skipped: %s\n", error.message);
            skip();
        }
        gpu_open(&g, id);
        test(&g);
        gpu_close(&g);
    }
}

/* As src/kernels/gpu/meson.build builds kernels for the variants of matrix units. */
static bool has_type(const gpu *g, rf_type type)
{
    return g->all_types || type == RF_TYPE_F32 || type == RF_TYPE_F16 || type == RF_TYPE_Q8_0 ||
           type == RF_TYPE_Q4_K || type == RF_TYPE_Q6_K;
}

#endif
