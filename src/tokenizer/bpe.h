/*
 * bpe.h: byte-level BPE (Sennrich et al. 2016, on bytes as in GPT-2): merges in the order of the
 * file's list, within the pieces that a pre-tokenizer cuts. Constant after it is made.
 */
#ifndef RF_TOKENIZER_BPE_H
#define RF_TOKENIZER_BPE_H

#include "base/buffer.h"
#include "tokenizer/ids.h"
#include "tokenizer/merge.h"
#include "tokenizer/split.h"
#include "tokenizer/vocabulary.h"

/*
 * Symbols are token ids; texts that merges speak of and that are no tokens get numbers above those.
 * They take part in merging, and what is left of them in the end is written byte by byte.
 */
typedef struct rf_bpe_merge {
    int32_t left;
    int32_t right;
    int32_t result;
} rf_bpe_merge;

typedef struct rf_bpe {
    const rf_vocabulary *vocabulary;
    const rf_pretokenizer *rules;
    rf_splitter *splitter;
    rf_bpe_merge *merges; /* by rank */
    uint32_t n_merges;
    uint32_t *table; /* from (left, right) to rank + 1, open addressing; 0: empty */
    uint32_t table_mask;
    uint32_t table_shift; /* how far down the upper bits of a hash go to be a place in table */
    uint64_t multiplier;  /* of the hash, odd */
    rf_map virtual_ids;   /* from the texts that are no tokens to their symbols */
    char *virtual_texts;  /* those that are not in the file as one piece */
    int32_t bytes[256];   /* the symbol of each byte, or RF_SYMBOL_NONE */
} rf_bpe;

/* Reads tokenizer.ggml.merges. The vocabulary and the file must outlive the result. Errors: FORMAT
 * (the key, and the merge that is to blame). Free with rf_bpe_free also where this fails. */
rf_status rf_bpe_create(const rf_gguf *gguf, const rf_vocabulary *vocabulary,
                        const rf_pretokenizer *rules, rf_bpe *out, rf_error *error);
void rf_bpe_free(rf_bpe *bpe);

/* Appends the ids of a text of at most RF_MERGE_TEXT_MAX bytes. A byte that the vocabulary cannot
 * write is left out. merger and scratch are reused from call to call. */
rf_status rf_bpe_encode(const rf_bpe *bpe, rf_string text, rf_merger *merger, rf_buffer *scratch,
                        rf_ids *out, rf_error *error);

#endif
