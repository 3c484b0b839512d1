/* leaks.c: see leaks.h. */
#include "device/leaks.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/log.h"

void rf_leaks_add(rf_leaks *leaks, const rf_device *device, const char *format, ...)
{
    char leak[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(leak, sizeof(leak), format, arguments);
    va_end(arguments);
    rf_log(RF_LOG_WARNING, "device %s is closed with %s not given back", device->id, leak);
    leaks->count++;
    size_t room = sizeof(leaks->text) - leaks->length;
    int written =
        snprintf(leaks->text + leaks->length, room, "%s%s", leaks->length ? ", " : "", leak);
    if (written > 0 && (size_t)written < room)
        leaks->length += (size_t)written;
    else
        leaks->text[leaks->length] = '\0'; /* no half ones: the count tells that there are more */
}

rf_status rf_leaks_report(const rf_leaks *leaks, const rf_device *device, rf_error *error)
{
    if (leaks->count == 0)
        return RF_OK;
    return rf_error_set(error, RF_ERROR_INTERNAL,
                        "device %s was closed with %" PRIu32 " things not given back: %s",
                        device->id, leaks->count, leaks->text);
}
