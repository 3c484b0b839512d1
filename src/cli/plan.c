/* plan.c: rocmforge plan. */
#include <inttypes.h>
#include <stdio.h>

#include "base/error.h"
#include "cli/model_path.h"
#include "cli/output.h"
#include "cli/session.h"

static void print_summary(const rf_plan_summary *s)
{
    const rf_type_info *kv = rf_type_describe((uint32_t)s->kv_type);
    char text[2][RF_CLI_NUMBER_BYTES];
    printf("context %u, sequences %u, batch %u, kv cache %s\n\n", s->n_context, s->n_sequences,
           s->n_batch, kv ? kv->name : "?");
    printf("%-12s %16s %12s %16s\n", "class", "bytes in pools", "", "used in place");
    for (int i = 0; i < RF_MEMORY_CLASS_COUNT; i++)
        printf("%-12s %16" PRIu64 " %12s %16" PRIu64 "\n", rf_memory_class_name((rf_memory_class)i),
               s->pooled[i], rf_cli_bytes(s->pooled[i], text[0]), s->external[i]);
    printf("%-12s %16" PRIu64 " %12s\n", "padding", s->padding, rf_cli_bytes(s->padding, text[0]));
    printf("%-12s %16" PRIu64 " %12s\n", "total", s->total, rf_cli_bytes(s->total, text[0]));
    printf("%-12s %16" PRIu64 " %12s\n", "available", s->available,
           rf_cli_bytes(s->available, text[1]));
    printf("%-12s %16s\n", "fits", s->fits ? "yes" : "no");
}

static void print_pools(const rf_plan *plan)
{
    printf("\n%-6s %-12s %16s %12s %8s\n", "pool", "class", "bytes", "padding", "items");
    for (size_t i = 0; i < rf_plan_pool_count(plan); i++) {
        rf_plan_pool pool = rf_plan_pool_at(plan, i);
        printf("%-6zu %-12s %16" PRIu64 " %12" PRIu64 " %8u\n", i,
               rf_memory_class_name(pool.memory_class), pool.bytes, pool.padding, pool.items);
    }
}

static void print_items(const rf_plan *plan)
{
    printf("\n%-8s %16s %16s  %-12s %s\n", "pool", "offset", "bytes", "class", "item");
    for (size_t i = 0; i < rf_plan_item_count(plan); i++) {
        rf_plan_item item = rf_plan_item_at(plan, i);
        char pool[RF_CLI_NUMBER_BYTES] = "in place";
        if (item.pool != RF_PLAN_EXTERNAL)
            snprintf(pool, sizeof(pool), "%u", item.pool);
        printf("%-8s %16" PRIu64 " %16" PRIu64 "  %-12s %s\n", pool, item.offset, item.bytes,
               rf_memory_class_name(item.memory_class), item.label);
    }
}

static bool add_classes(json_t *document, const rf_plan_summary *s)
{
    json_t *classes = json_object();
    bool good = true;
    for (int i = 0; i < RF_MEMORY_CLASS_COUNT; i++) {
        json_t *entry = json_object();
        good &= rf_cli_json_set(entry, "pooled", rf_cli_json_count(s->pooled[i]));
        good &= rf_cli_json_set(entry, "external", rf_cli_json_count(s->external[i]));
        good &= rf_cli_json_set(classes, rf_memory_class_name((rf_memory_class)i), entry);
    }
    return rf_cli_json_set(document, "classes", classes) && good;
}

static bool add_pools(json_t *document, const rf_plan *plan)
{
    json_t *pools = json_array();
    bool good = true;
    for (size_t i = 0; i < rf_plan_pool_count(plan); i++) {
        rf_plan_pool pool = rf_plan_pool_at(plan, i);
        json_t *entry = json_object();
        good &=
            rf_cli_json_set(entry, "class", json_string(rf_memory_class_name(pool.memory_class)));
        good &= rf_cli_json_set(entry, "bytes", rf_cli_json_count(pool.bytes));
        good &= rf_cli_json_set(entry, "padding", rf_cli_json_count(pool.padding));
        good &= rf_cli_json_set(entry, "items", rf_cli_json_count(pool.items));
        good &= rf_cli_json_add(pools, entry);
    }
    return rf_cli_json_set(document, "pools", pools) && good;
}

static bool add_items(json_t *document, const rf_plan *plan)
{
    json_t *items = json_array();
    bool good = true;
    for (size_t i = 0; i < rf_plan_item_count(plan); i++) {
        rf_plan_item item = rf_plan_item_at(plan, i);
        bool external = item.pool == RF_PLAN_EXTERNAL;
        json_t *entry = json_object();
        good &= rf_cli_json_set(entry, "label", json_string(item.label));
        good &=
            rf_cli_json_set(entry, "class", json_string(rf_memory_class_name(item.memory_class)));
        good &= rf_cli_json_set(entry, "bytes", rf_cli_json_count(item.bytes));
        good &=
            rf_cli_json_set(entry, "pool", external ? json_null() : rf_cli_json_count(item.pool));
        good &= rf_cli_json_set(entry, "offset", rf_cli_json_count(item.offset));
        good &= rf_cli_json_add(items, entry);
    }
    return rf_cli_json_set(document, "items", items) && good;
}

static rf_status print_json(const rf_plan *plan, bool all, rf_error *error)
{
    rf_plan_summary s = rf_plan_summarise(plan);
    const rf_type_info *kv = rf_type_describe((uint32_t)s.kv_type);
    json_t *document = json_object();
    bool good = rf_cli_json_set(document, "context", rf_cli_json_count(s.n_context));
    good &= rf_cli_json_set(document, "sequences", rf_cli_json_count(s.n_sequences));
    good &= rf_cli_json_set(document, "batch", rf_cli_json_count(s.n_batch));
    good &= rf_cli_json_set(document, "kv_type", kv ? json_string(kv->name) : json_null());
    good &= add_classes(document, &s);
    good &= rf_cli_json_set(document, "padding", rf_cli_json_count(s.padding));
    good &= rf_cli_json_set(document, "total", rf_cli_json_count(s.total));
    good &= rf_cli_json_set(document, "available", rf_cli_json_count(s.available));
    good &= rf_cli_json_set(document, "fits", json_boolean(s.fits));
    good &= add_pools(document, plan);
    good &= !all || add_items(document, plan);
    return rf_cli_json_print(document, good, error);
}

static rf_status print_plan(const rf_cli_settings *settings, const rf_plan *plan, rf_error *error)
{
    rf_plan_summary summary = rf_plan_summarise(plan);
    if (settings->json) {
        RF_TRY(print_json(plan, settings->all, error));
    } else {
        print_summary(&summary);
        print_pools(plan);
        if (settings->all)
            print_items(plan);
    }
    if (!summary.fits)
        return rf_error_set(error, RF_ERROR_DEVICE_MEMORY,
                            "the model does not fit: %" PRIu64 " bytes asked, %" PRIu64 " free",
                            summary.total, summary.available);
    return RF_OK;
}

rf_status rf_cli_plan(const rf_cli_settings *settings, rf_error *error)
{
    rf_model_options model_options = rf_cli_model_options(settings);
    rf_engine_options engine_options = rf_cli_engine_options(settings);
    char *path = NULL;
    rf_gguf *gguf = NULL;
    rf_runtime *runtime = NULL;
    rf_plan *plan = NULL;
    RF_TRY(rf_cli_model_path(settings->model, &path, error));
    rf_status status = rf_gguf_open(path, &gguf, error);
    if (status == RF_OK)
        status = rf_cli_open_runtime(settings, &runtime, error);
    if (status == RF_OK) {
        status = rf_plan_create(runtime, gguf, &model_options, &engine_options, &plan, error);
        if (status != RF_OK)
            rf_error_context(error, status, "%s", path);
    }
    if (status == RF_OK)
        status = print_plan(settings, plan, error);
    rf_plan_free(plan);
    rf_error close_error;
    if (rf_runtime_close(runtime, &close_error) != RF_OK)
        rf_cli_print_warning(close_error.message);
    rf_gguf_close(gguf);
    rf_free(path);
    return status;
}
