/* hash.h: XXH3-64 (Collet, xxhash.com), as fast as this CPU computes it. */
#ifndef RF_BASE_HASH_H
#define RF_BASE_HASH_H

#include <stdint.h>

uint64_t rf_hash64(const void *data, uint64_t bytes);

#endif
