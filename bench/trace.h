/*
 * trace.h: what a program asks of an allocator, made before any clock starts: which of a number of
 * places is filled or emptied next, and with how many bytes. Some are random, some are recorded
 * from what a load and an engine do with their memory.
 */
#ifndef RF_BENCH_TRACE_H
#define RF_BENCH_TRACE_H

#include <stdint.h>

typedef struct trace_step {
    uint32_t place; /* emptied if it is full, filled if it is empty */
    uint64_t bytes;
} trace_step;

typedef struct trace {
    const char *name;
    trace_step *steps; /* [n_steps]; the caller's to free */
    uint32_t n_steps;
    uint32_t n_takes; /* steps that fill a place */
    uint32_t places;
    uint64_t most_live; /* bytes */
} trace;

/* Random places and sizes, uniform. */
trace trace_random(const char *name, uint32_t places, uint64_t largest, uint32_t n_steps);
/* The weights of Llama 3 8B as Q4_K_M, in the order of the file; loaded and freed so many times. */
trace trace_load(uint32_t loads);
/*
 * An engine of that model with a cache of pages of 16 tokens of all layers (2 MiB): sequences
 * come, take a page for every 16 tokens, and give all of theirs at their end; each prompt takes
 * scratch of its own size while it is computed. n_steps or a few more.
 */
trace trace_engine(uint32_t n_steps);

#endif
