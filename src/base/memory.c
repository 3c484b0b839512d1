/* memory.c: host allocation with overflow checks, a live count and the fault seam. */
#include "base/memory.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/fault.h"

static _Atomic uint64_t live_count;

static bool total_bytes(size_t count, size_t size, size_t *out)
{
    uint64_t total;
    if (!rf_mul(count, size, &total) || total > PTRDIFF_MAX)
        return false;
    *out = total ? (size_t)total : 1;
    return true;
}

static void *counted(void *memory)
{
    if (memory)
        atomic_fetch_add_explicit(&live_count, 1, memory_order_relaxed);
    return memory;
}

void *rf_calloc(size_t count, size_t size)
{
    size_t total;
    if (!total_bytes(count, size, &total) || rf_fault_fires(RF_FAULT_HOST_ALLOC))
        return NULL;
    return counted(calloc(1, total));
}

void *rf_realloc(void *memory, size_t count, size_t size)
{
    size_t total;
    if (!total_bytes(count, size, &total) || rf_fault_fires(RF_FAULT_HOST_ALLOC))
        return NULL;
    void *moved = realloc(memory, total);
    return memory ? moved : counted(moved);
}

void *rf_aligned_alloc(size_t alignment, size_t bytes)
{
    uint64_t total;
    if (!rf_align_up(bytes ? bytes : 1, alignment, &total) || total > PTRDIFF_MAX ||
        rf_fault_fires(RF_FAULT_HOST_ALLOC))
        return NULL;
    void *memory = aligned_alloc(alignment, (size_t)total);
    if (memory)
        memset(memory, 0, (size_t)total);
    return counted(memory);
}

char *rf_strndup(const char *data, size_t length)
{
    if (length == SIZE_MAX)
        return NULL;
    char *copy = rf_calloc(length + 1, 1);
    if (copy && length)
        memcpy(copy, data, length);
    return copy;
}

char *rf_strdup(const char *text)
{
    return rf_strndup(text, strlen(text));
}

void rf_free(void *memory)
{
    if (memory)
        atomic_fetch_sub_explicit(&live_count, 1, memory_order_relaxed);
    free(memory);
}

rf_status rf_error_host_memory(rf_error *error, const char *what, uint64_t bytes)
{
    return rf_error_set(error, RF_ERROR_HOST_MEMORY, "out of host memory: %" PRIu64 " bytes for %s",
                        bytes, what);
}

uint64_t rf_host_live_count(void)
{
    return atomic_load_explicit(&live_count, memory_order_relaxed);
}
