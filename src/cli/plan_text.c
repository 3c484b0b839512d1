/* plan_text.c: a plan as a person reads it. */
#include <inttypes.h>
#include <stdio.h>

#include "cli/output.h"
#include "cli/plan.h"

/* The beginning of a row: bytes as they are and as people say them. What they are follows. */
static void print_amount(const char *name, uint64_t bytes)
{
    char text[RF_CLI_NUMBER_BYTES];
    printf("%-14s %16" PRIu64 " %12s", name, bytes, rf_cli_bytes(bytes, text));
}

/* A whole row. */
static void print_row(const char *name, uint64_t bytes, const char *note)
{
    print_amount(name, bytes);
    printf("%s%s\n", *note ? "  " : "", note);
}

static void print_head(const rf_cli_plan_view *shown)
{
    const rf_plan_summary *s = &shown->summary;
    const rf_type_info *kv = rf_type_describe((uint32_t)s->kv_type);
    char text[RF_CLI_NUMBER_BYTES];
    rf_cli_print_name(shown->name, 0);
    if (s->absent)
        printf(" on a GPU that is not here, with memory of its own, %s of it free\n",
               rf_cli_bytes(s->available, text));
    else
        printf(" on %s: %s\n", shown->device.id, shown->device.name);
    printf("context %u%s (trained: %u), sequences %u, batch %u, kv cache %s\n", s->n_context,
           shown->settings->fit && s->fits ? ", the largest that fits" : "", s->n_context_trained,
           s->n_sequences, s->n_batch, kv ? kv->name : "?");
    if (shown->host)
        printf("layers %u of %u on the device%s, the others on the host\n", s->n_device_layers,
               s->n_layers,
               shown->settings->gpu_layers == RF_CLI_LAYERS_AUTO ? ", as many as fit" : "");
}

static void print_free(const rf_cli_plan_view *shown)
{
    const rf_plan_summary *s = &shown->summary;
    char text[2][RF_CLI_NUMBER_BYTES];
    print_amount("free", s->available);
    if (s->absent)
        printf("  as given by --memory\n");
    else
        printf("  of %s (%s), of which others and the driver use %s\n",
               rf_cli_bytes(s->capacity, text[0]), shown->device.memory_source,
               rf_cli_bytes(s->capacity - s->available, text[1]));
}

/* What the pools take of a device, under a title. */
static void print_device(const rf_cli_plan_view *shown, const char *title)
{
    const rf_plan_summary *s = &shown->summary;
    size_t n_pools = rf_plan_pool_count(shown->plan);
    printf("\n%s\n", title);
    for (int i = 0; i < RF_MEMORY_CLASS_COUNT; i++)
        if (i != RF_MEMORY_STAGING || s->pooled[i])
            print_row(rf_memory_class_name((rf_memory_class)i), s->pooled[i], "");
    print_row("padding", s->padding, "lost to alignment");
    print_amount("all pools", s->total);
    printf("  %zu allocation%s\n", n_pools, n_pools == 1 ? "" : "s");
    print_row("rounding", s->rounding, "at most: the driver rounds each allocation up");
    print_row("driver's own", s->driver,
              s->absent ? "an estimate for the process's context, measured on an H100"
                        : "what it takes is part of what is in use already");
    print_row("needed", s->needed, "");
    print_free(shown);
    if (shown->missing)
        print_row("missing", shown->missing, "it does not fit");
    else
        print_row("left", s->available - s->needed, "it fits");
}

static void print_host(const rf_cli_plan_view *shown)
{
    uint64_t mapped = shown->summary.external[RF_MEMORY_WEIGHTS];
    uint64_t pinned = shown->summary.external[RF_MEMORY_STAGING];
    if (!mapped && !pinned)
        return;
    printf("\nmemory of the host, besides\n");
    if (mapped)
        print_row("weights", mapped, "used in place, in the mapped file");
    if (!pinned)
        return;
    print_amount("staging", pinned);
    printf("  pinned: %u buffer%s that the weights pass through, while loading; no device memory\n",
           shown->n_pinned, shown->n_pinned == 1 ? "" : "s");
}

static void print_pools(const rf_plan *plan)
{
    printf("\n%-6s %-12s %16s %12s %12s %8s\n", "pool", "class", "bytes", "padding", "rounding",
           "items");
    for (size_t i = 0; i < rf_plan_pool_count(plan); i++) {
        rf_plan_pool pool = rf_plan_pool_at(plan, i);
        printf("%-6zu %-12s %16" PRIu64 " %12" PRIu64 " %12" PRIu64 " %8u\n", i,
               rf_memory_class_name(pool.memory_class), pool.bytes, pool.padding, pool.rounding,
               pool.items);
    }
}

/* Where an item is: in the mapped file, pinned, or in a pool. */
static const char *place_of(const rf_plan_item *item, char text[RF_CLI_NUMBER_BYTES])
{
    if (item->pool == RF_PLAN_EXTERNAL)
        return item->memory_class == RF_MEMORY_STAGING ? "pinned" : "in place";
    snprintf(text, RF_CLI_NUMBER_BYTES, "%u", item->pool);
    return text;
}

static void print_items(const rf_plan *plan)
{
    printf("\n%-8s %16s %16s  %-12s %s\n", "pool", "offset", "bytes", "class", "item");
    for (size_t i = 0; i < rf_plan_item_count(plan); i++) {
        rf_plan_item item = rf_plan_item_at(plan, i);
        char text[RF_CLI_NUMBER_BYTES];
        printf("%-8s %16" PRIu64 " %16" PRIu64 "  %-12s ", place_of(&item, text), item.offset,
               item.bytes, rf_memory_class_name(item.memory_class));
        rf_cli_print_name(item.label, 0);
        putchar('\n');
    }
}

void rf_cli_plan_print(const rf_cli_plan_view *shown)
{
    print_head(shown);
    print_device(shown, "memory of the device");
    print_host(shown);
    print_pools(shown->plan);
    if (shown->settings->all)
        print_items(shown->plan);
    if (!shown->host)
        return;
    print_device(shown->host, "memory of the host, for the layers that are there");
    print_host(shown->host);
    print_pools(shown->host->plan);
    if (shown->settings->all)
        print_items(shown->host->plan);
}
