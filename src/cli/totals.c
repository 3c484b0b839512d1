/* totals.c: sums over a GGUF file's tensors. They cannot overflow: the tensors lie in files without
 * overlap. */
#include "cli/totals.h"

rf_cli_totals rf_cli_totals_of(const rf_gguf *gguf)
{
    rf_cli_totals totals = {.main_type = "-"};
    for (size_t i = 0; i < rf_gguf_tensor_count(gguf); i++) {
        const rf_gguf_tensor *tensor = rf_gguf_tensor_at(gguf, i);
        if ((uint32_t)tensor->type >= RF_CLI_MAX_TYPES)
            continue; /* the reader lets none through */
        rf_cli_type_total *total = &totals.types[tensor->type];
        total->tensors++;
        total->elements += tensor->n_elements;
        total->bytes += tensor->bytes;
        totals.elements += tensor->n_elements;
        totals.tensor_bytes += tensor->bytes;
    }
    uint64_t most = 0;
    for (uint32_t type = 0; type < RF_CLI_MAX_TYPES; type++) {
        const rf_type_info *info = rf_type_describe(type);
        if (info && totals.types[type].bytes > most) {
            most = totals.types[type].bytes;
            totals.main_type = info->name;
        }
    }
    for (uint32_t i = 0; i < rf_gguf_file_count(gguf); i++)
        totals.file_bytes += rf_gguf_file_bytes(gguf, i);
    return totals;
}
