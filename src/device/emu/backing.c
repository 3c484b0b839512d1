/*
 * backing.c: host memory behind the memory of an emulated device.
 *
 * Fresh memory must not look like zeros, and must not cost host memory before it is used, or no
 * machine could emulate a device larger than itself. Both at once: memory is a private mapping of a
 * small file full of RF_EMU_FRESH, again and again. The kernel copies a page when it is written.
 */
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fault.h"
#include "device/emu/internal.h"
#include "device/emu/sanitizers.h"

#define PAGE_BYTES 4096ULL /* on x86-64 */

/* Of the file. Each repetition is one mapping, and the kernel allows a process some 65000. */
#define PATTERN_BYTES (4U << 20)

rf_status rf_emu_pattern_open(int *out, rf_error *error)
{
    int file = memfd_create("rocmforge-emu", MFD_CLOEXEC);
    if (file < 0)
        return rf_error_set_code(error, RF_ERROR_DEVICE, errno, "cannot make a file in memory");
    void *pattern = MAP_FAILED;
    if (ftruncate(file, PATTERN_BYTES) == 0)
        pattern = mmap(NULL, PATTERN_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (pattern == MAP_FAILED) {
        rf_status status = rf_error_set_code(error, RF_ERROR_DEVICE, errno,
                                             "cannot map %u bytes of memory", PATTERN_BYTES);
        close(file);
        return status;
    }
    memset(pattern, RF_EMU_FRESH, PATTERN_BYTES);
    munmap(pattern, PATTERN_BYTES); /* whole and our own: cannot fail */
    *out = file;
    return RF_OK;
}

/* Maps the pattern over a place that is reserved; false, with errno set, on failure. */
static bool map_pattern(int pattern, uint8_t *to, uint64_t bytes)
{
    for (uint64_t done = 0; done < bytes; done += PATTERN_BYTES) {
        uint64_t part = bytes - done < PATTERN_BYTES ? bytes - done : PATTERN_BYTES;
        if (mmap(to + done, part, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE,
                 pattern, 0) == MAP_FAILED)
            return false;
    }
    return true;
}

/* Maps `bytes` (whole pages) of fresh memory; NULL, with errno set, on failure. */
static uint8_t *map_fresh(int pattern, uint64_t bytes)
{
    if (rf_fault_fires(RF_FAULT_HOST_ALLOC)) {
        errno = ENOMEM;
        return NULL;
    }
    void *mapped = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED)
        return NULL;
    if (map_pattern(pattern, mapped, bytes))
        return mapped;
    int code = errno;
    munmap(mapped, bytes); /* the failure above is the one to report */
    errno = code;
    return NULL;
}

static uint64_t lead_bytes(const emu_backing *backing)
{
    return (uint64_t)(backing->payload - backing->mapped);
}

/* The guard behind fills the last page too, so that it starts with the first byte too many. */
static uint64_t tail_bytes(const emu_backing *backing)
{
    return backing->mapped_bytes - lead_bytes(backing) - backing->bytes;
}

/* Fills a guard zone, and tells the address sanitizer that these bytes are nobody's. */
static void make_whole(uint8_t *guard, uint64_t bytes)
{
    EMU_UNPOISON(guard, bytes);
    memset(guard, RF_EMU_GUARD, bytes);
    EMU_POISON(guard, bytes);
}

rf_status rf_emu_backing_map(int pattern, uint64_t bytes, emu_backing *out, rf_error *error)
{
    uint64_t mapped_bytes;
    if (!rf_add(bytes, 2 * PAGE_BYTES, &mapped_bytes) ||
        !rf_align_up(mapped_bytes, PAGE_BYTES, &mapped_bytes))
        return rf_error_set(error, RF_ERROR_OVERFLOW,
                            "asked %" PRIu64 " bytes: they overflow with their guard zones", bytes);
    uint8_t *mapped = map_fresh(pattern, mapped_bytes);
    if (!mapped)
        return rf_error_set_code(error, RF_ERROR_DEVICE_MEMORY, errno,
                                 "asked %" PRIu64 " bytes: the host cannot map them", bytes);
    emu_backing backing = {.mapped = mapped,
                           .mapped_bytes = mapped_bytes,
                           .payload = mapped + PAGE_BYTES,
                           .bytes = bytes};
    make_whole(mapped, lead_bytes(&backing));
    make_whole(backing.payload + bytes, tail_bytes(&backing));
    *out = backing;
    return RF_OK;
}

rf_status rf_emu_backing_unmap(const emu_backing *backing, rf_error *error)
{
    EMU_UNPOISON(backing->mapped, backing->mapped_bytes); /* others will be given these addresses */
    if (munmap(backing->mapped, backing->mapped_bytes) == 0)
        return RF_OK;
    return rf_error_set_code(error, RF_ERROR_DEVICE, errno, "cannot unmap %" PRIu64 " bytes",
                             backing->mapped_bytes);
}

/* All bytes are equal if each equals its neighbour. */
EMU_SEES_POISON static bool is_whole(const uint8_t *guard, uint64_t bytes)
{
#ifdef EMU_ASAN
    uint64_t i = 0;
    while (i < bytes && guard[i] == RF_EMU_GUARD)
        i++;
    return i == bytes;
#else
    return guard[0] == RF_EMU_GUARD && memcmp(guard, guard + 1, bytes - 1) == 0;
#endif
}

EMU_SEES_POISON bool rf_emu_guards_check(const emu_backing *backing, bool *behind,
                                         uint64_t *distance)
{
    uint8_t *end = backing->payload + backing->bytes;
    if (!is_whole(end, tail_bytes(backing))) {
        uint64_t at = 0;
        while (end[at] == RF_EMU_GUARD)
            at++;
        *behind = true;
        *distance = at + 1;
        make_whole(end, tail_bytes(backing));
        return false;
    }
    if (!is_whole(backing->mapped, lead_bytes(backing))) {
        uint64_t at = 1;
        while (backing->payload[-(ptrdiff_t)at] == RF_EMU_GUARD)
            at++;
        *behind = false;
        *distance = at;
        make_whole(backing->mapped, lead_bytes(backing));
        return false;
    }
    return true;
}
