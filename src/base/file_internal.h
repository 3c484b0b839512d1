/* file_internal.h: what an open file is, shared by file.c and file_direct.c. */
#ifndef RF_BASE_FILE_INTERNAL_H
#define RF_BASE_FILE_INTERNAL_H

#include <pthread.h>

#include "base/file.h"

struct rf_file {
    int descriptor;
    uint64_t bytes;
    rf_file_identity identity;
    pthread_mutex_t lock; /* guards mapping and the opening of direct */
    void *mapping;
    int direct; /* the file once more, for reads past the page cache; -1: not opened */
    char path[];
};

/* The error of a failed system call: NOT_FOUND or IO, with path, what was done and the reason. */
rf_status rf_file_error(rf_error *error, const char *path, const char *what, int code);

#endif
