/* hash_entries.h: the same function, compiled for different instruction sets. */
#ifndef RF_BASE_HASH_ENTRIES_H
#define RF_BASE_HASH_ENTRIES_H

#include <stdint.h>

uint64_t rf_hash64_avx2(const void *data, uint64_t bytes);

#endif
