/*
 * memory.h: host allocation. All of the library's heap memory comes from here, so that a test can
 * make the Nth allocation fail (fault.h) and can count what is live.
 */
#ifndef RF_BASE_MEMORY_H
#define RF_BASE_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Zeroed memory for count * size bytes; NULL when that overflows or there is none. Free: rf_free.
 */
void *rf_calloc(size_t count, size_t size);

/* Like realloc for count * size bytes: NULL, and the old memory still there, on failure. New bytes
 * are not initialised. */
void *rf_realloc(void *memory, size_t count, size_t size);

/* Zeroed memory at a multiple of alignment (a power of two). Free: rf_free. */
void *rf_aligned_alloc(size_t alignment, size_t bytes);

/* NUL-terminated copies; NULL on failure. */
char *rf_strdup(const char *text);
char *rf_strndup(const char *data, size_t length);

/* Sets the error that a failed host allocation gives, and returns RF_ERROR_HOST_MEMORY. */
rf_status rf_error_host_memory(rf_error *error, const char *what, uint64_t bytes);

/* Live allocations, for leak checks in tests. */
uint64_t rf_host_live_count(void);

#endif
