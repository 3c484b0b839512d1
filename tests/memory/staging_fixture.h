/*
 * staging_fixture.h: a list of tensors in a file, with their plan and pool on some device, ready to
 * be loaded. What has to succeed fails the running test otherwise.
 */
#ifndef RF_TESTS_MEMORY_STAGING_FIXTURE_H
#define RF_TESTS_MEMORY_STAGING_FIXTURE_H

#include "memory/staging.h"

#define CARGO_MAX_ITEMS 4096

/* A file of random bytes, and parts of it. */
typedef struct cargo {
    char path[64];
    rf_file *file;
    uint8_t *bytes; /* the file's */
    uint64_t n_bytes;
    uint32_t n_items;
    char labels[CARGO_MAX_ITEMS][24];
    rf_staging_item items[CARGO_MAX_ITEMS];
    /* On a device, after cargo_place. */
    rf_plan *plan;
    rf_pool *pool;
} cargo;

/* A new file under a folder ("/tmp") with these tensors, `gap` bytes apart. */
cargo *cargo_pack(const char *folder, const uint64_t *sizes, uint32_t n_items, uint64_t gap);
/* Sizes of all magnitudes, together about `total` bytes. */
cargo *cargo_pack_random(const char *folder, uint64_t total, uint64_t seed);
void cargo_free(cargo *c);

/* Plans with these options, opens the pool of the plan and takes every block. cargo_unplace undoes
 * it. */
void cargo_place(cargo *c, rf_memory *memory, const rf_staging_config *config);
void cargo_unplace(cargo *c);

/* Whether every block holds what the file does. */
void cargo_expect_arrived(const cargo *c);

/* Drops the file's pages from the page cache, as far as the system does it. */
void cargo_chill(const cargo *c);

#endif
