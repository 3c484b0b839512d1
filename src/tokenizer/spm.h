/*
 * spm.h: SentencePiece's BPE model (Kudo and Richardson 2018): merges by the score of what comes
 * out, on whole characters; spaces are written "▁" (U+2581), and characters that are no tokens
 * become the byte tokens "<0x00>" to "<0xFF>". Constant after it is made.
 */
#ifndef RF_TOKENIZER_SPM_H
#define RF_TOKENIZER_SPM_H

#include "base/buffer.h"
#include "tokenizer/ids.h"
#include "tokenizer/merge.h"
#include "tokenizer/vocabulary.h"

#define RF_SPM_SPACE       "\xE2\x96\x81"
#define RF_SPM_SPACE_BYTES 3

typedef struct rf_spm {
    const rf_vocabulary *vocabulary;
    bool add_space_prefix;
    bool
        words_apart; /* no token reaches from one word into the next, so words merge on their own */
    int32_t bytes[256]; /* the token of a byte that no other token covers, or RF_TOKEN_NONE */
} rf_spm;

/* Reads tokenizer.ggml.add_space_prefix. The vocabulary must outlive the result, which owns
 * nothing. */
rf_status rf_spm_create(const rf_gguf *gguf, const rf_vocabulary *vocabulary, rf_spm *out,
                        rf_error *error);

/*
 * Appends the ids of a text of at most RF_SPM_TEXT_MAX bytes; space_before: a space is put in
 * front, where the file asks for that at all. A byte without any token is left out. merger and
 * scratch are reused from call to call.
 */
rf_status rf_spm_encode(const rf_spm *spm, rf_string text, bool space_before, rf_merger *merger,
                        rf_buffer *scratch, rf_ids *out, rf_error *error);

/* Every space grows to three bytes, and one may be added. */
#define RF_SPM_TEXT_MAX (RF_MERGE_TEXT_MAX / RF_SPM_SPACE_BYTES - 1)

/* The byte that a token such as "<0x0A>" stands for, or -1. */
int rf_spm_byte(rf_string text);

#endif
