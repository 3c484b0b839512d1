/*
 * synth_random.h: random numbers by their index, so that any thread can make any part of a file and
 * the parts fit together. Integers only: the same on every machine.
 */
#ifndef RF_MODEL_SYNTH_RANDOM_H
#define RF_MODEL_SYNTH_RANDOM_H

#include <stdint.h>

/* The ith number of a stream: SplitMix64 (Steele, Lea and Flood 2014), whose state after i steps is
 * the seed plus i times the golden ratio. */
static inline uint64_t rf_synth_random(uint64_t stream, uint64_t i)
{
    uint64_t z = stream + (i + 1) * 0x9E3779B97F4A7C15U;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
}

/* The ith of a stream of nearly normal numbers, mean 0, variance 1: the sum of eight uniform ones,
 * which are the 16-bit parts of two integers. None is beyond 4.9. */
static inline float rf_synth_normal(uint64_t stream, uint64_t i)
{
    uint64_t sum = 0;
    for (uint64_t k = 0; k < 2; k++) {
        uint64_t bits = rf_synth_random(stream, 2 * i + k);
        sum += (bits & 0xFFFF) + (bits >> 16 & 0xFFFF) + (bits >> 32 & 0xFFFF) + (bits >> 48);
    }
    const float mean = 8 * 32767.5F;
    const float deviation = 53509.9F; /* 65536 sqrt(8 / 12) */
    return ((float)sum - mean) / deviation;
}

#endif
