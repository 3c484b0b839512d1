/* draft.c: buffered writing to a temporary file that is renamed when it is complete. */
#include "base/draft.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/fault.h"
#include "base/memory.h"

/* Large enough that a system call costs little beside copying so much. */
#define BUFFER_BYTES ((size_t)256 << 10)

struct rf_draft {
    int descriptor; /* -1 once closed */
    bool temporary; /* whether the file under the temporary name is there */
    bool broken;    /* a write failed: what is in the file is no longer what was asked for */
    char *path;
    char *temporary_path;
    size_t buffered;
    char buffer[BUFFER_BYTES];
};

static rf_status io_error(rf_error *error, const char *path, const char *what, int code)
{
    char reason[128];
    return rf_error_set_code(error, RF_ERROR_IO, code, "%s: %s: %s", path, what,
                             strerror_r(code, reason, sizeof(reason)));
}

/* A name in the same folder that no other live process, nor another draft of this one, uses. */
static rf_status name_temporary(const char *path, char **out, rf_error *error)
{
    static _Atomic uint64_t serial;
    rf_buffer name = {0};
    rf_status status =
        rf_buffer_format(&name, error, "%s.partial-%ld-%" PRIu64, path, (long)getpid(),
                         atomic_fetch_add_explicit(&serial, 1, memory_order_relaxed));
    if (status == RF_OK)
        status = rf_buffer_take(&name, out, NULL, error);
    rf_buffer_free(&name);
    return status;
}

static rf_status open_temporary(rf_draft *draft, const char *path, rf_error *error)
{
    RF_TRY(name_temporary(path, &draft->temporary_path, error));
    draft->path = rf_strdup(path);
    if (!draft->path)
        return rf_error_host_memory(error, "a path", strlen(path) + 1);
    draft->descriptor =
        rf_fault_fires(RF_FAULT_FILE_OPEN)
            ? (errno = EIO, -1)
            : open(draft->temporary_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (draft->descriptor < 0)
        return io_error(error, draft->temporary_path, "cannot create", errno);
    draft->temporary = true;
    return RF_OK;
}

rf_status rf_draft_create(const char *path, rf_draft **out, rf_error *error)
{
    rf_draft *draft = rf_calloc(1, sizeof(*draft));
    if (!draft)
        return rf_error_host_memory(error, "a draft of a file", sizeof(*draft));
    draft->descriptor = -1;
    rf_status status = open_temporary(draft, path, error);
    if (status != RF_OK) {
        rf_draft_free(draft);
        return status;
    }
    *out = draft;
    return RF_OK;
}

static rf_status write_all(rf_draft *draft, const char *data, uint64_t bytes, rf_error *error)
{
    if (draft->broken)
        return rf_error_set(error, RF_ERROR_IO, "%s: an earlier write failed", draft->path);
    while (bytes) {
        /* Linux writes at most 0x7ffff000 bytes a call. */
        size_t piece = bytes < (1U << 30) ? (size_t)bytes : (size_t)1 << 30;
        ssize_t put = rf_fault_fires(RF_FAULT_FILE_WRITE) ? (errno = ENOSPC, -1)
                                                          : write(draft->descriptor, data, piece);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0) {
            draft->broken = true;
            return io_error(error, draft->path, "cannot write", errno);
        }
        data += put;
        bytes -= (uint64_t)put;
    }
    return RF_OK;
}

static rf_status flush(rf_draft *draft, rf_error *error)
{
    size_t bytes = draft->buffered;
    draft->buffered = 0;
    return write_all(draft, draft->buffer, bytes, error);
}

rf_status rf_draft_write(rf_draft *draft, const void *data, uint64_t bytes, rf_error *error)
{
    if (bytes > BUFFER_BYTES - draft->buffered)
        RF_TRY(flush(draft, error));
    if (bytes > BUFFER_BYTES)
        return write_all(draft, data, bytes, error);
    if (bytes)
        memcpy(draft->buffer + draft->buffered, data, bytes);
    draft->buffered += bytes;
    return RF_OK;
}

rf_status rf_draft_commit(rf_draft *draft, rf_error *error)
{
    RF_TRY(flush(draft, error));
    int descriptor = draft->descriptor;
    draft->descriptor = -1; /* closed in any case: Linux gives it up even where close fails */
    int closed = close(descriptor);
    if (rf_fault_fires(RF_FAULT_FILE_WRITE))
        closed = (errno = EIO, -1);
    if (closed != 0)
        return io_error(error, draft->path, "cannot finish writing", errno);
    int renamed = rf_fault_fires(RF_FAULT_FILE_WRITE) ? (errno = EIO, -1)
                                                      : rename(draft->temporary_path, draft->path);
    if (renamed != 0)
        return io_error(error, draft->path, "cannot give the file its name", errno);
    draft->temporary = false;
    return RF_OK;
}

void rf_draft_free(rf_draft *draft)
{
    if (!draft)
        return;
    if (draft->descriptor >= 0)
        close(draft->descriptor); /* the file is thrown away: what close says does not matter */
    if (draft->temporary)
        unlink(draft->temporary_path); /* nothing can be done where this fails */
    rf_free(draft->temporary_path);
    rf_free(draft->path);
    rf_free(draft);
}
