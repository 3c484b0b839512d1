/* tiny_reference.c: a forward pass in double precision, one token after the other, without a cache
 * of pages, batches or tables: the formulas of the papers and nothing else. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "gguf/gguf.h"
#include "support/cmocka.h"
#include "support/tiny_model.h"
#include "tensor/dequantise.h"

double relative_error(const float *a, const double *b, size_t n)
{
    double difference = 0;
    double norm = 0;
    for (size_t i = 0; i < n; i++) {
        difference += (a[i] - b[i]) * (a[i] - b[i]);
        norm += b[i] * b[i];
    }
    double error = sqrt(difference / norm);
    return isnan(error) ? INFINITY : error;
}

/* A tensor's values; to be freed. NULL where the file has none of that name. */
static float *values_of(const rf_gguf *gguf, const char *name)
{
    const rf_gguf_tensor *t = rf_gguf_find_tensor(gguf, name);
    if (!t)
        return NULL;
    void *bytes = malloc(t->bytes);
    float *values = malloc(t->n_elements * sizeof(float));
    assert_int_equal(rf_file_read(rf_gguf_file(gguf, t->file), t->offset, bytes, t->bytes, NULL),
                     RF_OK);
    assert_int_equal(rf_dequantise_row(t->type, bytes, values, t->n_elements, NULL), RF_OK);
    free(bytes);
    return values;
}

static float *layer_values(const rf_gguf *gguf, uint32_t layer, const char *part)
{
    char name[64];
    snprintf(name, sizeof(name), "blk.%u.%s", layer, part);
    return values_of(gguf, name);
}

static void rms_norm(const double *x, const float *weight, uint32_t n, double *y)
{
    double sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += x[i] * x[i];
    double scale = 1 / sqrt(sum / n + 1e-5F);
    for (uint32_t i = 0; i < n; i++)
        y[i] = x[i] * scale * weight[i];
}

/* y[m] = w · x + bias; both of w and bias are freed, so that calls read like the formula. */
static void linear(const double *x, const float *w, const float *bias, uint32_t k, uint32_t m,
                   double *y)
{
    for (uint32_t r = 0; r < m; r++) {
        double sum = bias ? bias[r] : 0;
        for (uint32_t i = 0; i < k; i++)
            sum += x[i] * w[(size_t)r * k + i];
        y[r] = sum;
    }
}

/* The angle of pair i at a position: YaRN as in its paper, sections 3.2 to 3.4. */
static double angle(const tiny_model *m, const float *factors, uint32_t i, double position,
                    double *magnitude)
{
    double frequency = pow(10000.0, -2.0 * i / m->n_rotary) / (factors ? factors[i] : 1);
    *magnitude = 1;
    if (!m->scaling)
        return position * frequency;
    if (strcmp(m->scaling, "linear") == 0)
        return position / m->factor * frequency;
    double low = m->n_rotary * log(m->original_context / (32.0 * 2 * M_PI)) / (2 * log(10000.0));
    double high = m->n_rotary * log(m->original_context / (1.0 * 2 * M_PI)) / (2 * log(10000.0));
    low = fmax(floor(low), 0);
    high = fmin(ceil(high), m->n_rotary - 1);
    double ramp = fmin(1, fmax(0, (i - low) / fmax(high - low, 0.001)));
    *magnitude = 0.1 * log(m->factor) + 1;
    return position * (frequency / m->factor * ramp + frequency * (1 - ramp));
}

static void rotate(const tiny_model *m, const float *factors, double *head, uint32_t position)
{
    bool interleaved = strcmp(m->architecture, "llama") == 0;
    uint32_t half = m->n_rotary / 2;
    for (uint32_t i = 0; i < half; i++) {
        double magnitude;
        double a = angle(m, factors, i, position, &magnitude);
        double *first = interleaved ? &head[(size_t)2 * i] : &head[i];
        double *second = interleaved ? &head[(size_t)2 * i + 1] : &head[i + half];
        double x = *first;
        double y = *second;
        *first = (x * cos(a) - y * sin(a)) * magnitude;
        *second = (x * sin(a) + y * cos(a)) * magnitude;
    }
}

/* Norms (qwen3) and rotates every head of a row. */
static void prepare_heads(const tiny_model *m, const float *norm, const float *factors, double *row,
                          uint32_t n_heads, uint32_t position)
{
    for (uint32_t h = 0; h < n_heads; h++) {
        double *head = row + (size_t)h * m->head_size;
        if (norm)
            rms_norm(head, norm, m->head_size, head);
        rotate(m, factors, head, position);
    }
}

/* One head's attention over positions 0 to t. */
static void attend(const tiny_model *m, const double *q, const double *keys, const double *values,
                   uint32_t t, double *out)
{
    size_t stride = (size_t)m->n_kv_heads * m->head_size;
    double *p = malloc((t + 1) * sizeof(double));
    double largest = -INFINITY;
    double sum = 0;
    for (uint32_t s = 0; s <= t; s++) {
        p[s] = 0;
        for (uint32_t i = 0; i < m->head_size; i++)
            p[s] += q[i] * keys[s * stride + i];
        p[s] /= sqrt(m->head_size);
        largest = fmax(largest, p[s]);
    }
    for (uint32_t s = 0; s <= t; s++)
        sum += p[s] = exp(p[s] - largest);
    for (uint32_t i = 0; i < m->head_size; i++) {
        out[i] = 0;
        for (uint32_t s = 0; s <= t; s++)
            out[i] += p[s] / sum * values[s * stride + i];
    }
    free(p);
}

static void attention_block(const tiny_model *m, const rf_gguf *g, uint32_t layer, double *x,
                            uint32_t n)
{
    uint32_t q_width = m->n_heads * m->head_size;
    uint32_t kv_width = m->n_kv_heads * m->head_size;
    float *w[] = {
        layer_values(g, layer, "attn_norm.weight"),   layer_values(g, layer, "attn_q.weight"),
        layer_values(g, layer, "attn_k.weight"),      layer_values(g, layer, "attn_v.weight"),
        layer_values(g, layer, "attn_output.weight"), layer_values(g, layer, "attn_q.bias"),
        layer_values(g, layer, "attn_k.bias"),        layer_values(g, layer, "attn_v.bias"),
        layer_values(g, layer, "attn_output.bias"),   layer_values(g, layer, "attn_q_norm.weight"),
        layer_values(g, layer, "attn_k_norm.weight"), values_of(g, "rope_freqs.weight")};
    double *normed = malloc(m->n_embd * sizeof(double));
    double *q = malloc(q_width * sizeof(double));
    double *heads = malloc(q_width * sizeof(double));
    double *keys = malloc((size_t)n * kv_width * sizeof(double));
    double *values = malloc((size_t)n * kv_width * sizeof(double));
    for (uint32_t t = 0; t < n; t++) {
        double *row = x + (size_t)t * m->n_embd;
        rms_norm(row, w[0], m->n_embd, normed);
        linear(normed, w[1], w[5], m->n_embd, q_width, q);
        linear(normed, w[2], w[6], m->n_embd, kv_width, keys + (size_t)t * kv_width);
        linear(normed, w[3], w[7], m->n_embd, kv_width, values + (size_t)t * kv_width);
        prepare_heads(m, w[9], w[11], q, m->n_heads, t);
        prepare_heads(m, w[10], w[11], keys + (size_t)t * kv_width, m->n_kv_heads, t);
        for (uint32_t h = 0; h < m->n_heads; h++) {
            size_t kv_head = (size_t)(h / (m->n_heads / m->n_kv_heads)) * m->head_size;
            size_t head = (size_t)h * m->head_size;
            attend(m, q + head, keys + kv_head, values + kv_head, t, heads + head);
        }
        linear(heads, w[4], w[8], q_width, m->n_embd, normed);
        for (uint32_t i = 0; i < m->n_embd; i++)
            row[i] += normed[i];
    }
    for (size_t i = 0; i < sizeof(w) / sizeof(w[0]); i++)
        free(w[i]);
    free(normed);
    free(q);
    free(heads);
    free(keys);
    free(values);
}

/* row += scale * down(silu(gate(normed)) * up(normed)). */
static void swiglu(const tiny_model *m, const double *normed, const float *gate, const float *up,
                   const float *down, double scale, double *row)
{
    double *g = malloc(m->n_ff * sizeof(double));
    double *u = malloc(m->n_ff * sizeof(double));
    double *d = malloc(m->n_embd * sizeof(double));
    linear(normed, gate, NULL, m->n_embd, m->n_ff, g);
    linear(normed, up, NULL, m->n_embd, m->n_ff, u);
    for (uint32_t i = 0; i < m->n_ff; i++)
        g[i] = g[i] / (1 + exp(-g[i])) * u[i];
    linear(g, down, NULL, m->n_ff, m->n_embd, d);
    for (uint32_t i = 0; i < m->n_embd; i++)
        row[i] += scale * d[i];
    free(g);
    free(u);
    free(d);
}

/* The best n_experts_used experts, their softmax weights scaled to sum to one. */
static void experts(const tiny_model *m, const double *normed, const float *router,
                    const float *gate, const float *up, const float *down, double *row)
{
    double score[64];
    bool chosen[64] = {false};
    double sum = 0;
    assert_in_range(m->n_experts, 1, 64);
    linear(normed, router, NULL, m->n_embd, m->n_experts, score);
    for (uint32_t k = 0; k < m->n_experts_used; k++) {
        uint32_t best = UINT32_MAX;
        for (uint32_t e = 0; e < m->n_experts; e++) {
            if (!chosen[e] && (best == UINT32_MAX || score[e] > score[best]))
                best = e;
        }
        chosen[best] = true;
        sum += exp(score[best]);
    }
    size_t size = (size_t)m->n_embd * m->n_ff;
    for (uint32_t e = 0; e < m->n_experts; e++) {
        if (chosen[e])
            swiglu(m, normed, gate + e * size, up + e * size, down + e * size, exp(score[e]) / sum,
                   row);
    }
}

static void feed_forward_block(const tiny_model *m, const rf_gguf *g, uint32_t layer, double *x,
                               uint32_t n)
{
    bool moe = m->n_experts != 0;
    float *norm = layer_values(g, layer, "ffn_norm.weight");
    float *router = layer_values(g, layer, "ffn_gate_inp.weight");
    float *gate = layer_values(g, layer, moe ? "ffn_gate_exps.weight" : "ffn_gate.weight");
    float *up = layer_values(g, layer, moe ? "ffn_up_exps.weight" : "ffn_up.weight");
    float *down = layer_values(g, layer, moe ? "ffn_down_exps.weight" : "ffn_down.weight");
    double *normed = malloc(m->n_embd * sizeof(double));
    for (uint32_t t = 0; t < n; t++) {
        double *row = x + (size_t)t * m->n_embd;
        rms_norm(row, norm, m->n_embd, normed);
        if (moe)
            experts(m, normed, router, gate, up, down, row);
        else
            swiglu(m, normed, gate, up, down, 1, row);
    }
    free(normed);
    free(norm);
    free(router);
    free(gate);
    free(up);
    free(down);
}

void tiny_model_reference(const tiny_model *model, const char *path, const int32_t *tokens,
                          uint32_t n_tokens, double *logits)
{
    rf_gguf *gguf = NULL;
    assert_int_equal(rf_gguf_open(path, &gguf, NULL), RF_OK);
    uint32_t n_embd = model->n_embd;
    double *x = malloc((size_t)n_tokens * n_embd * sizeof(double));
    float *embd = values_of(gguf, "token_embd.weight");
    float *norm = values_of(gguf, "output_norm.weight");
    float *output = values_of(gguf, model->tied ? "token_embd.weight" : "output.weight");
    for (uint32_t t = 0; t < n_tokens; t++) {
        for (uint32_t i = 0; i < n_embd; i++)
            x[(size_t)t * n_embd + i] = embd[(size_t)tokens[t] * n_embd + i];
    }
    for (uint32_t layer = 0; layer < model->n_layers; layer++) {
        attention_block(model, gguf, layer, x, n_tokens);
        feed_forward_block(model, gguf, layer, x, n_tokens);
    }
    for (uint32_t t = 0; t < n_tokens; t++) {
        double *row = x + (size_t)t * n_embd;
        rms_norm(row, norm, n_embd, row);
        linear(row, output, NULL, n_embd, model->n_vocab, logits + (size_t)t * model->n_vocab);
    }
    free(embd);
    free(norm);
    free(output);
    free(x);
    rf_gguf_close(gguf);
}
