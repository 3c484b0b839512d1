/*
 * bpe_merges.c: from "left right" lines to a hash table of symbol pairs, so that merging looks up
 * two numbers and no text.
 */
#include "tokenizer/bpe_merges.h"

#include <inttypes.h>

#include "base/memory.h"
#include "base/seed.h"
#include "tokenizer/alphabet.h"

#define KEY_MERGES "tokenizer.ggml.merges"

/* Several ways to make each token is what some files list; beyond this none is a list of merges. */
#define MERGES_MAX (1U << 26)

/* Where a pair belongs in the table: the upper bits of its product with an odd number, which is
 * drawn anew for each file, so that none can be made whose pairs meet (Dietzfelbinger et al. 1997).
 */
static uint32_t place_of(const rf_bpe *bpe, int32_t left, int32_t right)
{
    uint64_t pair = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    return (uint32_t)(pair * bpe->multiplier >> bpe->table_shift);
}

/* The slot of a pair, or the empty one where it belongs. The table is never full. */
static uint32_t *find_slot(const rf_bpe *bpe, int32_t left, int32_t right)
{
    uint32_t i = place_of(bpe, left, right);
    while (bpe->table[i]) {
        const rf_bpe_merge *merge = &bpe->merges[bpe->table[i] - 1];
        if (merge->left == left && merge->right == right)
            break;
        i = (i + 1) & bpe->table_mask;
    }
    return &bpe->table[i];
}

bool rf_bpe_find_merge(const void *context, int32_t left, int32_t right, rf_string text,
                       uint32_t *rank, int32_t *symbol)
{
    (void)text;
    const rf_bpe *bpe = context;
    uint32_t found = *find_slot(bpe, left, right);
    if (!found)
        return false;
    *rank = found - 1;
    *symbol = bpe->merges[found - 1].result;
    return true;
}

/* The symbol of a text, made if need be. The text must outlive the table. */
static rf_status intern(rf_bpe *bpe, rf_string text, int32_t *out, rf_error *error)
{
    int32_t id = rf_vocabulary_find(bpe->vocabulary, text);
    uint32_t symbol = (uint32_t)id;
    if (id == RF_TOKEN_NONE && !rf_map_get(&bpe->virtual_ids, text, &symbol)) {
        symbol = bpe->vocabulary->count + (uint32_t)bpe->virtual_ids.count;
        bool added = false;
        RF_TRY(rf_map_insert(&bpe->virtual_ids, text, symbol, &added, error));
    }
    *out = (int32_t)symbol;
    return RF_OK;
}

/* While the list is read: where the text of a merge's result is put together. */
typedef struct merge_reader {
    const rf_gguf_value *lines;
    size_t longest; /* of the lines, in bytes */
    size_t total;   /* of all lines */
    char *joined;   /* room for the longest line */
    size_t used;    /* of bpe->virtual_texts */
} merge_reader;

/* The symbol for left and right together. Only where that is no token is the text kept. */
static rf_status intern_result(rf_bpe *bpe, merge_reader *reader, rf_string left, rf_string right,
                               int32_t *out, rf_error *error)
{
    rf_string text = {reader->joined, left.length + right.length};
    memcpy(reader->joined, left.data, left.length);
    memcpy(reader->joined + left.length, right.data, right.length);
    *out = rf_vocabulary_find(bpe->vocabulary, text);
    if (*out != RF_TOKEN_NONE)
        return RF_OK;
    if (!bpe->virtual_texts) {
        bpe->virtual_texts = rf_calloc(reader->total, 1);
        if (!bpe->virtual_texts)
            return rf_error_host_memory(error, "merges", reader->total);
    }
    char *kept = bpe->virtual_texts + reader->used;
    memcpy(kept, text.data, text.length);
    reader->used += text.length;
    return intern(bpe, (rf_string){kept, text.length}, out, error);
}

static rf_status read_line(rf_bpe *bpe, merge_reader *reader, uint32_t rank, rf_error *error)
{
    rf_string line = rf_gguf_string_at(reader->lines, rank);
    /* From the second byte on: a space could be the left part itself in a vocabulary of raw text.
     */
    const char *space = line.length > 1 ? memchr(line.data + 1, ' ', line.length - 1) : NULL;
    size_t split = space ? (size_t)(space - line.data) : line.length;
    if (split + 1 >= line.length)
        return rf_error_set(error, RF_ERROR_FORMAT,
                            "key " KEY_MERGES ": merge %" PRIu32
                            " is \"%.*s\", expected two parts with a space between",
                            rank, RF_STR_ARGS(line));
    rf_string left = {line.data, split};
    rf_string right = {line.data + split + 1, line.length - split - 1};
    rf_bpe_merge *merge = &bpe->merges[rank];
    RF_TRY(intern(bpe, left, &merge->left, error));
    RF_TRY(intern(bpe, right, &merge->right, error));
    RF_TRY(intern_result(bpe, reader, left, right, &merge->result, error));
    uint32_t *slot = find_slot(bpe, merge->left, merge->right);
    if (!*slot) /* of equal lines the first counts */
        *slot = rank + 1;
    return RF_OK;
}

static rf_status make_tables(rf_bpe *bpe, merge_reader *reader, rf_error *error)
{
    uint64_t count = reader->lines->array.count;
    if (count > MERGES_MAX)
        return rf_error_set(error, RF_ERROR_FORMAT,
                            "key " KEY_MERGES ": %" PRIu64 " merges, the most allowed is %u", count,
                            MERGES_MAX);
    bpe->n_merges = (uint32_t)count;
    for (uint32_t i = 0; i < bpe->n_merges; i++) {
        size_t length = rf_gguf_string_at(reader->lines, i).length;
        reader->total += length;
        reader->longest = length > reader->longest ? length : reader->longest;
    }
    uint32_t slots = 16;
    while (slots < 2 * bpe->n_merges)
        slots *= 2;
    bpe->table_mask = slots - 1;
    bpe->table_shift = 64 - (uint32_t)__builtin_ctz(slots);
    bpe->multiplier = rf_seed_draw() | 1;
    bpe->table = rf_calloc(slots, sizeof(*bpe->table));
    bpe->merges = rf_calloc(bpe->n_merges, sizeof(*bpe->merges));
    reader->joined = rf_calloc(reader->longest, 1);
    if (!bpe->table || !bpe->merges || !reader->joined)
        return rf_error_host_memory(error, "merges", slots * sizeof(*bpe->table));
    return RF_OK;
}

static rf_status read_lines(rf_bpe *bpe, merge_reader *reader, rf_error *error)
{
    RF_TRY(make_tables(bpe, reader, error));
    for (uint32_t i = 0; i < bpe->n_merges; i++)
        RF_TRY(read_line(bpe, reader, i, error));
    return RF_OK;
}

static void find_bytes(rf_bpe *bpe)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        char letter[RF_ALPHABET_BYTES_MAX];
        rf_string text = {letter, rf_alphabet_letter((unsigned char)byte, letter)};
        int32_t id = rf_vocabulary_find(bpe->vocabulary, text);
        uint32_t symbol = 0;
        if (id == RF_TOKEN_NONE && rf_map_get(&bpe->virtual_ids, text, &symbol))
            id = (int32_t)symbol;
        bpe->bytes[byte] = id;
    }
}

rf_status rf_bpe_read_merges(const rf_gguf *gguf, rf_bpe *bpe, rf_error *error)
{
    merge_reader reader = {0};
    RF_TRY(rf_gguf_require_array(gguf, KEY_MERGES, RF_GGUF_STRING, &reader.lines, error));
    rf_status status = read_lines(bpe, &reader, error);
    rf_free(reader.joined);
    if (status == RF_OK)
        find_bytes(bpe);
    return status;
}
