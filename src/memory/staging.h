/*
 * staging.h: bringing bytes of files to blocks on a device, at the speed of storage and bus.
 *
 * Readers fill pinned buffers from the files, in the files' order; copies out of them run on
 * streams while the next are filled; an event of each buffer says when it can be filled again. So
 * there is never a copy from mapped pages, which costs some drivers half a second a call. Where
 * host and device share their memory, readers fill the blocks themselves.
 *
 * Preconditions: items are in ascending order of offset within each file, the files' items stand
 * together, and items do not overlap. Everything is given back when a call returns, whatever it
 * returns; contents of blocks are then undefined where it failed.
 */
#ifndef RF_MEMORY_STAGING_H
#define RF_MEMORY_STAGING_H

#include "base/file.h"
#include "memory/pool.h"

/*
 * Defaults, measured (docs/performance.md): four MiB have the bus's full speed, and 14 of them keep
 * 12 readers busy while copies run. Pinning more takes longer than it saves: 16 of 8 MiB load a
 * model of 4.6 GiB at 25 GB/s, 16 of 4 MiB at 33 GB/s. Twelve threads read a warm page cache faster
 * than a bus of 16 lanes of PCIe 5 takes it, and ask enough at once of an NVMe drive.
 */
#define RF_STAGING_DEFAULT_BUFFER_BYTES (4ULL << 20)
#define RF_STAGING_DEFAULT_BUFFERS      14U
#define RF_STAGING_DEFAULT_READERS      12U

/* Limits. The least holds one checksum piece at any offset. Copies out of more than 4 GiB of pinned
 * memory were partial on ROCm 6.2: all buffers together stay at half of that. */
#define RF_STAGING_MIN_BUFFER_BYTES (128ULL << 10)
#define RF_STAGING_MAX_BUFFER_BYTES (256ULL << 20)
#define RF_STAGING_MAX_BUFFERS      256U
#define RF_STAGING_MAX_BYTES        (2ULL << 30)
#define RF_STAGING_MAX_READERS      64U

/* Copies go to this many streams in turn: while one is set up, another moves bytes. */
#define RF_STAGING_STREAMS 2U

/* Bytes of an item that get a checksum of their own, counted from its start. Whatever way they are
 * read, the checksums are the same. */
#define RF_STAGING_PIECE_BYTES (64U << 10)

typedef struct rf_staging_config {
    bool unified; /* the host may use the device's addresses: readers fill blocks in place, unless
                     direct reads, which need aligned memory, are asked for */
    rf_read_mode read_mode;
    bool verify;
    uint32_t n_readers; /* 0: the default, as for the next two */
    uint32_t n_buffers;
    uint64_t buffer_bytes;         /* a multiple of 4096 */
    rf_progress_callback progress; /* NULL: none. Called on the calling thread */
    void *progress_user;
} rf_staging_config;

/* Bytes of a file, at least 1, and the block of as many bytes that they go to. */
typedef struct rf_staging_item {
    rf_file *file;
    uint64_t offset;
    uint64_t bytes;
    const char *label;
    rf_block block; /* the three below are for loading, not for planning */
    uint32_t pool;  /* for errors: where the block lies */
    uint64_t pool_offset;
    uint32_t id; /* the caller's own: not looked at */
} rf_staging_item;

/*
 * Adds the pinned buffers that loading these items takes to a plan, as items of class staging that
 * are in no pool: not more than there is work for. Errors: ARGUMENT (a limit, by name; items not in
 * order or not in their file), those of rf_plan_add_external.
 */
rf_status rf_staging_plan(const rf_staging_config *config, const rf_staging_item *items,
                          uint32_t n_items, rf_plan *plan, rf_error *error);

/*
 * Brings every item to its block, and with verify reads them back. Fills the members of *stats that
 * are about it: bytes, checksum, read_mode to staging_bytes, and the times of transfer, threads and
 * verification; adds its buffers to driver_allocations. The buffers are on the account while it
 * runs. Errors: IO (path), CANCELLED, DEVICE and DEVICE_MEMORY, HOST_MEMORY, INTERNAL (verify:
 * tensor, pool, offset). The first one wins.
 */
rf_status rf_staging_load(rf_memory *memory, const rf_staging_config *config,
                          const rf_staging_item *items, uint32_t n_items, rf_load_stats *stats,
                          rf_error *error);

#endif
