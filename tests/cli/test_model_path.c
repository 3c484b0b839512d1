/* test_model_path.c: models are found by path and by name, in folders of the test's own making. */
#include "support/cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/memory.h"
#include "cli/model_path.h"

/* Two model folders, named in ROCMFORGE_MODELS and under HOME. */
typedef struct fixture {
    char root[64];
    char first[128];
    char second[128];
} fixture;

static void touch(const char *folder, const char *name)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
}

static void make_folder(const char *root, const char *name)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", root, name);
    assert_int_equal(mkdir(path, 0700), 0);
}

static int set_up(void **state)
{
    static fixture f;
    f = (fixture){.root = "/tmp/rocmforge-test-XXXXXX"};
    assert_non_null(mkdtemp(f.root));
    static const char *const folders[] = {"first", "data", "data/rocmforge",
                                          "data/rocmforge/models"};
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
        make_folder(f.root, folders[i]);
    snprintf(f.first, sizeof(f.first), "%s/first", f.root);
    snprintf(f.second, sizeof(f.second), "%s/data/rocmforge/models", f.root);
    touch(f.first, "both.gguf");
    touch(f.second, "both.gguf");
    touch(f.second, "only.gguf");
    char paths[512];
    snprintf(paths, sizeof(paths), "%s/absent::%s:%s", f.root, f.first, f.first);
    assert_int_equal(setenv("ROCMFORGE_MODELS", paths, 1), 0);
    snprintf(paths, sizeof(paths), "%s/data", f.root);
    assert_int_equal(setenv("XDG_DATA_HOME", paths, 1), 0);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    const fixture *f = *state;
    char command[256];
    snprintf(command, sizeof(command), "rm -r '%s'", f->root);
    return system(command); /* the name is mkdtemp's */
}

static void folders_exist_and_are_named_once(void **state)
{
    const fixture *f = *state;
    char **folders = NULL;
    size_t count = 0;
    assert_int_equal(rf_cli_model_folders(&folders, &count, NULL), RF_OK);
    assert_in_range(count, 2, 5);
    assert_string_equal(folders[0], f->first);
    assert_string_equal(folders[1], f->second);
    rf_cli_model_folders_free(folders, count);
}

static void expect_path(const char *model, const char *folder, const char *name)
{
    char expected[256];
    snprintf(expected, sizeof(expected), "%s/%s", folder, name);
    char *path = NULL;
    assert_int_equal(rf_cli_model_path(model, &path, NULL), RF_OK);
    assert_string_equal(path, expected);
    rf_free(path);
}

static void names_are_found_in_order(void **state)
{
    const fixture *f = *state;
    expect_path("both", f->first, "both.gguf");
    expect_path("only", f->second, "only.gguf");
    expect_path("only.gguf", f->second, "only.gguf");
    char path[256];
    snprintf(path, sizeof(path), "%s/both.gguf", f->second);
    expect_path(path, f->second, "both.gguf");
}

static void what_is_not_there_is_an_error_that_says_where_it_was_sought(void **state)
{
    const fixture *f = *state;
    char *path = NULL;
    rf_error error;
    assert_int_equal(rf_cli_model_path("nowhere", &path, &error), RF_ERROR_NOT_FOUND);
    assert_non_null(strstr(error.message, "'nowhere'"));
    assert_non_null(strstr(error.message, f->first));
    assert_int_equal(rf_cli_model_path("no/where", &path, &error), RF_ERROR_NOT_FOUND);
    assert_string_equal(error.message, "model 'no/where': no such file");
    assert_int_equal(rf_cli_model_path("/", &path, &error), RF_ERROR_NOT_FOUND);
    assert_null(path);
}

static void failed_allocations_leak_nothing(void **state)
{
    (void)state;
    uint64_t before = rf_host_live_count();
    bool fired = true;
    for (uint64_t n = 1; fired; n++) {
        char *path = NULL;
        rf_fault_arm(RF_FAULT_HOST_ALLOC, n);
        rf_status status = rf_cli_model_path("only", &path, NULL);
        fired = rf_fault_fired(RF_FAULT_HOST_ALLOC);
        rf_fault_arm(RF_FAULT_HOST_ALLOC, 0);
        assert_int_equal(status, fired ? RF_ERROR_HOST_MEMORY : RF_OK);
        rf_free(path);
        assert_int_equal(rf_host_live_count(), before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folders_exist_and_are_named_once),
        cmocka_unit_test(names_are_found_in_order),
        cmocka_unit_test(what_is_not_there_is_an_error_that_says_where_it_was_sought),
        cmocka_unit_test(failed_allocations_leak_nothing),
    };
    return cmocka_run_group_tests_name("cli model path", tests, set_up, tear_down);
}
