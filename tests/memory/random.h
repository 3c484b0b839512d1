/* random.h: repeatable random numbers for tests: SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
 */
#ifndef RF_TESTS_MEMORY_RANDOM_H
#define RF_TESTS_MEMORY_RANDOM_H

#include <stdint.h>

static inline uint64_t random_next(uint64_t *state)
{
    uint64_t z = (*state += 0x9E3779B97F4A7C15U);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
}

/* From 0 to below - 1. */
static inline uint64_t random_below(uint64_t *state, uint64_t below)
{
    return random_next(state) % below;
}

#endif
