/* plan_json.c: a plan as a program reads it. */
#include <string.h>

#include "cli/output.h"
#include "cli/plan.h"

static json_t *text(const char *said)
{
    return rf_cli_json_text((rf_string){said, strlen(said)});
}

static bool add_device(json_t *document, const rf_cli_plan_view *shown)
{
    if (shown->summary.absent)
        return rf_cli_json_set(document, "device", json_null());
    json_t *device = json_object();
    bool good = rf_cli_json_set(device, "id", text(shown->device.id));
    good &= rf_cli_json_set(device, "name", text(shown->device.name));
    good &= rf_cli_json_set(device, "memory_source", text(shown->device.memory_source));
    return rf_cli_json_set(document, "device", device) && good;
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

/* What is in host memory, whatever the device. */
static bool add_host(json_t *document, const rf_cli_plan_view *shown)
{
    const uint64_t *external = shown->summary.external;
    json_t *host = json_object();
    bool good = rf_cli_json_set(host, "mapped", rf_cli_json_count(external[RF_MEMORY_WEIGHTS]));
    good &= rf_cli_json_set(host, "pinned", rf_cli_json_count(external[RF_MEMORY_STAGING]));
    good &= rf_cli_json_set(host, "pinned_buffers", rf_cli_json_count(shown->n_pinned));
    return rf_cli_json_set(document, "host", host) && good;
}

static bool add_sums(json_t *document, const rf_cli_plan_view *shown)
{
    const rf_plan_summary *s = &shown->summary;
    bool good = rf_cli_json_set(document, "padding", rf_cli_json_count(s->padding));
    good &= rf_cli_json_set(document, "total", rf_cli_json_count(s->total));
    good &= rf_cli_json_set(document, "rounding", rf_cli_json_count(s->rounding));
    good &= rf_cli_json_set(document, "driver", rf_cli_json_count(s->driver));
    good &= rf_cli_json_set(document, "needed", rf_cli_json_count(s->needed));
    good &= rf_cli_json_set(document, "available", rf_cli_json_count(s->available));
    good &= rf_cli_json_set(document, "capacity", rf_cli_json_count(s->capacity));
    good &= rf_cli_json_set(document, "in_use", rf_cli_json_count(s->capacity - s->available));
    good &= rf_cli_json_set(document, "missing", rf_cli_json_count(shown->missing));
    good &= rf_cli_json_set(document, "fits", json_boolean(s->fits));
    return good;
}

static bool add_pools(json_t *document, const rf_plan *plan)
{
    json_t *pools = json_array();
    bool good = true;
    for (size_t i = 0; i < rf_plan_pool_count(plan); i++) {
        rf_plan_pool pool = rf_plan_pool_at(plan, i);
        json_t *entry = json_object();
        good &= rf_cli_json_set(entry, "class", text(rf_memory_class_name(pool.memory_class)));
        good &= rf_cli_json_set(entry, "bytes", rf_cli_json_count(pool.bytes));
        good &= rf_cli_json_set(entry, "padding", rf_cli_json_count(pool.padding));
        good &= rf_cli_json_set(entry, "rounding", rf_cli_json_count(pool.rounding));
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
        good &= rf_cli_json_set(entry, "label", text(item.label));
        good &= rf_cli_json_set(entry, "class", text(rf_memory_class_name(item.memory_class)));
        good &= rf_cli_json_set(entry, "bytes", rf_cli_json_count(item.bytes));
        good &=
            rf_cli_json_set(entry, "pool", external ? json_null() : rf_cli_json_count(item.pool));
        good &= rf_cli_json_set(entry, "offset", rf_cli_json_count(item.offset));
        good &= rf_cli_json_add(items, entry);
    }
    return rf_cli_json_set(document, "items", items) && good;
}

/* What is of one device. */
static bool add_side(json_t *document, const rf_cli_plan_view *shown)
{
    bool good = add_device(document, shown);
    good &= add_classes(document, &shown->summary);
    good &= add_host(document, shown);
    good &= add_sums(document, shown);
    good &= add_pools(document, shown->plan);
    return good && (!shown->settings->all || add_items(document, shown->plan));
}

/* The plan of the layers that are on the host; null where none are. */
static bool add_layers(json_t *document, const rf_cli_plan_view *shown)
{
    const rf_plan_summary *s = &shown->summary;
    bool good = rf_cli_json_set(document, "layers", rf_cli_json_count(s->n_layers));
    good &= rf_cli_json_set(document, "device_layers", rf_cli_json_count(s->n_device_layers));
    if (!shown->host)
        return rf_cli_json_set(document, "host_layers", json_null()) && good;
    json_t *host = json_object();
    good &= add_side(host, shown->host);
    return rf_cli_json_set(document, "host_layers", host) && good;
}

rf_status rf_cli_plan_print_json(const rf_cli_plan_view *shown, rf_error *error)
{
    const rf_plan_summary *s = &shown->summary;
    const rf_type_info *kv = rf_type_describe((uint32_t)s->kv_type);
    json_t *document = json_object();
    bool good = rf_cli_json_set(document, "model", text(shown->path));
    good &= rf_cli_json_set(document, "context", rf_cli_json_count(s->n_context));
    good &= rf_cli_json_set(document, "context_trained", rf_cli_json_count(s->n_context_trained));
    good &= rf_cli_json_set(document, "context_fitted", json_boolean(shown->settings->fit));
    good &= rf_cli_json_set(document, "sequences", rf_cli_json_count(s->n_sequences));
    good &= rf_cli_json_set(document, "batch", rf_cli_json_count(s->n_batch));
    good &= rf_cli_json_set(document, "kv_type", kv ? json_string(kv->name) : json_null());
    good &= add_side(document, shown);
    good &= add_layers(document, shown);
    return rf_cli_json_print(document, good, error);
}
