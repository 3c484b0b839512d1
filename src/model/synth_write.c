/*
 * synth_write.c: the data of a synthetic model, written while the next piece of it is made. Two
 * buffers take turns: one task writes the full one, the others deal units into the other.
 */

#include "base/memory.h"
#include "model/synth_random.h"
#include "model/synth_stock.h"

/* Large enough that waking the workers costs little, small enough for the last level of cache. */
#define BUFFER_BYTES ((uint64_t)8 << 20)

/* What one task deals. */
#define PIECE_BYTES ((uint64_t)512 << 10)

/* A part of one tensor, in a buffer. */
typedef struct part {
    rf_synth_source source;
    uint64_t first; /* unit */
    uint64_t units;
    uint64_t bytes;
    uint8_t *data;
} part;

typedef struct pipeline {
    rf_gguf_writer *writer;
    const rf_synth_model *model;
    const rf_synth_list *list;
    const rf_synth_options *options;
    rf_synth_stocks stocks;
    uint32_t tensor;    /* the one from which the next part comes */
    uint64_t unit;      /* in it */
    uint8_t *buffer[2]; /* BUFFER_BYTES each */
    part making;        /* of 0 units at the end */
    part writing;       /* of 0 bytes at the start */
    uint64_t done;      /* bytes written */
    rf_status status;   /* of the writing task */
    rf_error error;
} pipeline;

/* The next part of the current tensor, or the first of the next one, for buffer number `turn`. */
static part next_part(pipeline *p, int turn)
{
    if (p->tensor == p->list->count)
        return (part){0};
    const rf_synth_tensor *t = &p->list->tensors[p->tensor];
    uint64_t unit_bytes = rf_synth_unit_bytes(t->type);
    uint64_t left = rf_synth_unit_count(t) - p->unit;
    uint64_t room = BUFFER_BYTES / unit_bytes;
    uint64_t bytes_left = t->bytes - p->unit * unit_bytes;
    part next = {
        .source = {p->model, t, &p->stocks.stocks[p->stocks.of_tensor[p->tensor]],
                   /* Behind the streams of the stocks, of which there are fewer than tensors. */
                   rf_synth_random(p->options->seed, (uint64_t)p->list->count + p->tensor)},
        .first = p->unit,
        .units = left < room ? left : room,
        .bytes = left <= room ? bytes_left : room * unit_bytes,
        .data = p->buffer[turn],
    };
    p->unit += next.units;
    if (next.units == left) {
        p->tensor++;
        p->unit = 0;
    }
    return next;
}

static uint64_t piece_units(const part *m)
{
    return PIECE_BYTES / rf_synth_unit_bytes(m->source.tensor->type);
}

/* Task 0 writes one part, task i deals piece i - 1 of the next. */
static void run_tasks(void *context, uint64_t begin, uint64_t end, uint32_t worker)
{
    (void)worker;
    pipeline *p = context;
    for (uint64_t task = begin; task < end; task++) {
        if (task == 0) {
            p->status = p->writing.bytes == 0 ? RF_OK
                                              : rf_gguf_write_data(p->writer, p->writing.data,
                                                                   p->writing.bytes, &p->error);
            continue;
        }
        const part *m = &p->making;
        uint64_t most = piece_units(m);
        uint64_t first = (task - 1) * most;
        uint64_t count = m->units - first < most ? m->units - first : most;
        rf_synth_deal(&m->source, m->first + first, count,
                      m->data + first * rf_synth_unit_bytes(m->source.tensor->type));
    }
}

static uint64_t count_tasks(const part *m)
{
    if (m->units == 0)
        return 1;
    uint64_t most = piece_units(m);
    return 1 + m->units / most + (m->units % most != 0);
}

/* Calls back, if anyone wants to know. */
static rf_status report(const pipeline *p, rf_error *error)
{
    const rf_synth_options *o = p->options;
    if (o->progress && !o->progress(o->progress_user, p->done, p->list->summary.tensor_bytes))
        return rf_error_set(error, RF_ERROR_CANCELLED, "cancelled after %.1f of %.1f MiB",
                            (double)p->done / 0x1p20,
                            (double)p->list->summary.tensor_bytes / 0x1p20);
    return RF_OK;
}

static rf_status run(pipeline *p, rf_threads *threads, rf_error *error)
{
    RF_TRY(rf_synth_stocks_make(p->list, p->options->seed, threads, &p->stocks, error));
    for (int i = 0; i < 2; i++) {
        p->buffer[i] = rf_calloc(BUFFER_BYTES, 1);
        if (!p->buffer[i])
            return rf_error_host_memory(error, "a buffer", BUFFER_BYTES);
    }
    RF_TRY(report(p, error));
    int turn = 0;
    do {
        p->making = next_part(p, turn);
        rf_threads_run(threads, count_tasks(&p->making), 1, run_tasks, p);
        if (p->status != RF_OK) {
            if (error)
                *error = p->error;
            return p->status;
        }
        if (p->writing.bytes) {
            p->done += p->writing.bytes;
            RF_TRY(report(p, error));
        }
        p->writing = p->making;
        turn = !turn;
    } while (p->writing.bytes);
    return RF_OK;
}

rf_status rf_synth_write_data(rf_gguf_writer *writer, const rf_synth_model *model,
                              const rf_synth_list *list, const rf_synth_options *options,
                              rf_threads *threads, rf_error *error)
{
    pipeline p = {.writer = writer, .model = model, .list = list, .options = options};
    rf_status status = run(&p, threads, error);
    rf_synth_stocks_free(&p.stocks);
    rf_free(p.buffer[0]);
    rf_free(p.buffer[1]);
    return status;
}
