/* operations.h: what the tests of the CPU's operations share: computes, tensors, bounds. */
#ifndef RF_TESTS_KERNELS_OPERATIONS_H
#define RF_TESTS_KERNELS_OPERATIONS_H

#include "support/cmocka.h"

#include <stdbool.h>

#include "kernels/kernels.h"
#include "tensor/random_blocks.h"

/* n floats in [-scale, scale); free(). */
float *random_floats(size_t n, float scale);

uint32_t random_below(uint32_t n);

/* A tensor [k, m, n] with bytes of its own; free_tensor(). Values in [-1, 1), of any computable
 * type. */
rf_tensor random_tensor(rf_type type, uint64_t k, uint64_t m, uint64_t n);
void free_tensor(rf_tensor *tensor);

/* All elements as f32; free(). */
float *widen_tensor(const rf_tensor *tensor);

/* A compute with a workspace of exactly so many bytes, aligned as promised. */
typedef struct test_compute {
    rf_compute compute;
    rf_threads *threads;
    void *memory;
} test_compute;

void open_compute(test_compute *on, bool reference, uint32_t n_threads, uint64_t workspace_bytes);
void close_compute(test_compute *on);

rf_address address_of(const void *pointer);

/* Both tables, and thread counts that share out work in different ways. */
extern const bool both_tables[2];
extern const uint32_t thread_counts[4];

/* |got - expected| <= bound, for every element; prints the first that is not. */
void assert_close(const float *got, const double *expected, const double *bound, size_t n);
/* The same with one bound for all. */
void assert_all_close(const float *got, const double *expected, double bound, size_t n);

#endif
