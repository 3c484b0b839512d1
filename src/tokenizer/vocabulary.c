/* vocabulary.c: reading and checking tokens, types, scores and the ids of special tokens. */
#include "tokenizer/vocabulary.h"

#include <inttypes.h>
#include <math.h>

#include "base/memory.h"
#include "tokenizer/markers.h"

#define KEY_TOKENS "tokenizer.ggml.tokens"
#define KEY_TYPES  "tokenizer.ggml.token_type"
#define KEY_SCORES "tokenizer.ggml.scores"

/* Places of the map that are fetched ahead of their use. */
#define TEXTS_AHEAD 16U

void rf_vocabulary_free(rf_vocabulary *vocabulary)
{
    rf_free(vocabulary->tokens);
    rf_map_free(&vocabulary->ids);
    *vocabulary = (rf_vocabulary){0};
}

int32_t rf_vocabulary_find(const rf_vocabulary *vocabulary, rf_string text)
{
    uint32_t id = 0;
    if (text.length > vocabulary->longest || !rf_map_get(&vocabulary->ids, text, &id))
        return RF_TOKEN_NONE;
    return (int32_t)id;
}

static rf_status add_text(rf_vocabulary *vocabulary, uint32_t id, rf_string text, rf_error *error)
{
    vocabulary->tokens[id] = (rf_token){.text = text, .type = RF_TOKEN_NORMAL};
    /* An empty text is a gap in the numbering: no input can become that token. */
    if (text.length == 0)
        return RF_OK;
    bool added = false;
    RF_TRY(rf_map_insert(&vocabulary->ids, text, id, &added, error));
    if (!added) {
        uint32_t other = 0;
        (void)rf_map_get(&vocabulary->ids, text, &other); /* it is there: that is the error */
        return rf_error_set(error, RF_ERROR_FORMAT,
                            "key " KEY_TOKENS ": tokens %" PRIu32 " and %" PRIu32
                            " have the same text %.*s",
                            other, id, RF_STR_ARGS(text));
    }
    if (text.length > vocabulary->longest)
        vocabulary->longest = text.length;
    return RF_OK;
}

static rf_status read_texts(const rf_gguf *gguf, rf_vocabulary *out, rf_error *error)
{
    const rf_gguf_value *texts = NULL;
    RF_TRY(rf_gguf_require_array(gguf, KEY_TOKENS, RF_GGUF_STRING, &texts, error));
    uint64_t count = texts->array.count;
    if (count == 0 || count > RF_VOCABULARY_MAX)
        return rf_error_set(error, RF_ERROR_FORMAT,
                            "key " KEY_TOKENS ": %" PRIu64 " tokens, expected 1 to %u", count,
                            RF_VOCABULARY_MAX);
    out->tokens = rf_calloc(count, sizeof(*out->tokens));
    if (!out->tokens)
        return rf_error_host_memory(error, "a vocabulary", count * sizeof(*out->tokens));
    out->count = (uint32_t)count;
    RF_TRY(rf_map_reserve(&out->ids, count, error));
    for (uint32_t i = 0; i < out->count; i++) {
        if (out->count - i > TEXTS_AHEAD)
            rf_map_prefetch(&out->ids, rf_gguf_string_at(texts, i + TEXTS_AHEAD));
        RF_TRY(add_text(out, i, rf_gguf_string_at(texts, i), error));
    }
    return RF_OK;
}

/* An array that goes with the tokens, or NULL where the file has none. */
static rf_status find_companion(const rf_gguf *gguf, const char *key, rf_gguf_type item_type,
                                const rf_vocabulary *vocabulary, const rf_gguf_value **out,
                                rf_error *error)
{
    RF_TRY(rf_gguf_get_array(gguf, key, item_type, out, error));
    if (*out && (*out)->array.count != vocabulary->count)
        return rf_error_set(error, RF_ERROR_FORMAT,
                            "key %s: %" PRIu64 " items for %" PRIu32 " tokens", key,
                            (*out)->array.count, vocabulary->count);
    return RF_OK;
}

static rf_status read_types(const rf_gguf *gguf, rf_vocabulary *out, rf_error *error)
{
    const rf_gguf_value *types = NULL;
    RF_TRY(find_companion(gguf, KEY_TYPES, RF_GGUF_INT32, out, &types, error));
    for (uint32_t i = 0; types && i < out->count; i++) {
        int32_t type = rf_gguf_i32_at(types, i);
        if (type < RF_TOKEN_UNDEFINED || type > RF_TOKEN_BYTE)
            return rf_error_set(error, RF_ERROR_FORMAT,
                                "key " KEY_TYPES ": token %" PRIu32 " has type %" PRId32
                                ", expected 0 to 6",
                                i, type);
        out->tokens[i].type = (uint8_t)type;
    }
    return RF_OK;
}

/* Without scores all tokens are equally likely, as the format's description has it. */
static rf_status read_scores(const rf_gguf *gguf, rf_vocabulary *out, rf_error *error)
{
    const rf_gguf_value *scores = NULL;
    RF_TRY(find_companion(gguf, KEY_SCORES, RF_GGUF_FLOAT32, out, &scores, error));
    for (uint32_t i = 0; scores && i < out->count; i++) {
        float score = rf_gguf_f32_at(scores, i);
        if (isnan(score))
            return rf_error_set(
                error, RF_ERROR_FORMAT,
                "key " KEY_SCORES ": the score of token %" PRIu32 " is not a number", i);
        out->tokens[i].score = score;
    }
    return RF_OK;
}

static rf_status read_id(const rf_gguf *gguf, const char *key, const rf_vocabulary *vocabulary,
                         int32_t fallback, int32_t *out, rf_error *error)
{
    int32_t id = fallback < (int32_t)vocabulary->count ? fallback : RF_TOKEN_NONE;
    if (rf_gguf_find(gguf, key)) {
        uint32_t named = 0;
        RF_TRY(rf_gguf_require_u32(gguf, key, &named, error));
        if (named >= vocabulary->count)
            return rf_error_set(error, RF_ERROR_FORMAT,
                                "key %s: token %" PRIu32 ", the vocabulary has %" PRIu32, key,
                                named, vocabulary->count);
        id = (int32_t)named;
    }
    *out = id;
    return RF_OK;
}

/* Ids that end generation, and ids that this library has no use for but checks: a file that names a
 * token it does not have is not to be trusted with the others. */
static const struct {
    const char *key;
    bool ends;
} other_ids[] = {
    {"tokenizer.ggml.eot_token_id", true},
    {"tokenizer.ggml.eom_token_id", true},
    {"tokenizer.ggml.fim_pad_token_id", true},
    {"tokenizer.ggml.fim_rep_token_id", true},
    {"tokenizer.ggml.fim_sep_token_id", true},
    {"tokenizer.ggml.fim_pre_token_id", false},
    {"tokenizer.ggml.fim_suf_token_id", false},
    {"tokenizer.ggml.fim_mid_token_id", false},
    {"tokenizer.ggml.prefix_token_id", false},
    {"tokenizer.ggml.suffix_token_id", false},
    {"tokenizer.ggml.middle_token_id", false},
    {"tokenizer.ggml.seperator_token_id", false}, /* spelled so in the format */
    {"tokenizer.ggml.padding_token_id", false},
    {"tokenizer.ggml.mask_token_id", false},
    {"tokenizer.ggml.cls_token_id", false},
};

static rf_status read_ids(const rf_gguf *gguf, const rf_vocabulary_defaults *defaults,
                          rf_vocabulary *out, rf_error *error)
{
    RF_TRY(read_id(gguf, "tokenizer.ggml.bos_token_id", out, defaults->bos, &out->bos, error));
    RF_TRY(read_id(gguf, "tokenizer.ggml.eos_token_id", out, defaults->eos, &out->eos, error));
    RF_TRY(read_id(gguf, "tokenizer.ggml.unknown_token_id", out, defaults->unknown, &out->unknown,
                   error));
    for (size_t i = 0; i < sizeof(other_ids) / sizeof(other_ids[0]); i++) {
        int32_t id = RF_TOKEN_NONE;
        RF_TRY(read_id(gguf, other_ids[i].key, out, RF_TOKEN_NONE, &id, error));
        if (id != RF_TOKEN_NONE && other_ids[i].ends)
            out->tokens[id].ends = true;
    }
    if (out->eos != RF_TOKEN_NONE)
        out->tokens[out->eos].ends = true;
    return RF_OK;
}

/* Whether a token is to be added; one that does not exist can only be asked for by mistake. */
static rf_status read_adding(const rf_gguf *gguf, const char *key, bool fallback, int32_t id,
                             bool *out, rf_error *error)
{
    bool add = false;
    RF_TRY(rf_gguf_get_bool(gguf, key, fallback && id != RF_TOKEN_NONE, &add, error));
    if (add && id == RF_TOKEN_NONE)
        return rf_error_set(error, RF_ERROR_FORMAT, "key %s: the file names no such token", key);
    *out = add;
    return RF_OK;
}

rf_status rf_vocabulary_read(const rf_gguf *gguf, const rf_vocabulary_defaults *defaults,
                             rf_vocabulary *out, rf_error *error)
{
    RF_TRY(read_texts(gguf, out, error));
    RF_TRY(read_types(gguf, out, error));
    RF_TRY(read_scores(gguf, out, error));
    RF_TRY(read_ids(gguf, defaults, out, error));
    RF_TRY(read_adding(gguf, "tokenizer.ggml.add_bos_token", defaults->add_bos, out->bos,
                       &out->add_bos, error));
    RF_TRY(
        read_adding(gguf, "tokenizer.ggml.add_eos_token", false, out->eos, &out->add_eos, error));
    rf_string name = {"", 0};
    RF_TRY(rf_gguf_get_string(gguf, "general.name", name, &name, error));
    rf_markers_apply(out, name);
    return RF_OK;
}
