/* file.h: files for reading, by mapping, by pread, or past the page cache. Thread-safe: no position
 * is kept. */
#ifndef RF_BASE_FILE_H
#define RF_BASE_FILE_H

#include <stdbool.h>
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

/* What tells a file and its content from others, as it was when opened: a file that was replaced or
 * written to since has another identity, as far as its file system's clock tells. */
typedef struct rf_file_identity {
    uint64_t device;
    uint64_t inode;
    uint64_t bytes;
    int64_t modified_seconds; /* since 1970, and */
    int64_t modified_nanoseconds;
} rf_file_identity;

rf_file_identity rf_file_identify(const rf_file *file);

/* ---- past the page cache -------------------------------------------------------------------- */

/* Of offsets and memory in direct reads. O_DIRECT asks for multiples of the storage's logical block
 * (man 2 open), which is 512 or 4096 bytes on all that is sold. */
#define RF_FILE_DIRECT_ALIGNMENT 4096U

/* Makes direct reads possible, once; *able is false where the file system has none (tmpfs). Errors:
 * IO where it has them and they fail. */
rf_status rf_file_enable_direct(rf_file *file, bool *able, rf_error *error);

/* Like rf_file_read, past the page cache; offset and `out` are multiples of the alignment, `bytes`
 * too but for the last bytes of the file. Precondition: rf_file_enable_direct said it is able. */
rf_status rf_file_read_direct(const rf_file *file, uint64_t offset, void *out, uint64_t bytes,
                              rf_error *error);

/* Asks for one byte at each of `samples` places, spread over a part of the file, without
 * waiting for storage: *resident of them were in the page cache. False where the file system does
 * not tell. */
bool rf_file_sample_cache(const rf_file *file, uint64_t offset, uint64_t bytes, uint32_t samples,
                          uint32_t *resident);

/* Writes what is not yet on storage and asks the system to forget the file's pages in the page
 * cache. It keeps those that somebody has mapped and touched, and all of them where the file system
 * is nothing but memory (tmpfs): ask rf_file_sample_cache. Errors: IO. */
rf_status rf_file_drop_cache(const rf_file *file, rf_error *error);

#endif
