/* fault.c: counting calls and failing the one that a test asked for. */
#include "base/fault.h"

#include <stdatomic.h>

static struct {
    _Atomic uint64_t remaining; /* calls until the one that fails; 0: disarmed */
    _Atomic bool fired;
} sites[RF_FAULT_SITE_COUNT];

void rf_fault_arm(rf_fault_site site, uint64_t nth)
{
    atomic_store(&sites[site].fired, false);
    atomic_store(&sites[site].remaining, nth);
}

bool rf_fault_fired(rf_fault_site site)
{
    return atomic_load(&sites[site].fired);
}

bool rf_fault_fires(rf_fault_site site)
{
    uint64_t remaining = atomic_load_explicit(&sites[site].remaining, memory_order_relaxed);
    while (remaining != 0) {
        if (atomic_compare_exchange_weak(&sites[site].remaining, &remaining, remaining - 1)) {
            if (remaining != 1)
                return false;
            atomic_store(&sites[site].fired, true);
            return true;
        }
    }
    return false;
}
