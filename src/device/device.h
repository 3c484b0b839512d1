/*
 * device.h: one table of operations for every device: CPU, HIP, CUDA, emulated, fault-injecting.
 *
 * Preconditions, for all operations:
 *   - A device is opened with rf_device_open, once a process and id: the same id gives the same
 * device again, counted, from any number of threads. Operations are thread-safe.
 *   - Addresses are numbers in the device's own address space. Only where info.unified is true (the
 * CPU) may the host use one as a pointer.
 *   - Every operation that a driver can refuse returns a status, synchronisation included. A device
 * that has no such operation (modules on the CPU) returns RF_ERROR_UNSUPPORTED.
 *   - Nothing here keeps an account: layers above src/memory take device memory from pools only.
 */
#ifndef RF_DEVICE_DEVICE_H
#define RF_DEVICE_DEVICE_H

#include "base/error.h"

typedef struct rf_device rf_device;
typedef struct rf_stream rf_stream; /* work on one stream happens in order; NULL: the default one */
typedef struct rf_event rf_event;   /* a point in a stream: recorded, waited for, timed */
typedef struct rf_module rf_module; /* loaded device code */
typedef struct rf_function rf_function; /* an entry point of a module, which owns it */
typedef struct rf_graph rf_graph;       /* captured work that can be replayed */

/* An address in device memory; 0 is no address. */
typedef uint64_t rf_address;

/* Free and total bytes, and whose word it is. */
typedef struct rf_device_memory {
    uint64_t free;
    uint64_t total;
    char source[32]; /* "driver", "sysfs", "/proc/meminfo" */
    /* Of a GPU, what each said: its driver, and sysfs of its own memory and of the host memory that
     * it may use (GTT), which an APU's free and total include. */
    rf_memory_word driver;
    rf_memory_word vram;
    rf_memory_word gtt;
} rf_device_memory;

typedef struct rf_device_facts {
    rf_device_info info;           /* as in rocmforge.h */
    bool unified;                  /* host pointers are device addresses */
    bool integrated;               /* a GPU whose memory is a part of the host's */
    uint64_t allocation_alignment; /* that the driver gives by itself, bytes */
    uint64_t realigned; /* allocations that the driver aligned less than was asked, so far: they
                           were asked for again, with room to move */
    /* What an allocation takes of the device is at most its bytes rounded up to this, a power of
     * two. */
    uint64_t allocation_granularity;
} rf_device_facts;

typedef enum rf_copy_kind {
    RF_COPY_TO_DEVICE,   /* to: device address, from: host pointer */
    RF_COPY_FROM_DEVICE, /* to: host pointer, from: device address */
    RF_COPY_ON_DEVICE,
} rf_copy_kind;

/* One kernel launch: counts of blocks and threads in x, y, z, dynamic shared memory in bytes, and
 * an array of pointers to the arguments. */
typedef struct rf_launch {
    uint32_t blocks[3];
    uint32_t threads[3];
    uint32_t shared_bytes;
    void **arguments;
    uint32_t n_arguments;
    /* Blocks along x that run together and read each other's shared memory; 0 counts as 1. More are
     * refused where the device has no such clusters. */
    uint32_t cluster;
    /* The kernel may start before the one ahead of it on the stream has ended, and waits for it by
     * itself where it must. A device that cannot do this starts it afterwards. */
    bool overlap;
} rf_launch;

/* Rows of device memory, of which hardware copies boxes: box_rows rows by box_bytes. */
typedef struct rf_row_boxes {
    rf_address address; /* of the first row; a multiple of 16, as are row_bytes and box_bytes */
    uint64_t row_bytes; /* below 2^40 */
    uint64_t n_rows;    /* at least 1, below 2^32 */
    uint32_t box_rows;  /* 1 to 256 */
    uint32_t box_bytes; /* at most 512 */
} rf_row_boxes;

/* What kernels are given of them: for the device alone to read. */
typedef struct rf_row_boxes_code {
    _Alignas(128) uint8_t bytes[128];
} rf_row_boxes_code;

typedef struct rf_device_ops {
    const char *backend; /* "cpu", "hip", "cuda", "emu", "fault" */

    rf_status (*facts)(rf_device *device, rf_device_facts *out, rf_error *error);
    rf_status (*memory)(rf_device *device, rf_device_memory *out, rf_error *error);
    /* The last reference is gone. Closes in any case; RF_ERROR_INTERNAL names what nobody gave
     * back, which is given back now and told in the log. */
    rf_status (*close)(rf_device *device, rf_error *error);

    /* Device memory. alloc: at least `alignment` (a power of two); RF_ERROR_DEVICE_MEMORY names
     * bytes asked and free. free takes what alloc gave, and nothing else. */
    rf_status (*alloc)(rf_device *device, uint64_t bytes, uint64_t alignment, rf_address *out,
                       rf_error *error);
    rf_status (*free)(rf_device *device, rf_address address, rf_error *error);
    /* Pinned host memory, for copies that run beside other work. */
    rf_status (*pinned_alloc)(rf_device *device, uint64_t bytes, void **out, rf_error *error);
    rf_status (*pinned_free)(rf_device *device, void *memory, rf_error *error);

    /* Addresses are passed as numbers; host pointers are cast to uintptr_t. Asynchronous on a
     * stream: the bytes are there once the stream, or an event recorded after it, is done. */
    rf_status (*copy)(rf_device *device, rf_stream *stream, rf_copy_kind kind, rf_address to,
                      rf_address from, uint64_t bytes, rf_error *error);
    rf_status (*fill)(rf_device *device, rf_stream *stream, rf_address to, uint8_t value,
                      uint64_t bytes, rf_error *error);

    rf_status (*stream_create)(rf_device *device, rf_stream **out, rf_error *error);
    rf_status (*stream_destroy)(rf_device *device, rf_stream *stream, rf_error *error);
    rf_status (*stream_sync)(rf_device *device, rf_stream *stream, rf_error *error);
    rf_status (*sync)(rf_device *device, rf_error *error); /* all streams */

    rf_status (*event_create)(rf_device *device, rf_event **out, rf_error *error);
    rf_status (*event_destroy)(rf_device *device, rf_event *event, rf_error *error);
    rf_status (*event_record)(rf_device *device, rf_event *event, rf_stream *stream,
                              rf_error *error);
    rf_status (*event_sync)(rf_device *device, rf_event *event, rf_error *error);
    rf_status (*event_done)(rf_device *device, rf_event *event, bool *done, rf_error *error);
    rf_status (*event_elapsed)(rf_device *device, rf_event *begin, rf_event *end,
                               uint64_t *nanoseconds, rf_error *error);
    rf_status (*stream_wait)(rf_device *device, rf_stream *stream, rf_event *event,
                             rf_error *error);

    rf_status (*module_load)(rf_device *device, const void *code, uint64_t bytes, rf_module **out,
                             rf_error *error);
    rf_status (*module_unload)(rf_device *device, rf_module *module, rf_error *error);
    rf_status (*module_function)(rf_device *device, rf_module *module, const char *name,
                                 rf_function **out, rf_error *error);
    rf_status (*launch)(rf_device *device, rf_stream *stream, rf_function *function,
                        const rf_launch *launch, rf_error *error);

    /* RF_ERROR_UNSUPPORTED where the hardware or its driver has no such copies. */
    rf_status (*describe_rows)(rf_device *device, const rf_row_boxes *boxes, rf_row_boxes_code *out,
                               rf_error *error);

    /* Work put on the stream between begin and end is recorded, not done. */
    rf_status (*graph_begin)(rf_device *device, rf_stream *stream, rf_error *error);
    rf_status (*graph_end)(rf_device *device, rf_stream *stream, rf_graph **out, rf_error *error);
    rf_status (*graph_replay)(rf_device *device, rf_stream *stream, rf_graph *graph,
                              rf_error *error);
    rf_status (*graph_destroy)(rf_device *device, rf_graph *graph, rf_error *error);
} rf_device_ops;

#define RF_DEVICE_ID_BYTES 32

/* Someone who holds something of a device, such as an account of its memory. */
typedef struct rf_device_user {
    struct rf_device_user *next; /* guarded by the registry's lock */
    /* Writes what is held into text, one line for people. */
    void (*describe)(struct rf_device_user *user, char *text, size_t capacity);
} rf_device_user;

/* What every device starts with; a backend's own state follows it. */
struct rf_device {
    const rf_device_ops *ops;
    char id[RF_DEVICE_ID_BYTES];
    uint32_t references;   /* guarded by the registry's lock, as is next */
    rf_device *next;       /* of the devices that are open */
    rf_device_user *users; /* guarded by it too */
};

/*
 * Opens a device by id ("cpu", "hip:0", "cuda:1"; "hip" is "hip:0"), or returns the one that is
 * open. NULL: rf_device_open_best of all. A failed open leaves nothing behind and can be
 * tried again. Opening from inside an opening is RF_ERROR_BUSY, not a deadlock. Errors: NOT_FOUND
 * names the ids that there are.
 */
rf_status rf_device_open(const char *id, rf_device **out, rf_error *error);
/* Whether models can be computed on a device of these facts, as rf_backend.look knows them; the
 * error says why not. It must not call the registry. */
typedef rf_status (*rf_device_judge)(const rf_device_facts *facts, rf_error *error);
/*
 * Opens the best device that the judge (NULL: allows all) does not refuse and that opens: a GPU
 * with memory of its own, then one that shares the host's, then the CPU, and of equals the one with
 * most memory. Only those are made ready that are tried. Where it is the CPU though there is a GPU,
 * a warning in the log says why that is not used.
 */
rf_status rf_device_open_best(rf_device_judge judge, rf_device **out, rf_error *error);
/*
 * Gives back one reference; the last one closes the device. RF_ERROR_BUSY, and the reference still
 * the caller's, where it is the last and an account is open on the device: it names what that
 * holds. RF_ERROR_INTERNAL where the device was closed with memory that nobody gave back: it is
 * freed, named in the error and told in the log.
 */
rf_status rf_device_close(rf_device *device, rf_error *error);

/* Counts someone who needs the device to stay open, until it leaves. From any thread. */
void rf_device_join(rf_device *device, rf_device_user *user);
void rf_device_leave(rf_device *device, rf_device_user *user);

#endif
