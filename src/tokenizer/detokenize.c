/* detokenize.c: ids to text. */
#include "base/memory.h"
#include "base/utf8.h"
#include "tokenizer/alphabet.h"
#include "tokenizer/tokenizer.h"

/* Text in the byte alphabet, back to bytes. What is no letter of it stands for itself: some files
 * list added tokens in plain text as normal ones. */
static rf_status append_letters(rf_string text, rf_buffer *out, rf_error *error)
{
    const unsigned char *data = (const unsigned char *)text.data;
    for (size_t i = 0; i < text.length;) {
        rf_utf8_kind kind;
        size_t length = rf_utf8_next(data + i, text.length - i, &kind);
        int byte = kind == RF_UTF8_WHOLE ? rf_alphabet_byte(rf_utf8_decode(data + i, length)) : -1;
        unsigned char decoded = (unsigned char)byte;
        if (byte >= 0)
            RF_TRY(rf_buffer_append(out, &decoded, 1, error));
        else
            RF_TRY(rf_buffer_append(out, data + i, length, error));
        i += length;
    }
    return RF_OK;
}

/* SentencePiece text, with spaces for "▁". */
static rf_status append_words(rf_string text, rf_buffer *out, rf_error *error)
{
    size_t done = 0;
    while (done < text.length) {
        const char *mark =
            memmem(text.data + done, text.length - done, RF_SPM_SPACE, RF_SPM_SPACE_BYTES);
        size_t end = mark ? (size_t)(mark - text.data) : text.length;
        RF_TRY(rf_buffer_append(out, text.data + done, end - done, error));
        if (mark)
            RF_TRY(rf_buffer_append(out, " ", 1, error));
        done = end + (mark ? RF_SPM_SPACE_BYTES : 0);
    }
    return RF_OK;
}

rf_status rf_tokenizer_append_text(const rf_tokenizer *tokenizer, int32_t token, bool special,
                                   rf_buffer *out, rf_error *error)
{
    const rf_token *entry = &tokenizer->vocabulary.tokens[token];
    int byte = rf_spm_byte(entry->text);
    unsigned char decoded = (unsigned char)byte;
    switch ((rf_token_type)entry->type) {
    case RF_TOKEN_UNKNOWN:
    case RF_TOKEN_CONTROL:
        return special ? rf_buffer_append(out, entry->text.data, entry->text.length, error) : RF_OK;
    case RF_TOKEN_USER_DEFINED:
        return rf_buffer_append(out, entry->text.data, entry->text.length, error);
    case RF_TOKEN_BYTE:
        return byte >= 0 ? rf_buffer_append(out, &decoded, 1, error) : RF_OK;
    case RF_TOKEN_NORMAL:
        return tokenizer->kind == RF_TOKENIZER_BPE ? append_letters(entry->text, out, error)
                                                   : append_words(entry->text, out, error);
    case RF_TOKEN_UNDEFINED:
    case RF_TOKEN_UNUSED:
        break; /* places in the numbering that have no text */
    }
    return RF_OK;
}

bool rf_tokenizer_drops_first_space(const rf_tokenizer *tokenizer)
{
    return tokenizer->kind == RF_TOKENIZER_SPM && tokenizer->spm.add_space_prefix;
}

static rf_status detokenize(const rf_tokenizer *tokenizer, const int32_t *tokens, size_t count,
                            bool special, rf_buffer *out, rf_error *error)
{
    for (size_t i = 0; i < count; i++) {
        RF_TRY(rf_tokenizer_check_id(tokenizer, tokens[i], error));
        RF_TRY(rf_tokenizer_append_text(tokenizer, tokens[i], special, out, error));
    }
    if (rf_tokenizer_drops_first_space(tokenizer) && out->length && out->data[0] == ' ') {
        out->length--;
        memmove(out->data, out->data + 1, out->length);
    }
    return RF_OK;
}

rf_status rf_detokenize(const rf_tokenizer *tokenizer, const int32_t *tokens, size_t count,
                        bool special, char **out, size_t *length, rf_error *error)
{
    if (!tokenizer || (!tokens && count) || !out)
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "detokenizing needs a tokenizer, ids and a place for the result");
    rf_buffer text = {0};
    rf_status status = detokenize(tokenizer, tokens, count, special, &text, error);
    if (status == RF_OK)
        status = rf_buffer_take(&text, out, length, error);
    rf_buffer_free(&text);
    return status;
}
