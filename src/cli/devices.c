/* devices.c: rocmforge devices. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "cli/devices.h"
#include "cli/options.h"
#include "cli/output.h"

/* More than any one machine has. To count first and then ask would open every GPU twice. */
#define MAX_DEVICES 256

/* What a driver says need not be UTF-8, nor whole characters where it was cut. */
static json_t *text(const char *said)
{
    return rf_cli_json_text((rf_string){said, strlen(said)});
}

static bool add_word(json_t *entry, const char *name, rf_memory_word word)
{
    json_t *object = json_object();
    bool good = rf_cli_json_set(object, "free", rf_cli_json_count(word.free));
    good &= rf_cli_json_set(object, "total", rf_cli_json_count(word.total));
    if (word.total)
        return rf_cli_json_set(entry, name, object) && good;
    json_decref(object);
    return rf_cli_json_set(entry, name, json_null());
}

static rf_status print_json(const rf_device_info *devices, size_t count, rf_error *error)
{
    json_t *list = json_array();
    bool good = true;
    for (size_t i = 0; i < count; i++) {
        const rf_device_info *d = &devices[i];
        json_t *entry = json_object();
        good &= rf_cli_json_set(entry, "id", text(d->id));
        good &= rf_cli_json_set(entry, "name", text(d->name));
        good &= rf_cli_json_set(entry, "architecture", text(d->architecture));
        good &= rf_cli_json_set(entry, "compute_units", rf_cli_json_count(d->compute_units));
        good &= rf_cli_json_set(entry, "warp_size", rf_cli_json_count(d->warp_size));
        good &= rf_cli_json_set(entry, "memory_total", rf_cli_json_count(d->memory_total));
        good &= rf_cli_json_set(entry, "memory_free", rf_cli_json_count(d->memory_free));
        good &= rf_cli_json_set(entry, "memory_source", text(d->memory_source));
        good &= add_word(entry, "driver_memory", d->driver_memory);
        good &= add_word(entry, "vram", d->vram);
        good &= add_word(entry, "gtt", d->gtt);
        good &= rf_cli_json_set(entry, "driver", text(d->driver));
        good &= rf_cli_json_add(list, entry);
    }
    return rf_cli_json_print(list, good, error);
}

/* " name FREE of TOTAL" for whoever said something of a memory. */
static void print_word(const char *separator, const char *name, rf_memory_word word)
{
    char total[RF_CLI_NUMBER_BYTES];
    char available[RF_CLI_NUMBER_BYTES];
    if (word.total)
        printf("%s%s %s of %s", separator, name, rf_cli_bytes(word.free, available),
               rf_cli_bytes(word.total, total));
}

/* What is worth knowing of a GPU beside the table: who said what of its memory, and its driver. */
static void print_sources(const rf_device_info *d)
{
    if (d->driver_memory.total || d->vram.total) {
        printf("%11sfree: ", "");
        print_word("", "driver", d->driver_memory);
        print_word(d->driver_memory.total ? ", " : "", "vram", d->vram);
        print_word(", ", "gtt", d->gtt);
        printf("\n");
    }
    if (d->driver[0]) {
        printf("%11sdriver: ", "");
        rf_cli_print_name(d->driver, 0);
        printf("\n");
    }
}

static void print_table(const rf_device_info *devices, size_t count)
{
    printf("%-10s %-32s %-22s %5s %12s %12s\n", "id", "name", "architecture", "units", "memory",
           "free");
    for (size_t i = 0; i < count; i++) {
        char total[RF_CLI_NUMBER_BYTES];
        char available[RF_CLI_NUMBER_BYTES];
        const rf_device_info *d = &devices[i];
        printf("%-10s %-32s %-22s %5u %12s %12s (%s)\n", d->id, d->name, d->architecture,
               d->compute_units, rf_cli_bytes(d->memory_total, total),
               rf_cli_bytes(d->memory_free, available), d->memory_source);
        print_sources(d);
    }
}

/* Lists every device, or the one that was asked for: that may be one that no list shows. */
static rf_status find_devices(const rf_cli_settings *settings, rf_device_info *devices,
                              size_t *count, rf_error *error)
{
    if (!settings->device)
        return rf_device_list(devices, MAX_DEVICES, count, error);
    rf_runtime_options options = RF_RUNTIME_OPTIONS_INIT;
    rf_runtime *runtime = NULL;
    options.device = settings->device;
    options.n_threads = 1; /* nothing is computed on it */
    RF_TRY(rf_runtime_open(&options, &runtime, error));
    rf_status status = rf_runtime_device(runtime, &devices[0], error);
    rf_status closed = rf_runtime_close(runtime, status == RF_OK ? error : NULL);
    *count = 1;
    return status == RF_OK ? closed : status;
}

rf_status rf_cli_devices(const rf_cli_settings *settings, rf_error *error)
{
    size_t count = 0;
    rf_device_info *devices = rf_calloc(MAX_DEVICES, sizeof(*devices));
    if (!devices)
        return rf_error_host_memory(error, "the list of devices", MAX_DEVICES * sizeof(*devices));
    rf_status status = find_devices(settings, devices, &count, error);
    count = count < MAX_DEVICES ? count : MAX_DEVICES;
    if (status == RF_OK && settings->check)
        status = rf_cli_devices_check(settings, devices, count, error);
    else if (status == RF_OK && settings->json)
        status = print_json(devices, count, error);
    else if (status == RF_OK)
        print_table(devices, count);
    rf_free(devices);
    return status;
}
