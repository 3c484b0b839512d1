/* measure.c: the public functions that measure what a runtime's loads can reach. */
#include "memory/measure.h"

#include "base/memory.h"
#include "base/options.h"
#include "kernels/runtime.h"

/* What a copy is measured with: past what a driver needs to reach its speed. */
#define DEFAULT_COPY_BYTES (4ULL << 30)
/* Places of a file that are asked for: the system reads the page of each that is not there, so they
 * are few, lest the question changes the answer to the next. */
#define CACHE_SAMPLES    512U
#define BYTES_PER_SAMPLE (1U << 20)

static rf_staging_config staging_config(const rf_measure_options *options)
{
    return (rf_staging_config){.read_mode = options->read_mode,
                               .n_readers = options->n_readers,
                               .n_buffers = options->staging_buffers,
                               .buffer_bytes = options->staging_bytes};
}

static rf_status read_options(const rf_measure_options *given, rf_measure_options *out,
                              rf_error *error)
{
    *out = RF_MEASURE_OPTIONS_INIT;
    return rf_options_read(out, sizeof(*out), given, "rf_measure_options", error);
}

/* Opens files; how many is in *opened, whatever the status. */
static rf_status open_files(const char *const *paths, size_t count, rf_file **files, size_t *opened,
                            rf_error *error)
{
    for (*opened = 0; *opened < count; ++*opened)
        RF_TRY(rf_file_open(paths[*opened], &files[*opened], error));
    return RF_OK;
}

rf_status rf_measure_read(rf_runtime *runtime, const char *const *paths, size_t count,
                          const rf_measure_options *options, rf_transfer_measurement *out,
                          rf_error *error)
{
    rf_measure_options known;
    RF_TRY(read_options(options, &known, error));
    if (count == 0 || count > UINT32_MAX)
        return rf_error_set(error, RF_ERROR_ARGUMENT, "%zu files to read", count);
    rf_file **files = rf_calloc(count, sizeof(rf_file *));
    if (!files)
        return rf_error_host_memory(error, "the list of files", count * sizeof(rf_file *));
    size_t opened = 0;
    rf_status status = open_files(paths, count, files, &opened, error);
    rf_staging_config config = staging_config(&known);
    if (status == RF_OK)
        status =
            rf_memory_measure_read(runtime->memory, files, (uint32_t)count, &config, out, error);
    while (opened > 0)
        rf_file_close(files[--opened]);
    rf_free(files);
    return status;
}

rf_status rf_measure_copy(rf_runtime *runtime, const rf_measure_options *options,
                          rf_transfer_measurement *out, rf_error *error)
{
    rf_measure_options known;
    RF_TRY(read_options(options, &known, error));
    rf_staging_config config = staging_config(&known);
    uint64_t bytes = known.copy_bytes ? known.copy_bytes : DEFAULT_COPY_BYTES;
    return rf_memory_measure_copy(runtime->memory, bytes, &config, out, error);
}

rf_status rf_measure_memory(rf_runtime *runtime, rf_memory_measurement *out, rf_error *error)
{
    return rf_memory_measure_speed(runtime->memory, runtime->threads, out, error);
}

rf_status rf_page_cache_share(const char *path, double *out, rf_error *error)
{
    rf_file *file = NULL;
    uint32_t resident = 0;
    RF_TRY(rf_file_open(path, &file, error));
    uint64_t bytes = rf_file_bytes(file);
    uint64_t wanted = bytes / BYTES_PER_SAMPLE + 1;
    uint32_t samples = wanted < CACHE_SAMPLES ? (uint32_t)wanted : CACHE_SAMPLES;
    bool told = rf_file_sample_cache(file, 0, bytes, samples, &resident);
    rf_file_close(file);
    if (!told)
        return rf_error_set(error, RF_ERROR_UNSUPPORTED,
                            "%s: its file system does not tell what is in the page cache", path);
    *out = (double)resident / samples;
    return RF_OK;
}

rf_status rf_page_cache_drop(const char *path, rf_error *error)
{
    rf_file *file = NULL;
    RF_TRY(rf_file_open(path, &file, error));
    rf_status status = rf_file_drop_cache(file, error);
    rf_file_close(file);
    return status;
}
