/* session.c: opens and closes what a computation needs. */
#include "cli/session.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/env.h"
#include "base/error.h"
#include "cli/layers.h"
#include "cli/model_path.h"
#include "cli/output.h"
#include "cli/progress.h"

rf_status rf_cli_open_runtime(const rf_cli_settings *settings, rf_runtime **out, rf_error *error)
{
    rf_runtime_options options = RF_RUNTIME_OPTIONS_INIT;
    options.device = settings->device ? settings->device : rf_env_get(RF_ENV_DEVICE);
    options.n_threads = (uint32_t)settings->threads;
    options.reference_kernels = settings->reference;
    return rf_runtime_open(&options, out, error);
}

rf_model_options rf_cli_model_options(const rf_cli_settings *settings)
{
    rf_model_options options = RF_MODEL_OPTIONS_INIT;
    options.no_mmap = settings->no_mmap;
    options.pool_bytes = settings->pool_size;
    options.alignment = settings->alignment;
    options.read_mode = strcmp(settings->read_mode, "buffered") == 0 ? RF_READ_BUFFERED
                        : strcmp(settings->read_mode, "direct") == 0 ? RF_READ_DIRECT
                                                                     : RF_READ_AUTO;
    options.n_readers = (uint32_t)settings->readers;
    options.staging_buffers = (uint32_t)settings->staging_buffers;
    options.staging_bytes = settings->staging_bytes;
    options.verify = settings->verify;
    return options;
}

rf_model_options rf_cli_session_model_options(const rf_cli_settings *settings,
                                              const rf_cli_session *session)
{
    rf_model_options options = rf_cli_model_options(settings);
    options.host = session->host;
    options.device_layers = session->device_layers;
    return options;
}

rf_engine_options rf_cli_engine_options(const rf_cli_settings *settings)
{
    rf_engine_options options = RF_ENGINE_OPTIONS_INIT;
    options.n_context = (uint32_t)settings->context;
    options.n_sequences = (uint32_t)settings->parallel;
    options.n_batch = (uint32_t)settings->batch;
    options.page_tokens = (uint32_t)settings->page_tokens;
    options.kv_type_set = true;
    options.kv_type = strcmp(settings->kv_type, "f32") == 0    ? RF_TYPE_F32
                      : strcmp(settings->kv_type, "q8_0") == 0 ? RF_TYPE_Q8_0
                                                               : RF_TYPE_F16;
    return options;
}

rf_status rf_cli_session_begin(const rf_cli_settings *settings, rf_cli_session *session,
                               rf_error *error)
{
    RF_TRY(rf_cli_model_path(settings->model, &session->path, error));
    RF_TRY(rf_cli_open_runtime(settings, &session->runtime, error));
    RF_TRY(rf_runtime_device(session->runtime, &session->device, error));
    RF_TRY(rf_cli_layers_open_host(settings, &session->device, &session->host, error));
    session->device_layers = settings->gpu_layers < RF_CLI_LAYERS_ALL
                                 ? (uint32_t)settings->gpu_layers
                                 : RF_CLI_LAYERS_ALL;
    return session->host ? rf_runtime_device(session->host, &session->host_device, error) : RF_OK;
}

bool rf_cli_session_is_divided(const rf_cli_session *session)
{
    rf_model_info info = rf_model_describe(session->model);
    return info.n_device_layers < info.n_layers;
}

/* Said before a text that comes more slowly than one expects, and only where nobody chose it. */
static void tell_division(const rf_cli_settings *settings, const rf_cli_session *session)
{
    rf_model_info info = rf_model_describe(session->model);
    if (!settings->quiet && settings->gpu_layers == RF_CLI_LAYERS_AUTO &&
        rf_cli_session_is_divided(session))
        fprintf(stderr, "%u of the model's %u layers fit %s; the CPU computes the others.\n",
                info.n_device_layers, info.n_layers, session->device.id);
}

rf_status rf_cli_session_load(const rf_cli_settings *settings, rf_cli_session *session,
                              rf_error *error)
{
    rf_cli_progress progress = rf_cli_progress_start("loading", settings->quiet);
    rf_model_options options = rf_cli_session_model_options(settings, session);
    options.progress = rf_cli_progress_show;
    options.progress_user = &progress;
    RF_TRY(rf_model_load(session->runtime, session->path, &options, &session->model, error));
    session->tokenizer = rf_model_tokenizer(session->model);
    tell_division(settings, session);
    return RF_OK;
}

static rf_status open_parts(const rf_cli_settings *settings,
                            const rf_engine_options *engine_options, rf_cli_session *session,
                            rf_error *error)
{
    RF_TRY(rf_cli_session_begin(settings, session, error));
    RF_TRY(rf_cli_layers_fit_engine(settings, engine_options, session, error));
    RF_TRY(rf_cli_session_load(settings, session, error));
    return rf_engine_create(session->model, engine_options, &session->engine, error);
}

rf_status rf_cli_session_advise(const rf_cli_settings *settings, const rf_cli_session *session,
                                rf_status status, const char *less, rf_error *error)
{
    bool tried = settings->gpu_layers == RF_CLI_LAYERS_AUTO;
    bool cpu = strcmp(session->device.id, "cpu") == 0;
    if (status != RF_ERROR_DEVICE_MEMORY || !error || cpu || (tried && !less))
        return status;
    rf_error known = *error;
    return rf_error_set_code(error, status, known.driver_code, "%s; %s%s%s", known.message,
                             less ? less : "", less && !tried ? ", " : "",
                             tried ? "" : "--gpu-layers auto leaves to the CPU what does not fit");
}

rf_status rf_cli_session_open(const rf_cli_settings *settings,
                              const rf_engine_options *engine_options, rf_cli_session *out,
                              rf_error *error)
{
    rf_cli_session session = {0};
    uint64_t start = rf_clock_ns();
    rf_status status = open_parts(settings, engine_options, &session, error);
    session.load_ns = rf_clock_ns() - start;
    if (status != RF_OK) {
        bool context = session.model && settings->command != RF_CLI_LOGITS; /* it has an option */
        status = rf_cli_session_advise(settings, &session, status,
                                       context ? "a smaller --ctx takes less" : NULL, error);
        rf_cli_session_close(&session);
        return status;
    }
    *out = session;
    return RF_OK;
}

void rf_cli_session_close(rf_cli_session *session)
{
    rf_error error;
    rf_engine_free(session->engine);
    if (rf_model_free(session->model, &error) != RF_OK)
        rf_cli_print_warning(error.message);
    if (rf_runtime_close(session->runtime, &error) != RF_OK)
        rf_cli_print_warning(error.message);
    if (rf_runtime_close(session->host, &error) != RF_OK)
        rf_cli_print_warning(error.message);
    rf_free(session->path);
    *session = (rf_cli_session){0};
}

rf_status rf_cli_session_tokenizer(const rf_cli_session *session, const rf_tokenizer **out,
                                   rf_error *error)
{
    if (!session->tokenizer)
        return rf_error_set(error, RF_ERROR_UNSUPPORTED, "%s: the model has no tokenizer",
                            session->path);
    *out = session->tokenizer;
    return RF_OK;
}

static void print_rate(const char *what, uint64_t tokens, uint64_t ns)
{
    double seconds = (double)ns * 1e-9;
    fprintf(stderr, "%-10s %llu tokens in %.3f s", what, (unsigned long long)tokens, seconds);
    if (tokens && ns)
        fprintf(stderr, ", %.1f tokens/s", (double)tokens / seconds);
    fputc('\n', stderr);
}

/* How the weights came to their pools; nothing where they are used in place. */
static void print_transfer(const rf_load_stats *load)
{
    char text[RF_CLI_NUMBER_BYTES];
    if (load->read_mode == RF_READ_MAPPED || load->transfer_nanoseconds == 0)
        return;
    fprintf(stderr, "read       %s in %.3f s, %.2f GB/s, %s, %u readers, XXH3 %016" PRIx64,
            rf_cli_bytes(load->bytes, text), (double)load->transfer_nanoseconds * 1e-9,
            (double)load->bytes / (double)load->transfer_nanoseconds,
            load->read_mode == RF_READ_DIRECT ? "direct" : "buffered", load->n_readers,
            load->checksum);
    if (load->verified)
        fprintf(stderr, ", verified in %.3f s", (double)load->verify_nanoseconds * 1e-9);
    fputc('\n', stderr);
}

/* on: the device's id, where there are two; else NULL. */
static void print_memory(rf_runtime *runtime, const char *on)
{
    char text[2][RF_CLI_NUMBER_BYTES];
    rf_memory_stats memory = {.version = RF_MEMORY_STATS_VERSION};
    const rf_memory_stats *stats = &memory;
    rf_error error;
    if (rf_memory_stats_get(runtime, &memory, &error) != RF_OK) {
        rf_cli_print_warning(error.message);
        return;
    }
    fprintf(stderr, "memory     %" PRIu64 " bytes (%s) in %u pools, peak %s%s%s\n", stats->reserved,
            rf_cli_bytes(stats->reserved, text[0]), stats->pools,
            rf_cli_bytes(stats->high_water, text[1]), on ? ", on " : "", on ? on : "");
    for (int i = 0; i < RF_MEMORY_CLASS_COUNT; i++) {
        const rf_memory_class_stats *class_stats = &stats->classes[i];
        if (class_stats->peak == 0)
            continue;
        fprintf(stderr, "  %-10s %12" PRIu64 " bytes", rf_memory_class_name((rf_memory_class)i),
                class_stats->current - class_stats->external);
        if (class_stats->external)
            fprintf(stderr, ", %" PRIu64 " more used in place", class_stats->external);
        fprintf(stderr, ", peak %s\n", rf_cli_bytes(class_stats->peak, text[0]));
    }
    fprintf(stderr, "  %-10s %12" PRIu64 " bytes\n", "padding", stats->padding);
}

void rf_cli_print_statistics(const rf_cli_session *session)
{
    rf_model_info info = rf_model_describe(session->model);
    rf_engine_stats engine = rf_engine_statistics(session->engine);
    const char *id = session->device.id;
    bool divided = rf_cli_session_is_divided(session);
    char text[RF_CLI_NUMBER_BYTES];
    fprintf(stderr, "load       %.3f s, %s: %.*s, %s parameters, on %s\n",
            (double)session->load_ns * 1e-9, session->path, RF_STR_ARGS(info.architecture),
            rf_cli_quantity(info.n_parameters, text), id);
    if (divided)
        fprintf(stderr, "layers     %u of %u on %s, %u on the CPU\n", info.n_device_layers,
                info.n_layers, id, info.n_layers - info.n_device_layers);
    rf_load_stats load = rf_model_load_statistics(session->model);
    print_transfer(&load);
    print_rate("prefill", engine.prefill_tokens, engine.prefill_nanoseconds);
    print_rate("decode", engine.decode_tokens, engine.decode_nanoseconds);
    print_memory(session->runtime, divided ? id : NULL);
    if (divided)
        print_memory(session->host, session->host_device.id);
}
