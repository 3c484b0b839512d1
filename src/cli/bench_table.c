/* bench_table.c: results of rocmforge bench as a table for people. */
#include <inttypes.h>
#include <stdio.h>

#include "base/error.h"
#include "cli/bench_infer.h"
#include "cli/output.h"

static void print_memory(const rf_memory_measurement *memory)
{
    printf("memory     %.1f GB/s, ", rf_bench_memory_rate(memory) * 1e-9);
    if (memory->copied)
        printf("reading and writing: the fastest of %u copies on the device\n", memory->n_runs);
    else
        printf("reading: the fastest of %u runs of %u thread%s\n", memory->n_runs,
               memory->n_threads, memory->n_threads == 1 ? "" : "s");
}

void rf_bench_table_begin(const rf_bench_setting *setting)
{
    const rf_cli_session *session = setting->session;
    rf_model_info info = rf_model_describe(session->model);
    char text[2][RF_CLI_NUMBER_BYTES];
    printf("rocmforge  %s\nmodel      ", rf_version());
    rf_cli_print_name(session->path, 0);
    printf(": %.*s, %s parameters, %s of weights\n", RF_STR_ARGS(info.architecture),
           rf_cli_quantity(info.n_parameters, text[0]), rf_cli_bytes(info.weight_bytes, text[1]));
    const rf_device_info *device = &session->device;
    const char *kernels = rf_runtime_kernels(session->runtime);
    printf("device     %s, %s, %s; kernels %s\n", device->id, device->name, device->architecture,
           kernels ? kernels : "none");
    if (rf_cli_session_is_divided(session))
        printf("layers     %u of %u on the device, the others on the CPU\n", info.n_device_layers,
               info.n_layers);
    print_memory(&setting->memory);
    printf("\n%-10s %7s %5s %6s  %-36s  %10s %7s  %9s  %10s\n", "test", "depth", "seqs", "batch",
           "tokens/s (lowest to highest)", "ceiling", "of it", "GB a pass", "TFLOP/s");
    fflush(stdout);
}

void rf_bench_table_add(const rf_bench_setting *setting, const rf_bench_result *result)
{
    const rf_bench_test *test = &result->test;
    rf_bench_figures rates = rf_bench_rates_of(result);
    double ceiling = rf_bench_ceiling(setting, result);
    char name[RF_BENCH_NAME_BYTES];
    char spread[96];
    snprintf(spread, sizeof(spread), "%.1f (%.1f to %.1f)", rates.median, rates.least, rates.most);
    printf("%-10s %7" PRIu32 " %5" PRIu32 " %6" PRIu32 "  %-36s", rf_bench_test_name(test, name),
           test->depth, test->n_sequences, test->n_batch, spread);
    if (ceiling > 0)
        printf("  %10.1f %5.1f %%", ceiling, 100 * rates.median / ceiling);
    else
        printf("  %10s %7s", "-", "-");
    printf("  %9.3f  %10.3f\n",
           (result->work.weight_bytes + result->work.kv_bytes) * 1e-9 /
               (double)rf_bench_test_passes(test),
           result->work.flops * 1e-12 / rf_bench_seconds(result));
    fflush(stdout); /* each as soon as it is known */
}
