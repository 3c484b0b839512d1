/* check_order.c: checks of the order of work: streams that wait for each other, events that say
 * when it is done, graphs that do it later. */
#include <inttypes.h>
#include <stddef.h>
#include <time.h>

#include "base/clock.h"
#include "memory/check.h"

/* One stream's work comes in so many pieces. */
#define PIECES 8U
/* An event that is not done by then never will be. */
#define PATIENCE_NS 10000000000ULL
/* A device's clock may differ from the host's by a tenth, and calls take some time themselves. */
#define CLOCK_SLACK_NS 2000000ULL

/* What is worked on: half of what the checks may hold, at most. */
static uint64_t work_bytes(const rf_check *check)
{
    uint64_t bytes = check->budget / 4 / PIECES * PIECES;
    return bytes < RF_CHECK_WORK_BYTES ? bytes : RF_CHECK_WORK_BYTES;
}

/* ---- streams --------------------------------------------------------------------------------- */

typedef struct two_streams {
    rf_stream *a, *b;
    rf_event *written, *taken;
    rf_address x, y;
    uint8_t *in, *out; /* pinned */
    uint64_t bytes;
} two_streams;

static rf_status write_pieces(rf_check *check, const two_streams *s, rf_error *error)
{
    uint64_t piece = s->bytes / PIECES;
    for (uint64_t i = 0; i < PIECES; i++)
        RF_TRY(rf_check_write(check, s->a, s->x + i * piece, s->in + i * piece, piece, error));
    return RF_OK;
}

/* Stream A writes x; B waits for that, and takes x to y; A waits for that, and blanks x; B reads y.
 * Only B is waited for: what it did after A's part has to be right. */
static rf_status one_exchange(rf_check *check, const two_streams *s, uint8_t seed, rf_error *error)
{
    rf_device *device = check->device;
    const rf_device_ops *ops = device->ops;
    rf_check_pattern(s->in, s->bytes, 0, seed);
    RF_TRY(write_pieces(check, s, error));
    RF_TRY(ops->event_record(device, s->written, s->a, error));
    RF_TRY(ops->stream_wait(device, s->b, s->written, error));
    RF_TRY(ops->copy(device, s->b, RF_COPY_ON_DEVICE, s->y, s->x, s->bytes, error));
    RF_TRY(ops->event_record(device, s->taken, s->b, error));
    RF_TRY(ops->stream_wait(device, s->a, s->taken, error));
    RF_TRY(rf_check_fill(check, s->a, s->x, RF_CHECK_BLANK, s->bytes, error));
    RF_TRY(rf_check_read(check, s->b, s->out, s->y, s->bytes, error));
    RF_TRY(ops->stream_sync(device, s->b, error));
    rf_status status = rf_check_compare(s->out, s->bytes, 0, seed, error);
    if (status != RF_OK)
        return rf_error_context(error, status, "a stream that waited for another's event");
    RF_TRY(rf_check_read(check, s->a, s->out, s->x, s->bytes, error));
    RF_TRY(ops->stream_sync(device, s->a, error));
    status = rf_check_all(s->out, s->bytes, RF_CHECK_BLANK, error);
    return status == RF_OK ? RF_OK : rf_error_context(error, status, "work in order on one stream");
}

rf_status rf_check_streams(rf_check *check, rf_error *error)
{
    enum { EXCHANGES = 4 };
    two_streams s = {.bytes = work_bytes(check)};
    RF_TRY(rf_check_alloc(check, s.bytes, 4096, &s.x, error));
    RF_TRY(rf_check_alloc(check, s.bytes, 4096, &s.y, error));
    RF_TRY(rf_check_pinned(check, s.bytes, &s.in, error));
    RF_TRY(rf_check_pinned(check, s.bytes, &s.out, error));
    RF_TRY(rf_check_stream(check, &s.a, error));
    RF_TRY(rf_check_stream(check, &s.b, error));
    RF_TRY(rf_check_event(check, &s.written, error));
    RF_TRY(rf_check_event(check, &s.taken, error));
    for (unsigned i = 1; i <= EXCHANGES; i++) {
        RF_TRY(rf_check_step(check, error));
        RF_TRY(one_exchange(check, &s, (uint8_t)i, error));
    }
    rf_check_note(check, RF_CHECK_OK, "two streams wait for each other's events, %d times",
                  EXCHANGES);
    return RF_OK;
}

/* ---- events ---------------------------------------------------------------------------------- */

/* Asks until an event is done, and says whether it was at the first time. */
static rf_status poll(rf_check *check, rf_event *event, bool *at_once, rf_error *error)
{
    rf_device *device = check->device;
    bool done = false;
    uint64_t begin = rf_clock_ns();
    RF_TRY(device->ops->event_done(device, event, &done, error));
    *at_once = done;
    while (!done) {
        struct timespec pause = {.tv_nsec = 50000};
        if (rf_clock_ns() - begin > PATIENCE_NS)
            return rf_error_set(error, RF_ERROR_DEVICE,
                                "device %s: an event is not done after %llu s", device->id,
                                PATIENCE_NS / 1000000000ULL);
        (void)nanosleep(&pause, NULL); /* any pause will do, one that a signal cut short as well */
        RF_TRY(device->ops->event_done(device, event, &done, error));
    }
    return RF_OK;
}

typedef struct timed_work {
    rf_stream *stream;
    rf_event *begin, *end;
    rf_address memory;
    uint8_t *in, *out; /* pinned */
    uint64_t bytes;
    bool at_once;  /* the event was done when it was first asked */
    uint64_t took; /* by the events */
    uint64_t host; /* by the host's clock, around it */
} timed_work;

/* Bytes to the device and back between two events; no other synchronisation is made before they
 * are looked at. */
static rf_status do_timed(rf_check *check, timed_work *w, rf_error *error)
{
    rf_device *device = check->device;
    const rf_device_ops *ops = device->ops;
    uint64_t start = rf_clock_ns();
    RF_TRY(ops->event_record(device, w->begin, w->stream, error));
    RF_TRY(rf_check_write(check, w->stream, w->memory, w->in, w->bytes, error));
    RF_TRY(rf_check_read(check, w->stream, w->out, w->memory, w->bytes, error));
    RF_TRY(ops->event_record(device, w->end, w->stream, error));
    RF_TRY(poll(check, w->end, &w->at_once, error));
    rf_status status = rf_check_compare(w->out, w->bytes, 0, 5, error);
    if (status != RF_OK)
        return rf_error_context(error, status, "after an event said that the copies were done");
    RF_TRY(ops->event_sync(device, w->end, error));
    w->host = rf_clock_ns() - start;
    return ops->event_elapsed(device, w->begin, w->end, &w->took, error);
}

rf_status rf_check_events(rf_check *check, rf_error *error)
{
    timed_work w = {.bytes = work_bytes(check)};
    RF_TRY(rf_check_alloc(check, w.bytes, 4096, &w.memory, error));
    RF_TRY(rf_check_pinned(check, w.bytes, &w.in, error));
    RF_TRY(rf_check_pinned(check, w.bytes, &w.out, error));
    RF_TRY(rf_check_stream(check, &w.stream, error));
    RF_TRY(rf_check_event(check, &w.begin, error));
    RF_TRY(rf_check_event(check, &w.end, error));
    rf_check_pattern(w.in, w.bytes, 0, 5);
    RF_TRY(do_timed(check, &w, error));
    if (w.took == 0 || w.took > w.host + w.host / 10 + CLOCK_SLACK_NS)
        return rf_error_set(error, RF_ERROR_DEVICE,
                            "device %s: events %" PRIu64 " ns apart, by the host's clock %" PRIu64,
                            check->device->id, w.took, w.host);
    rf_check_note(check, RF_CHECK_OK, "%.1f us between two of them, %s when first asked",
                  (double)w.took * 1e-3, w.at_once ? "done" : "not yet done");
    return RF_OK;
}

/* ---- graphs ---------------------------------------------------------------------------------- */

typedef struct graph_use {
    rf_stream *stream;
    rf_address x, y;
    uint8_t *host;
    uint64_t bytes;
} graph_use;

/* Records "copy x to y, then blank x" as a graph. */
static rf_status record(rf_check *check, const graph_use *g, rf_error *error)
{
    rf_device *device = check->device;
    const rf_device_ops *ops = device->ops;
    rf_graph *graph = NULL;
    RF_TRY(ops->graph_begin(device, g->stream, error));
    check->capturing = g->stream;
    RF_TRY(ops->copy(device, g->stream, RF_COPY_ON_DEVICE, g->y, g->x, g->bytes, error));
    RF_TRY(rf_check_fill(check, g->stream, g->x, RF_CHECK_BLANK, g->bytes, error));
    check->capturing = NULL; /* it is over, also where ending it fails */
    RF_TRY(ops->graph_end(device, g->stream, &graph, error));
    check->graph = graph;
    return RF_OK;
}

static rf_status expect(rf_check *check, const graph_use *g, rf_address from, uint8_t seed,
                        const char *when, rf_error *error)
{
    RF_TRY(rf_check_read(check, g->stream, g->host, from, g->bytes, error));
    RF_TRY(check->device->ops->stream_sync(check->device, g->stream, error));
    rf_status status = seed ? rf_check_compare(g->host, g->bytes, 0, seed, error)
                            : rf_check_all(g->host, g->bytes, RF_CHECK_BLANK, error);
    return status == RF_OK ? RF_OK : rf_error_context(error, status, "%s", when);
}

/* Puts new bytes into x and replays the graph: they are in y then, and x is blank. */
static rf_status replay(rf_check *check, const graph_use *g, uint8_t seed, rf_error *error)
{
    rf_device *device = check->device;
    RF_TRY(rf_check_step(check, error));
    rf_check_pattern(g->host, g->bytes, 0, seed);
    RF_TRY(rf_check_write(check, g->stream, g->x, g->host, g->bytes, error));
    RF_TRY(device->ops->graph_replay(device, g->stream, check->graph, error));
    RF_TRY(expect(check, g, g->y, seed, "what a graph copied", error));
    return expect(check, g, g->x, 0, "what a graph filled", error);
}

rf_status rf_check_graphs(rf_check *check, rf_error *error)
{
    enum { REPLAYS = 3 };
    graph_use g = {.bytes = work_bytes(check) / 4};
    rf_error refusal = {0};
    RF_TRY(rf_check_alloc(check, g.bytes, 4096, &g.x, error));
    RF_TRY(rf_check_alloc(check, g.bytes, 4096, &g.y, error));
    RF_TRY(rf_check_host(check, g.bytes, &g.host, error));
    RF_TRY(rf_check_stream(check, &g.stream, error));
    RF_TRY(rf_check_fill(check, g.stream, g.x, RF_CHECK_BLANK, g.bytes, error));
    RF_TRY(rf_check_fill(check, g.stream, g.y, RF_CHECK_BLANK, g.bytes, error));
    rf_status status = record(check, &g, &refusal);
    if (status == RF_ERROR_UNSUPPORTED && !check->capturing) {
        rf_check_note(check, RF_CHECK_NOT_AVAILABLE, "%s", refusal.message);
        return RF_OK;
    }
    if (status != RF_OK) {
        if (error)
            *error = refusal;
        return status;
    }
    RF_TRY(expect(check, &g, g.y, 0, "work was done while it was recorded", error));
    for (unsigned i = 1; i <= REPLAYS; i++)
        RF_TRY(replay(check, &g, (uint8_t)i, error));
    rf_check_note(check, RF_CHECK_OK, "a copy and a fill, recorded once and replayed %d times",
                  REPLAYS);
    return RF_OK;
}
