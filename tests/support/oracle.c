/* oracle.c: paths for tests. */
#include "support/oracle.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "support/cmocka.h"

static void join(const char *variable, const char *name, char path[ORACLE_PATH_BYTES])
{
    const char *folder = getenv(variable);
    if (!folder)
        fail_msg("%s is not set: run the tests with 'meson test'", variable);
    int length = snprintf(path, ORACLE_PATH_BYTES, "%s/%s", folder, name);
    assert_in_range(length, 1, ORACLE_PATH_BYTES - 1);
}

bool oracle_present(void)
{
    char path[ORACLE_PATH_BYTES];
    join("ROCMFORGE_ORACLE", ".", path);
    return access(path, R_OK) == 0;
}

void oracle_path(const char *name, char path[ORACLE_PATH_BYTES])
{
    if (!oracle_present()) {
        print_message("skipped: the ground-truth files are not here (%s)\n", name);
        skip();
    }
    join("ROCMFORGE_ORACLE", name, path);
}

void source_path(const char *name, char path[ORACLE_PATH_BYTES])
{
    join("ROCMFORGE_SOURCE", name, path);
}

void build_path(const char *name, char path[ORACLE_PATH_BYTES])
{
    join("ROCMFORGE_BUILD", name, path);
}
