/*
 * random.h: the random numbers that tokens are drawn with: xoshiro256** (Blackman and Vigna 2021,
 * "Scrambled linear pseudorandom number generators"), its state filled from a seed by SplitMix64
 * (Steele, Lea and Flood 2014). Integer arithmetic only: a seed gives the same numbers everywhere.
 */
#ifndef RF_ENGINE_RANDOM_H
#define RF_ENGINE_RANDOM_H

#include <stdint.h>

typedef struct rf_random {
    uint64_t state[4]; /* not all zero; rf_random_seed sees to it */
} rf_random;

/* Any seed will do, 0 too. */
void rf_random_seed(rf_random *random, uint64_t seed);

uint64_t rf_random_next(rf_random *random);

/* Uniform over the multiples of 2^-53 in [0, 1). */
double rf_random_uniform(rf_random *random);

#endif
