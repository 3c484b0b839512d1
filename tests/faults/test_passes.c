/*
 * test_passes.c: every call of the device fails once while a text is generated on an emulated GPU,
 * passes being put ahead of their tokens: the step fails and is made again, or goes on without what
 * failed, and the text is the same.
 */
#include "support/cmocka.h"

#include <string.h>
#include <unistd.h>

#include "support/emu_runtime.h"
#include "support/faults.h"
#include "support/tiny_model.h"

#define N_TOKENS 4U /* of the shorter text; kinds of passes are captured on the way */

typedef struct fixture {
    char path[64];
    emu_runtime r;
    rf_model *model;
} fixture;

typedef struct texts {
    int32_t tokens[2][3 * N_TOKENS];
    uint32_t n[2];
} texts;

static int set_up(void **state)
{
    static fixture f;
    rf_error error;
    rf_model_options options = RF_MODEL_OPTIONS_INIT;
    tiny_model m = tiny_model_default("qwen3");
    m.n_layers = 1; /* a call of another is as these are */
    tiny_model_write(&m, f.path);
    emu_runtime_open(&f.r);
    emu_runtime_add_kernels(&f.r);
    *state = &f;
    if (!f.r.runtime.programs) /* the test is skipped */
        return 0;
    assert_int_equal(rf_model_load(&f.r.runtime, f.path, &options, &f.model, &error), RF_OK);
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    assert_int_equal(rf_model_free(f->model, NULL), RF_OK);
    emu_runtime_close(&f->r);
    return unlink(f->path);
}

static void submit(rf_engine *engine, uint32_t max_tokens)
{
    rf_request request = {.tokens = (const int32_t[]){1, 2, 3},
                          .n_tokens = 3,
                          .max_tokens = max_tokens,
                          .ignore_end = true,
                          .sampling = RF_SAMPLING_INIT};
    rf_sequence id;
    request.sampling.temperature = 0;
    assert_int_equal(rf_engine_submit(engine, &request, &id, NULL), RF_OK);
}

/* Two texts of one engine, of which one ends before the other; the sequences are 1 and 2. Steps
 * that fail are made again. Returns how many did. */
static unsigned generate(rf_engine *engine, texts *out)
{
    rf_output outputs[2];
    unsigned failed = 0;
    *out = (texts){0};
    submit(engine, N_TOKENS);
    submit(engine, 2 * N_TOKENS);
    while (rf_engine_active(engine)) {
        rf_error error;
        size_t count = 0;
        if (rf_engine_step(engine, outputs, 2, &count, &error) != RF_OK) {
            assert_true(strlen(error.message) > 10);
            assert_true(++failed < 3);
            continue;
        }
        for (size_t i = 0; i < count; i++) {
            const uint64_t text = outputs[i].sequence - 1;
            assert_in_range(text, 0, 1);
            assert_in_range(out->n[text], 0, 3 * N_TOKENS - 1);
            out->tokens[text][out->n[text]++] = outputs[i].token;
        }
    }
    return failed;
}

static rf_engine *open_engine(const fixture *f)
{
    rf_engine_options options = RF_ENGINE_OPTIONS_INIT;
    rf_engine *engine = NULL;
    rf_error error;
    options.n_context = 32;
    options.n_sequences = 2;
    if (rf_engine_create(f->model, &options, &engine, &error) != RF_OK)
        fail_msg("%s", error.message);
    return engine;
}

static void a_failed_call_changes_no_text(void **state)
{
    fixture *f = *state;
    texts expected, found;
    unsigned faults = 0, failed = 0;
    emu_runtime_require_kernels(&f->r);
    rf_engine *engine = open_engine(f);
    assert_int_equal(generate(engine, &expected), 0);
    rf_engine_free(engine);
    assert_int_equal(expected.n[0], N_TOKENS);
    assert_int_equal(expected.n[1], 2 * N_TOKENS);
    for (int call = 0; call < RF_FAULT_ANY; call++) {
        bool fired = true;
        const uint64_t stride = call == RF_FAULT_LAUNCH ? 3 : 1; /* these are many, and alike */
        for (uint64_t n = 1; fired; n += stride) {
            engine = open_engine(f);
            rf_fault_device_arm(f->r.device, (rf_fault_call)call, n);
            failed += generate(engine, &found);
            fired = rf_fault_device_fired(f->r.device);
            rf_fault_device_arm(f->r.device, RF_FAULT_ANY, 0);
            assert_memory_equal(&found, &expected, sizeof(found));
            assert_int_equal(rf_engine_statistics(engine).kv_pages_used, 0);
            rf_engine_free(engine);
            faults += fired;
        }
    }
    faults_tried(faults, "device calls of passes");
    print_message("%u of them made a step fail\n", failed);
    assert_true(failed > 15 && failed <= faults);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failed_call_changes_no_text),
    };
    return cmocka_run_group_tests_name("passes", tests, set_up, tear_down);
}
