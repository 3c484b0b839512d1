/* layers.h: how many layers are on a GPU, as --gpu-layers says, and the CPU for the others. */
#ifndef RF_CLI_LAYERS_H
#define RF_CLI_LAYERS_H

#include "cli/session.h"

/* Opens the CPU beside a device; *out stays NULL where the device is the CPU itself, or all layers
 * are to be on it. device: NULL for a GPU that is not here. */
rf_status rf_cli_layers_open_host(const rf_cli_settings *settings, const rf_device_info *device,
                                  rf_runtime **out, rf_error *error);

/* With --gpu-layers auto lowers the session's number of layers to what fits beside an engine. */
rf_status rf_cli_layers_fit(const rf_cli_settings *settings, const rf_gguf *gguf,
                            const rf_engine_options *engine_options, rf_cli_session *session,
                            rf_error *error);

/* The same for the session's own model file. */
rf_status rf_cli_layers_fit_engine(const rf_cli_settings *settings,
                                   const rf_engine_options *engine_options, rf_cli_session *session,
                                   rf_error *error);

#endif
