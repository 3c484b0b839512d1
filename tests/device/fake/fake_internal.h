/* fake_internal.h: what the entry points of the fake driver are made of. Results are the numbers
 * that CUDA and HIP share; handles are fake_object. */
#ifndef RF_TESTS_DEVICE_FAKE_INTERNAL_H
#define RF_TESTS_DEVICE_FAKE_INTERNAL_H

#include "device/fake/fake_driver.h"

enum {
    FAKE_INVALID_VALUE = 1,
    FAKE_OUT_OF_MEMORY = 2,
    FAKE_NO_DEVICE = 100,
    FAKE_INVALID_DEVICE = 101,
    FAKE_INVALID_CONTEXT = 201,
    FAKE_INVALID_KERNEL_FILE = 218,
    FAKE_INVALID_HANDLE = 400,
    FAKE_NOT_FOUND = 500,
    FAKE_NOT_READY = 600,
    FAKE_LAUNCH_FAILURE = 719,
};

/* A copy or a fill (from is NULL) that a graph holds. */
typedef struct fake_move {
    void *to;
    const void *from;
    size_t bytes;
    int value;
} fake_move;

#define FAKE_MOVES_MAX 8

/* Everything that has a handle. */
typedef struct fake_object {
    fake_kind kind;
    int device;
    bool capturing; /* a stream */
    bool recorded;  /* an event */
    uint64_t work;  /* launches in a graph, or recorded for one */
    fake_move moves[FAKE_MOVES_MAX];
    unsigned n_moves;
} fake_object;

/* Counts a call; not 0 where it is to fail. */
int fake_begin(const char *name);

/* The calling thread's device; -1: none. */
int *fake_current(void);
int fake_enter(int device);

int fake_make(fake_kind kind, void **out);
/* NULL is the default stream, where one is allowed. */
int fake_check(fake_kind kind, const void *handle);
int fake_destroy(fake_kind kind, void *handle);

int fake_total_memory(size_t *total, int device); /* needs no current device */
int fake_memory_info(size_t *available, size_t *total);
int fake_alloc(fake_kind kind, size_t bytes, void **out);
int fake_free(fake_kind kind, void *memory);
int fake_copy(void *to, const void *from, size_t bytes, void *stream);
int fake_fill(void *to, int value, size_t bytes, void *stream);

int fake_record(void *event, const void *stream);
int fake_query(const void *event);
int fake_elapsed(const void *begin, const void *end, float *milliseconds);

int fake_module(const char *code, void **out);
int fake_function(void *module, const char *name, void **out);
int fake_launch(const void *function, unsigned shared_bytes, void *stream, void **arguments);

int fake_capture(void *stream);
int fake_capture_end(void *stream, void **graph);
int fake_instantiate(const void *graph, void **out);
int fake_replay(const void *executable, const void *stream);

const char *fake_error_name(unsigned code);
const char *fake_error_text(unsigned code);
int fake_name(char *out, int bytes, int device);
int fake_pci(char *out, int bytes, int device);

#endif
