/*
 * alloc.c: device memory and pinned memory of the CPU: anonymous mappings. The kernel gives their
 * pages, zeroed, when they are first touched, so a pool of weights costs nothing until it is
 * filled.
 *
 * The kernel would promise more than there is and kill the process later; so a request above the
 * memory that is free now is refused here, as a GPU's driver would.
 */
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/memory.h"
#include "device/cpu/cpu.h"

/* From here on huge pages are worth having: the size of one on x86-64. */
#define HUGE_PAGE_BYTES (2ULL << 20)

rf_status rf_cpu_memory(rf_device *device, rf_device_memory *out, rf_error *error)
{
    (void)device;
    return rf_cpu_host_memory("", out, error);
}

/* Maps `bytes` (whole pages) at a multiple of alignment; NULL, with errno set, on failure. What was
 * mapped too much to find an aligned place is unmapped again. */
static void *map_aligned(uint64_t bytes, uint64_t alignment, uint64_t page)
{
    uint64_t slack = alignment > page ? alignment - page : 0;
    uint64_t total;
    if (!rf_add(bytes, slack, &total) || rf_fault_fires(RF_FAULT_HOST_ALLOC)) {
        errno = ENOMEM;
        return NULL;
    }
    char *mapped = mmap(NULL, total, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED)
        return NULL;
    uint64_t lead = -(uint64_t)(uintptr_t)mapped & (alignment - 1);
    /* Unmapping the ends of a mapping of our own can only fail for want of a kernel structure, and
     * then leaves address space, not memory, behind. */
    if (lead)
        munmap(mapped, lead);
    if (slack - lead)
        munmap(mapped + lead + bytes, slack - lead);
    if (bytes >= HUGE_PAGE_BYTES)
        (void)madvise(mapped + lead, bytes, MADV_HUGEPAGE); /* advice: without it, it is slower */
    return mapped + lead;
}

static rf_status out_of_memory(uint64_t bytes, const rf_device_memory *memory, int code,
                               rf_error *error)
{
    return rf_error_set_code(error, RF_ERROR_DEVICE_MEMORY, code,
                             "device cpu: asked %" PRIu64 " bytes, free %" PRIu64 " (%s)", bytes,
                             memory->free, memory->source);
}

static rf_status allocate(rf_cpu_device *cpu, uint64_t bytes, uint64_t alignment, bool pinned,
                          void **out, rf_error *error)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t mapped;
    if (bytes == 0 || !rf_is_power_of_two(alignment))
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "device cpu: asked %" PRIu64 " bytes at alignment %" PRIu64, bytes,
                            alignment);
    if (!rf_align_up(bytes, page, &mapped))
        return rf_error_set(error, RF_ERROR_OVERFLOW,
                            "device cpu: asked %" PRIu64 " bytes: rounding up to %" PRIu64
                            " overflows",
                            bytes, page);
    rf_device_memory memory;
    RF_TRY(rf_cpu_memory(&cpu->base, &memory, error));
    if (bytes > memory.free)
        return out_of_memory(bytes, &memory, 0, error);
    rf_cpu_allocation *allocation = rf_calloc(1, sizeof(*allocation));
    if (!allocation)
        return rf_error_host_memory(error, "the record of a device allocation",
                                    sizeof(*allocation));
    void *address = map_aligned(mapped, alignment, page);
    if (!address) {
        rf_status status = out_of_memory(bytes, &memory, errno, error);
        rf_free(allocation);
        return status;
    }
    *allocation = (rf_cpu_allocation){.memory = address, .mapped = mapped, .pinned = pinned};
    pthread_mutex_lock(&cpu->lock);
    allocation->next = cpu->allocations;
    cpu->allocations = allocation;
    pthread_mutex_unlock(&cpu->lock);
    *out = address;
    return RF_OK;
}

/* Takes the record of an allocation out of the list; NULL where there is none. */
static rf_cpu_allocation *forget(rf_cpu_device *cpu, const void *memory, bool pinned)
{
    pthread_mutex_lock(&cpu->lock);
    rf_cpu_allocation **link = &cpu->allocations;
    while (*link && ((*link)->memory != memory || (*link)->pinned != pinned))
        link = &(*link)->next;
    rf_cpu_allocation *found = *link;
    if (found)
        *link = found->next;
    pthread_mutex_unlock(&cpu->lock);
    return found;
}

static rf_status release(rf_cpu_device *cpu, void *memory, bool pinned, rf_error *error)
{
    rf_cpu_allocation *allocation = forget(cpu, memory, pinned);
    if (!allocation)
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "device cpu: %s memory at 0x%" PRIx64 " is not allocated",
                            pinned ? "pinned" : "device", (uint64_t)(uintptr_t)memory);
    rf_status status = RF_OK;
    if (munmap(allocation->memory, allocation->mapped) != 0)
        status = rf_error_set_code(error, RF_ERROR_DEVICE, errno,
                                   "device cpu: cannot unmap %" PRIu64 " bytes at 0x%" PRIx64,
                                   allocation->mapped, (uint64_t)(uintptr_t)memory);
    rf_free(allocation);
    return status;
}

rf_status rf_cpu_alloc(rf_device *device, uint64_t bytes, uint64_t alignment, rf_address *out,
                       rf_error *error)
{
    void *memory = NULL;
    RF_TRY(allocate((rf_cpu_device *)device, bytes, alignment, false, &memory, error));
    *out = (uintptr_t)memory;
    return RF_OK;
}

rf_status rf_cpu_free(rf_device *device, rf_address address, rf_error *error)
{
    return release((rf_cpu_device *)device, (void *)(uintptr_t)address, false, error);
}

rf_status rf_cpu_pinned_alloc(rf_device *device, uint64_t bytes, void **out, rf_error *error)
{
    return allocate((rf_cpu_device *)device, bytes, 1, true, out, error);
}

rf_status rf_cpu_pinned_free(rf_device *device, void *memory, rf_error *error)
{
    return release((rf_cpu_device *)device, memory, true, error);
}

void rf_cpu_free_all(rf_cpu_device *cpu, rf_leaks *leaks)
{
    while (cpu->allocations) {
        rf_cpu_allocation *allocation = cpu->allocations;
        rf_leaks_add(leaks, &cpu->base, "%" PRIu64 " bytes of %s memory at 0x%" PRIx64,
                     allocation->mapped, allocation->pinned ? "pinned" : "device",
                     (uint64_t)(uintptr_t)allocation->memory);
        rf_error error;
        if (release(cpu, allocation->memory, allocation->pinned, &error) != RF_OK)
            rf_log(RF_LOG_WARNING, "%s", error.message);
    }
}
