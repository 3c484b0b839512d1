/* model.c: making a model: loading a draft (draft.c) by its plans, part by part. Sharing it is
 * share.c's. */
#include "model/model.h"

#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "gguf/gguf.h"
#include "model/architecture.h"
#include "tokenizer/tokenizer.h"

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
    uint64_t before; /* bytes of the parts that are loaded */
    uint64_t total;  /* of all parts */
} listener;

static bool hear(void *user, uint64_t done_bytes, uint64_t total_bytes)
{
    const listener *l = user;
    const rf_model_options *options = l->options;
    (void)total_bytes; /* of the part */
    return !rf_tokenizer_task_failed(l->making) &&
           (!options->progress ||
            options->progress(options->progress_user, l->before + done_bytes, l->total));
}

/* Bytes that a part's progress counts to. Tensors do not overlap in their files, so that twice
 * their sum fits 64 bits. */
static uint64_t progress_of(const rf_draft_part *part)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < part->weights.count; i++)
        bytes += part->weights.bindings[i].source->bytes;
    return !part->in_place && part->staging.verify ? 2 * bytes : bytes;
}

static rf_status load_part(rf_model *model, const rf_model_draft *draft, uint32_t i, listener *l,
                           rf_error *error)
{
    const rf_draft_part *from = &draft->parts[i];
    rf_model_part *part = &model->parts[i];
    rf_staging_config staging = from->staging;
    rf_load_stats stats = {0}; /* the last part's are the model's: those of the device */
    staging.progress = hear;
    staging.progress_user = l;
    rf_status status =
        rf_weights_load(part->runtime->memory, model->gguf, &draft->config, &from->weights,
                        from->plan, from->in_place, &staging, &part->weights, &stats, error);
    if (status != RF_OK)
        return rf_model_part_context(model, part, status, error);
    model->load_stats = stats;
    l->before += progress_of(from);
    return RF_OK;
}

/* Loads the weights beside the making of the tokenizer. Weights may be there after a failure. */
static rf_status load_weights(rf_model *model, rf_model_draft *draft, rf_error *error)
{
    listener l = {.making = draft->making, .options = &draft->options};
    rf_status loaded = RF_OK;
    for (uint32_t i = 0; i < draft->n_parts; i++)
        l.total += progress_of(&draft->parts[i]);
    for (uint32_t i = 0; i < draft->n_parts && loaded == RF_OK; i++)
        loaded = load_part(model, draft, i, &l, error);
    /* A load that was ended for the tokenizer's sake has no reason of its own. */
    if (loaded != RF_OK && !rf_tokenizer_task_failed(draft->making))
        return loaded;
    return rf_model_draft_settle(draft, model->gguf, error);
}

/* Tells a model its parts. All must fit before one is loaded. */
static rf_status take_parts(rf_model *model, const rf_model_draft *draft, rf_error *error)
{
    for (uint32_t i = 0; i < draft->n_parts; i++) {
        const rf_draft_part *from = &draft->parts[i];
        bool on_host = from->on_host && model->host; /* no part is there without one */
        model->parts[i] = (rf_model_part){.runtime = on_host ? model->host : model->runtime,
                                          .layers = from->layers,
                                          .plan_config = from->plan_config};
    }
    model->n_parts = draft->n_parts;
    for (uint32_t i = 0; i < draft->n_parts; i++) {
        rf_status status = rf_plan_require_fit(draft->parts[i].plan, error);
        if (status != RF_OK)
            return rf_model_part_context(model, &model->parts[i], status, error);
    }
    return RF_OK;
}

/* Moves a draft into a model and loads its weights. */
static rf_status load_draft(rf_model *model, rf_model_draft *draft, rf_error *error)
{
    model->config = draft->config;
    RF_TRY(take_parts(model, draft, error));
    RF_TRY(load_weights(model, draft, error));
    model->tokenizer = draft->tokenizer;
    draft->tokenizer = NULL;
    for (uint32_t i = 0; i < draft->n_parts; i++) {
        model->parts[i].plan = draft->parts[i].plan;
        draft->parts[i].plan = NULL;
    }
    count_parameters(model, &draft->weights);
    return RF_OK;
}

static rf_status fill_draft(const rf_model *model, rf_model_draft *draft, rf_error *error)
{
    rf_target device;
    rf_model_targets targets;
    RF_TRY(rf_target_of(model->runtime, &device, error));
    RF_TRY(rf_model_targets_make(&device, model->host, &targets, error));
    RF_TRY(rf_model_draft_start_tokenizer(draft, model->gguf, error));
    return rf_model_draft_divide(draft, model->gguf, &targets, draft->options.device_layers, error);
}

/* Everything but what every model starts with. */
static rf_status fill_model(rf_model *model, const rf_model_options *options, uint64_t start_ns,
                            rf_error *error)
{
    rf_model_draft draft = {0};
    RF_TRY(rf_model_draft_make(model->gguf, options, &draft, error));
    rf_status status = fill_draft(model, &draft, error);
    uint64_t planned_ns = rf_clock_ns();
    if (status == RF_OK)
        status = load_draft(model, &draft, error);
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
    model->host = options->host;
    model->gguf = rf_gguf_retain(gguf);
    rf_runtime_retain(runtime);
    if (model->host)
        rf_runtime_retain(model->host);
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
    rf_status first = RF_OK;
    for (uint32_t i = model->n_parts; i-- > 0;) {
        rf_model_part *part = &model->parts[i];
        rf_status status = rf_weights_free(part->weights, first == RF_OK ? error : NULL);
        first = first == RF_OK ? status : first;
        rf_plan_free(part->plan);
    }
    rf_tokenizer_free(model->tokenizer);
    rf_gguf_close(model->gguf);
    if (model->host)
        rf_runtime_release(model->host);
    rf_runtime_release(model->runtime);
    pthread_mutex_destroy(&model->lock);
    rf_free(model);
    return first;
}

uint32_t rf_model_device_layers(const rf_model *model)
{
    const rf_model_part *last = &model->parts[model->n_parts - 1];
    return last->runtime == model->runtime ? last->layers.count : 0;
}

rf_status rf_model_part_context(const rf_model *model, const rf_model_part *part, rf_status status,
                                rf_error *error)
{
    if (model->n_parts == 1)
        return status;
    return rf_error_context(error, status, "layers %u to %u on %s", part->layers.first,
                            part->layers.first + part->layers.count - 1, part->runtime->device->id);
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
        .n_device_layers = rf_model_device_layers(model),
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
