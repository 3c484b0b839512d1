/* memory_report.c: rocmforge run --memory-report: everything that the account of a device knows,
 * beside what was planned and what the device says. */
#include <inttypes.h>
#include <stdio.h>

#include "base/error.h"
#include "base/memory.h"
#include "cli/output.h"
#include "cli/session.h"

static void print_classes(const rf_memory_stats *stats, const rf_plan_summary *plan)
{
    fprintf(stderr, "  %-10s %14s %14s %14s %14s %14s %7s\n", "class", "planned", "current",
            "external", "peak", "ever taken", "blocks");
    for (int i = 0; i < RF_MEMORY_CLASS_COUNT; i++) {
        const rf_memory_class_stats *c = &stats->classes[i];
        fprintf(stderr,
                "  %-10s %14" PRIu64 " %14" PRIu64 " %14" PRIu64 " %14" PRIu64 " %14" PRIu64
                " %7" PRIu64 "\n",
                rf_memory_class_name((rf_memory_class)i), plan->pooled[i] + plan->external[i],
                c->current, c->external, c->peak, c->total, c->count);
    }
}

static void print_pools(const rf_pool_stats *pools, size_t count, const rf_plan *plan)
{
    fprintf(stderr, "  %-4s %-10s %14s %14s %14s %14s %12s %14s %7s\n", "pool", "of", "planned",
            "bytes", "live", "free", "padding", "largest free", "blocks");
    for (size_t i = 0; i < count; i++) {
        const rf_pool_stats *p = &pools[i];
        fprintf(stderr,
                "  %-4zu %-10s %14" PRIu64 " %14" PRIu64 " %14" PRIu64 " %14" PRIu64 " %12" PRIu64
                " %14" PRIu64 " %7" PRIu32 "\n",
                i, p->label, rf_plan_pool_at(plan, i).bytes, p->bytes, p->live, p->free, p->padding,
                p->largest_free, p->blocks);
    }
}

static void print_sums(const rf_memory_stats *s, const rf_plan_summary *plan)
{
    char text[RF_CLI_NUMBER_BYTES];
    fprintf(stderr,
            "  reserved   %" PRIu64 " bytes (%s) in %" PRIu32 " pools, planned %" PRIu64
            "; high water %" PRIu64 "\n",
            s->reserved, rf_cli_bytes(s->reserved, text), s->pools, plan->total, s->high_water);
    fprintf(stderr,
            "             live %" PRIu64 " + free %" PRIu64 " + padding %" PRIu64
            "; largest free block %" PRIu64 ", fragmentation %.1f %%\n",
            s->live, s->free, s->padding, s->largest_free, s->fragmentation * 100);
    fprintf(stderr, "  driver     %" PRIu64 " allocations and %" PRIu64 " frees in %.3f ms\n",
            s->driver_allocations, s->driver_frees, (double)s->driver_nanoseconds * 1e-6);
}

/* What the device had free before and has now. Other programs take and give as well. */
static void print_device(const rf_device_info *before, const rf_device_info *now)
{
    char text[2][RF_CLI_NUMBER_BYTES];
    int64_t taken = (int64_t)(before->memory_free - now->memory_free);
    fprintf(stderr,
            "  device     %s: free %s before the load, %s now: %" PRId64 " bytes less (%s)\n",
            now->id, rf_cli_bytes(before->memory_free, text[0]),
            rf_cli_bytes(now->memory_free, text[1]), taken, now->memory_source);
}

/* The pools in a new array, to be freed with rf_free. The session's threads have ended: their
 * number does not change between the two calls. */
static rf_status list_pools(rf_runtime *runtime, rf_pool_stats **out, size_t *count,
                            rf_error *error)
{
    size_t n = 0;
    RF_TRY(rf_memory_pools(runtime, NULL, 0, &n, error));
    rf_pool_stats *pools = rf_calloc(n ? n : 1, sizeof(*pools));
    if (!pools)
        return rf_error_host_memory(error, "the list of pools", n * sizeof(*pools));
    rf_status status = rf_memory_pools(runtime, pools, n, count, error);
    if (status == RF_OK)
        *out = pools;
    else
        rf_free(pools);
    return status;
}

/* The account of one device. before: the device before the load. */
static rf_status print_account(const char *title, rf_runtime *runtime, const rf_plan *plan,
                               const rf_device_info *before, rf_error *error)
{
    rf_plan_summary planned = rf_plan_summarise(plan);
    rf_memory_stats stats = {.version = RF_MEMORY_STATS_VERSION};
    rf_device_info now;
    rf_pool_stats *pools = NULL;
    size_t count = 0;
    RF_TRY(rf_runtime_device(runtime, &now, error));
    RF_TRY(rf_memory_stats_get(runtime, &stats, error));
    RF_TRY(list_pools(runtime, &pools, &count, error));
    fprintf(stderr, "\n%s, bytes\n", title);
    print_classes(&stats, &planned);
    print_pools(pools, count, plan);
    print_sums(&stats, &planned);
    print_device(before, &now);
    rf_free(pools);
    return RF_OK;
}

rf_status rf_cli_print_memory_report(const rf_cli_session *session, rf_error *error)
{
    const rf_plan *plan = rf_engine_plan(session->engine);
    const rf_plan *host = rf_plan_host(plan);
    RF_TRY(print_account("memory report", session->runtime, plan, &session->device, error));
    return host ? print_account("memory report of the layers on the host", session->host, host,
                                &session->host_device, error)
                : RF_OK;
}
