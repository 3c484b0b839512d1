/* bench_print.c: results of rocmforge bench, for people and as JSON. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cli/bench.h"
#include "cli/output.h"

#define MS 1e-6 /* of a nanosecond */

static double rate_of(const rf_transfer_measurement *m)
{
    return rf_bench_rate(m->bytes, m->nanoseconds);
}

/* ---- figures of many loads ------------------------------------------------------------------ */

static double plan_ms(const rf_bench_run *run)
{
    return (double)run->load.plan_nanoseconds * MS;
}

static double allocate_ms(const rf_bench_run *run)
{
    return (double)run->load.allocate_nanoseconds * MS;
}

static double transfer_ms(const rf_bench_run *run)
{
    return (double)run->load.transfer_nanoseconds * MS;
}

static double verify_ms(const rf_bench_run *run)
{
    return (double)run->load.verify_nanoseconds * MS;
}

static double total_ms(const rf_bench_run *run)
{
    return (double)run->load.total_nanoseconds * MS;
}

static double rest_ms(const rf_bench_run *run)
{
    return total_ms(run) - plan_ms(run) - allocate_ms(run) - transfer_ms(run) - verify_ms(run);
}

static double free_ms(const rf_bench_run *run)
{
    return (double)run->free_ns * MS;
}

static double read_threads_ms(const rf_bench_run *run)
{
    return (double)run->load.read_thread_nanoseconds * MS;
}

static double wait_threads_ms(const rf_bench_run *run)
{
    return (double)run->load.wait_thread_nanoseconds * MS;
}

static double rate(const rf_bench_run *run)
{
    return rf_bench_rate(run->load.bytes, run->load.transfer_nanoseconds);
}

static double host_bytes(const rf_bench_run *run)
{
    return (double)run->host_bytes;
}

static double pinned_bytes(const rf_bench_run *run)
{
    return (double)run->load.staging_bytes;
}

static double driver_allocations(const rf_bench_run *run)
{
    return run->load.driver_allocations;
}

static double cached(const rf_bench_run *run)
{
    return run->cached;
}

static const struct {
    const char *text; /* NULL: in the JSON document alone */
    const char *key;
    rf_bench_figure of;
} phases[] = {
    {"open and plan", "plan_ms", plan_ms},         {"allocate pools", "allocate_ms", allocate_ms},
    {"read and copy", "transfer_ms", transfer_ms}, {"verify", "verify_ms", verify_ms},
    {"buffers, tokenizer, …", "rest_ms", rest_ms}, {"total", "total_ms", total_ms},
    {"free the model", "free_ms", free_ms},        {NULL, "read_threads_ms", read_threads_ms},
    {NULL, "wait_threads_ms", wait_threads_ms},
};

/* What is printed of them everywhere. */
static void print_figures(const char *name, rf_bench_figures f, const char *unit)
{
    printf("  %-22s %9.2f %s (%.2f to %.2f)", name, f.median, unit, f.least, f.most);
}

/* ---- text ----------------------------------------------------------------------------------- */

static const char *const cache_names[] = {
    [RF_BENCH_COLD] = "cold", [RF_BENCH_WARM] = "warm", [RF_BENCH_AS_FOUND] = "as found"};

static const char *mode_name(rf_read_mode mode)
{
    switch (mode) {
    case RF_READ_BUFFERED:
        return "buffered";
    case RF_READ_DIRECT:
        return "direct";
    case RF_READ_MAPPED:
        return "in place";
    case RF_READ_AUTO:
        break;
    }
    return "auto";
}

static void print_share(double share)
{
    if (share < 0)
        printf("nothing known of it in the page cache");
    else
        printf("%.0f %% of it in the page cache", share * 100);
}

static void print_subject(const rf_bench_subject *subject, const rf_bench_run *first)
{
    char text[RF_CLI_NUMBER_BYTES];
    double driver = (double)subject->driver_ns * MS;
    printf("device     %s, %s, opened in %.1f ms\n", subject->device.id, subject->device.name,
           driver);
    printf("model      ");
    rf_cli_print_name(subject->path, 0);
    printf(", %s in %zu file%s, ", rf_cli_bytes(subject->total_bytes, text), subject->n_paths,
           subject->n_paths == 1 ? "" : "s");
    print_share(first->cached);
    printf("\nfirst      %.1f ms from the start to the weights on the device: %.1f opening the "
           "device, %.1f loading",
           driver + total_ms(first), driver, total_ms(first));
    if (first->load.read_mode != RF_READ_MAPPED)
        printf(" (%.2f GB/s, %s)", rate(first), mode_name(first->load.read_mode));
    printf("\n");
}

#define KIND_NAME_BYTES 32

static const char *kind_name(const rf_bench_reading *reading, char name[KIND_NAME_BYTES])
{
    const rf_transfer_measurement *first = &reading->runs[0];
    snprintf(name, KIND_NAME_BYTES, "%s, %u thread%s", mode_name(first->read_mode),
             first->n_readers, first->n_readers == 1 ? "" : "s");
    return name;
}

static void print_ceilings(const rf_bench_ceilings *ceilings)
{
    printf("\n%s: reading alone, %d times each kind before the loads\n",
           cache_names[ceilings->cache], RF_BENCH_KIND_READS);
    for (size_t i = 0; i < RF_BENCH_KINDS; i++) {
        const rf_bench_reading *reading = &ceilings->kinds[i];
        char name[KIND_NAME_BYTES];
        if (reading->count == 0)
            continue;
        print_figures(kind_name(reading, name), rf_bench_reading_figures(reading), "GB/s");
        printf("\n");
    }
    if (ceilings->cache == RF_BENCH_COLD && ceilings->cached > RF_BENCH_COLD_SHARE)
        printf("  not all cold: up to %.0f %% of the file was in the page cache\n",
               ceilings->cached * 100);
}

static void print_way(const rf_bench_loads *loads)
{
    const rf_load_stats *load = &loads->runs[0].load;
    char text[RF_CLI_NUMBER_BYTES];
    printf("\n%s: %zu load%s, %s", cache_names[loads->cache], loads->count,
           loads->count == 1 ? "" : "s", mode_name(load->read_mode));
    if (load->n_readers)
        printf(", %u readers", load->n_readers);
    if (load->staging_buffers)
        printf(", %u buffers of %s", load->staging_buffers,
               rf_cli_bytes(load->staging_bytes / load->staging_buffers, text));
    printf("\n");
}

static void print_rate(const rf_bench_loads *loads)
{
    rf_bench_figures f = rf_bench_loads_figures(loads, rate);
    print_figures("rate of read and copy", f, "GB/s");
    if (loads->beside) {
        rf_bench_figures alone = rf_bench_reading_figures(loads->beside);
        char name[KIND_NAME_BYTES];
        printf(", %.1f %% of reading alone (%s, beside the loads: %.2f (%.2f to %.2f) GB/s)",
               100 * f.median / alone.median, kind_name(loads->beside, name), alone.median,
               alone.least, alone.most);
    }
    if (loads->copy)
        printf(", %.1f %% of copying", 100 * f.median / rate_of(loads->copy));
    printf("\n");
}

static void print_memory(const rf_bench_loads *loads)
{
    char text[2][RF_CLI_NUMBER_BYTES];
    printf("  %-22s %9.0f\n", "driver allocations",
           rf_bench_loads_figures(loads, driver_allocations).most);
    printf("  %-22s %9s at most above idle", "host memory",
           rf_cli_bytes((uint64_t)rf_bench_loads_figures(loads, host_bytes).most, text[0]));
    if (loads->copy)
        printf(", and %s pinned",
               rf_cli_bytes((uint64_t)rf_bench_loads_figures(loads, pinned_bytes).most, text[1]));
    else if (loads->runs[0].load.read_mode != RF_READ_MAPPED)
        printf(", pools included");
    printf("\n");
}

static void print_loads(const rf_bench_loads *loads)
{
    print_way(loads);
    for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++) {
        rf_bench_figures f = rf_bench_loads_figures(loads, phases[i].of);
        if (!phases[i].text || (phases[i].of == verify_ms && f.most == 0))
            continue;
        print_figures(phases[i].text, f, "ms");
        printf("\n");
    }
    if (loads->runs[0].load.read_mode != RF_READ_MAPPED)
        print_rate(loads);
    print_memory(loads);
    rf_bench_figures share = rf_bench_loads_figures(loads, cached);
    if (loads->cache == RF_BENCH_COLD && share.most > RF_BENCH_COLD_SHARE)
        printf("  not all cold: up to %.0f %% of the file was in the page cache\n",
               share.most * 100);
    if (loads->cache == RF_BENCH_WARM && share.least >= 0 && share.least < 1)
        printf("  not all warm: only %.0f %% of the file was in the page cache\n",
               share.least * 100);
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static json_t *json_text(const char *text)
{
    return rf_cli_json_text((rf_string){text, strlen(text)});
}

/* What a measurement of one copy, or the first of many reads, was made with. */
static json_t *json_measurement(rf_bench_report *report, const rf_transfer_measurement *m)
{
    json_t *object = json_object();
    bool good = rf_cli_json_set(object, "bytes", rf_cli_json_count(m->bytes));
    good &= rf_cli_json_set(object, "readers", rf_cli_json_count(m->n_readers));
    good &= rf_cli_json_set(object, "staging_buffers", rf_cli_json_count(m->staging_buffers));
    good &= rf_cli_json_set(object, "staging_bytes", rf_cli_json_count(m->staging_bytes));
    if (m->read_mode != RF_READ_AUTO)
        good &= rf_cli_json_set(object, "mode", json_text(mode_name(m->read_mode)));
    report->complete &= good;
    return object;
}

/* A kind of reading: its rates in a list, a number for each read, and their median. */
static json_t *json_reading(rf_bench_report *report, const rf_bench_reading *reading)
{
    json_t *object = json_measurement(report, &reading->runs[0]);
    json_t *list = json_array();
    bool good = true;
    for (size_t i = 0; i < reading->count; i++)
        good &= rf_cli_json_add(list, rf_cli_json_real(rate_of(&reading->runs[i])));
    good &= rf_cli_json_set(object, "gb_per_s", list);
    good &= rf_cli_json_set(object, "median_gb_per_s",
                            rf_cli_json_real(rf_bench_reading_figures(reading).median));
    report->complete &= good;
    return object;
}

static void set_copy(rf_bench_report *report, const rf_transfer_measurement *copy)
{
    json_t *object = json_measurement(report, copy);
    bool good = rf_cli_json_set(object, "nanoseconds", rf_cli_json_count(copy->nanoseconds));
    good &= rf_cli_json_set(object, "gb_per_s", rf_cli_json_real(rate_of(copy)));
    report->complete &= rf_cli_json_set(report->document, "copying", object) && good;
}

static void set_subject(rf_bench_report *report, const rf_bench_subject *subject,
                        const rf_bench_run *first)
{
    json_t *d = report->document;
    bool good = rf_cli_json_set(d, "device", json_text(subject->device.id));
    good &= rf_cli_json_set(d, "device_name", json_text(subject->device.name));
    good &= rf_cli_json_set(d, "model", json_text(subject->path));
    good &= rf_cli_json_set(d, "file_bytes", rf_cli_json_count(subject->total_bytes));
    good &= rf_cli_json_set(d, "driver_ms", rf_cli_json_real((double)subject->driver_ns * MS));
    good &= rf_cli_json_set(d, "first_cached", rf_cli_json_real(first->cached));
    good &= rf_cli_json_set(d, "first_load_ms", rf_cli_json_real(total_ms(first)));
    good &= rf_cli_json_set(d, "start_to_weights_ms",
                            rf_cli_json_real((double)subject->driver_ns * MS + total_ms(first)));
    report->complete &= good;
}

static void set_ceilings(rf_bench_report *report, const rf_bench_ceilings *ceilings)
{
    const char *name = cache_names[ceilings->cache];
    char key[48];
    json_t *list = json_array();
    for (size_t i = 0; i < RF_BENCH_KINDS; i++) {
        if (ceilings->kinds[i].count)
            report->complete &= rf_cli_json_add(list, json_reading(report, &ceilings->kinds[i]));
    }
    snprintf(key, sizeof(key), "reading_%s", name);
    report->complete &= rf_cli_json_set(report->document, key, list);
    snprintf(key, sizeof(key), "reading_%s_beside_loads", name);
    report->complete &=
        rf_cli_json_set(report->document, key, json_reading(report, &ceilings->beside));
    if (ceilings->cache == RF_BENCH_COLD)
        report->complete &= rf_cli_json_set(report->document, "reading_cold_cached",
                                            rf_cli_json_real(ceilings->cached));
}

/* A list of one figure, a number for each load. */
static json_t *json_figures(rf_bench_report *report, const rf_bench_loads *loads,
                            rf_bench_figure of)
{
    json_t *list = json_array();
    for (size_t i = 0; i < loads->count; i++)
        report->complete &= rf_cli_json_add(list, rf_cli_json_real(of(&loads->runs[i])));
    return list;
}

static void add_loads(rf_bench_report *report, const rf_bench_loads *loads)
{
    const rf_load_stats *load = &loads->runs[0].load;
    double reached = rf_bench_loads_figures(loads, rate).median;
    json_t *o = json_object();
    bool good = rf_cli_json_set(o, "cache", json_text(cache_names[loads->cache]));
    good &= rf_cli_json_set(o, "mode", json_text(mode_name(load->read_mode)));
    good &= rf_cli_json_set(o, "readers", rf_cli_json_count(load->n_readers));
    good &= rf_cli_json_set(o, "staging_buffers", rf_cli_json_count(load->staging_buffers));
    good &= rf_cli_json_set(o, "staging_bytes", rf_cli_json_count(load->staging_bytes));
    good &= rf_cli_json_set(o, "bytes", rf_cli_json_count(load->bytes));
    good &= rf_cli_json_set(o, "driver_allocations", rf_cli_json_count(load->driver_allocations));
    good &= rf_cli_json_set(o, "cached", json_figures(report, loads, cached));
    good &= rf_cli_json_set(o, "host_bytes", json_figures(report, loads, host_bytes));
    good &= rf_cli_json_set(o, "gb_per_s", json_figures(report, loads, rate));
    good &= rf_cli_json_set(o, "median_gb_per_s", rf_cli_json_real(reached));
    for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++)
        good &= rf_cli_json_set(o, phases[i].key, json_figures(report, loads, phases[i].of));
    if (loads->beside)
        good &= rf_cli_json_set(
            o, "share_of_reading",
            rf_cli_json_real(reached / rf_bench_reading_figures(loads->beside).median));
    if (loads->copy)
        good &= rf_cli_json_set(o, "share_of_copying",
                                rf_cli_json_real(reached / rate_of(loads->copy)));
    report->complete &= rf_cli_json_add(report->loads, o) && good;
}

/* ---- both ----------------------------------------------------------------------------------- */

void rf_bench_show_subject(rf_bench_report *report, const rf_bench_subject *subject,
                           const rf_bench_run *first)
{
    if (report->document)
        set_subject(report, subject, first);
    else
        print_subject(subject, first);
}

void rf_bench_show_copy(rf_bench_report *report, const rf_transfer_measurement *copy)
{
    char text[RF_CLI_NUMBER_BYTES];
    if (report->document)
        set_copy(report, copy);
    else
        printf("copying    %.2f GB/s from pinned memory, %u buffers of %s\n", rate_of(copy),
               copy->staging_buffers,
               rf_cli_bytes(copy->staging_bytes / copy->staging_buffers, text));
}

void rf_bench_show_ceilings(rf_bench_report *report, const rf_bench_ceilings *ceilings)
{
    if (report->document)
        set_ceilings(report, ceilings);
    else
        print_ceilings(ceilings);
}

void rf_bench_show_loads(rf_bench_report *report, const rf_bench_loads *loads)
{
    if (report->document)
        add_loads(report, loads);
    else
        print_loads(loads);
    fflush(stdout); /* main looks for errors at the end */
}

void rf_bench_show_not_cold(rf_bench_report *report, double share)
{
    if (report->document) {
        report->complete &= rf_cli_json_set(report->document, "not_cold",
                                            share < 0 ? json_null() : rf_cli_json_real(share));
        return;
    }
    if (share < 0)
        printf("\nnot cold: the file system does not tell what is in the page cache");
    else
        printf("\nnot cold: %.0f %% of the file stay in the page cache", share * 100);
    printf("; cold loads are not measured\n");
}
