/*
 * pool.h: device memory in a few large allocations, and handles to parts of it.
 *
 * Lifetimes: an rf_memory is the account of one device and outlives its pools; an rf_pool owns
 * device allocations and refuses to close while a block of it is live; an rf_block is a value that
 * names a part of a pool. Only the owner of a block gives it back; a view never frees, and is stale
 * once its owner is given. A stale handle is an error for as long as its rf_memory is open, its
 * pool's end included.
 *
 * Threads: every function may be called from any thread. rf_block_view and rf_block_address take no
 * lock and write nothing shared. Whoever gives a block back sees to it that nobody uses its bytes
 * any more.
 */
#ifndef RF_MEMORY_POOL_H
#define RF_MEMORY_POOL_H

#include "device/device.h"
#include "memory/plan.h"

/* Labels of pools and blocks are kept for reports, cut to this many bytes with their NUL. */
#define RF_LABEL_BYTES 64
/* Blocks that one account holds at most, external ones among them: dozens of the largest models. It
 * bounds the account's host memory, of which only what is used is ever touched. */
#define RF_MEMORY_MAX_BLOCKS (1U << 16)
/* Blocks that a pool holds at most beside its plan's items: for parts taken anew out of places
 * given back. */
#define RF_POOL_SPARE_BLOCKS 256U

/* ---- the account of a device ---------------------------------------------------------------- */

typedef struct rf_memory rf_memory;

/* The device cannot be closed until rf_memory_close: see rf_device_close. */
rf_status rf_memory_open(rf_device *device, rf_memory **out, rf_error *error);
/* RF_ERROR_BUSY, naming pools and labels, while a pool is open or an external block is live. */
rf_status rf_memory_close(rf_memory *memory, rf_error *error);
/* Writes what is open and live, by labels, as one line: empty where nothing is. */
void rf_memory_describe_use(rf_memory *memory, char *text, size_t capacity);
rf_device *rf_memory_device(const rf_memory *memory);
/* See rf_memory_stats in rocmforge.h; stats->version is set by the caller. */
rf_status rf_memory_statistics(rf_memory *memory, rf_memory_stats *stats, rf_error *error);
/* See rf_memory_pools in rocmforge.h. Cannot fail. */
void rf_memory_list_pools(rf_memory *memory, rf_pool_stats *out, size_t capacity, size_t *count);

/* ---- blocks --------------------------------------------------------------------------------- */

typedef struct rf_pool rf_pool;

typedef enum rf_block_kind {
    RF_BLOCK_NONE = 0, /* a zeroed handle */
    RF_BLOCK_OWNED,    /* taken from a pool; to be given back */
    RF_BLOCK_VIEW,     /* part of an owned or external block; never frees */
    RF_BLOCK_EXTERNAL, /* memory of someone else, used in place */
} rf_block_kind;

/* A handle: copied freely, owns nothing by being copied. */
typedef struct rf_block {
    rf_memory *memory;   /* the account, which keeps the truth about this block in a slot */
    uint64_t generation; /* of the slot when the handle was made, never used twice: a stale one
                            differs */
    uint32_t slot;
    rf_block_kind kind;
    rf_memory_class memory_class;
    uint64_t offset; /* from the start of the owner's bytes; 0 unless a view */
    uint64_t bytes;
} rf_block;

/* ---- pools ---------------------------------------------------------------------------------- */

/*
 * Allocates every pool of a solved plan whose items are of the given classes (a bit each, 1 <<
 * class): one driver allocation a pool of the plan; none where the plan has no such pool. On
 * failure nothing stays allocated. Errors: ARGUMENT (not solved; classes that would take a part of
 * a pool), DEVICE_MEMORY, DEVICE, HOST_MEMORY, FULL.
 */
rf_status rf_pool_open(rf_memory *memory, const rf_plan *plan, uint32_t classes, const char *label,
                       rf_pool **out, rf_error *error);
/* RF_ERROR_BUSY, naming the labels of live blocks, and nothing freed, while any is live. A driver's
 * refusal to free is reported, and the pool is closed all the same. */
rf_status rf_pool_close(rf_pool *pool, rf_error *error);

/* Takes the place that the plan chose for an item. RF_ERROR_BUSY if it is taken already; ARGUMENT
 * where the pool was opened from another plan, or without the item's class. */
rf_status rf_pool_take_planned(rf_pool *pool, const rf_plan *plan, uint32_t item, rf_block *out,
                               rf_error *error);
/* Takes any free place, one that the plan meant for an item included. RF_ERROR_DEVICE_MEMORY with
 * bytes asked, free and largest free block; FULL past the plan's items and RF_POOL_SPARE_BLOCKS;
 * ARGUMENT for a class that the pool was not opened for. */
rf_status rf_pool_take(rf_pool *pool, uint64_t bytes, rf_memory_class memory_class,
                       const char *label, rf_block *out, rf_error *error);
/* Gives an owned block back. RF_ERROR_ARGUMENT for a view, RF_ERROR_STALE for one given before. */
rf_status rf_pool_give(rf_block block, rf_error *error);
/* Debug walk over all of a pool: every invariant, live + free + padding = reserved among them. */
rf_status rf_pool_check(rf_pool *pool, rf_error *error);

/* Registers memory of someone else (a mapped file), which must outlive the block. Given back with
 * rf_memory_unregister, which RF_ERROR_STALE refuses a second time. Errors: ARGUMENT (no address, 0
 * bytes), OVERFLOW (the address space ends within it), FULL, HOST_MEMORY. */
rf_status rf_memory_register(rf_memory *memory, rf_address address, uint64_t bytes,
                             rf_memory_class memory_class, const char *label, rf_block *out,
                             rf_error *error);
rf_status rf_memory_unregister(rf_block block, rf_error *error);

/* A part of a block. RF_ERROR_RANGE with offset, bytes and the block's size; RF_ERROR_STALE. */
rf_status rf_block_view(rf_block block, uint64_t offset, uint64_t bytes, rf_block *out,
                        rf_error *error);
/* The device address of a block's first byte. RF_ERROR_STALE where its owner was given back. */
rf_status rf_block_address(rf_block block, rf_address *out, rf_error *error);

/* Synchronous copies to and from a block, bounds checked; the way small things are moved. */
rf_status rf_block_write(rf_block block, uint64_t offset, const void *from, uint64_t bytes,
                         rf_error *error);
rf_status rf_block_read(rf_block block, uint64_t offset, void *to, uint64_t bytes, rf_error *error);

#endif
