/*
 * svg.h: writing a picture as SVG. The first failure is kept, and everything after it does nothing:
 * a drawing is checked once, at its end.
 */
#ifndef RF_CLI_SVG_H
#define RF_CLI_SVG_H

#include "base/buffer.h"

typedef struct rf_svg {
    rf_buffer text;
    rf_status status;
    rf_error error;
} rf_svg;

typedef enum rf_svg_anchor { RF_SVG_START, RF_SVG_MIDDLE, RF_SVG_END } rf_svg_anchor;

/* How a text looks; the colour is black where it is NULL. */
typedef struct rf_svg_font {
    double size; /* pixels */
    rf_svg_anchor anchor;
    bool bold;
    const char *colour;
} rf_svg_font;

/* Appends markup as it is, formatted. */
#define RF_SVG_MARKUP(svg, ...)                                                                    \
    ((svg)->status = (svg)->status == RF_OK                                                        \
                         ? rf_buffer_format(&(svg)->text, &(svg)->error, __VA_ARGS__)              \
                         : (svg)->status)

/* Appends text, escaped; what XML cannot hold becomes U+FFFD. At most `most` characters, with "…"
 * as the last one where it was cut; 0: all. */
void rf_svg_escaped(rf_svg *svg, const char *text, size_t most);
void rf_svg_text(rf_svg *svg, double x, double y, const rf_svg_font *font, const char *text,
                 size_t most);

/* Characters of a text, and about how wide so many are at a size: what the widest usual font takes,
 * so that what is laid out by it does not overlap. */
size_t rf_svg_columns(const char *text);
double rf_svg_width(size_t columns, double size);

#endif
