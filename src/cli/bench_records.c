/*
 * bench_records.c: results of rocmforge bench for programs. A test is one flat object: a member of
 * the JSON document's list, or with what all tests share in front of it a line of CSV.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "cli/bench_infer.h"
#include "cli/output.h"

static json_t *json_text(const char *text)
{
    return text ? rf_cli_json_text((rf_string){text, strlen(text)}) : json_null();
}

/* ---- values --------------------------------------------------------------------------------- */

static void set(rf_bench_records *records, json_t *object, const char *key, json_t *value)
{
    records->complete &= rf_cli_json_set(object, key, value);
}

static void set_memory(rf_bench_records *r, const rf_memory_measurement *memory)
{
    json_t *d = r->document;
    set(r, d, "memory_measured_by", json_text(memory->copied ? "copying" : "reading"));
    set(r, d, "memory_bytes_per_second", rf_cli_json_real(rf_bench_memory_rate(memory)));
    set(r, d, "memory_slowest_bytes_per_second",
        rf_cli_json_real((double)memory->bytes * 1e9 / (double)memory->slowest_nanoseconds));
    set(r, d, "memory_threads", rf_cli_json_count(memory->n_threads));
}

static void set_setting(rf_bench_records *r, const rf_bench_setting *setting)
{
    const rf_cli_session *session = setting->session;
    const rf_cli_settings *settings = setting->settings;
    rf_model_info info = rf_model_describe(session->model);
    json_t *d = r->document;
    set(r, d, "version", json_text(rf_version()));
    set(r, d, "model", json_text(session->path));
    set(r, d, "name", rf_cli_json_text(info.name));
    set(r, d, "architecture", rf_cli_json_text(info.architecture));
    set(r, d, "parameters", rf_cli_json_count(info.n_parameters));
    set(r, d, "weight_bytes", rf_cli_json_count(info.weight_bytes));
    set(r, d, "layers", rf_cli_json_count(info.n_layers));
    set(r, d, "device_layers", rf_cli_json_count(info.n_device_layers));
    set(r, d, "device", json_text(session->device.id));
    set(r, d, "device_name", json_text(session->device.name));
    set(r, d, "device_architecture", json_text(session->device.architecture));
    set(r, d, "driver", json_text(session->device.driver));
    set(r, d, "kernels", json_text(rf_runtime_kernels(session->runtime)));
    set(r, d, "threads", rf_cli_json_count(settings->threads)); /* 0: one a core */
    set(r, d, "kv_type", json_text(settings->kv_type));
    set(r, d, "page_tokens", rf_cli_json_count(settings->page_tokens));
    set_memory(r, &setting->memory);
}

static json_t *samples_of(rf_bench_records *r, const rf_bench_result *result)
{
    json_t *samples = json_array();
    for (size_t i = 0; i < result->count; i++)
        r->complete &= rf_cli_json_add(samples, rf_cli_json_count(result->ns[i]));
    return samples;
}

static json_t *json_test(rf_bench_records *r, const rf_bench_setting *setting,
                         const rf_bench_result *result)
{
    const rf_bench_test *test = &result->test;
    rf_bench_figures rates = rf_bench_rates_of(result);
    double ceiling = rf_bench_ceiling(setting, result);
    char name[RF_BENCH_NAME_BYTES];
    json_t *o = json_object();
    set(r, o, "test", json_text(rf_bench_test_name(test, name)));
    set(r, o, "kind", json_text(test->decode ? "decode" : "prefill"));
    set(r, o, "tokens", rf_cli_json_count(test->n_tokens));
    set(r, o, "depth", rf_cli_json_count(test->depth));
    set(r, o, "sequences", rf_cli_json_count(test->n_sequences));
    set(r, o, "batch", rf_cli_json_count(test->n_batch));
    set(r, o, "repetitions", rf_cli_json_count(result->count));
    set(r, o, "tokens_per_second", rf_cli_json_real(rates.median));
    set(r, o, "tokens_per_second_lowest", rf_cli_json_real(rates.least));
    set(r, o, "tokens_per_second_highest", rf_cli_json_real(rates.most));
    set(r, o, "passes", rf_cli_json_count(rf_bench_test_passes(test)));
    set(r, o, "weight_bytes_read", rf_cli_json_real(result->work.weight_bytes));
    set(r, o, "kv_bytes_read", rf_cli_json_real(result->work.kv_bytes));
    set(r, o, "flop", rf_cli_json_real(result->work.flops));
    set(r, o, "flop_per_second", rf_cli_json_real(result->work.flops / rf_bench_seconds(result)));
    set(r, o, "ceiling_tokens_per_second", ceiling > 0 ? rf_cli_json_real(ceiling) : json_null());
    set(r, o, "share_of_ceiling",
        ceiling > 0 ? rf_cli_json_real(rates.median / ceiling) : json_null());
    set(r, o, "nanoseconds", samples_of(r, result));
    return o;
}

/* ---- CSV (RFC 4180) ------------------------------------------------------------------------- */

static void print_quoted(const char *text)
{
    putchar('"');
    for (; *text; text++)
        printf(*text == '"' ? "\"%c" : "%c", *text);
    putchar('"');
}

static void print_value(const json_t *value)
{
    if (json_is_string(value))
        print_quoted(json_string_value(value));
    else if (json_is_integer(value))
        printf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_real(value))
        printf("%.9g", json_real_value(value));
}

/* The values of an object, or their names; lists are left out. */
static void print_members(json_t *object, bool names, bool first)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        if (json_is_array(value))
            continue;
        if (!first)
            putchar(',');
        first = false;
        if (names)
            fputs(key, stdout);
        else
            print_value(value);
    }
}

static void print_line(const rf_bench_records *records, json_t *test, bool names)
{
    print_members(records->document, names, true);
    print_members(test, names, false);
    fputs("\r\n", stdout);
    fflush(stdout); /* each as soon as it is known */
}

/* ---- records -------------------------------------------------------------------------------- */

void rf_bench_records_begin(const rf_bench_setting *setting, rf_bench_records *out)
{
    *out = (rf_bench_records){.csv = setting->settings->csv, .complete = true};
    out->document = json_object();
    set_setting(out, setting);
    if (out->csv)
        return;
    out->tests = json_array();
    set(out, out->document, "tests", out->tests);
}

void rf_bench_records_add(rf_bench_records *records, const rf_bench_setting *setting,
                          const rf_bench_result *result)
{
    json_t *test = json_test(records, setting, result);
    if (!records->csv) {
        records->complete &= rf_cli_json_add(records->tests, test);
        return;
    }
    if (!records->titled)
        print_line(records, test, true);
    records->titled = true;
    print_line(records, test, false);
    json_decref(test);
}

rf_status rf_bench_records_end(rf_bench_records *records, rf_status status, rf_error *error)
{
    json_t *document = records->document;
    records->document = NULL;
    if (status == RF_OK && !records->csv)
        return rf_cli_json_print(document, records->complete, error);
    json_decref(document);
    if (status == RF_OK && !records->complete)
        return rf_error_host_memory(error, "the results", 0);
    return status;
}
