/*
 * linear.c: matrix products of one input with up to three weights. Weights of one element type go
 * together; the input is prepared once for each form that they want.
 */
#include "base/checked.h"
#include "kernels/gpu/gemm_hopper.h"
#include "kernels/gpu/operations.h"
#include "kernels/gpu/prepare.h"

/* A form is prepared when it is first wanted. */
typedef struct inputs {
    bool made[RF_GPU_FORMS];
    rf_gpu_rows rows[RF_GPU_FORMS];
} inputs;

static rf_status give_rows(const rf_compute *compute, const rf_linear_args *args, rf_gpu_form form,
                           rf_gpu_room *room, inputs *all, rf_gpu_rows *out, rf_error *error)
{
    if (!all->made[form])
        RF_TRY(rf_gpu_prepare(compute, &args->input, args->n_tokens,
                              (uint32_t)args->parts[0].weight->shape[0], form, room,
                              &all->rows[form], error));
    all->made[form] = true;
    *out = all->rows[form];
    return RF_OK;
}

static void add_part(rf_gpu_product *product, const rf_linear_args *args, uint32_t i)
{
    const rf_tensor *weight = args->parts[i].weight;
    const rf_tensor *bias = args->parts[i].bias;
    const uint32_t at = product->n_parts++;
    product->parts[at].weights = weight->address;
    product->parts[at].row_bytes = weight->stride[1];
    product->parts[at].m = (uint32_t)weight->shape[1];
    product->parts[at].bias = bias ? bias->address : 0;
    product->parts[at].out = args->parts[i].out;
}

rf_status rf_gpu_product_run(const rf_compute *compute, const rf_gpu_product *product,
                             const rf_gpu_room *room, rf_error *error)
{
    rf_compute rest = *compute;
    rest.workspace = room->next;
    rest.workspace_bytes = room->end - room->next;
    switch (product->rows.form) {
    case RF_GPU_PACKED:
    case RF_GPU_PACKED_SPLIT:
        return rf_gpu_gemm_hopper(&rest, product, error);
    case RF_GPU_F16:
        return rf_gpu_gemm(&rest, product, error);
    default:
        return rf_gpu_matvec(&rest, product, error);
    }
}

/* Rows of f32 weights, whose inputs f16 would round, are few where that matters: a router's. */
static rf_gpu_form form_for(const rf_compute *compute, const rf_gpu_product *product)
{
    const rf_type type = product->type;
    const uint32_t n_rows = product->n_rows;
    if (rf_gpu_gemm_hopper_suits(compute, product))
        return rf_gpu_gemm_hopper_form(type);
    bool few = rf_gpu_traits_of(compute->programs)->matrix_columns != 0 &&
               n_rows >= RF_GPU_FEW_MIN_ROWS && type != RF_TYPE_F32;
    return few ? RF_GPU_F16 : rf_gpu_form_for(type, n_rows);
}

/* The parts of one element type each, in the order of their first. */
static uint32_t gather(const rf_linear_args *args, rf_linear_end end, rf_gpu_product *products)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < args->n_weights; i++) {
        const rf_tensor *weight = args->parts[i].weight;
        uint32_t at = 0;
        while (at < n && products[at].type != weight->type)
            at++;
        if (at == n) {
            products[n++] = (rf_gpu_product){.type = weight->type,
                                             .n_rows = args->n_tokens,
                                             .k = (uint32_t)weight->shape[0],
                                             .end = end,
                                             .ahead = args->ahead,
                                             .row_divisor = 1};
        }
        add_part(&products[at], args, i);
    }
    return n;
}

static float bytes_of(const rf_gpu_product *product)
{
    float bytes = 0;
    for (uint32_t i = 0; i < product->n_parts; i++)
        bytes += (float)product->parts[i].row_bytes * (float)product->parts[i].m;
    return bytes;
}

/* Whether its kernels know what to do beside others. */
static bool can_share(const rf_gpu_product *product)
{
    const rf_gpu_form form = product->rows.form;
    return form == RF_GPU_INPUT || form == RF_GPU_PACKED || form == RF_GPU_PACKED_SPLIT;
}

/* Products whose input is there, and which write nothing that another, or a kernel before, reads.
 * Where kernels do not overlap each has the device to itself. */
static void run_together(const rf_gpu_traits *traits, rf_gpu_product *products, uint32_t n)
{
    float all = 0;
    if (n < 2 || !traits->overlap)
        return;
    for (uint32_t i = 0; i < n; i++) {
        if (!can_share(&products[i]))
            return;
        all += bytes_of(&products[i]);
    }
    for (uint32_t i = 0; i < n; i++) {
        products[i].among = i == 0 ? RF_GPU_FIRST : RF_GPU_LATER;
        products[i].others = 1 - bytes_of(&products[i]) / all;
    }
}

rf_status rf_gpu_swiglu(const rf_compute *compute, rf_address gate, rf_address up, uint64_t n,
                        rf_error *error)
{
    const struct rf_gpu_swiglu_args args = {.gate = gate, .up = up, .n = n};
    uint64_t blocks = (n + 255) / 256;
    const rf_gpu_launch launch = {.unit = "swiglu",
                                  .kernel = "swiglu",
                                  .blocks = {blocks < 4096 ? (uint32_t)blocks : 4096},
                                  .threads = 256,
                                  .overlap = true};
    return rf_gpu_run(compute, &launch, &args, error);
}

rf_status rf_gpu_linear(const rf_compute *compute, const rf_linear_args *args, rf_error *error)
{
    rf_gpu_room room = rf_gpu_room_begin(compute);
    rf_gpu_product products[RF_LINEAR_MAX];
    inputs all = {0};
    /* Gate and up of two element types cannot end in one activation. */
    bool split =
        args->end == RF_LINEAR_SWIGLU && args->parts[0].weight->type != args->parts[1].weight->type;
    const uint32_t n = gather(args, split ? RF_LINEAR_STORE : args->end, products);
    for (uint32_t i = 0; i < n; i++)
        RF_TRY(give_rows(compute, args, form_for(compute, &products[i]), &room, &all,
                         &products[i].rows, error));
    run_together(rf_gpu_traits_of(compute->programs), products, n);
    for (uint32_t i = 0; i < n; i++)
        RF_TRY(rf_gpu_product_run(compute, &products[i], &room, error));
    if (!split)
        return RF_OK;
    uint64_t values = args->n_tokens * args->parts[0].weight->shape[1];
    return rf_gpu_swiglu(compute, args->parts[0].out, args->parts[1].out, values, error);
}

/* Weights of two kinds want two forms of the input. Those of three kinds, of few rows alone, take
 * the third from what sums of splits may have: that is more. */
rf_status rf_gpu_linear_workspace(const rf_kernel_limits *limits, uint64_t *bytes, rf_error *error)
{
    uint64_t rows, products, total;
    RF_TRY(rf_gpu_prepare_bytes(limits->n_tokens, limits->n_row_elements, &rows, error));
    RF_TRY(rf_gpu_gemm_workspace(limits, &products, error));
    if (!rf_mul(rows, 2, &total) || !rf_add(total, products, &total))
        return rf_error_set(error, RF_ERROR_OVERFLOW, "a product's workspace");
    *bytes = total;
    return RF_OK;
}
