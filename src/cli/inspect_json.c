/* inspect_json.c: rocmforge inspect --json. */
#include <string.h>

#include "cli/inspect.h"
#include "cli/output.h"
#include "cli/totals.h"

enum { SHORT_ARRAY = 64 }; /* items written without --all */

static json_t *scalar(const rf_gguf_value *value)
{
    switch (value->type) {
    case RF_GGUF_UINT8:
    case RF_GGUF_UINT16:
    case RF_GGUF_UINT32:
    case RF_GGUF_UINT64:
        return rf_cli_json_count(value->u);
    case RF_GGUF_INT8:
    case RF_GGUF_INT16:
    case RF_GGUF_INT32:
    case RF_GGUF_INT64:
        return json_integer(value->i);
    case RF_GGUF_FLOAT32:
    case RF_GGUF_FLOAT64:
        return rf_cli_json_real(value->f);
    case RF_GGUF_BOOL:
        return json_boolean(value->b);
    case RF_GGUF_STRING:
        return rf_cli_json_text(value->s);
    case RF_GGUF_ARRAY:
        break; /* not a scalar: arrays of arrays are refused */
    }
    return json_null();
}

/* An array's members go into its entry: count, item_type, and the items unless they are too many.
 */
static bool add_array(json_t *entry, const rf_gguf_value *value, bool all)
{
    uint64_t count = value->array.count;
    bool good = rf_cli_json_set(entry, "item_type",
                                json_string(rf_cli_value_type_name(value->array.item_type)));
    good &= rf_cli_json_set(entry, "count", rf_cli_json_count(count));
    if (!all && count > SHORT_ARRAY)
        return good;
    json_t *items = json_array();
    for (uint64_t i = 0; i < count && good; i++) {
        rf_gguf_value item;
        good =
            rf_gguf_item(value, i, &item, NULL) == RF_OK && rf_cli_json_add(items, scalar(&item));
    }
    return rf_cli_json_set(entry, "value", items) && good;
}

static bool add_metadata(json_t *document, const rf_gguf *gguf, bool all)
{
    json_t *list = json_array();
    bool good = true;
    for (size_t i = 0; i < rf_gguf_value_count(gguf) && good; i++) {
        const rf_gguf_value *value = rf_gguf_value_at(gguf, i);
        json_t *entry = json_object();
        good &= rf_cli_json_set(entry, "key", rf_cli_json_text(value->key));
        good &= rf_cli_json_set(entry, "type", json_string(rf_cli_value_type_name(value->type)));
        good &= value->type == RF_GGUF_ARRAY ? add_array(entry, value, all)
                                             : rf_cli_json_set(entry, "value", scalar(value));
        good &= rf_cli_json_add(list, entry);
    }
    return rf_cli_json_set(document, "metadata", list) && good;
}

static json_t *type_name(uint32_t type)
{
    const rf_type_info *info = rf_type_describe(type);
    return info ? json_string(info->name) : json_null();
}

static bool add_tensors(json_t *document, const rf_gguf *gguf)
{
    json_t *list = json_array();
    bool good = true;
    for (size_t i = 0; i < rf_gguf_tensor_count(gguf) && good; i++) {
        const rf_gguf_tensor *tensor = rf_gguf_tensor_at(gguf, i);
        json_t *entry = json_object();
        json_t *shape = json_array();
        for (uint32_t d = 0; d < tensor->n_dimensions; d++)
            good &= rf_cli_json_add(shape, rf_cli_json_count(tensor->shape[d]));
        good &= rf_cli_json_set(entry, "name", rf_cli_json_text(tensor->name));
        good &= rf_cli_json_set(entry, "type", type_name((uint32_t)tensor->type));
        good &= rf_cli_json_set(entry, "shape", shape);
        good &= rf_cli_json_set(entry, "file", rf_cli_json_count(tensor->file));
        good &= rf_cli_json_set(entry, "offset", rf_cli_json_count(tensor->offset));
        good &= rf_cli_json_set(entry, "bytes", rf_cli_json_count(tensor->bytes));
        good &= rf_cli_json_add(list, entry);
    }
    return rf_cli_json_set(document, "tensors", list) && good;
}

static bool add_totals(json_t *document, const rf_gguf *gguf)
{
    rf_cli_totals totals = rf_cli_totals_of(gguf);
    json_t *types = json_object();
    bool good = true;
    for (uint32_t i = 0; i < RF_CLI_MAX_TYPES; i++) {
        const rf_type_info *info = rf_type_describe(i);
        if (!info || totals.types[i].tensors == 0)
            continue;
        json_t *entry = json_object();
        good &= rf_cli_json_set(entry, "tensors", rf_cli_json_count(totals.types[i].tensors));
        good &= rf_cli_json_set(entry, "elements", rf_cli_json_count(totals.types[i].elements));
        good &= rf_cli_json_set(entry, "bytes", rf_cli_json_count(totals.types[i].bytes));
        good &= rf_cli_json_set(types, info->name, entry);
    }
    good &= rf_cli_json_set(document, "types", types);
    good &= rf_cli_json_set(document, "parameters", rf_cli_json_count(totals.elements));
    return rf_cli_json_set(document, "tensor_bytes", rf_cli_json_count(totals.tensor_bytes)) &&
           good;
}

static bool add_files(json_t *document, const rf_gguf *gguf)
{
    json_t *list = json_array();
    bool good = true;
    for (uint32_t i = 0; i < rf_gguf_file_count(gguf); i++) {
        const char *path = rf_gguf_file_path(gguf, i);
        json_t *entry = json_object();
        good &= rf_cli_json_set(entry, "path", rf_cli_json_text((rf_string){path, strlen(path)}));
        good &= rf_cli_json_set(entry, "bytes", rf_cli_json_count(rf_gguf_file_bytes(gguf, i)));
        good &= rf_cli_json_add(list, entry);
    }
    return rf_cli_json_set(document, "files", list) && good;
}

rf_status rf_cli_inspect_json(const rf_gguf *gguf, bool all, rf_error *error)
{
    json_t *document = json_object();
    bool good = add_files(document, gguf);
    good &= rf_cli_json_set(document, "version", rf_cli_json_count(rf_gguf_version(gguf)));
    good &= rf_cli_json_set(document, "alignment", rf_cli_json_count(rf_gguf_alignment(gguf)));
    good &= add_metadata(document, gguf, all);
    good &= add_tensors(document, gguf);
    good &= add_totals(document, gguf);
    return rf_cli_json_print(document, good, error);
}
