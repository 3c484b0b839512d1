/* model_path.h: where models are looked for. */
#ifndef RF_CLI_MODEL_PATH_H
#define RF_CLI_MODEL_PATH_H

#include <stddef.h>

#include "rocmforge.h"

/*
 * The model folders that exist, in the order in which a name is looked for: those in
 * ROCMFORGE_MODELS, rocmforge/models in XDG_DATA_HOME (~/.local/share where that is not set), the
 * installed ones, and the build folder's when the program runs from there. *out is a new array of
 * *count paths, to be freed with rf_cli_model_folders_free.
 */
rf_status rf_cli_model_folders(char ***out, size_t *count, rf_error *error);
void rf_cli_model_folders_free(char **folders, size_t count);

/*
 * The path of a model given by the user: a path that exists, or a name in a model folder with or
 * without ".gguf"; NULL is the demo model. *out is to be freed with rf_free. Errors: NOT_FOUND,
 * which names the folders searched.
 */
rf_status rf_cli_model_path(const char *model, char **out, rf_error *error);

#endif
