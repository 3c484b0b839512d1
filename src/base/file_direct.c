/*
 * file_direct.c: reading past the page cache, asking what is in it, and emptying it.
 *
 * O_DIRECT belongs to an open file description, so a file gets a second one. It is opened through
 * /proc/self/fd, which leads to the same file whatever has become of its path.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/file_internal.h"

/* One call reads at most this; Linux takes up to 0x7ffff000 bytes. */
#define PIECE_BYTES (1ULL << 30)

/* Whether a failure says that there are no direct reads here, and not that they went wrong: EINVAL
 * is what file systems without them answer, ENOENT a system without /proc. */
static bool means_unable(int code)
{
    return code == EINVAL || code == EOPNOTSUPP || code == ENOENT;
}

/* Some file systems open and then refuse to read: the first block shows it. 0 or errno. */
static int try_read(int descriptor, uint64_t bytes)
{
    _Alignas(RF_FILE_DIRECT_ALIGNMENT) char block[RF_FILE_DIRECT_ALIGNMENT];
    if (bytes < sizeof(block))
        return 0; /* all of it will be read through the page cache */
    ssize_t got;
    do {
        got = pread(descriptor, block, sizeof(block), 0);
    } while (got < 0 && errno == EINTR);
    return got < 0 ? errno : 0;
}

/* The lock is held. */
static rf_status open_direct(rf_file *file, bool *able, rf_error *error)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", file->descriptor);
    int descriptor = rf_fault_fires(RF_FAULT_FILE_OPEN)
                         ? (errno = EIO, -1)
                         : open(path, O_RDONLY | O_CLOEXEC | O_DIRECT);
    int code = descriptor < 0 ? errno : try_read(descriptor, file->bytes);
    if (code == 0) {
        file->direct = descriptor;
        *able = true;
        return RF_OK;
    }
    if (descriptor >= 0)
        close(descriptor);
    if (!means_unable(code))
        return rf_file_error(error, file->path, "cannot read past the page cache", code);
    *able = false;
    return RF_OK;
}

rf_status rf_file_enable_direct(rf_file *file, bool *able, rf_error *error)
{
    rf_status status = RF_OK;
    pthread_mutex_lock(&file->lock);
    if (file->direct >= 0)
        *able = true;
    else
        status = open_direct(file, able, error);
    pthread_mutex_unlock(&file->lock);
    return status;
}

rf_status rf_file_read_direct(const rf_file *file, uint64_t offset, void *out, uint64_t bytes,
                              rf_error *error)
{
    if (offset % RF_FILE_DIRECT_ALIGNMENT || (uintptr_t)out % RF_FILE_DIRECT_ALIGNMENT)
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "%s: a direct read at offset %" PRIu64 " is not aligned", file->path,
                            offset);
    if (!rf_range_inside(offset, bytes, file->bytes))
        return rf_file_read(file, offset, out, bytes, error); /* which says what is wrong */
    char *to = out;
    uint64_t whole = bytes - bytes % RF_FILE_DIRECT_ALIGNMENT;
    while (whole) {
        size_t piece = whole < PIECE_BYTES ? (size_t)whole : (size_t)PIECE_BYTES;
        ssize_t got = rf_fault_fires(RF_FAULT_FILE_READ)
                          ? (errno = EIO, -1)
                          : pread(file->direct, to, piece, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return rf_file_error(error, file->path, "cannot read past the page cache", errno);
        to += got;
        offset += (uint64_t)got;
        bytes -= (uint64_t)got;
        whole -= (uint64_t)got;
        if (got == 0 || got % RF_FILE_DIRECT_ALIGNMENT)
            break; /* the file was cut short, or the system stopped in a block: see below */
    }
    /* The end of the file, which is no whole block, comes through the page cache. */
    return bytes ? rf_file_read(file, offset, to, bytes, error) : RF_OK;
}

/* Looks at one place: 1 where it is in the page cache, 0 where it is not, -1 where that is not
 * told. */
static int is_cached(const rf_file *file, uint64_t offset)
{
    char byte;
    struct iovec to = {.iov_base = &byte, .iov_len = 1};
    ssize_t got = preadv2(file->descriptor, &to, 1, (off_t)offset, RWF_NOWAIT);
    if (got == 1)
        return 1;
    return got < 0 && errno == EAGAIN ? 0 : -1;
}

bool rf_file_sample_cache(const rf_file *file, uint64_t offset, uint64_t bytes, uint32_t samples,
                          uint32_t *resident)
{
    uint32_t found = 0;
    uint64_t random = rf_clock_ns();
    bool told = samples != 0 && rf_range_inside(offset, bytes, file->bytes) && bytes >= samples;
    /* Asking makes the system read what it is asked for, and ahead of it: not ahead, by this
     * advice, which loses nothing where it is not taken; and who asks again looks at other places.
     */
    (void)posix_fadvise(file->descriptor, 0, 0, POSIX_FADV_RANDOM);
    for (uint32_t i = 0; told && i < samples; i++) {
        random = random * 6364136223846793005U + 1442695040888963407U; /* Knuth's MMIX */
        uint64_t part = bytes / samples;
        int cached = is_cached(file, offset + part * i + (random >> 32) % part);
        told = cached >= 0;
        found += cached == 1;
    }
    (void)posix_fadvise(file->descriptor, 0, 0, POSIX_FADV_NORMAL);
    if (told)
        *resident = found;
    return told;
}

rf_status rf_file_drop_cache(const rf_file *file, rf_error *error)
{
    /* A page that is not written yet is not dropped; a descriptor for reading will do. */
    if (fdatasync(file->descriptor) != 0)
        return rf_file_error(error, file->path, "cannot write it to storage", errno);
    int code = posix_fadvise(file->descriptor, 0, 0, POSIX_FADV_DONTNEED);
    if (code != 0)
        return rf_file_error(error, file->path, "cannot drop it from the page cache", code);
    return RF_OK;
}
