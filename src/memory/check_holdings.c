/* check_holdings.c: what a check of a device holds, and how its bytes are told apart. */
#include <inttypes.h>
#include <string.h>

#include "base/memory.h"
#include "memory/check.h"

/* ---- taking ---------------------------------------------------------------------------------- */

/* The tables below have room for what the checks take; this is for the check that takes more. */
static rf_status no_room(const char *what, rf_error *error)
{
    return rf_error_set(error, RF_ERROR_INTERNAL, "a check of a device takes too many %s", what);
}

/* The first free place of a table of pointers; NULL where there is none. */
#define FREE_PLACE(table)                                                                          \
    ({                                                                                             \
        __typeof__(&(table)[0]) place_ = NULL;                                                     \
        for (size_t i_ = 0; !place_ && i_ < sizeof(table) / sizeof((table)[0]); i_++)              \
            place_ = (table)[i_] ? NULL : &(table)[i_];                                            \
        place_;                                                                                    \
    })

rf_status rf_check_alloc(rf_check *check, uint64_t bytes, uint64_t alignment, rf_address *out,
                         rf_error *error)
{
    rf_address *place = FREE_PLACE(check->allocations);
    if (!place)
        return no_room("allocations", error);
    RF_TRY(check->device->ops->alloc(check->device, bytes, alignment, place, error));
    *out = *place;
    return RF_OK;
}

rf_status rf_check_pinned(rf_check *check, uint64_t bytes, uint8_t **out, rf_error *error)
{
    void **place = FREE_PLACE(check->pinned);
    if (!place)
        return no_room("pinned buffers", error);
    RF_TRY(check->device->ops->pinned_alloc(check->device, bytes, place, error));
    *out = *place;
    return RF_OK;
}

rf_status rf_check_host(rf_check *check, uint64_t bytes, uint8_t **out, rf_error *error)
{
    void **place = FREE_PLACE(check->host);
    if (!place)
        return no_room("buffers", error);
    *place = rf_calloc(1, bytes);
    if (!*place)
        return rf_error_host_memory(error, "a buffer of a device's check", bytes);
    *out = *place;
    return RF_OK;
}

rf_status rf_check_stream(rf_check *check, rf_stream **out, rf_error *error)
{
    rf_stream **place = FREE_PLACE(check->streams);
    if (!place)
        return no_room("streams", error);
    RF_TRY(check->device->ops->stream_create(check->device, place, error));
    *out = *place;
    return RF_OK;
}

rf_status rf_check_event(rf_check *check, rf_event **out, rf_error *error)
{
    rf_event **place = FREE_PLACE(check->events);
    if (!place)
        return no_room("events", error);
    RF_TRY(check->device->ops->event_create(check->device, place, error));
    *out = *place;
    return RF_OK;
}

/* ---- giving back ----------------------------------------------------------------------------- */

/* Whether something is held that work may be under way on. */
static bool holds_any(const rf_check *check)
{
    bool any = check->graph != NULL || check->capturing != NULL;
    for (size_t i = 0; i < RF_CHECK_ALLOCATIONS; i++)
        any |= check->allocations[i] != 0;
    for (size_t i = 0; i < RF_CHECK_BUFFERS; i++)
        any |= check->pinned[i] != NULL;
    for (size_t i = 0; i < RF_CHECK_STREAMS; i++)
        any |= check->streams[i] != NULL;
    return any;
}

rf_status rf_check_release(rf_check *check, rf_error *error)
{
    rf_device *device = check->device;
    const rf_device_ops *ops = device->ops;
    rf_status first = RF_OK;
    /* Calls an operation, and keeps the first failure. */
#define GIVE(operation, ...)                                                                       \
    do {                                                                                           \
        rf_status status_ = ops->operation(device, ##__VA_ARGS__, first == RF_OK ? error : NULL);  \
        first = first == RF_OK ? status_ : first;                                                  \
    } while (0)
    if (check->capturing)
        GIVE(graph_end, check->capturing, &check->graph);
    if (holds_any(check))
        GIVE(sync);
    if (check->graph)
        GIVE(graph_destroy, check->graph);
    for (size_t i = 0; i < RF_CHECK_EVENTS; i++)
        if (check->events[i])
            GIVE(event_destroy, check->events[i]);
    for (size_t i = 0; i < RF_CHECK_STREAMS; i++)
        if (check->streams[i])
            GIVE(stream_destroy, check->streams[i]);
    for (size_t i = 0; i < RF_CHECK_BUFFERS; i++)
        if (check->pinned[i])
            GIVE(pinned_free, check->pinned[i]);
    for (size_t i = RF_CHECK_ALLOCATIONS; i-- > 0;)
        if (check->allocations[i])
            GIVE(free, check->allocations[i]);
#undef GIVE
    for (size_t i = 0; i < RF_CHECK_BUFFERS; i++)
        rf_free(check->host[i]);
    check->capturing = NULL;
    check->graph = NULL;
    memset(check->events, 0, sizeof(check->events));
    memset(check->streams, 0, sizeof(check->streams));
    memset(check->pinned, 0, sizeof(check->pinned));
    memset(check->host, 0, sizeof(check->host));
    memset(check->allocations, 0, sizeof(check->allocations));
    return first;
}

/* ---- moving ---------------------------------------------------------------------------------- */

rf_status rf_check_write(rf_check *check, rf_stream *stream, rf_address to, const uint8_t *from,
                         uint64_t bytes, rf_error *error)
{
    return check->device->ops->copy(check->device, stream, RF_COPY_TO_DEVICE, to, (uintptr_t)from,
                                    bytes, error);
}

rf_status rf_check_read(rf_check *check, rf_stream *stream, uint8_t *to, rf_address from,
                        uint64_t bytes, rf_error *error)
{
    return check->device->ops->copy(check->device, stream, RF_COPY_FROM_DEVICE, (uintptr_t)to, from,
                                    bytes, error);
}

rf_status rf_check_fill(rf_check *check, rf_stream *stream, rf_address to, uint8_t value,
                        uint64_t bytes, rf_error *error)
{
    return check->device->ops->fill(check->device, stream, to, value, bytes, error);
}

/* ---- telling apart --------------------------------------------------------------------------- */

/* Differs from its neighbours at distances of one, of a page and of many. */
static uint8_t pattern_at(uint64_t i, uint8_t seed)
{
    return (uint8_t)(i ^ i >> 8 ^ i >> 16 ^ i >> 24 ^ (uint64_t)seed * 0x9DU);
}

void rf_check_pattern(uint8_t *bytes, uint64_t count, uint64_t first, uint8_t seed)
{
    for (uint64_t i = 0; i < count; i++)
        bytes[i] = pattern_at(first + i, seed);
}

static rf_status differs(uint64_t at, uint64_t count, uint64_t wrong, uint8_t is, uint8_t expected,
                         rf_error *error)
{
    return rf_error_set(error, RF_ERROR_DEVICE,
                        "%" PRIu64 " of %" PRIu64 " bytes are wrong: byte %" PRIu64
                        " is 0x%02x, expected 0x%02x",
                        wrong, count, at, is, expected);
}

rf_status rf_check_compare(const uint8_t *bytes, uint64_t count, uint64_t first, uint8_t seed,
                           rf_error *error)
{
    uint64_t wrong = 0;
    uint64_t at = 0;
    for (uint64_t i = count; i-- > 0;)
        if (bytes[i] != pattern_at(first + i, seed)) {
            wrong++;
            at = i;
        }
    return wrong ? differs(at, count, wrong, bytes[at], pattern_at(first + at, seed), error)
                 : RF_OK;
}

rf_status rf_check_all(const uint8_t *bytes, uint64_t count, uint8_t value, rf_error *error)
{
    uint64_t wrong = 0;
    uint64_t at = 0;
    for (uint64_t i = count; i-- > 0;)
        if (bytes[i] != value) {
            wrong++;
            at = i;
        }
    return wrong ? differs(at, count, wrong, bytes[at], value, error) : RF_OK;
}
