/* layers.c: dividing a model between a GPU and the CPU, as --gpu-layers says. */
#include "cli/layers.h"

#include <string.h>

#include "base/error.h"
#include "cli/output.h"

rf_status rf_cli_layers_open_host(const rf_cli_settings *settings, const rf_device_info *device,
                                  rf_runtime **out, rf_error *error)
{
    bool cpu = device && strcmp(device->id, "cpu") == 0;
    bool all = settings->gpu_layers == RF_CLI_LAYERS_ALL;
    if (cpu && settings->gpu_layers_given && !all && settings->gpu_layers != RF_CLI_LAYERS_AUTO)
        rf_cli_print_warning("--gpu-layers is of no effect: the device is the CPU");
    if (cpu || all)
        return RF_OK;
    rf_cli_settings host = *settings; /* its threads and kernels */
    host.device = "cpu";
    return rf_cli_open_runtime(&host, out, error);
}

rf_status rf_cli_layers_fit(const rf_cli_settings *settings, const rf_gguf *gguf,
                            const rf_engine_options *engine_options, rf_cli_session *session,
                            rf_error *error)
{
    if (!session->host || settings->gpu_layers != RF_CLI_LAYERS_AUTO)
        return RF_OK;
    rf_plan_options plan_options = RF_PLAN_OPTIONS_INIT;
    rf_model_options model_options = rf_cli_session_model_options(settings, session);
    uint32_t n = 0;
    plan_options.runtime = session->runtime;
    RF_TRY(rf_plan_fit_layers(&plan_options, gguf, &model_options, engine_options, &n, error));
    if (n < session->device_layers)
        session->device_layers = n;
    return RF_OK;
}

rf_status rf_cli_layers_fit_engine(const rf_cli_settings *settings,
                                   const rf_engine_options *engine_options, rf_cli_session *session,
                                   rf_error *error)
{
    if (!session->host || settings->gpu_layers != RF_CLI_LAYERS_AUTO)
        return RF_OK;
    rf_gguf *gguf = NULL;
    RF_TRY(rf_gguf_open(session->path, &gguf, error));
    rf_status status = rf_cli_layers_fit(settings, gguf, engine_options, session, error);
    rf_gguf_close(gguf);
    return status == RF_OK ? RF_OK : rf_error_context(error, status, "%s", session->path);
}
