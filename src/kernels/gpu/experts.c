/*
 * experts.c: the mixture of experts of a layer: route tokens, then products with the weights of the
 * chosen experts. A pair is a token and one of its experts; few pairs read the rows of their
 * experts one by one, many are sorted by expert and go through the matrix units.
 */
#include <inttypes.h>

#include "base/checked.h"
#include "kernels/gpu/args_experts.h"
#include "kernels/gpu/operations.h"
#include "kernels/gpu/prepare.h"

/* Pairs up to which sorting them costs more than reading some experts' weights twice. */
#define FEW_PAIRS 64

#define SORT_THREADS    256
#define COMBINE_THREADS 256

typedef struct shape {
    uint32_t n_tokens, n_pairs, n_used, n_experts;
    uint32_t n_embd, n_ff;
} shape;

/* Arrays in the workspace. */
typedef struct arrays {
    rf_address logits;         /* f32 [n_tokens][n_experts] */
    rf_address ids, shares;    /* i32 and f32 [n_tokens][n_used] */
    rf_address offsets, order; /* of sorted pairs */
    rf_address gate, up;       /* f32 [n_pairs][n_ff]; gate becomes hidden */
    rf_address down;           /* f32 [n_pairs][n_embd] */
} arrays;

static rf_status take_arrays(const shape *s, rf_gpu_room *room, arrays *out, rf_error *error)
{
    const uint64_t pairs = s->n_pairs;
    RF_TRY(rf_gpu_room_take(room, (uint64_t)s->n_tokens * s->n_experts * 4, &out->logits, error));
    RF_TRY(rf_gpu_room_take(room, pairs * 4, &out->ids, error));
    RF_TRY(rf_gpu_room_take(room, pairs * 4, &out->shares, error));
    RF_TRY(rf_gpu_room_take(room, ((uint64_t)s->n_experts + 1) * 4, &out->offsets, error));
    RF_TRY(rf_gpu_room_take(room, pairs * 4, &out->order, error));
    RF_TRY(rf_gpu_room_take(room, pairs * s->n_ff * 4, &out->gate, error));
    RF_TRY(rf_gpu_room_take(room, pairs * s->n_ff * 4, &out->up, error));
    return rf_gpu_room_take(room, pairs * s->n_embd * 4, &out->down, error);
}

/* Counts what take_arrays takes, and the rows prepared beside it. */
rf_status rf_gpu_experts_workspace(const rf_kernel_limits *limits, uint64_t *bytes, rf_error *error)
{
    uint64_t pairs, row, size, inputs = 0, hidden = 0;
    uint64_t fixed = 16ULL * 256 + 4 * ((uint64_t)limits->n_experts + 1); /* rounding, offsets */
    bool good = rf_mul(limits->n_tokens, limits->n_experts_used, &pairs) && pairs <= INT32_MAX &&
                rf_mul(limits->n_ff, 2, &row) && rf_add(row, limits->n_embd, &row) &&
                rf_add(row, 3, &row) && /* id, share, order */
                rf_mul(row, pairs, &size) &&
                rf_add(size, (uint64_t)limits->n_tokens * limits->n_experts, &size) &&
                rf_mul(size, 4, &size) && rf_add(size, fixed, &size);
    if (good) {
        RF_TRY(rf_gpu_prepare_bytes(limits->n_tokens, limits->n_embd, &inputs, error));
        RF_TRY(rf_gpu_prepare_bytes(pairs, limits->n_ff, &hidden, error));
        good = rf_mul(inputs, 3, &inputs) && /* at most each form once */
               rf_add(size, inputs, &size) && rf_add(size, hidden, &size);
    }
    if (!good)
        return rf_error_set(error, RF_ERROR_OVERFLOW, "experts: workspace");
    *bytes = size;
    return RF_OK;
}

static rf_status route(const rf_compute *compute, const rf_experts_args *args, const shape *s,
                       const arrays *a, rf_gpu_room room, rf_error *error)
{
    const rf_linear_args linear = {
        .input = args->input,
        .n_tokens = s->n_tokens,
        .n_weights = 1,
        .parts = {{.weight = args->router, .out = a->logits}},
    };
    rf_compute rest = *compute;
    rest.workspace = room.next;
    rest.workspace_bytes = room.end - room.next;
    RF_TRY(rf_gpu_linear(&rest, &linear, error));
    const struct rf_gpu_route_args args_of = {.logits = a->logits,
                                              .ids = a->ids,
                                              .shares = a->shares,
                                              .n_experts = s->n_experts,
                                              .n_used = s->n_used};
    const rf_gpu_launch launch = {.unit = "experts",
                                  .kernel = "experts_route",
                                  .blocks = {s->n_tokens},
                                  .threads = rf_gpu_traits_of(compute->programs)->warp_size,
                                  .shared_bytes = 2 * 4 * s->n_experts,
                                  .overlap = true};
    return rf_gpu_run(compute, &launch, &args_of, error);
}

static rf_status sort(const rf_compute *compute, const shape *s, const arrays *a, rf_error *error)
{
    const struct rf_gpu_sort_args args = {.ids = a->ids,
                                          .offsets = a->offsets,
                                          .order = a->order,
                                          .n_pairs = s->n_pairs,
                                          .n_experts = s->n_experts};
    const rf_gpu_launch launch = {.unit = "experts",
                                  .kernel = "experts_sort",
                                  .blocks = {s->n_experts},
                                  .threads = SORT_THREADS,
                                  .shared_bytes = 2 * 4 * SORT_THREADS,
                                  .overlap = true};
    return rf_gpu_run(compute, &launch, &args, error);
}

static rf_status combine(const rf_compute *compute, const shape *s, const arrays *a, rf_address out,
                         rf_error *error)
{
    const struct rf_gpu_combine_args args = {
        .from = a->down, .shares = a->shares, .out = out, .n = s->n_embd, .n_used = s->n_used};
    const rf_gpu_launch launch = {
        .unit = "experts",
        .kernel = "experts_combine",
        .blocks = {(s->n_embd + COMBINE_THREADS - 1) / COMBINE_THREADS, s->n_tokens},
        .threads = COMBINE_THREADS,
        .overlap = true};
    return rf_gpu_run(compute, &launch, &args, error);
}

static rf_gpu_form form_of(const rf_tensor *weight, bool few)
{
    return rf_gpu_form_for(weight->type, few ? 1 : UINT32_MAX);
}

static rf_gpu_product product_of(const shape *s, const arrays *a, const rf_tensor *weight,
                                 uint32_t divisor, rf_address out)
{
    return (rf_gpu_product){.type = weight->type,
                            .n_rows = s->n_pairs,
                            .k = (uint32_t)weight->shape[0],
                            .n_parts = 1,
                            .parts = {{.weights = weight->address,
                                       .row_bytes = weight->stride[1],
                                       .m = (uint32_t)weight->shape[1],
                                       .out = out}},
                            .n_experts = s->n_experts,
                            .row_divisor = divisor,
                            .expert_bytes = weight->stride[2],
                            .ids = a->ids,
                            .offsets = a->offsets,
                            .order = a->order};
}

/* gate = silu(gate · x) * (up · x), a row a pair. */
static rf_status make_hidden(const rf_compute *compute, const rf_experts_args *args, const shape *s,
                             const arrays *a, bool few, rf_gpu_room *room, rf_error *error)
{
    rf_gpu_product gate = product_of(s, a, args->gate, s->n_used, a->gate);
    rf_gpu_product up = product_of(s, a, args->up, s->n_used, a->up);
    RF_TRY(rf_gpu_prepare(compute, &args->input, s->n_tokens, s->n_embd, form_of(args->gate, few),
                          room, &gate.rows, error));
    if (gate.type == up.type && gate.expert_bytes == up.expert_bytes) {
        gate.parts[1] = up.parts[0];
        gate.n_parts = 2;
        gate.end = RF_LINEAR_SWIGLU;
        return rf_gpu_product_run(compute, &gate, room, error);
    }
    up.rows = gate.rows;
    if (form_of(args->up, few) != gate.rows.form)
        RF_TRY(rf_gpu_prepare(compute, &args->input, s->n_tokens, s->n_embd, form_of(args->up, few),
                              room, &up.rows, error));
    RF_TRY(rf_gpu_product_run(compute, &gate, room, error));
    RF_TRY(rf_gpu_product_run(compute, &up, room, error));
    return rf_gpu_swiglu(compute, a->gate, a->up, (uint64_t)s->n_pairs * s->n_ff, error);
}

static rf_status check_shape(const shape *s, rf_error *error)
{
    if (s->n_experts <= RF_GPU_MAX_EXPERTS)
        return RF_OK;
    return rf_error_set(error, RF_ERROR_UNSUPPORTED, "experts: %" PRIu32 " of them, at most %d",
                        s->n_experts, RF_GPU_MAX_EXPERTS);
}

rf_status rf_gpu_experts(const rf_compute *compute, const rf_experts_args *args, rf_error *error)
{
    shape s = {.n_tokens = args->n_tokens,
               .n_used = args->n_used,
               .n_pairs = args->n_tokens * args->n_used,
               .n_experts = (uint32_t)args->router->shape[1],
               .n_embd = (uint32_t)args->gate->shape[0],
               .n_ff = (uint32_t)args->gate->shape[1]};
    arrays a = {0};
    RF_TRY(check_shape(&s, error));
    rf_gpu_room room = rf_gpu_room_begin(compute);
    RF_TRY(take_arrays(&s, &room, &a, error));
    RF_TRY(route(compute, args, &s, &a, room, error));
    bool few = s.n_pairs <= FEW_PAIRS;
    if (!few)
        RF_TRY(sort(compute, &s, &a, error));
    RF_TRY(make_hidden(compute, args, &s, &a, few, &room, error));
    rf_gpu_product down = product_of(&s, &a, args->down, 1, a.down);
    RF_TRY(rf_gpu_prepare(compute, &(rf_linear_input){.x = a.gate}, s.n_pairs, s.n_ff,
                          form_of(args->down, few), &room, &down.rows, error));
    RF_TRY(rf_gpu_product_run(compute, &down, &room, error));
    return combine(compute, &s, &a, args->out, error);
}
