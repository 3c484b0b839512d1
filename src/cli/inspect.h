/* inspect.h: the two ways in which rocmforge inspect prints a file. */
#ifndef RF_CLI_INSPECT_H
#define RF_CLI_INSPECT_H

#include "cli/options.h"

/* A metadata type's short name: "u32", "string"; "?" where it is none. */
const char *rf_cli_value_type_name(rf_gguf_type type);

/* Prints the file as one JSON document; arrays longer than a few items only if all is true. */
rf_status rf_cli_inspect_json(const rf_gguf *gguf, bool all, rf_error *error);

#endif
