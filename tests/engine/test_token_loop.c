/*
 * test_token_loop.c: defect 7 of the earlier engine: every token counted references up and down.
 * Here a step writes no count that is shared: it runs while all locks that guard counts are held by
 * someone else, and while the table of blocks cannot be written at all.
 */
#include "support/cmocka.h"

#include <sys/mman.h>
#include <unistd.h>

#include "kernels/runtime.h"
#include "memory/account.h"
#include "model/model.h"
#include "support/session.h"
#include "support/tiny_model.h"

/* Blocks that are taken before any other, so that those of the model lie in pages of the table that
 * nothing else shares. */
#define FIRST_BLOCKS 512

/* A step that waits for one of the locks ends the program with SIGALRM. */
#define PATIENCE_SECONDS 60

static rf_block first_blocks[FIRST_BLOCKS];

static session open_session(const char *path)
{
    session s = {0};
    session_options options = session_defaults();
    options.engine.n_context = 32;
    options.engine.n_sequences = 2;
    options.engine.page_tokens = 4;
    assert_int_equal(rf_runtime_open(&options.runtime, &s.runtime, NULL), RF_OK);
    for (size_t i = 0; i < FIRST_BLOCKS; i++)
        assert_int_equal(rf_memory_register(s.runtime->memory, (uintptr_t)first_blocks, 1,
                                            RF_MEMORY_STAGING, "first", &first_blocks[i], NULL),
                         RF_OK);
    assert_int_equal(rf_model_load(s.runtime, path, &options.model, &s.model, NULL), RF_OK);
    assert_int_equal(rf_engine_create(s.model, &options.engine, &s.engine, NULL), RF_OK);
    return s;
}

static void close_session(session *s)
{
    for (size_t i = 0; i < FIRST_BLOCKS; i++)
        assert_int_equal(rf_memory_unregister(first_blocks[i], NULL), RF_OK);
    session_close(s);
}

/* Allows or forbids writing to all whole pages of the table of blocks. */
static void protect_blocks(const rf_memory *memory, int protection)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t begin = (uintptr_t)memory->slots.slots;
    uintptr_t end = begin + RF_MEMORY_MAX_BLOCKS * sizeof(rf_slot);
    begin = (begin + page - 1) / page * page;
    end = end / page * page;
    assert_true(begin <= (uintptr_t)&memory->slots.slots[FIRST_BLOCKS]);
    assert_int_equal(mprotect((void *)begin, end - begin, protection), 0);
}

static void lineage_7_a_step_writes_no_shared_count(void **state)
{
    session s = open_session(*state);
    pthread_mutex_t *locks[] = {&s.runtime->lock, &s.model->lock};
    rf_request request = {.tokens = (const int32_t[]){1, 2, 3}, .n_tokens = 3, .max_tokens = 12};
    rf_sequence id;
    rf_output outputs[2];
    size_t count;
    uint32_t tokens = 0;
    rf_error error = {0};
    request.sampling = RF_SAMPLING_INIT;
    for (int i = 0; i < 2; i++)
        assert_int_equal(rf_engine_submit(s.engine, &request, &id, NULL), RF_OK);
    for (size_t i = 0; i < sizeof(locks) / sizeof(locks[0]); i++)
        assert_int_equal(pthread_mutex_lock(locks[i]), 0);
    rf_lock_take(&s.runtime->memory->lock);
    protect_blocks(s.runtime->memory, PROT_READ);
    alarm(PATIENCE_SECONDS);
    rf_status status = RF_OK;
    while (status == RF_OK && rf_engine_active(s.engine)) {
        status = rf_engine_step(s.engine, outputs, 2, &count, &error);
        tokens += (uint32_t)count;
    }
    alarm(0);
    protect_blocks(s.runtime->memory, PROT_READ | PROT_WRITE);
    rf_lock_give(&s.runtime->memory->lock);
    for (size_t i = 0; i < sizeof(locks) / sizeof(locks[0]); i++)
        assert_int_equal(pthread_mutex_unlock(locks[i]), 0);
    if (status != RF_OK)
        fail_msg("%s", error.message);
    assert_true(tokens >= 2);
    close_session(&s);
}

static int set_up(void **state)
{
    static char path[64];
    tiny_model m = tiny_model_default("qwen3");
    tiny_model_write(&m, path);
    *state = path;
    return 0;
}

static int tear_down(void **state)
{
    return unlink(*state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lineage_7_a_step_writes_no_shared_count),
    };
    return cmocka_run_group_tests_name("token loop", tests, set_up, tear_down);
}
