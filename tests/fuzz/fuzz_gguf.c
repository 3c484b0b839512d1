/*
 * fuzz_gguf.c: any bytes as a GGUF file. Opening them either fails with a message or gives a file
 * of which every value and every tensor's byte can be read; nothing is leaked either way.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/memory.h"
#include "gguf/gguf.h"
#include "gguf/walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

/* A file in memory that holds these bytes, the same file for every run. */
static int file_of(const uint8_t *data, size_t size)
{
    static int descriptor = -1;
    if (descriptor < 0)
        descriptor = memfd_create("fuzz", MFD_CLOEXEC);
    require(descriptor >= 0 && ftruncate(descriptor, 0) == 0);
    require(pwrite(descriptor, data, size, 0) == (ssize_t)size);
    return descriptor;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    rf_gguf *gguf = NULL;
    rf_error error = {0};
    uint64_t live = rf_host_live_count();
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", file_of(data, size));
    rf_status status = rf_gguf_open(path, &gguf, &error);
    require(status == error.status);
    if (status == RF_OK)
        walk(gguf);
    else
        require(gguf == NULL && strlen(error.message) > strlen(path));
    rf_gguf_close(gguf);
    require(rf_host_live_count() == live);
    return 0;
}
