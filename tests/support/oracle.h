/* oracle.h: finding the ground-truth files that are kept beside the source tree. */
#ifndef RF_TESTS_SUPPORT_ORACLE_H
#define RF_TESTS_SUPPORT_ORACLE_H

#include <stdbool.h>
#include <stddef.h>

#define ORACLE_PATH_BYTES 4096

/* The path of a file of the oracle, such as "quant/blocks.gguf". Where the oracle is absent the
 * running cmocka test is skipped, with a line that says so. */
void oracle_path(const char *name, char path[ORACLE_PATH_BYTES]);

/* Whether the oracle is there at all, for tests that loop over its folders. */
bool oracle_present(void);

/* A path in the source tree or the build folder. */
void source_path(const char *name, char path[ORACLE_PATH_BYTES]);
void build_path(const char *name, char path[ORACLE_PATH_BYTES]);

#endif
