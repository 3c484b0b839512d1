/* alloc.c: memory of an emulated device, and pinned memory: what is live, and what lies where. */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

#include "base/checked.h"
#include "base/log.h"
#include "base/memory.h"
#include "device/emu/internal.h"

/* Left free between allocations, so that an address beside one is in none. */
#define GAP_BYTES (1U << 20)

/* ---- addresses ------------------------------------------------------------------------------ */

/* The next address that is a multiple of the alignment, and of no higher power of two: then nobody
 * gets used to more than was asked. False where the addresses are used up. */
static bool choose_address(emu_device *emu, uint64_t bytes, uint64_t alignment, uint64_t *out)
{
    uint64_t step = alignment < EMU_ALIGNMENT ? EMU_ALIGNMENT : alignment;
    uint64_t address;
    uint64_t end;
    if (step > EMU_ADDRESS_END / 2 || !rf_align_up(emu->next_address, 2 * step, &address) ||
        !rf_add(address, step, &address) || !rf_add(address, bytes, &end) ||
        !rf_add(end, GAP_BYTES, &end) || end > EMU_ADDRESS_END)
        return false;
    emu->next_address = end;
    *out = address;
    return true;
}

static bool contains(const emu_allocation *allocation, uint64_t address, uint64_t bytes)
{
    return address >= allocation->address &&
           rf_range_inside(address - allocation->address, bytes, allocation->bytes);
}

/* Whether any byte lies in both. The sums were checked, each when it was made. */
static bool overlaps(const emu_allocation *allocation, uint64_t address, uint64_t bytes)
{
    return address < allocation->address + allocation->bytes &&
           allocation->address < address + bytes;
}

/* The live allocation that has any of the bytes; NULL where there is none. */
static emu_allocation *find(const emu_device *emu, uint64_t address, uint64_t bytes, bool pinned)
{
    emu_allocation *a = emu->allocations;
    while (a && (a->pinned != pinned || !overlaps(a, address, bytes)))
        a = a->next;
    return a;
}

#define NAME_FORMAT "device %s: %s %" PRIu64 " (%" PRIu64 " bytes at 0x%" PRIx64 ")"
#define NAME_ARGS(emu, a)                                                                          \
    (emu)->base.id, (a)->pinned ? "pinned allocation" : "allocation", (a)->serial, (a)->bytes,     \
        (a)->address

static rf_status leaves(const emu_device *emu, const emu_allocation *a, uint64_t address,
                        uint64_t bytes, rf_error *error)
{
    return rf_error_set(error, RF_ERROR_RANGE,
                        NAME_FORMAT ": %" PRIu64 " bytes at 0x%" PRIx64 " are not inside it",
                        NAME_ARGS(emu, a), bytes, address);
}

rf_status rf_emu_device_end(const emu_device *emu, rf_address address, uint64_t bytes, emu_end *out,
                            rf_error *error)
{
    uint64_t end;
    emu_allocation *a = rf_add(address, bytes, &end) ? find(emu, address, bytes, false) : NULL;
    if (!a)
        return rf_error_set(error, RF_ERROR_RANGE,
                            "device %s: %" PRIu64 " bytes at 0x%" PRIx64
                            " are in no allocation: there never was one, or it was freed",
                            emu->base.id, bytes, address);
    if (!contains(a, address, bytes))
        return leaves(emu, a, address, bytes, error);
    *out = (emu_end){.allocation = a, .bytes = a->backing.payload + (address - a->address)};
    return RF_OK;
}

rf_status rf_emu_host_end(const emu_device *emu, rf_address address, uint64_t bytes, emu_end *out,
                          rf_error *error)
{
    uint64_t end;
    if (address == 0 || !rf_add(address, bytes, &end) || end > EMU_ADDRESS_BEGIN)
        return rf_error_set(error, RF_ERROR_RANGE,
                            "device %s: %" PRIu64 " bytes at 0x%" PRIx64
                            " are not in the memory of the host",
                            emu->base.id, bytes, address);
    emu_allocation *a = find(emu, address, bytes, true);
    if (a && !contains(a, address, bytes))
        return leaves(emu, a, address, bytes, error);
    *out = (emu_end){.allocation = a, .bytes = (uint8_t *)(uintptr_t)address};
    return RF_OK;
}

void *rf_emu_host_pointer(rf_device *device, rf_address address)
{
    emu_device *emu = (emu_device *)device;
    emu_end end = {0};
    pthread_mutex_lock(&emu->lock);
    rf_status status = rf_emu_device_end(emu, address, 1, &end, NULL);
    pthread_mutex_unlock(&emu->lock);
    return status == RF_OK ? end.bytes : NULL;
}

emu_allocation *rf_emu_find(const emu_device *emu, uint64_t address)
{
    emu_allocation *a = find(emu, address, 1, false);
    return a ? a : find(emu, address, 1, true);
}

/* ---- guards --------------------------------------------------------------------------------- */

rf_status rf_emu_check_guard(const emu_device *emu, const emu_allocation *a, rf_error *error)
{
    bool behind = false;
    uint64_t distance = 0;
    if (rf_emu_guards_check(&a->backing, &behind, &distance))
        return RF_OK;
    return rf_error_set(error, RF_ERROR_DEVICE, NAME_FORMAT ": byte %" PRIu64 " %s was overwritten",
                        NAME_ARGS(emu, a), distance,
                        behind ? "behind its end" : "before its start");
}

rf_status rf_emu_check_guards(const emu_device *emu, rf_error *error)
{
    for (const emu_allocation *a = emu->allocations; a; a = a->next)
        RF_TRY(rf_emu_check_guard(emu, a, error));
    return RF_OK;
}

/* ---- allocating ----------------------------------------------------------------------------- */

static uint64_t free_bytes(const emu_device *emu)
{
    return emu->charged < emu->total ? emu->total - emu->charged : 0;
}

rf_status rf_emu_memory(rf_device *device, rf_device_memory *out, rf_error *error)
{
    (void)error;
    emu_device *emu = (emu_device *)device;
    rf_device_memory memory = {.source = "emulated"};
    pthread_mutex_lock(&emu->lock);
    memory.total = emu->total;
    memory.free = free_bytes(emu);
    pthread_mutex_unlock(&emu->lock);
    *out = memory;
    return RF_OK;
}

/* Maps a record's memory and makes it live. The lock is held. */
static rf_status go_live(emu_device *emu, emu_allocation *a, rf_error *error)
{
    rf_status status = rf_emu_backing_map(emu->pattern, a->bytes, &a->backing, error);
    if (status != RF_OK)
        return rf_error_context(error, status, "device %s", emu->base.id);
    if (a->pinned)
        a->address = (uintptr_t)a->backing.payload;
    a->references = 1;
    a->serial = ++emu->last_serial;
    a->next = emu->allocations;
    emu->allocations = a;
    emu->charged += a->charged;
    *(a->pinned ? &emu->live.pinned : &emu->live.allocations) += 1;
    *(a->pinned ? &emu->live.pinned_bytes : &emu->live.bytes) += a->bytes;
    return RF_OK;
}

/* Chooses what only device memory has. The lock is held. */
static rf_status claim(emu_device *emu, emu_allocation *a, uint64_t alignment, rf_error *error)
{
    if (!rf_align_up(a->bytes, EMU_GRANULARITY, &a->charged))
        return rf_error_set(error, RF_ERROR_OVERFLOW,
                            "device %s: asked %" PRIu64 " bytes: rounding up to %u overflows",
                            emu->base.id, a->bytes, EMU_GRANULARITY);
    if (a->charged > free_bytes(emu))
        return rf_error_set(error, RF_ERROR_DEVICE_MEMORY,
                            "device %s: asked %" PRIu64 " bytes, free %" PRIu64, emu->base.id,
                            a->bytes, free_bytes(emu));
    if (!choose_address(emu, a->bytes, alignment, &a->address))
        return rf_error_set(error, RF_ERROR_DEVICE_MEMORY,
                            "device %s: asked %" PRIu64 " bytes at alignment %" PRIu64
                            ", free %" PRIu64 ": no addresses are left",
                            emu->base.id, a->bytes, alignment, free_bytes(emu));
    return RF_OK;
}

/* Returns the address, or the host's pointer, of a new allocation. */
static rf_status allocate(emu_device *emu, uint64_t bytes, uint64_t alignment, bool pinned,
                          uint64_t *out, rf_error *error)
{
    if (bytes == 0 || !rf_is_power_of_two(alignment))
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "device %s: asked %" PRIu64 " bytes at alignment %" PRIu64,
                            emu->base.id, bytes, alignment);
    emu_allocation *a = rf_calloc(1, sizeof(*a));
    if (!a)
        return rf_error_host_memory(error, "the record of a device allocation", sizeof(*a));
    a->bytes = bytes;
    a->pinned = pinned;
    pthread_mutex_lock(&emu->lock);
    rf_status status = rf_emu_refuse_in_capture(emu, "an allocation", error);
    if (status == RF_OK && !pinned)
        status = claim(emu, a, alignment, error);
    if (status == RF_OK)
        status = go_live(emu, a, error);
    uint64_t address = a->address;
    pthread_mutex_unlock(&emu->lock);
    if (status != RF_OK) {
        rf_free(a);
        return status;
    }
    *out = address;
    return RF_OK;
}

rf_status rf_emu_alloc(rf_device *device, uint64_t bytes, uint64_t alignment, rf_address *out,
                       rf_error *error)
{
    return allocate((emu_device *)device, bytes, alignment, false, out, error);
}

rf_status rf_emu_pinned_alloc(rf_device *device, uint64_t bytes, void **out, rf_error *error)
{
    uint64_t address = 0;
    RF_TRY(allocate((emu_device *)device, bytes, 1, true, &address, error));
    *out = (void *)(uintptr_t)address;
    return RF_OK;
}

/* ---- freeing -------------------------------------------------------------------------------- */

void rf_emu_unref(emu_allocation *allocation)
{
    if (allocation && --allocation->references == 0)
        rf_free(allocation);
}

/* Ends an allocation: what moves its bytes now is waited for, what is queued will find it freed.
 * The lock is held. */
static rf_status end(emu_device *emu, emu_allocation *a, rf_error *error)
{
    emu_allocation **link = &emu->allocations;
    while (*link != a)
        link = &(*link)->next;
    *link = a->next;
    a->freed = true;
    emu->charged -= a->charged;
    *(a->pinned ? &emu->live.pinned : &emu->live.allocations) -= 1;
    *(a->pinned ? &emu->live.pinned_bytes : &emu->live.bytes) -= a->bytes;
    while (a->users)
        pthread_cond_wait(&emu->progress, &emu->lock);
    rf_status status = rf_emu_check_guard(emu, a, error);
    rf_status unmapped = rf_emu_backing_unmap(&a->backing, status == RF_OK ? error : NULL);
    rf_emu_unref(a);
    return status == RF_OK ? unmapped : status;
}

static rf_status release(emu_device *emu, uint64_t address, bool pinned, rf_error *error)
{
    pthread_mutex_lock(&emu->lock);
    emu_allocation *a = find(emu, address, 1, pinned);
    rf_status status = rf_emu_refuse_in_capture(emu, "giving memory back", error);
    if (status == RF_OK && a && a->address == address)
        status = end(emu, a, error);
    else if (status == RF_OK)
        status = rf_error_set(error, RF_ERROR_ARGUMENT,
                              "device %s: %s memory at 0x%" PRIx64 " is not allocated",
                              emu->base.id, pinned ? "pinned" : "device", address);
    pthread_mutex_unlock(&emu->lock);
    return status;
}

rf_status rf_emu_free(rf_device *device, rf_address address, rf_error *error)
{
    return release((emu_device *)device, address, false, error);
}

rf_status rf_emu_pinned_free(rf_device *device, void *memory, rf_error *error)
{
    return release((emu_device *)device, (uintptr_t)memory, true, error);
}

void rf_emu_free_all(emu_device *emu, rf_leaks *leaks)
{
    pthread_mutex_lock(&emu->lock);
    while (emu->allocations) {
        emu_allocation *a = emu->allocations;
        rf_error error;
        rf_leaks_add(leaks, &emu->base, "%s %" PRIu64 " (%" PRIu64 " bytes at 0x%" PRIx64 ")",
                     a->pinned ? "pinned allocation" : "allocation", a->serial, a->bytes,
                     a->address);
        if (end(emu, a, &error) != RF_OK)
            rf_log(RF_LOG_WARNING, "%s", error.message);
    }
    pthread_mutex_unlock(&emu->lock);
}
