/*
 * experts.c: the mixture of experts of a layer.
 *
 * Tokens are grouped by expert; then two loops over groups of weight rows: gate and up with the
 * activation between them, and down. A task of the second one has all experts for its rows of the
 * output, in ascending order: nothing else writes there, and the sum does not depend on threads.
 */
#include "kernels/cpu/experts.h"

#include "kernels/cpu/linear.h"

typedef struct expert_weights {
    const rf_dot_type *dot;
    const uint8_t *first;  /* of expert 0 */
    uint64_t row_bytes;    /* from one row to the next */
    uint64_t expert_bytes; /* from one expert to the next */
} expert_weights;

/* Columns of all pairs as one kind of dot product wants them. */
typedef struct pair_columns {
    const uint8_t *data;
    uint64_t bytes; /* of one */
} pair_columns;

typedef struct experts_job {
    rf_experts_shape shape;
    rf_experts_routes routes;
    const rf_cpu_loops *loops;
    expert_weights gate, up, down;
    pair_columns columns; /* of x, then of hidden */
    float *hidden;        /* f32 [n_pairs][n_ff] */
    float *out;           /* f32 [n_tokens][n_embd] */
} experts_job;

/* Rows of one expert with some of its columns: result f32 [n_columns][RF_LINEAR_ROWS]. */
typedef struct expert_tile {
    uint32_t expert;
    uint64_t row;
    uint64_t k;
    uint64_t pair; /* first column */
    uint32_t n_rows;
    uint32_t n_columns;
} expert_tile;

static void compute_tile(const expert_tile *at, const expert_weights *weights,
                         const pair_columns *columns, float *result)
{
    weights->dot->tile(&(rf_dot_tile){
        .weights =
            weights->first + at->expert * weights->expert_bytes + at->row * weights->row_bytes,
        .x = columns->data + at->pair * columns->bytes,
        .out = result,
        .n = at->k,
        .row_bytes = weights->row_bytes,
        .x_bytes = columns->bytes,
        .out_stride = RF_LINEAR_ROWS,
        .n_rows = at->n_rows,
        .n_columns = at->n_columns,
    });
}

static uint32_t at_most(uint64_t n, uint32_t limit)
{
    return n < limit ? (uint32_t)n : limit;
}

static uint64_t row_groups(uint64_t rows)
{
    return rows / RF_LINEAR_ROWS + (rows % RF_LINEAR_ROWS != 0);
}

/* hidden = silu(gate · x) * (up · x), for a group of rows of one expert. */
static void hidden_rows(const experts_job *job, uint32_t expert, uint64_t row)
{
    float gate[RF_LINEAR_COLUMNS * RF_LINEAR_ROWS];
    float up[RF_LINEAR_COLUMNS * RF_LINEAR_ROWS];
    const uint64_t n_ff = job->shape.n_ff;
    const uint32_t end = job->routes.ends[expert + 1];
    expert_tile at = {
        .expert = expert,
        .row = row,
        .k = job->shape.n_embd,
        .n_rows = at_most(n_ff - row, RF_LINEAR_ROWS),
    };
    for (at.pair = job->routes.ends[expert]; at.pair < end; at.pair += RF_LINEAR_COLUMNS) {
        at.n_columns = at_most(end - at.pair, RF_LINEAR_COLUMNS);
        compute_tile(&at, &job->gate, &job->columns, gate);
        compute_tile(&at, &job->up, &job->columns, up);
        for (uint32_t c = 0; c < at.n_columns; c++)
            job->loops->swiglu(gate + (size_t)c * RF_LINEAR_ROWS, up + (size_t)c * RF_LINEAR_ROWS,
                               job->hidden + (at.pair + c) * n_ff + row, at.n_rows);
    }
}

/* Experts vary fastest: a part of the loop then has rows of busy and of idle ones. */
static void hidden_tasks(void *context, uint64_t begin, uint64_t end, uint32_t worker)
{
    (void)worker;
    const experts_job *job = context;
    const uint32_t n_active = job->routes.n_active;
    for (uint64_t task = begin; task < end; task++)
        hidden_rows(job, job->routes.active[task % n_active], task / n_active * RF_LINEAR_ROWS);
}

/* out += weight * (down · hidden), for a group of rows of one expert. */
static void output_rows(const experts_job *job, uint32_t expert, uint64_t row)
{
    float result[RF_LINEAR_COLUMNS * RF_LINEAR_ROWS];
    const uint64_t n_embd = job->shape.n_embd;
    const uint32_t end = job->routes.ends[expert + 1];
    expert_tile at = {
        .expert = expert,
        .row = row,
        .k = job->shape.n_ff,
        .n_rows = at_most(n_embd - row, RF_LINEAR_ROWS),
    };
    for (at.pair = job->routes.ends[expert]; at.pair < end; at.pair += RF_LINEAR_COLUMNS) {
        at.n_columns = at_most(end - at.pair, RF_LINEAR_COLUMNS);
        compute_tile(&at, &job->down, &job->columns, result);
        for (uint32_t c = 0; c < at.n_columns; c++) {
            float weight = job->routes.pair_weights[at.pair + c];
            float *out = job->out + job->routes.pair_tokens[at.pair + c] * n_embd + row;
            for (uint32_t r = 0; r < at.n_rows; r++)
                out[r] += weight * result[(size_t)c * RF_LINEAR_ROWS + r];
        }
    }
}

static void output_tasks(void *context, uint64_t begin, uint64_t end, uint32_t worker)
{
    (void)worker;
    const experts_job *job = context;
    for (uint64_t task = begin; task < end; task++) {
        for (uint32_t a = 0; a < job->routes.n_active; a++)
            output_rows(job, job->routes.active[a], task * RF_LINEAR_ROWS);
    }
}

static rf_status open_weights(const rf_compute *compute, const rf_tensor *tensor,
                              expert_weights *out, rf_error *error)
{
    RF_TRY(rf_linear_dot(compute, tensor, &out->dot, error));
    out->first = rf_cpu_pointer(tensor->address);
    out->row_bytes = tensor->stride[1];
    out->expert_bytes = tensor->stride[2];
    return RF_OK;
}

/* The router's product, by the operation for it: its workspace is where columns are packed later.
 */
static rf_status compute_logits(const rf_compute *compute, const rf_experts_args *args,
                                rf_address x, const rf_experts_layout *layout, rf_error *error)
{
    rf_compute part = *compute;
    part.workspace = compute->workspace + layout->packed;
    part.workspace_bytes = layout->packed_bytes;
    const rf_linear_args linear = {
        .input = {.x = x},
        .n_tokens = args->n_tokens,
        .n_weights = 1,
        .parts = {{.weight = args->router, .out = compute->workspace + layout->logits}},
    };
    return rf_cpu_linear(&part, &linear, error);
}

/* Packs columns of k elements for all pairs, as one dot product wants them. */
static rf_status pack_pairs(const rf_compute *compute, const rf_experts_layout *layout,
                            const rf_dot_type *dot, const rf_pack_job *from, pair_columns *out,
                            rf_error *error)
{
    rf_pack_job job = *from;
    job.pack = dot->pack;
    job.out = rf_cpu_pointer(compute->workspace + layout->packed);
    RF_TRY(rf_activation_bytes(dot->activation, job.k, &job.column_bytes, error));
    rf_linear_pack(compute, &job);
    out->data = job.out;
    out->bytes = job.column_bytes;
    return RF_OK;
}

/* Gate and up share their columns. Where one has float weights and the other has not, the portable
 * products, which all take floats, are right for both: no model is known to mix them. */
static rf_status open_all_weights(const rf_compute *compute, const rf_experts_args *args,
                                  experts_job *job, rf_error *error)
{
    RF_TRY(open_weights(compute, args->gate, &job->gate, error));
    RF_TRY(open_weights(compute, args->up, &job->up, error));
    RF_TRY(open_weights(compute, args->down, &job->down, error));
    if (job->gate.dot->activation != job->up.dot->activation) {
        job->gate.dot = rf_dot_for(args->gate->type, true);
        job->up.dot = rf_dot_for(args->up->type, true);
    }
    return RF_OK;
}

static void find_arrays(const rf_compute *compute, const rf_experts_layout *layout,
                        experts_job *job)
{
    const rf_address base = compute->workspace;
    job->routes = (rf_experts_routes){
        .chosen = rf_cpu_pointer(base + layout->chosen),
        .shares = rf_cpu_pointer(base + layout->shares),
        .ends = rf_cpu_pointer(base + layout->ends),
        .active = rf_cpu_pointer(base + layout->active),
        .pair_tokens = rf_cpu_pointer(base + layout->pair_tokens),
        .pair_weights = rf_cpu_pointer(base + layout->pair_weights),
    };
    job->hidden = rf_cpu_pointer(base + layout->hidden);
}

rf_status rf_cpu_experts(const rf_compute *compute, const rf_experts_args *args, rf_error *error)
{
    experts_job job = {
        .shape = {.n_tokens = args->n_tokens,
                  .n_embd = args->gate->shape[0],
                  .n_ff = args->gate->shape[1],
                  .n_experts = args->router->shape[1],
                  .n_used = args->n_used},
        .loops = rf_cpu_kernels_of(compute)->loops,
        .out = rf_cpu_pointer(args->out),
    };
    rf_experts_layout layout;
    RF_TRY(rf_experts_plan(&job.shape, &layout, error));
    RF_TRY(rf_cpu_need_workspace(compute, "experts", layout.bytes, error));
    RF_TRY(open_all_weights(compute, args, &job, error));
    find_arrays(compute, &layout, &job);

    rf_address x;
    rf_cpu_prepare_input(compute, &args->input, args->n_tokens, (uint32_t)job.shape.n_embd, &x);
    RF_TRY(compute_logits(compute, args, x, &layout, error));
    rf_experts_route(compute, &job.shape, rf_cpu_pointer(compute->workspace + layout.logits),
                     &job.routes);

    const uint64_t n_pairs = job.shape.n_tokens * job.shape.n_used;
    const double products = (double)n_pairs * (double)job.shape.n_embd * (double)job.shape.n_ff;
    const rf_pack_job inputs = {
        .x = rf_cpu_pointer(x),
        .sources = job.routes.pair_tokens,
        .k = job.shape.n_embd,
        .n_columns = n_pairs,
    };
    RF_TRY(pack_pairs(compute, &layout, job.gate.dot, &inputs, &job.columns, error));
    rf_cpu_run(compute, row_groups(job.shape.n_ff) * job.routes.n_active,
               2 * products / RF_LINEAR_PER_NS, hidden_tasks, &job);

    const rf_pack_job hidden = {.x = job.hidden, .k = job.shape.n_ff, .n_columns = n_pairs};
    RF_TRY(pack_pairs(compute, &layout, job.down.dot, &hidden, &job.columns, error));
    rf_cpu_run(compute, row_groups(job.shape.n_embd), products / RF_LINEAR_PER_NS, output_tasks,
               &job);
    return RF_OK;
}
