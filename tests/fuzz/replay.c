/*
 * replay.c: runs a fuzz target without a fuzzer: on random inputs that a fixed seed determines
 * until so many steps are made, or on the files that are named, such as an input that a fuzzer
 * found.
 *
 *   fuzz-TARGET-steps STEPS | FILE…
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/harness.h"
#include "memory/random.h"

#define MAX_INPUT  4096U /* bytes of a random input */
#define MAX_SILENT 1000U /* inputs in a row that may make no step */

static uint8_t bytes[1U << 20];

static int run_random(uint64_t steps)
{
    uint64_t random = 2024;
    uint64_t inputs = 0;
    uint64_t silent = 0;
    while (fuzz_steps() < steps && silent < MAX_SILENT) {
        uint64_t before = fuzz_steps();
        size_t size = (size_t)random_below(&random, MAX_INPUT);
        for (size_t i = 0; i < size; i++)
            bytes[i] = (uint8_t)random_next(&random);
        (void)LLVMFuzzerTestOneInput(bytes, size); /* always 0 */
        silent = fuzz_steps() == before ? silent + 1 : 0;
        inputs++;
    }
    printf("%" PRIu64 " inputs, %" PRIu64 " steps without a difference\n", inputs, fuzz_steps());
    return fuzz_steps() < steps;
}

static int run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        return 1;
    }
    size_t size = fread(bytes, 1, sizeof(bytes), file);
    fclose(file); /* it was only read */
    (void)LLVMFuzzerTestOneInput(bytes, size);
    return 0;
}

int main(int argc, char **argv)
{
    char *end = NULL;
    uint64_t steps = argc == 2 ? strtoull(argv[1], &end, 10) : 0;
    if (steps && *end == '\0')
        return run_random(steps);
    int failed = argc < 2;
    for (int i = 1; i < argc; i++)
        failed |= run_file(argv[i]);
    return failed;
}
