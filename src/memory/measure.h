/*
 * measure.h: how fast the two halves of a load go by themselves: reading a file, and copying from
 * pinned memory to the device. They are the ceilings that a load is held against, so they use the
 * same readers, buffers and streams (staging.h), without checksums. And how fast the device's
 * memory is by itself, the ceiling of every token.
 */
#ifndef RF_MEMORY_MEASURE_H
#define RF_MEMORY_MEASURE_H

#include "base/threads.h"
#include "memory/staging.h"

/*
 * Reads all of these files, which are not empty, into pinned buffers that are allocated before the
 * clock starts. Of *config: read_mode (auto decides as a load does), n_readers, n_buffers,
 * buffer_bytes. Errors: as rf_staging_load.
 */
rf_status rf_memory_measure_read(rf_memory *memory, rf_file *const *files, uint32_t n_files,
                                 const rf_staging_config *config, rf_transfer_measurement *out,
                                 rf_error *error);

/*
 * Copies `bytes`, rounded up to whole buffers, from pinned buffers to as much device memory as one
 * of each takes. Of *config: n_buffers, buffer_bytes. Errors: as rf_staging_load and rf_pool_open.
 */
rf_status rf_memory_measure_copy(rf_memory *memory, uint64_t bytes, const rf_staging_config *config,
                                 rf_transfer_measurement *out, rf_error *error);

/*
 * How fast the device's memory is (measure_speed.c): where it is the host's, read by all threads;
 * else by copies within it. What it takes for that is given back. Errors: as rf_pool_open, and the
 * device's.
 */
rf_status rf_memory_measure_speed(rf_memory *memory, rf_threads *threads,
                                  rf_memory_measurement *out, rf_error *error);

#endif
