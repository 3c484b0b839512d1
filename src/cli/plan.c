/* plan.c: rocmforge plan: makes the plan, shows it, and says whether it fits. */
#include "cli/plan.h"

#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "cli/layers.h"
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

/* What could be done where not all of a model fits a GPU. */
static const char *advice(const rf_cli_plan_view *shown)
{
    const rf_cli_settings *settings = shown->settings;
    bool cpu = !shown->summary.absent && strcmp(shown->device.id, "cpu") == 0;
    return cpu || settings->gpu_layers_given
               ? ""
               : "; --gpu-layers auto leaves to the CPU what does not fit";
}

static rf_status refuse(const rf_cli_plan_view *shown, rf_error *error)
{
    if (shown->summary.fits)
        return RF_OK;
    if (!shown->missing && shown->host) /* then it is the host that it does not fit */
        shown = shown->host;
    const rf_plan_summary *s = &shown->summary;
    char text[RF_CLI_NUMBER_BYTES];
    rf_cli_bytes(shown->missing, text);
    if (shown->settings->fit)
        return rf_error_set(error, RF_ERROR_DEVICE_MEMORY,
                            "not even a context of %u tokens fits: %" PRIu64
                            " bytes asked, %" PRIu64 " free, %" PRIu64 " (%s) missing",
                            s->n_context, s->needed, s->available, shown->missing, text);
    return rf_error_set(error, RF_ERROR_DEVICE_MEMORY,
                        "the model does not fit%s: %" PRIu64 " bytes asked, %" PRIu64
                        " free, %" PRIu64 " (%s) missing%s",
                        shown->settings->gpu_layers_given ? " with these layers" : "", s->needed,
                        s->available, shown->missing, text, advice(shown));
}

static void fill_view(rf_cli_plan_view *shown, const rf_plan *plan)
{
    shown->plan = plan;
    shown->summary = rf_plan_summarise(plan);
    shown->n_pinned = count_pinned(plan);
    if (shown->summary.needed > shown->summary.available)
        shown->missing = shown->summary.needed - shown->summary.available;
}

static rf_status show(const rf_cli_plan_view *shown, rf_error *error)
{
    const rf_cli_settings *settings = shown->settings;
    if (settings->svg)
        RF_TRY(rf_cli_plan_draw(shown, settings->svg, error));
    if (settings->json)
        RF_TRY(rf_cli_plan_print_json(shown, error));
    else
        rf_cli_plan_print(shown);
    return refuse(shown, error);
}

/* What a plan is of. */
typedef struct subject {
    char *path;
    rf_runtime *runtime; /* NULL with --memory */
    rf_runtime *host;    /* NULL: all layers are on the device */
} subject;

static rf_status make(const rf_cli_settings *settings, const subject *of, rf_plan **out,
                      rf_error *error)
{
    rf_model_options model_options = rf_cli_model_options(settings);
    rf_engine_options engine_options = rf_cli_engine_options(settings);
    rf_plan_options options = RF_PLAN_OPTIONS_INIT;
    options.runtime = of->runtime;
    options.memory_bytes = settings->memory;
    options.fit_context = settings->fit;
    options.fit_layers = of->host && settings->gpu_layers == RF_CLI_LAYERS_AUTO;
    model_options.host = of->host;
    model_options.device_layers = (uint32_t)settings->gpu_layers; /* not looked at where auto */
    rf_gguf *gguf = NULL;
    RF_TRY(rf_gguf_open(of->path, &gguf, error));
    rf_status status =
        rf_plan_create_for(&options, gguf, &model_options, &engine_options, out, error);
    rf_gguf_close(gguf);
    return status == RF_OK ? RF_OK : rf_error_context(error, status, "%s", of->path);
}

static rf_status make_and_show(const rf_cli_settings *settings, const subject *of, rf_error *error)
{
    rf_plan *plan = NULL;
    const char *slash = strrchr(of->path, '/');
    rf_cli_plan_view shown = {
        .settings = settings, .path = of->path, .name = slash ? slash + 1 : of->path};
    rf_cli_plan_view host = shown;
    if (of->runtime)
        RF_TRY(rf_runtime_device(of->runtime, &shown.device, error));
    if (of->host)
        RF_TRY(rf_runtime_device(of->host, &host.device, error));
    RF_TRY(make(settings, of, &plan, error));
    fill_view(&shown, plan);
    if (rf_plan_host(plan)) {
        fill_view(&host, rf_plan_host(plan));
        shown.host = &host;
    }
    rf_status status = show(&shown, error);
    rf_plan_free(plan);
    return status;
}

static rf_status open_subject(const rf_cli_settings *settings, subject *of, rf_error *error)
{
    rf_device_info device;
    RF_TRY(rf_cli_model_path(settings->model, &of->path, error));
    if (settings->memory)
        return rf_cli_layers_open_host(settings, NULL, &of->host, error);
    RF_TRY(rf_cli_open_runtime(settings, &of->runtime, error));
    RF_TRY(rf_runtime_device(of->runtime, &device, error));
    return rf_cli_layers_open_host(settings, &device, &of->host, error);
}

rf_status rf_cli_plan(const rf_cli_settings *settings, rf_error *error)
{
    subject of = {0};
    rf_error close_error;
    if (settings->memory && settings->device)
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "--memory plans for a device that is not here, --device %s for one "
                            "that is: only one of them can be given",
                            settings->device);
    rf_status status = open_subject(settings, &of, error);
    if (status == RF_OK)
        status = make_and_show(settings, &of, error);
    if (rf_runtime_close(of.runtime, &close_error) != RF_OK)
        rf_cli_print_warning(close_error.message);
    if (rf_runtime_close(of.host, &close_error) != RF_OK)
        rf_cli_print_warning(close_error.message);
    rf_free(of.path);
    return status;
}
