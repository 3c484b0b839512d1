/*
 * fiber.h: stacks that one thread switches between: the threads of an emulated block.
 *
 * A fiber belongs to the operating system's thread that made it, and is used by no other.
 */
#ifndef RF_DEVICE_EMU_FIBER_H
#define RF_DEVICE_EMU_FIBER_H

#include "base/error.h"

typedef struct emu_fiber {
    void *sp; /* while it does not run */
    uint8_t *stack;
    uint64_t stack_bytes;
    uint8_t *mapped; /* the stack with its guard page below; NULL: the thread's own stack */
    void *fake;      /* the address sanitizer's second stack, while it does not run */
    struct emu_fiber *resumed_by;
    void (*work)(void *argument, struct emu_fiber *me);
    void *argument;
    struct emu_fiber *next; /* for lists of whoever has it */
} emu_fiber;

/*
 * A fiber that calls work(argument, me) when it is first switched to. work must not return; it ends
 * by rf_emu_fiber_leave. place: fibers of neighbouring places begin at different cache lines.
 * Errors: HOST_MEMORY.
 */
rf_status rf_emu_fiber_create(void (*work)(void *argument, emu_fiber *me), void *argument,
                              uint32_t place, emu_fiber **out, rf_error *error);
/* Forgets what a fiber was doing: it calls work anew when it is next switched to. */
void rf_emu_fiber_reset(emu_fiber *fiber);
/* For a fiber that has left. */
void rf_emu_fiber_destroy(emu_fiber *fiber);

/* Goes on with `to`; returns when somebody switches to `from`, which is the one that runs. The
 * thread's own stack is a fiber with nothing set. */
void rf_emu_fiber_switch(emu_fiber *from, emu_fiber *to);
/* The same, and `from` is never switched to again. */
void rf_emu_fiber_leave(emu_fiber *from, emu_fiber *to);

#endif
