/* test_plan_svg.c: text in pictures, and a picture that cannot be finished leaves no file. */
#include "support/cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/memory.h"
#include "cli/plan.h"
#include "cli/svg.h"
#include "memory/plan.h"

static void texts_are_escaped_and_cut(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t most;
        const char *expected;
    } cases[] = {
        {"plain", 0, "plain"},
        {"plain", 5, "plain"},
        {"plain", 4, "pla…"},
        {"a<b>&\"c'", 0, "a&lt;b&gt;&amp;&quot;c&#39;"},
        {"\xC3\xBC\xC3\xBC\xC3\xBC", 2, "\xC3\xBC…"},
        {"\x01\n\x7F", 0, "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"\xFF\xEF\xBF\xBE", 0, "\xEF\xBF\xBD\xEF\xBF\xBD"}, /* U+FFFE is no XML character */
        {"", 3, ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        rf_svg svg = {.status = RF_OK};
        RF_SVG_MARKUP(&svg, "[");
        rf_svg_escaped(&svg, cases[i].text, cases[i].most);
        RF_SVG_MARKUP(&svg, "]%c", '\0');
        assert_int_equal(svg.status, RF_OK);
        size_t length = strlen(cases[i].expected);
        assert_int_equal(svg.text.length, length + 3);
        assert_memory_equal(svg.text.data + 1, cases[i].expected, length);
        rf_buffer_free(&svg.text);
    }
    assert_int_equal(rf_svg_columns("a\xC3\xBC\xFF"), 3);
}

static void the_first_failure_is_kept(void **state)
{
    (void)state;
    rf_svg svg = {.status = RF_OK};
    rf_fault_arm(RF_FAULT_HOST_ALLOC, 1);
    RF_SVG_MARKUP(&svg, "%d", 1);
    rf_fault_arm(RF_FAULT_HOST_ALLOC, 0);
    assert_int_equal(svg.status, RF_ERROR_HOST_MEMORY);
    RF_SVG_MARKUP(&svg, "more");
    rf_svg_escaped(&svg, "more", 0);
    assert_int_equal(svg.status, RF_ERROR_HOST_MEMORY);
    assert_int_equal(svg.error.status, RF_ERROR_HOST_MEMORY);
    assert_int_equal(svg.text.length, 0);
    rf_buffer_free(&svg.text);
}

/* ---- pictures that fail --------------------------------------------------------------------- */

static rf_plan *make_plan(void)
{
    rf_plan *plan = NULL;
    rf_plan_config config = {.pool_bytes = 1 << 20,
                             .available = 1 << 24,
                             .capacity = 1 << 25,
                             .granularity = 2 << 20,
                             .driver = 1 << 20};
    assert_int_equal(rf_plan_new(&config, &plan, NULL), RF_OK);
    for (unsigned i = 0; i < 60; i++) {
        char label[64];
        snprintf(label, sizeof(label), "blk.%u.part%u", i / 3, i % 3);
        assert_int_equal(rf_plan_add(plan, label, i < 40 ? RF_MEMORY_WEIGHTS : RF_MEMORY_KV,
                                     1 + i * 1000, NULL, NULL),
                         RF_OK);
    }
    assert_int_equal(rf_plan_add_external(plan, "buffer", RF_MEMORY_STAGING, 1000, NULL, NULL),
                     RF_OK);
    assert_int_equal(rf_plan_solve(plan, NULL), RF_OK);
    return plan;
}

static void fail_every_call(rf_fault_site site, const rf_cli_plan_view *shown, const char *path,
                            unsigned least)
{
    uint64_t before = rf_host_live_count();
    unsigned n = 0;
    for (;;) {
        rf_error error = {.status = RF_OK};
        rf_fault_arm(site, ++n);
        rf_status status = rf_cli_plan_draw(shown, path, &error);
        bool fired = rf_fault_fired(site);
        rf_fault_arm(site, 0);
        assert_int_equal(rf_host_live_count(), before);
        if (!fired) {
            assert_int_equal(status, RF_OK);
            assert_int_equal(unlink(path), 0);
            break;
        }
        assert_int_not_equal(status, RF_OK);
        assert_int_equal(error.status, status);
        assert_int_not_equal(access(path, F_OK), 0);
    }
    assert_true(n > least);
}

static void a_picture_that_fails_leaves_nothing(void **state)
{
    (void)state;
    char folder[] = "/tmp/rocmforge-svg-XXXXXX";
    char path[64];
    rf_cli_settings settings = {0};
    rf_plan *plan = make_plan();
    rf_cli_plan_view shown = {.settings = &settings,
                              .path = "x/y.gguf",
                              .name = "y.gguf",
                              .plan = plan,
                              .summary = rf_plan_summarise(plan),
                              .n_pinned = 1};
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/plan.svg", folder);
    fail_every_call(RF_FAULT_HOST_ALLOC, &shown, path, 8);
    fail_every_call(RF_FAULT_FILE_OPEN, &shown, path, 1);
    fail_every_call(RF_FAULT_FILE_WRITE, &shown, path, 3);
    rf_plan_free(plan);
    assert_int_equal(rmdir(folder), 0); /* no temporary file is left either */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_escaped_and_cut),
        cmocka_unit_test(the_first_failure_is_kept),
        cmocka_unit_test(a_picture_that_fails_leaves_nothing),
    };
    return cmocka_run_group_tests_name("plan svg", tests, NULL, NULL);
}
