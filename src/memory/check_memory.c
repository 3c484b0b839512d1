/* check_memory.c: checks of a device's memory: what it says of it, what it gives, what happens when
 * there is no more, and whether it gets all of it back. */
#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "memory/check.h"

#define MIB ((uint64_t)1 << 20)

/* The larger allocations, which are written whole. */
static uint64_t large_bytes(const rf_check *check)
{
    uint64_t bytes = check->budget / 4;
    return bytes < 32 * MIB ? bytes : 32 * MIB;
}

/* ---- facts ----------------------------------------------------------------------------------- */

/* How much the checks may hold, unless the caller said. */
static uint64_t choose_budget(uint64_t free_bytes)
{
    uint64_t budget = free_bytes / 8;
    if (budget > RF_CHECK_MAX_BYTES)
        budget = RF_CHECK_MAX_BYTES;
    return budget < RF_CHECK_MIN_BYTES ? RF_CHECK_MIN_BYTES : budget;
}

rf_status rf_check_facts(rf_check *check, rf_error *error)
{
    rf_device *device = check->device;
    rf_device_facts facts = {0};
    rf_device_memory memory = {0};
    RF_TRY(device->ops->facts(device, &facts, error));
    check->info = facts.info;
    check->unified = facts.unified;
    RF_TRY(device->ops->memory(device, &memory, error));
    check->free_bytes = memory.free;
    if (!check->options->max_bytes)
        check->budget = choose_budget(memory.free);
    if (!facts.info.name[0] || !facts.info.architecture[0] || !facts.info.compute_units ||
        !facts.info.warp_size || memory.total == 0 || memory.free > memory.total)
        return rf_error_set(
            error, RF_ERROR_DEVICE,
            "device %s: name '%s', architecture '%s', %" PRIu32 " compute units, warp size %" PRIu32
            ", %" PRIu64 " of %" PRIu64 " bytes free",
            device->id, facts.info.name, facts.info.architecture, facts.info.compute_units,
            facts.info.warp_size, memory.free, memory.total);
    if (memory.driver.total && memory.free < memory.driver.free)
        rf_check_note(check, RF_CHECK_WORKED_AROUND,
                      "the driver says %" PRIu64 " MiB are free, %s %" PRIu64
                      " MiB: the lesser is believed",
                      memory.driver.free / MIB, memory.source, memory.free / MIB);
    else
        rf_check_note(check, RF_CHECK_OK, "%" PRIu64 " of %" PRIu64 " MiB free (%s)",
                      memory.free / MIB, memory.total / MIB, memory.source);
    return RF_OK;
}

/* ---- allocation ------------------------------------------------------------------------------ */

typedef struct request {
    uint64_t bytes;
    uint64_t alignment;
    rf_address address;
} request;

/* Whether an address is what was asked for, and lies apart from those before it. */
static rf_status check_address(const rf_check *check, const request *requests, size_t i,
                               rf_error *error)
{
    const request *r = &requests[i];
    uint64_t end;
    if (r->address == 0 || r->address % r->alignment || !rf_add(r->address, r->bytes, &end))
        return rf_error_set(error, RF_ERROR_DEVICE,
                            "device %s gave address 0x%" PRIx64 " for %" PRIu64
                            " bytes at alignment %" PRIu64,
                            check->device->id, r->address, r->bytes, r->alignment);
    for (size_t k = 0; k < i; k++) {
        const request *other = &requests[k];
        if (r->address < other->address + other->bytes && other->address < end)
            return rf_error_set(error, RF_ERROR_DEVICE,
                                "device %s gave %" PRIu64 " bytes at 0x%" PRIx64
                                " that overlap %" PRIu64 " at 0x%" PRIx64,
                                check->device->id, r->bytes, r->address, other->bytes,
                                other->address);
    }
    return RF_OK;
}

/* The first and the last bytes of an allocation, at addresses that are sums, have its value. */
static rf_status check_ends(rf_check *check, const request *r, uint8_t value, rf_error *error)
{
    uint8_t bytes[64];
    uint64_t count = r->bytes < sizeof(bytes) ? r->bytes : sizeof(bytes);
    const rf_address ends[] = {r->address, r->address + r->bytes - count};
    for (size_t i = 0; i < 2; i++) {
        memset(bytes, 0, sizeof(bytes));
        RF_TRY(rf_check_read(check, NULL, bytes, ends[i], count, error));
        RF_TRY(check->device->ops->stream_sync(check->device, NULL, error));
        rf_status status = rf_check_all(bytes, count, value, error);
        if (status != RF_OK)
            return rf_error_context(error, status, "%s of an allocation of %" PRIu64 " bytes",
                                    i ? "the end" : "the beginning", r->bytes);
    }
    return RF_OK;
}

/* All are filled before the first is looked at: none may reach into another. */
static rf_status use_all(rf_check *check, const request *requests, size_t count, rf_error *error)
{
    for (size_t i = 0; i < count; i++)
        RF_TRY(rf_check_fill(check, NULL, requests[i].address, (uint8_t)(i + 1), requests[i].bytes,
                             error));
    for (size_t i = 0; i < count; i++)
        RF_TRY(check_ends(check, &requests[i], (uint8_t)(i + 1), error));
    return RF_OK;
}

rf_status rf_check_allocation(rf_check *check, rf_error *error)
{
    request requests[] = {
        {.bytes = 1, .alignment = 256},          {.bytes = 255, .alignment = 256},
        {.bytes = 257, .alignment = 4096},       {.bytes = 4096, .alignment = 4096},
        {.bytes = 4097, .alignment = 256},       {.bytes = 65537, .alignment = 65536},
        {.bytes = 100003, .alignment = 2 * MIB}, {.bytes = large_bytes(check), .alignment = 4096},
    };
    const size_t count = sizeof(requests) / sizeof(requests[0]);
    rf_device *device = check->device;
    rf_device_facts before = {0};
    rf_device_facts after = {0};
    RF_TRY(device->ops->facts(device, &before, error));
    for (size_t i = 0; i < count; i++) {
        request *r = &requests[i];
        RF_TRY(rf_check_step(check, error));
        RF_TRY(rf_check_alloc(check, r->bytes, r->alignment, &r->address, error));
        RF_TRY(check_address(check, requests, i, error));
    }
    RF_TRY(use_all(check, requests, count, error));
    RF_TRY(device->ops->facts(device, &after, error));
    if (after.realigned > before.realigned)
        rf_check_note(check, RF_CHECK_WORKED_AROUND,
                      "the driver aligned %" PRIu64
                      " allocations less than asked: they were asked for again, with room to move",
                      after.realigned - before.realigned);
    else
        rf_check_note(check, RF_CHECK_OK,
                      "%zu sizes from 1 byte to %" PRIu64
                      " MiB, aligned to 256 bytes and up to 2 MiB",
                      count, large_bytes(check) / MIB);
    return RF_OK;
}

/* ---- pinned memory --------------------------------------------------------------------------- */

rf_status rf_check_pinned_memory(rf_check *check, rf_error *error)
{
    static const uint64_t sizes[] = {1, 4097, 100003, MIB};
    uint8_t *buffers[4] = {NULL};
    rf_address address = 0;
    RF_TRY(rf_check_alloc(check, MIB, 4096, &address, error));
    for (size_t i = 0; i < 4; i++) {
        RF_TRY(rf_check_pinned(check, sizes[i], &buffers[i], error));
        rf_check_pattern(buffers[i], sizes[i], 0, (uint8_t)(i + 1));
    }
    for (size_t i = 0; i < 4; i++) {
        RF_TRY(rf_check_write(check, NULL, address, buffers[i], sizes[i], error));
        RF_TRY(check->device->ops->stream_sync(check->device, NULL, error));
        rf_status status = rf_check_compare(buffers[i], sizes[i], 0, (uint8_t)(i + 1), error);
        memset(buffers[i], 0, sizes[i]);
        if (status == RF_OK)
            status = rf_check_read(check, NULL, buffers[i], address, sizes[i], error);
        if (status == RF_OK)
            status = check->device->ops->stream_sync(check->device, NULL, error);
        if (status == RF_OK)
            status = rf_check_compare(buffers[i], sizes[i], 0, (uint8_t)(i + 1), error);
        if (status != RF_OK)
            return rf_error_context(error, status, "a pinned buffer of %" PRIu64 " bytes",
                                    sizes[i]);
    }
    rf_check_note(check, RF_CHECK_OK, "buffers from 1 byte to 1 MiB, written and read back");
    return RF_OK;
}

/* ---- running out ----------------------------------------------------------------------------- */

/* Asks for more than there can be. */
static rf_status ask_too_much(rf_check *check, uint64_t *asked, rf_error *error)
{
    rf_device *device = check->device;
    rf_device_memory memory = {0};
    rf_address address = 0;
    rf_error refusal = {0};
    RF_TRY(device->ops->memory(device, &memory, error));
    uint64_t total = memory.total > memory.driver.total ? memory.total : memory.driver.total;
    if (!rf_add(total, 1ULL << 30, asked))
        return rf_error_set(error, RF_ERROR_OVERFLOW,
                            "device %s says that it has %" PRIu64 " bytes", device->id, total);
    rf_status status = rf_check_alloc(check, *asked, 4096, &address, &refusal);
    if (status == RF_ERROR_DEVICE_MEMORY)
        return RF_OK;
    if (status == RF_OK)
        return rf_error_set(error, RF_ERROR_DEVICE,
                            "device %s gave %" PRIu64 " bytes, of %" PRIu64 " that it has",
                            device->id, *asked, total);
    if (error)
        *error = refusal;
    return status;
}

rf_status rf_check_out_of_memory(rf_check *check, rf_error *error)
{
    request r = {.bytes = MIB, .alignment = 4096};
    uint64_t asked = 0;
    RF_TRY(ask_too_much(check, &asked, error));
    rf_status status = rf_check_alloc(check, r.bytes, r.alignment, &r.address, error);
    if (status == RF_OK)
        status = use_all(check, &r, 1, error);
    if (status != RF_OK)
        return rf_error_context(error, status, "after running out of memory");
    rf_check_note(check, RF_CHECK_OK, "%" PRIu64 " MiB are refused, and the device works on",
                  asked / MIB);
    return RF_OK;
}

/* ---- what is left ---------------------------------------------------------------------------- */

enum { ROUNDS = 4, ATTEMPTS = 3 };

/* Takes one of each kind, uses it and gives all back; what is free then. */
static rf_status one_round(rf_check *check, uint64_t bytes, uint64_t *free_bytes, rf_error *error)
{
    rf_device *device = check->device;
    rf_address address = 0;
    uint8_t *pinned = NULL;
    rf_stream *stream = NULL;
    rf_event *event = NULL;
    rf_device_memory memory = {0};
    RF_TRY(rf_check_step(check, error));
    RF_TRY(rf_check_alloc(check, bytes, 4096, &address, error));
    RF_TRY(rf_check_pinned(check, MIB, &pinned, error));
    RF_TRY(rf_check_stream(check, &stream, error));
    RF_TRY(rf_check_event(check, &event, error));
    RF_TRY(rf_check_fill(check, stream, address, 1, bytes, error));
    RF_TRY(rf_check_read(check, stream, pinned, address, MIB, error));
    RF_TRY(device->ops->event_record(device, event, stream, error));
    RF_TRY(device->ops->event_sync(device, event, error));
    RF_TRY(rf_check_release(check, error));
    RF_TRY(device->ops->memory(device, &memory, error));
    *free_bytes = memory.free;
    return RF_OK;
}

/* What the device lost over a few rounds, the first not counted: in it the driver may keep what it
 * needs for all that follow. */
static rf_status measure_loss(rf_check *check, uint64_t bytes, uint64_t *loss, rf_error *error)
{
    uint64_t first = 0;
    uint64_t last = 0;
    RF_TRY(one_round(check, bytes, &first, error));
    for (int i = 0; i < ROUNDS; i++)
        RF_TRY(one_round(check, bytes, &last, error));
    *loss = last < first ? first - last : 0;
    return RF_OK;
}

/* Other programs take memory too, so a loss counts only if it comes back each time, and is that of
 * half the rounds. Where the memory is the host's, everybody's noise is larger than any leak. */
rf_status rf_check_left_over(rf_check *check, rf_error *error)
{
    uint64_t bytes = large_bytes(check);
    uint64_t loss = 0;
    rf_device_memory memory = {0};
    bool leaks = true;
    for (int i = 0; leaks && i < ATTEMPTS; i++) {
        RF_TRY(measure_loss(check, bytes, &loss, error));
        leaks = !check->unified && loss >= bytes * ROUNDS / 2;
    }
    if (leaks)
        return rf_error_set(error, RF_ERROR_DEVICE,
                            "device %s: %" PRIu64 " bytes less are free after taking and giving "
                            "back %" PRIu64 " bytes %d times",
                            check->device->id, loss, bytes, ROUNDS);
    RF_TRY(check->device->ops->memory(check->device, &memory, error));
    if (check->unified)
        rf_check_note(check, RF_CHECK_OK,
                      "all was taken back; the host's free memory is not "
                      "compared, since all programs share it");
    else
        rf_check_note(check, RF_CHECK_OK,
                      "free before %" PRIu64 " MiB, after %" PRIu64
                      " MiB, with what the driver keeps",
                      check->free_bytes / MIB, memory.free / MIB);
    return RF_OK;
}
