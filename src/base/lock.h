/*
 * lock.h: mutual exclusion for sections of some tens of nanoseconds that are entered all the time.
 *
 * Taking a free lock is one atomic exchange and giving it back a plain store, where a mutex takes
 * two atomic operations and two calls. Who finds it held tries for a microsecond or two, then
 * queues on a mutex, asleep; the first of the queue looks again now and then, asleep between. So
 * nobody spins for long, whatever the holder does, but a section that takes longer makes its
 * waiters late by RF_LOCK_NAP_NS. Where that matters, a mutex is the right one.
 *
 * Neither fair nor recursive. The store that gives a lock back is the last access to it: whoever
 * takes it next may destroy it.
 */
#ifndef RF_BASE_LOCK_H
#define RF_BASE_LOCK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#define RF_LOCK_NAP_NS 50000L

typedef struct rf_lock {
    atomic_bool held;
    pthread_mutex_t queue; /* held by the one waiter that looks again */
} rf_lock;

void rf_lock_init(rf_lock *lock);
/* Nobody holds it or waits for it. */
void rf_lock_destroy(rf_lock *lock);

/* Takes a lock that was found held. */
void rf_lock_wait(rf_lock *lock);

static inline void rf_lock_take(rf_lock *lock)
{
    if (__builtin_expect(atomic_exchange_explicit(&lock->held, true, memory_order_acquire), false))
        rf_lock_wait(lock);
}

static inline void rf_lock_give(rf_lock *lock)
{
    atomic_store_explicit(&lock->held, false, memory_order_release);
}

#endif
