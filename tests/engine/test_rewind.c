/*
 * test_rewind.c: a sequence that is cut back and goes on generates what one generates that had
 * begun so, and errors leave it as it was.
 */
#include "support/cmocka.h"

#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/memory.h"
#include "support/session.h"
#include "support/tiny_model.h"

enum { CONTEXT = 48, GENERATED = 6, PAGE = 4 };

typedef struct fixture {
    char path[64];
} fixture;

static int set_up(void **state)
{
    static fixture f;
    tiny_model tiny = tiny_model_default("qwen3");
    tiny_model_write(&tiny, f.path);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    const fixture *f = *state;
    return unlink(f->path);
}

static session open_session(const fixture *f, uint32_t n_sequences)
{
    session_options options = session_defaults();
    options.runtime.reference_kernels = true;
    options.engine.kv_type_set = true;
    options.engine.kv_type = RF_TYPE_F32;
    options.engine.n_context = CONTEXT;
    options.engine.n_sequences = n_sequences;
    options.engine.n_batch = 8;
    options.engine.page_tokens = PAGE;
    return session_open(f->path, &options);
}

/* Greedy, with a penalty, so that what counts as seen matters too. */
static rf_request request_of(const int32_t *tokens, size_t n)
{
    rf_request request = {.tokens = tokens, .n_tokens = n, .max_tokens = GENERATED};
    request.ignore_end = true;
    request.sampling = RF_SAMPLING_INIT;
    request.sampling.temperature = 0;
    request.sampling.repeat_penalty = 1.5F;
    return request;
}

/* Steps until a sequence has given n tokens. */
static void generate(rf_engine *engine, rf_sequence sequence, size_t n, int32_t *tokens)
{
    rf_output outputs[2];
    rf_error error;
    for (size_t done = 0; done < n;) {
        size_t count = 0;
        if (rf_engine_step(engine, outputs, 2, &count, &error) != RF_OK)
            fail_msg("%s", error.message);
        for (size_t i = 0; i < count; i++) {
            if (outputs[i].sequence == sequence)
                tokens[done++] = outputs[i].token;
        }
    }
}

static rf_sequence submit(rf_engine *engine, const rf_request *request)
{
    rf_sequence id = 0;
    rf_error error;
    if (rf_engine_submit(engine, request, &id, &error) != RF_OK)
        fail_msg("%s", error.message);
    return id;
}

static void it_goes_on_as_if_it_had_begun_so(void **state)
{
    int32_t first[20], rest[20], joined[40], expected[GENERATED], found[GENERATED];
    for (int32_t i = 0; i < 20; i++) {
        first[i] = (i * 7 + 3) % 97;
        rest[i] = (i * 5 + 11) % 97;
    }
    session s = open_session(*state, 2);
    for (size_t keep = 0; keep <= 20; keep += keep < 6 ? 1 : 3) {
        for (size_t n = 1; n <= 20; n += 6) {
            memcpy(joined, first, sizeof(first));
            memcpy(joined + keep, rest, n * sizeof(*rest));
            rf_request request = request_of(joined, keep + n);
            generate(s.engine, submit(s.engine, &request), GENERATED, expected);

            request = request_of(first, 20);
            request.max_tokens = 0;
            rf_sequence id = submit(s.engine, &request);
            generate(s.engine, id, 3, found);
            request = request_of(rest, n);
            assert_int_equal(rf_engine_rewind(s.engine, id, keep, &request, NULL), RF_OK);
            generate(s.engine, id, 1, found); /* it may be cut again at once */
            assert_int_equal(rf_engine_rewind(s.engine, id, keep, &request, NULL), RF_OK);
            generate(s.engine, id, GENERATED, found);
            assert_memory_equal(found, expected, sizeof(found));
            assert_int_equal(rf_engine_active(s.engine), 0); /* max_tokens counts anew */
            assert_int_equal(rf_engine_statistics(s.engine).kv_pages_used, 0);
        }
    }
    session_close(&s);
}

static void bad_ones_are_refused_and_change_nothing(void **state)
{
    int32_t tokens[CONTEXT] = {5, 6, 7};
    int32_t expected[GENERATED], found[GENERATED];
    rf_error error;
    session s = open_session(*state, 1);
    rf_request request = request_of(tokens, 20);
    generate(s.engine, submit(s.engine, &request), GENERATED, expected);

    rf_sequence id = submit(s.engine, &request);
    rf_sequence waits = submit(s.engine, &request);
    assert_int_equal(rf_engine_rewind(s.engine, id, 0, &request, &error), RF_ERROR_NOT_FOUND);
    generate(s.engine, id, 1, found);
    assert_int_equal(rf_engine_rewind(s.engine, waits, 0, &request, &error), RF_ERROR_NOT_FOUND);
    assert_non_null(strstr(error.message, "is not active"));
    assert_int_equal(rf_engine_rewind(s.engine, id, 21, &request, &error), RF_ERROR_RANGE);
    assert_non_null(strstr(error.message, "21 tokens to keep, of 20"));
    rf_request bad = request_of(tokens, CONTEXT - 20 + 1);
    assert_int_equal(rf_engine_rewind(s.engine, id, 20, &bad, &error), RF_ERROR_FULL);
    assert_non_null(strstr(error.message, "29 tokens behind 20, the context has 48"));
    bad.n_tokens = 0;
    assert_int_equal(rf_engine_rewind(s.engine, id, 20, &bad, &error), RF_ERROR_ARGUMENT);
    tokens[0] = 97;
    bad.n_tokens = 1;
    assert_int_equal(rf_engine_rewind(s.engine, id, 20, &bad, &error), RF_ERROR_ARGUMENT);
    tokens[0] = 5;
    bad.sampling.top_p = 2;
    assert_int_equal(rf_engine_rewind(s.engine, id, 20, &bad, &error), RF_ERROR_ARGUMENT);
    generate(s.engine, id, GENERATED - 1, found + 1);
    assert_memory_equal(found, expected, sizeof(found));
    generate(s.engine, waits, GENERATED, found);
    assert_memory_equal(found, expected, sizeof(found));
    session_close(&s);
}

/* Where memory for the new state runs out, the sequence is still the old one. */
static void every_failing_allocation_is_survived(void **state)
{
    const int32_t tokens[20] = {5, 6, 7};
    int32_t expected[GENERATED], found[GENERATED];
    session s = open_session(*state, 1);
    rf_request request = request_of(tokens, 20);
    rf_request rest = request_of(tokens + 1, 4);
    generate(s.engine, submit(s.engine, &request), GENERATED, expected);
    rf_sequence id = submit(s.engine, &request);
    generate(s.engine, id, 2, found);
    uint64_t host = rf_host_live_count();
    unsigned faults = 0;
    bool fired = true;
    while (fired) {
        rf_fault_arm(RF_FAULT_HOST_ALLOC, faults + 1);
        rf_status status = rf_engine_rewind(s.engine, id, 3, &rest, NULL);
        fired = rf_fault_fired(RF_FAULT_HOST_ALLOC);
        rf_fault_arm(RF_FAULT_HOST_ALLOC, 0);
        assert_int_equal(status, fired ? RF_ERROR_HOST_MEMORY : RF_OK);
        assert_int_equal(rf_host_live_count(), host);
        if (fired && faults++ == 0) {
            generate(s.engine, id, GENERATED - 2, found + 2);
            assert_memory_equal(found, expected, sizeof(found));
            id = submit(s.engine, &request);
            generate(s.engine, id, 2, found);
        }
    }
    assert_true(faults > 2);
    session_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_goes_on_as_if_it_had_begun_so),
        cmocka_unit_test(bad_ones_are_refused_and_change_nothing),
        cmocka_unit_test(every_failing_allocation_is_survived),
    };
    return cmocka_run_group_tests_name("rewind", tests, set_up, tear_down);
}
