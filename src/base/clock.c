/* clock.c: monotonic time. */
#include "base/clock.h"

#include <time.h>

uint64_t rf_clock_ns(void)
{
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0)
        return 0; /* cannot happen on Linux: the clock exists and the pointer is good */
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}
