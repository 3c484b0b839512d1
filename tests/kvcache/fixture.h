/*
 * fixture.h: a cache on the CPU device, and a device of its own between the cache and it whose
 * copies can be made to fail.
 */
#ifndef RF_TESTS_KVCACHE_FIXTURE_H
#define RF_TESTS_KVCACHE_FIXTURE_H

#include "kvcache/kvcache.h"

/* Passes copy and sync on to the real device, until the one that is to fail. */
typedef struct flaky_device {
    rf_device device; /* what the cache is given; first, so that the two have one address */
    rf_device *real;
    uint64_t calls;
    uint64_t fail_at; /* which call, from 1; 0: none */
} flaky_device;

typedef struct fixture {
    rf_kvcache_config config;
    rf_device *real;
    flaky_device flaky;
    rf_memory *memory;
    rf_plan *plan;
    rf_pool *pool;
    rf_kvcache *cache;
    uint32_t first; /* item of the plan */
} fixture;

/* Everything, the cache too; fails the test where something is refused. */
void fixture_open(fixture *f, rf_kvcache_config config);
/* Everything but the cache. */
void fixture_open_pool(fixture *f, rf_kvcache_config config);
/* All layers in the fixture's pool. */
rf_kv_store fixture_store(const fixture *f, rf_device *device);
/* Frees the cache and all below it: the pool would refuse to close had a block stayed taken. */
void fixture_close(fixture *f);

/* Fails the test with the message of the error unless the status is the expected one. */
void assert_status(rf_status status, rf_status expected, const rf_error *error);

/* The bytes of a row of keys (part 0) or values (part 1): one token of one head in one layer, where
 * kernels find it by the block table. */
uint8_t *fixture_row(const fixture *f, uint32_t sequence, uint32_t position, uint32_t layer,
                     uint32_t part, uint32_t head);
uint32_t fixture_row_bytes(const fixture *f);

#endif
