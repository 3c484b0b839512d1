/* seed.c: the system's random numbers. */
#include "base/seed.h"

#include <sys/random.h>
#include <sys/types.h>

#include "base/clock.h"

uint64_t rf_seed_draw(void)
{
    uint64_t seed;
    /* Without waiting: before the system has gathered enough, the time has to do. */
    return getrandom(&seed, sizeof(seed), GRND_NONBLOCK) == (ssize_t)sizeof(seed) ? seed
                                                                                  : rf_clock_ns();
}
