/* test_lock.c: one thread at a time holds a lock, whoever finds it held gets it in the end, and
 * does not burn its processor meanwhile. */
#include "support/cmocka.h"

#include <pthread.h>
#include <time.h>

#include "base/lock.h"

enum { THREADS = 6, ROUNDS = 20000 };

#define HELD_NS 200000000L

typedef struct shared {
    rf_lock lock;
    uint64_t count; /* not atomic: the lock guards it */
    uint64_t waiter_cpu_ns;
} shared;

static void *count_up(void *argument)
{
    shared *s = argument;
    for (int i = 0; i < ROUNDS; i++) {
        rf_lock_take(&s->lock);
        s->count++;
        rf_lock_give(&s->lock);
    }
    return NULL;
}

static void one_thread_at_a_time(void **state)
{
    (void)state;
    shared s = {.count = 0};
    pthread_t threads[THREADS];
    rf_lock_init(&s.lock);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_up, &s), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(s.count, THREADS * ROUNDS);
    rf_lock_destroy(&s.lock);
}

static void *take_once(void *argument)
{
    shared *s = argument;
    struct timespec cpu;
    rf_lock_take(&s->lock);
    s->count++;
    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu) == 0)
        s->waiter_cpu_ns = (uint64_t)cpu.tv_sec * 1000000000U + (uint64_t)cpu.tv_nsec;
    rf_lock_give(&s->lock);
    return NULL;
}

static void waiters_sleep(void **state)
{
    (void)state;
    shared s = {.count = 0};
    const struct timespec held = {.tv_nsec = HELD_NS};
    pthread_t threads[THREADS];
    rf_lock_init(&s.lock);
    rf_lock_take(&s.lock);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_once, &s), 0);
    nanosleep(&held, NULL);
    assert_int_equal(s.count, 0);
    rf_lock_give(&s.lock);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(s.count, THREADS);
    /* That of the last one, who waited longest: naps and looks, a few per cent of the time. */
    print_message("%.1f ms of processor for %.0f ms of waiting\n", (double)s.waiter_cpu_ns * 1e-6,
                  HELD_NS * 1e-6);
    assert_true(s.waiter_cpu_ns < HELD_NS / 4);
    rf_lock_destroy(&s.lock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_thread_at_a_time),
        cmocka_unit_test(waiters_sleep),
    };
    return cmocka_run_group_tests_name("lock", tests, NULL, NULL);
}
