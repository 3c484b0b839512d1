/* totals.h: sums over a GGUF file's tensors. */
#ifndef RF_CLI_TOTALS_H
#define RF_CLI_TOTALS_H

#include "rocmforge.h"

enum { RF_CLI_MAX_TYPES = 64 }; /* above every element type's number */

typedef struct rf_cli_type_total {
    uint64_t tensors;
    uint64_t elements;
    uint64_t bytes;
} rf_cli_type_total;

typedef struct rf_cli_totals {
    rf_cli_type_total types[RF_CLI_MAX_TYPES]; /* by rf_type */
    uint64_t elements;
    uint64_t tensor_bytes;
    uint64_t file_bytes;   /* of all files of a split model */
    const char *main_type; /* of the most bytes; "-" where there are no tensors */
} rf_cli_totals;

rf_cli_totals rf_cli_totals_of(const rf_gguf *gguf);

#endif
