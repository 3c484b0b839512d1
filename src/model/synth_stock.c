/* synth_stock.c: making stocks of quantised units, and dealing tensors from them. */
#include "model/synth_stock.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "base/memory.h"
#include "model/synth_random.h"
#include "tensor/quantise.h"

/* Units of a stock at most: 288 KiB of Q4_K, which stays in a core's own cache, and more than the
 * windows in which file systems compress. */
#define STOCK_UNITS 2048

/* How far norms are spread around 1 and biases around 0. */
#define VECTOR_DEVIATION 0.1F

/* Frequency scaling as in Llama 3.1 (Grattafiori et al. 2024), whose reference implementation fixes
 * these. */
#define ROPE_LOW_FACTOR       1.0F
#define ROPE_HIGH_FACTOR      4.0F
#define ROPE_ORIGINAL_CONTEXT 8192.0F

uint64_t rf_synth_unit_bytes(rf_type type)
{
    const rf_type_info *info = rf_type_describe((uint32_t)type);
    return (uint64_t)RF_SYNTH_UNIT / info->block_elements * info->block_bytes;
}

uint64_t rf_synth_unit_count(const rf_synth_tensor *tensor)
{
    return tensor->n_elements / RF_SYNTH_UNIT + (tensor->n_elements % RF_SYNTH_UNIT != 0);
}

/* ------------------------------------------------------------------------------------ making ---
 */

/* One stock being made by several threads. */
typedef struct making {
    const rf_synth_stock *stock;
    uint64_t stream;
    _Atomic rf_status status; /* the last failure */
} making;

static void make_units(void *context, uint64_t begin, uint64_t end, uint32_t worker)
{
    (void)worker;
    making *m = context;
    uint64_t unit_bytes = rf_synth_unit_bytes(m->stock->type);
    float deviation = 1.0F / sqrtf((float)m->stock->row);
    for (uint64_t unit = begin; unit < end; unit++) {
        float x[RF_SYNTH_UNIT];
        for (uint64_t i = 0; i < RF_SYNTH_UNIT; i++)
            x[i] = deviation * rf_synth_normal(m->stream, unit * RF_SYNTH_UNIT + i);
        rf_status status = rf_quantise_row(m->stock->type, x, m->stock->blocks + unit * unit_bytes,
                                           RF_SYNTH_UNIT, NULL);
        if (status != RF_OK)
            atomic_store(&m->status, status);
    }
}

static rf_status make_stock(rf_synth_stock *stock, uint64_t stream, rf_threads *threads,
                            rf_error *error)
{
    uint64_t unit_bytes = rf_synth_unit_bytes(stock->type);
    stock->blocks = rf_calloc(stock->n_units, unit_bytes);
    if (!stock->blocks)
        return rf_error_host_memory(error, "random blocks", stock->n_units * unit_bytes);
    making m = {.stock = stock, .stream = stream, .status = RF_OK};
    rf_threads_run(threads, stock->n_units, 1, make_units, &m);
    rf_status status = atomic_load(&m.status);
    if (status != RF_OK)
        return rf_error_set(error, status, "cannot quantise to %s",
                            rf_type_describe((uint32_t)stock->type)->name);
    return RF_OK;
}

/* Adds a tensor to the stock of its kind; a stock is as large as its largest tensor asks for. */
static void assign(rf_synth_stocks *s, const rf_synth_tensor *tensor, uint32_t index)
{
    uint32_t i = 0;
    while (i < s->count &&
           (s->stocks[i].type != tensor->type || s->stocks[i].row != tensor->shape[0]))
        i++;
    if (i == s->count)
        s->stocks[s->count++] = (rf_synth_stock){.type = tensor->type, .row = tensor->shape[0]};
    uint64_t units = rf_synth_unit_count(tensor);
    units = units < STOCK_UNITS ? units : STOCK_UNITS;
    if (units > s->stocks[i].n_units)
        s->stocks[i].n_units = units;
    s->of_tensor[index] = i;
}

static rf_status make_all(const rf_synth_list *list, uint64_t seed, rf_threads *threads,
                          rf_synth_stocks *s, rf_error *error)
{
    s->stocks = rf_calloc(list->count, sizeof(*s->stocks)); /* one for each tensor is enough */
    s->of_tensor = rf_calloc(list->count, sizeof(*s->of_tensor));
    if (!s->stocks || !s->of_tensor)
        return rf_error_host_memory(error, "stocks of blocks",
                                    (uint64_t)list->count * sizeof(*s->stocks));
    for (uint32_t i = 0; i < list->count; i++) {
        if (list->tensors[i].fill == RF_SYNTH_MATRIX)
            assign(s, &list->tensors[i], i);
    }
    for (uint32_t i = 0; i < s->count; i++)
        RF_TRY(make_stock(&s->stocks[i], rf_synth_random(seed, i), threads, error));
    return RF_OK;
}

rf_status rf_synth_stocks_make(const rf_synth_list *list, uint64_t seed, rf_threads *threads,
                               rf_synth_stocks *out, rf_error *error)
{
    rf_synth_stocks stocks = {0};
    rf_status status = make_all(list, seed, threads, &stocks, error);
    if (status != RF_OK) {
        rf_synth_stocks_free(&stocks);
        return status;
    }
    *out = stocks;
    return RF_OK;
}

void rf_synth_stocks_free(rf_synth_stocks *stocks)
{
    for (uint32_t i = 0; i < stocks->count; i++)
        rf_free(stocks->stocks[i].blocks);
    rf_free(stocks->stocks);
    rf_free(stocks->of_tensor);
    *stocks = (rf_synth_stocks){0};
}

/* ----------------------------------------------------------------------------------- dealing ---
 */

/* What the frequency of pair i is divided by: nothing where it turns fast, the whole factor where
 * it turns slowly, something between otherwise. */
static float rope_divisor(const rf_synth_model *model, uint64_t i)
{
    float frequency = powf(model->rope_base, -2.0F * (float)i / (float)model->head_size);
    float turns = ROPE_ORIGINAL_CONTEXT * frequency / 6.28318531F;
    if (turns > ROPE_HIGH_FACTOR)
        return 1.0F;
    if (turns < ROPE_LOW_FACTOR)
        return model->rope_factor;
    float smooth = (turns - ROPE_LOW_FACTOR) / (ROPE_HIGH_FACTOR - ROPE_LOW_FACTOR);
    return 1.0F / ((1.0F - smooth) / model->rope_factor + smooth);
}

static float vector_element(const rf_synth_source *s, uint64_t i)
{
    if (s->tensor->fill == RF_SYNTH_ROPE)
        return rope_divisor(s->model, i);
    float mean = s->tensor->fill == RF_SYNTH_NORM ? 1.0F : 0.0F;
    return mean + VECTOR_DEVIATION * rf_synth_normal(s->stream, i);
}

static void deal_vector(const rf_synth_source *s, uint64_t first, uint64_t count, uint8_t *out)
{
    uint64_t i = first * RF_SYNTH_UNIT;
    uint64_t end = i + count * RF_SYNTH_UNIT;
    end = end < s->tensor->n_elements ? end : s->tensor->n_elements;
    for (; i < end; i++, out += sizeof(float)) {
        float x = vector_element(s, i);
        memcpy(out, &x, sizeof(x));
    }
}

void rf_synth_deal(const rf_synth_source *source, uint64_t first, uint64_t count, uint8_t *out)
{
    if (source->tensor->fill != RF_SYNTH_MATRIX) {
        deal_vector(source, first, count, out);
        return;
    }
    const rf_synth_stock *stock = source->stock;
    uint64_t unit_bytes = rf_synth_unit_bytes(stock->type);
    uint64_t left = source->tensor->bytes - first * unit_bytes;
    for (uint64_t unit = first; unit < first + count; unit++) {
        /* The upper half of the number, scaled to the stock. */
        uint64_t drawn = (rf_synth_random(source->stream, unit) >> 32) * stock->n_units >> 32;
        uint64_t bytes = left < unit_bytes ? left : unit_bytes;
        memcpy(out, stock->blocks + drawn * unit_bytes, bytes);
        out += bytes;
        left -= bytes;
    }
}
