/* test_emulated_graphs.c: modules, launches and graphs of the emulated devices: what is refused,
 * what is in order, and what is not given back. */
#include "kernels/gpu/probe.h"

#include "base/fault.h"
#include "base/memory.h"
#include "device/emu/thread.h"

static void expect_words(const probe *p, rf_stream *stream, rf_address address, uint32_t value)
{
    uint32_t words[64];
    emu_read(p->device, stream, words, address, sizeof(words));
    for (size_t i = 0; i < 64; i++)
        assert_int_equal(words[i], value);
}

/* ---- modules and launches ------------------------------------------------------------------- */

static void wrong_code_is_refused(void **state)
{
    (void)state;
    probe p = probe_open("emu32");
    rf_module *module = NULL;
    rf_gpu_image other = {0};
    rf_function *function = NULL;
    rf_emu_image bad = {0};
    assert_int_equal(rf_gpu_emulated_image("emu64", &other, NULL), RF_OK);
    EMU_FAILS(p.device, RF_ERROR_ARGUMENT, "warps of 64, not of 32", module_load, other.code,
              other.bytes, &module);
    EMU_FAILS(p.device, RF_ERROR_ARGUMENT, "no image of kernels", module_load, &bad, sizeof(bad),
              &module);
    EMU_FAILS(p.device, RF_ERROR_ARGUMENT, "7 bytes of code", module_load, other.code, 7, &module);
    EMU_FAILS(p.device, RF_ERROR_NOT_FOUND, "has no kernel nothing", module_function, p.module,
              "nothing", &function);
    /* Twice the same kernel. */
    const rf_emu_image *image = other.code;
    const rf_emu_kernel *const twice[] = {image->begin[0], image->begin[1], image->begin[0]};
    rf_emu_image doubled = {RF_EMU_IMAGE_MAGIC, 32, twice, twice + 3};
    EMU_FAILS(p.device, RF_ERROR_ARGUMENT, "two kernels of the name", module_load, &doubled,
              sizeof(doubled), &module);
    EMU_OK(p.device, module_unload, NULL);
    EMU_FAILS(p.device, RF_ERROR_STALE, "was unloaded, or never was one", module_unload,
              (rf_module *)&bad);
    probe_close(&p);
}

static void wrong_launches_are_refused(void **state)
{
    (void)state;
    static const struct {
        rf_launch launch;
        const char *text;
    } cases[] = {
        {{.blocks = {1, 1, 1}, .threads = {65, 1, 1}}, "65 threads in a block, at most 64"},
        {{.blocks = {1, 1, 1}, .threads = {0, 1, 1}}, "blocks of 0 threads are none"},
        {{.blocks = {1, 0, 1}, .threads = {8, 1, 1}}, "1 x 0 x 1 blocks"},
        {{.blocks = {1, 1, 1}, .threads = {8, 2, 1}}, "blocks of 8 x 2 x 1 threads"},
        {{.blocks = {1U << 31, 1, 1}, .threads = {8, 1, 1}}, "blocks in x, at most 2147483647"},
        {{.blocks = {1, 1, 65536}, .threads = {8, 1, 1}}, "65536 blocks in y or z, at most 65535"},
        {{.blocks = {1, 1, 1}, .threads = {8, 1, 1}, .shared_bytes = 65537},
         "65537 bytes of shared memory, at most 65536"},
    };
    probe p = probe_open("emu32");
    struct probe_args args = {0};
    void *arguments[] = {&args, &args};
    rf_function *function = probe_function(&p, "probe_few");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        rf_launch launch = cases[i].launch;
        launch.arguments = arguments;
        launch.n_arguments = 1;
        EMU_FAILS(p.device, RF_ERROR_ARGUMENT, cases[i].text, launch, NULL, function, &launch);
    }
    rf_launch launch = {.blocks = {1, 1, 1}, .threads = {64, 1, 1}, .shared_bytes = 65536};
    EMU_FAILS(p.device, RF_ERROR_ARGUMENT, "0 arguments; it takes one, of 32 bytes", launch, NULL,
              function, &launch);
    launch.arguments = arguments;
    launch.n_arguments = 2;
    EMU_FAILS(p.device, RF_ERROR_ARGUMENT, "2 arguments", launch, NULL, function, &launch);
    launch.n_arguments = 1;
    EMU_OK(p.device, launch, NULL, function, &launch);
    EMU_OK(p.device, sync);
    EMU_FAILS(p.device, RF_ERROR_STALE, "is of no module", launch, NULL, (rf_function *)&args,
              &launch);
    EMU_FAILS(p.device, RF_ERROR_STALE, "stream 0x99", launch, (rf_stream *)0x99, function,
              &launch);
    probe_close(&p);
}

/* Arguments are taken when the launch is asked for; the module has to be there when it runs. */
static void launches_keep_their_arguments(void **state)
{
    (void)state;
    probe p = probe_open("emu32");
    struct probe_args args = {.out = emu_alloc(p.device, 256)};
    rf_address out = args.out;
    rf_emu_set_schedule(p.device, RF_EMU_LAZY, 0);
    EMU_OK(p.device, fill, NULL, out, 0, 256);
    PROBE_LAUNCH(&p, NULL, "probe_few", 1, 64, 0, &args);
    args.out = 0x55;
    expect_words(&p, NULL, out, 1);
    args.out = out;
    PROBE_LAUNCH(&p, NULL, "probe_few", 1, 64, 0, &args);
    EMU_OK(p.device, module_unload, p.module);
    EMU_FAILS(p.device, RF_ERROR_DEVICE, "was unloaded before a launch of its kernel probe_few",
              sync);
    p.module = NULL;
    EMU_OK(p.device, free, out);
    probe_close(&p);
}

/* A chain over two streams, each step of which needs the one before it, under all schedules. */
static void streams_wait_for_kernels(void **state)
{
    (void)state;
    enum { STEPS = 10 };
    static const rf_emu_schedule schedules[] = {RF_EMU_EAGER, RF_EMU_RANDOM, RF_EMU_LAZY};
    for (size_t s = 0; s < 3; s++) {
        probe p = probe_open("emu32");
        rf_emu_set_schedule(p.device, schedules[s], 5);
        rf_stream *streams[2] = {emu_stream(p.device), emu_stream(p.device)};
        rf_event *events[2] = {emu_event(p.device), emu_event(p.device)};
        rf_address buffers[2] = {emu_alloc(p.device, 256), emu_alloc(p.device, 256)};
        EMU_OK(p.device, fill, streams[0], buffers[0], 0, 256);
        EMU_OK(p.device, event_record, events[0], streams[0]);
        for (uint32_t i = 0; i < STEPS; i++) {
            struct probe_args args = {
                .in = buffers[i % 2], .out = buffers[(i + 1) % 2], .n = i % 3};
            rf_stream *stream = streams[(i + 1) % 2];
            EMU_OK(p.device, stream_wait, stream, events[i % 2]);
            PROBE_LAUNCH(&p, stream, "probe_work", 1, 64, 0, &args);
            EMU_OK(p.device, event_record, events[(i + 1) % 2], stream);
        }
        expect_words(&p, streams[0], buffers[0], STEPS);
        for (uint32_t i = 0; i < 2; i++) {
            EMU_OK(p.device, stream_destroy, streams[i]);
            EMU_OK(p.device, event_destroy, events[i]);
            EMU_OK(p.device, free, buffers[i]);
        }
        probe_close(&p);
    }
}

/* Every allocation of host memory that a launch makes fails once: it then fails, and nothing is
 * lost. */
static void launches_survive_failed_allocations(void **state)
{
    (void)state;
    uint64_t live = rf_host_live_count();
    uint64_t nth = 1;
    for (bool fired = true; fired; nth++) {
        rf_error error = {0};
        probe p = probe_open("emu32");
        struct probe_args args = {
            .in = emu_alloc(p.device, 256), .out = emu_alloc(p.device, 256), .n = 1};
        rf_stream *stream = emu_stream(p.device);
        rf_fault_arm(RF_FAULT_HOST_ALLOC, nth);
        rf_status status = probe_launch(&p, stream, "probe_work", 1, 64, 16, &args, &error);
        if (status == RF_OK)
            status = p.device->ops->stream_sync(p.device, stream, &error);
        fired = rf_fault_fired(RF_FAULT_HOST_ALLOC);
        rf_fault_arm(RF_FAULT_HOST_ALLOC, 0);
        assert_int_equal(status, fired ? RF_ERROR_HOST_MEMORY : RF_OK);
        PROBE_LAUNCH(&p, stream, "probe_work", 1, 64, 16, &args);
        EMU_OK(p.device, stream_sync, stream);
        EMU_OK(p.device, stream_destroy, stream);
        EMU_OK(p.device, free, args.in);
        EMU_OK(p.device, free, args.out);
        probe_close(&p);
    }
    assert_true(nth > 64); /* a stack for each thread is among them */
    assert_int_equal(rf_host_live_count(), live);
}

/* ---- graphs --------------------------------------------------------------------------------- */

typedef struct fixture {
    probe p;
    rf_stream *stream;
    rf_event *event;
    rf_address a, b;
    uint8_t *pinned;
} fixture;

static fixture fixture_open(void)
{
    fixture f = {.p = probe_open("emu32")};
    f.stream = emu_stream(f.p.device);
    f.event = emu_event(f.p.device);
    f.a = emu_alloc(f.p.device, 256);
    f.b = emu_alloc(f.p.device, 256);
    f.pinned = emu_pinned(f.p.device, 256);
    return f;
}

static void fixture_close(fixture *f)
{
    EMU_OK(f->p.device, stream_destroy, f->stream);
    EMU_OK(f->p.device, event_destroy, f->event);
    if (f->a)
        EMU_OK(f->p.device, free, f->a);
    EMU_OK(f->p.device, free, f->b);
    EMU_OK(f->p.device, pinned_free, f->pinned);
    probe_close(&f->p);
}

/* b = a + 1; a = b: each replay counts a up. */
static rf_graph *capture_counting(fixture *f)
{
    rf_device *emu = f->p.device;
    rf_graph *graph = NULL;
    struct probe_args args = {.in = f->a, .out = f->b};
    EMU_OK(emu, graph_begin, f->stream);
    PROBE_LAUNCH(&f->p, f->stream, "probe_work", 1, 64, 0, &args);
    EMU_OK(emu, event_record, f->event, f->stream);
    EMU_OK(emu, stream_wait, f->stream, f->event);
    EMU_OK(emu, copy, f->stream, RF_COPY_ON_DEVICE, f->a, f->b, 256);
    EMU_OK(emu, copy, f->stream, RF_COPY_FROM_DEVICE, (uintptr_t)f->pinned, f->b, 256);
    EMU_OK(emu, graph_end, f->stream, &graph);
    memset(&args, 0xEE, sizeof(args));
    return graph;
}

static void graphs_do_again_what_was_captured(void **state)
{
    (void)state;
    static const rf_emu_schedule schedules[] = {RF_EMU_EAGER, RF_EMU_RANDOM, RF_EMU_LAZY};
    for (size_t s = 0; s < 3; s++) {
        fixture f = fixture_open();
        rf_device *emu = f.p.device;
        rf_emu_set_schedule(emu, schedules[s], 3);
        EMU_OK(emu, fill, f.stream, f.a, 0, 256);
        rf_graph *graph = capture_counting(&f);
        assert_int_equal(rf_emu_count_live(emu).graphs, 1);
        expect_words(&f.p, f.stream, f.a, 0); /* recorded, not done */
        for (int i = 0; i < 5; i++)
            EMU_OK(emu, graph_replay, f.stream, graph);
        EMU_OK(emu, graph_destroy, graph); /* while replays are queued */
        EMU_OK(emu, stream_sync, f.stream);
        assert_int_equal(*(uint32_t *)(void *)f.pinned, 5);
        expect_words(&f.p, f.stream, f.a, 5);
        EMU_FAILS(emu, RF_ERROR_STALE, "was destroyed, or never was one", graph_replay, f.stream,
                  graph);
        EMU_FAILS(emu, RF_ERROR_STALE, "was destroyed", graph_destroy, graph);
        EMU_OK(emu, graph_destroy, NULL);
        fixture_close(&f);
    }
}

static void replays_over_freed_memory_fail(void **state)
{
    (void)state;
    fixture f = fixture_open();
    rf_device *emu = f.p.device;
    EMU_OK(emu, fill, f.stream, f.a, 0, 256);
    rf_graph *graph = capture_counting(&f);
    rf_graph *launch = NULL;
    struct probe_args args = {.out = f.a};
    EMU_OK(emu, graph_begin, f.stream);
    PROBE_LAUNCH(&f.p, f.stream, "probe_few", 1, 64, 0, &args);
    EMU_OK(emu, graph_end, f.stream, &launch);
    EMU_OK(emu, graph_replay, f.stream, graph);
    EMU_OK(emu, graph_replay, f.stream, launch);
    EMU_OK(emu, stream_sync, f.stream);
    EMU_OK(emu, free, f.a);
    f.a = 0;
    EMU_FAILS(emu, RF_ERROR_DEVICE, "replay graph 1: device emu32: allocation 1 (256 bytes",
              graph_replay, f.stream, graph);
    EMU_FAILS(emu, RF_ERROR_DEVICE, "was freed before a launch of kernel probe_few", graph_replay,
              f.stream, launch);
    EMU_OK(emu, stream_sync, f.stream);
    EMU_OK(emu, graph_destroy, graph);
    EMU_OK(emu, graph_destroy, launch);
    fixture_close(&f);
}

/* Freed when the replay is queued already: found by the stream. */
static void replays_find_memory_freed_meanwhile(void **state)
{
    (void)state;
    fixture f = fixture_open();
    rf_device *emu = f.p.device;
    rf_graph *graph = capture_counting(&f);
    rf_emu_set_schedule(emu, RF_EMU_LAZY, 0);
    EMU_OK(emu, graph_replay, f.stream, graph);
    EMU_OK(emu, free, f.a);
    f.a = 0;
    EMU_FAILS(emu, RF_ERROR_DEVICE, "replay of graph 1: ", stream_sync, f.stream);
    EMU_OK(emu, graph_destroy, graph);
    fixture_close(&f);
}

/* What no driver captures: refused, and the capture comes to nothing. */
static void captures_refuse_what_drivers_do(void **state)
{
    (void)state;
    fixture f = fixture_open();
    rf_device *emu = f.p.device;
    rf_event *outside = emu_event(emu);
    rf_graph *graph = capture_counting(&f);
    rf_graph *none = NULL;
    rf_address address = 0;
    void *memory = NULL;
    uint8_t bytes[16] = {0};
    EMU_OK(emu, event_record, outside, NULL);
    for (int i = 0; i < 10; i++) {
        const char *text = "while graph ";
        EMU_OK(emu, graph_begin, f.stream);
        switch (i) {
        case 0:
            EMU_FAILS(emu, RF_ERROR_ARGUMENT, text, stream_sync, f.stream);
            break;
        case 1:
            EMU_FAILS(emu, RF_ERROR_ARGUMENT, text, sync);
            break;
        case 2:
            EMU_FAILS(emu, RF_ERROR_ARGUMENT, text, alloc, 1, 256, &address);
            break;
        case 3:
            EMU_FAILS(emu, RF_ERROR_ARGUMENT, text, free, f.a);
            break;
        case 4:
            EMU_FAILS(emu, RF_ERROR_ARGUMENT, text, pinned_alloc, 1, &memory);
            break;
        case 5:
            EMU_FAILS(emu, RF_ERROR_ARGUMENT, text, pinned_free, f.pinned);
            break;
        case 6:
            EMU_FAILS(emu, RF_ERROR_ARGUMENT, text, copy, f.stream, RF_COPY_TO_DEVICE, f.a,
                      (uintptr_t)bytes, sizeof(bytes));
            break;
        case 7:
            EMU_FAILS(emu, RF_ERROR_ARGUMENT, text, stream_wait, f.stream, outside);
            break;
        case 8:
            EMU_FAILS(emu, RF_ERROR_ARGUMENT, text, graph_replay, f.stream, graph);
            break;
        default:
            EMU_FAILS(emu, RF_ERROR_ARGUMENT, text, graph_begin, f.stream);
            break;
        }
        EMU_FAILS(emu, RF_ERROR_ARGUMENT, "the capture came to nothing", graph_end, f.stream,
                  &none);
    }
    EMU_FAILS(emu, RF_ERROR_ARGUMENT, "captures nothing", graph_end, f.stream, &none);
    EMU_FAILS(emu, RF_ERROR_ARGUMENT, "default stream", graph_begin, NULL);
    /* An event that went into a graph is no event of a stream. */
    EMU_OK(emu, stream_sync, f.stream);
    EMU_FAILS(emu, RF_ERROR_ARGUMENT, "was recorded into graph 1", event_sync, f.event);
    EMU_FAILS(emu, RF_ERROR_ARGUMENT, "was recorded into graph 1", stream_wait, f.stream, f.event);
    EMU_OK(emu, event_record, f.event, f.stream);
    EMU_OK(emu, event_sync, f.event);
    EMU_OK(emu, graph_destroy, graph);
    EMU_OK(emu, event_destroy, outside);
    fixture_close(&f);
}

/* A stream that is destroyed takes its capture with it. */
static void captures_end_with_their_stream(void **state)
{
    (void)state;
    fixture f = fixture_open();
    rf_stream *other = emu_stream(f.p.device);
    struct probe_args args = {.out = f.a};
    EMU_OK(f.p.device, graph_begin, other);
    PROBE_LAUNCH(&f.p, other, "probe_few", 1, 64, 0, &args);
    EMU_OK(f.p.device, stream_destroy, other);
    EMU_OK(f.p.device, sync);
    fixture_close(&f);
}

static void what_is_kept_is_counted(void **state)
{
    (void)state;
    fixture f = fixture_open();
    rf_graph *graph = capture_counting(&f);
    rf_module *module = NULL;
    rf_gpu_image image = {0};
    assert_int_equal(rf_gpu_emulated_image("emu32", &image, NULL), RF_OK);
    EMU_OK(f.p.device, module_load, image.code, image.bytes, &module);
    rf_emu_live live = rf_emu_count_live(f.p.device);
    assert_int_equal(live.modules, 2);
    assert_int_equal(live.graphs, 1);
    EMU_OK(f.p.device, module_unload, module);
    EMU_OK(f.p.device, graph_destroy, graph);
    fixture_close(&f);
}

static unsigned n_modules, n_graphs;

static void count_warnings(void *user, rf_log_level level, const char *message)
{
    (void)level, (void)user;
    n_modules += strstr(message, "module 1 of ") != NULL;
    n_graphs += strstr(message, "graph 1 of 3 operations") != NULL;
}

static void what_is_lost_is_named(void **state)
{
    (void)state;
    uint64_t live = rf_host_live_count();
    fixture f = fixture_open();
    (void)capture_counting(&f);
    rf_log_set(count_warnings, NULL, RF_LOG_WARNING);
    assert_int_equal(f.p.device->ops->close(f.p.device, NULL), RF_ERROR_INTERNAL);
    rf_log_set(NULL, NULL, RF_LOG_WARNING);
    assert_int_equal(n_modules, 1);
    assert_int_equal(n_graphs, 1);
    assert_int_equal(rf_host_live_count(), live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_code_is_refused),
        cmocka_unit_test(wrong_launches_are_refused),
        cmocka_unit_test(launches_keep_their_arguments),
        cmocka_unit_test(streams_wait_for_kernels),
        cmocka_unit_test(launches_survive_failed_allocations),
        cmocka_unit_test(graphs_do_again_what_was_captured),
        cmocka_unit_test(replays_over_freed_memory_fail),
        cmocka_unit_test(replays_find_memory_freed_meanwhile),
        cmocka_unit_test(captures_refuse_what_drivers_do),
        cmocka_unit_test(captures_end_with_their_stream),
        cmocka_unit_test(what_is_kept_is_counted),
        cmocka_unit_test(what_is_lost_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
