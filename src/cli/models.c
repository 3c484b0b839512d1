/* models.c: rocmforge models. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "cli/model_path.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/totals.h"

enum {
    NAME_WIDTH = 36,
    SHORT_NAME = 64
}; /* columns of a file's name; bytes of an architecture's */

/* What is shown of a file. Texts that are views belong to the open file. */
typedef struct entry {
    const char *path;
    const char *name; /* the path's last part */
    rf_gguf *gguf;    /* NULL where it could not be opened */
    rf_error problem; /* why not */
} entry;

static rf_string architecture(const rf_gguf *gguf)
{
    const rf_gguf_value *value = rf_gguf_find(gguf, "general.architecture");
    return value && value->type == RF_GGUF_STRING ? value->s : (rf_string){"unknown", 7};
}

static void print_line(const entry *e)
{
    rf_cli_print_name(e->name, NAME_WIDTH);
    if (!e->gguf) {
        /* Messages name the file in front, as the line does already. */
        const char *reason = e->problem.message;
        size_t length = strlen(e->path);
        if (strncmp(reason, e->path, length) == 0 && strncmp(reason + length, ": ", 2) == 0)
            reason += length + 2;
        printf(" broken: %s\n", reason);
        return;
    }
    char bytes[RF_CLI_NUMBER_BYTES];
    char parameters[RF_CLI_NUMBER_BYTES];
    rf_cli_totals totals = rf_cli_totals_of(e->gguf);
    printf(" %-8s %10s %10s  ", totals.main_type, rf_cli_quantity(totals.elements, parameters),
           rf_cli_bytes(totals.file_bytes, bytes));
    rf_cli_print_escaped(architecture(e->gguf), SHORT_NAME);
    putchar('\n');
}

static bool add_json(json_t *list, const entry *e)
{
    json_t *object = json_object();
    bool good =
        rf_cli_json_set(object, "path", rf_cli_json_text((rf_string){e->path, strlen(e->path)}));
    if (e->gguf) {
        rf_cli_totals totals = rf_cli_totals_of(e->gguf);
        good &= rf_cli_json_set(object, "architecture", rf_cli_json_text(architecture(e->gguf)));
        good &= rf_cli_json_set(object, "type", json_string(totals.main_type));
        good &= rf_cli_json_set(object, "parameters", rf_cli_json_count(totals.elements));
        good &= rf_cli_json_set(object, "bytes", rf_cli_json_count(totals.file_bytes));
    } else {
        const char *message = e->problem.message;
        good &= rf_cli_json_set(object, "error",
                                rf_cli_json_text((rf_string){message, strlen(message)}));
    }
    return rf_cli_json_add(list, object) && good;
}

/* Whether a name is a GGUF file's, and not a later part of a split model ("…-00002-of-00003.gguf").
 */
static int is_model(const struct dirent *file)
{
    const char *name = file->d_name;
    size_t length = strlen(name);
    unsigned part = 1;
    unsigned parts = 1;
    if (length < 5 || strcmp(name + length - 5, ".gguf") != 0)
        return 0;
    const char *tail = length > 20 ? name + length - 20 : NULL;
    if (tail && sscanf(tail, "-%5u-of-%5u.gguf", &part, &parts) == 2 && part > 1)
        return 0;
    return 1;
}

/* Lists a file on standard output, or adds it to list unless that is NULL. */
static bool show(const char *path, json_t *list)
{
    entry e = {.path = path, .name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path};
    if (rf_gguf_open(path, &e.gguf, &e.problem) != RF_OK)
        e.gguf = NULL;
    bool good = true;
    if (list)
        good = add_json(list, &e);
    else
        print_line(&e);
    rf_gguf_close(e.gguf);
    return good;
}

static rf_status show_folder(const char *folder, json_t *list, bool *complete, rf_error *error)
{
    struct dirent **files = NULL;
    int count = scandir(folder, &files, is_model, alphasort);
    if (count < 0) {
        char reason[128];
        return rf_error_set_code(error, RF_ERROR_IO, errno, "%s: cannot read the folder: %s",
                                 folder, strerror_r(errno, reason, sizeof(reason)));
    }
    if (!list) {
        rf_cli_print_name(folder, 0);
        printf("%s\n", count ? "" : " (no models)");
    }
    for (int i = 0; i < count; i++) {
        char path[4096];
        if (snprintf(path, sizeof(path), "%s/%s", folder, files[i]->d_name) < (int)sizeof(path))
            *complete &= show(path, list);
        free(files[i]); /* scandir's own */
    }
    free(files);
    return RF_OK;
}

rf_status rf_cli_models(const rf_cli_settings *settings, rf_error *error)
{
    char **folders = NULL;
    size_t count = 0;
    RF_TRY(rf_cli_model_folders(&folders, &count, error));
    json_t *list = settings->json ? json_array() : NULL;
    bool complete = !settings->json || list;
    rf_status status = RF_OK;
    for (size_t i = 0; i < count && status == RF_OK; i++)
        status = show_folder(folders[i], list, &complete, error);
    if (status == RF_OK && settings->json)
        status = rf_cli_json_print(list, complete, error);
    else
        json_decref(list);
    rf_cli_model_folders_free(folders, count);
    return status;
}
