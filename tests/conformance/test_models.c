/*
 * test_models.c: logits of every model of the ground truth, made with the reference implementation
 * from the same weights in f32. On the CPU, or the device that --device ID names.
 */
#include "support/cmocka.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gguf/gguf.h"
#include "support/device.h"
#include "support/expected.h"
#include "support/oracle.h"
#include "support/session.h"

/* ||difference|| / ||expected||, as stated with the ground truth. */
#define TOLERANCE_EXACT     1e-4
#define TOLERANCE_F16       1e-3
#define TOLERANCE_QUANTISED 0.03
#define TOLERANCE_EXPERTS   0.08 /* a rounded router may choose another expert */

/* How a model is run. */
typedef struct way {
    const char *device;
    bool reference;
    rf_type kv_type;
    bool one_by_one;
    bool no_mmap;
} way;

static double run(const char *path, const expected *e, way how)
{
    session_options options = session_defaults();
    options.runtime.device = how.device;
    options.runtime.reference_kernels = how.reference;
    options.model.no_mmap = how.no_mmap;
    options.engine.n_batch = e->n_tokens;
    options.engine.n_logits = e->n_tokens;
    options.engine.kv_type = how.kv_type;
    options.engine.kv_type_set = true;
    size_t n = (size_t)e->n_tokens * e->n_vocab;
    float *logits = calloc(n, sizeof(float));
    rf_error error;
    session s = session_open(path, &options);
    assert_int_equal(rf_model_describe(s.model).n_vocabulary, e->n_vocab);
    if (rf_engine_logits(s.engine, e->tokens, e->n_tokens, how.one_by_one, logits, &error) != RF_OK)
        fail_msg("%s: %s", path, error.message);
    session_close(&s);
    double result = expected_distance(e, logits);
    free(logits);
    return result;
}

/* "…/NAME.gguf" of "…/NAME.expect.gguf" has 16-bit weights, experts, or is quantised. */
static double tolerance_of(const char *path)
{
    rf_gguf *gguf = NULL;
    assert_int_equal(rf_gguf_open(path, &gguf, NULL), RF_OK);
    double tolerance = TOLERANCE_F16;
    bool experts = false;
    for (size_t i = 0; i < rf_gguf_tensor_count(gguf); i++) {
        const rf_gguf_tensor *t = rf_gguf_tensor_at(gguf, i);
        if (rf_type_describe(t->type)->block_elements > 1)
            tolerance = TOLERANCE_QUANTISED;
        experts = experts || t->n_dimensions == 3;
    }
    rf_gguf_close(gguf);
    return experts && tolerance == TOLERANCE_QUANTISED ? TOLERANCE_EXPERTS : tolerance;
}

static void check_on_cpu(const char *path, const expected *e, double tolerance)
{
    double exact = run(path, e, (way){"cpu", true, RF_TYPE_F32, false, false});
    double exact_single = run(path, e, (way){"cpu", true, RF_TYPE_F32, true, true});
    double fast = run(path, e, (way){"cpu", false, RF_TYPE_F16, false, false});
    double fast_single = run(path, e, (way){"cpu", false, RF_TYPE_F16, true, true});
    print_message("%s: exact %.1e and %.1e one by one; fast %.1e and %.1e (tolerance %g)\n",
                  strrchr(path, '/') + 1, exact, exact_single, fast, fast_single, tolerance);
    assert_true(exact < TOLERANCE_EXACT);
    assert_true(exact_single < TOLERANCE_EXACT);
    assert_true(fast < tolerance);
    assert_true(fast_single < tolerance);
}

static void check_on_gpu(const char *device, const char *path, const expected *e, double tolerance)
{
    double batch = run(path, e, (way){.device = device, .kv_type = RF_TYPE_F16});
    double single =
        run(path, e, (way){.device = device, .kv_type = RF_TYPE_F16, .one_by_one = true});
    print_message("%s on %s: %.1e in one batch, %.1e one by one (tolerance %g)\n",
                  strrchr(path, '/') + 1, device, batch, single, tolerance);
    assert_true(batch < tolerance);
    assert_true(single < tolerance);
}

static void check_model(const char *device, const char *path, const char *expect_path)
{
    expected e = expected_read(expect_path);
    double tolerance = tolerance_of(path);
    if (strcmp(device, "cpu") == 0)
        check_on_cpu(path, &e, tolerance);
    else
        check_on_gpu(device, path, &e, tolerance);
    expected_free(&e);
}

/* *state: the device. */
static void every_model_gives_the_expected_logits(void **state)
{
    const char *device = *state;
    char folder[ORACLE_PATH_BYTES];
    oracle_path("models", folder);
    DIR *entries = opendir(folder);
    assert_non_null(entries);
    static const char suffix[] = ".expect.gguf";
    unsigned checked = 0;
    for (struct dirent *entry; (entry = readdir(entries));) {
        size_t length = strlen(entry->d_name);
        if (length < sizeof(suffix) ||
            strcmp(entry->d_name + length - sizeof(suffix) + 1, suffix) != 0)
            continue;
        char path[2 * ORACLE_PATH_BYTES];
        char expect_path[2 * ORACLE_PATH_BYTES];
        snprintf(expect_path, sizeof(expect_path), "%s/%s", folder, entry->d_name);
        snprintf(path, sizeof(path), "%s/%.*s.gguf", folder, (int)(length - sizeof(suffix) + 1),
                 entry->d_name);
        check_model(device, path, expect_path);
        checked++;
    }
    closedir(entries);
    assert_true(checked > 0);
}

int main(int argc, char **argv)
{
    const char *device = "cpu";
    const int status = device_argument(argc, argv, DEVICE_COMPUTES, &device);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(every_model_gives_the_expected_logits, (void *)(uintptr_t)device),
    };
    return status ? status : cmocka_run_group_tests_name("models", tests, NULL, NULL);
}
