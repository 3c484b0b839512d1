/*
 * test_concurrency.c: many threads on one account: blocks never overlap, the account balances while
 * they run, and a handle that goes stale under its reader is an error, never another block's
 * address. Run under the thread sanitizer it also shows that nothing races.
 */
#include "support/cmocka.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "memory/pool.h"
#include "memory/random.h"

enum { THREADS = 8, ROUNDS = 2000, HELD = 16 };

#define KV (1U << RF_MEMORY_KV)

typedef struct shared {
    rf_memory *memory;
    rf_pool *pool;
    _Atomic bool stop;
} shared;

typedef struct worker {
    shared *shared;
    uint64_t random;
    uint8_t mark;
    pthread_t thread;
    const char *failure; /* cmocka's assertions belong to the main thread */
} worker;

static rf_plan *plan_of(uint64_t bytes)
{
    rf_plan *plan = NULL;
    rf_plan_config config = {.alignment = 256};
    assert_int_equal(rf_plan_new(&config, &plan, NULL), RF_OK);
    assert_int_equal(rf_plan_add(plan, "all", RF_MEMORY_KV, bytes, NULL, NULL), RF_OK);
    assert_int_equal(rf_plan_solve(plan, NULL), RF_OK);
    return plan;
}

static bool has_mark(const rf_block *block, uint8_t mark)
{
    uint8_t first = 0;
    uint8_t last = 0;
    return rf_block_read(*block, 0, &first, 1, NULL) == RF_OK &&
           rf_block_read(*block, block->bytes - 1, &last, 1, NULL) == RF_OK && first == mark &&
           last == mark;
}

static bool set_mark(const rf_block *block, uint8_t mark)
{
    return rf_block_write(*block, 0, &mark, 1, NULL) == RF_OK &&
           rf_block_write(*block, block->bytes - 1, &mark, 1, NULL) == RF_OK;
}

static void *take_and_give(void *argument)
{
    worker *w = argument;
    rf_block held[HELD] = {0};
    for (int i = 0; i < ROUNDS && !w->failure; i++) {
        rf_block *block = &held[random_below(&w->random, HELD)];
        if (block->kind == RF_BLOCK_NONE) {
            uint64_t bytes = 1 + random_below(&w->random, 8192);
            rf_status status =
                rf_pool_take(w->shared->pool, bytes, RF_MEMORY_KV, "held", block, NULL);
            if (status != RF_OK && status != RF_ERROR_DEVICE_MEMORY)
                w->failure = "take";
            else if (status == RF_OK && !set_mark(block, w->mark))
                w->failure = "write";
            continue;
        }
        if (!has_mark(block, w->mark))
            w->failure = "another thread wrote into this one's block";
        if (rf_pool_give(*block, NULL) != RF_OK)
            w->failure = "give";
        *block = (rf_block){0};
    }
    for (int i = 0; i < HELD; i++) {
        if (held[i].kind != RF_BLOCK_NONE && rf_pool_give(held[i], NULL) != RF_OK)
            w->failure = "give at the end";
    }
    return NULL;
}

/* Asks for statistics and walks the structure while the others work. */
static void *watch(void *argument)
{
    worker *w = argument;
    while (!atomic_load(&w->shared->stop) && !w->failure) {
        rf_memory_stats stats = {.version = RF_MEMORY_STATS_VERSION};
        if (rf_memory_statistics(w->shared->memory, &stats, NULL) != RF_OK)
            w->failure = "the account does not balance";
        if (rf_pool_check(w->shared->pool, NULL) != RF_OK)
            w->failure = "the structure is broken";
    }
    return NULL;
}

/* Opens and closes pools of its own, and registers external memory, beside the others. */
static void *come_and_go(void *argument)
{
    worker *w = argument;
    static char mapped[4096];
    rf_plan *plan = plan_of(100000);
    for (int i = 0; i < 100 && !w->failure; i++) {
        rf_pool *pool = NULL;
        rf_block block, external;
        if (rf_pool_open(w->shared->memory, plan, KV, "short", &pool, NULL) != RF_OK ||
            rf_pool_take_planned(pool, plan, 0, &block, NULL) != RF_OK ||
            rf_memory_register(w->shared->memory, (uintptr_t)mapped, sizeof(mapped),
                               RF_MEMORY_WEIGHTS, "mapped", &external, NULL) != RF_OK)
            w->failure = "open";
        else if (rf_pool_give(block, NULL) != RF_OK ||
                 rf_memory_unregister(external, NULL) != RF_OK)
            w->failure = "give";
        if (rf_pool_close(pool, NULL) != RF_OK)
            w->failure = "close";
    }
    rf_plan_free(plan);
    return NULL;
}

static void start(worker *w, shared *s, void *(*body)(void *), uint64_t number)
{
    *w = (worker){.shared = s, .random = number, .mark = (uint8_t)(number + 1)};
    assert_int_equal(pthread_create(&w->thread, NULL, body, w), 0);
}

static void finish(worker *w)
{
    assert_int_equal(pthread_join(w->thread, NULL), 0);
    if (w->failure)
        fail_msg("%s", w->failure);
}

static void threads_share_one_account(void **state)
{
    (void)state;
    shared s = {0};
    worker workers[THREADS], watcher, visitors[2];
    rf_device *device = NULL;
    assert_int_equal(rf_device_open("cpu", &device, NULL), RF_OK);
    assert_int_equal(rf_memory_open(device, &s.memory, NULL), RF_OK);
    rf_plan *plan = plan_of(256 << 10);
    assert_int_equal(rf_pool_open(s.memory, plan, KV, "shared", &s.pool, NULL), RF_OK);
    start(&watcher, &s, watch, 100);
    for (uint64_t i = 0; i < 2; i++)
        start(&visitors[i], &s, come_and_go, 200 + i);
    for (uint64_t i = 0; i < THREADS; i++)
        start(&workers[i], &s, take_and_give, i);
    for (size_t i = 0; i < THREADS; i++)
        finish(&workers[i]);
    for (size_t i = 0; i < 2; i++)
        finish(&visitors[i]);
    atomic_store(&s.stop, true);
    finish(&watcher);
    assert_int_equal(rf_pool_close(s.pool, NULL), RF_OK);
    assert_int_equal(rf_memory_close(s.memory, NULL), RF_OK);
    rf_plan_free(plan);
    rf_device_close(device, NULL);
}

/* What a reader and a giver share: a handle that is given, and its slot taken again, again and
 * again. */
typedef struct duel {
    worker worker;
    rf_block block; /* constant: the first handle, which goes stale */
    rf_address address;
} duel;

static void *read_address(void *argument)
{
    duel *d = argument;
    while (!atomic_load(&d->worker.shared->stop)) {
        rf_address address = 0;
        rf_status status = rf_block_address(d->block, &address, NULL);
        if (status == RF_OK ? address != d->address : status != RF_ERROR_STALE)
            d->worker.failure = "another block's address";
    }
    return NULL;
}

static void a_reader_never_sees_another_block(void **state)
{
    (void)state;
    shared s = {0};
    duel d = {.worker = {.shared = &s}};
    rf_device *device = NULL;
    rf_block blocker, block;
    assert_int_equal(rf_device_open("cpu", &device, NULL), RF_OK);
    assert_int_equal(rf_memory_open(device, &s.memory, NULL), RF_OK);
    rf_plan *plan = plan_of(1 << 20);
    assert_int_equal(rf_pool_open(s.memory, plan, KV, "duel", &s.pool, NULL), RF_OK);
    assert_int_equal(rf_pool_take(s.pool, 256, RF_MEMORY_KV, "read", &d.block, NULL), RF_OK);
    assert_int_equal(rf_pool_take(s.pool, 256, RF_MEMORY_KV, "other", &block, NULL), RF_OK);
    assert_int_equal(rf_block_address(d.block, &d.address, NULL), RF_OK);
    assert_int_equal(pthread_create(&d.worker.thread, NULL, read_address, &d), 0);
    /* The slot given last is taken first: the handle's slot comes back, at an address not its own.
     */
    assert_int_equal(rf_pool_give(d.block, NULL), RF_OK);
    assert_int_equal(rf_pool_give(block, NULL), RF_OK);
    assert_int_equal(rf_pool_take(s.pool, 256, RF_MEMORY_KV, "at its address", &blocker, NULL),
                     RF_OK);
    for (int i = 0; i < 20000; i++) {
        rf_address address;
        assert_int_equal(rf_pool_take(s.pool, 256, RF_MEMORY_KV, "in its slot", &block, NULL),
                         RF_OK);
        assert_int_equal(block.slot, d.block.slot);
        assert_int_equal(rf_block_address(block, &address, NULL), RF_OK);
        assert_int_not_equal(address, d.address);
        assert_int_equal(rf_pool_give(block, NULL), RF_OK);
    }
    atomic_store(&s.stop, true);
    finish(&d.worker);
    assert_int_equal(rf_pool_give(blocker, NULL), RF_OK);
    assert_int_equal(rf_pool_close(s.pool, NULL), RF_OK);
    assert_int_equal(rf_memory_close(s.memory, NULL), RF_OK);
    rf_plan_free(plan);
    rf_device_close(device, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_share_one_account),
        cmocka_unit_test(a_reader_never_sees_another_block),
    };
    return cmocka_run_group_tests_name("concurrency", tests, NULL, NULL);
}
