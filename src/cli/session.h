/* session.h: a device, a model on it and an engine, opened as the options say. Used by the commands
 * that compute. */
#ifndef RF_CLI_SESSION_H
#define RF_CLI_SESSION_H

#include "cli/options.h"

/* All NULL before it is opened. */
typedef struct rf_cli_session {
    char *path;
    rf_runtime *runtime;
    rf_runtime *host;       /* the CPU, for layers that are not on the device; NULL: it has none */
    uint32_t device_layers; /* asked for, with a host; a larger number than there are: all */
    rf_model *model;
    rf_engine *engine;
    const rf_tokenizer *tokenizer; /* the model's; NULL where it has none */
    rf_device_info device;         /* before the model was loaded */
    rf_device_info host_device;    /* the same of the host */
    uint64_t load_ns;              /* from opening the file to the engine being ready */
} rf_cli_session;

/* The library's options for these settings. */
rf_status rf_cli_open_runtime(const rf_cli_settings *settings, rf_runtime **out, rf_error *error);
rf_model_options rf_cli_model_options(const rf_cli_settings *settings);
/* The same with the session's host and layers. */
rf_model_options rf_cli_session_model_options(const rf_cli_settings *settings,
                                              const rf_cli_session *session);
rf_engine_options rf_cli_engine_options(const rf_cli_settings *settings);

/* Opens everything, with a progress bar where standard error is a terminal. CANCELLED after an
 * interrupt (interrupt.h). On failure nothing stays open. */
rf_status rf_cli_session_open(const rf_cli_settings *settings,
                              const rf_engine_options *engine_options, rf_cli_session *out,
                              rf_error *error);
/* The same in parts, for what comes between them or needs engines of its own: finds the model's
 * file and opens the device; loads the model. After a failure the session is to be closed as well.
 */
rf_status rf_cli_session_begin(const rf_cli_settings *settings, rf_cli_session *session,
                               rf_error *error);
rf_status rf_cli_session_load(const rf_cli_settings *settings, rf_cli_session *session,
                              rf_error *error);
/* Adds to an error what to do about it where memory ran out beside a GPU: what takes less ("a
 * smaller --ctx takes less", or NULL), or layers on the CPU where that was not tried. Returns the
 * status. */
rf_status rf_cli_session_advise(const rf_cli_settings *settings, const rf_cli_session *session,
                                rf_status status, const char *less, rf_error *error);
void rf_cli_session_close(rf_cli_session *session);

/* The model's tokenizer; RF_ERROR_UNSUPPORTED where the file has none. */
rf_status rf_cli_session_tokenizer(const rf_cli_session *session, const rf_tokenizer **out,
                                   rf_error *error);

/* Whether some of the model's layers are on the host, some on the device. */
bool rf_cli_session_is_divided(const rf_cli_session *session);

/* Prints what a run took, on standard error: times, rates, memory by class. */
void rf_cli_print_statistics(const rf_cli_session *session);

/* Prints the whole account of a session's memory, on standard error: classes, pools beside the
 * plan, driver calls, and what the device says (memory_report.c). */
rf_status rf_cli_print_memory_report(const rf_cli_session *session, rf_error *error);

#endif
