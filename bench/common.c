/* common.c: giving up, clocks and figures for benchmark programs. See common.h. */
#include "common.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

void must(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "bench: %s\n", what);
    exit(1);
}

uint64_t thread_ns(void)
{
    struct timespec now;
    must(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0, "no clock");
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

double report(const char *name, double *figures, int runs, const char *unit)
{
    qsort(figures, (size_t)runs, sizeof(*figures), compare);
    printf("  %-32s %10.1f %s (%.1f to %.1f)", name, figures[runs / 2], unit, figures[0],
           figures[runs - 1]);
    return figures[runs / 2];
}
