/*
 * pool.c: what taking and giving blocks costs, against malloc on the same trace in the same run,
 * and how long a plan of 1000 tensors takes. Each figure is the median of several runs, with the
 * least and the most.
 *
 * The traces are made before the clock starts and are the same for all: which of a number of places
 * is filled or emptied next, and with how many bytes. malloc touches none of its bytes either.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "memory/pool.h"
#include "memory/range.h"

#define RUNS       9
#define PAIRS      200000U /* takes, and as many gives */
#define POOL_BYTES (1ULL << 30)
#define ALIGNMENT  4096U
#define TENSORS    1000
#define MAX_PLACES 2048U

typedef struct step {
    uint32_t place; /* emptied if it is full, filled if it is empty */
    uint32_t bytes;
} step;

typedef struct trace {
    const char *name;
    uint32_t places;
    uint32_t largest; /* bytes of a block */
    step *steps;      /* [2 * PAIRS] */
} trace;

/* Stops the program, for which a bench is as good a place as any to notice. */
static void must(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "bench-pool: %s\n", what);
    exit(1);
}

/* Time that this thread had a core for: nothing here sleeps, and other work on the machine does not
 * count. */
static uint64_t cpu_ns(void)
{
    struct timespec now;
    must(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0, "no clock");
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void fill_trace(trace *t)
{
    uint64_t random = 88172645463325252U;
    t->steps = calloc(2 * (size_t)PAIRS, sizeof(*t->steps));
    must(t->steps != NULL, "no memory for a trace");
    for (size_t i = 0; i < 2 * (size_t)PAIRS; i++) {
        t->steps[i].place = (uint32_t)(next_random(&random) % t->places);
        t->steps[i].bytes = 1 + (uint32_t)(next_random(&random) % t->largest);
    }
}

/* ---- the three that are compared ------------------------------------------------------------- */

static uint64_t run_range(const trace *t)
{
    static uint32_t spans[MAX_PLACES];
    static bool full[MAX_PLACES];
    rf_range *range = NULL;
    bool good = rf_range_create(POOL_BYTES, ALIGNMENT, 2 * MAX_PLACES + 1, &range, NULL) == RF_OK;
    must(good, "a range was not created");
    uint64_t begin = cpu_ns();
    for (size_t i = 0; i < 2 * (size_t)PAIRS; i++) {
        step s = t->steps[i];
        uint64_t offset;
        if (full[s.place])
            good &= rf_range_give(range, spans[s.place], NULL) == RF_OK;
        else
            good &= rf_range_take(range, s.bytes, &spans[s.place], &offset, NULL) == RF_OK;
        full[s.place] = !full[s.place];
    }
    uint64_t took = cpu_ns() - begin;
    must(good, "a range failed");
    for (uint32_t p = 0; p < t->places; p++)
        full[p] = false;
    rf_range_free(range);
    return took;
}

static uint64_t run_pool(const trace *t, rf_pool *pool)
{
    static rf_block blocks[MAX_PLACES];
    bool good = true;
    uint64_t begin = cpu_ns();
    for (size_t i = 0; i < 2 * (size_t)PAIRS; i++) {
        step s = t->steps[i];
        rf_block *block = &blocks[s.place];
        if (block->kind == RF_BLOCK_OWNED) {
            good &= rf_pool_give(*block, NULL) == RF_OK;
            block->kind = RF_BLOCK_NONE;
        } else {
            good &= rf_pool_take(pool, s.bytes, RF_MEMORY_KV, "page", block, NULL) == RF_OK;
        }
    }
    uint64_t took = cpu_ns() - begin;
    for (uint32_t p = 0; p < t->places; p++) {
        if (blocks[p].kind == RF_BLOCK_OWNED)
            good &= rf_pool_give(blocks[p], NULL) == RF_OK;
        blocks[p].kind = RF_BLOCK_NONE;
    }
    must(good, "a pool failed");
    return took;
}

static uint64_t run_malloc(const trace *t)
{
    static void
        *volatile held[MAX_PLACES]; /* volatile: a compiler may remove malloc and free in pairs */
    bool good = true;
    uint64_t begin = cpu_ns();
    for (size_t i = 0; i < 2 * (size_t)PAIRS; i++) {
        step s = t->steps[i];
        if (held[s.place]) {
            free(held[s.place]);
            held[s.place] = NULL;
        } else {
            held[s.place] = malloc(s.bytes);
            good &= held[s.place] != NULL;
        }
    }
    uint64_t took = cpu_ns() - begin;
    for (uint32_t p = 0; p < t->places; p++) {
        free(held[p]);
        held[p] = NULL;
    }
    must(good, "malloc failed");
    return took;
}

/* ---- the plan -------------------------------------------------------------------------------- */

/* Making, filling, solving and freeing the plan of a model of 1000 tensors. */
static uint64_t run_plan(void)
{
    rf_plan_config config = {0};
    rf_plan *plan = NULL;
    uint64_t begin = cpu_ns();
    bool good = rf_plan_new(&config, &plan, NULL) == RF_OK;
    for (uint64_t i = 0; i < TENSORS && good; i++) {
        uint64_t bytes = i % 3 ? (i % 7 + 1) * 9437184 : 16384;
        good = rf_plan_add(plan, "blk.17.ffn_down.weight", RF_MEMORY_WEIGHTS, bytes, NULL, NULL) ==
               RF_OK;
    }
    good = good && rf_plan_solve(plan, NULL) == RF_OK;
    rf_plan_free(plan);
    uint64_t took = cpu_ns() - begin;
    must(good, "a plan failed");
    return took;
}

/* ---- reporting ------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static void report(const char *name, double figures[RUNS], const char *unit)
{
    qsort(figures, RUNS, sizeof(*figures), compare);
    printf("  %-24s %9.1f %-14s (%.1f to %.1f)\n", name, figures[RUNS / 2], unit, figures[0],
           figures[RUNS - 1]);
}

static void bench_trace(trace *t, rf_pool *pool)
{
    double range[RUNS], pooled[RUNS], heap[RUNS];
    fill_trace(t);
    for (int i = 0; i < RUNS; i++) {
        /* One after the other in each run, so that a slow moment of the machine meets all three. */
        range[i] = (double)run_range(t) / PAIRS;
        pooled[i] = (double)run_pool(t, pool) / PAIRS;
        heap[i] = (double)run_malloc(t) / PAIRS;
    }
    printf("%s: up to %" PRIu32 " blocks of up to %" PRIu32 " bytes\n", t->name, t->places,
           t->largest);
    report("range take+give", range, "ns");
    report("pool take+give", pooled, "ns");
    report("malloc+free", heap, "ns");
    free(t->steps);
}

/* A pool of one part, and room for as many blocks as a trace holds. */
static rf_pool *open_pool(rf_memory *memory)
{
    rf_plan_config config = {.alignment = ALIGNMENT, .pool_bytes = POOL_BYTES};
    rf_plan *plan = NULL;
    rf_pool *pool = NULL;
    bool good = rf_plan_new(&config, &plan, NULL) == RF_OK;
    for (uint32_t i = 0; i < MAX_PLACES && good; i++)
        good =
            rf_plan_add(plan, "page", RF_MEMORY_KV, POOL_BYTES / MAX_PLACES, NULL, NULL) == RF_OK;
    good = good && rf_plan_solve(plan, NULL) == RF_OK &&
           rf_pool_open(memory, plan, 1U << RF_MEMORY_KV, "bench", &pool, NULL) == RF_OK;
    rf_plan_free(plan);
    must(good, "a pool of 1 GiB was not opened");
    return pool;
}

int main(void)
{
    trace traces[] = {
        {.name = "few small", .places = 16, .largest = 32768},
        {.name = "many small", .places = 1024, .largest = 32768},
        {.name = "many, all sizes", .places = MAX_PLACES, .largest = 393216},
    };
    rf_device *device = NULL;
    rf_memory *memory = NULL;
    must(rf_device_open("cpu", &device, NULL) == RF_OK, "the device was not opened");
    must(rf_memory_open(device, &memory, NULL) == RF_OK, "the account was not opened");
    rf_pool *pool = open_pool(memory);
    printf("median of %d runs of %u pairs (least to most)\n", RUNS, PAIRS);
    for (size_t i = 0; i < sizeof(traces) / sizeof(traces[0]); i++)
        bench_trace(&traces[i], pool);
    double plans[RUNS];
    for (int i = 0; i < RUNS; i++)
        plans[i] = (double)run_plan() / 1000.0;
    printf("plan of %d tensors\n", TENSORS);
    report("new, add, solve, free", plans, "us");
    must(rf_pool_close(pool, NULL) == RF_OK, "the pool was not closed");
    must(rf_memory_close(memory, NULL) == RF_OK, "the account was not closed");
    rf_device_close(device);
    return 0;
}
