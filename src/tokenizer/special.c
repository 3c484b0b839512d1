/* special.c: one pass finds which special tokens occur, then each of those is cut out. */
#include "tokenizer/special.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static bool is_special(const rf_token *token)
{
    return token->text.length > 0 &&
           (token->type == RF_TOKEN_CONTROL || token->type == RF_TOKEN_UNKNOWN ||
            token->type == RF_TOKEN_USER_DEFINED);
}

static rf_string text_of(const rf_specials *specials, uint32_t i)
{
    return specials->vocabulary->tokens[specials->ids[i]].text;
}

static int compare_length(const void *a, const void *b, void *context)
{
    const rf_token *tokens = context;
    int32_t left = *(const int32_t *)a;
    int32_t right = *(const int32_t *)b;
    size_t left_length = tokens[left].text.length;
    size_t right_length = tokens[right].text.length;
    if (left_length != right_length)
        return left_length > right_length ? -1 : 1;
    return (left > right) - (left < right);
}

static int compare_text(const void *a, const void *b, void *context)
{
    const rf_specials *specials = context;
    rf_string left = text_of(specials, *(const uint32_t *)a);
    rf_string right = text_of(specials, *(const uint32_t *)b);
    size_t shorter = left.length < right.length ? left.length : right.length;
    int order = memcmp(left.data, right.data, shorter);
    return order ? order : (left.length > right.length) - (left.length < right.length);
}

static void fill(const rf_vocabulary *vocabulary, rf_specials *specials)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < vocabulary->count; i++) {
        if (is_special(&vocabulary->tokens[i])) {
            specials->by_text[n] = n;
            specials->ids[n++] = (int32_t)i;
        }
    }
    qsort_r(specials->ids, n, sizeof(int32_t), compare_length, vocabulary->tokens);
    qsort_r(specials->by_text, n, sizeof(uint32_t), compare_text, specials);
}

rf_status rf_specials_create(const rf_vocabulary *vocabulary, rf_specials *out, rf_error *error)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < vocabulary->count; i++)
        count += is_special(&vocabulary->tokens[i]);
    rf_specials specials = {vocabulary, rf_calloc(count, sizeof(int32_t)),
                            rf_calloc(count, sizeof(uint32_t)), count};
    if (!specials.ids || !specials.by_text) {
        rf_specials_free(&specials);
        return rf_error_host_memory(error, "special tokens", sizeof(int32_t) * 2 * count);
    }
    fill(vocabulary, &specials);
    *out = specials;
    return RF_OK;
}

void rf_specials_free(rf_specials *specials)
{
    rf_free(specials->ids);
    rf_free(specials->by_text);
    *specials = (rf_specials){0};
}

void rf_fragments_free(rf_fragments *fragments)
{
    rf_free(fragments->items);
    *fragments = (rf_fragments){0};
}

static rf_status append(rf_fragments *fragments, rf_fragment fragment, rf_error *error)
{
    if (fragments->count == fragments->capacity) {
        size_t capacity = fragments->capacity ? fragments->capacity * 2 : 16;
        rf_fragment *grown = rf_realloc(fragments->items, capacity, sizeof(*grown));
        if (!grown)
            return rf_error_host_memory(error, "fragments", capacity * sizeof(*grown));
        fragments->items = grown;
        fragments->capacity = capacity;
    }
    fragments->items[fragments->count++] = fragment;
    return RF_OK;
}

/* One search for the tokens that occur in a text. */
typedef struct special_search {
    const rf_specials *specials;
    bool parse_control;
    bool *found;           /* by the index in specials->ids */
    uint32_t missing[256]; /* wanted tokens not found yet, by their first byte */
} special_search;

static bool is_wanted(const special_search *search, uint32_t i)
{
    const rf_specials *specials = search->specials;
    return search->parse_control ||
           specials->vocabulary->tokens[specials->ids[i]].type == RF_TOKEN_USER_DEFINED;
}

/* The first of by_text[low, high), all longer than depth, whose byte at depth is at least `byte`.
 */
static uint32_t first_from(const rf_specials *specials, uint32_t low, uint32_t high, size_t depth,
                           unsigned byte)
{
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        rf_string text = text_of(specials, specials->by_text[middle]);
        if ((unsigned char)text.data[depth] < byte)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Marks the tokens that the text begins with: narrows the ordered list byte by byte. */
static void mark_prefixes(special_search *search, rf_string text)
{
    const rf_specials *specials = search->specials;
    uint32_t low = 0;
    uint32_t high = specials->count;
    for (size_t depth = 0; depth < text.length && low < high; depth++) {
        unsigned byte = (unsigned char)text.data[depth];
        low = first_from(specials, low, high, depth, byte);
        high = first_from(specials, low, high, depth, byte + 1);
        if (low == high || text_of(specials, specials->by_text[low]).length > depth + 1)
            continue;
        /* The one that ends here comes first among those that begin so. */
        uint32_t i = specials->by_text[low++];
        if (is_wanted(search, i) && !search->found[i]) {
            search->found[i] = true;
            search->missing[(unsigned char)text.data[0]]--;
        }
    }
}

static void search_text(special_search *search, rf_string text)
{
    for (uint32_t i = 0; i < search->specials->count; i++) {
        if (is_wanted(search, i))
            search->missing[(unsigned char)text_of(search->specials, i).data[0]]++;
    }
    for (size_t i = 0; i < text.length; i++) {
        if (search->missing[(unsigned char)text.data[i]])
            mark_prefixes(search, (rf_string){text.data + i, text.length - i});
    }
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Cuts one token out of one fragment of text; appends what comes of it. */
static rf_status cut_fragment(const rf_token *token, int32_t id, rf_string text,
                              rf_fragment fragment, rf_fragments *out, rf_error *error)
{
    size_t start = fragment.start;
    size_t end = fragment.start + fragment.length;
    while (start < end) {
        const char *match =
            memmem(text.data + start, end - start, token->text.data, token->text.length);
        size_t at = match ? (size_t)(match - text.data) : end;
        if (at > start)
            RF_TRY(append(out, (rf_fragment){RF_TOKEN_NONE, start, at - start}, error));
        if (!match)
            break;
        RF_TRY(append(out, (rf_fragment){id, at, token->text.length}, error));
        start = at + token->text.length;
        while (token->strips_right && start < end && is_space(text.data[start]))
            start++;
    }
    return RF_OK;
}

/* Cuts one token out of all fragments of text. */
static rf_status cut_token(const rf_vocabulary *vocabulary, int32_t id, rf_string text,
                           rf_fragments *fragments, rf_error *error)
{
    rf_fragments next = {0};
    rf_status status = RF_OK;
    for (size_t i = 0; i < fragments->count && status == RF_OK; i++) {
        rf_fragment fragment = fragments->items[i];
        if (fragment.token != RF_TOKEN_NONE)
            status = append(&next, fragment, error);
        else
            status = cut_fragment(&vocabulary->tokens[id], id, text, fragment, &next, error);
    }
    if (status != RF_OK) {
        rf_fragments_free(&next);
        return status;
    }
    rf_fragments_free(fragments);
    *fragments = next;
    return RF_OK;
}

static rf_status cut_found(const special_search *search, rf_string text, rf_fragments *fragments,
                           rf_error *error)
{
    const rf_specials *specials = search->specials;
    if (text.length)
        RF_TRY(append(fragments, (rf_fragment){RF_TOKEN_NONE, 0, text.length}, error));
    for (uint32_t i = 0; i < specials->count; i++) {
        if (search->found[i])
            RF_TRY(cut_token(specials->vocabulary, specials->ids[i], text, fragments, error));
    }
    return RF_OK;
}

rf_status rf_specials_cut(const rf_specials *specials, rf_string text, bool parse_control,
                          rf_fragments *out, rf_error *error)
{
    special_search search = {specials, parse_control, rf_calloc(specials->count, 1), {0}};
    if (!search.found)
        return rf_error_host_memory(error, "special tokens", specials->count);
    search_text(&search, text);
    rf_fragments fragments = {0};
    rf_status status = cut_found(&search, text, &fragments, error);
    rf_free(search.found);
    if (status != RF_OK) {
        rf_fragments_free(&fragments);
        return status;
    }
    *out = fragments;
    return RF_OK;
}
