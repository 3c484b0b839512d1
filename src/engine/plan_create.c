/* plan_create.c: plans of a model with an engine, for a device here or not: the public
 * rf_plan_create, and the search for the largest context that fits. */
#include "base/memory.h"
#include "base/options.h"
#include "engine/engine.h"

/* What all plans of one call have in common. */
typedef struct request {
    const rf_target *target;
    const rf_model_draft *draft;
    rf_engine_options options;
} request;

/* The plan of the draft with an engine as the options say. */
static rf_status plan_whole(const request *r, rf_plan **out, rf_error *error)
{
    const rf_model_draft *draft = r->draft;
    rf_engine_shape shape;
    rf_engine_items items;
    rf_plan *engine = NULL;
    RF_TRY(rf_engine_resolve(&draft->config, &r->options, &shape, error));
    RF_TRY(rf_engine_plan_make(&draft->config, &shape, r->target, &draft->plan_config, &engine,
                               &items, error));
    rf_status status = rf_engine_plan_join(&draft->plan_config, &draft->config, &shape, draft->plan,
                                           engine, out, error);
    rf_plan_free(engine);
    return status;
}

/* ---- fitting -------------------------------------------------------------------------------- */

/* A context of n_pages pages, cut at `most` tokens, is planned; where the plan fits it takes the
 * place of *best. */
static rf_status try_pages(request *r, uint64_t n_pages, uint32_t page_tokens, uint32_t most,
                           rf_plan **best, bool *fits, rf_error *error)
{
    rf_plan *plan = NULL;
    uint64_t tokens = n_pages * page_tokens; /* at most a page more than a 32-bit number */
    r->options.n_context = tokens < most ? (uint32_t)tokens : most;
    RF_TRY(plan_whole(r, &plan, error));
    *fits = rf_plan_summarise(plan).fits;
    rf_plan *rest = *fits ? *best : plan;
    if (*fits)
        *best = plan;
    rf_plan_free(rest);
    return RF_OK;
}

/* Contexts that are too long to be planned at all do not fit either. */
static bool is_too_long(rf_status status)
{
    return status == RF_ERROR_ARGUMENT || status == RF_ERROR_OVERFLOW;
}

/* *best is the plan of one page, which fits. */
static rf_status search(request *r, uint32_t page_tokens, uint32_t most, rf_plan **best,
                        rf_error *error)
{
    uint64_t fitting = 1;
    uint64_t too_many = (uint64_t)most / page_tokens + (most % page_tokens != 0) + 1;
    uint64_t next = too_many - 1; /* all of it first: as a rule it fits */
    while (too_many - fitting > 1) {
        bool fits = false;
        rf_status status = try_pages(r, next, page_tokens, most, best, &fits, error);
        if (status != RF_OK && !is_too_long(status))
            return status;
        *(fits ? &fitting : &too_many) = next;
        next = fitting + (too_many - fitting) / 2;
    }
    return RF_OK;
}

static rf_status plan_fitting(request *r, rf_plan **out, rf_error *error)
{
    rf_engine_shape shape;
    uint32_t most =
        r->options.n_context ? r->options.n_context : r->draft->config.n_context_trained;
    r->options.n_context = 1;
    RF_TRY(rf_engine_resolve(&r->draft->config, &r->options, &shape, error));
    uint32_t page_tokens = shape.kv.page_tokens;
    r->options.n_context = page_tokens < most ? page_tokens : most;
    rf_plan *best = NULL;
    RF_TRY(plan_whole(r, &best, error));
    rf_status status = RF_OK;
    if (rf_plan_summarise(best).fits)
        status = search(r, page_tokens, most, &best, error);
    if (status != RF_OK) {
        rf_plan_free(best);
        return status;
    }
    *out = best;
    return RF_OK;
}

/* ---- the public functions ------------------------------------------------------------------- */

static rf_status read_options(const rf_plan_options *options, rf_plan_options *out,
                              rf_target *target, rf_error *error)
{
    rf_plan_options known = RF_PLAN_OPTIONS_INIT;
    RF_TRY(rf_options_read(&known, sizeof(known), options, "rf_plan_options", error));
    if (!known.runtime == !known.memory_bytes)
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "a plan is for a runtime's device or for one with memory_bytes: one of "
                            "the two is needed");
    if (known.runtime)
        RF_TRY(rf_target_of(known.runtime, target, error));
    else
        *target = rf_target_absent_gpu(known.memory_bytes);
    *out = known;
    return RF_OK;
}

rf_status rf_plan_create_for(const rf_plan_options *plan_options, const rf_gguf *gguf,
                             const rf_model_options *model_options,
                             const rf_engine_options *engine_options, rf_plan **out,
                             rf_error *error)
{
    rf_plan_options plan_known;
    rf_target target;
    rf_model_options model_known = RF_MODEL_OPTIONS_INIT;
    rf_model_draft draft;
    request r = {.target = &target, .draft = &draft, .options = RF_ENGINE_OPTIONS_INIT};
    RF_TRY(read_options(plan_options, &plan_known, &target, error));
    RF_TRY(rf_options_read(&model_known, sizeof(model_known), model_options, "rf_model_options",
                           error));
    RF_TRY(
        rf_options_read(&r.options, sizeof(r.options), engine_options, "rf_engine_options", error));
    RF_TRY(rf_model_draft_make(&target, gguf, &model_known, &draft, error));
    rf_status status = rf_model_draft_settle(&draft, gguf, error);
    if (status == RF_OK)
        status = plan_known.fit_context ? plan_fitting(&r, out, error) : plan_whole(&r, out, error);
    rf_model_draft_free(&draft);
    return status;
}

rf_status rf_plan_create(rf_runtime *runtime, const rf_gguf *gguf,
                         const rf_model_options *model_options,
                         const rf_engine_options *engine_options, rf_plan **out, rf_error *error)
{
    rf_plan_options plan_options = RF_PLAN_OPTIONS_INIT;
    plan_options.runtime = runtime;
    return rf_plan_create_for(&plan_options, gguf, model_options, engine_options, out, error);
}
