/*
 * on_device.h: an operation of GPUs on the emulated device: a compute of it, and copies of what a
 * test has on the host, which are as large as that and not a byte larger.
 */
#ifndef RF_TESTS_KERNELS_GPU_ON_DEVICE_H
#define RF_TESTS_KERNELS_GPU_ON_DEVICE_H

#include "../pages.h"
#include "device/emu_support.h"

#include "kernels/gpu/emulated.h"
#include "kernels/gpu/gpu.h"

#define ON_DEVICE_BUFFERS 32

typedef struct on_device {
    rf_device *device;
    rf_compute compute;
    rf_address buffers[ON_DEVICE_BUFFERS];
    uint32_t n_buffers;
} on_device;

/* The device is one that cases share: emu_close_shared. Skips the test where the build has no
 * kernels. The workspace holds workspace_bytes behind the counters. */
static inline void device_open(on_device *on, const char *id, uint64_t workspace_bytes)
{
    rf_error error = {0};
    rf_device_facts facts;
    *on = (on_device){0};
    if (rf_gpu_emulated_require(id, &error) != RF_OK) {
        print_message("skipped: %s\n", error.message);
        skip();
    }
    on->device = emu_shared(id);
    EMU_OK(on->device, facts, &facts);
    on->compute.device = on->device;
    emu_expect_ok(rf_gpu_programs_open(on->device, &facts, &on->compute.programs, &error), &error);
    const uint64_t counters = RF_GPU_COUNTERS * sizeof(uint32_t);
    on->compute.workspace_bytes = counters + workspace_bytes;
    on->compute.workspace = emu_alloc(on->device, on->compute.workspace_bytes);
    EMU_OK(on->device, fill, NULL, on->compute.workspace, 0, counters);
}

static inline rf_address device_room(on_device *on, uint64_t bytes)
{
    assert_true(on->n_buffers < ON_DEVICE_BUFFERS);
    rf_address address = emu_alloc(on->device, bytes);
    on->buffers[on->n_buffers++] = address;
    return address;
}

static inline rf_address device_copy(on_device *on, const void *from, uint64_t bytes)
{
    rf_address address = device_room(on, bytes);
    emu_write(on->device, NULL, address, from, bytes);
    return address;
}

static inline void device_read(on_device *on, void *to, rf_address from, uint64_t bytes)
{
    emu_read(on->device, NULL, to, from, bytes);
}

static inline void device_forget(on_device *on)
{
    while (on->n_buffers)
        EMU_OK(on->device, free, on->buffers[--on->n_buffers]);
}

static inline void device_close(on_device *on)
{
    rf_error error = {0};
    device_forget(on);
    emu_expect_ok(rf_gpu_programs_close(on->compute.programs, &error), &error);
    EMU_OK(on->device, free, on->compute.workspace);
    emu_expect_nothing_live(on->device);
}

/* A tensor of a test, with its bytes on the device. */
static inline rf_tensor device_tensor(on_device *on, const rf_tensor *tensor, uint64_t bytes)
{
    rf_tensor copy = *tensor;
    copy.address = device_copy(on, (const void *)(uintptr_t)tensor->address, bytes);
    return copy;
}

/* A batch and its layer's pages. */
typedef struct device_batch {
    rf_kv_layer layer;
    rf_batch_view view;
} device_batch;

static inline device_batch device_pages(on_device *on, const paged_batch *batch,
                                        uint32_t n_sequences)
{
    device_batch out = {batch->layer, batch->view};
    const uint64_t n = batch->view.n_tokens * sizeof(int32_t);
    const uint64_t tables = (uint64_t)batch->view.table_stride * n_sequences * sizeof(int32_t);
    out.layer.keys = device_copy(on, batch->keys, batch->bytes);
    out.layer.values = device_copy(on, batch->values, batch->bytes);
    out.view.positions = device_copy(on, batch->positions, n);
    out.view.rows = device_copy(on, batch->rows, n);
    out.view.block_tables = device_copy(on, batch->tables, tables);
    return out;
}

#endif
