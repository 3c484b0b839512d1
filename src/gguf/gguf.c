/* gguf.c: opening a model of one file or several, its shared ownership, and the public accessors.
 */
#include "gguf/gguf.h"

#include <inttypes.h>
#include <stdatomic.h>

#include "base/memory.h"
#include "gguf/parse.h"
#include "gguf/split.h"

struct rf_gguf {
    rf_gguf *self; /* how the owner of a const handle takes one more reference */
    _Atomic uint64_t references;
    uint32_t version; /* of the first file, as is the alignment */
    uint64_t alignment;
    rf_gguf_metadata metadata; /* of the first file; the others only repeat the split keys */
    rf_gguf_tensors tensors;   /* of all files */
    rf_file **files;
    uint32_t n_files;
};

/* Opens and parses the next file; its metadata goes to *metadata, to be freed also on failure. */
static rf_status add_file(rf_gguf *gguf, const char *path, rf_gguf_header *header,
                          rf_gguf_metadata *metadata, rf_error *error)
{
    uint32_t number = gguf->n_files;
    rf_file **files = rf_realloc(gguf->files, (size_t)number + 1, sizeof(rf_file *));
    if (!files)
        return rf_error_host_memory(error, "a list of files", (number + 1) * sizeof(rf_file *));
    gguf->files = files;
    RF_TRY(rf_file_open(path, &files[number], error));
    gguf->n_files++;
    return rf_gguf_parse_file(files[number], number, header, metadata, &gguf->tensors, error);
}

static rf_status check_part(const rf_gguf_metadata *metadata, uint32_t number,
                            const rf_gguf_split *first, rf_error *error)
{
    rf_gguf_split split = {0};
    RF_TRY(rf_gguf_split_read(metadata, &split, error));
    if (split.count != first->count || split.number != number ||
        split.n_tensors != first->n_tensors)
        return rf_error_set(error, RF_ERROR_FORMAT,
                            "its keys say part %" PRIu32 " of %" PRIu32 " with %" PRIu64
                            " tensors in all, expected part %" PRIu32 " of %" PRIu32
                            " with %" PRIu64,
                            split.number + 1, split.count, split.n_tensors, number + 1,
                            first->count, first->n_tensors);
    return RF_OK;
}

static rf_status add_part(rf_gguf *gguf, const char *first_path, uint32_t number,
                          const rf_gguf_split *first, rf_error *error)
{
    char *path = NULL;
    rf_gguf_header header = {0};
    rf_gguf_metadata metadata = {0};
    RF_TRY(rf_gguf_split_path(first_path, 0, first->count, number, &path, error));
    rf_status status = add_file(gguf, path, &header, &metadata, error);
    if (status == RF_OK) {
        status = check_part(&metadata, number, first, error);
        if (status != RF_OK)
            rf_error_context(error, status, "%s", path);
    }
    rf_gguf_metadata_free(&metadata);
    rf_free(path);
    return status;
}

static rf_status refuse_later_part(const char *path, const rf_gguf_split *split, rf_error *error)
{
    char *first = NULL;
    RF_TRY(rf_gguf_split_path(path, split->number, split->count, 0, &first, error));
    rf_error_set(error, RF_ERROR_ARGUMENT,
                 "%s: part %" PRIu32 " of %" PRIu32 " of a split model: open the first, %s", path,
                 split->number + 1, split->count, first);
    rf_free(first);
    return RF_ERROR_ARGUMENT;
}

/* Opens the other parts where the first file says that there are some. */
static rf_status add_other_parts(rf_gguf *gguf, const char *path, rf_error *error)
{
    rf_gguf_split split = {0};
    rf_status status = rf_gguf_split_read(&gguf->metadata, &split, error);
    if (status != RF_OK)
        return rf_error_context(error, status, "%s", path);
    if (split.number != 0)
        return refuse_later_part(path, &split, error);
    for (uint32_t i = 1; i < split.count; i++) {
        status = add_part(gguf, path, i, &split, error);
        if (status != RF_OK)
            return rf_error_context(error, status, "part %" PRIu32 " of %" PRIu32, i + 1,
                                    split.count);
    }
    if (split.count > 1 && gguf->tensors.count != split.n_tensors)
        return rf_error_set(error, RF_ERROR_FORMAT,
                            "%s: %zu tensors in %" PRIu32 " parts, but the metadata says %" PRIu64,
                            path, gguf->tensors.count, split.count, split.n_tensors);
    return RF_OK;
}

static rf_status open_all(rf_gguf *gguf, const char *path, rf_error *error)
{
    rf_gguf_header header = {0};
    RF_TRY(add_file(gguf, path, &header, &gguf->metadata, error));
    gguf->version = header.version;
    gguf->alignment = header.alignment;
    return add_other_parts(gguf, path, error);
}

rf_status rf_gguf_open(const char *path, rf_gguf **out, rf_error *error)
{
    if (!path || !out)
        return rf_error_set(error, RF_ERROR_ARGUMENT, "rf_gguf_open: path and out must be given");
    rf_gguf *gguf = rf_calloc(1, sizeof(*gguf));
    if (!gguf)
        return rf_error_host_memory(error, "a GGUF handle", sizeof(*gguf));
    gguf->self = gguf;
    atomic_init(&gguf->references, 1);
    rf_status status = open_all(gguf, path, error);
    if (status != RF_OK) {
        rf_gguf_close(gguf);
        return status;
    }
    *out = gguf;
    return RF_OK;
}

rf_gguf *rf_gguf_retain(const rf_gguf *gguf)
{
    /* Relaxed: whoever retains holds a reference already, so nothing can be freed meanwhile. */
    atomic_fetch_add_explicit(&gguf->self->references, 1, memory_order_relaxed);
    return gguf->self;
}

void rf_gguf_close(rf_gguf *gguf)
{
    /* Release our uses to the thread that frees, which acquires those of all others. */
    if (!gguf || atomic_fetch_sub_explicit(&gguf->references, 1, memory_order_acq_rel) != 1)
        return;
    for (uint32_t i = 0; i < gguf->n_files; i++)
        rf_file_close(gguf->files[i]);
    rf_free(gguf->files);
    rf_gguf_metadata_free(&gguf->metadata);
    rf_gguf_tensors_free(&gguf->tensors);
    rf_free(gguf);
}

uint32_t rf_gguf_version(const rf_gguf *gguf)
{
    return gguf->version;
}

uint64_t rf_gguf_alignment(const rf_gguf *gguf)
{
    return gguf->alignment;
}

uint32_t rf_gguf_file_count(const rf_gguf *gguf)
{
    return gguf->n_files;
}

rf_file *rf_gguf_file(const rf_gguf *gguf, uint32_t file)
{
    return file < gguf->n_files ? gguf->files[file] : NULL;
}

const char *rf_gguf_file_path(const rf_gguf *gguf, uint32_t file)
{
    return file < gguf->n_files ? rf_file_path(gguf->files[file]) : NULL;
}

uint64_t rf_gguf_file_bytes(const rf_gguf *gguf, uint32_t file)
{
    return file < gguf->n_files ? rf_file_bytes(gguf->files[file]) : 0;
}

size_t rf_gguf_value_count(const rf_gguf *gguf)
{
    return gguf->metadata.count;
}

const rf_gguf_value *rf_gguf_value_at(const rf_gguf *gguf, size_t i)
{
    return i < gguf->metadata.count ? &gguf->metadata.values[i] : NULL;
}

const rf_gguf_value *rf_gguf_find(const rf_gguf *gguf, const char *key)
{
    return key ? rf_gguf_metadata_find(&gguf->metadata, key) : NULL;
}

size_t rf_gguf_tensor_count(const rf_gguf *gguf)
{
    return gguf->tensors.count;
}

const rf_gguf_tensor *rf_gguf_tensor_at(const rf_gguf *gguf, size_t i)
{
    return i < gguf->tensors.count ? &gguf->tensors.items[i] : NULL;
}

const rf_gguf_tensor *rf_gguf_find_tensor(const rf_gguf *gguf, const char *name)
{
    uint32_t i;
    if (!name || !rf_map_get(&gguf->tensors.index, (rf_string){name, strlen(name)}, &i))
        return NULL;
    return &gguf->tensors.items[i];
}
