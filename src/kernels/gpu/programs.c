/*
 * programs.c: the kernels of one open device: loaded a unit at a time when first asked for, found
 * by name, and launched.
 *
 * One lock guards the lists; finding a kernel that is there is one look-up under it. What was found
 * does not move and is not unloaded before the end.
 */
#include <pthread.h>
#include <string.h>

#include "base/checked.h"
#include "base/log.h"
#include "base/map.h"
#include "base/memory.h"
#include "kernels/gpu/gpu.h"
#include "kernels/gpu/images.h"

/* More than all units and kernels that there are; the lists never move. */
#define MAX_UNITS   160
#define MAX_KERNELS 1024

typedef struct unit {
    char *name;
    rf_module *module;
} unit;

typedef struct kernel {
    char *name;
    rf_function *function;
} kernel;

struct rf_gpu_programs {
    rf_device *device;
    char architecture[64];
    rf_gpu_traits traits;
    pthread_mutex_t lock; /* guards all below */
    rf_map kernel_of_name;
    unit units[MAX_UNITS];
    kernel kernels[MAX_KERNELS];
    uint32_t n_units;
    uint32_t n_kernels;
};

/* ---- traits ---------------------------------------------------------------------------------- */

/* As matrix_direct.h has it. */
static uint32_t matrix_columns_of(const char *a)
{
    static const char *const wide[] = {"gfx908", "gfx90a",      "gfx94",      "gfx11",
                                       "gfx12",  "emu32-rdna3", "emu32-rdna4"};
    for (size_t i = 0; i < sizeof(wide) / sizeof(wide[0]); i++)
        if (strncmp(a, wide[i], strlen(wide[i])) == 0)
            return 16;
    return strncmp(a, "sm_", 3) == 0 || strcmp(a, "emu32") == 0 ? 8
           : strcmp(a, "emu64") == 0                            ? 16
                                                                : 0;
}

/* Shared memory of a block, by the architecture. Sources: CUDA C++ Programming Guide, "Technical
 * Specifications per Compute Capability"; AMD's ISA documents (LDS of a work-group). */
static rf_gpu_traits traits_of(const rf_device_facts *facts)
{
    const char *a = facts->info.architecture;
    rf_gpu_traits traits = {.warp_size = facts->info.warp_size,
                            .compute_units = facts->info.compute_units,
                            .shared_bytes = 64 << 10,
                            .matrix_columns = matrix_columns_of(a)};
    if (strncmp(a, "sm_", 3) == 0) {
        bool hopper = strncmp(a, "sm_90", 5) == 0 || strncmp(a, "sm_10", 5) == 0;
        bool ampere = strcmp(a, "sm_80") == 0 || strcmp(a, "sm_87") == 0;
        traits.shared_bytes = (hopper ? 227 : ampere ? 163 : 99) << 10;
        traits.asynchronous_copies = true;
        traits.overlap = hopper || strncmp(a, "sm_12", 5) == 0;
    }
    return traits;
}

/* Whether the build has what is for Hopper alone. */
static bool has_warpgroups(const char *architecture)
{
    rf_gpu_image image = {0};
    if (strncmp(architecture, "sm_90", 5) != 0 ||
        rf_gpu_image_open(architecture, "gemm_sm90a", 0, &image, NULL) != RF_OK)
        return false;
    rf_gpu_image_close(&image);
    return true;
}

/* Whether the driver describes rows: it looks at no memory. */
static bool has_boxes(rf_device *device)
{
    const rf_row_boxes any = {
        .address = 1 << 20, .row_bytes = 64, .n_rows = 1, .box_rows = 1, .box_bytes = 16};
    rf_row_boxes_code code;
    return device->ops->describe_rows(device, &any, &code, NULL) == RF_OK;
}

const rf_gpu_traits *rf_gpu_traits_of(const rf_gpu_programs *programs)
{
    return &programs->traits;
}

const char *rf_gpu_programs_target(const rf_gpu_programs *programs)
{
    return rf_gpu_image_target(programs->architecture);
}

/* ---- opening and closing --------------------------------------------------------------------- */

rf_status rf_gpu_programs_why_none(const rf_device *device, const rf_device_facts *facts,
                                   rf_error *error)
{
    rf_status status = rf_gpu_image_require(facts->info.architecture, error);
    return status == RF_OK ? RF_OK : rf_error_context(error, status, "device %s", device->id);
}

rf_status rf_gpu_programs_open(rf_device *device, const rf_device_facts *facts,
                               rf_gpu_programs **out, rf_error *error)
{
    RF_TRY(rf_gpu_programs_why_none(device, facts, error));
    rf_gpu_programs *programs = rf_calloc(1, sizeof(*programs));
    if (!programs)
        return rf_error_host_memory(error, "the kernels of a device", sizeof(*programs));
    programs->device = device;
    memcpy(programs->architecture, facts->info.architecture, sizeof(programs->architecture));
    programs->traits = traits_of(facts);
    programs->traits.warpgroups = has_warpgroups(facts->info.architecture);
    programs->traits.boxes = programs->traits.warpgroups && has_boxes(device);
    rf_status status = rf_map_reserve(&programs->kernel_of_name, MAX_KERNELS, error);
    if (status != RF_OK) {
        rf_free(programs);
        return status;
    }
    pthread_mutex_init(&programs->lock, NULL); /* cannot fail with default attributes on Linux */
    *out = programs;
    return RF_OK;
}

rf_status rf_gpu_programs_close(rf_gpu_programs *programs, rf_error *error)
{
    if (!programs)
        return RF_OK;
    rf_status first = RF_OK;
    for (uint32_t i = 0; i < programs->n_units; i++) {
        rf_device *device = programs->device;
        rf_status status = device->ops->module_unload(device, programs->units[i].module,
                                                      first == RF_OK ? error : NULL);
        first = first == RF_OK ? status : first;
        rf_free(programs->units[i].name);
    }
    for (uint32_t i = 0; i < programs->n_kernels; i++)
        rf_free(programs->kernels[i].name);
    rf_map_free(&programs->kernel_of_name);
    pthread_mutex_destroy(&programs->lock);
    rf_free(programs);
    return first;
}

/* ---- finding kernels: the lock is held ------------------------------------------------------- */

/* Loads the code that suits the device best, of that which its driver takes. */
static rf_status load_code(const rf_gpu_programs *programs, const char *name, rf_module **out,
                           rf_error *error)
{
    rf_device *device = programs->device;
    rf_error first = {0};
    for (uint32_t choice = 0;; choice++) {
        rf_gpu_image image = {0};
        rf_error tried;
        rf_status status = rf_gpu_image_open(programs->architecture, name, choice, &image, &tried);
        if (status == RF_OK) {
            status = device->ops->module_load(device, image.code, image.bytes, out, &tried);
            rf_gpu_image_close(&image);
            if (status == RF_OK)
                return RF_OK;
        } else if (status == RF_ERROR_NOT_FOUND && choice > 0) {
            break;
        }
        if (choice == 0)
            first = tried;
        if (status != RF_ERROR_DEVICE && status != RF_ERROR_UNSUPPORTED)
            break;
        rf_log(RF_LOG_INFO, "unit %s: %s", name, tried.message);
    }
    if (error)
        *error = first;
    return rf_error_context(error, first.status, "unit %s", name);
}

static rf_status load_unit(rf_gpu_programs *programs, const char *name, rf_module **out,
                           rf_error *error)
{
    rf_device *device = programs->device;
    unit *new_unit = &programs->units[programs->n_units];
    if (programs->n_units == MAX_UNITS)
        return rf_error_set(error, RF_ERROR_FULL, "unit %s: %u are loaded already", name,
                            MAX_UNITS);
    RF_TRY(load_code(programs, name, &new_unit->module, error));
    new_unit->name = rf_strdup(name);
    if (!new_unit->name) {
        /* The failure to tell is the one that came first. */
        (void)device->ops->module_unload(device, new_unit->module, NULL);
        return rf_error_host_memory(error, "the name of a unit", strlen(name) + 1);
    }
    programs->n_units++;
    *out = new_unit->module;
    return RF_OK;
}

static rf_status find_unit(rf_gpu_programs *programs, const char *name, rf_module **out,
                           rf_error *error)
{
    for (uint32_t i = 0; i < programs->n_units; i++) {
        if (strcmp(programs->units[i].name, name) == 0) {
            *out = programs->units[i].module;
            return RF_OK;
        }
    }
    return load_unit(programs, name, out, error);
}

static rf_status find_new_kernel(rf_gpu_programs *programs, const rf_gpu_launch *launch,
                                 rf_function **out, rf_error *error)
{
    rf_device *device = programs->device;
    kernel *new_kernel = &programs->kernels[programs->n_kernels];
    rf_module *module = NULL;
    bool added = false;
    if (programs->n_kernels == MAX_KERNELS)
        return rf_error_set(error, RF_ERROR_FULL, "kernel %s: %u are loaded already",
                            launch->kernel, MAX_KERNELS);
    RF_TRY(find_unit(programs, launch->unit, &module, error));
    RF_TRY(
        device->ops->module_function(device, module, launch->kernel, &new_kernel->function, error));
    char *name = rf_strdup(launch->kernel);
    if (!name)
        return rf_error_host_memory(error, "the name of a kernel", strlen(launch->kernel) + 1);
    rf_status status = rf_map_insert(&programs->kernel_of_name, (rf_string){name, strlen(name)},
                                     programs->n_kernels, &added, error);
    if (status != RF_OK) {
        rf_free(name);
        return status;
    }
    new_kernel->name = name;
    programs->n_kernels++;
    *out = new_kernel->function;
    return RF_OK;
}

static rf_status find_kernel(rf_gpu_programs *programs, const rf_gpu_launch *launch,
                             rf_function **out, rf_error *error)
{
    uint32_t index;
    rf_string name = {launch->kernel, strlen(launch->kernel)};
    if (!rf_map_get(&programs->kernel_of_name, name, &index))
        return find_new_kernel(programs, launch, out, error);
    *out = programs->kernels[index].function;
    return RF_OK;
}

/* ---- launching ------------------------------------------------------------------------------- */

static uint32_t at_least_one(uint32_t n)
{
    return n ? n : 1;
}

rf_status rf_gpu_run(const rf_compute *compute, const rf_gpu_launch *launch, const void *args,
                     rf_error *error)
{
    rf_gpu_programs *programs = compute->programs;
    rf_function *function = NULL;
    pthread_mutex_lock(&programs->lock);
    rf_status status = find_kernel(programs, launch, &function, error);
    pthread_mutex_unlock(&programs->lock);
    RF_TRY(status);
    void *arguments[] = {(void *)(uintptr_t)args}; /* drivers read it, and declare it writable */
    rf_launch call = {.blocks = {at_least_one(launch->blocks[0]), at_least_one(launch->blocks[1]),
                                 at_least_one(launch->blocks[2])},
                      .threads = {launch->threads, 1, 1},
                      .shared_bytes = launch->shared_bytes,
                      .arguments = arguments,
                      .n_arguments = 1,
                      .cluster = launch->cluster,
                      .overlap = launch->overlap};
    rf_device *device = compute->device;
    status = device->ops->launch(device, compute->stream, function, &call, error);
    if (status != RF_OK)
        return rf_error_context(error, status, "kernel %s", launch->kernel);
    return RF_OK;
}

/* ---- the workspace --------------------------------------------------------------------------- */

#define ROOM_ALIGNMENT 256

rf_gpu_room rf_gpu_room_begin(const rf_compute *compute)
{
    const uint64_t counters = RF_GPU_COUNTERS * sizeof(uint32_t);
    const uint64_t bytes = compute->workspace_bytes;
    return (rf_gpu_room){compute->workspace + (counters < bytes ? counters : bytes),
                         compute->workspace + bytes};
}

rf_status rf_gpu_room_take(rf_gpu_room *room, uint64_t bytes, rf_address *out, rf_error *error)
{
    uint64_t size;
    if (!rf_align_up(bytes, ROOM_ALIGNMENT, &size) || size > room->end - room->next)
        return rf_error_set(
            error, RF_ERROR_INTERNAL, "the workspace has %llu bytes left, needs %llu",
            (unsigned long long)(room->end - room->next), (unsigned long long)bytes);
    *out = room->next;
    room->next += size;
    return RF_OK;
}
