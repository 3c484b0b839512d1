/*
 * check.h: what the parts of a device's self-test share. check.c runs the checks and reports;
 * check_holdings.c is what they take and give back; the other files are the checks.
 *
 * A check is a function that leaves its result and detail in the rf_check, or returns the failure.
 * It takes what it needs with the functions below, and gives nothing back itself: that is done
 * behind it, also after a failure.
 */
#ifndef RF_MEMORY_CHECK_H
#define RF_MEMORY_CHECK_H

#include "device/device.h"

enum {
    RF_CHECK_ALLOCATIONS = 16,
    RF_CHECK_BUFFERS = 4, /* pinned ones, and as many of other host memory */
    RF_CHECK_STREAMS = 2,
    RF_CHECK_EVENTS = 4,
};

/* Least and most of device memory that checks hold at once, unless told otherwise. */
#define RF_CHECK_MIN_BYTES (4ULL << 20)
#define RF_CHECK_MAX_BYTES (1ULL << 30)
/* Of what one check moves and compares byte by byte. */
#define RF_CHECK_WORK_BYTES (8ULL << 20)

/* What memory is filled with where nothing else has been written, and nothing else may be. */
#define RF_CHECK_BLANK 0xA5

typedef struct rf_check {
    rf_device *device;
    const rf_check_options *options;
    rf_device_info info;
    uint64_t budget;     /* bytes of device memory to hold at once */
    uint64_t free_bytes; /* before the first check; 0: not known */
    bool unified;        /* its memory is the host's, and so everybody's */

    const char *name; /* of the check that runs, and its number */
    uint32_t index;
    uint32_t count;
    rf_check_result result;
    char detail[RF_ERROR_MESSAGE_BYTES];
    uint64_t speed[3]; /* bytes a second: median, least, most */

    rf_address allocations[RF_CHECK_ALLOCATIONS];
    void *pinned[RF_CHECK_BUFFERS];
    void *host[RF_CHECK_BUFFERS];
    rf_stream *streams[RF_CHECK_STREAMS];
    rf_event *events[RF_CHECK_EVENTS];
    rf_stream *capturing; /* a stream whose work is being recorded */
    rf_graph *graph;
} rf_check;

typedef rf_status (*rf_check_function)(rf_check *check, rf_error *error);

/* Runs all checks on a device that is open, also one that the registry does not know. options are
 * whole; *out is written in any case. */
rf_status rf_check_run(rf_device *device, const rf_check_options *options, rf_check_summary *out,
                       rf_error *error);

/* RF_ERROR_CANCELLED where the caller wants no more. Long checks ask between their steps. */
rf_status rf_check_step(const rf_check *check, rf_error *error);
/* Sets the result and the line that goes with it. */
void rf_check_note(rf_check *check, rf_check_result result, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- check_holdings.c ------------------------------------------------------------------------ */

rf_status rf_check_alloc(rf_check *check, uint64_t bytes, uint64_t alignment, rf_address *out,
                         rf_error *error);
rf_status rf_check_pinned(rf_check *check, uint64_t bytes, uint8_t **out, rf_error *error);
rf_status rf_check_host(rf_check *check, uint64_t bytes, uint8_t **out, rf_error *error);
rf_status rf_check_stream(rf_check *check, rf_stream **out, rf_error *error);
rf_status rf_check_event(rf_check *check, rf_event **out, rf_error *error);
/* Waits for all work and gives back all of it, whatever fails; the first failure is returned. */
rf_status rf_check_release(rf_check *check, rf_error *error);

/* Copies and fills on a stream. */
rf_status rf_check_write(rf_check *check, rf_stream *stream, rf_address to, const uint8_t *from,
                         uint64_t bytes, rf_error *error);
rf_status rf_check_read(rf_check *check, rf_stream *stream, uint8_t *to, rf_address from,
                        uint64_t bytes, rf_error *error);
rf_status rf_check_fill(rf_check *check, rf_stream *stream, rf_address to, uint8_t value,
                        uint64_t bytes, rf_error *error);

/* Bytes that say where they are: of a pattern, from its byte `first` on. */
void rf_check_pattern(uint8_t *bytes, uint64_t count, uint64_t first, uint8_t seed);
/* RF_ERROR_DEVICE naming the first byte that differs, and how many do. */
rf_status rf_check_compare(const uint8_t *bytes, uint64_t count, uint64_t first, uint8_t seed,
                           rf_error *error);
rf_status rf_check_all(const uint8_t *bytes, uint64_t count, uint8_t value, rf_error *error);

/* ---- the checks ------------------------------------------------------------------------------ */

rf_status rf_check_facts(rf_check *check, rf_error *error);
rf_status rf_check_allocation(rf_check *check, rf_error *error);
rf_status rf_check_pinned_memory(rf_check *check, rf_error *error);
rf_status rf_check_copies(rf_check *check, rf_error *error);
rf_status rf_check_pool_views(rf_check *check, rf_error *error);
rf_status rf_check_fills(rf_check *check, rf_error *error);
rf_status rf_check_on_device(rf_check *check, rf_error *error);
rf_status rf_check_streams(rf_check *check, rf_error *error);
rf_status rf_check_events(rf_check *check, rf_error *error);
rf_status rf_check_graphs(rf_check *check, rf_error *error);
rf_status rf_check_out_of_memory(rf_check *check, rf_error *error);
rf_status rf_check_speed_to_device(rf_check *check, rf_error *error);
rf_status rf_check_speed_pageable(rf_check *check, rf_error *error);
rf_status rf_check_speed_from_device(rf_check *check, rf_error *error);
rf_status rf_check_speed_on_device(rf_check *check, rf_error *error);
rf_status rf_check_left_over(rf_check *check, rf_error *error);

#endif
