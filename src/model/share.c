/* share.c: the public load and free of models, which many threads may ask for: one loads, all
 * share. */
#include "base/clock.h"
#include "base/options.h"
#include "gguf/gguf.h"
#include "model/registry.h"

/* The progress of a load goes to those who wait for it too. */
typedef struct listeners {
    rf_model_entry *entry;
    rf_progress_callback progress;
    void *progress_user;
} listeners;

static bool tell(void *user, uint64_t done_bytes, uint64_t total_bytes)
{
    const listeners *l = user;
    rf_registry_report(l->entry, done_bytes, total_bytes);
    return !l->progress || l->progress(l->progress_user, done_bytes, total_bytes);
}

/* Loads the model of an entry that is registered, and tells the registry how that went. */
static rf_status load_entry(rf_runtime *runtime, const rf_gguf *gguf, rf_model_entry *entry,
                            const rf_model_options *options, uint64_t start_ns, const char *path,
                            rf_model **out, rf_error *error)
{
    rf_error own = {0}; /* needed for those who wait, also where the caller wants none */
    listeners l = {entry, options->progress, options->progress_user};
    rf_model_options heard = *options;
    heard.progress = tell;
    heard.progress_user = &l;
    rf_model *model = NULL;
    rf_status status = rf_model_make(runtime, gguf, &heard, start_ns, &model, &own);
    if (status == RF_OK)
        model->entry = entry;
    else
        rf_error_context(&own, status, "%s", path);
    rf_registry_settle(entry, model, status, &own);
    if (status == RF_OK)
        *out = model;
    else if (error)
        *error = own;
    return status;
}

/* The last word of progress to who found the model loaded; it may still cancel. */
static rf_status hand_over(rf_model *model, const rf_model_options *options, rf_error *error)
{
    uint64_t bytes = model->load_stats.bytes;
    if (!options->progress || options->progress(options->progress_user, bytes, bytes))
        return RF_OK;
    (void)rf_model_free(model,
                        NULL); /* the others' engines cannot make it busy: they hold it too */
    return rf_error_set(error, RF_ERROR_CANCELLED, "the load was cancelled");
}

static rf_status load_or_share(rf_runtime *runtime, const rf_gguf *gguf,
                               const rf_model_options *options, uint64_t start_ns, const char *path,
                               rf_model **out, rf_error *error)
{
    rf_model_entry *entry = NULL;
    rf_model *shared = NULL;
    RF_TRY(rf_registry_describe(runtime, gguf, options, &entry, error));
    rf_status status =
        rf_registry_join(entry, options->progress, options->progress_user, &shared, error);
    if (status == RF_OK && !shared)
        return load_entry(runtime, gguf, entry, options, start_ns, path, out, error);
    rf_registry_discard(entry);
    if (status == RF_OK)
        status = hand_over(shared, options, error);
    if (status == RF_OK)
        *out = shared;
    return status;
}

rf_status rf_model_load(rf_runtime *runtime, const char *path, const rf_model_options *options,
                        rf_model **out, rf_error *error)
{
    uint64_t start_ns = rf_clock_ns();
    rf_model_options known = RF_MODEL_OPTIONS_INIT;
    rf_gguf *gguf = NULL;
    RF_TRY(rf_options_read(&known, sizeof(known), options, "rf_model_options", error));
    RF_TRY(rf_gguf_open(path, &gguf, error));
    rf_status status = load_or_share(runtime, gguf, &known, start_ns, path, out, error);
    rf_gguf_close(gguf);
    return status;
}

rf_status rf_model_free(rf_model *model, rf_error *error)
{
    bool last = false;
    if (!model)
        return RF_OK;
    RF_TRY(rf_registry_give(model, &last, error));
    if (!last)
        return RF_OK;
    rf_model_entry *entry = model->entry;
    rf_status status = rf_model_destroy(model, error);
    rf_registry_forget(entry);
    return status;
}
