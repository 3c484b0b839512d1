/* bpe.c: encoding pieces of text by merging the symbols of their bytes. */
#include "tokenizer/bpe.h"

#include "tokenizer/alphabet.h"
#include "tokenizer/bpe_merges.h"

rf_status rf_bpe_create(const rf_gguf *gguf, const rf_vocabulary *vocabulary,
                        const rf_pretokenizer *rules, rf_bpe *out, rf_error *error)
{
    out->vocabulary = vocabulary;
    out->rules = rules;
    RF_TRY(rf_splitter_create(rules, &out->splitter, error));
    return rf_bpe_read_merges(gguf, out, error);
}

void rf_bpe_free(rf_bpe *bpe)
{
    rf_splitter_free(bpe->splitter);
    rf_free(bpe->merges);
    rf_free(bpe->table);
    rf_map_free(&bpe->virtual_ids);
    rf_free(bpe->virtual_texts);
    *bpe = (rf_bpe){0};
}

/* One call of rf_bpe_encode. */
typedef struct bpe_run {
    const rf_bpe *bpe;
    rf_merger *merger;
    rf_buffer *scratch;
    rf_ids *out;
} bpe_run;

/* The token that is a piece as a whole, written in the alphabet; or RF_TOKEN_NONE. */
static rf_status find_whole(const bpe_run *run, rf_string piece, int32_t *out, rf_error *error)
{
    *out = RF_TOKEN_NONE;
    if (piece.length > run->bpe->vocabulary->longest)
        return RF_OK;
    run->scratch->length = 0;
    for (size_t i = 0; i < piece.length; i++) {
        char letter[RF_ALPHABET_BYTES_MAX];
        size_t length = rf_alphabet_letter((unsigned char)piece.data[i], letter);
        RF_TRY(rf_buffer_append(run->scratch, letter, length, error));
    }
    rf_string text = {run->scratch->data, run->scratch->length};
    *out = rf_vocabulary_find(run->bpe->vocabulary, text);
    return RF_OK;
}

/* Appends a symbol: its id if it is a token, else the bytes that it stands for, one by one. */
static rf_status append_symbol(const bpe_run *run, int32_t symbol, rf_string text, rf_error *error)
{
    const rf_bpe *bpe = run->bpe;
    if (rf_vocabulary_has(bpe->vocabulary, symbol))
        return rf_ids_append(run->out, symbol, error);
    for (size_t i = 0; i < text.length; i++) {
        int32_t id = bpe->bytes[(unsigned char)text.data[i]];
        if (rf_vocabulary_has(bpe->vocabulary, id))
            RF_TRY(rf_ids_append(run->out, id, error));
    }
    return RF_OK;
}

static rf_status encode_piece(void *context, rf_string piece, rf_error *error)
{
    const bpe_run *run = context;
    if (run->bpe->rules->whole_first) {
        int32_t whole = RF_TOKEN_NONE;
        RF_TRY(find_whole(run, piece, &whole, error));
        if (whole != RF_TOKEN_NONE)
            return rf_ids_append(run->out, whole, error);
    }
    rf_merger *merger = run->merger;
    rf_merger_clear(merger);
    for (size_t i = 0; i < piece.length; i++)
        RF_TRY(rf_merger_add(merger, i, run->bpe->bytes[(unsigned char)piece.data[i]], error));
    RF_TRY(rf_merger_run(merger, piece, rf_bpe_find_merge, run->bpe, error));
    for (uint32_t i = 0; i != RF_MERGE_END; i = merger->nodes[i].next)
        RF_TRY(
            append_symbol(run, merger->nodes[i].symbol, rf_merger_text(merger, piece, i), error));
    return RF_OK;
}

rf_status rf_bpe_encode(const rf_bpe *bpe, rf_string text, rf_merger *merger, rf_buffer *scratch,
                        rf_ids *out, rf_error *error)
{
    bpe_run run = {bpe, merger, scratch, out};
    return rf_splitter_run(bpe->splitter, text, encode_piece, &run, error);
}
