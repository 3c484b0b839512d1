/*
 * cpu.c: the CPU as a device: its facts and its table of operations. Its kernels are functions of
 * the library, so it has no modules, launches and graphs.
 */
#include "device/cpu/cpu.h"

#include <cpuid.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/memory.h"
#include "device/backend.h"

/* ---- facts ---------------------------------------------------------------------------------- */

static void backend_id(uint32_t index, char out[RF_DEVICE_ID_BYTES])
{
    (void)index;
    memcpy(out, "cpu", sizeof("cpu"));
}

/* The processor's brand string: leaves 0x80000002 to 4 of cpuid, 16 characters each (Intel SDM
 * volume 2, CPUID; AMD APM volume 3, appendix E). Padded with spaces on either side. */
static void product_name(char out[RF_NAME_BYTES])
{
    unsigned registers[12];
    char name[sizeof(registers) + 1] = {0};
    for (unsigned i = 0; i < 3; i++) {
        unsigned *r = registers + 4 * (size_t)i;
        if (!__get_cpuid(0x80000002U + i, &r[0], &r[1], &r[2], &r[3])) {
            snprintf(out, RF_NAME_BYTES, "x86-64 CPU");
            return;
        }
    }
    memcpy(name, registers, sizeof(registers));
    const char *begin = name + strspn(name, " ");
    size_t length = strlen(begin);
    while (length && begin[length - 1] == ' ')
        length--;
    snprintf(out, RF_NAME_BYTES, "%.*s", (int)length, length ? begin : "");
}

/* The instruction sets that kernels here can use; the system's part in them (saved registers)
 * included. */
static void architecture(char out[64])
{
    bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    snprintf(out, 64, "x86-64%s%s%s%s%s", __builtin_cpu_supports("avx2") ? " avx2" : "",
             __builtin_cpu_supports("fma") ? " fma" : "", avx512 ? " avx512" : "",
             __builtin_cpu_supports("avx512vnni") ? " avx512vnni" : "",
             __builtin_cpu_supports("avx512bf16") ? " avx512bf16" : "");
}

/* What stands in a driver's place: the kernel gives the memory. */
static void kernel(char out[RF_NAME_BYTES])
{
    struct utsname name;
    if (uname(&name) == 0)
        snprintf(out, RF_NAME_BYTES, "%.20s %.100s", name.sysname, name.release);
}

/* Cores that this process may run on. */
static uint32_t core_count(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) == 0)
        return (uint32_t)CPU_COUNT(&set);
    long count = sysconf(_SC_NPROCESSORS_ONLN); /* more cores than a cpu_set_t has bits for */
    return count > 0 ? (uint32_t)count : 1;
}

static rf_status cpu_facts(rf_device *device, rf_device_facts *out, rf_error *error)
{
    rf_device_memory memory;
    RF_TRY(rf_cpu_memory(device, &memory, error));
    rf_device_facts facts = {
        .info = {.compute_units = core_count(), .warp_size = 1},
        .unified = true,
        .allocation_alignment = (uint64_t)sysconf(_SC_PAGESIZE),
        .allocation_granularity = (uint64_t)sysconf(_SC_PAGESIZE),
    };
    backend_id(0, facts.info.id);
    product_name(facts.info.name);
    architecture(facts.info.architecture);
    kernel(facts.info.driver);
    rf_backend_note_memory(&facts.info, &memory);
    *out = facts;
    return RF_OK;
}

/* ---- what a CPU has not --------------------------------------------------------------------- */

static rf_status unsupported(const char *what, rf_error *error)
{
    return rf_error_set(error, RF_ERROR_UNSUPPORTED,
                        "device cpu has no %s: its kernels are functions of the library", what);
}

static rf_status module_load(rf_device *device, const void *code, uint64_t bytes, rf_module **out,
                             rf_error *error)
{
    (void)device, (void)code, (void)bytes, (void)out;
    return unsupported("modules", error);
}

static rf_status module_unload(rf_device *device, rf_module *module, rf_error *error)
{
    (void)device, (void)module;
    return unsupported("modules", error);
}

static rf_status module_function(rf_device *device, rf_module *module, const char *name,
                                 rf_function **out, rf_error *error)
{
    (void)device, (void)module, (void)name, (void)out;
    return unsupported("modules", error);
}

static rf_status launch_kernel(rf_device *device, rf_stream *stream, rf_function *function,
                               const rf_launch *launch, rf_error *error)
{
    (void)device, (void)stream, (void)function, (void)launch;
    return unsupported("kernel launches", error);
}

static rf_status graph_begin(rf_device *device, rf_stream *stream, rf_error *error)
{
    (void)device, (void)stream;
    return unsupported("graphs", error);
}

static rf_status graph_end(rf_device *device, rf_stream *stream, rf_graph **out, rf_error *error)
{
    (void)device, (void)stream, (void)out;
    return unsupported("graphs", error);
}

static rf_status graph_replay(rf_device *device, rf_stream *stream, rf_graph *graph,
                              rf_error *error)
{
    (void)device, (void)stream, (void)graph;
    return unsupported("graphs", error);
}

static rf_status graph_destroy(rf_device *device, rf_graph *graph, rf_error *error)
{
    (void)device, (void)graph;
    return unsupported("graphs", error);
}

static rf_status describe_rows(rf_device *device, const rf_row_boxes *boxes, rf_row_boxes_code *out,
                               rf_error *error)
{
    (void)device, (void)boxes, (void)out;
    return unsupported("copies of boxes", error);
}

/* ---- the table ------------------------------------------------------------------------------ */

static rf_status cpu_close(rf_device *device, rf_error *error)
{
    rf_cpu_device *cpu = (rf_cpu_device *)device;
    rf_leaks leaks = {0};
    rf_cpu_free_all(cpu, &leaks);
    rf_status status = rf_leaks_report(&leaks, device, error);
    pthread_mutex_destroy(&cpu->lock);
    rf_free(cpu);
    return status;
}

static const rf_device_ops cpu_ops = {
    .backend = "cpu",
    .facts = cpu_facts,
    .memory = rf_cpu_memory,
    .close = cpu_close,
    .alloc = rf_cpu_alloc,
    .free = rf_cpu_free,
    .pinned_alloc = rf_cpu_pinned_alloc,
    .pinned_free = rf_cpu_pinned_free,
    .copy = rf_cpu_copy,
    .fill = rf_cpu_fill,
    .stream_create = rf_cpu_stream_create,
    .stream_destroy = rf_cpu_stream_destroy,
    .stream_sync = rf_cpu_stream_sync,
    .sync = rf_cpu_sync,
    .event_create = rf_cpu_event_create,
    .event_destroy = rf_cpu_event_destroy,
    .event_record = rf_cpu_event_record,
    .event_sync = rf_cpu_event_sync,
    .event_done = rf_cpu_event_done,
    .event_elapsed = rf_cpu_event_elapsed,
    .stream_wait = rf_cpu_stream_wait,
    .module_load = module_load,
    .module_unload = module_unload,
    .module_function = module_function,
    .launch = launch_kernel,
    .graph_begin = graph_begin,
    .graph_end = graph_end,
    .graph_replay = graph_replay,
    .graph_destroy = graph_destroy,
    .describe_rows = describe_rows,
};

static rf_status backend_count(uint32_t *out, rf_error *error)
{
    (void)error;
    *out = 1;
    return RF_OK;
}

static rf_status backend_look(uint32_t index, rf_device_facts *out, rf_error *error)
{
    (void)index;
    return cpu_facts(NULL, out, error);
}

static rf_status backend_open(uint32_t index, rf_device **out, rf_error *error)
{
    (void)index;
    rf_cpu_device *cpu = rf_calloc(1, sizeof(*cpu));
    if (!cpu)
        return rf_error_host_memory(error, "a device", sizeof(*cpu));
    cpu->base.ops = &cpu_ops;
    pthread_mutex_init(&cpu->lock, NULL); /* cannot fail with default attributes on Linux */
    *out = &cpu->base;
    return RF_OK;
}

const rf_backend rf_backend_cpu = {
    .name = "cpu",
    .count = backend_count,
    .id = backend_id,
    .look = backend_look,
    .open = backend_open,
};
