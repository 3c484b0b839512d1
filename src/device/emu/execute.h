/*
 * execute.h: one launch on the emulated device: its blocks one after the other, the threads of a
 * block as fibers. What kernels call (thread.h) works on the executor of the thread that runs.
 */
#ifndef RF_DEVICE_EMU_EXECUTE_H
#define RF_DEVICE_EMU_EXECUTE_H

#include "device/emu/fiber.h"
#include "device/emu/internal.h"

#define EMU_MAX_LANES 64U
#define EMU_MAX_WARPS (EMU_MAX_THREADS / 32U)

/* What a thread waits for; names of them are in execute.c. */
typedef enum emu_wait_kind {
    EMU_RUNS, /* for nothing: it runs, or will */
    EMU_AT_BARRIER,
    EMU_AT_WARP_BARRIER,
    EMU_IN_SHUFFLE,
    EMU_IN_GATHER,
    EMU_ENDED,
} emu_wait_kind;

typedef struct emu_thread {
    rf_emu_thread self; /* what kernels see */
    uint32_t warp, lane;
    emu_fiber *fiber; /* NULL: not begun, or ended */
    emu_wait_kind wait;
    const void *where; /* in the kernel's code, it waits */
    uint32_t bytes;    /* that it gives in a gather */
    uint32_t turn;     /* which of the warp's rooms its next shuffle or gather uses */
} emu_thread;

typedef struct emu_warp {
    uint64_t lanes; /* that it has */
    uint32_t n_lanes;
    uint64_t ready; /* of these, that can run */
    uint32_t n_waiting;
    /* What lanes give each other. Of two operations in a row each has its own: a lane may be in the
     * next one while another still reads what it got. */
    uint8_t rooms[2][EMU_MAX_LANES * RF_EMU_GATHER_BYTES] __attribute__((aligned(64)));
} emu_warp;

/* Memory that a launch has used: kept until it ends. */
typedef struct emu_span {
    uint64_t address;
    uint64_t bytes;
    uint8_t *payload;
    emu_allocation *allocation;
} emu_span;

struct emu_executor {
    emu_fiber main; /* of the stream's own thread */
    emu_fiber *idle;
    uint32_t n_fibers;

    /* The launch: */
    emu_device *emu;
    const emu_call *call;
    uint32_t warp_size, n_warps;
    uint32_t block[3];
    rf_emu_schedule order; /* of threads that can run: first, any or last */
    uint64_t random;
    emu_span *spans;
    uint32_t n_spans, span_capacity;
    uint8_t *shared; /* with guard zones on either side */
    bool failed;
    rf_error failure;

    /* The block: */
    emu_thread *running;
    uint32_t ready_warps; /* bits */
    uint32_t n_at_barrier, n_ended;
    emu_thread threads[EMU_MAX_THREADS];
    emu_warp warps[EMU_MAX_WARPS];
};

/* The executor whose fiber runs on this thread. */
emu_executor *rf_emu_executing(void);

/* Goes on with another thread of the block, until somebody has this one go on. */
void rf_emu_give_way(emu_executor *x);
/* Gives the launch up, whose failure is set, and never comes back. */
__attribute__((noreturn)) void rf_emu_give_up(emu_executor *x);
/* Sets the failure of the launch: the kernel, the block and what each of its threads is doing. */
void rf_emu_explain(emu_executor *x, const char *what);
/* Has threads of a warp, or all of a block, run again. */
void rf_emu_release_warp(emu_executor *x, uint32_t warp);
void rf_emu_release_block(emu_executor *x);

/* Keeps an allocation until the launch ends. The lock is held. */
rf_status rf_emu_span_add(emu_executor *x, emu_allocation *a, rf_error *error);

#endif
