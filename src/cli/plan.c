/* plan.c: rocmforge plan: makes the plan, shows it, and says whether it fits. */
#include "cli/plan.h"

#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "cli/model_path.h"
#include "cli/output.h"
#include "cli/session.h"

static uint32_t count_pinned(const rf_plan *plan)
{
    uint32_t count = 0;
    for (size_t i = 0; i < rf_plan_item_count(plan); i++) {
        rf_plan_item item = rf_plan_item_at(plan, i);
        count += item.pool == RF_PLAN_EXTERNAL && item.memory_class == RF_MEMORY_STAGING;
    }
    return count;
}

static rf_status refuse(const rf_cli_plan_view *shown, rf_error *error)
{
    const rf_plan_summary *s = &shown->summary;
    char text[RF_CLI_NUMBER_BYTES];
    if (s->fits)
        return RF_OK;
    rf_cli_bytes(shown->missing, text);
    if (shown->settings->fit)
        return rf_error_set(error, RF_ERROR_DEVICE_MEMORY,
                            "not even a context of %u tokens fits: %" PRIu64
                            " bytes asked, %" PRIu64 " free, %" PRIu64 " (%s) missing",
                            s->n_context, s->needed, s->available, shown->missing, text);
    return rf_error_set(error, RF_ERROR_DEVICE_MEMORY,
                        "the model does not fit: %" PRIu64 " bytes asked, %" PRIu64
                        " free, %" PRIu64 " (%s) missing",
                        s->needed, s->available, shown->missing, text);
}

static rf_status show(rf_cli_plan_view *shown, rf_error *error)
{
    const rf_cli_settings *settings = shown->settings;
    shown->summary = rf_plan_summarise(shown->plan);
    shown->n_pinned = count_pinned(shown->plan);
    if (!shown->summary.fits)
        shown->missing = shown->summary.needed - shown->summary.available;
    if (settings->svg)
        RF_TRY(rf_cli_plan_draw(shown, settings->svg, error));
    if (settings->json)
        RF_TRY(rf_cli_plan_print_json(shown, error));
    else
        rf_cli_plan_print(shown);
    return refuse(shown, error);
}

/* runtime: NULL with --memory. */
static rf_status make(const rf_cli_settings *settings, const char *path, rf_runtime *runtime,
                      rf_plan **out, rf_error *error)
{
    rf_model_options model_options = rf_cli_model_options(settings);
    rf_engine_options engine_options = rf_cli_engine_options(settings);
    rf_plan_options options = RF_PLAN_OPTIONS_INIT;
    options.runtime = runtime;
    options.memory_bytes = settings->memory;
    options.fit_context = settings->fit;
    rf_gguf *gguf = NULL;
    RF_TRY(rf_gguf_open(path, &gguf, error));
    rf_status status =
        rf_plan_create_for(&options, gguf, &model_options, &engine_options, out, error);
    rf_gguf_close(gguf);
    return status == RF_OK ? RF_OK : rf_error_context(error, status, "%s", path);
}

static rf_status make_and_show(const rf_cli_settings *settings, const char *path,
                               rf_runtime *runtime, rf_error *error)
{
    rf_plan *plan = NULL;
    const char *slash = strrchr(path, '/');
    rf_cli_plan_view shown = {.settings = settings, .path = path, .name = slash ? slash + 1 : path};
    if (runtime)
        RF_TRY(rf_runtime_device(runtime, &shown.device, error));
    RF_TRY(make(settings, path, runtime, &plan, error));
    shown.plan = plan;
    rf_status status = show(&shown, error);
    rf_plan_free(plan);
    return status;
}

rf_status rf_cli_plan(const rf_cli_settings *settings, rf_error *error)
{
    char *path = NULL;
    rf_runtime *runtime = NULL;
    rf_error close_error;
    if (settings->memory && settings->device)
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "--memory plans for a device that is not here, --device %s for one "
                            "that is: only one of them can be given",
                            settings->device);
    RF_TRY(rf_cli_model_path(settings->model, &path, error));
    rf_status status = settings->memory ? RF_OK : rf_cli_open_runtime(settings, &runtime, error);
    if (status == RF_OK)
        status = make_and_show(settings, path, runtime, error);
    if (rf_runtime_close(runtime, &close_error) != RF_OK)
        rf_cli_print_warning(close_error.message);
    rf_free(path);
    return status;
}
