/* tokenize.c: text to ids: special tokens are cut out first, then each text between them is
 * encoded. */
#include "base/memory.h"
#include "tokenizer/tokenizer.h"

/* What one call works with. */
typedef struct tokenize_run {
    const rf_tokenizer *tokenizer;
    rf_tokenize_options options;
    rf_fragments fragments;
    rf_merger merger;
    rf_buffer scratch;
    rf_ids ids;
} tokenize_run;

static rf_status encode(tokenize_run *run, rf_string text, bool after_special, rf_error *error)
{
    const rf_tokenizer *tokenizer = run->tokenizer;
    if (tokenizer->kind == RF_TOKENIZER_BPE)
        return rf_bpe_encode(&tokenizer->bpe, text, &run->merger, &run->scratch, &run->ids, error);
    return rf_spm_encode(&tokenizer->spm, text, after_special, &run->merger, &run->scratch,
                         &run->ids, error);
}

static rf_status tokenize(tokenize_run *run, rf_string text, rf_error *error)
{
    const rf_vocabulary *vocabulary = &run->tokenizer->vocabulary;
    RF_TRY(rf_specials_cut(&run->tokenizer->specials, text, run->options.parse_special,
                           &run->fragments, error));
    if (run->options.add_bos_eos && vocabulary->add_bos)
        RF_TRY(rf_ids_append(&run->ids, vocabulary->bos, error));
    /* The beginning counts as one: SentencePiece puts a space before the first word as well. */
    bool after_special = true;
    for (size_t i = 0; i < run->fragments.count; i++) {
        const rf_fragment *part = &run->fragments.items[i];
        rf_string piece = {text.data + part->start, part->length};
        if (part->token != RF_TOKEN_NONE)
            RF_TRY(rf_ids_append(&run->ids, part->token, error));
        else
            RF_TRY(encode(run, piece, after_special, error));
        after_special = part->token != RF_TOKEN_NONE;
    }
    if (run->options.add_bos_eos && vocabulary->add_eos)
        RF_TRY(rf_ids_append(&run->ids, vocabulary->eos, error));
    return RF_OK;
}

/* The array that the caller gets, which exists also when it is empty. */
static rf_status hand_out(rf_ids *ids, int32_t **out, size_t *count, rf_error *error)
{
    int32_t *data = rf_realloc(ids->data, ids->count, sizeof(*data));
    if (!data)
        return rf_error_host_memory(error, "token ids", ids->count * sizeof(*data));
    *out = data;
    *count = ids->count;
    *ids = (rf_ids){0};
    return RF_OK;
}

rf_status rf_tokenize(const rf_tokenizer *tokenizer, rf_string text, rf_tokenize_options options,
                      int32_t **out, size_t *count, rf_error *error)
{
    if (!tokenizer || !out || !count || (!text.data && text.length))
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "tokenizing needs a tokenizer, a text and a place for the result");
    if (text.length > RF_TOKENIZE_TEXT_MAX)
        return rf_error_set(error, RF_ERROR_RANGE,
                            "a text of %zu bytes, the most for one call is %u", text.length,
                            RF_TOKENIZE_TEXT_MAX);
    tokenize_run run = {.tokenizer = tokenizer, .options = options};
    rf_status status = tokenize(&run, text, error);
    if (status == RF_OK)
        status = hand_out(&run.ids, out, count, error);
    rf_fragments_free(&run.fragments);
    rf_merger_free(&run.merger);
    rf_buffer_free(&run.scratch);
    rf_free(run.ids.data);
    return status;
}
