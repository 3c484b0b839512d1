/* draft.c: reading and checking a model, and dividing it between a device and the host. */
#include "model/draft.h"

#include "tokenizer/tokenizer.h"

rf_status rf_model_targets_make(const rf_target *device, const rf_runtime *host,
                                rf_model_targets *out, rf_error *error)
{
    rf_model_targets targets = {.device = *device, .has_host = host != NULL};
    if (host && (device->unified || !host->facts.unified))
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "layers that are not on a GPU are on a CPU: the device is %s, the host "
                            "%s",
                            device->unified ? "a CPU itself" : "a GPU", host->device->id);
    if (host)
        RF_TRY(rf_target_of(host, &targets.host, error));
    *out = targets;
    return RF_OK;
}

static rf_status fill_draft(const rf_gguf *gguf, rf_model_draft *draft, rf_error *error)
{
    RF_TRY(rf_model_config_read(gguf, &draft->config, error));
    return rf_weights_bind(gguf, &draft->config, &draft->weights, error);
}

rf_status rf_model_draft_make(const rf_gguf *gguf, const rf_model_options *options,
                              rf_model_draft *out, rf_error *error)
{
    rf_model_draft draft = {.options = *options};
    rf_status status = fill_draft(gguf, &draft, error);
    if (status != RF_OK) {
        rf_model_draft_free(&draft);
        return status;
    }
    *out = draft;
    return RF_OK;
}

rf_status rf_model_draft_start_tokenizer(rf_model_draft *draft, const rf_gguf *gguf,
                                         rf_error *error)
{
    return rf_tokenizer_task_start(gguf, &draft->making, error);
}

rf_status rf_model_draft_settle(rf_model_draft *draft, const rf_gguf *gguf, rf_error *error)
{
    rf_tokenizer_task *making = draft->making;
    draft->making = NULL;
    RF_TRY(rf_tokenizer_task_finish(making, &draft->tokenizer, error));
    rf_weights_note_unused(gguf, &draft->weights);
    return RF_OK;
}

/* ---- dividing ------------------------------------------------------------------------------- */

/* What it has is freed with the draft, also after a failure. */
static rf_status plan_part(const rf_model_draft *draft, const rf_gguf *gguf, rf_draft_part *part,
                           rf_error *error)
{
    const rf_model_options *options = &draft->options;
    const rf_target *target = &part->target;
    part->in_place = target->unified && !options->no_mmap && rf_weights_can_map(gguf);
    part->staging = (rf_staging_config){.unified = target->unified,
                                        .read_mode = options->read_mode,
                                        .verify = options->verify,
                                        .n_readers = options->n_readers,
                                        .n_buffers = options->staging_buffers,
                                        .buffer_bytes = options->staging_bytes};
    part->plan_config = rf_target_plan_config(target, options->pool_bytes, options->alignment);
    RF_TRY(rf_weights_select(&draft->weights, &draft->config, part->layers, &part->weights, error));
    RF_TRY(rf_plan_new(&part->plan_config, &part->plan, error));
    RF_TRY(rf_weights_plan(&part->weights, gguf, &draft->config, part->in_place, &part->staging,
                           part->plan, error));
    return rf_plan_solve(part->plan, error);
}

static void free_parts(rf_model_draft *draft)
{
    for (uint32_t i = 0; i < draft->n_parts; i++) {
        rf_plan_free(draft->parts[i].plan);
        rf_weight_list_free(&draft->parts[i].weights);
        draft->parts[i] = (rf_draft_part){0};
    }
    draft->n_parts = 0;
}

rf_status rf_model_draft_divide(rf_model_draft *draft, const rf_gguf *gguf,
                                const rf_model_targets *targets, uint32_t device_layers,
                                rf_error *error)
{
    uint32_t n_layers = draft->config.n_layers;
    uint32_t on_device = targets->has_host && device_layers < n_layers ? device_layers : n_layers;
    uint32_t on_host = n_layers - on_device;
    free_parts(draft);
    if (on_host)
        draft->parts[draft->n_parts++] =
            (rf_draft_part){.on_host = true, .target = targets->host, .layers = {0, on_host}};
    if (on_device)
        draft->parts[draft->n_parts++] =
            (rf_draft_part){.target = targets->device, .layers = {on_host, on_device}};
    rf_status status = RF_OK;
    for (uint32_t i = 0; i < draft->n_parts && status == RF_OK; i++)
        status = plan_part(draft, gguf, &draft->parts[i], error);
    if (status != RF_OK)
        free_parts(draft);
    return status;
}

void rf_model_draft_free(rf_model_draft *draft)
{
    rf_tokenizer_task_free(draft->making);
    free_parts(draft);
    rf_weight_list_free(&draft->weights);
    rf_tokenizer_free(draft->tokenizer);
    *draft = (rf_model_draft){0};
}
