/* trace.c: making the traces of trace.h, from fixed seeds. */
#include "trace.h"

#include <stdbool.h>
#include <stdlib.h>

#include "common.h"
#include "memory/random.h"
#include "model/synth.h"

/* ---- building -------------------------------------------------------------------------------- */

typedef struct builder {
    trace t;
    uint32_t capacity;
    uint64_t *held; /* bytes in each place; 0: empty */
    uint64_t live;
} builder;

static builder begin(const char *name, uint32_t places, uint32_t capacity)
{
    builder b = {.t = {.name = name, .places = places}, .capacity = capacity};
    /* One more than is used, so that it is never an allocation of nothing. */
    b.t.steps = calloc((size_t)capacity + 1, sizeof(*b.t.steps));
    b.held = calloc((size_t)places + 1, sizeof(*b.held));
    must(b.t.steps && b.held, "no memory for a trace");
    return b;
}

/* Fills an empty place, or empties a full one. */
static void put(builder *b, uint32_t place, uint64_t bytes)
{
    must(b->t.n_steps < b->capacity && place < b->t.places, "a trace is longer than planned");
    b->t.steps[b->t.n_steps++] = (trace_step){place, bytes};
    if (b->held[place]) {
        b->live -= b->held[place];
        b->held[place] = 0;
        return;
    }
    b->held[place] = bytes;
    b->live += bytes;
    b->t.n_takes++;
    if (b->live > b->t.most_live)
        b->t.most_live = b->live;
}

static trace end(builder *b)
{
    free(b->held);
    return b->t;
}

/* ---- the traces ------------------------------------------------------------------------------ */

trace trace_random(const char *name, uint32_t places, uint64_t largest, uint32_t n_steps)
{
    builder b = begin(name, places, n_steps);
    uint64_t random = 1;
    for (uint32_t i = 0; i < n_steps; i++) {
        uint32_t place = (uint32_t)random_below(&random, places);
        put(&b, place, 1 + random_below(&random, largest));
    }
    return end(&b);
}

trace trace_load(uint32_t loads)
{
    const rf_synth_model *model = NULL;
    const rf_synth_quant *quant = NULL;
    rf_synth_list list = {0};
    must(rf_synth_model_find("llama-8b", &model, NULL) == RF_OK &&
             rf_synth_quant_find("q4_k_m", &quant, NULL) == RF_OK &&
             rf_synth_list_make(model, quant, false, &list, NULL) == RF_OK,
         "the shape of Llama 3 8B is not known");
    builder b = begin("load of Llama 3 8B Q4_K_M", list.count, 2 * loads * list.count);
    for (uint32_t round = 0; round < 2 * loads; round++) { /* one fills, the next empties */
        for (uint32_t i = 0; i < list.count; i++)
            put(&b, i, list.tensors[i].bytes);
    }
    rf_synth_list_free(&list);
    return end(&b);
}

#define SEQUENCES     32U
#define PAGES         64U                            /* of a sequence: 1024 tokens */
#define PAGE_BYTES    (16ULL * 32 * 2 * 8 * 128 * 2) /* tokens, layers, K and V, heads, size, F16 */
#define SCRATCH_TOKEN (14336ULL * 4)                 /* the feed-forward's row, F32 */

trace trace_engine(uint32_t n_steps)
{
    /* A place for each page that there can be, and one for the scratch of a prompt. */
    const uint32_t scratch = SEQUENCES * PAGES;
    builder b = begin("engine of Llama 3 8B", scratch + 1, n_steps + 2 * PAGES + 4);
    uint32_t n_pages[SEQUENCES] = {0};
    uint32_t wanted[SEQUENCES] = {0};
    uint64_t random = 2;
    while (b.t.n_steps < n_steps) {
        uint32_t s = (uint32_t)random_below(&random, SEQUENCES);
        if (wanted[s] == 0) { /* it comes with a prompt */
            uint32_t prompt = 1 + (uint32_t)random_below(&random, PAGES / 2);
            wanted[s] = prompt + (uint32_t)random_below(&random, PAGES / 2);
            put(&b, scratch, SCRATCH_TOKEN * 16 * prompt);
            for (; n_pages[s] < prompt; n_pages[s]++)
                put(&b, s * PAGES + n_pages[s], PAGE_BYTES);
            put(&b, scratch, 0);
        } else if (n_pages[s] < wanted[s]) { /* it grows */
            put(&b, s * PAGES + n_pages[s]++, PAGE_BYTES);
        } else { /* it ends */
            while (n_pages[s])
                put(&b, s * PAGES + --n_pages[s], 0);
            wanted[s] = 0;
        }
    }
    return end(&b);
}
