/*
 * on_gpu.h: the GPUs that a test program runs operations on, and copies of what it has on the host,
 * which are as large as that and not a byte larger.
 *
 * They are the emulated ones, or the one that the command line names: --device ID. All cases of a
 * program share what is opened: an emulated GPU spends more time on making the stacks of its
 * threads than on most cases, and a card on loading code.
 */
#ifndef RF_TESTS_KERNELS_GPU_ON_GPU_H
#define RF_TESTS_KERNELS_GPU_ON_GPU_H

#include "../operations.h"

#include <string.h>

#include "../pages.h"
#include "device/emu_support.h"
#include "kernels/gpu/emulated.h"
#include "kernels/gpu/gpu.h"
#include "support/device.h"

#define GPU_BUFFERS 32

typedef struct gpu {
    rf_device *device; /* NULL: not opened yet */
    const char *id;
    bool emulated;
    bool variant; /* emulated, with other matrix units; the build has few types for it */
    const rf_gpu_traits *traits;
    rf_compute compute; /* on a stream of its own */
    rf_address buffers[GPU_BUFFERS];
    uint32_t n_buffers;
} gpu;

/* Calls an operation of a GPU's device, which has to succeed. */
#define GPU_OK(g, operation, ...) EMU_OK((g)->device, operation, ##__VA_ARGS__)

/* ---- which ----------------------------------------------------------------------------------- */

/* What kernels are compiled for: the first two for each size of warps, which is all that tells
 * kernels apart that have no products by matrix units; all of them for every kind of these. */
#define GPU_WARPS 2
#define GPU_KINDS 6
static inline gpu *gpu_emulated(size_t i)
{
    static gpu all[GPU_KINDS] = {{.id = "emu32"},       {.id = "emu64"},
                                 {.id = "emu32-rdna3"}, {.id = "emu32-rdna4"},
                                 {.id = "emu32-plain"}, {.id = "emu64-plain"}};
    return &all[i];
}

/* The one that the command line names, which has no id where there is none. */
static inline gpu *gpu_named(void)
{
    static gpu named;
    return &named;
}

/* Reads the arguments of main. What is not 0 main returns at once. */
static inline int gpu_arguments(int argc, char **argv)
{
    return device_argument(argc, argv, DEVICE_COMPUTES, &gpu_named()->id);
}

/* Skips what would take an emulated GPU minutes, or has kernels that none can run. */
static inline void gpu_needs_card(void)
{
    const char *id = gpu_named()->id;
    if (id && !rf_gpu_emulated_is(id))
        return;
    print_message("skipped: %s\n",
                  id ? "the GPU is emulated" : "no GPU was named, as in --device cuda");
    skip();
}

/* As src/kernels/gpu/meson.build builds kernels for the variants of matrix units. */
static inline bool gpu_has_type(const gpu *g, rf_type type)
{
    return !g->variant || type == RF_TYPE_F32 || type == RF_TYPE_F16 || type == RF_TYPE_Q8_0 ||
           type == RF_TYPE_Q4_K || type == RF_TYPE_Q6_K;
}

/* ---- memory ---------------------------------------------------------------------------------- */

static inline rf_address gpu_alloc(gpu *g, uint64_t bytes)
{
    rf_address address = 0;
    GPU_OK(g, alloc, bytes ? bytes : 1, 256, &address);
    return address;
}

/* A place for one more buffer, which gpu_forget gives back. */
static inline rf_address *gpu_buffer(gpu *g)
{
    assert_true(g->n_buffers < GPU_BUFFERS);
    return &g->buffers[g->n_buffers++];
}

/* Holds what is no sensible number: emulated GPUs see to that themselves, and on a card the right
 * results of another case might lie there. */
static inline rf_address gpu_room(gpu *g, uint64_t bytes)
{
    const rf_address address = gpu_alloc(g, bytes);
    *gpu_buffer(g) = address;
    if (!g->emulated)
        GPU_OK(g, fill, g->compute.stream, address, RF_EMU_FRESH, bytes ? bytes : 1);
    return address;
}

static inline void gpu_sync(gpu *g)
{
    GPU_OK(g, stream_sync, g->compute.stream);
}

static inline void gpu_write(gpu *g, rf_address to, const void *from, uint64_t bytes)
{
    GPU_OK(g, copy, g->compute.stream, RF_COPY_TO_DEVICE, to, address_of(from), bytes);
    gpu_sync(g);
}

/* What was launched before is done. */
static inline void gpu_read(gpu *g, void *to, rf_address from, uint64_t bytes)
{
    GPU_OK(g, copy, g->compute.stream, RF_COPY_FROM_DEVICE, address_of(to), from, bytes);
    gpu_sync(g);
}

static inline rf_address gpu_copy(gpu *g, const void *from, uint64_t bytes)
{
    const rf_address address = gpu_alloc(g, bytes);
    *gpu_buffer(g) = address;
    gpu_write(g, address, from, bytes);
    return address;
}

/* Gives back all of them. */
static inline void gpu_forget(gpu *g)
{
    while (g->n_buffers)
        GPU_OK(g, free, g->buffers[--g->n_buffers]);
}

/* The counters, and so many bytes behind them; until the end of a case. */
static inline void gpu_workspace(gpu *g, uint64_t bytes)
{
    const uint64_t counters = RF_GPU_COUNTERS * sizeof(uint32_t);
    g->compute.workspace_bytes = counters + bytes;
    g->compute.workspace = gpu_alloc(g, g->compute.workspace_bytes);
    GPU_OK(g, fill, g->compute.stream, g->compute.workspace, 0, counters);
}

static inline void gpu_forget_all(gpu *g)
{
    gpu_forget(g);
    if (g->compute.workspace)
        GPU_OK(g, free, g->compute.workspace);
    g->compute.workspace = 0;
    g->compute.workspace_bytes = 0;
}

/* A tensor of a test, with its bytes on the device. */
static inline rf_tensor gpu_tensor(gpu *g, const rf_tensor *tensor, uint64_t bytes)
{
    rf_tensor copy = *tensor;
    copy.address = gpu_copy(g, (const void *)(uintptr_t)tensor->address, bytes);
    return copy;
}

/* A batch and its layer's pages. */
typedef struct gpu_batch {
    rf_kv_layer layer;
    rf_batch_view view;
} gpu_batch;

static inline gpu_batch gpu_pages(gpu *g, const paged_batch *batch, uint32_t n_sequences)
{
    gpu_batch out = {batch->layer, batch->view};
    const uint64_t n = batch->view.n_tokens * sizeof(int32_t);
    const uint64_t tables = (uint64_t)batch->view.table_stride * n_sequences * sizeof(int32_t);
    out.layer.keys = gpu_copy(g, batch->keys, batch->bytes);
    out.layer.values = gpu_copy(g, batch->values, batch->bytes);
    out.view.positions = gpu_copy(g, batch->positions, n);
    out.view.rows = gpu_copy(g, batch->rows, n);
    out.view.block_tables = gpu_copy(g, batch->tables, tables);
    return out;
}

/* ---- opening and closing --------------------------------------------------------------------- */

static inline void gpu_start(gpu *g)
{
    rf_error error = {0};
    rf_device_facts facts;
    expect_ok(rf_device_open(g->id, &g->device, &error), &error);
    GPU_OK(g, facts, &facts);
    g->compute.device = g->device;
    g->emulated = rf_gpu_emulated_is(facts.info.architecture);
    g->variant = g->emulated && strchr(g->id, '-');
    expect_ok(rf_gpu_programs_open(g->device, &facts, &g->compute.programs, &error), &error);
    g->traits = rf_gpu_traits_of(g->compute.programs);
    GPU_OK(g, stream_create, &g->compute.stream);
}

/* For one case. Skips the test where the build has no kernels for the emulated GPUs. */
static inline void gpu_open(gpu *g)
{
    rf_error error = {0};
    if (g != gpu_named() && rf_gpu_emulated_require(g->id, &error) != RF_OK) {
        print_message("skipped: %s\n", error.message);
        skip();
    }
    if (!g->device)
        gpu_start(g);
    /* A case that failed may have left work, whose failure was told, and buffers. */
    (void)g->device->ops->stream_sync(g->device, g->compute.stream, NULL);
    gpu_forget_all(g);
    if (g->emulated)
        rf_emu_set_schedule(g->device, RF_EMU_EAGER, 0);
}

/* What a case launched last fails here, not in the next. */
static inline void gpu_close(gpu *g)
{
    gpu_sync(g);
    gpu_forget_all(g);
    if (g->emulated)
        assert_int_equal(rf_emu_count_live(g->device).allocations, 0);
}

static inline void gpu_stop(gpu *g)
{
    rf_error error = {0};
    if (!g->device)
        return;
    gpu_forget_all(g);
    GPU_OK(g, stream_destroy, g->compute.stream);
    expect_ok(rf_gpu_programs_close(g->compute.programs, &error), &error);
    if (g->emulated)
        emu_expect_nothing_live(g->device);
    expect_ok(rf_device_close(g->device, &error), &error); /* names what nobody gave back */
    *g = (gpu){.id = g->id};
}

/* The group's teardown in every program. */
static inline int gpu_stop_all(void **state)
{
    (void)state;
    gpu_stop(gpu_named());
    for (size_t i = 0; i < GPU_KINDS; i++)
        gpu_stop(gpu_emulated(i));
    return 0;
}

/* ---- cases ----------------------------------------------------------------------------------- */

static inline void gpu_for(gpu *g, void (*test)(gpu *g))
{
    gpu_open(g);
    test(g);
    gpu_close(g);
}

static inline void gpu_for_first(size_t n, void (*test)(gpu *g))
{
    if (gpu_named()->id) {
        gpu_for(gpu_named(), test);
        return;
    }
    for (size_t i = 0; i < n; i++)
        gpu_for(gpu_emulated(i), test);
}

/* What any GPU shows; what the size of warps may change; what matrix units may. */
static inline void on_any_gpu(void (*test)(gpu *g))
{
    gpu_for_first(1, test);
}
static inline void on_every_warp(void (*test)(gpu *g))
{
    gpu_for_first(GPU_WARPS, test);
}
static inline void on_every_gpu(void (*test)(gpu *g))
{
    gpu_for_first(GPU_KINDS, test);
}

#endif
