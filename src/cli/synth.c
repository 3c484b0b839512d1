/* synth.c: rocmforge synth. */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/error.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/progress.h"

static void print_entries(const char *title, rf_synth_entry (*at)(size_t))
{
    printf("%s\n", title);
    for (size_t i = 0; at(i).name; i++)
        printf("  %-16s %s\n", at(i).name, at(i).description);
}

static rf_synth_options library_options(const rf_cli_settings *settings)
{
    rf_synth_options options = RF_SYNTH_OPTIONS_INIT;
    options.shape = settings->arguments[0];
    options.quant = settings->arguments[1];
    options.seed = settings->seed;
    options.n_layers = (uint32_t)settings->layers;
    options.n_context = (uint32_t)settings->context;
    options.pure = settings->pure;
    options.overwrite = settings->force;
    options.n_threads = (uint32_t)settings->threads;
    return options;
}

static void print_sizes(FILE *stream, const rf_synth_options *options, const rf_synth_summary *size)
{
    char text[3][RF_CLI_NUMBER_BYTES];
    fprintf(stream,
            "%s %s: %s parameters in %" PRIu64 " tensors of %s (%" PRIu64
            " bytes), the largest %s\n",
            options->shape, options->quant, rf_cli_quantity(size->n_parameters, text[0]),
            size->n_tensors, rf_cli_bytes(size->tensor_bytes, text[1]), size->tensor_bytes,
            rf_cli_bytes(size->largest_tensor, text[2]));
}

static rf_status write_file(const rf_cli_settings *settings, rf_synth_options *options,
                            const rf_synth_summary *size, rf_error *error)
{
    const char *path = settings->arguments[2];
    rf_cli_progress progress = rf_cli_progress_start("writing", settings->quiet);
    options->progress = rf_cli_progress_show;
    options->progress_user = &progress;
    rf_cli_interrupt_catch();
    uint64_t start = rf_clock_ns();
    RF_TRY(rf_synth_write(path, options, error));
    double seconds = (double)(rf_clock_ns() - start) * 1e-9;
    if (!settings->quiet) {
        print_sizes(stderr, options, size);
        fprintf(stderr, "%s: written in %.2f s, %.2f GB/s\n", path, seconds,
                (double)size->tensor_bytes * 1e-9 / seconds);
    }
    return RF_OK;
}

rf_status rf_cli_synth(const rf_cli_settings *settings, rf_error *error)
{
    if (settings->list) {
        print_entries("Shapes:", rf_synth_shape_at);
        print_entries("Quantisations:", rf_synth_quant_at);
        return RF_OK;
    }
    rf_synth_options options = library_options(settings);
    rf_synth_summary size;
    RF_TRY(rf_synth_measure(&options, &size, error));
    if (!settings->dry_run)
        return write_file(settings, &options, &size, error);
    print_sizes(stdout, &options, &size);
    return RF_OK;
}
