/* lock.c: waiting for a lock.h lock that somebody holds. */
#include "base/lock.h"

#include <time.h>

/* Looks at a held lock before its waiter sleeps: one to three microseconds, longer than sections
 * for which such a lock is meant, shorter than sleeping and being woken. */
#define LOOKS 64

void rf_lock_init(rf_lock *lock)
{
    atomic_init(&lock->held, false);
    pthread_mutex_init(&lock->queue, NULL); /* cannot fail with default attributes on Linux */
}

void rf_lock_destroy(rf_lock *lock)
{
    pthread_mutex_destroy(&lock->queue);
}

/* Whether the lock was taken. Only looks until it is free, so that waiters leave the holder's cache
 * line alone. */
static bool try_for_a_while(rf_lock *lock)
{
    for (int i = 0; i < LOOKS; i++) {
        if (!atomic_load_explicit(&lock->held, memory_order_relaxed) &&
            !atomic_exchange_explicit(&lock->held, true, memory_order_acquire))
            return true;
        __builtin_ia32_pause();
    }
    return false;
}

void rf_lock_wait(rf_lock *lock)
{
    const struct timespec nap = {.tv_nsec = RF_LOCK_NAP_NS};
    if (try_for_a_while(lock))
        return;
    pthread_mutex_lock(&lock->queue);
    while (!try_for_a_while(lock))
        nanosleep(&nap, NULL); /* a signal that cuts it short does no harm */
    pthread_mutex_unlock(&lock->queue);
}
