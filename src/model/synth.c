/* synth.c: synthetic models: options, sizes, and the file from its first byte to its name. */
#include "model/synth.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/checked.h"
#include "base/memory.h"
#include "base/options.h"
#include "model/config.h"

/* Options, resolved: what is to be written. */
typedef struct request {
    rf_synth_options options;
    rf_synth_model model; /* the table's, with the caller's changes */
    const rf_synth_quant *quant;
    rf_synth_list list;
} request;

rf_status rf_synth_unknown(const char *what, const char *name, rf_synth_entry (*at)(size_t),
                           rf_error *error)
{
    char names[RF_ERROR_MESSAGE_BYTES / 2] = "";
    size_t used = 0;
    for (size_t i = 0; at(i).name; i++) {
        size_t length = strlen(at(i).name);
        if (length + 1 >= sizeof(names) - used)
            break;
        names[used] = ' ';
        memcpy(names + used + 1, at(i).name, length + 1);
        used += length + 1;
    }
    if (!name)
        return rf_error_set(error, RF_ERROR_ARGUMENT, "no %s given, expected one of%s", what,
                            names);
    return rf_error_set(error, RF_ERROR_ARGUMENT, "%s '%s' is none of%s", what, name, names);
}

static rf_status check_limit(const char *what, uint32_t value, uint32_t limit, rf_error *error)
{
    if (value > limit)
        return rf_error_set(error, RF_ERROR_ARGUMENT, "%s is %" PRIu32 ", the most is %" PRIu32,
                            what, value, limit);
    return RF_OK;
}

/* Reads options and lists the tensors; on success the list is the caller's to free. */
static rf_status resolve(const rf_synth_options *given, request *out, rf_error *error)
{
    request r = {.options = RF_SYNTH_OPTIONS_INIT};
    RF_TRY(rf_options_read(&r.options, sizeof(r.options), given, "rf_synth_options", error));
    const rf_synth_model *model;
    RF_TRY(rf_synth_model_find(r.options.shape, &model, error));
    RF_TRY(rf_synth_quant_find(r.options.quant, &r.quant, error));
    RF_TRY(check_limit("n_layers", r.options.n_layers, RF_MODEL_MAX_LAYERS, error));
    RF_TRY(check_limit("n_context", r.options.n_context, RF_MODEL_MAX_CONTEXT, error));
    RF_TRY(check_limit("n_threads", r.options.n_threads, RF_THREADS_MAX, error));
    r.model = *model;
    if (r.options.n_layers)
        r.model.n_layers = r.options.n_layers;
    if (r.options.n_context)
        r.model.n_context = r.options.n_context;
    RF_TRY(rf_synth_list_make(&r.model, r.quant, r.options.pure, &r.list, error));
    uint64_t head = rf_synth_head_bytes(&r.model, r.list.count);
    if (!rf_add(r.list.summary.tensor_bytes, head, &r.list.summary.file_bytes)) {
        rf_synth_list_free(&r.list);
        return rf_error_set(error, RF_ERROR_OVERFLOW, "the bytes of the file exceed 2^64");
    }
    *out = r;
    return RF_OK;
}

rf_status rf_synth_measure(const rf_synth_options *options, rf_synth_summary *out, rf_error *error)
{
    request r;
    RF_TRY(resolve(options, &r, error));
    *out = r.list.summary;
    rf_synth_list_free(&r.list);
    return RF_OK;
}

static rf_status system_error(rf_error *error, const char *path, const char *what)
{
    int code = errno;
    char reason[128];
    return rf_error_set_code(error, RF_ERROR_IO, code, "%s: %s: %s", path, what,
                             strerror_r(code, reason, sizeof(reason)));
}

/* Whether a file may appear under this name. Never the name of a device or a pipe: the file would
 * take its place. */
static rf_status check_name(const char *path, bool overwrite, rf_error *error)
{
    struct stat there;
    if (!path || !*path)
        return rf_error_set(error, RF_ERROR_ARGUMENT, "no path given");
    if (stat(path, &there) != 0)
        return errno == ENOENT ? RF_OK : system_error(error, path, "cannot look at it");
    if (!S_ISREG(there.st_mode))
        return rf_error_set(error, RF_ERROR_ARGUMENT, "%s: is no regular file", path);
    if (!overwrite)
        return rf_error_set(error, RF_ERROR_ARGUMENT, "%s: is there already", path);
    return RF_OK;
}

/* Whether the file fits beside what is there, also what it will replace. */
static rf_status check_space(const char *path, uint64_t bytes, rf_error *error)
{
    const char *slash = strrchr(path, '/');
    char *folder = !slash ? rf_strdup(".") : rf_strndup(path, (size_t)(slash - path) + 1);
    if (!folder)
        return rf_error_host_memory(error, "a path", strlen(path) + 1);
    struct statvfs system;
    rf_status status = RF_OK;
    uint64_t free_bytes;
    if (statvfs(folder, &system) != 0)
        status = system_error(error, folder, "cannot ask for its free space");
    else if (!rf_mul(system.f_bavail, system.f_frsize, &free_bytes))
        free_bytes = UINT64_MAX; /* some network file systems say so: without a limit */
    if (status == RF_OK && free_bytes < bytes)
        status = rf_error_set(error, RF_ERROR_FULL,
                              "%s: asked for %.2f GiB (%" PRIu64 " bytes), free are %.2f GiB", path,
                              (double)bytes / 0x1p30, bytes, (double)free_bytes / 0x1p30);
    rf_free(folder);
    return status;
}

static rf_status write_parts(const request *r, rf_gguf_writer *writer, rf_threads *threads,
                             rf_error *error)
{
    RF_TRY(rf_synth_write_metadata(writer, &r->model, r->quant, error));
    RF_TRY(rf_synth_write_tokenizer(writer, &r->model, error));
    for (uint32_t i = 0; i < r->list.count; i++) {
        const rf_synth_tensor *t = &r->list.tensors[i];
        RF_TRY(
            rf_gguf_write_tensor(writer, t->name, t->type, t->n_dimensions, t->shape, NULL, error));
    }
    RF_TRY(rf_synth_write_data(writer, &r->model, &r->list, &r->options, threads, error));
    return rf_gguf_writer_finish(writer, error);
}

static rf_status write_file(const char *path, const request *r, rf_error *error)
{
    RF_TRY(check_name(path, r->options.overwrite, error));
    RF_TRY(check_space(path, r->list.summary.file_bytes, error));
    rf_threads *threads;
    RF_TRY(rf_threads_create(r->options.n_threads, &threads, error));
    rf_gguf_writer *writer = NULL;
    rf_status status = rf_gguf_writer_create(path, 0, &writer, error);
    if (status == RF_OK)
        status = write_parts(r, writer, threads, error);
    rf_gguf_writer_free(writer);
    rf_threads_free(threads);
    return status;
}

rf_status rf_synth_write(const char *path, const rf_synth_options *options, rf_error *error)
{
    request r;
    RF_TRY(resolve(options, &r, error));
    rf_status status = write_file(path, &r, error);
    rf_synth_list_free(&r.list);
    return status;
}
