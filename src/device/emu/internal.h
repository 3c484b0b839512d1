/*
 * internal.h: what the files of the emulated device share.
 *
 * One lock guards everything but the bytes of memory. Streams release it while they move bytes; the
 * allocations that they move them in are pinned down until they are back.
 */
#ifndef RF_DEVICE_EMU_INTERNAL_H
#define RF_DEVICE_EMU_INTERNAL_H

#include <pthread.h>

#include "device/emu/emu.h"
#include "device/leaks.h"

/* ---- backing.c: host memory behind device memory -------------------------------------------- */

/* A mapping with a guard zone on either side of its payload, which starts on a page. */
typedef struct emu_backing {
    uint8_t *mapped;
    uint64_t mapped_bytes;
    uint8_t *payload;
    uint64_t bytes; /* of the payload */
} emu_backing;

/* A file of RF_EMU_FRESH bytes, of which all memory is a private mapping: pages that nobody writes
 * take no memory. *out is its descriptor. */
rf_status rf_emu_pattern_open(int *out, rf_error *error);
/* RF_ERROR_DEVICE_MEMORY where the host has no room for it, OVERFLOW. */
rf_status rf_emu_backing_map(int pattern, uint64_t bytes, emu_backing *out, rf_error *error);
rf_status rf_emu_backing_unmap(const emu_backing *backing, rf_error *error);
/* Whether both guards are whole; if not, *distance is how far from the payload the first changed
 * byte is (1: next to it) and *behind on which side. They are then made whole, so that damage is
 * reported once. */
bool rf_emu_guards_check(const emu_backing *backing, bool *behind, uint64_t *distance);

/* ---- allocations: alloc.c ------------------------------------------------------------------- */

/* Where device addresses lie: 2^62 and up is no address that a processor with 48 or 57 bits of them
 * can translate (Intel SDM volume 1, 3.3.7.1, canonical addressing), so using one on the host
 * always faults. Devices of different warps have different ones. */
#define EMU_ADDRESS_BEGIN (1ULL << 62)
#define EMU_ADDRESS_END   (1ULL << 63)

/* Of every device address, asked or not: the least that GPU drivers give. */
#define EMU_ALIGNMENT 256U

/* What is taken of the device's memory is counted in these: drivers hand out pages too. */
#define EMU_GRANULARITY 4096U

typedef struct emu_allocation {
    struct emu_allocation *next; /* of the live ones */
    uint64_t serial;             /* names it in errors: counted from 1 */
    uint64_t address;            /* on the device; of pinned memory, the host's pointer */
    uint64_t bytes;              /* asked for */
    uint64_t charged;            /* of the device's memory; 0 for pinned memory */
    emu_backing backing;
    bool pinned;
    bool freed;          /* only the references below keep the record */
    uint32_t references; /* of the device's list or the one who frees it, and of queued work */
    uint32_t users;      /* streams that move its bytes at this moment */
} emu_allocation;

/* ---- streams and events: stream.c, event.c -------------------------------------------------- */

/* Streams that exist at once at most, the default one included; events likewise. Far above what a
 * loader or an engine uses; they bound the host memory. */
#define EMU_STREAMS 64U
#define EMU_EVENTS  1024U
/* Operations that wait on one stream at most; who queues more waits, as with real drivers. */
#define EMU_QUEUE 256U

/* A handle of either is a number that never comes back, with the index of its slot, from 1, in the
 * lowest bits. Nothing is read through a handle, so that a wrong one does no harm. */
#define EMU_SLOT_BITS 16U
#define EMU_SLOT_MASK ((1U << EMU_SLOT_BITS) - 1U)

/* A place in the work of a stream: done once `position` operations of the slot are. Positions never
 * start anew, also when a slot is used again, so a mark outlives its stream. */
typedef struct emu_mark {
    uint32_t stream;
    uint64_t position; /* 0: before all work */
} emu_mark;

/* One side of a copy. */
typedef struct emu_end {
    emu_allocation *allocation; /* NULL: host memory that is not pinned */
    uint8_t *bytes;             /* on the host */
} emu_end;

typedef enum emu_kind { EMU_COPY, EMU_FILL, EMU_RECORD, EMU_WAIT } emu_kind;

typedef struct emu_operation {
    emu_kind kind;
    emu_end to, from; /* copy; fill: to */
    uint64_t bytes;
    uint8_t value;     /* fill */
    uint64_t event;    /* record: its handle */
    emu_mark wait_for; /* wait */
} emu_operation;

typedef enum emu_stream_state {
    EMU_STREAM_NONE,
    EMU_STREAM_LIVE,
    EMU_STREAM_ENDING
} emu_stream_state;

typedef struct emu_device emu_device;

typedef struct emu_stream {
    emu_device *emu;
    pthread_t thread;
    pthread_cond_t work; /* something to do, or to stop for */
    emu_stream_state state;
    uint64_t handle;       /* 0 for the default one */
    emu_operation *queue;  /* [EMU_QUEUE], a ring */
    uint64_t queued, done; /* operations ever; done <= queued */
    uint64_t wanted;       /* of queued: someone waits for these */
    uint64_t failed;       /* position of the first failure that is not reported yet; 0: none */
    rf_error failure;
    bool stop;
} emu_stream;

typedef struct emu_event {
    bool live;
    uint64_t handle;
    emu_mark mark;        /* of the latest record */
    uint64_t recorded_ns; /* when that was done; 0: not yet */
} emu_event;

struct emu_device {
    rf_device base;
    uint32_t warp_size;
    int pattern; /* the file behind fresh memory */

    pthread_mutex_t lock;    /* guards all below */
    pthread_cond_t progress; /* an operation was done */
    rf_emu_schedule schedule;
    uint64_t seed;
    uint64_t total, charged; /* bytes of memory; of these, taken */
    uint64_t next_address;
    uint64_t last_serial;
    emu_allocation *allocations; /* live ones, device and pinned */
    rf_emu_live live;
    uint64_t last_generation;        /* of handles of streams and events */
    emu_stream streams[EMU_STREAMS]; /* 0 is the default one */
    emu_event events[EMU_EVENTS];
};

/* ---- alloc.c -------------------------------------------------------------------------------- */

rf_status rf_emu_memory(rf_device *device, rf_device_memory *out, rf_error *error);
rf_status rf_emu_alloc(rf_device *device, uint64_t bytes, uint64_t alignment, rf_address *out,
                       rf_error *error);
rf_status rf_emu_free(rf_device *device, rf_address address, rf_error *error);
rf_status rf_emu_pinned_alloc(rf_device *device, uint64_t bytes, void **out, rf_error *error);
rf_status rf_emu_pinned_free(rf_device *device, void *memory, rf_error *error);
/* Whatever was not given back, each noted. */
void rf_emu_free_all(emu_device *emu, rf_leaks *leaks);

/* The three below: the lock is held. */

/* The ends of a copy, checked: the bytes lie in one live allocation, or are host memory that is not
 * pinned. RF_ERROR_RANGE with the allocation that they leave. */
rf_status rf_emu_device_end(const emu_device *emu, rf_address address, uint64_t bytes, emu_end *out,
                            rf_error *error);
rf_status rf_emu_host_end(const emu_device *emu, rf_address address, uint64_t bytes, emu_end *out,
                          rf_error *error);
/* Looks at every guard zone: RF_ERROR_DEVICE names an allocation with a damaged one. */
rf_status rf_emu_check_guards(const emu_device *emu, rf_error *error);

/* Gives one reference back; the record goes with the last. NULL is allowed. */
void rf_emu_unref(emu_allocation *allocation);

/* ---- copy.c --------------------------------------------------------------------------------- */

rf_status rf_emu_copy(rf_device *device, rf_stream *stream, rf_copy_kind kind, rf_address to,
                      rf_address from, uint64_t bytes, rf_error *error);
rf_status rf_emu_fill(rf_device *device, rf_stream *stream, rf_address to, uint8_t value,
                      uint64_t bytes, rf_error *error);
/* Does a copy or fill that was queued, and lets go of its allocations. The lock is held, and
 * released while bytes move. */
rf_status rf_emu_move(emu_device *emu, const emu_operation *operation, rf_error *error);

/* ---- stream.c ------------------------------------------------------------------------------- */

/* Starts the default stream; stops it once all work is done. The device is not in use otherwise. */
rf_status rf_emu_streams_start(emu_device *emu, rf_error *error);
void rf_emu_streams_stop(emu_device *emu, rf_leaks *leaks);

rf_status rf_emu_stream_create(rf_device *device, rf_stream **out, rf_error *error);
rf_status rf_emu_stream_destroy(rf_device *device, rf_stream *stream, rf_error *error);
rf_status rf_emu_stream_sync(rf_device *device, rf_stream *stream, rf_error *error);
rf_status rf_emu_sync(rf_device *device, rf_error *error);

/* The six below: the lock is held. */

uint64_t rf_emu_new_handle(emu_device *emu, uint32_t slot);
/* Puts work on a stream, waiting for room; *mark is its place. RF_ERROR_STALE where there is no
 * such stream. */
rf_status rf_emu_queue(emu_device *emu, rf_stream *stream, const emu_operation *operation,
                       emu_mark *mark, rf_error *error);
void rf_emu_want(emu_device *emu, emu_mark mark); /* has a lazy stream work up to there */
void rf_emu_wait(emu_device *emu, emu_mark mark);
bool rf_emu_reached(const emu_device *emu, emu_mark mark);
/* The failure of work up to a mark that no synchronisation has reported yet. */
rf_status rf_emu_failure(const emu_device *emu, emu_mark mark, rf_error *error);

/* ---- event.c -------------------------------------------------------------------------------- */

rf_status rf_emu_event_create(rf_device *device, rf_event **out, rf_error *error);
rf_status rf_emu_event_destroy(rf_device *device, rf_event *event, rf_error *error);
rf_status rf_emu_event_record(rf_device *device, rf_event *event, rf_stream *stream,
                              rf_error *error);
rf_status rf_emu_event_sync(rf_device *device, rf_event *event, rf_error *error);
rf_status rf_emu_event_done(rf_device *device, rf_event *event, bool *done, rf_error *error);
rf_status rf_emu_event_elapsed(rf_device *device, rf_event *begin, rf_event *end,
                               uint64_t *nanoseconds, rf_error *error);
rf_status rf_emu_stream_wait(rf_device *device, rf_stream *stream, rf_event *event,
                             rf_error *error);
/* The place where a stream records an event has come. The lock is held. */
void rf_emu_event_reached(emu_device *emu, uint64_t handle, emu_mark mark);

#endif
