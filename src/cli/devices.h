/* devices.h: the self-test of devices, which is a part of `rocmforge devices`. */
#ifndef RF_CLI_DEVICES_H
#define RF_CLI_DEVICES_H

#include "cli/options.h"

/* Checks devices in turn, and prints a line for each check, or JSON. An error if one failed, once
 * all are done; a device that does not open counts as a failed one. */
rf_status rf_cli_devices_check(const rf_cli_settings *settings, const rf_device_info *devices,
                               size_t count, rf_error *error);

#endif
