/* inspect.c: rocmforge inspect, for people. inspect_json.c is the same for programs. */
#include "cli/inspect.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "cli/model_path.h"
#include "cli/output.h"
#include "cli/totals.h"

enum { SHORT_STRING = 64, SHORT_ARRAY = 6 }; /* bytes and items shown without --all */

const char *rf_cli_value_type_name(rf_gguf_type type)
{
    static const char *const names[] = {
        [RF_GGUF_UINT8] = "u8",    [RF_GGUF_INT8] = "i8",    [RF_GGUF_UINT16] = "u16",
        [RF_GGUF_INT16] = "i16",   [RF_GGUF_UINT32] = "u32", [RF_GGUF_INT32] = "i32",
        [RF_GGUF_FLOAT32] = "f32", [RF_GGUF_BOOL] = "bool",  [RF_GGUF_STRING] = "string",
        [RF_GGUF_ARRAY] = "array", [RF_GGUF_UINT64] = "u64", [RF_GGUF_INT64] = "i64",
        [RF_GGUF_FLOAT64] = "f64",
    };
    return (size_t)type < sizeof(names) / sizeof(names[0]) ? names[type] : "?";
}

/* Prints the fewest digits that give the number back: 9 do for 32 bits, 17 for 64. */
static void print_real(double value, bool single)
{
    char text[64];
    int most = single ? 9 : 17;
    for (int digits = single ? 6 : 15; digits <= most; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits,
                 value); /* cannot be cut: 17 digits, exponent */
        double back = strtod(text, NULL);
        if (single ? (float)back == (float)value : back == value)
            break;
    }
    printf("%s", text);
}

static void print_scalar(const rf_gguf_value *value, bool all)
{
    switch (value->type) {
    case RF_GGUF_UINT8:
    case RF_GGUF_UINT16:
    case RF_GGUF_UINT32:
    case RF_GGUF_UINT64:
        printf("%" PRIu64, value->u);
        break;
    case RF_GGUF_INT8:
    case RF_GGUF_INT16:
    case RF_GGUF_INT32:
    case RF_GGUF_INT64:
        printf("%" PRId64, value->i);
        break;
    case RF_GGUF_FLOAT32:
    case RF_GGUF_FLOAT64:
        print_real(value->f, value->type == RF_GGUF_FLOAT32);
        break;
    case RF_GGUF_BOOL:
        printf("%s", value->b ? "true" : "false");
        break;
    case RF_GGUF_STRING:
        putchar('"');
        rf_cli_print_escaped(value->s, all ? 0 : SHORT_STRING);
        putchar('"');
        break;
    case RF_GGUF_ARRAY:
        break; /* not a scalar: arrays of arrays are refused */
    }
}

static rf_status print_array(const rf_gguf_value *value, bool all, rf_error *error)
{
    uint64_t count = value->array.count;
    uint64_t shown = all || count < SHORT_ARRAY ? count : SHORT_ARRAY;
    putchar('[');
    for (uint64_t i = 0; i < shown; i++) {
        rf_gguf_value item;
        RF_TRY(rf_gguf_item(value, i, &item, error));
        printf("%s", i ? ", " : "");
        print_scalar(&item, all);
    }
    printf("%s]", shown < count ? ", …" : "");
    return RF_OK;
}

static rf_status print_metadata(const rf_gguf *gguf, bool all, rf_error *error)
{
    printf("\nmetadata: %zu keys\n", rf_gguf_value_count(gguf));
    for (size_t i = 0; i < rf_gguf_value_count(gguf); i++) {
        const rf_gguf_value *value = rf_gguf_value_at(gguf, i);
        printf("  ");
        rf_cli_print_escaped(value->key, 0);
        if (value->type == RF_GGUF_ARRAY) {
            printf(" (%s[%" PRIu64 "]) = ", rf_cli_value_type_name(value->array.item_type),
                   value->array.count);
            RF_TRY(print_array(value, all, error));
        } else {
            printf(" (%s) = ", rf_cli_value_type_name(value->type));
            print_scalar(value, all);
        }
        putchar('\n');
    }
    return RF_OK;
}

static void print_tensors(const rf_gguf *gguf)
{
    printf("\ntensors: %zu\n", rf_gguf_tensor_count(gguf));
    printf("  %-8s %-24s %4s %14s %14s  %s\n", "type", "shape", "file", "offset", "bytes", "name");
    for (size_t i = 0; i < rf_gguf_tensor_count(gguf); i++) {
        const rf_gguf_tensor *tensor = rf_gguf_tensor_at(gguf, i);
        const rf_type_info *type = rf_type_describe((uint32_t)tensor->type);
        char shape[128];
        size_t length = 0;
        for (uint32_t d = 0; d < tensor->n_dimensions && length < sizeof(shape); d++)
            length += (size_t)snprintf(shape + length, sizeof(shape) - length, "%s%" PRIu64,
                                       d ? " x " : "", tensor->shape[d]);
        printf("  %-8s %-24s %4u %14" PRIu64 " %14" PRIu64 "  ", type ? type->name : "?",
               length ? shape : "", tensor->file, tensor->offset, tensor->bytes);
        rf_cli_print_escaped(tensor->name, 0);
        putchar('\n');
    }
}

static void print_totals(const rf_gguf *gguf)
{
    rf_cli_totals totals = rf_cli_totals_of(gguf);
    char text[2][RF_CLI_NUMBER_BYTES];
    printf("\ntotals\n  %-8s %8s %18s %18s\n", "type", "tensors", "elements", "bytes");
    for (uint32_t i = 0; i < RF_CLI_MAX_TYPES; i++) {
        const rf_cli_type_total *total = &totals.types[i];
        const rf_type_info *type = rf_type_describe(i);
        if (type && total->tensors)
            printf("  %-8s %8" PRIu64 " %18" PRIu64 " %18" PRIu64 "\n", type->name, total->tensors,
                   total->elements, total->bytes);
    }
    printf("  %-8s %8zu %18" PRIu64 " %18" PRIu64 "  (%s parameters, %s)\n", "all",
           rf_gguf_tensor_count(gguf), totals.elements, totals.tensor_bytes,
           rf_cli_quantity(totals.elements, text[0]), rf_cli_bytes(totals.tensor_bytes, text[1]));
}

static rf_status print_text(const rf_gguf *gguf, bool all, rf_error *error)
{
    char text[RF_CLI_NUMBER_BYTES];
    for (uint32_t i = 0; i < rf_gguf_file_count(gguf); i++) {
        rf_cli_print_name(rf_gguf_file_path(gguf, i), 0);
        printf(": %" PRIu64 " bytes (%s)\n", rf_gguf_file_bytes(gguf, i),
               rf_cli_bytes(rf_gguf_file_bytes(gguf, i), text));
    }
    printf("GGUF version %u, alignment %" PRIu64 "\n", rf_gguf_version(gguf),
           rf_gguf_alignment(gguf));
    RF_TRY(print_metadata(gguf, all, error));
    print_tensors(gguf);
    print_totals(gguf);
    return RF_OK;
}

rf_status rf_cli_inspect(const rf_cli_settings *settings, rf_error *error)
{
    char *path = NULL;
    rf_gguf *gguf = NULL;
    const char *model = settings->n_arguments ? settings->arguments[0] : settings->model;
    RF_TRY(rf_cli_model_path(model, &path, error));
    rf_status status = rf_gguf_open(path, &gguf, error);
    if (status == RF_OK)
        status = settings->json ? rf_cli_inspect_json(gguf, settings->all, error)
                                : print_text(gguf, settings->all, error);
    rf_gguf_close(gguf);
    rf_free(path);
    return status;
}
