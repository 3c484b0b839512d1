/* test_help.c: the help shows every option, fits a terminal, and is what docs/commands.md says. */
#include "support/cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/file.h"
#include "base/memory.h"
#include "cli/help.h"
#include "cli/options.h"
#include "support/oracle.h"

/* The help of a command as a string, to be freed with rf_free. */
static char *help_of(int command)
{
    rf_buffer buffer = {0};
    char *text = NULL;
    assert_int_equal(rf_cli_help_command((rf_cli_command)command, &buffer, NULL), RF_OK);
    assert_int_equal(rf_buffer_take(&buffer, &text, NULL, NULL), RF_OK);
    return text;
}

static void help_shows_every_option_with_its_default(void **state)
{
    (void)state;
    for (int command = 0; command < RF_CLI_COMMAND_COUNT; command++) {
        char *text = help_of(command);
        size_t shown = 0;
        for (const char *at = text; (at = strstr(at, "--")) != NULL; at += 2)
            shown += at[-1] == ' ' && (at[-2] == ' ' || at[-2] == ',');
        size_t expected = 0;
        for (size_t i = 0; i < rf_cli_option_count(); i++) {
            const rf_cli_option *option = rf_cli_option_at(i);
            if (!(option->commands >> command & 1))
                continue;
            char name[64];
            snprintf(name, sizeof(name), "--%s%s%s", option->name, option->argument ? " " : "",
                     option->argument && !option->alias ? option->argument : "");
            if (option->alias)
                snprintf(name, sizeof(name), "--%s, --%s", option->name, option->alias);
            assert_non_null(strstr(text, name));
            if (option->fallback) {
                snprintf(name, sizeof(name), "%s)", option->fallback);
                assert_non_null(strstr(text, name));
            }
            expected += option->alias ? 2 : 1;
        }
        assert_int_equal(shown, expected);
        rf_free(text);
    }
}

static void lines_are_no_wider_than_a_terminal(void **state)
{
    (void)state;
    for (int command = 0; command < RF_CLI_COMMAND_COUNT; command++) {
        char *text = help_of(command);
        for (const char *line = text; *line;) {
            size_t length = strcspn(line, "\n");
            assert_in_range(length, 0, 100);
            assert_true(length == 0 || line[length - 1] != ' ');
            line += length + 1;
        }
        rf_free(text);
    }
}

static void help_is_what_the_document_says(void **state)
{
    (void)state;
    rf_buffer buffer = {0};
    assert_int_equal(rf_cli_help_document(&buffer, NULL), RF_OK);
    char path[ORACLE_PATH_BYTES];
    build_path("commands.md", path);
    FILE *copy = fopen(path, "wb");
    assert_non_null(copy);
    assert_int_equal(fwrite(buffer.data, 1, buffer.length, copy), buffer.length);
    assert_int_equal(fclose(copy), 0);

    char document[ORACLE_PATH_BYTES];
    source_path("docs/commands.md", document);
    rf_file *file = NULL;
    const void *data = NULL;
    assert_int_equal(rf_file_open(document, &file, NULL), RF_OK);
    assert_int_equal(rf_file_map(file, &data, NULL), RF_OK);
    bool same =
        rf_file_bytes(file) == buffer.length && memcmp(data, buffer.data, buffer.length) == 0;
    rf_file_close(file);
    rf_buffer_free(&buffer);
    if (!same)
        fail_msg("docs/commands.md is out of date: copy %s there", path);
}

static void failed_allocations_leak_nothing(void **state)
{
    (void)state;
    uint64_t before = rf_host_live_count();
    bool fired = true;
    for (uint64_t n = 1; fired; n++) {
        rf_buffer buffer = {0};
        rf_fault_arm(RF_FAULT_HOST_ALLOC, n);
        rf_status status = rf_cli_help_document(&buffer, NULL);
        fired = rf_fault_fired(RF_FAULT_HOST_ALLOC);
        rf_fault_arm(RF_FAULT_HOST_ALLOC, 0);
        rf_buffer_free(&buffer);
        assert_int_equal(status, fired ? RF_ERROR_HOST_MEMORY : RF_OK);
        assert_int_equal(rf_host_live_count(), before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(help_shows_every_option_with_its_default),
        cmocka_unit_test(lines_are_no_wider_than_a_terminal),
        cmocka_unit_test(help_is_what_the_document_says),
        cmocka_unit_test(failed_allocations_leak_nothing),
    };
    return cmocka_run_group_tests_name("cli help", tests, NULL, NULL);
}
