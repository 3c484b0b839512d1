/* session.c: opening and closing what a test needs to run a model. */
#include "support/session.h"

#include "support/cmocka.h"

static void ok(rf_status status, const rf_error *error)
{
    if (status != RF_OK)
        fail_msg("%s", error->message);
}

session_options session_defaults(void)
{
    session_options options = {RF_RUNTIME_OPTIONS_INIT, RF_MODEL_OPTIONS_INIT,
                               RF_ENGINE_OPTIONS_INIT};
    options.runtime.device = "cpu";
    options.runtime.n_threads = 2;
    return options;
}

session session_open(const char *path, const session_options *options)
{
    session s = {0};
    rf_error error;
    ok(rf_runtime_open(&options->runtime, &s.runtime, &error), &error);
    ok(rf_model_load(s.runtime, path, &options->model, &s.model, &error), &error);
    ok(rf_engine_create(s.model, &options->engine, &s.engine, &error), &error);
    return s;
}

void session_close(session *s)
{
    rf_error error;
    rf_engine_free(s->engine);
    ok(rf_model_free(s->model, &error), &error);
    ok(rf_runtime_close(s->runtime, &error), &error);
    *s = (session){0};
}
