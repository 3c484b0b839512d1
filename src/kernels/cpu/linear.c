/*
 * linear.c: matrix products of one input with up to three weights.
 *
 * The input is packed once for all weights whose dot products want it so. A task is then a group of
 * weight rows, which stays in cache while every column of the input passes; the tasks of all
 * weights are shared out in one loop, so that small ones (keys and values beside queries) do not
 * wait alone.
 */
#include "kernels/cpu/linear.h"

#include "base/checked.h"

typedef struct linear_part {
    const rf_dot_type *dot;
    const uint8_t *weights;
    uint64_t row_bytes;
    const uint8_t *x;
    uint64_t x_bytes;  /* from one column to the next */
    const float *bias; /* [m], or NULL */
    float *out;        /* [n_columns][m] */
    uint64_t m;
    uint64_t end_task; /* this part's tasks end here; they begin where the one before ends */
} linear_part;

typedef struct linear_job {
    linear_part parts[RF_LINEAR_MAX];
    const float *x; /* f32 [n_columns][k]: the input, prepared */
    uint64_t k;
    uint32_t n_columns;
    bool accumulate;
} linear_job;

/* Moves a tile's result, [n_columns][RF_LINEAR_ROWS], to where it belongs. */
static void store_tile(const linear_job *job, const linear_part *part, uint64_t row,
                       uint64_t column, const rf_dot_tile *tile)
{
    for (uint32_t c = 0; c < tile->n_columns; c++) {
        const float *from = tile->out + (size_t)c * RF_LINEAR_ROWS;
        float *to = part->out + (column + c) * part->m + row;
        for (uint32_t r = 0; r < tile->n_rows; r++) {
            float value = part->bias ? from[r] + part->bias[row + r] : from[r];
            to[r] = job->accumulate ? to[r] + value : value;
        }
    }
}

/* A group of rows with all columns. */
static void linear_rows(const linear_job *job, const linear_part *part, uint64_t row)
{
    float result[RF_LINEAR_COLUMNS * RF_LINEAR_ROWS];
    uint64_t rows_left = part->m - row;
    rf_dot_tile tile = {
        .weights = part->weights + row * part->row_bytes,
        .out = result,
        .n = job->k,
        .row_bytes = part->row_bytes,
        .x_bytes = part->x_bytes,
        .out_stride = RF_LINEAR_ROWS,
        .n_rows = rows_left < RF_LINEAR_ROWS ? (uint32_t)rows_left : RF_LINEAR_ROWS,
    };
    for (uint32_t column = 0; column < job->n_columns; column += RF_LINEAR_COLUMNS) {
        uint32_t left = job->n_columns - column;
        tile.x = part->x + column * part->x_bytes;
        tile.n_columns = left < RF_LINEAR_COLUMNS ? left : RF_LINEAR_COLUMNS;
        part->dot->tile(&tile);
        store_tile(job, part, row, column, &tile);
    }
}

static void linear_tasks(void *context, uint64_t begin, uint64_t end, uint32_t worker)
{
    (void)worker;
    const linear_job *job = context;
    const linear_part *part = job->parts;
    uint64_t first_task = 0;
    for (uint64_t task = begin; task < end; task++) {
        while (task >= part->end_task)
            first_task = part++->end_task;
        linear_rows(job, part, (task - first_task) * RF_LINEAR_ROWS);
    }
}

static void pack_columns(void *context, uint64_t begin, uint64_t end, uint32_t worker)
{
    (void)worker;
    const rf_pack_job *job = context;
    for (uint64_t i = begin; i < end; i++) {
        uint64_t source = job->sources ? job->sources[i] : i;
        job->pack(job->x + source * job->k, job->out + i * job->column_bytes, job->k);
    }
}

#define PACKED_PER_NS 2.0

void rf_linear_pack(const rf_compute *compute, const rf_pack_job *job)
{
    rf_pack_job copy = *job;
    double work = (double)job->n_columns * (double)job->k / PACKED_PER_NS;
    rf_cpu_run(compute, job->n_columns, work, pack_columns, &copy);
}

rf_status rf_linear_dot(const rf_compute *compute, const rf_tensor *weight, const rf_dot_type **out,
                        rf_error *error)
{
    const rf_dot_type *dot = rf_dot_for(weight->type, rf_cpu_kernels_of(compute)->reference);
    if (!dot)
        return rf_error_set(error, RF_ERROR_UNSUPPORTED, "linear: element type %u",
                            (unsigned)weight->type);
    *out = dot;
    return RF_OK;
}

rf_status rf_linear_workspace(uint64_t n_tokens, uint64_t k, uint64_t *bytes, rf_error *error)
{
    uint64_t column = 0;
    RF_TRY(rf_activation_bytes(RF_ACTIVATION_Q8, k, &column, error));
    if (!rf_mul(n_tokens, column, bytes))
        return rf_error_set(error, RF_ERROR_OVERFLOW, "linear: workspace");
    return RF_OK;
}

/* Gives a part its input: the floats as they are, or the packed ones, which are made on first use.
 */
static rf_status give_input(const rf_compute *compute, const linear_job *job, linear_part *part,
                            bool *packed, rf_error *error)
{
    const uint64_t k = job->k;
    RF_TRY(rf_activation_bytes(part->dot->activation, k, &part->x_bytes, error));
    part->x = (const uint8_t *)job->x;
    if (part->dot->activation == RF_ACTIVATION_F32)
        return RF_OK;
    part->x = rf_cpu_pointer(compute->workspace);
    if (*packed)
        return RF_OK;
    uint64_t need = 0;
    RF_TRY(rf_linear_workspace(job->n_columns, k, &need, error));
    RF_TRY(rf_cpu_need_workspace(compute, "linear", need, error));
    rf_linear_pack(compute, &(rf_pack_job){
                                .pack = part->dot->pack,
                                .x = job->x,
                                .out = rf_cpu_pointer(compute->workspace),
                                .k = k,
                                .column_bytes = part->x_bytes,
                                .n_columns = job->n_columns,
                            });
    *packed = true;
    return RF_OK;
}

/* One of the products, whose tasks begin at *tasks. */
static rf_status make_part(const rf_compute *compute, const rf_linear_args *args, uint32_t i,
                           linear_job *job, uint64_t *tasks, bool *packed, rf_error *error)
{
    const rf_tensor *weight = args->parts[i].weight;
    const rf_tensor *bias = args->parts[i].bias;
    linear_part *part = &job->parts[i];
    RF_TRY(rf_linear_dot(compute, weight, &part->dot, error));
    RF_TRY(give_input(compute, job, part, packed, error));
    part->weights = rf_cpu_pointer(weight->address);
    part->row_bytes = weight->stride[1];
    part->bias = bias ? rf_cpu_pointer(bias->address) : NULL;
    part->out = rf_cpu_pointer(args->parts[i].out);
    part->m = weight->shape[1];
    *tasks += part->m / RF_LINEAR_ROWS + (part->m % RF_LINEAR_ROWS != 0);
    part->end_task = *tasks;
    return RF_OK;
}

rf_status rf_cpu_linear(const rf_compute *compute, const rf_linear_args *args, rf_error *error)
{
    linear_job job = {
        .k = args->parts[0].weight->shape[0],
        .n_columns = args->n_tokens,
        .accumulate = args->end == RF_LINEAR_ADD,
    };
    rf_address x;
    rf_cpu_prepare_input(compute, &args->input, args->n_tokens, (uint32_t)job.k, &x);
    job.x = rf_cpu_pointer(x);
    uint64_t tasks = 0;
    double rows = 0;
    bool packed = false;
    for (uint32_t i = 0; i < args->n_weights; i++) {
        RF_TRY(make_part(compute, args, i, &job, &tasks, &packed, error));
        rows += (double)job.parts[i].m;
    }
    double work = rows * (double)job.k * args->n_tokens / RF_LINEAR_PER_NS;
    rf_cpu_run(compute, tasks, work, linear_tasks, &job);
    if (args->end == RF_LINEAR_SWIGLU)
        rf_cpu_swiglu(compute, &(rf_swiglu_args){.gate = args->parts[0].out,
                                                 .up = args->parts[1].out,
                                                 .out = args->parts[0].out,
                                                 .n = args->n_tokens * job.parts[0].m});
    return RF_OK;
}
