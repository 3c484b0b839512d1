/* dot.c: chooses the dot product for a weight type and this CPU. */
#include "kernels/cpu/dot.h"

#include <inttypes.h>
#include <stddef.h>

#include "base/checked.h"
#include "kernels/cpu/dot_entries.h"
#include "kernels/cpu/instructions.h"
#include "tensor/blocks.h"

static const rf_dot_type *find(const rf_dot_type *entries, rf_type weight)
{
    for (; entries->tile; entries++) {
        if (entries->weight == weight)
            return entries;
    }
    return NULL;
}

const rf_dot_type *rf_dot_for(rf_type weight, bool reference)
{
    const rf_dot_type *fast =
        !reference && rf_cpu_has_avx2_fma_f16c() ? find(rf_dot_avx2, weight) : NULL;
    return fast ? fast : find(rf_dot_portable, weight);
}

rf_status rf_activation_bytes(rf_activation activation, uint64_t n, uint64_t *bytes,
                              rf_error *error)
{
    uint64_t count = n;
    uint64_t size = sizeof(float);
    if (activation == RF_ACTIVATION_Q8) {
        count = n / RF_SUPER_BLOCK + (n % RF_SUPER_BLOCK != 0);
        size = sizeof(rf_activation_block);
    }
    if (!rf_mul(count, size, bytes))
        return rf_error_set(error, RF_ERROR_OVERFLOW, "activations: row of %" PRIu64 " elements",
                            n);
    return RF_OK;
}
