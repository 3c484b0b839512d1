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
#include "device/emu/thread.h"
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
/* Where those of the first device lie, and how far apart the devices' are. The numbers begin with
 * 0x7A: two u32 or f32 beside each other in the arguments of a kernel are no address by chance. */
#define EMU_ADDRESS_FIRST (0x7A00ULL << 48)
#define EMU_ADDRESS_STEP  (1ULL << 48)

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

/* ---- code: module.c, execute.c; graphs: graph.c -----------------------------------------------
 */

/* Of a block at most, as on every GPU; of blocks in each direction (CUDA's limits). */
#define EMU_MAX_THREADS  1024U
#define EMU_MAX_BLOCKS_X 0x7FFFFFFFU
#define EMU_MAX_BLOCKS_Y 65535U

typedef struct emu_module emu_module;
typedef struct emu_executor emu_executor;

/* What a module's handle to a kernel points to. */
typedef struct emu_function {
    emu_module *module;
    const rf_emu_kernel *kernel;
} emu_function;

struct emu_module {
    emu_module *next; /* of the live ones */
    uint64_t serial;
    bool unloaded;       /* only the references below keep it */
    uint32_t references; /* of the device's list, and of calls */
    uint64_t n_functions;
    emu_function functions[];
};

/* A launch, with all that it takes to run, and to run again. */
typedef struct emu_call {
    uint32_t references; /* of queued work and of graphs */
    emu_module *module;
    const rf_emu_kernel *kernel;
    uint32_t blocks[3];
    uint32_t threads;
    uint32_t shared_bytes;
    void *args;
    emu_allocation **used; /* into which an address among the arguments points */
    uint32_t n_used;
} emu_call;

typedef struct emu_operation emu_operation;

typedef struct emu_graph {
    struct emu_graph *next; /* of the live ones */
    uint64_t serial;
    uint32_t references; /* of the device's list or of the stream that captures, and of replays */
    emu_operation *operations;
    uint64_t n_operations, capacity;
    pthread_t thread; /* that captures */
    rf_error spoiled; /* by what the capture came to nothing; its status RF_OK: by nothing */
} emu_graph;

/* ---- operations -------------------------------------------------------------------------------
 */

typedef enum emu_kind { EMU_COPY, EMU_FILL, EMU_RECORD, EMU_WAIT, EMU_LAUNCH, EMU_REPLAY } emu_kind;

struct emu_operation {
    emu_kind kind;
    emu_end to, from; /* copy; fill: to */
    uint64_t bytes;
    uint8_t value;     /* fill */
    uint64_t event;    /* record: its handle */
    emu_mark wait_for; /* wait */
    emu_call *call;    /* launch */
    emu_graph *graph;  /* replay */
};

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
    emu_graph *capture;     /* what is put on the stream goes here; NULL: nothing is captured */
    emu_executor *executor; /* its thread's own; NULL before the first launch */
} emu_stream;

typedef struct emu_event {
    bool live;
    uint64_t handle;
    emu_mark mark;        /* of the latest record */
    uint64_t recorded_ns; /* when that was done; 0: not yet */
    uint64_t captured;    /* the graph's serial that the latest record went to; 0: none */
} emu_event;

struct emu_device {
    rf_device base;
    uint32_t warp_size;
    char description[RF_NAME_BYTES];
    int pattern; /* the file behind fresh memory */

    pthread_mutex_t lock;    /* guards all below */
    pthread_cond_t progress; /* an operation was done */
    rf_emu_schedule schedule;
    uint64_t seed;
    uint64_t total, charged; /* bytes of memory; of these, taken */
    uint64_t next_address;
    uint64_t last_serial, last_module, last_graph;
    uint32_t n_captures;         /* streams that capture */
    emu_module *modules;         /* live ones */
    emu_graph *graphs;           /* live ones */
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
/* The allocation, of either kind, that a byte is in; NULL where there is none. */
emu_allocation *rf_emu_find(const emu_device *emu, uint64_t address);
/* Looks at every guard zone: RF_ERROR_DEVICE names an allocation with a damaged one. */
rf_status rf_emu_check_guards(const emu_device *emu, rf_error *error);
rf_status rf_emu_check_guard(const emu_device *emu, const emu_allocation *a, rf_error *error);

/* Gives one reference back; the record goes with the last. NULL is allowed. */
void rf_emu_unref(emu_allocation *allocation);

/* ---- copy.c --------------------------------------------------------------------------------- */

rf_status rf_emu_copy(rf_device *device, rf_stream *stream, rf_copy_kind kind, rf_address to,
                      rf_address from, uint64_t bytes, rf_error *error);
rf_status rf_emu_fill(rf_device *device, rf_stream *stream, rf_address to, uint8_t value,
                      uint64_t bytes, rf_error *error);
/* Does a copy or fill that was queued. The lock is held, and released while bytes move. */
rf_status rf_emu_move(emu_device *emu, const emu_operation *operation, rf_error *error);
/* Gives back an operation's references to allocations, calls and graphs. The lock is held. */
void rf_emu_let_go(const emu_operation *operation);

/* ---- stream.c ------------------------------------------------------------------------------- */

/* Starts the default stream; stops it once all work is done. The device is not in use otherwise. */
rf_status rf_emu_streams_start(emu_device *emu, rf_error *error);
void rf_emu_streams_stop(emu_device *emu, rf_leaks *leaks);

rf_status rf_emu_stream_create(rf_device *device, rf_stream **out, rf_error *error);
rf_status rf_emu_stream_destroy(rf_device *device, rf_stream *stream, rf_error *error);
rf_status rf_emu_stream_sync(rf_device *device, rf_stream *stream, rf_error *error);
rf_status rf_emu_sync(rf_device *device, rf_error *error);

/* All below: the lock is held. */

uint64_t rf_emu_new_handle(emu_device *emu, uint32_t slot);
/* Puts work on a stream, waiting for room; *mark is its place. RF_ERROR_STALE where there is no
 * such stream. */
rf_status rf_emu_queue(emu_device *emu, rf_stream *stream, const emu_operation *operation,
                       emu_mark *mark, rf_error *error);
void rf_emu_want(emu_device *emu, emu_mark mark); /* has a lazy stream work up to there */
void rf_emu_wait(emu_device *emu, emu_mark mark);
bool rf_emu_reached(const emu_device *emu, emu_mark mark);
/* The graph that a stream captures, NULL where it captures none. RF_ERROR_STALE. */
rf_status rf_emu_capture_of(const emu_device *emu, const rf_stream *stream, emu_graph **out,
                            rf_error *error);
/* Begins or ends (capture: NULL) a capture. RF_ERROR_STALE. */
rf_status rf_emu_set_capture(emu_device *emu, const rf_stream *stream, emu_graph *capture,
                             rf_error *error);
/* Does one operation of a stream, whose place is `here`. */
rf_status rf_emu_perform(emu_device *emu, const emu_operation *operation, emu_mark here,
                         rf_error *error);
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

/* ---- module.c ------------------------------------------------------------------------------- */

rf_status rf_emu_module_load(rf_device *device, const void *code, uint64_t bytes, rf_module **out,
                             rf_error *error);
rf_status rf_emu_module_unload(rf_device *device, rf_module *module, rf_error *error);
rf_status rf_emu_module_function(rf_device *device, rf_module *module, const char *name,
                                 rf_function **out, rf_error *error);
rf_status rf_emu_launch(rf_device *device, rf_stream *stream, rf_function *function,
                        const rf_launch *launch, rf_error *error);
/* Unloads whatever was not given back, and adds each to the leaks. */
void rf_emu_unload_all(emu_device *emu, rf_leaks *leaks);

/* The three below: the lock is held. */

/* Does a launch that was queued; the lock is released while it runs. */
rf_status rf_emu_run_call(emu_device *emu, const emu_call *call, emu_mark here, rf_error *error);
/* Whether a call's module and all memory that its arguments point to are still there. */
rf_status rf_emu_call_check(const emu_device *emu, const emu_call *call, rf_error *error);
void rf_emu_call_unref(emu_call *call); /* NULL is allowed */

/* ---- execute.c, translate.c ----------------------------------------------------------------- */

/* Runs all blocks of a launch, with the executor of the stream that does it, which is made when it
 * is first needed. The lock is held, and released meanwhile. */
rf_status rf_emu_execute(emu_executor **executor, emu_device *emu, const emu_call *call,
                         uint64_t seed, rf_error *error);
/* On the thread that used it. NULL is allowed. */
void rf_emu_executor_destroy(emu_executor *executor);
/* Lets go of the memory that a launch kept, and looks at its guard zones. The lock is held. */
rf_status rf_emu_spans_end(emu_executor *executor, rf_error *error);

/* ---- graph.c -------------------------------------------------------------------------------- */

rf_status rf_emu_graph_begin(rf_device *device, rf_stream *stream, rf_error *error);
rf_status rf_emu_graph_end(rf_device *device, rf_stream *stream, rf_graph **out, rf_error *error);
rf_status rf_emu_graph_replay(rf_device *device, rf_stream *stream, rf_graph *graph,
                              rf_error *error);
rf_status rf_emu_graph_destroy(rf_device *device, rf_graph *graph, rf_error *error);
/* Likewise. */
void rf_emu_graphs_destroy_all(emu_device *emu, rf_leaks *leaks);

/* The five below: the lock is held. */

/* Adds an operation, with its references, to a graph that is captured. */
rf_status rf_emu_capture(emu_graph *graph, const emu_operation *operation, rf_error *error);
/* For what no driver does while a stream captures: an error, which its graph will end with. */
rf_status rf_emu_spoil(const emu_device *emu, emu_graph *graph, const char *what, rf_error *error);
/* The same if this thread captures anything. */
rf_status rf_emu_refuse_in_capture(const emu_device *emu, const char *what, rf_error *error);
/* Does all operations of a graph. */
rf_status rf_emu_run_graph(emu_device *emu, const emu_graph *graph, emu_mark here, rf_error *error);
void rf_emu_graph_unref(emu_graph *graph); /* NULL is allowed */

#endif
