/* file.h: files for reading, by mapping or by pread. Thread-safe: no position is kept. */
#ifndef RF_BASE_FILE_H
#define RF_BASE_FILE_H

#include <stdint.h>

#include "base/error.h"

typedef struct rf_file rf_file;

/* Opens a regular file. Errors: NOT_FOUND, IO (with the path and the system's reason). */
rf_status rf_file_open(const char *path, rf_file **out, rf_error *error);
void rf_file_close(rf_file *file); /* also unmaps it */

const char *rf_file_path(const rf_file *file);
uint64_t rf_file_bytes(const rf_file *file); /* as it was when opened */

/* Reads exactly `bytes` at `offset`. RF_ERROR_IO also where the file ends before that. */
rf_status rf_file_read(const rf_file *file, uint64_t offset, void *out, uint64_t bytes,
                       rf_error *error);

/*
 * Maps the whole file for reading; the mapping belongs to the file and is made once. *out is NULL
 * for an empty file. A file that is cut short by someone else while it is mapped gives SIGBUS on
 * access: that is the price of using weights in place, and the reason for a no_mmap option.
 */
rf_status rf_file_map(rf_file *file, const void **out, rf_error *error);

#endif
