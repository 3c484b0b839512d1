/* svg.c: SVG markup and escaped text. */
#include "cli/svg.h"

#include <string.h>

#include "base/utf8.h"

/* What one character takes of the font's size, on average: 0.61 for DejaVu Sans and Verdana, which
 * are the widest in use. */
#define COLUMN_WIDTH 0.64

#define REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */

/* What stands for a character in XML 1.0, which has no way to write controls; NULL: itself. */
static const char *entity(const unsigned char *data, size_t length, rf_utf8_kind kind)
{
    if (!rf_utf8_is_printable(data, length, kind))
        return REPLACEMENT;
    switch (rf_utf8_decode(data, length)) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    case 0xFFFE:
    case 0xFFFF:
        return REPLACEMENT;
    default:
        return NULL;
    }
}

void rf_svg_escaped(rf_svg *svg, const char *text, size_t most)
{
    bool cut = most && rf_svg_columns(text) > most;
    size_t left = cut ? most - 1 : SIZE_MAX;
    size_t length = strlen(text);
    for (size_t i = 0; i < length && left && svg->status == RF_OK; left--) {
        rf_utf8_kind kind;
        const unsigned char *at = (const unsigned char *)text + i;
        size_t bytes = rf_utf8_next(at, length - i, &kind);
        const char *stands = entity(at, bytes, kind);
        svg->status = stands ? rf_buffer_append_text(&svg->text, stands, &svg->error)
                             : rf_buffer_append(&svg->text, at, bytes, &svg->error);
        i += bytes;
    }
    if (cut)
        RF_SVG_MARKUP(svg, "…");
}

void rf_svg_text(rf_svg *svg, double x, double y, const rf_svg_font *font, const char *text,
                 size_t most)
{
    static const char *const anchors[] = {[RF_SVG_START] = "",
                                          [RF_SVG_MIDDLE] = " text-anchor=\"middle\"",
                                          [RF_SVG_END] = " text-anchor=\"end\""};
    RF_SVG_MARKUP(svg, "<text x=\"%.1f\" y=\"%.1f\" font-size=\"%.0f\"%s%s fill=\"%s\">", x, y,
                  font->size, anchors[font->anchor], font->bold ? " font-weight=\"bold\"" : "",
                  font->colour ? font->colour : "#1a1a1a");
    rf_svg_escaped(svg, text, most);
    RF_SVG_MARKUP(svg, "</text>\n");
}

size_t rf_svg_columns(const char *text)
{
    size_t columns = 0;
    size_t length = strlen(text);
    for (size_t i = 0; i < length; columns++) {
        rf_utf8_kind kind;
        i += rf_utf8_next((const unsigned char *)text + i, length - i, &kind);
    }
    return columns;
}

double rf_svg_width(size_t columns, double size)
{
    return (double)columns * size * COLUMN_WIDTH;
}
