/* test_threads.c: every task runs once, callers take turns, and an idle pool uses no CPU time. */
#include "support/cmocka.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/memory.h"
#include "base/threads.h"

typedef struct loop {
    _Atomic uint32_t *hits;
    uint64_t tasks;
    uint32_t n_workers;
} loop;

static void count_hits(void *context, uint64_t begin, uint64_t end, uint32_t worker)
{
    loop *l = context;
    if (begin >= end || end > l->tasks || worker >= l->n_workers)
        abort();
    for (uint64_t i = begin; i < end; i++)
        atomic_fetch_add(&l->hits[i], 1);
}

static void every_task_runs_once(void **state)
{
    (void)state;
    for (uint32_t count = 1; count <= 5; count++) {
        rf_threads *threads = NULL;
        assert_int_equal(rf_threads_create(count, &threads, NULL), RF_OK);
        assert_int_equal(rf_threads_count(threads), count);
        for (uint64_t tasks = 0; tasks < 300; tasks += 7) {
            for (uint64_t grain = 0; grain < 70; grain += 23) {
                loop l = {calloc(tasks + 1, sizeof(*l.hits)), tasks, count};
                rf_threads_run(threads, tasks, grain, count_hits, &l);
                for (uint64_t i = 0; i < tasks; i++)
                    assert_int_equal(l.hits[i], 1);
                free(l.hits);
            }
        }
        rf_threads_free(threads);
    }
}

static void *run_many(void *argument)
{
    rf_threads *threads = argument;
    loop l = {calloc(100, sizeof(*l.hits)), 100, rf_threads_count(threads)};
    for (int i = 0; i < 200; i++)
        rf_threads_run(threads, 100, 1, count_hits, &l);
    for (int i = 0; i < 100; i++) {
        if (l.hits[i] != 200)
            abort();
    }
    free(l.hits);
    return NULL;
}

static void callers_take_turns(void **state)
{
    (void)state;
    rf_threads *threads = NULL;
    assert_int_equal(rf_threads_create(3, &threads, NULL), RF_OK);
    pthread_t callers[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&callers[i], NULL, run_many, threads), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_join(callers[i], NULL), 0);
    rf_threads_free(threads);
}

static double process_seconds(void)
{
    struct timespec used;
    assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used), 0);
    return (double)used.tv_sec + (double)used.tv_nsec * 1e-9;
}

static void idle_pool_sleeps(void **state)
{
    (void)state;
    rf_threads *threads = NULL;
    assert_int_equal(rf_threads_create(4, &threads, NULL), RF_OK);
    loop l = {calloc(100, sizeof(*l.hits)), 100, 4};
    rf_threads_run(threads, 100, 1, count_hits, &l);
    double before = process_seconds();
    usleep(300000);
    assert_true(process_seconds() - before < 0.03);
    free(l.hits);
    rf_threads_free(threads);
}

static void creation_survives_every_failure(void **state)
{
    (void)state;
    uint64_t before = rf_host_live_count();
    rf_threads *threads = NULL;
    rf_error error;
    for (uint64_t n = 1; n <= 3; n++) {
        rf_fault_arm(RF_FAULT_THREAD_CREATE, n);
        assert_int_equal(rf_threads_create(4, &threads, &error), RF_ERROR_HOST_MEMORY);
        assert_null(threads);
        assert_int_equal(rf_host_live_count(), before);
    }
    rf_fault_arm(RF_FAULT_THREAD_CREATE, 0);
    assert_int_equal(rf_threads_create(RF_THREADS_MAX + 1, &threads, &error), RF_ERROR_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_task_runs_once),
        cmocka_unit_test(callers_take_turns),
        cmocka_unit_test(idle_pool_sleeps),
        cmocka_unit_test(creation_survives_every_failure),
    };
    return cmocka_run_group_tests_name("threads", tests, NULL, NULL);
}
