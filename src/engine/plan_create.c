/* plan_create.c: plans of a model with an engine, for a device here or not: the public
 * rf_plan_create, and the searches for the largest context and the most layers that fit. */
#include "base/checked.h"
#include "base/memory.h"
#include "base/options.h"
#include "engine/engine.h"

/* What all plans of one call have in common. */
typedef struct request {
    rf_plan_options what;
    const rf_gguf *gguf;
    rf_model_targets targets;
    rf_model_draft draft; /* divided before a plan is made */
    rf_engine_options options;
} request;

/* The plan of a part of the draft with an engine as the options say. */
static rf_status plan_part(const request *r, const rf_engine_shape *shape,
                           const rf_draft_part *part, rf_plan **out, rf_error *error)
{
    const rf_model_config *config = &r->draft.config;
    rf_engine_place place = {&part->target, part->layers, part->plan_config};
    rf_engine_items items;
    rf_plan *engine = NULL;
    RF_TRY(rf_engine_plan_make(config, shape, &place, &engine, &items, error));
    rf_status status =
        rf_engine_plan_join(&part->plan_config, config, shape, part->plan, engine, out, error);
    rf_plan_free(engine);
    return status;
}

/* The plan of all parts. */
static rf_status plan_whole(const request *r, rf_plan **out, rf_error *error)
{
    const rf_model_draft *draft = &r->draft;
    rf_plan *plans[2] = {NULL, NULL}; /* of the device, and of the host */
    uint32_t n_device_layers = 0;
    rf_engine_shape shape;
    RF_TRY(rf_engine_resolve(&draft->config, &r->options, &shape, error));
    rf_status status = RF_OK;
    for (uint32_t i = 0; i < draft->n_parts && status == RF_OK; i++) {
        const rf_draft_part *part = &draft->parts[i];
        status = plan_part(r, &shape, part, &plans[part->on_host], error);
        if (!part->on_host)
            n_device_layers = part->layers.count;
    }
    if (status != RF_OK) {
        rf_plan_free(plans[0]);
        rf_plan_free(plans[1]);
        return status;
    }
    rf_plan_config empty = rf_target_plan_config(&r->targets.device, draft->options.pool_bytes,
                                                 draft->options.alignment);
    return rf_engine_plan_pair(&empty, &draft->config, &shape, plans[0], plans[1], n_device_layers,
                               out, error);
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
    uint32_t most = r->options.n_context ? r->options.n_context : r->draft.config.n_context_trained;
    r->options.n_context = 1;
    RF_TRY(rf_engine_resolve(&r->draft.config, &r->options, &shape, error));
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

/* ---- layers that fit ------------------------------------------------------------------------ */

/* Whether what is on the device fits there, with so many layers. */
static rf_status try_layers(request *r, uint32_t n, bool *fits, rf_error *error)
{
    rf_plan *plan = NULL;
    RF_TRY(rf_model_draft_divide(&r->draft, r->gguf, &r->targets, n, error));
    RF_TRY(plan_whole(r, &plan, error));
    rf_plan_summary s = rf_plan_summarise(plan);
    uint64_t needed;
    /* The host is not asked: fewer would only make it worse. */
    *fits = rf_add(s.needed, r->targets.device.late, &needed) && needed <= s.available;
    rf_plan_free(plan);
    return RF_OK;
}

static rf_status fit_layers(request *r, uint32_t *out, rf_error *error)
{
    uint32_t fitting = 0; /* always: then the device has nothing */
    uint32_t too_many = r->draft.config.n_layers + 1;
    uint32_t next = too_many - 1; /* all of them first: as a rule they fit */
    while (too_many - fitting > 1) {
        bool fits = false;
        RF_TRY(try_layers(r, next, &fits, error));
        *(fits ? &fitting : &too_many) = next;
        next = fitting + (too_many - fitting) / 2;
    }
    *out = fitting;
    return RF_OK;
}

/* ---- the public functions ------------------------------------------------------------------- */

static rf_status read_options(const rf_plan_options *options, const rf_model_options *model_options,
                              rf_plan_options *out, rf_model_targets *targets, rf_error *error)
{
    rf_plan_options known = RF_PLAN_OPTIONS_INIT;
    rf_target device;
    RF_TRY(rf_options_read(&known, sizeof(known), options, "rf_plan_options", error));
    if (!known.runtime == !known.memory_bytes)
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "a plan is for a runtime's device or for one with memory_bytes: one of "
                            "the two is needed");
    if (known.fit_layers && (known.fit_context || !model_options->host))
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            known.fit_context
                                ? "what fits is a context or a number of layers: one of them is "
                                  "looked for, the other given"
                                : "layers that do not fit the device need a host");
    if (known.runtime)
        RF_TRY(rf_target_of(known.runtime, &device, error));
    else
        device = rf_target_absent_gpu(known.memory_bytes);
    RF_TRY(rf_model_targets_make(&device, model_options->host, targets, error));
    *out = known;
    return RF_OK;
}

/* Reads all options and the model. Free: rf_model_draft_free of the draft. */
static rf_status begin(const rf_plan_options *plan_options, const rf_gguf *gguf,
                       const rf_model_options *model_options,
                       const rf_engine_options *engine_options, request *out, rf_error *error)
{
    rf_model_options model_known = RF_MODEL_OPTIONS_INIT;
    request r = {.gguf = gguf, .options = RF_ENGINE_OPTIONS_INIT};
    RF_TRY(rf_options_read(&model_known, sizeof(model_known), model_options, "rf_model_options",
                           error));
    RF_TRY(read_options(plan_options, &model_known, &r.what, &r.targets, error));
    RF_TRY(
        rf_options_read(&r.options, sizeof(r.options), engine_options, "rf_engine_options", error));
    RF_TRY(rf_model_draft_make(gguf, &model_known, &r.draft, error));
    *out = r;
    return RF_OK;
}

static rf_status plan(request *r, rf_plan **out, rf_error *error)
{
    uint32_t n = r->draft.options.device_layers;
    RF_TRY(rf_model_draft_start_tokenizer(&r->draft, r->gguf, error));
    if (r->what.fit_layers)
        RF_TRY(fit_layers(r, &n, error));
    RF_TRY(rf_model_draft_divide(&r->draft, r->gguf, &r->targets, n, error));
    RF_TRY(rf_model_draft_settle(&r->draft, r->gguf, error));
    return r->what.fit_context ? plan_fitting(r, out, error) : plan_whole(r, out, error);
}

rf_status rf_plan_create_for(const rf_plan_options *plan_options, const rf_gguf *gguf,
                             const rf_model_options *model_options,
                             const rf_engine_options *engine_options, rf_plan **out,
                             rf_error *error)
{
    request r;
    RF_TRY(begin(plan_options, gguf, model_options, engine_options, &r, error));
    rf_status status = plan(&r, out, error);
    rf_model_draft_free(&r.draft);
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

rf_status rf_plan_fit_layers(const rf_plan_options *plan_options, const rf_gguf *gguf,
                             const rf_model_options *model_options,
                             const rf_engine_options *engine_options, uint32_t *n_layers,
                             rf_error *error)
{
    rf_plan_options known = RF_PLAN_OPTIONS_INIT;
    request r;
    RF_TRY(rf_options_read(&known, sizeof(known), plan_options, "rf_plan_options", error));
    known.fit_layers = true;
    RF_TRY(begin(&known, gguf, model_options, engine_options, &r, error));
    rf_status status = fit_layers(&r, n_layers, error);
    rf_model_draft_free(&r.draft);
    return status;
}
