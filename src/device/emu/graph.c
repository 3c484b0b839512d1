/*
 * graph.c: graphs of an emulated device: what is put on a stream while it captures, kept, and done
 * again with each replay.
 *
 * Refused as drivers refuse it, so that the capture comes to nothing: waiting, allocating and
 * freeing by the thread that captures, host memory that is not pinned, events from outside of the
 * capture.
 */
#include <inttypes.h>
#include <stddef.h>

#include "base/log.h"
#include "base/memory.h"
#include "device/emu/internal.h"

/* ---- capturing ------------------------------------------------------------------------------ */

rf_status rf_emu_capture(emu_graph *graph, const emu_operation *operation, rf_error *error)
{
    if (graph->n_operations == graph->capacity) {
        uint64_t capacity = graph->capacity ? 2 * graph->capacity : 64;
        emu_operation *operations = rf_realloc(graph->operations, capacity, sizeof(*operations));
        if (!operations)
            return rf_error_host_memory(error, "a graph", capacity * sizeof(*operations));
        graph->operations = operations;
        graph->capacity = capacity;
    }
    graph->operations[graph->n_operations++] = *operation;
    return RF_OK;
}

rf_status rf_emu_spoil(const emu_device *emu, emu_graph *graph, const char *what, rf_error *error)
{
    (void)rf_error_set(&graph->spoiled, RF_ERROR_ARGUMENT,
                       "device %s: %s while graph %" PRIu64 " is captured", emu->base.id, what,
                       graph->serial);
    if (error)
        *error = graph->spoiled;
    return RF_ERROR_ARGUMENT;
}

rf_status rf_emu_refuse_in_capture(const emu_device *emu, const char *what, rf_error *error)
{
    for (uint32_t slot = 0; emu->n_captures && slot < EMU_STREAMS; slot++) {
        emu_graph *capture = emu->streams[slot].capture;
        if (capture && pthread_equal(capture->thread, pthread_self()))
            return rf_emu_spoil(emu, capture, what, error);
    }
    return RF_OK;
}

/* The lock is held. */
static rf_status begin(emu_device *emu, rf_stream *stream, rf_error *error)
{
    emu_graph *capture = NULL;
    if (!stream)
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "device %s: the default stream cannot be captured", emu->base.id);
    RF_TRY(rf_emu_capture_of(emu, stream, &capture, error));
    if (capture)
        return rf_emu_spoil(emu, capture, "another capture was begun on its stream", error);
    capture = rf_calloc(1, sizeof(*capture));
    if (!capture)
        return rf_error_host_memory(error, "a graph", sizeof(*capture));
    capture->references = 1;
    capture->thread = pthread_self();
    capture->serial = ++emu->last_graph;
    return rf_emu_set_capture(emu, stream, capture, error); /* a stream that was there just now */
}

rf_status rf_emu_graph_begin(rf_device *device, rf_stream *stream, rf_error *error)
{
    emu_device *emu = (emu_device *)device;
    pthread_mutex_lock(&emu->lock);
    rf_status status = begin(emu, stream, error);
    pthread_mutex_unlock(&emu->lock);
    return status;
}

/* Ends a capture in any case. The lock is held. */
static rf_status end(emu_device *emu, rf_stream *stream, emu_graph **out, rf_error *error)
{
    emu_graph *graph = NULL;
    RF_TRY(rf_emu_capture_of(emu, stream, &graph, error));
    if (!graph)
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "device %s: stream 0x%" PRIxPTR " captures nothing that could end",
                            emu->base.id, (uintptr_t)stream);
    RF_TRY(rf_emu_set_capture(emu, stream, NULL, error));
    if (graph->spoiled.status != RF_OK) {
        rf_status status = graph->spoiled.status;
        if (error)
            *error = graph->spoiled;
        rf_emu_graph_unref(graph);
        return rf_error_context(error, status, "the capture came to nothing");
    }
    graph->next = emu->graphs;
    emu->graphs = graph;
    emu->live.graphs++;
    *out = graph;
    return RF_OK;
}

rf_status rf_emu_graph_end(rf_device *device, rf_stream *stream, rf_graph **out, rf_error *error)
{
    emu_device *emu = (emu_device *)device;
    emu_graph *graph = NULL;
    pthread_mutex_lock(&emu->lock);
    rf_status status = end(emu, stream, &graph, error);
    pthread_mutex_unlock(&emu->lock);
    if (status == RF_OK)
        *out = (rf_graph *)graph;
    return status;
}

/* ---- replaying ------------------------------------------------------------------------------ */

/* Handles are compared with those that are live before anything is read through them. */
static rf_status find(emu_device *emu, const void *handle, emu_graph ***out, rf_error *error)
{
    emu_graph **link = &emu->graphs;
    while (*link && *link != handle)
        link = &(*link)->next;
    if (!*link)
        return rf_error_set(error, RF_ERROR_STALE,
                            "device %s: graph %p was destroyed, or never was one", emu->base.id,
                            handle);
    *out = link;
    return RF_OK;
}

static rf_status check_allocation(const emu_device *emu, const emu_allocation *a, rf_error *error)
{
    if (!a || !a->freed)
        return RF_OK;
    return rf_error_set(error, RF_ERROR_DEVICE,
                        "device %s: allocation %" PRIu64 " (%" PRIu64 " bytes at 0x%" PRIx64
                        ") was freed",
                        emu->base.id, a->serial, a->bytes, a->address);
}

/* Whether all that a graph uses is there. No driver says so: it would run over whatever is there.
 */
static rf_status check(const emu_device *emu, const emu_graph *graph, rf_error *error)
{
    rf_status status = RF_OK;
    for (uint64_t i = 0; status == RF_OK && i < graph->n_operations; i++) {
        const emu_operation *operation = &graph->operations[i];
        status = check_allocation(emu, operation->to.allocation, error);
        if (status == RF_OK)
            status = check_allocation(emu, operation->from.allocation, error);
        if (status == RF_OK && operation->call)
            status = rf_emu_call_check(emu, operation->call, error);
    }
    if (status == RF_OK)
        return RF_OK;
    return rf_error_context(error, status, "replay graph %" PRIu64, graph->serial);
}

/* The lock is held. */
static rf_status replay(emu_device *emu, rf_stream *stream, const void *handle, rf_error *error)
{
    emu_graph **link = NULL;
    emu_graph *capture = NULL;
    emu_mark mark;
    RF_TRY(find(emu, handle, &link, error));
    RF_TRY(rf_emu_capture_of(emu, stream, &capture, error));
    if (capture)
        return rf_emu_spoil(emu, capture, "a graph was replayed", error);
    RF_TRY(check(emu, *link, error));
    emu_operation operation = {.kind = EMU_REPLAY, .graph = *link};
    operation.graph->references++;
    rf_status status = rf_emu_queue(emu, stream, &operation, &mark, error);
    if (status != RF_OK)
        rf_emu_let_go(&operation);
    return status;
}

rf_status rf_emu_graph_replay(rf_device *device, rf_stream *stream, rf_graph *graph,
                              rf_error *error)
{
    emu_device *emu = (emu_device *)device;
    pthread_mutex_lock(&emu->lock);
    rf_status status = replay(emu, stream, graph, error);
    pthread_mutex_unlock(&emu->lock);
    return status;
}

rf_status rf_emu_run_graph(emu_device *emu, const emu_graph *graph, emu_mark here, rf_error *error)
{
    rf_status status = RF_OK;
    for (uint64_t i = 0; status == RF_OK && i < graph->n_operations; i++)
        status = rf_emu_perform(emu, &graph->operations[i], here, error);
    if (status == RF_OK)
        return RF_OK;
    return rf_error_context(error, status, "replay of graph %" PRIu64, graph->serial);
}

/* ---- destroying ----------------------------------------------------------------------------- */

void rf_emu_graph_unref(emu_graph *graph)
{
    if (!graph || --graph->references)
        return;
    for (uint64_t i = 0; i < graph->n_operations; i++)
        rf_emu_let_go(&graph->operations[i]);
    rf_free(graph->operations);
    rf_free(graph);
}

static void destroy(emu_device *emu, emu_graph **link)
{
    emu_graph *graph = *link;
    *link = graph->next;
    emu->live.graphs--;
    rf_emu_graph_unref(graph);
}

/* Replays that are queued are done all the same. */
rf_status rf_emu_graph_destroy(rf_device *device, rf_graph *graph, rf_error *error)
{
    emu_device *emu = (emu_device *)device;
    emu_graph **link = NULL;
    if (!graph)
        return RF_OK;
    pthread_mutex_lock(&emu->lock);
    rf_status status = find(emu, graph, &link, error);
    if (status == RF_OK)
        destroy(emu, link);
    pthread_mutex_unlock(&emu->lock);
    return status;
}

void rf_emu_graphs_destroy_all(emu_device *emu, rf_leaks *leaks)
{
    pthread_mutex_lock(&emu->lock);
    while (emu->graphs) {
        rf_leaks_add(leaks, &emu->base, "graph %" PRIu64 " of %" PRIu64 " operations",
                     emu->graphs->serial, emu->graphs->n_operations);
        destroy(emu, &emu->graphs);
    }
    pthread_mutex_unlock(&emu->lock);
}
