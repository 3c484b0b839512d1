/*
 * threads.h: a pool of worker threads for data-parallel loops. Workers sleep in the kernel when
 * there is nothing to do: an idle pool uses no CPU time.
 */
#ifndef RF_BASE_THREADS_H
#define RF_BASE_THREADS_H

#include <stdint.h>

#include "base/error.h"

#define RF_THREADS_MAX 512

typedef struct rf_threads rf_threads;

/* One part of a loop: tasks [begin, end); worker is below rf_threads_count and no two run as the
 * same worker at once. */
typedef void (*rf_threads_body)(void *context, uint64_t begin, uint64_t end, uint32_t worker);

/* A pool of count threads (1 to RF_THREADS_MAX), the caller of rf_threads_run being one of them; 0:
 * one for each core this process may run on. */
rf_status rf_threads_create(uint32_t count, rf_threads **out, rf_error *error);
void rf_threads_free(rf_threads *threads);

uint32_t rf_threads_count(const rf_threads *threads);

/*
 * Calls body on [0, tasks), in parts of at least `grain` tasks, and returns when all are done. With
 * too few tasks for two parts it runs in the caller alone and wakes nobody. Calls from several
 * threads take turns. body must not call rf_threads_run on the same pool.
 */
void rf_threads_run(rf_threads *threads, uint64_t tasks, uint64_t grain, rf_threads_body body,
                    void *context);

#endif
