/*
 * memory.c: how much memory a GPU has and has free, in the words of all who know, and which of them
 * to believe.
 *
 * A HIP driver counts what it gave out itself; what the desktop and other programs use is known to
 * the kernel, which says so in /sys. So the smaller figure of the two is what there is. An APU has
 * a small part of the host's memory set aside as video memory and may use more of it through GTT;
 * drivers differ by version in whether they count that. Here it is counted, as far as the host has
 * it free.
 */
#include <stdio.h>

#include "base/checked.h"
#include "device/cpu/cpu.h"
#include "device/gpu/gpu.h"
#include "device/gpu/sysfs.h"

/* What the kernel's figures come to for this kind of card. */
static rf_memory_word add_up(const rf_gpu_device *gpu, const rf_device_memory *memory)
{
    rf_memory_word sum = memory->vram;
    rf_memory_word gtt = memory->gtt;
    rf_device_memory host;
    if (!gpu->integrated)
        return sum;
    if (rf_cpu_host_memory(gpu->root, &host, NULL) == RF_OK && host.free < gtt.free)
        gtt.free = host.free;
    if (!rf_add(sum.free, gtt.free, &sum.free) || !rf_add(sum.total, gtt.total, &sum.total))
        return memory->vram;
    return sum;
}

rf_status rf_gpu_memory(rf_device *device, rf_device_memory *out, rf_error *error)
{
    const rf_gpu_device *gpu = (const rf_gpu_device *)device;
    size_t available = 0;
    size_t total = 0;
    RF_TRY(rf_gpu_enter(gpu, error));
    RF_TRY(rf_gpu_check(gpu, gpu->driver->memory_info(gpu->f, &available, &total), error,
                        "ask for free memory"));
    rf_device_memory memory = {
        .free = available < total ? available : total,
        .total = total,
        .source = "driver",
    };
    memory.driver = (rf_memory_word){.free = memory.free, .total = total};
    if (rf_gpu_sysfs_memory(gpu->root, gpu->pci_address, &memory.vram, &memory.gtt)) {
        rf_memory_word kernel = add_up(gpu, &memory);
        if (kernel.free < memory.free) {
            memory.free = kernel.free;
            memory.total = kernel.total;
            snprintf(memory.source, sizeof(memory.source), "sysfs");
        }
    }
    *out = memory;
    return RF_OK;
}
