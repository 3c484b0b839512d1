/* model_path.c: model folders and the models in them. */
#include "cli/model_path.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/env.h"
#include "base/memory.h"

#define DEMO_MODEL "demo"
#define FOLDER     "rocmforge/models"
#define PATH_BYTES 4096 /* Linux's PATH_MAX: no longer path can be opened */

/* The folder that the package installs models into; see src/cli/meson.build. */
#ifndef ROCMFORGE_DATADIR
#define ROCMFORGE_DATADIR "/usr/local/share"
#endif

typedef struct folder_list {
    char **paths;
    size_t count;
} folder_list;

void rf_cli_model_folders_free(char **folders, size_t count)
{
    for (size_t i = 0; i < count; i++)
        rf_free(folders[i]);
    rf_free(folders);
}

static bool is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static bool is_file(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

/* Adds a folder, `length` bytes of `head` and then `tail`, if it exists and is not there yet. */
static rf_status add_folder(folder_list *list, const char *head, size_t length, const char *tail,
                            rf_error *error)
{
    char path[PATH_BYTES];
    int n = snprintf(path, sizeof(path), "%.*s%s", (int)(length < PATH_BYTES ? length : PATH_BYTES),
                     head, tail);
    if (n <= 0 || n >= PATH_BYTES || !is_folder(path))
        return RF_OK; /* a folder that cannot be opened is no place to look in */
    for (size_t i = 0; i < list->count; i++) {
        struct stat a, b;
        if (stat(path, &a) == 0 && stat(list->paths[i], &b) == 0 && a.st_dev == b.st_dev &&
            a.st_ino == b.st_ino)
            return RF_OK;
    }
    char **paths = rf_realloc(list->paths, list->count + 1, sizeof(*paths));
    if (!paths)
        return rf_error_host_memory(error, "the model folders", sizeof(*paths));
    list->paths = paths;
    paths[list->count] = rf_strdup(path);
    if (!paths[list->count])
        return rf_error_host_memory(error, "a path", (uint64_t)n + 1);
    list->count++;
    return RF_OK;
}

static rf_status add_environment(folder_list *list, rf_error *error)
{
    const char *paths = rf_env_get(RF_ENV_MODEL_PATH);
    while (paths) {
        size_t length = strcspn(paths, ":");
        RF_TRY(add_folder(list, paths, length, "", error));
        paths = paths[length] ? paths + length + 1 : NULL;
    }
    const char *data = rf_env_get(RF_ENV_XDG_DATA_HOME);
    const char *home = rf_env_get(RF_ENV_HOME);
    if (data)
        return add_folder(list, data, strlen(data), "/" FOLDER, error);
    return home ? add_folder(list, home, strlen(home), "/.local/share/" FOLDER, error) : RF_OK;
}

/* The length of a path without its last `parts` parts and the '/' in front of them; 0 if it has
 * fewer. */
static size_t cut_parts(const char *path, size_t length, unsigned parts)
{
    for (; length > 0; length--) {
        if (path[length - 1] == '/' && --parts == 0)
            return length - 1;
    }
    return 0;
}

/* Folders found from the program's own place, so that an installation may be moved as a whole. */
static rf_status add_beside_program(folder_list *list, rf_error *error)
{
    char program[PATH_BYTES];
    ssize_t got = readlink("/proc/self/exe", program, sizeof(program)); /* does not terminate it */
    size_t length = got > 0 ? (size_t)got : 0;
    size_t prefix = cut_parts(program, length, 2); /* of PREFIX/bin/rocmforge */
    if (prefix)
        RF_TRY(add_folder(list, program, prefix, "/share/" FOLDER, error));
    RF_TRY(add_folder(list, ROCMFORGE_DATADIR, strlen(ROCMFORGE_DATADIR), "/" FOLDER, error));
    size_t build = cut_parts(program, length, 3); /* of BUILD/src/cli/rocmforge */
    return build ? add_folder(list, program, build, "/models", error) : RF_OK;
}

rf_status rf_cli_model_folders(char ***out, size_t *count, rf_error *error)
{
    folder_list list = {0};
    rf_status status = add_environment(&list, error);
    if (status == RF_OK)
        status = add_beside_program(&list, error);
    if (status != RF_OK) {
        rf_cli_model_folders_free(list.paths, list.count);
        return status;
    }
    *out = list.paths;
    *count = list.count;
    return RF_OK;
}

static rf_status no_such_path(const char *name, rf_error *error)
{
    return rf_error_set(error, RF_ERROR_NOT_FOUND, "model '%s': %s", name,
                        is_folder(name) ? "a folder, not a file" : "no such file");
}

static rf_status not_found(const char *name, char *const *folders, size_t count, rf_error *error)
{
    rf_buffer text = {0};
    rf_status status = RF_OK;
    for (size_t i = 0; i < count && status == RF_OK; i++)
        status = rf_buffer_format(&text, error, "%s%s", i ? ", " : "", folders[i]);
    if (status == RF_OK)
        status =
            rf_error_set(error, RF_ERROR_NOT_FOUND,
                         "model '%s': no such file, and no such name in the model folders (%.*s)",
                         name, count ? (int)text.length : 4, count ? text.data : "none");
    rf_buffer_free(&text);
    return status;
}

rf_status rf_cli_model_path(const char *model, char **out, rf_error *error)
{
    const char *name = model ? model : DEMO_MODEL;
    char path[PATH_BYTES];
    bool found = model && access(model, F_OK) == 0 && !is_folder(model) &&
                 snprintf(path, sizeof(path), "%s", model) < PATH_BYTES;
    char **folders = NULL;
    size_t count = 0;
    /* A name with a '/' is a path and nothing else. */
    if (!found && !strchr(name, '/'))
        RF_TRY(rf_cli_model_folders(&folders, &count, error));
    static const char *const suffixes[] = {"", ".gguf"};
    for (size_t i = 0; i < 2 * count && !found; i++) {
        int length = snprintf(path, sizeof(path), "%s/%s%s", folders[i / 2], name, suffixes[i % 2]);
        found = length > 0 && length < PATH_BYTES && is_file(path);
    }
    rf_status status = RF_OK;
    if (!found) {
        status =
            strchr(name, '/') ? no_such_path(name, error) : not_found(name, folders, count, error);
    } else {
        char *copy = rf_strdup(path);
        if (copy)
            *out = copy;
        else
            status = rf_error_host_memory(error, "a path", strlen(path) + 1);
    }
    rf_cli_model_folders_free(folders, count);
    return status;
}
