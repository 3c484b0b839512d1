/* staging_transfer.h: one load in progress, shared by its coordinator (staging.c) and what readers
 * do (staging_read.c, staging_verify.c); and by what measures parts of it (measure.c). */
#ifndef RF_MEMORY_STAGING_TRANSFER_H
#define RF_MEMORY_STAGING_TRANSFER_H

#include <pthread.h>

#include "memory/staging_jobs.h"
#include "memory/staging_ring.h"

/* A configuration with its defaults filled in and cut to the work that there is. */
typedef struct rf_staging_shape {
    bool staged;           /* through buffers; otherwise readers fill blocks in place */
    uint64_t capacity;     /* of a buffer, for cutting jobs */
    uint64_t buffer_bytes; /* that it takes: the widest job */
    uint32_t n_buffers;
    uint32_t n_readers;
    rf_staging_work work;
} rf_staging_shape;

/* What a configuration asks for, its defaults filled in, whatever the work. ARGUMENT for what is
 * past a limit, by name. */
rf_status rf_staging_fill_defaults(const rf_staging_config *config, rf_staging_shape *out,
                                   rf_error *error);
/* The same for this work. ARGUMENT also for items that are not as staging.h asks. */
rf_status rf_staging_make_shape(const rf_staging_config *config, const rf_staging_item *items,
                                uint32_t n_items, rf_staging_shape *out, rf_error *error);

/* Thread time that readers spent, nanoseconds. */
typedef struct rf_staging_times {
    uint64_t read; /* reading and checksums */
    uint64_t wait; /* for a buffer */
} rf_staging_times;

typedef struct rf_transfer rf_transfer;

/* What a reader does with a job. */
typedef rf_status (*rf_staging_task)(rf_transfer *transfer, const rf_staging_job *job,
                                     rf_staging_times *times, rf_error *error);

struct rf_transfer {
    /* Constant while readers run. */
    rf_memory *memory;
    rf_device *device;
    const rf_staging_item *items;
    uint32_t n_items;
    uint32_t n_readers;
    uint64_t capacity;     /* bytes of a job in a buffer */
    rf_staging_ring *ring; /* NULL: readers fill blocks in place */
    bool direct;           /* reads go past the page cache */
    rf_staging_task task;
    uint64_t *pieces;      /* checksums of all pieces; each is written by the reader of its bytes */
    uint64_t *first_piece; /* [n_items]: where an item's start in it */

    pthread_mutex_t lock;   /* guards all below */
    pthread_cond_t changed; /* done or running have */
    rf_staging_cursor at;   /* the next job */
    uint64_t done;          /* bytes */
    uint32_t running;       /* readers */
    bool stop;              /* somebody failed, or cancelled */
    rf_status status;       /* the first failure, and its error */
    rf_error error;
    rf_staging_times times; /* of readers that have ended */
};

/* Makes a transfer of these items ready, and says in *shape how it is to be done; the rest is the
 * caller's to fill in. Errors: as rf_staging_make_shape; there is nothing to close then. */
rf_status rf_staging_transfer_open(rf_memory *memory, const rf_staging_config *config,
                                   const rf_staging_item *items, uint32_t n_items,
                                   rf_staging_shape *shape, rf_transfer *out, rf_error *error);
/* Closes the ring, which waits for its copies, and frees all that the transfer has. status: what
 * became of it, with its error already in *error; that of closing comes back only after RF_OK. */
rf_status rf_staging_transfer_close(rf_transfer *transfer, rf_status status, rf_error *error);

/* Who is told of the bytes done, and how many were before this round. */
typedef struct rf_staging_audience {
    const rf_staging_config *config;
    uint64_t before;
    uint64_t total;
} rf_staging_audience;

/* Has every job of a transfer done by `task` on its readers, and waits for the copies. After a
 * failure copies may be under way until the ring is closed. */
rf_status rf_staging_run_round(rf_transfer *transfer, rf_staging_task task,
                               const rf_staging_audience *audience, rf_error *error);

/* Reads a job and starts its copies, or reads it in place. */
rf_status rf_staging_read_job(rf_transfer *transfer, const rf_staging_job *job,
                              rf_staging_times *times, rf_error *error);
/* Reads a job into a buffer and leaves it there: what storage or page cache give by themselves. */
rf_status rf_staging_fetch_job(rf_transfer *transfer, const rf_staging_job *job,
                               rf_staging_times *times, rf_error *error);
/* Reads a job's bytes back from the device and compares them with their checksums. */
rf_status rf_staging_verify_job(rf_transfer *transfer, const rf_staging_job *job,
                                rf_staging_times *times, rf_error *error);

/* The host's pointer to a block's byte, on a device whose memory the host shares. */
rf_status rf_staging_host_pointer(const rf_staging_item *item, uint64_t offset, uint8_t **out,
                                  rf_error *error);

/* Which way to read, with the means for it made ready: whether past the page cache. */
rf_status rf_staging_choose_mode(rf_read_mode asked, const rf_staging_item *items, uint32_t n_items,
                                 bool *direct, rf_error *error);

#endif
