/* leaks.h: what a device is closed with that nobody gave back, as one error that names it. */
#ifndef RF_DEVICE_LEAKS_H
#define RF_DEVICE_LEAKS_H

#include "device/device.h"

/* Zero-initialise it to start. */
typedef struct rf_leaks {
    uint32_t count;
    size_t length;
    char text[RF_ERROR_MESSAGE_BYTES / 2]; /* the first of them, ", " between */
} rf_leaks;

/* Notes one leak in words and logs it as a warning: "4096 bytes at 0x1000". */
void rf_leaks_add(rf_leaks *leaks, const rf_device *device, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* RF_OK where there are none; else RF_ERROR_INTERNAL, for they are somebody's mistake. */
rf_status rf_leaks_report(const rf_leaks *leaks, const rf_device *device, rf_error *error);

#endif
