/* model.c: making a model: draft (read, check, plan), then load by the plan. Sharing it is
 * share.c's. */
#include "model/model.h"

#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "gguf/gguf.h"
#include "model/architecture.h"
#include "tokenizer/tokenizer.h"

static rf_status draft_plan(const rf_target *target, const rf_gguf *gguf,
                            const rf_model_options *options, rf_model_draft *draft, rf_error *error)
{
    draft->plan_config = rf_target_plan_config(target, options->pool_bytes, options->alignment);
    RF_TRY(rf_plan_new(&draft->plan_config, &draft->plan, error));
    RF_TRY(rf_weights_plan(&draft->weights, gguf, &draft->config, draft->in_place, &draft->staging,
                           draft->plan, error));
    return rf_plan_solve(draft->plan, error);
}

static rf_status fill_draft(const rf_target *target, const rf_gguf *gguf,
                            const rf_model_options *options, rf_model_draft *draft, rf_error *error)
{
    RF_TRY(rf_model_config_read(gguf, &draft->config, error));
    RF_TRY(rf_weights_bind(gguf, &draft->config, &draft->weights, error));
    RF_TRY(rf_tokenizer_task_start(gguf, &draft->making, error));
    draft->in_place = target->unified && !options->no_mmap && rf_weights_can_map(gguf);
    draft->staging = (rf_staging_config){.unified = target->unified,
                                         .read_mode = options->read_mode,
                                         .verify = options->verify,
                                         .n_readers = options->n_readers,
                                         .n_buffers = options->staging_buffers,
                                         .buffer_bytes = options->staging_bytes};
    return draft_plan(target, gguf, options, draft, error);
}

rf_status rf_model_draft_make(const rf_target *target, const rf_gguf *gguf,
                              const rf_model_options *options, rf_model_draft *out, rf_error *error)
{
    rf_model_draft draft = {0};
    rf_status status = fill_draft(target, gguf, options, &draft, error);
    if (status != RF_OK) {
        rf_model_draft_free(&draft);
        return status;
    }
    *out = draft;
    return RF_OK;
}

rf_status rf_model_draft_settle(rf_model_draft *draft, const rf_gguf *gguf, rf_error *error)
{
    rf_tokenizer_task *making = draft->making;
    draft->making = NULL;
    RF_TRY(rf_tokenizer_task_finish(making, &draft->tokenizer, error));
    rf_weights_note_unused(gguf, &draft->weights);
    return RF_OK;
}

void rf_model_draft_free(rf_model_draft *draft)
{
    rf_tokenizer_task_free(draft->making);
    rf_plan_free(draft->plan);
    rf_weight_list_free(&draft->weights);
    rf_tokenizer_free(draft->tokenizer);
    *draft = (rf_model_draft){0};
}

static void count_parameters(rf_model *model, const rf_weight_list *list)
{
    for (uint32_t i = 0; i < list->count; i++) {
        model->n_parameters += list->bindings[i].source->n_elements;
        model->weight_bytes += list->bindings[i].source->bytes;
    }
}

/* Who hears of a load's progress, and the tokenizer whose failure ends it. */
typedef struct listener {
    const rf_tokenizer_task *making;
    const rf_model_options *options;
} listener;

static bool hear(void *user, uint64_t done_bytes, uint64_t total_bytes)
{
    const listener *l = user;
    const rf_model_options *options = l->options;
    return !rf_tokenizer_task_failed(l->making) &&
           (!options->progress ||
            options->progress(options->progress_user, done_bytes, total_bytes));
}

/* Loads the weights beside the making of the tokenizer. Weights may be there after a failure. */
static rf_status load_weights(rf_model *model, rf_model_draft *draft,
                              const rf_model_options *options, rf_error *error)
{
    listener l = {draft->making, options};
    draft->staging.progress = hear;
    draft->staging.progress_user = &l;
    rf_status loaded = rf_weights_load(model->runtime->memory, model->gguf, &draft->config,
                                       &draft->weights, draft->plan, draft->in_place,
                                       &draft->staging, &model->weights, &model->load_stats, error);
    /* A load that was ended for the tokenizer's sake has no reason of its own. */
    if (loaded != RF_OK && !rf_tokenizer_task_failed(draft->making))
        return loaded;
    return rf_model_draft_settle(draft, model->gguf, error);
}

/* Moves a draft into a model and loads its weights. */
static rf_status load_draft(rf_model *model, rf_model_draft *draft, const rf_model_options *options,
                            rf_error *error)
{
    RF_TRY(rf_plan_require_fit(draft->plan, error));
    RF_TRY(load_weights(model, draft, options, error));
    model->plan_config = draft->plan_config;
    model->config = draft->config;
    model->tokenizer = draft->tokenizer;
    model->plan = draft->plan;
    draft->tokenizer = NULL;
    draft->plan = NULL;
    count_parameters(model, &draft->weights);
    return RF_OK;
}

/* Everything but what every model starts with. */
static rf_status fill_model(rf_model *model, const rf_model_options *options, uint64_t start_ns,
                            rf_error *error)
{
    rf_model_draft draft = {0};
    rf_target target;
    RF_TRY(rf_target_of(model->runtime, &target, error));
    RF_TRY(rf_model_draft_make(&target, model->gguf, options, &draft, error));
    uint64_t planned_ns = rf_clock_ns();
    rf_status status = load_draft(model, &draft, options, error);
    rf_model_draft_free(&draft);
    RF_TRY(status);
    model->load_stats.plan_nanoseconds = planned_ns - start_ns;
    model->load_stats.total_nanoseconds = rf_clock_ns() - start_ns;
    return RF_OK;
}

rf_status rf_model_make(rf_runtime *runtime, const rf_gguf *gguf, const rf_model_options *options,
                        uint64_t start_ns, rf_model **out, rf_error *error)
{
    rf_model *model = rf_calloc(1, sizeof(*model));
    if (!model)
        return rf_error_host_memory(error, "a model", sizeof(*model));
    pthread_mutex_init(&model->lock, NULL); /* cannot fail with default attributes on Linux */
    model->runtime = runtime;
    model->gguf = rf_gguf_retain(gguf);
    rf_runtime_retain(runtime);
    rf_status status = fill_model(model, options, start_ns, error);
    if (status != RF_OK) {
        (void)rf_model_destroy(model, NULL); /* the failure above is the one to report */
        return status;
    }
    *out = model;
    return RF_OK;
}

rf_status rf_model_destroy(rf_model *model, rf_error *error)
{
    rf_status status = rf_weights_free(model->weights, error);
    rf_plan_free(model->plan);
    rf_tokenizer_free(model->tokenizer);
    rf_gguf_close(model->gguf);
    rf_runtime_release(model->runtime);
    pthread_mutex_destroy(&model->lock);
    rf_free(model);
    return status;
}

rf_model_info rf_model_describe(const rf_model *model)
{
    const rf_model_config *c = &model->config;
    rf_model_info info = {
        .architecture = {c->architecture->name, strlen(c->architecture->name)},
        .n_layers = c->n_layers,
        .n_embedding = c->n_embd,
        .n_vocabulary = c->n_vocab,
        .n_context_trained = c->n_context_trained,
        .n_parameters = model->n_parameters,
        .weight_bytes = model->weight_bytes,
    };
    const rf_gguf_value *name = rf_gguf_find(model->gguf, "general.name");
    if (name) /* a string: checked with the configuration */
        info.name = name->s;
    return info;
}

const rf_tokenizer *rf_model_tokenizer(const rf_model *model)
{
    return model->tokenizer;
}

rf_load_stats rf_model_load_statistics(const rf_model *model)
{
    return model->load_stats;
}

void rf_model_retain(rf_model *model)
{
    pthread_mutex_lock(&model->lock);
    model->n_engines++;
    pthread_mutex_unlock(&model->lock);
}

void rf_model_release(rf_model *model)
{
    pthread_mutex_lock(&model->lock);
    model->n_engines--;
    pthread_mutex_unlock(&model->lock);
}

uint32_t rf_model_engines(rf_model *model)
{
    pthread_mutex_lock(&model->lock);
    uint32_t count = model->n_engines;
    pthread_mutex_unlock(&model->lock);
    return count;
}
