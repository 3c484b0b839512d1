/*
 * fiber.c: fibers on x86-64. A switch saves the registers that a called function has to preserve
 * (System V ABI, AMD64 supplement, 3.2.1), and costs some nanoseconds; swapcontext would ask the
 * kernel for the signal mask each time.
 */
#include "device/emu/fiber.h"

#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>

#include "base/fault.h"
#include "base/memory.h"
#include "device/emu/sanitizers.h"

#define PAGE_BYTES 4096U

/* Kernels keep tiles of some KiB; instrumented code needs a multiple of that. */
#ifdef EMU_ASAN
#define STACK_BYTES (512U << 10)
#else
#define STACK_BYTES (128U << 10)
#endif

/* Stacks begin on pages, whose first lines all fall into the same few sets of the cache: each fiber
 * starts some lines further down than the one before it. */
#define PLACES      16U
#define PLACE_BYTES 320U

/* What a fiber's stack holds while it does not run, from its sp on. */
typedef struct frame {
    uint64_t r15, r14, r13, r12, rbx, rbp;
    uint64_t address; /* where it goes on */
} frame;

/* Saves the frame of the caller, stores its sp, and goes on with another's. */
void rf_emu_fiber_swap(void **sp, void *other);
/* Where a new fiber goes on: r12 is called with r13. */
void rf_emu_fiber_start(void);

__asm__(".text\n"
        ".p2align 4\n"
        ".hidden rf_emu_fiber_swap\n"
        ".globl rf_emu_fiber_swap\n"
        ".type rf_emu_fiber_swap, @function\n"
        "rf_emu_fiber_swap:\n"
        "    pushq %rbp\n"
        "    pushq %rbx\n"
        "    pushq %r12\n"
        "    pushq %r13\n"
        "    pushq %r14\n"
        "    pushq %r15\n"
        "    movq %rsp, (%rdi)\n"
        "    movq %rsi, %rsp\n"
        "    popq %r15\n"
        "    popq %r14\n"
        "    popq %r13\n"
        "    popq %r12\n"
        "    popq %rbx\n"
        "    popq %rbp\n"
        "    ret\n"
        ".size rf_emu_fiber_swap, . - rf_emu_fiber_swap\n"
        ".p2align 4\n"
        ".hidden rf_emu_fiber_start\n"
        ".globl rf_emu_fiber_start\n"
        ".type rf_emu_fiber_start, @function\n"
        "rf_emu_fiber_start:\n"
        "    .cfi_startproc\n"
        "    .cfi_undefined rip\n" /* nothing called this: backtraces end here */
        "    movq %r13, %rdi\n"
        "    call *%r12\n"
        "    ud2\n"
        "    .cfi_endproc\n"
        ".size rf_emu_fiber_start, . - rf_emu_fiber_start\n");

/* ---- what the address sanitizer is told -------------------------------------------------------
 */

#ifdef EMU_ASAN
static void before_switch(void **fake, const emu_fiber *to)
{
    __sanitizer_start_switch_fiber(fake, to->stack, to->stack_bytes);
}

/* Also learns where the stack of who switched here is: of the thread's own nobody has said so. */
static void after_switch(emu_fiber *me)
{
    const void *stack = NULL;
    size_t bytes = 0;
    __sanitizer_finish_switch_fiber(me->fake, &stack, &bytes);
    if (!me->resumed_by->mapped) {
        me->resumed_by->stack = (uint8_t *)(uintptr_t)stack;
        me->resumed_by->stack_bytes = bytes;
    }
}
#else
static void before_switch(void **fake, const emu_fiber *to)
{
    (void)fake, (void)to;
}

static void after_switch(emu_fiber *me)
{
    (void)me;
}
#endif

/* ---- switching --------------------------------------------------------------------------------
 */

EMU_SWITCHES void rf_emu_fiber_switch(emu_fiber *from, emu_fiber *to)
{
    to->resumed_by = from;
    before_switch(&from->fake, to);
    rf_emu_fiber_swap(&from->sp, to->sp);
    after_switch(from);
}

EMU_SWITCHES void rf_emu_fiber_leave(emu_fiber *from, emu_fiber *to)
{
    to->resumed_by = from;
    before_switch(NULL, to); /* NULL: the sanitizer's second stack goes too */
    rf_emu_fiber_swap(&from->sp, to->sp);
}

EMU_SWITCHES static void begin(emu_fiber *me)
{
    after_switch(me);
    me->work(me->argument, me);
}

/* ---- creating and destroying ------------------------------------------------------------------
 */

void rf_emu_fiber_reset(emu_fiber *fiber)
{
    EMU_UNPOISON(fiber->stack, fiber->stack_bytes);
    /* The call in rf_emu_fiber_start needs a stack that is a multiple of 16. */
    frame *f = (frame *)(void *)(fiber->stack + fiber->stack_bytes - 16) - 1;
    *f = (frame){
        .r12 = (uintptr_t)begin, .r13 = (uintptr_t)fiber, .address = (uintptr_t)rf_emu_fiber_start};
    fiber->sp = f;
}

static uint8_t *map_stack(void)
{
    if (rf_fault_fires(RF_FAULT_HOST_ALLOC)) {
        errno = ENOMEM;
        return NULL;
    }
    void *mapped = mmap(NULL, STACK_BYTES + PAGE_BYTES, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (mapped == MAP_FAILED)
        return NULL;
    if (mprotect(mapped, PAGE_BYTES, PROT_NONE) == 0)
        return mapped;
    int code = errno;
    munmap(mapped, STACK_BYTES + PAGE_BYTES); /* the failure above is the one to report */
    errno = code;
    return NULL;
}

rf_status rf_emu_fiber_create(void (*work)(void *argument, emu_fiber *me), void *argument,
                              uint32_t place, emu_fiber **out, rf_error *error)
{
    emu_fiber *fiber = rf_calloc(1, sizeof(*fiber));
    if (!fiber)
        return rf_error_host_memory(error, "an emulated thread", sizeof(*fiber));
    fiber->mapped = map_stack();
    if (!fiber->mapped) {
        rf_free(fiber);
        return rf_error_set_code(error, RF_ERROR_HOST_MEMORY, errno,
                                 "cannot map %u bytes for the stack of an emulated thread",
                                 STACK_BYTES + PAGE_BYTES);
    }
    fiber->stack = fiber->mapped + PAGE_BYTES;
    fiber->stack_bytes = STACK_BYTES - place % PLACES * PLACE_BYTES;
    fiber->work = work;
    fiber->argument = argument;
    rf_emu_fiber_reset(fiber);
    *out = fiber;
    return RF_OK;
}

void rf_emu_fiber_destroy(emu_fiber *fiber)
{
    if (!fiber)
        return;
    EMU_UNPOISON(fiber->stack, fiber->stack_bytes);  /* others will be given these addresses */
    munmap(fiber->mapped, STACK_BYTES + PAGE_BYTES); /* whole and our own: cannot fail */
    rf_free(fiber);
}
