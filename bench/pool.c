/*
 * pool.c: what taking and giving blocks costs and how memory fragments, on random and on recorded
 * traces, against malloc and, on a GPU, against its driver's allocators in the same run; and how
 * long a plan of 1000 tensors takes. Each figure is the median of several runs, with the least and
 * the most.
 *
 *     rocmforge-bench-pool [--device cuda|hip|…]
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "allocator.h"
#include "base/clock.h"
#include "common.h"

#define RUNS      9
#define STEPS     400000U
#define GPU_STEPS 4000U /* the driver takes microseconds to milliseconds a call */
#define TENSORS   1000
#define LOOKS     64U /* at the fragmentation, evenly over a trace */

/* ---- one run of a trace ---------------------------------------------------------------------- */

typedef struct outcome {
    uint64_t ns;
    uint64_t pairs;
    uint64_t refused;
    double fragmentation; /* mean over the looks of 1 - largest free / free */
    uint64_t held;        /* bytes from the system, at most */
} outcome;

static void look(const allocator *a, outcome *out)
{
    uint64_t held = 0;
    uint64_t free = 0;
    uint64_t largest = 0;
    a->look(&held, &free, &largest);
    if (held > out->held)
        out->held = held;
    out->fragmentation += (free ? 1.0 - (double)largest / (double)free : 0.0) / LOOKS;
}

/* Makes all steps and empties what is full then. With looks: at the memory too, and not timed. */
static bool run(const allocator *a, const trace *t, rf_memory *memory, bool looks,
                uint64_t (*now)(void), outcome *out)
{
    static bool full[MAX_PLACES];
    bool good = true;
    *out = (outcome){0};
    must(t->places <= MAX_PLACES, "a trace has too many places");
    if (!a->begin(t, memory))
        return false;
    memset(full, 0, sizeof(full));
    uint32_t stride = t->n_steps / LOOKS;
    uint64_t begin = now();
    for (uint32_t i = 0; i < t->n_steps; i++) {
        trace_step s = t->steps[i];
        if (full[s.place]) {
            good &= a->give(s.place);
            full[s.place] = false;
        } else if (a->take(s.place, s.bytes ? s.bytes : 1)) {
            full[s.place] = true;
            out->pairs++;
        } else {
            out->refused++;
        }
        if (looks && i % stride == stride / 2)
            look(a, out);
    }
    for (uint32_t p = 0; p < t->places; p++) {
        if (full[p])
            good &= a->give(p);
    }
    out->ns = now() - begin;
    a->end();
    must(good, "a block was not given back");
    return true;
}

/* empty: the median of the empty allocator on this trace, which it sets, as it comes first; 0 where
 * there is none. It is the loop's own time, mispredicted branches of random steps mostly, and is in
 * the figures of all allocators. */
static void bench_allocator(const allocator *a, const trace *t, rf_memory *memory,
                            uint64_t (*now)(void), double *empty)
{
    double figures[RUNS];
    outcome o;
    for (int i = 0; i < RUNS; i++) {
        if (!run(a, t, memory, false, now, &o) || o.pairs == 0) {
            printf("  %-32s skipped: not to be had here, or no memory for it\n", a->name);
            return;
        }
        figures[i] = (double)o.ns / (double)o.pairs;
    }
    double median = report(a->name, figures, RUNS, "ns a pair");
    if (a == &empty_allocator)
        *empty = median;
    else if (*empty > 0)
        printf(", %.1f beyond the empty call", median - *empty);
    printf("\n");
    if (!a->look || !run(a, t, memory, true, now, &o))
        return;
    printf("      held %.1f MiB for at most %.1f MiB live; fragmentation %.3f; refused %" PRIu64
           " of %" PRIu32 "\n",
           (double)o.held / 1048576.0, (double)t->most_live / 1048576.0, o.fragmentation, o.refused,
           t->n_takes);
}

/* The least range that serves every take of a trace: what fragmentation costs it, in bytes. */
static void bench_least_room(const trace *t)
{
    uint64_t refused_at = t->most_live / 2;
    uint64_t served_at = t->most_live * 4 + ((uint64_t)t->places << 12);
    while (served_at - refused_at > t->most_live / 256 + 8192) {
        uint64_t middle = refused_at + (served_at - refused_at) / 2;
        outcome o;
        set_range_room(middle);
        must(run(&range_allocator, t, NULL, false, thread_ns, &o), "a range was not created");
        if (o.refused)
            refused_at = middle;
        else
            served_at = middle;
    }
    set_range_room(0);
    printf("  least range that refuses nothing  %9.1f MiB, %.3f of the most that is live\n",
           (double)served_at / 1048576.0, (double)served_at / (double)t->most_live);
}

/* ---- the traces ------------------------------------------------------------------------------ */

static void bench_trace(trace t, rf_memory *memory, const allocator *const *allocators,
                        uint64_t (*now)(void))
{
    double empty = 0;
    printf("%s: %" PRIu32 " steps, at most %" PRIu32 " blocks, %.1f MiB\n", t.name, t.n_steps,
           t.places, (double)t.most_live / 1048576.0);
    for (; *allocators; allocators++)
        bench_allocator(*allocators, &t, memory, now, &empty);
    bench_least_room(&t);
    free(t.steps);
}

static void bench_host(rf_memory *memory)
{
    static const allocator *const all[] = {&empty_allocator, &range_allocator, &pool_allocator,
                                           &malloc_allocator, NULL};
    printf("on the CPU, time of the thread, median of %d runs (least to most)\n", RUNS);
    bench_trace(trace_random("random, few small", 16, 32768, STEPS), memory, all, thread_ns);
    bench_trace(trace_random("random, many small", 1024, 32768, STEPS), memory, all, thread_ns);
    bench_trace(trace_random("random, many, all sizes", 2048, 393216, STEPS), memory, all,
                thread_ns);
    bench_trace(trace_load(STEPS / 600), memory, all, thread_ns);
    bench_trace(trace_engine(STEPS), memory, all, thread_ns);
}

/* Wall time: a driver's calls may wait. */
static void bench_gpu(rf_memory *memory)
{
    static const allocator *const all[] = {&pool_allocator, &driver_allocator, &async_allocator,
                                           NULL};
    printf("on %s, wall time, median of %d runs (least to most)\n", rf_memory_device(memory)->id,
           RUNS);
    bench_trace(trace_random("random, many, all sizes", 1024, 393216, GPU_STEPS), memory, all,
                rf_clock_ns);
    bench_trace(trace_load(GPU_STEPS / 600), memory, all, rf_clock_ns);
    bench_trace(trace_engine(GPU_STEPS), memory, all, rf_clock_ns);
}

/* ---- the plan -------------------------------------------------------------------------------- */

/* Making, filling, solving and freeing the plan of a model of 1000 tensors. */
static uint64_t run_plan(void)
{
    rf_plan_config config = {0};
    rf_plan *plan = NULL;
    uint64_t begin = thread_ns();
    bool good = rf_plan_new(&config, &plan, NULL) == RF_OK;
    for (uint64_t i = 0; i < TENSORS && good; i++) {
        uint64_t bytes = i % 3 ? (i % 7 + 1) * 9437184 : 16384;
        good = rf_plan_add(plan, "blk.17.ffn_down.weight", RF_MEMORY_WEIGHTS, bytes, NULL, NULL) ==
               RF_OK;
    }
    good = good && rf_plan_solve(plan, NULL) == RF_OK;
    rf_plan_free(plan);
    uint64_t took = thread_ns() - begin;
    must(good, "a plan failed");
    return took;
}

static void bench_plan(void)
{
    double figures[RUNS];
    for (int i = 0; i < RUNS; i++)
        figures[i] = (double)run_plan() / 1000.0;
    printf("plan of %d tensors\n", TENSORS);
    report("new, add, solve, free", figures, RUNS, "us");
    printf("\n");
}

/* ---- the program ----------------------------------------------------------------------------- */

static void bench_device(const char *id, void (*bench)(rf_memory *memory))
{
    rf_device *device = NULL;
    rf_memory *memory = NULL;
    rf_error error = {0};
    if (rf_device_open(id, &device, &error) != RF_OK) {
        printf("skipped: %s\n", error.message);
        return;
    }
    must(rf_memory_open(device, &memory, NULL) == RF_OK, "the account was not opened");
    bench(memory);
    must(rf_memory_close(memory, NULL) == RF_OK, "the account was not closed");
    must(rf_device_close(device, NULL) == RF_OK, "the device was not closed");
}

int main(int argc, char **argv)
{
    const char *gpu = NULL;
    if (argc == 3 && strcmp(argv[1], "--device") == 0)
        gpu = argv[2];
    if (argc != 1 && !gpu) {
        fprintf(stderr, "usage: rocmforge-bench-pool [--device ID]\n");
        return 2;
    }
    bench_device("cpu", bench_host);
    bench_plan();
    if (gpu)
        bench_device(gpu, bench_gpu);
    else
        printf("skipped: a GPU driver's allocators; --device cuda or --device hip compares them\n");
    return 0;
}
