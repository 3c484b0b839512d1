/*
 * sysfs.h: what the amdgpu driver says of a card in /sys, apart from the HIP runtime. A card is
 * named by its PCI address ("0000:03:00.0"); root is put in front of the paths: "", but for tests.
 */
#ifndef RF_DEVICE_GPU_SYSFS_H
#define RF_DEVICE_GPU_SYSFS_H

#include <stdbool.h>

#include "device/device.h"

/* Video memory, and the host memory that the card may use (GTT). False where /sys does not say:
 * another vendor's card, or a container that hides it. */
bool rf_gpu_sysfs_memory(const char *root, const char *pci_address, rf_memory_word *vram,
                         rf_memory_word *gtt);

/* The version of a module of the kernel, such as "550.54.15"; false, and out untouched, where the
 * kernel does not say: modules of its own tree have none. */
bool rf_gpu_sysfs_module_version(const char *root, const char *module, char out[64]);

/* The card's architecture, such as "gfx90a"; false, and out untouched, where /sys does not say. */
bool rf_gpu_sysfs_architecture(const char *root, const char *pci_address, char out[64]);

#endif
