/*
 * backend.h: what the registry (device.c) needs from a kind of device. A new kind is a new row of
 * the table there.
 *
 * Preconditions: the registry calls these one at a time. open may take long and must not open
 * another device: rf_device_open answers RF_ERROR_BUSY then.
 */
#ifndef RF_DEVICE_BACKEND_H
#define RF_DEVICE_BACKEND_H

#include "device/device.h"

typedef struct rf_backend {
    const char *name; /* what the ids of its devices start with; alone, the id of the first */
    bool unlisted;    /* an instrument for tests: opened by its id, shown in no list */
    /* How many devices there are; none where the driver is not installed. An error where there is a
     * driver that does not work. */
    rf_status (*count)(uint32_t *out, rf_error *error);
    /* Where count gives none: the error that says why. NULL where that needs no words. */
    rf_status (*why_none)(rf_error *error);
    void (*id)(uint32_t index, char out[RF_DEVICE_ID_BYTES]);
    /* What is known of a device without making it ready: its facts, but for free memory and the
     * source of that. NULL of a kind that is never chosen as the best device. */
    rf_status (*look)(uint32_t index, rf_device_facts *out, rf_error *error);
    /* Makes a device with its ops set; the registry fills in the rest. ops->close undoes it. */
    rf_status (*open)(uint32_t index, rf_device **out, rf_error *error);
} rf_backend;

/* Puts what was measured of a device's memory into its description. */
void rf_backend_note_memory(rf_device_info *info, const rf_device_memory *memory);

extern const rf_backend rf_backend_cpu;
extern const rf_backend rf_backend_emu;
extern const rf_backend rf_backend_hip;
extern const rf_backend rf_backend_cuda;

/* Adds one backend behind those of the table, such as a test's; NULL removes it. Its devices must
 * be closed by then. */
void rf_backend_set_extra(const rf_backend *backend);

#endif
