/* registry.c: the list of shared models, guarded by one lock, which nobody holds while a model is
 * loaded, freed, or a callback runs. */
#include "model/registry.h"

#include <string.h>

#include "base/memory.h"
#include "gguf/gguf.h"

typedef enum entry_state {
    ENTRY_LOADING,
    ENTRY_READY,
    ENTRY_FREEING,
    ENTRY_FAILED, /* not in the list any more; kept for those who waited */
    ENTRY_GONE,   /* likewise */
} entry_state;

struct rf_model_entry {
    rf_model_entry *next; /* of the list */
    entry_state state;
    uint32_t references; /* loads given out and not given back */
    uint32_t waiters;    /* threads that look at it */
    pthread_t loader;
    rf_model *model;
    uint64_t done, total; /* bytes */
    rf_status status;     /* of a failed load, and its error */
    rf_error error;
    /* What it is. */
    const rf_runtime *runtime;
    const rf_runtime *host;
    uint32_t device_layers; /* 0 without a host */
    bool no_mmap;
    bool verify;
    uint64_t pool_bytes;
    uint64_t alignment;
    uint32_t n_files;
    rf_file_identity files[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER; /* some entry has */
static rf_model_entry *entries;

/* ---- entries -------------------------------------------------------------------------------- */

rf_status rf_registry_describe(const rf_runtime *runtime, const rf_gguf *gguf,
                               const rf_model_options *options, rf_model_entry **out,
                               rf_error *error)
{
    uint32_t n_files = rf_gguf_file_count(gguf);
    size_t bytes = sizeof(rf_model_entry) + n_files * sizeof(rf_file_identity);
    rf_model_entry *entry = rf_calloc(1, bytes);
    if (!entry)
        return rf_error_host_memory(error, "the entry of a model", bytes);
    entry->runtime = runtime;
    entry->host = options->host;
    entry->device_layers = options->host ? options->device_layers : 0;
    entry->no_mmap = options->no_mmap;
    entry->verify = options->verify;
    entry->pool_bytes = options->pool_bytes ? options->pool_bytes : RF_PLAN_DEFAULT_POOL_BYTES;
    entry->alignment = options->alignment ? options->alignment : RF_PLAN_DEFAULT_ALIGNMENT;
    entry->n_files = n_files;
    for (uint32_t i = 0; i < n_files; i++)
        entry->files[i] = rf_file_identify(rf_gguf_file(gguf, i));
    *out = entry;
    return RF_OK;
}

void rf_registry_discard(rf_model_entry *entry)
{
    rf_free(entry);
}

static bool equal(const rf_model_entry *a, const rf_model_entry *b)
{
    /* Identities are whole words without padding. */
    return a->runtime == b->runtime && a->host == b->host && a->device_layers == b->device_layers &&
           a->no_mmap == b->no_mmap && a->verify == b->verify && a->pool_bytes == b->pool_bytes &&
           a->alignment == b->alignment && a->n_files == b->n_files &&
           memcmp(a->files, b->files, a->n_files * sizeof(a->files[0])) == 0;
}

/* The lock is held by those below. */

static rf_model_entry *find(const rf_model_entry *like)
{
    for (rf_model_entry *entry = entries; entry; entry = entry->next) {
        if (equal(entry, like))
            return entry;
    }
    return NULL;
}

/* Takes an entry out of the list; it is freed by the last who looks at it. */
static void retire(rf_model_entry *entry, entry_state state)
{
    rf_model_entry **link = &entries;
    while (*link != entry)
        link = &(*link)->next;
    *link = entry->next;
    entry->state = state;
    pthread_cond_broadcast(&changed);
    if (entry->waiters == 0)
        rf_free(entry);
}

static void stop_looking(rf_model_entry *entry)
{
    entry->waiters--;
    if (entry->waiters == 0 && (entry->state == ENTRY_FAILED || entry->state == ENTRY_GONE))
        rf_free(entry);
}

/* ---- joining -------------------------------------------------------------------------------- */

/* Waits until an entry is no longer being loaded or freed, and passes its progress on. The lock is
 * held, and released in between. */
static rf_status wait_for(const rf_model_entry *entry, rf_progress_callback progress, void *user,
                          rf_error *error)
{
    uint64_t told = UINT64_MAX;
    while (entry->state == ENTRY_LOADING || entry->state == ENTRY_FREEING) {
        if (!progress || entry->state != ENTRY_LOADING || !entry->total || entry->done == told) {
            pthread_cond_wait(&changed, &lock);
            continue;
        }
        uint64_t total = entry->total;
        told = entry->done;
        pthread_mutex_unlock(&lock);
        bool go_on = progress(user, told, total);
        pthread_mutex_lock(&lock);
        if (!go_on)
            return rf_error_set(error, RF_ERROR_CANCELLED, "the load was cancelled");
    }
    return RF_OK;
}

/* Waits for another's load. RF_OK where it is worth looking again: loaded, cancelled or freed. The
 * lock is held. */
static rf_status wait_as_guest(rf_model_entry *entry, rf_progress_callback progress, void *user,
                               rf_error *error)
{
    if (entry->state == ENTRY_LOADING && pthread_equal(entry->loader, pthread_self()))
        return rf_error_set(error, RF_ERROR_BUSY,
                            "the model was asked for from the progress of its own load");
    entry->waiters++;
    rf_status status = wait_for(entry, progress, user, error);
    if (status == RF_OK && entry->state == ENTRY_FAILED && entry->status != RF_ERROR_CANCELLED) {
        status = entry->status;
        if (error)
            *error = entry->error;
    }
    stop_looking(entry);
    return status;
}

rf_status rf_registry_join(rf_model_entry *entry, rf_progress_callback progress,
                           void *progress_user, rf_model **shared, rf_error *error)
{
    rf_status status = RF_OK;
    pthread_mutex_lock(&lock);
    while (status == RF_OK) {
        rf_model_entry *other = find(entry);
        if (!other) {
            entry->state = ENTRY_LOADING;
            entry->loader = pthread_self();
            entry->next = entries;
            entries = entry;
            *shared = NULL;
            break;
        }
        if (other->state == ENTRY_READY) {
            if (other->references == UINT32_MAX) {
                status = rf_error_set(error, RF_ERROR_FULL, "the model is shared too many times");
                break;
            }
            other->references++;
            *shared = other->model;
            break;
        }
        status = wait_as_guest(other, progress, progress_user, error);
    }
    pthread_mutex_unlock(&lock);
    return status;
}

void rf_registry_report(rf_model_entry *entry, uint64_t done_bytes, uint64_t total_bytes)
{
    pthread_mutex_lock(&lock);
    entry->done = done_bytes;
    entry->total = total_bytes;
    if (entry->waiters)
        pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

void rf_registry_settle(rf_model_entry *entry, rf_model *model, rf_status status,
                        const rf_error *error)
{
    pthread_mutex_lock(&lock);
    if (status == RF_OK) {
        entry->model = model;
        entry->references = 1;
        entry->state = ENTRY_READY;
        pthread_cond_broadcast(&changed);
    } else {
        entry->status = status;
        entry->error = *error;
        retire(entry, ENTRY_FAILED);
    }
    pthread_mutex_unlock(&lock);
}

/* ---- giving back ---------------------------------------------------------------------------- */

rf_status rf_registry_give(rf_model *model, bool *last, rf_error *error)
{
    rf_model_entry *entry = model->entry;
    rf_status status = RF_OK;
    pthread_mutex_lock(&lock);
    uint32_t n_engines = entry->references == 1 ? rf_model_engines(model) : 0;
    if (n_engines) {
        status = rf_error_set(error, RF_ERROR_BUSY, "%u engines use the model", n_engines);
    } else {
        entry->references--;
        *last = entry->references == 0;
        if (*last)
            entry->state = ENTRY_FREEING;
    }
    pthread_mutex_unlock(&lock);
    return status;
}

void rf_registry_forget(rf_model_entry *entry)
{
    pthread_mutex_lock(&lock);
    retire(entry, ENTRY_GONE);
    pthread_mutex_unlock(&lock);
}
