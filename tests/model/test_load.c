/*
 * test_load.c: loading models as programs do: one load for all who ask for the same, whoever fails,
 * cancels or frees; and what a load tells of itself.
 */
#include "support/cmocka.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/memory.h"
#include "kernels/gpu/emulated.h"
#include "model/model.h"
#include "support/emu_runtime.h"
#include "support/session.h"
#include "support/tiny_model.h"

enum { THREADS = 100 };

typedef struct fixture {
    char path[64];
    emu_runtime r;
    uint64_t host;      /* live allocations at the start */
    uint64_t host_open; /* and with the runtime open */
} fixture;

static int set_up(void **state)
{
    static fixture f;
    tiny_model m = tiny_model_default("qwen3moe");
    m.n_vocab = 4000; /* some jobs' worth of bytes */
    tiny_model_write(&m, f.path);
    f.host = rf_host_live_count();
    emu_runtime_open(&f.r);
    f.host_open = rf_host_live_count();
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    emu_runtime_close(&f->r);
    assert_int_equal(rf_host_live_count(), f->host);
    return unlink(f->path);
}

static rf_model_options options_of(void)
{
    rf_model_options options = RF_MODEL_OPTIONS_INIT;
    options.staging_bytes = 128 << 10;
    options.staging_buffers = 4;
    options.n_readers = 2;
    return options;
}

static rf_model *load_ok(fixture *f, const char *path, const rf_model_options *options)
{
    rf_error error;
    rf_model *model = NULL;
    if (rf_model_load(&f->r.runtime, path, options, &model, &error) != RF_OK)
        fail_msg("%s", error.message);
    return model;
}

static void free_ok(rf_model *model)
{
    rf_error error;
    if (rf_model_free(model, &error) != RF_OK)
        fail_msg("%s", error.message);
}

/* ---- statistics ----------------------------------------------------------------------------- */

static void a_load_takes_what_its_plan_says(void **state)
{
    fixture *f = *state;
    rf_model_options options = options_of();
    options.pool_bytes = 1 << 20;
    rf_model *model = load_ok(f, f->path, &options);
    rf_memory_stats stats = {.version = RF_MEMORY_STATS_VERSION};
    rf_plan_summary plan = rf_plan_summarise(model->parts[0].plan);
    rf_load_stats load = rf_model_load_statistics(model);
    rf_emu_live live = rf_emu_count_live(f->r.emu);
    assert_int_equal(rf_memory_statistics(f->r.runtime.memory, &stats, NULL), RF_OK);
    assert_int_equal(stats.reserved, plan.total);
    assert_int_equal(live.bytes, plan.total);
    assert_int_equal(live.allocations, rf_plan_pool_count(model->parts[0].plan));
    assert_int_equal(load.staging_bytes, plan.external[RF_MEMORY_STAGING]);
    assert_int_equal(stats.classes[RF_MEMORY_STAGING].peak, plan.external[RF_MEMORY_STAGING]);
    assert_int_equal(load.driver_allocations, live.allocations + load.staging_buffers);
    assert_int_equal(load.bytes, rf_model_describe(model).weight_bytes);
    assert_true(load.total_nanoseconds >=
                load.plan_nanoseconds + load.allocate_nanoseconds + load.transfer_nanoseconds);
    assert_true(load.transfer_nanoseconds > 0 && load.read_thread_nanoseconds > 0);
    assert_int_equal(load.verify_nanoseconds, 0);
    free_ok(model);
}

static void checksums_are_those_of_the_file(void **state)
{
    fixture *f = *state;
    rf_runtime *cpu = NULL;
    rf_model *model = NULL;
    uint64_t expected = 0;
    assert_int_equal(rf_runtime_open(CPU_RUNTIME, &cpu, NULL), RF_OK);
    for (unsigned i = 0; i < 8; i++) {
        rf_model_options options = options_of();
        options.no_mmap = true;
        options.verify = i & 1;
        options.n_readers = 1 + i;
        options.alignment = i & 2 ? 256 : 4096;
        options.read_mode = i & 4 ? RF_READ_DIRECT : RF_READ_AUTO;
        assert_int_equal(
            rf_model_load(i & 1 ? cpu : &f->r.runtime, f->path, &options, &model, NULL), RF_OK);
        rf_load_stats load = rf_model_load_statistics(model);
        expected = i ? expected : load.checksum;
        assert_int_equal(load.checksum, expected);
        assert_int_equal(load.verified, options.verify);
        free_ok(model);
    }
    assert_int_equal(rf_model_load(cpu, f->path, NULL, &model, NULL), RF_OK);
    assert_int_equal(rf_model_load_statistics(model).read_mode, RF_READ_MAPPED);
    assert_int_equal(rf_model_load_statistics(model).checksum, 0);
    free_ok(model);
    assert_int_equal(rf_runtime_close(cpu, NULL), RF_OK);
}

/* ---- sharing -------------------------------------------------------------------------------- */

static void the_same_file_and_layout_is_one_model(void **state)
{
    fixture *f = *state;
    rf_model_options options = options_of();
    char other_name[80];
    snprintf(other_name, sizeof(other_name), "%s-link", f->path);
    assert_int_equal(link(f->path, other_name), 0);
    rf_model *model = load_ok(f, f->path, &options);
    options.n_readers = 1; /* how it is read makes no difference to what is there */
    options.alignment = 4096;
    assert_ptr_equal(load_ok(f, other_name, &options), model);
    assert_ptr_equal(load_ok(f, f->path, NULL), model);
    options.alignment = 256;
    rf_model *other = load_ok(f, f->path, &options);
    assert_ptr_not_equal(other, model);
    options.verify = true;
    rf_model *verified = load_ok(f, f->path, &options);
    assert_ptr_not_equal(verified, other);
    free_ok(other);
    free_ok(verified);
    free_ok(model);
    free_ok(model);
    assert_int_equal(f->r.runtime.n_models, 1);
    free_ok(model);
    assert_int_equal(f->r.runtime.n_models, 0);
    assert_int_equal(unlink(other_name), 0);
}

static void a_file_that_was_replaced_is_another_model(void **state)
{
    fixture *f = *state;
    rf_model *model = load_ok(f, f->path, NULL);
    char fresh[64];
    char back[80];
    tiny_model m = tiny_model_default("llama");
    tiny_model_write(&m, fresh);
    snprintf(back, sizeof(back), "%s-old", f->path);
    assert_int_equal(rename(f->path, back), 0);
    assert_int_equal(rename(fresh, f->path), 0);
    rf_model *other = load_ok(f, f->path, NULL);
    assert_ptr_not_equal(other, model);
    assert_int_equal(rename(back, f->path), 0);
    assert_ptr_equal(load_ok(f, f->path, NULL), model);
    free_ok(model);
    free_ok(model);
    free_ok(other);
}

static void the_last_one_is_not_freed_under_engines(void **state)
{
    fixture *f = *state;
    rf_model *model = load_ok(f, f->path, NULL);
    assert_ptr_equal(load_ok(f, f->path, NULL), model);
    rf_model_retain(model); /* as an engine does */
    free_ok(model);
    assert_int_equal(rf_model_free(model, NULL), RF_ERROR_BUSY);
    assert_int_equal(rf_model_free(model, NULL), RF_ERROR_BUSY);
    rf_model_release(model);
    free_ok(model);
}

/* ---- many threads --------------------------------------------------------------------------- */

typedef struct crowd {
    fixture *f;
    pthread_barrier_t start;
    pthread_barrier_t loaded;
    _Atomic unsigned failures;
    _Atomic uint64_t model; /* the first one's address */
} crowd;

static void *join_crowd(void *argument)
{
    crowd *c = argument;
    rf_model *model = NULL;
    rf_model_options options = options_of();
    uint64_t none = 0;
    pthread_barrier_wait(&c->start);
    if (rf_model_load(&c->f->r.runtime, c->f->path, &options, &model, NULL) != RF_OK)
        c->failures++;
    if (!atomic_compare_exchange_strong(&c->model, &none, (uintptr_t)model) &&
        none != (uintptr_t)model)
        c->failures++;
    pthread_barrier_wait(&c->loaded); /* nobody frees before all have it */
    if (rf_model_free(model, NULL) != RF_OK)
        c->failures++;
    return NULL;
}

static void a_hundred_threads_load_once(void **state)
{
    crowd c = {.f = *state};
    pthread_t threads[THREADS];
    rf_memory_stats before = {.version = RF_MEMORY_STATS_VERSION};
    rf_memory_stats after = {.version = RF_MEMORY_STATS_VERSION};
    assert_int_equal(rf_memory_statistics(c.f->r.runtime.memory, &before, NULL), RF_OK);
    pthread_barrier_init(&c.start, NULL, THREADS);
    pthread_barrier_init(&c.loaded, NULL, THREADS);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, join_crowd, &c), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&c.start);
    pthread_barrier_destroy(&c.loaded);
    assert_int_equal(c.failures, 0);
    assert_int_equal(rf_memory_statistics(c.f->r.runtime.memory, &after, NULL), RF_OK);
    assert_int_equal(after.driver_allocations - before.driver_allocations, 1);
    emu_runtime_expect_empty(&c.f->r);
}

/* Loads and frees without waiting for anyone: models come and go under the others' hands. */
static void *come_and_go(void *argument)
{
    crowd *c = argument;
    rf_model_options options = options_of();
    pthread_barrier_wait(&c->start);
    for (int i = 0; i < 6; i++) {
        rf_model *model = NULL;
        if (rf_model_load(&c->f->r.runtime, c->f->path, &options, &model, NULL) != RF_OK ||
            rf_model_describe(model).n_layers != 2 || rf_model_free(model, NULL) != RF_OK)
            c->failures++;
    }
    return NULL;
}

static void models_come_and_go_under_many_threads(void **state)
{
    crowd c = {.f = *state};
    pthread_t threads[8];
    pthread_barrier_init(&c.start, NULL, 8);
    for (int i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, &c), 0);
    for (int i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&c.start);
    assert_int_equal(c.failures, 0);
    emu_runtime_expect_empty(&c.f->r);
}

/* ---- those who wait ------------------------------------------------------------------------- */

/* A load that stands still in its progress until a guest has joined it. */
typedef struct party {
    fixture *f;
    bool host_goes_on;
    bool guest_goes_on;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool host_is_in;  /* the host's load has begun */
    bool guest_is_in; /* the guest was told of progress */
    unsigned guest_calls;
    pthread_t host;
    rf_status host_status;
    rf_error host_error;
    rf_model *host_model;
} party;

static bool host_progress(void *user, uint64_t done, uint64_t total)
{
    party *p = user;
    (void)done, (void)total;
    pthread_mutex_lock(&p->lock);
    p->host_is_in = true;
    pthread_cond_broadcast(&p->changed);
    while (!p->guest_is_in)
        pthread_cond_wait(&p->changed, &p->lock);
    bool go_on = p->host_goes_on;
    pthread_mutex_unlock(&p->lock);
    return go_on;
}

static bool guest_progress(void *user, uint64_t done, uint64_t total)
{
    party *p = user;
    assert_true(done <= total);
    pthread_mutex_lock(&p->lock);
    p->guest_is_in = true;
    p->guest_calls++;
    pthread_cond_broadcast(&p->changed);
    bool go_on = p->guest_goes_on;
    pthread_mutex_unlock(&p->lock);
    return go_on;
}

static void *host_main(void *argument)
{
    party *p = argument;
    rf_model_options options = options_of();
    options.progress = host_progress;
    options.progress_user = p;
    p->host_status =
        rf_model_load(&p->f->r.runtime, p->f->path, &options, &p->host_model, &p->host_error);
    return NULL;
}

/* Starts a load in another thread, and asks for the same model in this one. */
static rf_status join_party(party *p, rf_model **model, rf_error *error)
{
    rf_model_options options = options_of();
    options.progress = guest_progress;
    options.progress_user = p;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->changed, NULL);
    assert_int_equal(pthread_create(&p->host, NULL, host_main, p), 0);
    pthread_mutex_lock(&p->lock);
    while (!p->host_is_in)
        pthread_cond_wait(&p->changed, &p->lock);
    pthread_mutex_unlock(&p->lock);
    rf_status status = rf_model_load(&p->f->r.runtime, p->f->path, &options, model, error);
    pthread_join(p->host, NULL);
    pthread_cond_destroy(&p->changed);
    pthread_mutex_destroy(&p->lock);
    return status;
}

static void who_waits_is_told_and_shares(void **state)
{
    party p = {.f = *state, .host_goes_on = true, .guest_goes_on = true};
    rf_model *model = NULL;
    assert_int_equal(join_party(&p, &model, NULL), RF_OK);
    assert_int_equal(p.host_status, RF_OK);
    assert_ptr_equal(model, p.host_model);
    assert_true(p.guest_calls >= 2);
    free_ok(model);
    free_ok(p.host_model);
}

static void who_waits_takes_over_from_who_cancels(void **state)
{
    party p = {.f = *state, .host_goes_on = false, .guest_goes_on = true};
    rf_model *model = NULL;
    assert_int_equal(join_party(&p, &model, NULL), RF_OK);
    assert_int_equal(p.host_status, RF_ERROR_CANCELLED);
    assert_null(p.host_model);
    free_ok(model);
}

static void who_waits_cancels_the_waiting_alone(void **state)
{
    party p = {.f = *state, .host_goes_on = true, .guest_goes_on = false};
    rf_model *model = NULL;
    assert_int_equal(join_party(&p, &model, NULL), RF_ERROR_CANCELLED);
    assert_null(model);
    assert_int_equal(p.host_status, RF_OK);
    free_ok(p.host_model);
}

static void a_failed_load_tells_all_who_wait(void **state)
{
    party p = {.f = *state, .host_goes_on = true, .guest_goes_on = true};
    rf_model *model = NULL;
    rf_error error;
    rf_fault_device_arm(p.f->r.device, RF_FAULT_COPY, 1);
    assert_int_equal(join_party(&p, &model, &error), RF_ERROR_DEVICE);
    assert_int_equal(p.host_status, RF_ERROR_DEVICE);
    assert_string_equal(error.message, p.host_error.message);
    assert_non_null(strstr(error.message, p.f->path));
    emu_runtime_expect_empty(&p.f->r);
    free_ok(load_ok(p.f, p.f->path, NULL));
}

/* ---- reentrance ----------------------------------------------------------------------------- */

static bool load_from_inside(void *user, uint64_t done, uint64_t total)
{
    fixture *f = user;
    rf_model *model = NULL;
    (void)done, (void)total;
    assert_int_equal(rf_model_load(&f->r.runtime, f->path, NULL, &model, NULL), RF_ERROR_BUSY);
    return true;
}

static void a_model_asked_for_from_its_own_load_is_an_error(void **state)
{
    fixture *f = *state;
    rf_model_options options = RF_MODEL_OPTIONS_INIT;
    options.progress = load_from_inside;
    options.progress_user = f;
    free_ok(load_ok(f, f->path, &options));
}

/* ---- devices without kernels -------------------------------------------------------------------
 */

/* A build without clang-19 has no kernels for it. */
static void a_gpu_plans_and_loads_also_what_it_cannot_compute(void **state)
{
    fixture *f = *state;
    rf_runtime_options options = RF_RUNTIME_OPTIONS_INIT;
    rf_runtime *runtime = NULL;
    rf_model *model = NULL;
    rf_engine *engine = NULL;
    rf_plan *plan = NULL;
    rf_gguf *gguf = NULL;
    rf_error error;
    options.device = "emu64";
    assert_int_equal(rf_runtime_open(&options, &runtime, NULL), RF_OK);
    assert_int_equal(rf_gguf_open(f->path, &gguf, NULL), RF_OK);
    assert_int_equal(rf_plan_create(runtime, gguf, NULL, NULL, &plan, NULL), RF_OK);
    rf_plan_free(plan);
    rf_gguf_close(gguf);
    assert_int_equal(rf_model_load(runtime, f->path, NULL, &model, NULL), RF_OK);
    rf_status status = rf_engine_create(model, NULL, &engine, &error);
    if (rf_gpu_emulated_require("emu64", NULL) == RF_OK) {
        assert_int_equal(status, RF_OK);
    } else {
        assert_int_equal(status, RF_ERROR_UNSUPPORTED);
        assert_non_null(strstr(error.message, "device emu64: there are no kernels"));
    }
    rf_engine_free(engine);
    free_ok(model);
    assert_int_equal(rf_runtime_close(runtime, NULL), RF_OK);
}

/* ---- the tokenizer, made beside ---------------------------------------------------------------
 */

/* A synthetic model whose pre-tokenizer nobody knows: a file that is refused for its tokenizer. */
static void write_odd_tokenizer(char path[64])
{
    static const char known[] = "gpt-2";
    rf_synth_options options = RF_SYNTH_OPTIONS_INIT;
    char head[1 << 16];
    strcpy(path, "/tmp/rocmforge-odd-XXXXXX");
    int file = mkstemp(path);
    assert_true(file >= 0);
    options.shape = "tiny";
    options.quant = "Q4_0";
    options.overwrite = true;
    assert_int_equal(rf_synth_write(path, &options, NULL), RF_OK);
    close(file);
    FILE *stream = fopen(path, "r+");
    assert_non_null(stream);
    size_t length = fread(head, 1, sizeof(head), stream);
    const char *at = memmem(head, length, known, strlen(known));
    assert_non_null(at);
    assert_int_equal(fseek(stream, at - head, SEEK_SET), 0);
    assert_int_equal(fputs("gpt-X", stream) >= 0, 1);
    assert_int_equal(fclose(stream), 0);
}

/* Lets time pass, so that the tokenizer has failed by the time that it returns. */
static bool dawdle(void *user, uint64_t done, uint64_t total)
{
    unsigned *calls = user;
    (void)done;
    (void)total;
    ++*calls;
    usleep(300000);
    return true;
}

static void a_tokenizer_that_fails_ends_the_load(void **state)
{
    fixture *f = *state;
    char path[64];
    unsigned calls = 0;
    rf_error error = {0};
    rf_model *model = NULL;
    rf_gguf *gguf = NULL;
    rf_plan *plan = NULL;
    write_odd_tokenizer(path);
    rf_model_options options = options_of();
    options.progress = dawdle;
    options.progress_user = &calls;
    assert_int_equal(rf_model_load(&f->r.runtime, path, &options, &model, &error),
                     RF_ERROR_UNSUPPORTED);
    assert_non_null(strstr(error.message, "gpt-X"));
    assert_in_range(calls, 0, 1); /* before the first byte at most, and never again */
    emu_runtime_expect_empty(&f->r);
    assert_int_equal(rf_gguf_open(path, &gguf, NULL), RF_OK);
    assert_int_equal(rf_plan_create(&f->r.runtime, gguf, NULL, NULL, &plan, &error),
                     RF_ERROR_UNSUPPORTED);
    assert_non_null(strstr(error.message, "gpt-X"));
    rf_gguf_close(gguf);
    assert_int_equal(rf_host_live_count(), f->host_open);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_load_takes_what_its_plan_says),
        cmocka_unit_test(checksums_are_those_of_the_file),
        cmocka_unit_test(the_same_file_and_layout_is_one_model),
        cmocka_unit_test(a_file_that_was_replaced_is_another_model),
        cmocka_unit_test(the_last_one_is_not_freed_under_engines),
        cmocka_unit_test(a_hundred_threads_load_once),
        cmocka_unit_test(models_come_and_go_under_many_threads),
        cmocka_unit_test(who_waits_is_told_and_shares),
        cmocka_unit_test(who_waits_takes_over_from_who_cancels),
        cmocka_unit_test(who_waits_cancels_the_waiting_alone),
        cmocka_unit_test(a_failed_load_tells_all_who_wait),
        cmocka_unit_test(a_model_asked_for_from_its_own_load_is_an_error),
        cmocka_unit_test(a_tokenizer_that_fails_ends_the_load),
        cmocka_unit_test(a_gpu_plans_and_loads_also_what_it_cannot_compute),
    };
    return cmocka_run_group_tests_name("model load", tests, set_up, tear_down);
}
