/* check_copy.c: checks of fills and copies at odd offsets and sizes, with what lies beside them. */
#include <inttypes.h>
#include <string.h>

#include "memory/check.h"

/* Bytes that are looked at on both sides of what is written. */
#define MARGIN 64ULL

/* Where a copy or fill lies, in the device's buffer and in the host's. */
typedef struct place {
    uint64_t device_offset;
    uint64_t host_offset;
    uint64_t bytes;
} place;

static const place places[] = {
    {0, 0, 1},        {1, 3, 1},         {3, 1, 2},           {7, 0, 13},
    {63, 65, 255},    {4095, 1, 4097},   {4096, 4096, 4096},  {4097, 4095, 65535},
    {65537, 7, 4095}, {131071, 5, 1021}, {100003, 2, 300007}, {1, 1, 500003},
};

#define PLACES (sizeof(places) / sizeof(places[0]))
/* Above the end of each of them, with a margin. */
#define SPAN (512ULL << 10)

static rf_status sync(rf_check *check, rf_error *error)
{
    return check->device->ops->stream_sync(check->device, NULL, error);
}

static rf_status say_where(const place *p, const char *what, rf_status status, rf_error *error)
{
    if (status == RF_OK)
        return RF_OK;
    return rf_error_context(error, status, "%s of %" PRIu64 " bytes at offset %" PRIu64, what,
                            p->bytes, p->device_offset);
}

/* Bytes around a place, which nothing may have written. */
static rf_status check_margins(const uint8_t *bytes, uint64_t offset, uint64_t count,
                               rf_error *error)
{
    uint64_t before = offset < MARGIN ? offset : MARGIN;
    rf_status status = rf_check_all(bytes + offset - before, before, RF_CHECK_BLANK, error);
    if (status != RF_OK)
        return rf_error_context(error, status, "in front of what was asked for");
    status = rf_check_all(bytes + offset + count, MARGIN, RF_CHECK_BLANK, error);
    return status == RF_OK ? RF_OK : rf_error_context(error, status, "behind what was asked for");
}

/* ---- fills ----------------------------------------------------------------------------------- */

static rf_status fill_one(rf_check *check, rf_address buffer, uint8_t *host, const place *p,
                          rf_error *error)
{
    RF_TRY(rf_check_fill(check, NULL, buffer, RF_CHECK_BLANK, SPAN, error));
    RF_TRY(rf_check_fill(check, NULL, buffer + p->device_offset, 0x3C, p->bytes, error));
    RF_TRY(rf_check_read(check, NULL, host, buffer, SPAN, error));
    RF_TRY(sync(check, error));
    RF_TRY(rf_check_all(host + p->device_offset, p->bytes, 0x3C, error));
    return check_margins(host, p->device_offset, p->bytes, error);
}

rf_status rf_check_fills(rf_check *check, rf_error *error)
{
    rf_address buffer = 0;
    uint8_t *host = NULL;
    RF_TRY(rf_check_alloc(check, SPAN, 4096, &buffer, error));
    RF_TRY(rf_check_host(check, SPAN, &host, error));
    for (size_t i = 0; i < PLACES; i++) {
        RF_TRY(rf_check_step(check, error));
        RF_TRY(say_where(&places[i], "a fill", fill_one(check, buffer, host, &places[i], error),
                         error));
    }
    rf_check_note(check, RF_CHECK_OK, "%zu odd sizes and offsets", PLACES);
    return RF_OK;
}

/* ---- to the device and back ------------------------------------------------------------------ */

/* Writes a place, then reads the buffer around it: the place holds what was written, and nothing
 * beside it changed. */
static rf_status write_one(rf_check *check, rf_address buffer, uint8_t *host, uint8_t *whole,
                           const place *p, rf_error *error)
{
    RF_TRY(rf_check_fill(check, NULL, buffer, RF_CHECK_BLANK, SPAN, error));
    rf_check_pattern(host + p->host_offset, p->bytes, 0, 1);
    RF_TRY(rf_check_write(check, NULL, buffer + p->device_offset, host + p->host_offset, p->bytes,
                          error));
    RF_TRY(rf_check_read(check, NULL, whole, buffer, SPAN, error));
    RF_TRY(sync(check, error));
    RF_TRY(rf_check_compare(whole + p->device_offset, p->bytes, 0, 1, error));
    return check_margins(whole, p->device_offset, p->bytes, error);
}

/* Reads the place alone. */
static rf_status read_one(rf_check *check, rf_address buffer, uint8_t *host, const place *p,
                          rf_error *error)
{
    memset(host, RF_CHECK_BLANK, p->host_offset + p->bytes + MARGIN);
    RF_TRY(rf_check_read(check, NULL, host + p->host_offset, buffer + p->device_offset, p->bytes,
                         error));
    RF_TRY(sync(check, error));
    RF_TRY(rf_check_compare(host + p->host_offset, p->bytes, 0, 1, error));
    return check_margins(host, p->host_offset, p->bytes, error);
}

static rf_status both_ways(rf_check *check, rf_address buffer, uint8_t *host, uint8_t *whole,
                           bool pinned, rf_error *error)
{
    for (size_t i = 0; i < PLACES; i++) {
        const place *p = &places[i];
        RF_TRY(rf_check_step(check, error));
        RF_TRY(say_where(p, pinned ? "a copy from pinned memory" : "a copy to the device",
                         write_one(check, buffer, host, whole, p, error), error));
        RF_TRY(say_where(p, pinned ? "a copy to pinned memory" : "a copy from the device",
                         read_one(check, buffer, host, p, error), error));
    }
    return RF_OK;
}

rf_status rf_check_copies(rf_check *check, rf_error *error)
{
    rf_address buffer = 0;
    uint8_t *host = NULL;
    uint8_t *whole = NULL;
    uint8_t *pinned = NULL;
    RF_TRY(rf_check_alloc(check, SPAN, 4096, &buffer, error));
    RF_TRY(rf_check_host(check, SPAN + MARGIN, &host, error));
    RF_TRY(rf_check_host(check, SPAN, &whole, error));
    RF_TRY(rf_check_pinned(check, SPAN + MARGIN, &pinned, error));
    RF_TRY(both_ways(check, buffer, host, whole, false, error));
    RF_TRY(both_ways(check, buffer, pinned, whole, true, error));
    rf_check_note(check, RF_CHECK_OK, "%zu odd sizes and offsets, both ways, pageable and pinned",
                  PLACES);
    return RF_OK;
}

/* ---- on the device --------------------------------------------------------------------------- */

static rf_status move_one(rf_check *check, rf_address from, rf_address to, uint8_t *whole,
                          const place *p, rf_error *error)
{
    rf_device *device = check->device;
    RF_TRY(rf_check_fill(check, NULL, to, RF_CHECK_BLANK, SPAN, error));
    RF_TRY(device->ops->copy(device, NULL, RF_COPY_ON_DEVICE, to + p->device_offset,
                             from + p->host_offset, p->bytes, error));
    RF_TRY(rf_check_read(check, NULL, whole, to, SPAN, error));
    RF_TRY(sync(check, error));
    RF_TRY(rf_check_compare(whole + p->device_offset, p->bytes, p->host_offset, 2, error));
    return check_margins(whole, p->device_offset, p->bytes, error);
}

rf_status rf_check_on_device(rf_check *check, rf_error *error)
{
    rf_address from = 0;
    rf_address to = 0;
    uint8_t *host = NULL;
    RF_TRY(rf_check_alloc(check, SPAN, 4096, &from, error));
    RF_TRY(rf_check_alloc(check, SPAN, 4096, &to, error));
    RF_TRY(rf_check_host(check, SPAN, &host, error));
    rf_check_pattern(host, SPAN, 0, 2);
    RF_TRY(rf_check_write(check, NULL, from, host, SPAN, error));
    RF_TRY(sync(check, error));
    for (size_t i = 0; i < PLACES; i++) {
        RF_TRY(rf_check_step(check, error));
        RF_TRY(say_where(&places[i], "a copy on the device",
                         move_one(check, from, to, host, &places[i], error), error));
    }
    rf_check_note(check, RF_CHECK_OK, "%zu odd sizes and offsets", PLACES);
    return RF_OK;
}
