/* file.c: read-only files: opening, reading, mapping. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fault.h"
#include "base/file_internal.h"
#include "base/memory.h"

rf_status rf_file_error(rf_error *error, const char *path, const char *what, int code)
{
    char reason[128];
    return rf_error_set_code(error, code == ENOENT ? RF_ERROR_NOT_FOUND : RF_ERROR_IO, code,
                             "%s: %s: %s", path, what, strerror_r(code, reason, sizeof(reason)));
}

rf_status rf_file_open(const char *path, rf_file **out, rf_error *error)
{
    size_t length = strlen(path);
    rf_file *file = rf_calloc(1, sizeof(*file) + length + 1);
    if (!file)
        return rf_error_host_memory(error, "a file handle", sizeof(*file) + length + 1);
    memcpy(file->path, path, length + 1);
    /* O_NONBLOCK: opening a FIFO must not wait for a writer; it changes nothing for regular files.
     */
    file->descriptor = rf_fault_fires(RF_FAULT_FILE_OPEN)
                           ? (errno = EIO, -1)
                           : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file->descriptor < 0) {
        rf_status status = rf_file_error(error, path, "cannot open", errno);
        rf_free(file);
        return status;
    }
    struct stat info;
    rf_status status = RF_OK;
    if (fstat(file->descriptor, &info) != 0)
        status = rf_file_error(error, path, "cannot read its size", errno);
    else if (!S_ISREG(info.st_mode))
        status = rf_error_set(error, RF_ERROR_IO, "%s: not a regular file", path);
    if (status != RF_OK) {
        close(file->descriptor);
        rf_free(file);
        return status;
    }
    file->direct = -1;
    file->bytes = (uint64_t)info.st_size;
    file->identity = (rf_file_identity){
        .device = info.st_dev,
        .inode = info.st_ino,
        .bytes = file->bytes,
        .modified_seconds = info.st_mtim.tv_sec,
        .modified_nanoseconds = info.st_mtim.tv_nsec,
    };
    pthread_mutex_init(&file->lock, NULL); /* cannot fail with default attributes on Linux */
    *out = file;
    return RF_OK;
}

void rf_file_close(rf_file *file)
{
    if (!file)
        return;
    if (file->mapping)
        munmap(file->mapping, file->bytes);
    if (file->direct >= 0)
        close(file->direct);
    close(file->descriptor);
    pthread_mutex_destroy(&file->lock);
    rf_free(file);
}

const char *rf_file_path(const rf_file *file)
{
    return file->path;
}

uint64_t rf_file_bytes(const rf_file *file)
{
    return file->bytes;
}

rf_file_identity rf_file_identify(const rf_file *file)
{
    return file->identity;
}

rf_status rf_file_read(const rf_file *file, uint64_t offset, void *out, uint64_t bytes,
                       rf_error *error)
{
    if (!rf_range_inside(offset, bytes, file->bytes))
        return rf_error_set(error, RF_ERROR_IO,
                            "%s: %" PRIu64 " bytes at offset %" PRIu64
                            " lie past the end of the file (%" PRIu64 " bytes)",
                            file->path, bytes, offset, file->bytes);
    char *to = out;
    while (bytes) {
        /* Linux reads at most 0x7ffff000 bytes a call; a smaller round piece keeps reads aligned.
         */
        size_t piece = bytes < (1U << 30) ? (size_t)bytes : (size_t)1 << 30;
        ssize_t got = rf_fault_fires(RF_FAULT_FILE_READ)
                          ? (errno = EIO, -1)
                          : pread(file->descriptor, to, piece, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return rf_file_error(error, file->path, "cannot read", errno);
        if (got == 0)
            return rf_error_set(error, RF_ERROR_IO, "%s: the file was cut short at offset %" PRIu64,
                                file->path, offset);
        to += got;
        offset += (uint64_t)got;
        bytes -= (uint64_t)got;
    }
    return RF_OK;
}

rf_status rf_file_map(rf_file *file, const void **out, rf_error *error)
{
    rf_status status = RF_OK;
    pthread_mutex_lock(&file->lock);
    if (!file->mapping && file->bytes) {
        void *mapping = rf_fault_fires(RF_FAULT_FILE_MAP)
                            ? (errno = ENOMEM, MAP_FAILED)
                            : mmap(NULL, file->bytes, PROT_READ, MAP_SHARED, file->descriptor, 0);
        if (mapping == MAP_FAILED)
            status = rf_file_error(error, file->path, "cannot map", errno);
        else
            file->mapping = mapping;
    }
    if (status == RF_OK)
        *out = file->mapping;
    pthread_mutex_unlock(&file->lock);
    return status;
}
