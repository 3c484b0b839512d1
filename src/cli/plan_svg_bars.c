/*
 * plan_svg_bars.c: a bar and what lies in it. Every item is a rectangle to scale with a tooltip;
 * items too narrow to be seen share one. Below the bar neighbours of one name up to its number
 * ("blk.7", "layer 7") are bracketed and named together, as many as it takes for the name to have
 * room, so that labels never overlap.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "cli/output.h"
#include "cli/plan_svg.h"

enum { HEIGHT = 26, PITCH = 62, COMPACT_HEIGHT = 14, COMPACT_PITCH = 20, KEY_BYTES = 64 };

/* Narrower ones are put together. */
#define NARROW 2.0

#define LABEL_SIZE 10.0
#define LABEL_GAP  10.0

const char *rf_cli_class_colour(rf_memory_class memory_class)
{
    static const char *const colours[RF_MEMORY_CLASS_COUNT] = {
        [RF_MEMORY_WEIGHTS] = "#4272b0",
        [RF_MEMORY_KV] = "#d9791a",
        [RF_MEMORY_SCRATCH] = "#3f9650",
        [RF_MEMORY_STAGING] = "#8a63a8",
    };
    return colours[memory_class];
}

double rf_cli_bar_height(bool compact)
{
    return compact ? COMPACT_PITCH : PITCH;
}

/* ---- what is drawn -------------------------------------------------------------------------- */

/* A stretch of a bar, in pixels from its left end: items first to end - 1. */
typedef struct stretch {
    size_t first;
    size_t end;
    double from;
    double to;
} stretch;

/* Goes through the items of a bar. */
typedef struct walk {
    const rf_cli_bar *bar;
    size_t next;
    uint64_t offset; /* behind the last item, where items have no offsets */
} walk;

static bool step(walk *w, rf_plan_item *item, stretch *out)
{
    const rf_cli_bar *bar = w->bar;
    if (w->next == bar->n_items)
        return false;
    *item = rf_plan_item_at(bar->plan, bar->items[w->next]);
    uint64_t offset = bar->external ? w->offset : item->offset;
    w->offset += item->bytes;
    out->first = w->next++;
    out->end = w->next;
    out->from = (double)offset * bar->scale;
    out->to = (double)(offset + item->bytes) * bar->scale;
    return true;
}

static void tooltip_line(rf_svg *svg, const rf_cli_bar *bar, size_t i)
{
    rf_plan_item item = rf_plan_item_at(bar->plan, bar->items[i]);
    char text[RF_CLI_NUMBER_BYTES];
    rf_svg_escaped(svg, item.label, 0);
    RF_SVG_MARKUP(svg, ": %s, %" PRIu64 " bytes (%s)", rf_memory_class_name(item.memory_class),
                  item.bytes, rf_cli_bytes(item.bytes, text));
    if (!bar->external)
        RF_SVG_MARKUP(svg, " at %" PRIu64, item.offset);
}

static void draw_items(rf_svg *svg, const rf_cli_bar *bar, const stretch *s,
                       rf_memory_class memory_class, double height, bool pale)
{
    double width = s->to - s->from;
    RF_SVG_MARKUP(svg,
                  "<rect x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" height=\"%.0f\" fill=\"%s\"%s%s>"
                  "<title>",
                  RF_CLI_BAR_X + s->from, bar->y, width > 0.5 ? width : 0.5, height,
                  rf_cli_class_colour(memory_class), pale ? " fill-opacity=\"0.72\"" : "",
                  width > 2 * NARROW ? " stroke=\"#fff\" stroke-width=\"0.6\"" : "");
    for (size_t i = s->first; i < s->end; i++) {
        RF_SVG_MARKUP(svg, "%s", i > s->first ? "\n" : "");
        tooltip_line(svg, bar, i);
    }
    RF_SVG_MARKUP(svg, "</title></rect>\n");
}

/* ---- names ---------------------------------------------------------------------------------- */

/* "blk.7" of "blk.7.attn_q.weight": up to the first number, or all of it. */
static void make_key(const char *label, char key[KEY_BYTES])
{
    static const char digits[] = "0123456789";
    size_t length = strcspn(label, digits);
    length += strspn(label + length, digits);
    if (length == 0 || length >= KEY_BYTES)
        length = strlen(label) < KEY_BYTES ? strlen(label) : KEY_BYTES - 1;
    memcpy(key, label, length);
    key[length] = '\0';
}

/* Names below a bar, one being made while the last finished one waits: it takes in what is left
 * over at the end. */
typedef struct name {
    char first[KEY_BYTES];
    char last[KEY_BYTES];
    rf_memory_class memory_class;
    double from;
    double to;
} name;

static void name_text(const name *n, char text[2 * KEY_BYTES + 8])
{
    if (strcmp(n->first, n->last) == 0)
        snprintf(text, 2 * KEY_BYTES + 8, "%s", n->first);
    else
        snprintf(text, 2 * KEY_BYTES + 8, "%s – %s", n->first, n->last);
}

static bool has_room(const name *n)
{
    char text[2 * KEY_BYTES + 8];
    name_text(n, text);
    return n->to - n->from >= rf_svg_width(rf_svg_columns(text), LABEL_SIZE) + LABEL_GAP;
}

static const rf_svg_font small_font = {.size = LABEL_SIZE, .colour = "#444"};

static void draw_name(rf_svg *svg, const rf_cli_bar *bar, const name *n)
{
    char text[2 * KEY_BYTES + 8];
    rf_svg_font font = small_font;
    font.anchor = RF_SVG_MIDDLE;
    double from = RF_CLI_BAR_X + n->from + 1;
    double to = RF_CLI_BAR_X + n->to - 1;
    RF_SVG_MARKUP(svg,
                  "<path d=\"M%.1f %.1fv4H%.1fv-4\" fill=\"none\" stroke=\"#999\" "
                  "stroke-width=\"0.8\"/>\n",
                  from, bar->y + HEIGHT + 2, to);
    name_text(n, text);
    rf_svg_text(svg, (from + to) / 2, bar->y + HEIGHT + 18, &font, text, 0);
}

/* A bar too short for any name has it on its right. */
static void draw_beside(rf_svg *svg, const rf_cli_bar *bar, const name *n)
{
    char text[2 * KEY_BYTES + 8];
    double x = RF_CLI_BAR_X + (double)(bar->bytes + bar->rounding) * bar->scale + 8;
    double room = RF_CLI_SVG_WIDTH - RF_CLI_SVG_MARGIN - x;
    size_t columns = (size_t)(room / rf_svg_width(1, LABEL_SIZE));
    name_text(n, text);
    if (columns >= 4)
        rf_svg_text(svg, x, bar->y + HEIGHT / 2.0 + 4, &small_font, text, columns);
}

/* Adds `more` to the end of a name of its class that it lies behind, if the longer name has room.
 */
static bool absorb(name *into, const name *more)
{
    name longer = *into;
    memcpy(longer.last, more->last, KEY_BYTES);
    longer.to = more->to;
    if (!*into->first || into->memory_class != more->memory_class || !has_room(&longer))
        return false;
    *into = longer;
    return true;
}

/* The name that is finished, and the one being made. */
typedef struct names {
    name done;
    name making;
} names;

/* Calls a stretch by its class, where there is no room for more. */
static bool call_by_class(name *n)
{
    name shorter = *n;
    snprintf(shorter.first, KEY_BYTES, "%s", rf_memory_class_name(n->memory_class));
    memcpy(shorter.last, shorter.first, KEY_BYTES);
    if (!has_room(&shorter))
        return false;
    *n = shorter;
    return true;
}

/* Ends the name being made, where it can stand for itself. At the end of a class it may also become
 * part of the one before, or be called by its class. Otherwise it goes on. */
static void end_name(rf_svg *svg, const rf_cli_bar *bar, names *n, bool class_ends)
{
    bool room = has_room(&n->making);
    if (!room && class_ends && absorb(&n->done, &n->making)) {
        n->making = (name){.first = ""};
        return;
    }
    if (!room && !(class_ends && call_by_class(&n->making)))
        return;
    if (*n->done.first)
        draw_name(svg, bar, &n->done);
    n->done = n->making;
    n->making = (name){.first = ""};
}

static void add_to_names(rf_svg *svg, const rf_cli_bar *bar, names *n, const rf_plan_item *item,
                         const stretch *at)
{
    char key[KEY_BYTES];
    make_key(item->label, key);
    bool class_ends = item->memory_class != n->making.memory_class;
    if (*n->making.first && (class_ends || strcmp(n->making.last, key) != 0))
        end_name(svg, bar, n, class_ends);
    if (!*n->making.first) {
        memcpy(n->making.first, key, KEY_BYTES);
        n->making.from = at->from;
    }
    memcpy(n->making.last, key, KEY_BYTES);
    n->making.to = at->to;
    n->making.memory_class = item->memory_class;
}

static void draw_names(rf_svg *svg, const rf_cli_bar *bar)
{
    walk w = {.bar = bar};
    rf_plan_item item;
    stretch at;
    names n = {.done = {.first = ""}};
    while (step(&w, &item, &at))
        add_to_names(svg, bar, &n, &item, &at);
    if (*n.making.first)
        end_name(svg, bar, &n, true);
    if (*n.done.first)
        draw_name(svg, bar, &n.done);
    else
        draw_beside(svg, bar, &n.making);
}

/* ---- a bar ---------------------------------------------------------------------------------- */

/* Neighbours of one name have one shade, so that where a layer ends can be seen. */
static void draw_all_items(rf_svg *svg, const rf_cli_bar *bar, double height)
{
    walk w = {.bar = bar};
    rf_plan_item item;
    stretch at;
    stretch open = {0};
    rf_memory_class open_class = RF_MEMORY_WEIGHTS;
    char last[KEY_BYTES] = "";
    bool pale = true;
    bool open_pale = false;
    while (step(&w, &item, &at)) {
        char key[KEY_BYTES];
        make_key(item.label, key);
        pale ^= strcmp(key, last) != 0;
        memcpy(last, key, KEY_BYTES);
        bool joins =
            open.end != open.first && item.memory_class == open_class && at.to - open.from < NARROW;
        if (joins) {
            open.end = at.end;
            open.to = at.to;
            continue;
        }
        if (open.end != open.first)
            draw_items(svg, bar, &open, open_class, height, open_pale);
        open = at;
        open_class = item.memory_class;
        open_pale = pale;
    }
    if (open.end != open.first)
        draw_items(svg, bar, &open, open_class, height, open_pale);
}

static void draw_rounding(rf_svg *svg, const rf_cli_bar *bar, double height)
{
    if (!bar->rounding)
        return;
    RF_SVG_MARKUP(svg,
                  "<rect x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" height=\"%.0f\" fill=\"%s\">"
                  "<title>rounding: %" PRIu64 " bytes</title></rect>\n",
                  RF_CLI_BAR_X + (double)bar->bytes * bar->scale, bar->y,
                  (double)bar->rounding * bar->scale, height, RF_CLI_ROUNDING_COLOUR,
                  bar->rounding);
}

void rf_cli_bar_draw(rf_svg *svg, const rf_cli_bar *bar)
{
    static const rf_svg_font title = {.size = 12, .bold = true};
    double height = bar->compact ? COMPACT_HEIGHT : HEIGHT;
    RF_SVG_MARKUP(svg, "<g class=\"bar\">\n");
    rf_svg_text(svg, RF_CLI_SVG_MARGIN, bar->y + (bar->compact ? 11 : 10), &title, bar->name, 0);
    if (bar->compact)
        rf_svg_text(svg, RF_CLI_SVG_MARGIN + 90, bar->y + 11, &small_font, bar->about, 0);
    else
        rf_svg_text(svg, RF_CLI_SVG_MARGIN, bar->y + 25, &small_font, bar->about, 0);
    draw_all_items(svg, bar, height);
    draw_rounding(svg, bar, height);
    if (!bar->compact)
        draw_names(svg, bar);
    RF_SVG_MARKUP(svg, "</g>\n");
}
