/* plan_svg.h: what the files that draw a plan share: plan_svg.c the page, plan_svg_bars.c the bars.
 */
#ifndef RF_CLI_PLAN_SVG_H
#define RF_CLI_PLAN_SVG_H

#include "cli/plan.h"
#include "cli/svg.h"

/* Of the page, in pixels. */
#define RF_CLI_SVG_WIDTH  1200.0
#define RF_CLI_SVG_MARGIN 28.0

/* One bar of items that lie one behind the other: a pool, or memory of the host. */
typedef struct rf_cli_bar {
    const char *name;
    const char *about; /* a second line */
    const rf_plan *plan;
    const size_t *items; /* of the plan, by offset */
    size_t n_items;
    uint64_t bytes;
    uint64_t rounding; /* behind them */
    bool external;     /* the items have no offsets */
    double y;          /* of its top */
    double scale;      /* pixels a byte */
    bool compact;      /* one line, no labels below */
} rf_cli_bar;

/* Left end of all bars, and how long one can be. */
#define RF_CLI_BAR_X     230.0
#define RF_CLI_BAR_WIDTH (RF_CLI_SVG_WIDTH - RF_CLI_BAR_X - RF_CLI_SVG_MARGIN)

/* Height that a bar takes, with what is written around it. */
double rf_cli_bar_height(bool compact);
void rf_cli_bar_draw(rf_svg *svg, const rf_cli_bar *bar);

const char *rf_cli_class_colour(rf_memory_class memory_class);
#define RF_CLI_ROUNDING_COLOUR "#8c8c8c"

#endif
