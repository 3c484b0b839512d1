/* hash.c: XXH3-64, by the CPU's instruction set: AVX2 takes half the time of SSE2. */
#include "base/hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/hash_entries.h"

uint64_t rf_hash64(const void *data, uint64_t bytes)
{
    return __builtin_cpu_supports("avx2") ? rf_hash64_avx2(data, bytes) : XXH3_64bits(data, bytes);
}
