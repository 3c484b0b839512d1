/* harness.c: numbers out of an input, steps counted, differences reported. See harness.h. */
#include "fuzz/harness.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t steps;

uint8_t fuzz_byte(fuzz_input *in)
{
    if (in->left == 0)
        return 0;
    in->left--;
    return *in->data++;
}

uint64_t fuzz_number(fuzz_input *in)
{
    uint64_t number = 0;
    for (int i = 0; i < 8; i++)
        number = number << 8 | fuzz_byte(in);
    return number;
}

uint64_t fuzz_below(fuzz_input *in, uint64_t below)
{
    uint64_t number = 0;
    for (uint64_t most = below - 1; most; most >>= 8)
        number = number << 8 | fuzz_byte(in);
    return number % below;
}

uint64_t fuzz_size(fuzz_input *in, uint64_t usual, uint64_t unit)
{
    uint8_t kind = fuzz_byte(in) % 16;
    usual = usual ? usual : 1;
    unit = unit ? unit : 1;
    switch (kind) {
    case 0:
        return fuzz_below(in, 3);
    case 1:
        return UINT64_MAX - fuzz_below(in, 2 * unit + 2);
    case 2:
        return fuzz_number(in) >> fuzz_below(in, 64);
    case 3:
    case 4:
        return unit * (1 + fuzz_below(in, usual / unit + 1)) - 1 + fuzz_below(in, 3);
    default:
        return 1 + fuzz_below(in, usual);
    }
}

uint64_t fuzz_alignment(fuzz_input *in)
{
    uint64_t power = 1ULL << fuzz_below(in, 41);
    switch (fuzz_below(in, 8)) {
    case 0:
        return power + 1 + fuzz_below(in, 256);
    case 1:
        return fuzz_below(in, 4096);
    default:
        return power;
    }
}

static void report_steps(void)
{
    fprintf(stderr, "%" PRIu64 " steps\n", steps);
}

void fuzz_count_step(void)
{
    if (steps == 0)
        (void)atexit(report_steps); /* without it only the report is missing */
    steps++;
}

uint64_t fuzz_steps(void)
{
    return steps;
}

void fuzz_require(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "after %" PRIu64 " steps: %s\n", steps, what);
    abort();
}
