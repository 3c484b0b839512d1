/* hash_avx2.c: XXH3-64, compiled for AVX2. The library's header picks its code by what is enabled.
 */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/hash_entries.h"

uint64_t rf_hash64_avx2(const void *data, uint64_t bytes)
{
    return XXH3_64bits(data, bytes);
}
