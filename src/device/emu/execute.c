/*
 * execute.c: the blocks of a launch, and whose turn it is in a block.
 *
 * A thread runs until it waits or ends, and then goes on with another that can run, without a
 * detour: one switch for each wait. A thread that has not begun needs no fiber yet, and is begun on
 * that of one that has ended: a kernel in which nobody waits runs on one stack.
 */
#include "device/emu/execute.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "device/emu/sanitizers.h"

/* Uninitialised shared memory: no number, as f16 and as f32, and -1 as an integer. */
#define SHARED_FRESH 0xFF

/* On either side of shared memory, of which the one behind begins with the first byte too many. */
#define SHARED_GUARD     256U
#define SHARED_ALIGNMENT 128U

/* Runs of threads that an error names. */
#define NAMED_RUNS 6U

/* Small and touched with every switch: worth the model that needs no call to find it. */
static _Thread_local emu_executor *executing __attribute__((tls_model("initial-exec")));
static _Thread_local const rf_emu_thread *self __attribute__((tls_model("initial-exec")));

EMU_SWITCHES emu_executor *rf_emu_executing(void)
{
    return executing;
}

EMU_SWITCHES const rf_emu_thread *rf_emu_self(void)
{
    return self;
}

/* ---- whose turn it is -------------------------------------------------------------------------
 */

/* One of the bits that are set. */
EMU_SWITCHES static uint32_t choose(emu_executor *x, uint64_t bits)
{
    if (x->order == RF_EMU_EAGER)
        return (uint32_t)__builtin_ctzll(bits);
    if (x->order == RF_EMU_LAZY)
        return 63U - (uint32_t)__builtin_clzll(bits);
    /* Knuth's generator of 64 bits (MMIX); its highest bits are the best. */
    x->random = x->random * 6364136223846793005U + 1442695040888963407U;
    uint32_t first = (uint32_t)(x->random >> 58);
    uint64_t turned = bits >> first | bits << (-first & 63U);
    return ((uint32_t)__builtin_ctzll(turned) + first) & 63U;
}

/* The next thread to run, which is marked as running; NULL where none can. The warp that runs is
 * preferred, but at random: so it gets as far ahead of the others as a warp may. */
EMU_SWITCHES static emu_thread *next_thread(emu_executor *x)
{
    if (x->ready_warps == 0)
        return NULL;
    uint32_t w = x->running ? x->running->warp : 0;
    if (!x->running || x->order == RF_EMU_RANDOM || x->warps[w].ready == 0)
        w = choose(x, x->ready_warps);
    emu_warp *warp = &x->warps[w];
    uint32_t lane = choose(x, warp->ready);
    warp->ready &= ~(1ULL << lane);
    if (warp->ready == 0)
        x->ready_warps &= ~(1U << w);
    return &x->threads[w * x->warp_size + lane];
}

EMU_SWITCHES static void make_ready(emu_executor *x, uint32_t w)
{
    emu_warp *warp = &x->warps[w];
    warp->ready = warp->lanes;
    warp->n_waiting = 0;
    x->ready_warps |= 1U << w;
    for (uint32_t i = 0; i < x->warp_size; i++)
        x->threads[w * x->warp_size + i].wait = EMU_RUNS;
}

/* The thread that runs is not among those that can. */
EMU_SWITCHES static void goes_on(emu_executor *x)
{
    uint32_t w = x->running->warp;
    emu_warp *warp = &x->warps[w];
    warp->ready &= ~(1ULL << x->running->lane);
    if (warp->ready == 0)
        x->ready_warps &= ~(1U << w);
}

EMU_SWITCHES void rf_emu_release_warp(emu_executor *x, uint32_t warp)
{
    make_ready(x, warp);
    goes_on(x);
}

EMU_SWITCHES void rf_emu_release_block(emu_executor *x)
{
    x->n_at_barrier = 0;
    for (uint32_t w = 0; w < x->n_warps; w++)
        make_ready(x, w);
    goes_on(x);
}

/* ---- fibers -----------------------------------------------------------------------------------
 */

/* Runs threads that have not begun, as long as such are next. */
EMU_SWITCHES static void work(void *argument, emu_fiber *me)
{
    emu_executor *x = argument;
    while (x->running) {
        emu_thread *t = x->running;
        t->fiber = me;
        self = &t->self;
        x->call->kernel->entry(x->call->args);
        t->fiber = NULL;
        t->wait = EMU_ENDED;
        x->n_ended++;
        emu_thread *next = next_thread(x);
        if (next && !next->fiber) {
            x->running = next;
            continue;
        }
        me->next = x->idle;
        x->idle = me;
        if (next)
            x->running = next;
        rf_emu_fiber_switch(me, next ? next->fiber : &x->main);
    }
    rf_emu_fiber_leave(me, &x->main);
}

/* A fiber for a thread that begins; NULL, and the launch has failed, where there can be none. */
EMU_SWITCHES static emu_fiber *take_fiber(emu_executor *x)
{
    emu_fiber *fiber = x->idle;
    if (fiber) {
        x->idle = fiber->next;
        return fiber;
    }
    if (rf_emu_fiber_create(work, x, x->n_fibers, &fiber, &x->failure) != RF_OK) {
        x->failed = true;
        return NULL;
    }
    x->n_fibers++;
    return fiber;
}

EMU_SWITCHES void rf_emu_give_way(emu_executor *x)
{
    emu_thread *t = x->running;
    emu_thread *next = next_thread(x);
    emu_fiber *to = &x->main;
    if (next) {
        x->running = next;
        to = next->fiber ? next->fiber : take_fiber(x);
        if (!to)
            to = &x->main;
    }
    rf_emu_fiber_switch(t->fiber, to);
    self = &t->self;
}

EMU_SWITCHES void rf_emu_give_up(emu_executor *x)
{
    x->failed = true;
    for (;;)
        rf_emu_fiber_switch(x->running->fiber, &x->main);
}

/* ---- what goes wrong --------------------------------------------------------------------------
 */

static const char *const wait_names[] = {
    [EMU_RUNS] = "can run",
    [EMU_AT_BARRIER] = "wait at a barrier",
    [EMU_AT_WARP_BARRIER] = "wait at a barrier of their warp",
    [EMU_IN_SHUFFLE] = "wait in a shuffle",
    [EMU_IN_GATHER] = "wait in a product of tiles",
    [EMU_ENDED] = "have ended",
};

/* Appends to text, which stays terminated when it is full. */
__attribute__((format(printf, 3, 4))) static void append(char *text, size_t capacity,
                                                         const char *format, ...)
{
    size_t length = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + length, capacity - length, format, arguments);
    va_end(arguments);
}

/* A place in the code of a kernel: a disassembler counts from its entry too. */
static void append_place(char *text, size_t capacity, const emu_executor *x, const void *where)
{
    intptr_t distance = (intptr_t)((uintptr_t)where - (uintptr_t)x->call->kernel->entry);
    append(text, capacity, " (entry_%s%c0x%jx)", x->call->kernel->name, distance < 0 ? '-' : '+',
           (intmax_t)(distance < 0 ? -distance : distance));
}

static bool do_the_same(const emu_thread *a, const emu_thread *b)
{
    return a->wait == b->wait &&
           (a->wait == EMU_RUNS || a->wait == EMU_ENDED ||
            (a->where == b->where && (a->wait != EMU_IN_GATHER || a->bytes == b->bytes)));
}

void rf_emu_explain(emu_executor *x, const char *what)
{
    char text[RF_ERROR_MESSAGE_BYTES / 2] = "";
    uint32_t runs = 0;
    for (uint32_t i = 0, end; i < x->call->threads; i = end) {
        const emu_thread *t = &x->threads[i];
        end = i + 1;
        while (end < x->call->threads && do_the_same(t, &x->threads[end]))
            end++;
        if (runs++ == NAMED_RUNS) {
            append(text, sizeof(text), ", and so on");
            break;
        }
        append(text, sizeof(text), "%s%" PRIu32 " to %" PRIu32 " %s", runs > 1 ? ", " : "", i,
               end - 1, wait_names[t->wait]);
        if (t->wait != EMU_RUNS && t->wait != EMU_ENDED)
            append_place(text, sizeof(text), x, t->where);
    }
    (void)rf_error_set(
        &x->failure, RF_ERROR_DEVICE,
        "device %s: kernel %s, block (%" PRIu32 ", %" PRIu32 ", %" PRIu32 "): %s: threads %s",
        x->emu->base.id, x->call->kernel->name, x->block[0], x->block[1], x->block[2], what, text);
}

/* ---- shared memory ----------------------------------------------------------------------------
 */

static rf_status shared_create(emu_executor *x, rf_error *error)
{
    uint64_t bytes = x->call->shared_bytes;
    uint64_t all = bytes + 2ULL * SHARED_GUARD;
    x->shared = rf_aligned_alloc(SHARED_ALIGNMENT, all);
    if (!x->shared)
        return rf_error_host_memory(error, "the shared memory of a block", all);
    memset(x->shared, RF_EMU_GUARD, all);
    EMU_POISON(x->shared, SHARED_GUARD);
    EMU_POISON(x->shared + SHARED_GUARD + bytes, SHARED_GUARD);
    return RF_OK;
}

static void shared_destroy(emu_executor *x)
{
    if (x->shared)
        EMU_UNPOISON(x->shared, x->call->shared_bytes + 2ULL * SHARED_GUARD);
    rf_free(x->shared);
    x->shared = NULL;
}

/* How far from shared memory the first changed byte of a guard zone is, 1 next to it; 0 for none.
 * step: 1 for the zone behind, -1 for the one before. */
EMU_SEES_POISON static uint32_t shared_damage(const uint8_t *next_to_it, int step)
{
    for (uint32_t distance = 1; distance <= SHARED_GUARD; distance++)
        if (next_to_it[(ptrdiff_t)(distance - 1) * step] != RF_EMU_GUARD)
            return distance;
    return 0;
}

static rf_status shared_check(const emu_executor *x, rf_error *error)
{
    uint32_t before = shared_damage(x->shared + SHARED_GUARD - 1, -1);
    uint32_t behind = shared_damage(x->shared + SHARED_GUARD + x->call->shared_bytes, 1);
    if (before == 0 && behind == 0)
        return RF_OK;
    return rf_error_set(error, RF_ERROR_DEVICE,
                        "device %s: kernel %s, block (%" PRIu32 ", %" PRIu32 ", %" PRIu32
                        "): byte %" PRIu32 " %s its %" PRIu32 " bytes of shared memory was "
                        "overwritten",
                        x->emu->base.id, x->call->kernel->name, x->block[0], x->block[1],
                        x->block[2], behind ? behind : before, behind ? "behind" : "before",
                        x->call->shared_bytes);
}

/* ---- blocks -----------------------------------------------------------------------------------
 */

static void block_begin(emu_executor *x)
{
    const emu_call *call = x->call;
    memset(x->shared + SHARED_GUARD, SHARED_FRESH, call->shared_bytes);
    for (uint32_t i = 0; i < call->threads; i++) {
        emu_thread *t = &x->threads[i];
        memcpy(t->self.block, x->block, sizeof(x->block));
        t->fiber = NULL;
        t->wait = EMU_RUNS;
        t->turn = 0;
    }
    x->ready_warps = 0;
    for (uint32_t w = 0; w < x->n_warps; w++)
        make_ready(x, w);
    x->n_at_barrier = 0;
    x->n_ended = 0;
    x->running = NULL;
}

/* Takes the fibers of threads that will not go on. */
static void abandon(emu_executor *x)
{
    for (uint32_t i = 0; i < x->call->threads; i++) {
        emu_fiber *fiber = x->threads[i].fiber;
        if (!fiber)
            continue;
        rf_emu_fiber_reset(fiber);
        fiber->next = x->idle;
        x->idle = fiber;
        x->threads[i].fiber = NULL;
    }
}

EMU_SWITCHES static void block_enter(emu_executor *x)
{
    x->running = next_thread(x);
    emu_fiber *first = take_fiber(x);
    if (first)
        rf_emu_fiber_switch(&x->main, first);
}

static rf_status run_block(emu_executor *x, rf_error *error)
{
    block_begin(x);
    block_enter(x);
    if (!x->failed && x->n_ended != x->call->threads) {
        rf_emu_explain(x, "its threads wait for each other for good");
        x->failed = true;
    }
    if (!x->failed)
        return shared_check(x, error);
    abandon(x);
    if (error)
        *error = x->failure;
    return x->failure.status;
}

static rf_status run_blocks(emu_executor *x, rf_error *error)
{
    const uint32_t *n = x->call->blocks;
    for (x->block[2] = 0; x->block[2] < n[2]; x->block[2]++)
        for (x->block[1] = 0; x->block[1] < n[1]; x->block[1]++)
            for (x->block[0] = 0; x->block[0] < n[0]; x->block[0]++)
                RF_TRY(run_block(x, error));
    return RF_OK;
}

/* ---- launches ---------------------------------------------------------------------------------
 */

static void launch_begin(emu_executor *x, emu_device *emu, const emu_call *call, uint64_t seed)
{
    x->emu = emu;
    x->call = call;
    x->order = emu->schedule;
    x->random = seed;
    x->warp_size = emu->warp_size;
    x->n_warps = (call->threads + emu->warp_size - 1) / emu->warp_size;
    x->failed = false;
    for (uint32_t i = 0; i < call->threads; i++) {
        rf_emu_thread *t = &x->threads[i].self;
        t->thread = i;
        x->threads[i].warp = i / emu->warp_size;
        x->threads[i].lane = i % emu->warp_size;
        t->n_threads = call->threads;
        memcpy(t->n_blocks, call->blocks, sizeof(t->n_blocks));
        t->shared = x->shared + SHARED_GUARD;
    }
    for (uint32_t w = 0; w < x->n_warps; w++) {
        uint32_t lanes = call->threads - w * emu->warp_size;
        x->warps[w].n_lanes = lanes < emu->warp_size ? lanes : emu->warp_size;
        x->warps[w].lanes = lanes < 64 && lanes < emu->warp_size ? (1ULL << lanes) - 1
                            : emu->warp_size == 64               ? UINT64_MAX
                                                                 : UINT32_MAX;
    }
}

rf_status rf_emu_execute(emu_executor **own, emu_device *emu, const emu_call *call, uint64_t seed,
                         rf_error *error)
{
    if (!*own)
        *own = rf_aligned_alloc(64, sizeof(**own));
    emu_executor *x = *own;
    if (!x)
        return rf_error_host_memory(error, "a launch on an emulated device", sizeof(*x));
    x->emu = emu;
    x->call = call;
    rf_status status = RF_OK;
    for (uint32_t i = 0; status == RF_OK && i < call->n_used; i++)
        status = rf_emu_span_add(x, call->used[i], error);
    pthread_mutex_unlock(&emu->lock);
    if (status == RF_OK)
        status = shared_create(x, error);
    if (status == RF_OK) {
        launch_begin(x, emu, call, seed);
        executing = x;
        status = run_blocks(x, error);
        executing = NULL;
    }
    shared_destroy(x);
    pthread_mutex_lock(&emu->lock);
    rf_status guards = rf_emu_spans_end(x, status == RF_OK ? error : NULL);
    return status == RF_OK ? guards : status;
}

void rf_emu_executor_destroy(emu_executor *x)
{
    if (!x)
        return;
    x->running = NULL; /* a fiber with nothing to run leaves */
    while (x->idle) {
        emu_fiber *fiber = x->idle;
        x->idle = fiber->next;
        rf_emu_fiber_switch(&x->main, fiber);
        rf_emu_fiber_destroy(fiber);
    }
    rf_free(x->spans);
    rf_free(x);
}
