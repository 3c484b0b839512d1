/*
 * pool_model.h: the simplest thing that does what an account with its pools does: for each part of
 * a pool an array that says which units are taken, and a list of the blocks that are live. A handle
 * is stale where no live block has its generation.
 */
#ifndef RF_TESTS_FUZZ_POOL_MODEL_H
#define RF_TESTS_FUZZ_POOL_MODEL_H

#include "memory/pool.h"

#define MODEL_POOLS  3U
#define MODEL_PARTS  24U /* of a pool; as many as a plan has items */
#define MODEL_UNITS  1024U
#define MODEL_BLOCKS 2048U /* live at once, more than the pools may hold */

typedef struct model_part {
    rf_address address;
    uint64_t bytes;
    uint32_t plan_pool;
    bool taken[MODEL_UNITS];
} model_part;

typedef struct model_pool {
    rf_pool *pool; /* NULL: not open */
    rf_plan *plan; /* that it was opened from */
    uint64_t alignment;
    uint32_t classes;
    uint32_t n_parts;
    uint32_t live, most; /* blocks */
    model_part parts[MODEL_PARTS];
} model_pool;

typedef struct model_block {
    rf_block handle;
    rf_address address;
    model_pool *pool; /* NULL: external */
    model_part *part;
    uint8_t mark; /* what all its bytes hold */
} model_block;

typedef struct pool_model {
    model_pool pools[MODEL_POOLS];
    model_block blocks[MODEL_BLOCKS];
    uint32_t n_blocks;
    uint64_t high_water;
    uint64_t peak[RF_MEMORY_CLASS_COUNT], total[RF_MEMORY_CLASS_COUNT];
} pool_model;

/* The live block that a handle names, or NULL. */
model_block *pool_model_find(pool_model *m, rf_block handle);

/* Whether no unit of [offset, offset + bytes) of a part is taken. */
bool pool_model_is_free(const model_pool *pool, const model_part *part, uint64_t offset,
                        uint64_t bytes);
/* The largest free run of a part's units, in bytes. */
uint64_t pool_model_largest_free(const model_pool *pool, const model_part *part);

/* The part of a pool in which an address lies, or NULL. */
model_part *pool_model_part_at(model_pool *pool, rf_address address);

/* Books a block that was taken (pool NULL: registered), and one that is given. */
void pool_model_add(pool_model *m, model_block block);
void pool_model_remove(pool_model *m, model_block *block);

/* Compares all statistics of the account; NULL, or what differs. */
const char *pool_model_compare(const pool_model *m, rf_memory *memory);

#endif
