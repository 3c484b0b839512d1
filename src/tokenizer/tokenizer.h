/*
 * tokenizer.h: what a tokenizer is made of. The public functions are in rocmforge.h; layers above
 * use those, and this header only for what they do not say.
 *
 * A tokenizer is constant after rf_tokenizer_open: any number of threads may use one at once. It
 * keeps the GGUF file open, because token texts are views into it.
 */
#ifndef RF_TOKENIZER_TOKENIZER_H
#define RF_TOKENIZER_TOKENIZER_H

#include "base/buffer.h"
#include "tokenizer/bpe.h"
#include "tokenizer/chat_style.h"
#include "tokenizer/special.h"
#include "tokenizer/spm.h"
#include "tokenizer/vocabulary.h"

typedef enum rf_tokenizer_kind {
    RF_TOKENIZER_BPE, /* tokenizer.ggml.model "gpt2" */
    RF_TOKENIZER_SPM, /* tokenizer.ggml.model "llama" */
} rf_tokenizer_kind;

struct rf_tokenizer {
    rf_gguf *gguf; /* one owner of it */
    rf_tokenizer_kind kind;
    rf_vocabulary vocabulary;
    rf_specials specials;
    bool rules_assumed; /* BPE: the file does not name its pre-tokenizer */
    rf_bpe bpe;         /* the one that kind says */
    rf_spm spm;
    rf_string chat_template; /* empty where there is none */
    const rf_chat_style *chat;
};

/* Whether a file has a tokenizer at all: names one other than "none" or "no_vocab", or lists
 * tokens. Where it has none, rf_tokenizer_open gives RF_ERROR_NOT_FOUND. */
bool rf_tokenizer_present(const rf_gguf *gguf);

/* The most text that one call takes: positions are 32-bit, and SentencePiece triples spaces. */
#define RF_TOKENIZE_TEXT_MAX (1U << 30)

/* Appends the text of one token, whose id is valid, as it stands in running text; nothing for a
 * control token unless special. Bytes, not necessarily whole characters. */
rf_status rf_tokenizer_append_text(const rf_tokenizer *tokenizer, int32_t token, bool special,
                                   rf_buffer *out, rf_error *error);

/* Whether the first text of a sequence loses a leading space, because tokenizing has added one. */
bool rf_tokenizer_drops_first_space(const rf_tokenizer *tokenizer);

/* RF_ERROR_RANGE where an id is not one of the vocabulary. */
rf_status rf_tokenizer_check_id(const rf_tokenizer *tokenizer, int32_t token, rf_error *error);

#endif
