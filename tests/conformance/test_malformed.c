/*
 * test_malformed.c: every malformed file of the ground truth is refused, with a reason and with all
 * that was taken given back; the good one among them runs.
 */
#include "support/cmocka.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "support/oracle.h"
#include "support/session.h"

static void check_file(rf_runtime *runtime, const char *path, bool good)
{
    rf_error error = {0};
    rf_model *model = NULL;
    rf_memory_stats before = {.version = RF_MEMORY_STATS_VERSION};
    rf_memory_stats after = {.version = RF_MEMORY_STATS_VERSION};
    assert_int_equal(rf_memory_stats_get(runtime, &before, NULL), RF_OK);
    uint64_t live = rf_host_live_count();
    rf_status status = rf_model_load(runtime, path, NULL, &model, &error);
    print_message("%s: %s\n", strrchr(path, '/') + 1, status == RF_OK ? "loads" : error.message);
    assert_int_equal(status == RF_OK, good);
    if (!good) {
        assert_null(model);
        assert_int_equal(error.status, status);
        assert_true(strlen(error.message) > 10);
    }
    assert_int_equal(rf_model_free(model, NULL), RF_OK);
    assert_int_equal(rf_memory_stats_get(runtime, &after, NULL), RF_OK);
    assert_int_equal(after.reserved, before.reserved);
    assert_int_equal(rf_host_live_count(), live);
}

static void every_defect_is_refused(void **state)
{
    (void)state;
    char folder[ORACLE_PATH_BYTES];
    oracle_path("malformed", folder);
    rf_runtime *runtime = NULL;
    assert_int_equal(rf_runtime_open(CPU_RUNTIME, &runtime, NULL), RF_OK);
    DIR *entries = opendir(folder);
    assert_non_null(entries);
    unsigned checked = 0;
    for (struct dirent *entry; (entry = readdir(entries));) {
        if (!strstr(entry->d_name, ".gguf"))
            continue;
        char path[2 * ORACLE_PATH_BYTES];
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        check_file(runtime, path, strcmp(entry->d_name, "good.gguf") == 0);
        checked++;
    }
    closedir(entries);
    assert_true(checked > 1);
    assert_int_equal(rf_runtime_close(runtime, NULL), RF_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_defect_is_refused),
    };
    return cmocka_run_group_tests_name("malformed", tests, NULL, NULL);
}
