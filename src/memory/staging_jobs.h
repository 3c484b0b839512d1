/*
 * staging_jobs.h: cutting items into jobs: what is read at once, into one buffer. A large item is
 * several jobs; small ones that lie next to each other in their file share one. Pure arithmetic:
 * jobs are found one after the other, and need no memory.
 */
#ifndef RF_MEMORY_STAGING_JOBS_H
#define RF_MEMORY_STAGING_JOBS_H

#include "memory/staging.h"

/* Bytes between two items that are read along rather than skipped: no more than a read call costs.
 */
#define RF_STAGING_GAP_BYTES (16U << 10)

/* A place in the list of items. */
typedef struct rf_staging_cursor {
    uint32_t item;
    uint64_t offset; /* in it */
} rf_staging_cursor;

/* Part of an item, from a whole number of pieces on. */
typedef struct rf_staging_segment {
    uint32_t item;
    uint64_t offset;
    uint64_t bytes;
} rf_staging_segment;

typedef struct rf_staging_job {
    rf_file *file;
    uint64_t begin; /* in the file: the first segment's first byte */
    uint64_t end;   /* behind the last one's last */
    uint64_t bytes; /* of the segments, without the gaps */
    rf_staging_cursor first;
    uint32_t n_segments; /* items first.item and so many less one behind it */
    uint64_t last_end;   /* where the last segment ends, in its item */
} rf_staging_job;

/* What a list of items is in jobs. */
typedef struct rf_staging_work {
    uint64_t bytes;  /* of all items */
    uint64_t pieces; /* of all items */
    uint64_t jobs;
    uint64_t widest; /* bytes of buffer that the largest job takes, a multiple of 4096 */
} rf_staging_work;

/* ARGUMENT where items are not as staging.h asks; OVERFLOW. capacity: bytes of a buffer. */
rf_status rf_staging_measure(const rf_staging_item *items, uint32_t n_items, uint64_t capacity,
                             rf_staging_work *out, rf_error *error);

/* The job at a place, which then moves behind it; false at the end. The items have been measured.
 */
bool rf_staging_next(const rf_staging_item *items, uint32_t n_items, uint64_t capacity,
                     rf_staging_cursor *at, rf_staging_job *out);

/* Segment i of a job, from 0. */
rf_staging_segment rf_staging_segment_at(const rf_staging_item *items, const rf_staging_job *job,
                                         uint32_t i);

/* Where in a buffer a job's file offset `begin` lies: behind the start of its block, so that direct
 * reads are aligned. */
uint64_t rf_staging_lead(const rf_staging_job *job);

uint64_t rf_staging_piece_count(uint64_t bytes);

#endif
