/*
 * sysfs.c: reads the files of amdgpu and amdkfd (kernel documentation: gpu/amdgpu/driver-misc,
 * "Memory information"; drivers/gpu/drm/amd/amdkfd/kfd_topology.c for the topology).
 */
#include "device/gpu/sysfs.h"

#include <inttypes.h>
#include <stdio.h>

#include "device/text.h"

/* CPUs and GPUs of a machine are nodes, numbered from 0; the largest known have 8 and 64. */
#define TOPOLOGY_NODES_MAX 256

/* One number of a card's folder, such as mem_info_vram_total. */
static bool card_number(const char *root, const char *pci_address, const char *name, uint64_t *out)
{
    char text[RF_TEXT_BYTES];
    return rf_text_read(text, "%s/sys/bus/pci/devices/%s/%s", root, pci_address, name) &&
           rf_text_number(text, "", out);
}

static bool word(const char *root, const char *pci_address, const char *total, const char *used,
                 rf_memory_word *out)
{
    uint64_t n_total;
    uint64_t n_used;
    if (!card_number(root, pci_address, total, &n_total) ||
        !card_number(root, pci_address, used, &n_used))
        return false;
    *out = (rf_memory_word){.free = n_used < n_total ? n_total - n_used : 0, .total = n_total};
    return true;
}

bool rf_gpu_sysfs_memory(const char *root, const char *pci_address, rf_memory_word *vram,
                         rf_memory_word *gtt)
{
    return pci_address[0] &&
           word(root, pci_address, "mem_info_vram_total", "mem_info_vram_used", vram) &&
           word(root, pci_address, "mem_info_gtt_total", "mem_info_gtt_used", gtt);
}

bool rf_gpu_sysfs_module_version(const char *root, const char *module, char out[64])
{
    char text[RF_TEXT_BYTES];
    if (!rf_text_read(text, "%s/sys/module/%s/version", root, module))
        return false;
    int length = 0;
    while (length < 63 && text[length] > ' ' && text[length] <= '~')
        length++;
    if (length == 0)
        return false;
    snprintf(out, 64, "%.*s", length, text);
    return true;
}

/* gfx_target_version is major * 10000 + minor * 100 + stepping; the name has the last two in
 * hexadecimal: 90010 is gfx90a, 110501 gfx1151. */
static void name_architecture(uint64_t version, char out[64])
{
    snprintf(out, 64, "gfx%" PRIu64 "%" PRIx64 "%" PRIx64, version / 10000, version / 100 % 100,
             version % 100);
}

bool rf_gpu_sysfs_architecture(const char *root, const char *pci_address, char out[64])
{
    char text[RF_TEXT_BYTES];
    unsigned domain;
    unsigned bus;
    unsigned slot;
    unsigned function;
    if (sscanf(pci_address, "%x:%x:%x.%x", &domain, &bus, &slot, &function) != 4)
        return false;
    uint64_t location = bus << 8 | slot << 3 | function;
    for (unsigned i = 0; i < TOPOLOGY_NODES_MAX; i++) {
        uint64_t node_domain;
        uint64_t node_location;
        uint64_t version;
        if (rf_text_read(text, "%s/sys/class/kfd/kfd/topology/nodes/%u/properties", root, i) &&
            rf_text_number(text, "gfx_target_version ", &version) && version != 0 &&
            rf_text_number(text, "location_id ", &node_location) && node_location == location &&
            rf_text_number(text, "domain ", &node_domain) && node_domain == domain) {
            name_architecture(version, out);
            return true;
        }
    }
    return false;
}
