/*
 * random_blocks.h: random floats, and random bit patterns as blocks of any computable type, with
 * scales that are mostly ordinary, sometimes zero and sometimes subnormal, never NaN or infinite.
 */
#ifndef RF_TESTS_TENSOR_RANDOM_BLOCKS_H
#define RF_TESTS_TENSOR_RANDOM_BLOCKS_H

#include <stdint.h>

#include "rocmforge.h"

/* The types that weights can have. */
extern const rf_type computable_types[];
extern const uint32_t n_computable_types;

uint64_t random_bits(void);                              /* from a fixed seed */
float random_uniform(float low, float high);             /* in [low, high) */
float random_normal(void);                               /* mean 0, variance 1, at most about 6 */
void random_blocks(rf_type type, void *out, uint64_t n); /* n elements */

#endif
