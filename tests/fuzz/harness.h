/*
 * harness.h: what the fuzz targets share: reading numbers out of an input, counting steps, and
 * stopping where the code and its model differ. An input is a program: each step takes a few of its
 * bytes and says what to do with which numbers. Past the end every byte is 0.
 */
#ifndef RF_TESTS_FUZZ_HARNESS_H
#define RF_TESTS_FUZZ_HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What libFuzzer calls, and replay.c in builds without it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct fuzz_input {
    const uint8_t *data;
    size_t left;
} fuzz_input;

uint8_t fuzz_byte(fuzz_input *in);
uint64_t fuzz_number(fuzz_input *in);
/* From 0 to below - 1 (below at least 1), out of no more bytes than that takes. */
uint64_t fuzz_below(fuzz_input *in, uint64_t below);
/* A size that is mostly up to `usual`, sometimes of any magnitude, now and then at a limit: 0, 1,
 * a multiple of `unit` or next to one, or close below 2^64. */
uint64_t fuzz_size(fuzz_input *in, uint64_t usual, uint64_t unit);
/* An alignment from 1 to 2^40, a power of two three times in four. */
uint64_t fuzz_alignment(fuzz_input *in);

/* One step was made on both sides; the sum is printed when the program ends. */
void fuzz_count_step(void);
uint64_t fuzz_steps(void);

/* Stops the program, which is how a fuzzer learns of it. */
void fuzz_require(bool holds, const char *what);

#endif
