/* plan.h: what rocmforge plan shows, and the three ways in which it does. */
#ifndef RF_CLI_PLAN_H
#define RF_CLI_PLAN_H

#include "cli/options.h"

/* A plan of one device. Of a model that is divided there are two: the host's view is named by the
 * other. */
typedef struct rf_cli_plan_view {
    const rf_cli_settings *settings;
    const char *path; /* of the model */
    const char *name; /* the same without its folders */
    const rf_plan *plan;
    rf_plan_summary summary;
    rf_device_info device;               /* where it is not absent */
    const struct rf_cli_plan_view *host; /* of the layers that are on the host; NULL: none are */
    uint32_t n_pinned;                   /* staging buffers */
    uint64_t missing;                    /* bytes, for the plan to fit; 0 where it does */
} rf_cli_plan_view;

void rf_cli_plan_print(const rf_cli_plan_view *shown);
rf_status rf_cli_plan_print_json(const rf_cli_plan_view *shown, rf_error *error);

/* Draws the memory map into a file, which appears under its name when it is complete. */
rf_status rf_cli_plan_draw(const rf_cli_plan_view *shown, const char *path, rf_error *error);

#endif
