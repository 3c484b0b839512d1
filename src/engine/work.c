/*
 * work.c: what a pass has to do at least, by arithmetic alone: bytes to read, numbers to multiply.
 * These are figures that times are held against, and no sizes that anything is allocated by: in
 * doubles, which hold them without overflow.
 */
#include <math.h>

#include "engine/engine.h"

/* Of a tensor's bytes; 0 of one that is not there. */
static double bytes_of(const rf_tensor *t)
{
    uint32_t n = t->n_dimensions;
    return n ? (double)t->shape[n - 1] * (double)t->stride[n - 1] : 0;
}

static double elements_of(const rf_tensor *t)
{
    double n = 1;
    for (uint32_t i = 0; i < t->n_dimensions; i++)
        n *= (double)t->shape[i];
    return n;
}

/* How many experts of a layer n tokens use together, where each chooses at random. */
static double experts_used(const rf_model_config *c, double n_tokens)
{
    double all = c->n_experts;
    return all * (1 - pow(1 - c->n_experts_used / all, n_tokens));
}

/* Adds a tensor of a layer: [k, m] is multiplied with every token, one of three dimensions, the
 * experts', in part, and one of a single dimension is read alone. */
static void add_tensor(const rf_model_config *c, const rf_tensor *t, double n_tokens,
                       rf_pass_work *work)
{
    if (t->n_dimensions == 3) {
        work->weight_bytes += bytes_of(t) / c->n_experts * experts_used(c, n_tokens);
        work->flops += 2 * elements_of(t) / c->n_experts * c->n_experts_used * n_tokens;
        return;
    }
    work->weight_bytes += bytes_of(t);
    if (t->n_dimensions == 2)
        work->flops += 2 * elements_of(t) * n_tokens;
}

/* Layers that are elsewhere are empty here, and add nothing. */
static void add_layers(const rf_model_config *c, const rf_model_weights *w, double n_tokens,
                       rf_pass_work *work)
{
    for (uint32_t i = 0; i < c->n_layers; i++) {
        /* A layer is nothing but tensors. */
        const rf_tensor *tensors = (const rf_tensor *)&w->layers[i];
        for (size_t k = 0; k < sizeof(rf_layer_weights) / sizeof(rf_tensor); k++)
            add_tensor(c, &tensors[k], n_tokens, work);
    }
}

static void add_weights(const rf_model *model, const rf_pass_shape *shape, double n_tokens,
                        rf_pass_work *work)
{
    const rf_model_config *c = &model->config;
    const rf_model_weights *first = model->parts[0].weights;
    const rf_model_weights *last = model->parts[model->n_parts - 1].weights;
    work->weight_bytes += n_tokens * (double)first->token_embd.stride[1];
    for (uint32_t i = 0; i < model->n_parts; i++)
        add_layers(c, model->parts[i].weights, n_tokens, work);
    if (!shape->logits)
        return;
    add_tensor(c, &last->output_norm, shape->n_sequences, work);
    add_tensor(c, &last->output, shape->n_sequences, work);
}

static void add_attention(const rf_model_config *c, rf_type kv_type, const rf_pass_shape *shape,
                          rf_pass_work *work)
{
    const rf_type_info *type = rf_type_describe(kv_type);
    double n = shape->n_tokens;
    double head = (double)c->head_size / type->block_elements * type->block_bytes;
    double token = 2 * head * c->n_kv_heads * c->n_layers;
    work->kv_bytes += token * (shape->depth + n) * shape->n_sequences;
    /* Token i of n sees depth + i + 1 of them; two products, of queries with keys and of weights
     * with values. */
    double seen = n * shape->depth + n * (n + 1) / 2;
    double row = (double)c->n_heads * c->head_size * c->n_layers;
    work->flops += 4 * row * seen * shape->n_sequences;
}

rf_pass_work rf_engine_pass_work(const rf_engine *engine, const rf_pass_shape *shape)
{
    const rf_model_config *config = &engine->model->config;
    rf_pass_work work = {0};
    double n_tokens = (double)shape->n_sequences * shape->n_tokens;
    add_weights(engine->model, shape, n_tokens, &work);
    add_attention(config, engine->shape.kv.type, shape, &work);
    return work;
}
