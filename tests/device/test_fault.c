/* test_fault.c: the device that fails on demand, around an emulated one, and around one that claims
 * to do what no emulated device does yet. */
#include "device/emu_support.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/memory.h"
#include "device/fault/fault.h"
#include "support/faults.h"

typedef struct fixture {
    rf_device *emu;
    rf_device *fault;
} fixture;

static int setup(void **state)
{
    static fixture f;
    void *emu = NULL;
    rf_error error = {0};
    emu_setup(&emu);
    f.emu = emu;
    expect_ok(rf_fault_device_wrap(f.emu, &f.fault, &error), &error);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    void *emu = f->emu;
    rf_fault_device_close(f->fault);
    return emu_teardown(&emu);
}

/* ---- a use of every operation --------------------------------------------------------------- */

enum { BYTES = 3000 };

typedef struct used {
    rf_address address;
    void *pinned;
    rf_stream *stream;
    rf_event *begin, *end;
} used;

static rf_status create(rf_device *d, used *u, rf_error *error)
{
    rf_device_facts facts;
    rf_device_memory memory;
    RF_TRY(d->ops->facts(d, &facts, error));
    RF_TRY(d->ops->memory(d, &memory, error));
    RF_TRY(d->ops->alloc(d, BYTES, 4096, &u->address, error));
    RF_TRY(d->ops->pinned_alloc(d, BYTES, &u->pinned, error));
    RF_TRY(d->ops->stream_create(d, &u->stream, error));
    RF_TRY(d->ops->event_create(d, &u->begin, error));
    return d->ops->event_create(d, &u->end, error);
}

static rf_status work(rf_device *d, used *u, rf_error *error)
{
    bool done = false;
    uint64_t took = 0;
    uint64_t pinned = (uintptr_t)u->pinned;
    RF_TRY(d->ops->event_record(d, u->begin, u->stream, error));
    RF_TRY(d->ops->fill(d, u->stream, u->address, 5, BYTES, error));
    RF_TRY(d->ops->copy(d, u->stream, RF_COPY_FROM_DEVICE, pinned, u->address, BYTES, error));
    RF_TRY(d->ops->event_record(d, u->end, u->stream, error));
    RF_TRY(d->ops->stream_wait(d, NULL, u->end, error));
    RF_TRY(d->ops->event_sync(d, u->end, error));
    RF_TRY(d->ops->event_done(d, u->end, &done, error));
    RF_TRY(d->ops->event_elapsed(d, u->begin, u->end, &took, error));
    RF_TRY(d->ops->stream_sync(d, u->stream, error));
    RF_TRY(d->ops->sync(d, error));
    if (!done || *(uint8_t *)u->pinned != 5)
        return rf_error_set(error, RF_ERROR_INTERNAL, "the work was not done");
    return RF_OK;
}

/* Remembers the first of several failures. */
static void note(rf_status *first, rf_error *error, rf_status status, const rf_error *why)
{
    if (*first == RF_OK && status != RF_OK) {
        *first = status;
        *error = *why;
    }
}

/* Gives back all that there is, whatever fails on the way. */
static rf_status destroy(rf_device *d, used *u, rf_status status, rf_error *error)
{
    rf_error why;
    if (u->stream)
        note(&status, error, d->ops->stream_destroy(d, u->stream, &why), &why);
    if (u->end)
        note(&status, error, d->ops->event_destroy(d, u->end, &why), &why);
    if (u->begin)
        note(&status, error, d->ops->event_destroy(d, u->begin, &why), &why);
    if (u->pinned)
        note(&status, error, d->ops->pinned_free(d, u->pinned, &why), &why);
    if (u->address)
        note(&status, error, d->ops->free(d, u->address, &why), &why);
    return status;
}

static rf_status use(rf_device *d, rf_error *error)
{
    used u = {0};
    rf_status status = create(d, &u, error);
    if (status == RF_OK)
        status = work(d, &u, error);
    return destroy(d, &u, status, error);
}

/* ---- tests ---------------------------------------------------------------------------------- */

static void it_is_the_device_inside(void **state)
{
    fixture *f = *state;
    rf_device_facts inner, outer;
    rf_device_memory memory;
    EMU_OK(f->emu, facts, &inner);
    EMU_OK(f->fault, facts, &outer);
    assert_string_equal(f->fault->id, "fault:emu32");
    assert_string_equal(f->fault->ops->backend, "fault");
    assert_string_equal(outer.info.id, "fault:emu32");
    memcpy(outer.info.id, inner.info.id, sizeof(inner.info.id));
    assert_memory_equal(&outer.info, &inner.info, sizeof(inner.info));
    assert_int_equal(outer.unified, inner.unified);
    EMU_OK(f->fault, memory, &memory);
    assert_int_equal(memory.free, RF_EMU_DEFAULT_MEMORY);
    rf_error error = {0};
    expect_ok(use(f->fault, &error), &error);
    EMU_FAILS(f->fault, RF_ERROR_ARGUMENT, "device emu32: device memory", free, 5);
    rf_fault_device_close(NULL);
}

/* Every kind that the emulated device has, and all kinds together: the Nth call fails for every N,
 * and whoever goes on to give everything back can. */
static void each_call_of_each_kind_fails_in_turn(void **state)
{
    fixture *f = *state;
    uint64_t tried = 0;
    rf_error error = {0};
    expect_ok(use(f->fault, &error), &error);
    uint64_t calls = rf_fault_device_calls(f->fault, RF_FAULT_ANY);
    for (int call = 0; call <= RF_FAULT_ANY; call++) {
        const char *name = rf_fault_call_name(call);
        bool fired = true;
        for (uint64_t n = 1; fired; n++) {
            rf_fault_device_arm(f->fault, call, n);
            rf_status status = use(f->fault, &error);
            fired = rf_fault_device_fired(f->fault);
            rf_fault_device_arm(f->fault, RF_FAULT_ANY, 0);
            assert_int_equal(status, fired ? RF_ERROR_DEVICE : RF_OK);
            if (fired && call != RF_FAULT_ANY)
                assert_non_null(strstr(error.message, name));
            if (fired)
                assert_non_null(strstr(error.message, "device fault:emu32: injected: "));
            emu_expect_nothing_live(f->emu);
            tried += fired;
        }
        bool used_here = call < RF_FAULT_MODULE_LOAD || call == RF_FAULT_ANY;
        assert_int_equal(rf_fault_device_calls(f->fault, call) > 0, used_here);
    }
    faults_tried(tried, "device calls");
    assert_int_equal(tried, calls + calls); /* each by its kind, and as any call */
}

static void only_the_armed_call_fails_and_once(void **state)
{
    fixture *f = *state;
    rf_address address = 0;
    EMU_OK(f->fault, alloc, 10, 256, &address);
    rf_fault_device_arm(f->fault, RF_FAULT_FILL, 2);
    EMU_OK(f->fault, sync);
    EMU_OK(f->fault, fill, NULL, address, 1, 10);
    EMU_OK(f->fault, sync);
    assert_false(rf_fault_device_fired(f->fault));
    EMU_FAILS(f->fault, RF_ERROR_DEVICE, "injected: fill failed, call 5", fill, NULL, address, 2,
              10);
    assert_true(rf_fault_device_fired(f->fault));
    EMU_OK(f->fault, fill, NULL, address, 3, 10);
    assert_int_equal(rf_fault_device_calls(f->fault, RF_FAULT_FILL), 3);
    assert_int_equal(rf_fault_device_calls(f->fault, RF_FAULT_ANY), 6);
    EMU_OK(f->fault, free, address);
}

/* What the failure of a synchronisation hides from its caller has happened. */
static void a_failed_synchronisation_has_waited(void **state)
{
    fixture *f = *state;
    rf_address address = emu_alloc(f->fault, BYTES);
    uint8_t *pinned = emu_pinned(f->fault, BYTES);
    rf_emu_set_schedule(f->emu, RF_EMU_LAZY, 0);
    EMU_OK(f->fault, fill, NULL, address, 5, BYTES);
    emu_read(f->fault, NULL, pinned, address, BYTES);
    rf_fault_device_arm(f->fault, RF_FAULT_STREAM_SYNC, 1);
    EMU_FAILS(f->fault, RF_ERROR_DEVICE, "stream_sync failed", stream_sync, NULL);
    emu_expect_all(pinned, BYTES, 5);
    EMU_OK(f->fault, pinned_free, pinned);
    EMU_OK(f->fault, free, address);
}

static void free_memory_can_shrink(void **state)
{
    fixture *f = *state;
    rf_device_memory memory;
    rf_device_facts facts;
    rf_address address = 0;
    rf_emu_set_memory(f->emu, 1 << 20);
    rf_fault_device_shrink(f->fault, 1000000);
    EMU_OK(f->fault, memory, &memory);
    EMU_OK(f->fault, facts, &facts);
    assert_int_equal(memory.free, 48576);
    assert_int_equal(memory.total, 1 << 20);
    assert_int_equal(facts.info.memory_free, 48576);
    EMU_FAILS(f->fault, RF_ERROR_DEVICE_MEMORY, "device fault:emu32: asked 48577 bytes, free 48576",
              alloc, 48577, 256, &address);
    EMU_OK(f->fault, alloc, 40000, 256, &address);
    rf_fault_device_shrink(f->fault, UINT64_MAX);
    EMU_OK(f->fault, memory, &memory);
    assert_int_equal(memory.free, 0);
    EMU_OK(f->fault, free, address);
    rf_fault_device_shrink(f->fault, 0);
    EMU_OK(f->fault, alloc, 1 << 20, 256, &address);
    EMU_OK(f->fault, free, address);
}

static void completions_can_be_late(void **state)
{
    fixture *f = *state;
    enum { DELAY_NS = 20000000 };
    bool done = true;
    rf_event *event = emu_event(f->fault);
    EMU_OK(f->fault, event_done, event, &done); /* never recorded */
    assert_true(done);
    rf_fault_device_delay(f->fault, DELAY_NS);
    uint64_t begin = rf_clock_ns();
    EMU_OK(f->fault, event_record, event, NULL);
    EMU_OK(f->emu, sync);
    EMU_OK(f->fault, event_done, event, &done);
    assert_true(!done || rf_clock_ns() - begin >= DELAY_NS);
    EMU_OK(f->fault, event_sync, event);
    assert_true(rf_clock_ns() - begin >= DELAY_NS);
    EMU_OK(f->fault, event_done, event, &done);
    assert_true(done);
    begin = rf_clock_ns();
    EMU_OK(f->fault, stream_sync, NULL);
    assert_true(rf_clock_ns() - begin >= DELAY_NS);
    begin = rf_clock_ns();
    EMU_OK(f->fault, sync);
    assert_true(rf_clock_ns() - begin >= DELAY_NS);
    EMU_OK(f->fault, event_destroy, event);
}

static void host_memory_that_fails_leaves_nothing(void **state)
{
    fixture *f = *state;
    uint64_t before = rf_host_live_count();
    rf_device *device = NULL;
    rf_event *event = NULL;
    rf_error error;
    rf_fault_arm(RF_FAULT_HOST_ALLOC, 1);
    assert_int_equal(rf_fault_device_wrap(f->emu, &device, &error), RF_ERROR_HOST_MEMORY);
    rf_fault_arm(RF_FAULT_HOST_ALLOC, 1);
    EMU_FAILS(f->fault, RF_ERROR_HOST_MEMORY, "an event", event_create, &event);
    rf_fault_arm(RF_FAULT_HOST_ALLOC, 0);
    assert_int_equal(rf_host_live_count(), before);
    assert_true(device == NULL && event == NULL);
}

/* ---- modules and graphs, on a device that counts them --------------------------------------- */

static int modules, graphs, other_calls;

static rf_status load(rf_device *device, const void *code, uint64_t bytes, rf_module **out,
                      rf_error *error)
{
    (void)device, (void)code, (void)bytes, (void)error;
    modules++;
    *out = (rf_module *)&modules;
    return RF_OK;
}

static rf_status unload(rf_device *device, rf_module *module, rf_error *error)
{
    (void)device, (void)module, (void)error;
    modules--;
    return RF_OK;
}

static rf_status function(rf_device *device, rf_module *module, const char *name, rf_function **out,
                          rf_error *error)
{
    (void)device, (void)module, (void)name, (void)error;
    other_calls++;
    *out = (rf_function *)&other_calls;
    return RF_OK;
}

static rf_status launch(rf_device *device, rf_stream *stream, rf_function *f,
                        const rf_launch *arguments, rf_error *error)
{
    (void)device, (void)stream, (void)f, (void)arguments, (void)error;
    other_calls++;
    return RF_OK;
}

static rf_status describe_rows(rf_device *device, const rf_row_boxes *boxes, rf_row_boxes_code *out,
                               rf_error *error)
{
    (void)device, (void)boxes, (void)out, (void)error;
    other_calls++;
    return RF_OK;
}

static rf_status begin_graph(rf_device *device, rf_stream *stream, rf_error *error)
{
    (void)device, (void)stream, (void)error;
    other_calls++;
    return RF_OK;
}

static rf_status end_graph(rf_device *device, rf_stream *stream, rf_graph **out, rf_error *error)
{
    (void)device, (void)stream, (void)error;
    graphs++;
    *out = (rf_graph *)&graphs;
    return RF_OK;
}

static rf_status replay_graph(rf_device *device, rf_stream *stream, rf_graph *graph,
                              rf_error *error)
{
    (void)device, (void)stream, (void)graph, (void)error;
    other_calls++;
    return RF_OK;
}

static rf_status destroy_graph(rf_device *device, rf_graph *graph, rf_error *error)
{
    (void)device, (void)graph, (void)error;
    graphs--;
    return RF_OK;
}

static const rf_device_ops code_ops = {
    .backend = "code",
    .module_load = load,
    .module_unload = unload,
    .module_function = function,
    .launch = launch,
    .describe_rows = describe_rows,
    .graph_begin = begin_graph,
    .graph_end = end_graph,
    .graph_replay = replay_graph,
    .graph_destroy = destroy_graph,
};

static rf_status run_code(rf_device *d, rf_module *module, rf_graph **graph, rf_error *error)
{
    rf_function *f = NULL;
    RF_TRY(d->ops->module_function(d, module, "f", &f, error));
    RF_TRY(d->ops->describe_rows(d, NULL, NULL, error));
    RF_TRY(d->ops->launch(d, NULL, f, NULL, error));
    RF_TRY(d->ops->graph_begin(d, NULL, error));
    RF_TRY(d->ops->graph_end(d, NULL, graph, error));
    return d->ops->graph_replay(d, NULL, *graph, error);
}

static rf_status use_code(rf_device *d, rf_error *error)
{
    rf_module *module = NULL;
    rf_graph *graph = NULL;
    rf_error why;
    RF_TRY(d->ops->module_load(d, "", 0, &module, error));
    rf_status status = run_code(d, module, &graph, error);
    if (graph)
        note(&status, error, d->ops->graph_destroy(d, graph, &why), &why);
    note(&status, error, d->ops->module_unload(d, module, &why), &why);
    return status;
}

static void modules_and_graphs_fail_too(void **state)
{
    (void)state;
    rf_device code = {.ops = &code_ops, .id = "code"};
    rf_device *device = NULL;
    rf_error error;
    assert_int_equal(rf_fault_device_wrap(&code, &device, &error), RF_OK);
    for (int call = RF_FAULT_MODULE_LOAD; call < RF_FAULT_ANY; call++) {
        rf_fault_device_arm(device, call, 1);
        assert_int_equal(use_code(device, &error), RF_ERROR_DEVICE);
        assert_non_null(strstr(error.message, rf_fault_call_name(call)));
        assert_int_equal(modules, 0);
        assert_int_equal(graphs, 0);
    }
    other_calls = 0;
    assert_int_equal(use_code(device, &error), RF_OK);
    assert_int_equal(other_calls, 5);
    assert_true(modules == 0 && graphs == 0);
    rf_fault_device_close(device);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(it_is_the_device_inside),
        TEST(each_call_of_each_kind_fails_in_turn),
        TEST(only_the_armed_call_fails_and_once),
        TEST(a_failed_synchronisation_has_waited),
        TEST(free_memory_can_shrink),
        TEST(completions_can_be_late),
        TEST(host_memory_that_fails_leaves_nothing),
        cmocka_unit_test(modules_and_graphs_fail_too),
    };
    return cmocka_run_group_tests_name("fault", tests, NULL, NULL);
}
