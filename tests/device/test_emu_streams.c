/*
 * test_emu_streams.c: streams and events of the emulated device. The lazy schedule does nothing
 * before somebody waits, so what was not waited for is seen to be missing, every time.
 */
#include "device/emu_support.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/memory.h"

enum { BYTES = 5000 };

/* What most tests here copy: pinned memory on the one side, device memory on the other. */
typedef struct ends {
    uint8_t *in;  /* pinned, holds 1 */
    uint8_t *out; /* pinned, fresh */
    rf_address address;
} ends;

static ends make_ends(rf_device *emu)
{
    ends e = {.in = emu_pinned(emu, BYTES), .out = emu_pinned(emu, BYTES)};
    memset(e.in, 1, BYTES);
    e.address = emu_alloc(emu, BYTES);
    return e;
}

static void free_ends(rf_device *emu, ends *e)
{
    EMU_OK(emu, free, e->address);
    EMU_OK(emu, pinned_free, e->out);
    EMU_OK(emu, pinned_free, e->in);
}

/* ---- what is not waited for is not there ---------------------------------------------------- */

static void a_copy_is_not_there_before_its_synchronisation(void **state)
{
    rf_device *emu = *state;
    ends e = make_ends(emu);
    rf_stream *stream = emu_stream(emu);
    rf_emu_set_schedule(emu, RF_EMU_LAZY, 0);
    emu_write(emu, stream, e.address, e.in, BYTES);
    emu_read(emu, stream, e.out, e.address, BYTES);
    emu_expect_all(e.out, BYTES, RF_EMU_FRESH);
    EMU_OK(emu, stream_sync, stream);
    emu_expect_all(e.out, BYTES, 1);
    EMU_OK(emu, fill, stream, e.address, 2, BYTES);
    emu_read(emu, stream, e.out, e.address, BYTES);
    emu_expect_all(e.out, BYTES, 1);
    EMU_OK(emu, sync);
    emu_expect_all(e.out, BYTES, 2);
    EMU_OK(emu, stream_destroy, stream);
    free_ends(emu, &e);
}

/* A staging buffer that is filled again before its copy is done: the device gets the new bytes. */
static void a_source_must_not_change_before_its_copy_is_done(void **state)
{
    rf_device *emu = *state;
    ends e = make_ends(emu);
    rf_emu_set_schedule(emu, RF_EMU_LAZY, 0);
    emu_write(emu, NULL, e.address, e.in, BYTES);
    memset(e.in, 9, BYTES);
    emu_read(emu, NULL, e.out, e.address, BYTES);
    EMU_OK(emu, stream_sync, NULL);
    emu_expect_all(e.out, BYTES, 9);
    free_ends(emu, &e);
}

/* As drivers do: a caller may free what it copied from, and read what it copied to. */
static void memory_that_is_not_pinned_is_copied_at_once(void **state)
{
    rf_device *emu = *state;
    uint8_t in[BYTES], out[BYTES];
    rf_address address = emu_alloc(emu, BYTES);
    rf_stream *stream = emu_stream(emu);
    rf_emu_set_schedule(emu, RF_EMU_LAZY, 0);
    memset(in, 1, BYTES);
    emu_write(emu, stream, address, in, BYTES);
    memset(in, 9, BYTES);
    emu_read(emu, stream, out, address, BYTES);
    emu_expect_all(out, BYTES, 1);
    EMU_OK(emu, stream_destroy, stream);
    EMU_OK(emu, free, address);
}

/* ---- order ---------------------------------------------------------------------------------- */

static void streams_wait_for_each_other_only_by_events(void **state)
{
    rf_device *emu = *state;
    ends e = make_ends(emu);
    rf_stream *writer = emu_stream(emu);
    rf_stream *reader = emu_stream(emu);
    rf_event *event = emu_event(emu);
    rf_emu_set_schedule(emu, RF_EMU_LAZY, 0);
    emu_write(emu, writer, e.address, e.in, BYTES);
    emu_read(emu, reader, e.out, e.address, BYTES);
    EMU_OK(emu, stream_sync, reader);
    emu_expect_all(e.out, BYTES, RF_EMU_FRESH); /* nobody told the reader to wait */
    EMU_OK(emu, stream_sync, NULL);             /* nor does the default stream wait for all */
    emu_read(emu, reader, e.out, e.address, BYTES);
    EMU_OK(emu, stream_sync, reader);
    emu_expect_all(e.out, BYTES, RF_EMU_FRESH);
    EMU_OK(emu, event_record, event, writer);
    EMU_OK(emu, stream_wait, reader, event);
    emu_read(emu, reader, e.out, e.address, BYTES);
    EMU_OK(emu, stream_sync, reader);
    emu_expect_all(e.out, BYTES, 1);
    EMU_OK(emu, event_destroy, event);
    EMU_OK(emu, stream_destroy, writer);
    EMU_OK(emu, stream_destroy, reader);
    free_ends(emu, &e);
}

/* An event is what its last record was, and a wait is for what it was when the wait was asked. */
static void a_wait_is_for_the_record_before_it(void **state)
{
    rf_device *emu = *state;
    ends e = make_ends(emu);
    rf_stream *first = emu_stream(emu);
    rf_stream *second = emu_stream(emu);
    rf_event *event = emu_event(emu);
    bool done = false;
    EMU_OK(emu, event_done, event, &done); /* never recorded: nothing to wait for */
    assert_true(done);
    EMU_OK(emu, event_sync, event);
    EMU_OK(emu, stream_wait, first, event);
    rf_emu_set_schedule(emu, RF_EMU_LAZY, 0);
    emu_write(emu, first, e.address, e.in, BYTES);
    EMU_OK(emu, event_record, event, first);
    EMU_OK(emu, stream_wait, NULL, event);
    EMU_OK(emu, event_record, event, second); /* done at once, and no matter to the wait above */
    EMU_OK(emu, event_sync, event);
    EMU_OK(emu, event_destroy, event); /* nor is this */
    emu_read(emu, NULL, e.out, e.address, BYTES);
    EMU_OK(emu, stream_sync, NULL);
    emu_expect_all(e.out, BYTES, 1);
    EMU_OK(emu, stream_destroy, second);
    EMU_OK(emu, stream_destroy, first);
    free_ends(emu, &e);
}

static void events_carry_time(void **state)
{
    rf_device *emu = *state;
    ends e = make_ends(emu);
    rf_event *begin = emu_event(emu);
    rf_event *end = emu_event(emu);
    rf_event *never = emu_event(emu);
    uint64_t took = UINT64_MAX;
    rf_emu_set_schedule(emu, RF_EMU_LAZY, 0);
    EMU_OK(emu, event_record, begin, NULL);
    emu_write(emu, NULL, e.address, e.in, BYTES);
    EMU_OK(emu, event_record, end, NULL);
    EMU_FAILS(emu, RF_ERROR_BUSY, "is not done", event_elapsed, begin, end, &took);
    EMU_OK(emu, event_sync, end);
    EMU_OK(emu, event_elapsed, begin, end, &took);
    assert_true(took < 60ULL * 1000000000U);
    took = UINT64_MAX;
    EMU_FAILS(emu, RF_ERROR_ARGUMENT, "not recorded", event_elapsed, begin, never, &took);
    EMU_FAILS(emu, RF_ERROR_ARGUMENT, "not recorded", event_elapsed, never, end, &took);
    assert_int_equal(took, UINT64_MAX);
    EMU_OK(emu, event_destroy, never);
    EMU_OK(emu, event_destroy, end);
    EMU_OK(emu, event_destroy, begin);
    free_ends(emu, &e);
}

static void polling_an_event_gets_work_done(void **state)
{
    rf_device *emu = *state;
    ends e = make_ends(emu);
    rf_event *event = emu_event(emu);
    bool done = false;
    rf_emu_set_schedule(emu, RF_EMU_LAZY, 0);
    emu_read(emu, NULL, e.out, e.address, BYTES);
    EMU_OK(emu, event_record, event, NULL);
    while (!done) {
        EMU_OK(emu, event_done, event, &done);
        sched_yield();
    }
    EMU_OK(emu, event_destroy, event);
    free_ends(emu, &e);
}

/* Far more than a queue holds: who queues waits, and nothing is lost or changes its place. */
static void long_queues_keep_their_order(void **state)
{
    rf_device *emu = *state;
    uint8_t *out = emu_pinned(emu, BYTES);
    rf_address address = emu_alloc(emu, 1);
    rf_stream *stream = emu_stream(emu);
    rf_emu_set_schedule(emu, RF_EMU_LAZY, 0);
    for (unsigned i = 0; i < BYTES; i++) {
        EMU_OK(emu, fill, stream, address, (uint8_t)i, 1);
        emu_read(emu, stream, out + i, address, 1);
    }
    EMU_OK(emu, stream_sync, stream);
    for (unsigned i = 0; i < BYTES; i++)
        assert_int_equal(out[i], (uint8_t)i);
    EMU_OK(emu, stream_destroy, stream);
    EMU_OK(emu, free, address);
    EMU_OK(emu, pinned_free, out);
}

/* ---- what goes wrong later ------------------------------------------------------------------ */

static void memory_freed_under_queued_work_is_reported(void **state)
{
    rf_device *emu = *state;
    ends e = make_ends(emu);
    rf_event *event = emu_event(emu);
    const char *text = "allocation 3 (5000 bytes at 0x";
    bool done = false;
    rf_emu_set_schedule(emu, RF_EMU_LAZY, 0);
    emu_read(emu, NULL, e.out, e.address, BYTES);
    EMU_OK(emu, event_record, event, NULL);
    EMU_OK(emu, free, e.address);
    EMU_FAILS(emu, RF_ERROR_DEVICE, text, event_sync, event);
    emu_expect_all(e.out, BYTES, RF_EMU_FREED);
    EMU_FAILS(emu, RF_ERROR_DEVICE, text, event_done, event, &done);
    EMU_FAILS(emu, RF_ERROR_DEVICE, "was freed before a copy of 5000 bytes", sync);
    EMU_OK(emu, sync); /* reported by a synchronisation once */
    EMU_OK(emu, event_sync, event);
    EMU_OK(emu, event_destroy, event);
    EMU_OK(emu, pinned_free, e.out);
    EMU_OK(emu, pinned_free, e.in);
}

static void pinned_memory_freed_under_queued_work_is_reported(void **state)
{
    rf_device *emu = *state;
    uint8_t out[BYTES];
    ends e = make_ends(emu);
    rf_stream *stream = emu_stream(emu);
    rf_emu_set_schedule(emu, RF_EMU_LAZY, 0);
    emu_write(emu, stream, e.address, e.in, BYTES);
    emu_read(emu, stream, e.out, e.address, BYTES);
    EMU_OK(emu, pinned_free, e.in);
    EMU_OK(emu, pinned_free, e.out);
    EMU_FAILS(emu, RF_ERROR_DEVICE, "pinned allocation 1 (5000 bytes at 0x", stream_sync, stream);
    emu_read(emu, stream, out, e.address, BYTES);
    emu_expect_all(out, BYTES, RF_EMU_FREED);
    EMU_OK(emu, fill, stream, e.address, 0, BYTES);
    EMU_OK(emu, free, e.address);
    EMU_FAILS(emu, RF_ERROR_DEVICE, "was freed before a fill of 5000 bytes", stream_destroy,
              stream);
}

/* Whether a copy has not begun, is under way or done: its memory is gone only when it is let go. */
static void memory_is_freed_at_any_moment_of_a_copy(void **state)
{
    rf_device *emu = *state;
    enum { LARGE = 2 << 20 };
    for (unsigned i = 0; i < 60; i++) {
        rf_error error = {0};
        rf_address from = emu_alloc(emu, LARGE);
        rf_address to = emu_alloc(emu, LARGE);
        EMU_OK(emu, copy, NULL, RF_COPY_ON_DEVICE, to, from, LARGE);
        usleep(i * 20);
        EMU_OK(emu, free, i % 2 ? from : to);
        EMU_OK(emu, free, i % 2 ? to : from);
        rf_status status = emu->ops->sync(emu, &error);
        if (status == RF_ERROR_DEVICE)
            assert_non_null(strstr(error.message, "was freed before a copy"));
        else
            expect_ok(status, &error);
    }
}

static void handles_that_were_destroyed_are_stale(void **state)
{
    rf_device *emu = *state;
    bool done = false;
    uint64_t took = 0;
    rf_stream *stream = emu_stream(emu);
    rf_event *event = emu_event(emu);
    rf_address address = emu_alloc(emu, 1);
    EMU_OK(emu, stream_destroy, stream);
    EMU_OK(emu, event_destroy, event);
    rf_stream *other_stream = emu_stream(emu); /* in the places of the first, */
    rf_event *other_event = emu_event(emu);    /* which does not bring them back */
    EMU_FAILS(emu, RF_ERROR_STALE, "was destroyed", stream_destroy, stream);
    EMU_FAILS(emu, RF_ERROR_STALE, "stream 0x", stream_sync, stream);
    EMU_FAILS(emu, RF_ERROR_STALE, "stream 0x", fill, stream, address, 1, 1);
    EMU_FAILS(emu, RF_ERROR_STALE, "stream 0x", event_record, other_event, stream);
    EMU_FAILS(emu, RF_ERROR_STALE, "stream 0x", stream_wait, stream, other_event);
    EMU_FAILS(emu, RF_ERROR_STALE, "event 0x", stream_wait, other_stream, event);
    EMU_FAILS(emu, RF_ERROR_STALE, "event 0x", event_record, event, other_stream);
    EMU_FAILS(emu, RF_ERROR_STALE, "event 0x", event_sync, event);
    EMU_FAILS(emu, RF_ERROR_STALE, "event 0x", event_done, event, &done);
    EMU_FAILS(emu, RF_ERROR_STALE, "event 0x", event_elapsed, event, other_event, &took);
    EMU_FAILS(emu, RF_ERROR_STALE, "event 0x", event_destroy, event);
    EMU_FAILS(emu, RF_ERROR_STALE, "event 0x", event_destroy, NULL);
    /* Nor is one kind the other, nor any number a handle. */
    EMU_FAILS(emu, RF_ERROR_STALE, "stream 0x", stream_sync, (rf_stream *)other_event);
    EMU_FAILS(emu, RF_ERROR_STALE, "event 0x", event_sync, (rf_event *)(uintptr_t)0xFFFF0000U);
    EMU_FAILS(emu, RF_ERROR_ARGUMENT, "default stream", stream_destroy, NULL);
    EMU_OK(emu, event_destroy, other_event);
    EMU_OK(emu, stream_destroy, other_stream);
    EMU_OK(emu, free, address);
}

static void streams_and_events_have_limits(void **state)
{
    rf_device *emu = *state;
    enum { STREAMS = 63, EVENTS = 1024 };
    rf_stream *streams[STREAMS], *stream = NULL;
    static rf_event *events[EVENTS];
    rf_event *event = NULL;
    for (int i = 0; i < STREAMS; i++)
        streams[i] = emu_stream(emu);
    EMU_FAILS(emu, RF_ERROR_FULL, "63 streams", stream_create, &stream);
    for (int i = 0; i < EVENTS; i++)
        events[i] = emu_event(emu);
    EMU_FAILS(emu, RF_ERROR_FULL, "1024 events", event_create, &event);
    assert_true(stream == NULL && event == NULL);
    for (int i = 0; i < EVENTS; i++)
        EMU_OK(emu, event_destroy, events[i]);
    for (int i = 0; i < STREAMS; i++)
        EMU_OK(emu, stream_destroy, streams[i]);
}

static void a_stream_that_does_not_start_leaves_nothing(void **state)
{
    rf_device *emu = *state;
    uint64_t before = rf_host_live_count();
    rf_stream *stream = NULL;
    rf_fault_arm(RF_FAULT_HOST_ALLOC, 1);
    EMU_FAILS(emu, RF_ERROR_HOST_MEMORY, "queue of a stream", stream_create, &stream);
    rf_fault_arm(RF_FAULT_HOST_ALLOC, 0);
    rf_fault_arm(RF_FAULT_THREAD_CREATE, 1);
    EMU_FAILS(emu, RF_ERROR_HOST_MEMORY, "thread of a stream", stream_create, &stream);
    rf_fault_arm(RF_FAULT_THREAD_CREATE, 0);
    assert_int_equal(rf_host_live_count(), before);
    EMU_OK(emu, stream_create, &stream);
    EMU_OK(emu, stream_destroy, stream);
    assert_int_equal(rf_host_live_count(), before);
}

/* ---- many threads --------------------------------------------------------------------------- */

typedef struct worker {
    pthread_t thread;
    rf_device *emu;
    uint8_t mark;
    rf_error error; /* cmocka's assertions belong to the main thread */
    rf_status status;
} worker;

/* One round trip over memory and a stream of its own. */
static rf_status round_trip(worker *w, rf_stream *stream, rf_event *event, uint8_t *pinned,
                            rf_address address)
{
    const rf_device_ops *ops = w->emu->ops;
    RF_TRY(ops->fill(w->emu, stream, address, w->mark, BYTES, &w->error));
    RF_TRY(ops->copy(w->emu, stream, RF_COPY_FROM_DEVICE, (uintptr_t)pinned, address, BYTES,
                     &w->error));
    RF_TRY(ops->event_record(w->emu, event, stream, &w->error));
    RF_TRY(ops->event_sync(w->emu, event, &w->error));
    for (int i = 0; i < BYTES; i++) {
        if (pinned[i] != w->mark)
            return rf_error_set(&w->error, RF_ERROR_INTERNAL, "byte %d is %u", i, pinned[i]);
    }
    return RF_OK;
}

static rf_status live_and_die(worker *w)
{
    const rf_device_ops *ops = w->emu->ops;
    rf_stream *stream = NULL;
    rf_event *event = NULL;
    void *pinned = NULL;
    rf_address address = 0;
    RF_TRY(ops->stream_create(w->emu, &stream, &w->error));
    RF_TRY(ops->event_create(w->emu, &event, &w->error));
    RF_TRY(ops->pinned_alloc(w->emu, BYTES, &pinned, &w->error));
    RF_TRY(ops->alloc(w->emu, BYTES, 256, &address, &w->error));
    for (int i = 0; i < 10; i++)
        RF_TRY(round_trip(w, stream, event, pinned, address));
    RF_TRY(ops->sync(w->emu, &w->error)); /* of all others' streams too */
    RF_TRY(ops->free(w->emu, address, &w->error));
    RF_TRY(ops->pinned_free(w->emu, pinned, &w->error));
    RF_TRY(ops->event_destroy(w->emu, event, &w->error));
    return ops->stream_destroy(w->emu, stream, &w->error);
}

static void *work(void *argument)
{
    worker *w = argument;
    for (int i = 0; i < 10 && w->status == RF_OK; i++)
        w->status = live_and_die(w);
    return NULL;
}

static void threads_share_a_device(void **state)
{
    rf_device *emu = *state;
    enum { THREADS = 8 };
    worker workers[THREADS];
    rf_emu_set_schedule(emu, RF_EMU_RANDOM, 1);
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (worker){.emu = emu, .mark = (uint8_t)(i + 1)};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        expect_ok(workers[i].status, &workers[i].error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EMU_TEST(a_copy_is_not_there_before_its_synchronisation),
        EMU_TEST(a_source_must_not_change_before_its_copy_is_done),
        EMU_TEST(memory_that_is_not_pinned_is_copied_at_once),
        EMU_TEST(streams_wait_for_each_other_only_by_events),
        EMU_TEST(a_wait_is_for_the_record_before_it),
        EMU_TEST(events_carry_time),
        EMU_TEST(polling_an_event_gets_work_done),
        EMU_TEST(long_queues_keep_their_order),
        EMU_TEST(memory_freed_under_queued_work_is_reported),
        EMU_TEST(pinned_memory_freed_under_queued_work_is_reported),
        EMU_TEST(memory_is_freed_at_any_moment_of_a_copy),
        EMU_TEST(handles_that_were_destroyed_are_stale),
        EMU_TEST(streams_and_events_have_limits),
        EMU_TEST(a_stream_that_does_not_start_leaves_nothing),
        EMU_TEST(threads_share_a_device),
    };
    return cmocka_run_group_tests_name("emu-streams", tests, NULL, NULL);
}
