/*
 * threads.c: fork and join over a shared task counter.
 *
 * A job is published under the lock with a new number; workers sleep on a condition until that
 * number changes. Parts of the loop are claimed with one atomic addition each, so that a slow core
 * does not hold up the others.
 */
#include "base/threads.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/fault.h"
#include "base/memory.h"

/* Parts a worker: more even out cores of different speed, fewer cost fewer atomic additions. */
#define PARTS_PER_WORKER 4

typedef struct worker {
    rf_threads *threads;
    pthread_t thread;
    uint32_t index;
} worker;

struct rf_threads {
    uint32_t count;         /* the caller included */
    uint32_t started;       /* workers that exist: count - 1 once created */
    pthread_mutex_t caller; /* held by the one rf_threads_run that is under way */
    pthread_mutex_t lock;   /* guards what stands below, up to the job */
    pthread_cond_t work;
    pthread_cond_t done;
    uint64_t job_number;
    uint32_t running; /* workers that have not finished the current job */
    bool stop;
    /* The job: constant while running is not zero. */
    rf_threads_body body;
    void *context;
    uint64_t tasks;
    uint64_t part;
    _Atomic uint64_t next;
    worker workers[];
};

static void run_parts(rf_threads *threads, uint32_t index)
{
    for (;;) {
        uint64_t begin =
            atomic_fetch_add_explicit(&threads->next, threads->part, memory_order_relaxed);
        if (begin >= threads->tasks)
            return;
        uint64_t left = threads->tasks - begin;
        uint64_t length = left < threads->part ? left : threads->part;
        threads->body(threads->context, begin, begin + length, index);
    }
}

static void *worker_main(void *argument)
{
    const worker *self = argument;
    rf_threads *threads = self->threads;
    uint64_t seen = 0;
    pthread_mutex_lock(&threads->lock);
    for (;;) {
        while (!threads->stop && threads->job_number == seen)
            pthread_cond_wait(&threads->work, &threads->lock);
        if (threads->stop)
            break;
        seen = threads->job_number;
        pthread_mutex_unlock(&threads->lock);
        run_parts(threads, self->index);
        pthread_mutex_lock(&threads->lock);
        if (--threads->running == 0)
            pthread_cond_signal(&threads->done);
    }
    pthread_mutex_unlock(&threads->lock);
    return NULL;
}

static uint32_t core_count(void)
{
    cpu_set_t cores;
    if (sched_getaffinity(0, sizeof(cores), &cores) != 0)
        return 1; /* more than 1024 cores, or a kernel that does not say: still a working pool */
    uint32_t count = (uint32_t)CPU_COUNT(&cores);
    return count == 0 ? 1 : count > RF_THREADS_MAX ? RF_THREADS_MAX : count;
}

rf_status rf_threads_create(uint32_t count, rf_threads **out, rf_error *error)
{
    if (count > RF_THREADS_MAX)
        return rf_error_set(error, RF_ERROR_ARGUMENT, "%u threads asked for, the most is %d", count,
                            RF_THREADS_MAX);
    if (count == 0)
        count = core_count();
    size_t bytes = sizeof(rf_threads) + (count - 1) * sizeof(worker);
    rf_threads *threads = rf_calloc(1, bytes);
    if (!threads)
        return rf_error_host_memory(error, "the thread pool", bytes);
    threads->count = count;
    pthread_mutex_init(&threads->caller, NULL); /* none of these four can fail on Linux */
    pthread_mutex_init(&threads->lock, NULL);
    pthread_cond_init(&threads->work, NULL);
    pthread_cond_init(&threads->done, NULL);
    for (uint32_t i = 0; i + 1 < count; i++) {
        threads->workers[i] = (worker){.threads = threads, .index = i + 1};
        int code = rf_fault_fires(RF_FAULT_THREAD_CREATE)
                       ? 11 /* EAGAIN */
                       : pthread_create(&threads->workers[i].thread, NULL, worker_main,
                                        &threads->workers[i]);
        if (code != 0) {
            rf_threads_free(threads);
            return rf_error_set_code(error, RF_ERROR_HOST_MEMORY, code,
                                     "cannot start worker thread %u of %u", i + 1, count - 1);
        }
        threads->started++;
    }
    *out = threads;
    return RF_OK;
}

void rf_threads_free(rf_threads *threads)
{
    if (!threads)
        return;
    pthread_mutex_lock(&threads->lock);
    threads->stop = true;
    pthread_cond_broadcast(&threads->work);
    pthread_mutex_unlock(&threads->lock);
    for (uint32_t i = 0; i < threads->started; i++)
        pthread_join(threads->workers[i].thread, NULL);
    pthread_cond_destroy(&threads->done);
    pthread_cond_destroy(&threads->work);
    pthread_mutex_destroy(&threads->lock);
    pthread_mutex_destroy(&threads->caller);
    rf_free(threads);
}

uint32_t rf_threads_count(const rf_threads *threads)
{
    return threads->count;
}

void rf_threads_run(rf_threads *threads, uint64_t tasks, uint64_t grain, rf_threads_body body,
                    void *context)
{
    if (tasks == 0)
        return;
    if (grain == 0)
        grain = 1;
    if (threads->count == 1 || tasks / 2 < grain) {
        /* The lock still makes callers take turns: body may use per-worker memory. */
        pthread_mutex_lock(&threads->caller);
        body(context, 0, tasks, 0);
        pthread_mutex_unlock(&threads->caller);
        return;
    }
    uint64_t parts = (uint64_t)threads->count * PARTS_PER_WORKER;
    uint64_t part = tasks / parts + (tasks % parts != 0);
    pthread_mutex_lock(&threads->caller);
    pthread_mutex_lock(&threads->lock);
    threads->body = body;
    threads->context = context;
    threads->tasks = tasks;
    threads->part = part > grain ? part : grain;
    atomic_store_explicit(&threads->next, 0, memory_order_relaxed);
    threads->running = threads->started;
    threads->job_number++;
    pthread_cond_broadcast(&threads->work);
    pthread_mutex_unlock(&threads->lock);
    run_parts(threads, 0);
    pthread_mutex_lock(&threads->lock);
    while (threads->running != 0)
        pthread_cond_wait(&threads->done, &threads->lock);
    pthread_mutex_unlock(&threads->lock);
    pthread_mutex_unlock(&threads->caller);
}
