/*
 * plan_svg.c: the memory map as a picture: the device's memory and what takes it, then every pool
 * to scale, then memory of the host. One page, standing alone: no script, no font, no style sheet.
 */
#include "cli/plan_svg.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/draft.h"
#include "base/error.h"
#include "base/memory.h"
#include "cli/output.h"

/* With more pools than this each is one line. */
#define MANY_POOLS 64

#define INNER_WIDTH (RF_CLI_SVG_WIDTH - 2 * RF_CLI_SVG_MARGIN)

static const rf_svg_font title_font = {.size = 20, .bold = true};
static const rf_svg_font head_font = {.size = 14, .bold = true};
static const rf_svg_font text_font = {.size = 12, .colour = "#444"};

/* ---- the device's memory as one bar --------------------------------------------------------- */

typedef struct part {
    const char *name;
    const char *colour;
    const char *ink; /* of text on it */
    uint64_t bytes;
} part;

enum {
    PARTS = RF_MEMORY_CLASS_COUNT + 5,
    LEGEND_COLUMNS = 4,
    LEGEND_PITCH = 22,
    TOTAL_HEIGHT = 36
};

/* In the order in which they are drawn; those of 0 bytes are in no picture. */
static void make_parts(const rf_plan_summary *s, part parts[PARTS])
{
    size_t n = 0;
    parts[n++] = (part){"others and the driver", "#b9b9b9", "#1a1a1a", s->capacity - s->available};
    parts[n++] = (part){"driver's own", "#5e5e5e", "#fff", s->driver};
    for (int i = 0; i < RF_MEMORY_CLASS_COUNT; i++)
        parts[n++] = (part){rf_memory_class_name((rf_memory_class)i),
                            rf_cli_class_colour((rf_memory_class)i), "#fff", s->pooled[i]};
    parts[n++] = (part){"padding", "#c9b458", "#1a1a1a", s->padding};
    parts[n++] = (part){"rounding", RF_CLI_ROUNDING_COLOUR, "#fff", s->rounding};
    parts[n++] = (part){"left free", "#f3f3f3", "#1a1a1a",
                        s->needed < s->available ? s->available - s->needed : 0};
}

/* All of a bar: what there is, or what is needed where that is more. */
static double whole(const rf_plan_summary *s)
{
    double needed = (double)(s->capacity - s->available) + (double)s->needed;
    return needed > (double)s->capacity ? needed : (double)s->capacity;
}

static void draw_part(rf_svg *svg, const part *p, double x, double y, double width)
{
    char text[RF_CLI_NUMBER_BYTES];
    RF_SVG_MARKUP(svg,
                  "<rect x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" height=\"%d\" fill=\"%s\">"
                  "<title>%s: %" PRIu64 " bytes (%s)</title></rect>\n",
                  x, y, width > 0.5 ? width : 0.5, TOTAL_HEIGHT, p->colour, p->name, p->bytes,
                  rf_cli_bytes(p->bytes, text));
    rf_svg_font font = {.size = 12, .anchor = RF_SVG_MIDDLE, .colour = p->ink};
    if (rf_svg_width(strlen(p->name), font.size) + 8 <= width)
        rf_svg_text(svg, x + width / 2, y + TOTAL_HEIGHT / 2.0 + 4, &font, p->name, 0);
}

/* Where the memory ends, in a bar that goes on. */
static void draw_end(rf_svg *svg, const rf_plan_summary *s, double y)
{
    double x = RF_CLI_SVG_MARGIN + (double)s->capacity / whole(s) * INNER_WIDTH;
    rf_svg_font font = {.size = 11, .bold = true, .colour = "#c01818", .anchor = RF_SVG_END};
    RF_SVG_MARKUP(svg,
                  "<path d=\"M%.2f %.1fv%d\" stroke=\"#c01818\" stroke-width=\"2.5\" "
                  "stroke-dasharray=\"5 3\"/>\n",
                  x, y - 6, TOTAL_HEIGHT + 12);
    rf_svg_text(svg, RF_CLI_SVG_WIDTH - RF_CLI_SVG_MARGIN, y - 8, &font,
                "the dashed line is where the memory ends", 0);
}

/* Returns the height of the legend. */
static double draw_legend(rf_svg *svg, const part parts[PARTS], uint64_t missing_bytes, double y)
{
    size_t n = 0;
    part missing = {"missing", "#c01818", "#fff", missing_bytes};
    for (size_t i = 0; i <= PARTS; i++) {
        const part *p = i < PARTS ? &parts[i] : &missing;
        if (p->bytes == 0)
            continue;
        char text[RF_CLI_NUMBER_BYTES];
        char entry[128];
        size_t row = n / LEGEND_COLUMNS;
        size_t column = n % LEGEND_COLUMNS;
        double x = RF_CLI_SVG_MARGIN + (double)column * (INNER_WIDTH / LEGEND_COLUMNS);
        double top = y + (double)(row * LEGEND_PITCH);
        RF_SVG_MARKUP(svg,
                      "<rect x=\"%.1f\" y=\"%.1f\" width=\"12\" height=\"12\" fill=\"%s\" "
                      "stroke=\"#999\" stroke-width=\"0.5\"/>\n",
                      x, top, p->colour);
        snprintf(entry, sizeof(entry), "%s: %s", p->name, rf_cli_bytes(p->bytes, text));
        rf_svg_text(svg, x + 18, top + 10.5, &text_font, entry, 0);
        n++;
    }
    size_t n_rows = n / LEGEND_COLUMNS + (n % LEGEND_COLUMNS != 0);
    return (double)(n_rows * LEGEND_PITCH);
}

/* Returns where the next thing may start. */
static double draw_device(rf_svg *svg, const rf_cli_plan_view *shown, double y)
{
    const rf_plan_summary *s = &shown->summary;
    part parts[PARTS];
    char text[2][RF_CLI_NUMBER_BYTES];
    char line[160];
    snprintf(line, sizeof(line), "Memory of the device: %s, needed %s of %s free, %s",
             rf_cli_bytes(s->capacity, text[0]), rf_cli_bytes(s->needed, text[1]),
             rf_cli_bytes(s->available, (char[RF_CLI_NUMBER_BYTES]){""}),
             !shown->missing ? "it fits" : "it does not fit");
    rf_svg_text(svg, RF_CLI_SVG_MARGIN, y, &head_font, line, 0);
    y += 24;
    make_parts(s, parts);
    double x = RF_CLI_SVG_MARGIN;
    double scale = whole(s) > 0 ? INNER_WIDTH / whole(s) : 0;
    for (size_t i = 0; i < PARTS; i++) {
        if (parts[i].bytes)
            draw_part(svg, &parts[i], x, y, (double)parts[i].bytes * scale);
        x += (double)parts[i].bytes * scale;
    }
    RF_SVG_MARKUP(svg,
                  "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" fill=\"none\" "
                  "stroke=\"#777\"/>\n",
                  RF_CLI_SVG_MARGIN, y, INNER_WIDTH, TOTAL_HEIGHT);
    if (shown->missing)
        draw_end(svg, s, y);
    y += TOTAL_HEIGHT + 16;
    return y + draw_legend(svg, parts, shown->missing, y) + 26;
}

/* ---- bars ----------------------------------------------------------------------------------- */

/* The items of a plan by place: first those of pool 0, and so on, then those mapped, then those
 * pinned. */
typedef struct places {
    size_t *items;
    size_t *starts; /* n_pools + 3: the last is the end */
    size_t n_pools;
} places;

static void places_free(places *p)
{
    rf_free(p->items);
    rf_free(p->starts);
}

static size_t place_of(const rf_plan_item *item, size_t n_pools)
{
    if (item->pool != RF_PLAN_EXTERNAL)
        return item->pool;
    return item->memory_class == RF_MEMORY_STAGING ? n_pools + 1 : n_pools;
}

/* A counting sort: items of one place keep their order, which is that of their offsets. False where
 * memory runs out. */
static bool places_make(const rf_plan *plan, places *out)
{
    size_t n_items = rf_plan_item_count(plan);
    size_t n_places = rf_plan_pool_count(plan) + 2;
    places p = {.n_pools = n_places - 2};
    p.items = rf_calloc(n_items + 1, sizeof(*p.items));
    p.starts = rf_calloc(n_places + 1, sizeof(*p.starts));
    if (!p.items || !p.starts) {
        places_free(&p);
        return false;
    }
    for (size_t i = 0; i < n_items; i++) {
        rf_plan_item item = rf_plan_item_at(plan, i);
        p.starts[place_of(&item, p.n_pools)]++;
    }
    size_t end = 0;
    for (size_t i = 0; i <= n_places; i++) {
        end += p.starts[i];
        p.starts[i] = end;
    }
    for (size_t i = n_items; i-- > 0;) {
        rf_plan_item item = rf_plan_item_at(plan, i);
        p.items[--p.starts[place_of(&item, p.n_pools)]] = i;
    }
    *out = p;
    return true;
}

static rf_cli_bar bar_of(const rf_cli_plan_view *shown, const places *p, size_t place, double y,
                         double scale)
{
    return (rf_cli_bar){.plan = shown->plan,
                        .items = p->items + p->starts[place],
                        .n_items = p->starts[place + 1] - p->starts[place],
                        .y = y,
                        .scale = scale};
}

static double scale_for(uint64_t most)
{
    return most ? RF_CLI_BAR_WIDTH / (double)most : 0;
}

static uint64_t widest_pool(const rf_plan *plan)
{
    uint64_t most = 0;
    for (size_t i = 0; i < rf_plan_pool_count(plan); i++) {
        rf_plan_pool pool = rf_plan_pool_at(plan, i);
        uint64_t bytes = pool.bytes + pool.rounding; /* summed without overflow in the plan */
        most = bytes > most ? bytes : most;
    }
    return most;
}

static double draw_pools(rf_svg *svg, const rf_cli_plan_view *shown, const places *p, double y)
{
    char line[160];
    char text[RF_CLI_NUMBER_BYTES];
    double scale = scale_for(widest_pool(shown->plan));
    bool compact = p->n_pools > MANY_POOLS;
    if (p->n_pools == 0)
        return y;
    snprintf(line, sizeof(line), "Pools: %zu allocation%s of %s, to scale", p->n_pools,
             p->n_pools == 1 ? "" : "s", rf_cli_bytes(shown->summary.total, text));
    rf_svg_text(svg, RF_CLI_SVG_MARGIN, y, &head_font, line, 0);
    y += 18;
    for (size_t i = 0; i < p->n_pools; i++) {
        char name[48];
        char about[64];
        rf_plan_pool pool = rf_plan_pool_at(shown->plan, i);
        rf_cli_bar bar = bar_of(shown, p, i, y, scale);
        snprintf(name, sizeof(name), "pool %zu", i);
        snprintf(about, sizeof(about), "%s, %u item%s", rf_cli_bytes(pool.bytes, text), pool.items,
                 pool.items == 1 ? "" : "s");
        bar.name = name;
        bar.about = about;
        bar.bytes = pool.bytes;
        bar.rounding = pool.rounding;
        bar.compact = compact;
        rf_cli_bar_draw(svg, &bar);
        y += rf_cli_bar_height(compact);
    }
    return y + (compact ? 28 : 16);
}

static double draw_host_bar(rf_svg *svg, rf_cli_bar bar, const char *name, uint64_t bytes)
{
    char about[64];
    char text[RF_CLI_NUMBER_BYTES];
    if (!bytes)
        return bar.y;
    snprintf(about, sizeof(about), "%s, %zu item%s", rf_cli_bytes(bytes, text), bar.n_items,
             bar.n_items == 1 ? "" : "s");
    bar.name = name;
    bar.about = about;
    bar.bytes = bytes;
    bar.external = true;
    rf_cli_bar_draw(svg, &bar);
    return bar.y + rf_cli_bar_height(false);
}

static double draw_host(rf_svg *svg, const rf_cli_plan_view *shown, const places *p, double y)
{
    uint64_t mapped = shown->summary.external[RF_MEMORY_WEIGHTS];
    uint64_t pinned = shown->summary.external[RF_MEMORY_STAGING];
    uint64_t widest = widest_pool(shown->plan);
    uint64_t most = mapped > pinned ? mapped : pinned;
    bool same = most <= widest; /* then the scale of the pools shows it too */
    double scale = scale_for(same ? widest : most);
    if (!most)
        return y;
    rf_svg_text(svg, RF_CLI_SVG_MARGIN, y, &head_font,
                same ? "Memory of the host, which takes none of the device's: to the same scale"
                     : "Memory of the host, besides: to a scale of its own",
                0);
    y += 18;
    y = draw_host_bar(svg, bar_of(shown, p, p->n_pools, y, scale), "mapped file, in place", mapped);
    y = draw_host_bar(svg, bar_of(shown, p, p->n_pools + 1, y, scale), "pinned, while loading",
                      pinned);
    return y + 16;
}

/* ---- the page ------------------------------------------------------------------------------- */

static double draw_head(rf_svg *svg, const rf_cli_plan_view *shown)
{
    const rf_plan_summary *s = &shown->summary;
    const rf_type_info *kv = rf_type_describe((uint32_t)s->kv_type);
    char line[RF_NAME_BYTES + 192];
    /* As many characters as the page is wide. */
    size_t most = (size_t)(INNER_WIDTH / rf_svg_width(1, title_font.size));
    rf_svg_text(svg, RF_CLI_SVG_MARGIN, 40, &title_font, shown->name, most);
    if (s->absent)
        snprintf(line, sizeof(line), "on a GPU that is not here, with memory of its own");
    else
        snprintf(line, sizeof(line), "on %s: %s", shown->device.id, shown->device.name);
    rf_svg_text(svg, RF_CLI_SVG_MARGIN, 62, &text_font, line, 0);
    snprintf(line, sizeof(line), "context %u%s (trained: %u), sequences %u, batch %u, kv cache %s",
             s->n_context, shown->settings->fit && s->fits ? ", the largest that fits" : "",
             s->n_context_trained, s->n_sequences, s->n_batch, kv ? kv->name : "?");
    rf_svg_text(svg, RF_CLI_SVG_MARGIN, 80, &text_font, line, 0);
    if (!shown->host)
        return 116;
    snprintf(line, sizeof(line),
             "layers %u of %u: the others are on the host, and not in this picture",
             s->n_device_layers, s->n_layers);
    rf_svg_text(svg, RF_CLI_SVG_MARGIN, 98, &text_font, line, 0);
    return 134;
}

/* Puts the page around what was drawn, now that its height is known. */
static rf_status write_page(const rf_svg *body, double height, const char *title, const char *path,
                            rf_error *error)
{
    rf_svg head = {.status = RF_OK};
    rf_draft *draft = NULL;
    RF_SVG_MARKUP(&head,
                  "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
                  "viewBox=\"0 0 %.0f %.0f\" "
                  "font-family=\"DejaVu Sans, Verdana, Arial, sans-serif\">\n<title>Memory of ",
                  RF_CLI_SVG_WIDTH, height, RF_CLI_SVG_WIDTH, height);
    rf_svg_escaped(&head, title, 0);
    RF_SVG_MARKUP(&head, "</title>\n<rect width=\"%.0f\" height=\"%.0f\" fill=\"#fff\"/>\n",
                  RF_CLI_SVG_WIDTH, height);
    rf_status status = head.status;
    if (status != RF_OK && error)
        *error = head.error;
    if (status == RF_OK)
        status = rf_draft_create(path, &draft, error);
    if (status == RF_OK)
        status = rf_draft_write(draft, head.text.data, head.text.length, error);
    if (status == RF_OK)
        status = rf_draft_write(draft, body->text.data, body->text.length, error);
    if (status == RF_OK)
        status = rf_draft_write(draft, "</svg>\n", strlen("</svg>\n"), error);
    if (status == RF_OK)
        status = rf_draft_commit(draft, error);
    rf_draft_free(draft);
    rf_buffer_free(&head.text);
    return status;
}

rf_status rf_cli_plan_draw(const rf_cli_plan_view *shown, const char *path, rf_error *error)
{
    places p;
    rf_svg svg = {.status = RF_OK};
    if (!places_make(shown->plan, &p))
        return rf_error_host_memory(error, "the items of a picture",
                                    rf_plan_item_count(shown->plan) * sizeof(size_t));
    double y = draw_head(&svg, shown);
    y = draw_device(&svg, shown, y);
    y = draw_pools(&svg, shown, &p, y);
    y = draw_host(&svg, shown, &p, y);
    places_free(&p);
    rf_status status = svg.status;
    if (status == RF_OK)
        status = write_page(&svg, y, shown->name, path, error);
    else if (error)
        *error = svg.error;
    rf_buffer_free(&svg.text);
    return status;
}
