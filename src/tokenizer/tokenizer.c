/* tokenizer.c: opening a tokenizer from metadata, and asking it about single tokens. */
#include "tokenizer/tokenizer.h"

#include <inttypes.h>

#include "base/log.h"
#include "base/memory.h"

#define KEY_MODEL   "tokenizer.ggml.model"
#define KEY_TOKENS  "tokenizer.ggml.tokens"
#define KEY_PRE     "tokenizer.ggml.pre"
#define DEFAULT_PRE "default"

static bool equals(rf_string text, const char *other)
{
    return text.length == strlen(other) && memcmp(text.data, other, text.length) == 0;
}

bool rf_tokenizer_present(const rf_gguf *gguf)
{
    const rf_gguf_value *model = rf_gguf_find(gguf, KEY_MODEL);
    if (!model)
        return rf_gguf_find(gguf, KEY_TOKENS) != NULL;
    return model->type != RF_GGUF_STRING ||
           !(equals(model->s, "none") || equals(model->s, "no_vocab"));
}

static rf_status read_kind(rf_tokenizer *tokenizer, rf_error *error)
{
    if (!rf_tokenizer_present(tokenizer->gguf))
        return rf_error_set(error, RF_ERROR_NOT_FOUND,
                            "the file has no tokenizer (key " KEY_MODEL ")");
    rf_string model = {0};
    RF_TRY(rf_gguf_require_string(tokenizer->gguf, KEY_MODEL, &model, error));
    if (!equals(model, "gpt2") && !equals(model, "llama"))
        return rf_error_set(error, RF_ERROR_UNSUPPORTED,
                            "key " KEY_MODEL ": tokenizer \"%.*s\" is not supported, \"gpt2\" and "
                            "\"llama\" are",
                            RF_STR_ARGS(model));
    tokenizer->kind = equals(model, "gpt2") ? RF_TOKENIZER_BPE : RF_TOKENIZER_SPM;
    return RF_OK;
}

static rf_status read_bpe(rf_tokenizer *tokenizer, rf_error *error)
{
    rf_string name = {"", 0};
    RF_TRY(rf_gguf_get_string(tokenizer->gguf, KEY_PRE, name, &name, error));
    tokenizer->rules_assumed = name.length == 0;
    if (tokenizer->rules_assumed)
        name = (rf_string){DEFAULT_PRE, strlen(DEFAULT_PRE)};
    const rf_pretokenizer *rules = rf_pretokenizer_find(name);
    if (!rules)
        return rf_error_set(error, RF_ERROR_UNSUPPORTED,
                            "key " KEY_PRE ": pre-tokenizer \"%.*s\" is not known",
                            RF_STR_ARGS(name));
    rf_vocabulary_defaults defaults = {RF_TOKEN_NONE, RF_TOKEN_NONE, RF_TOKEN_NONE, rules->add_bos};
    RF_TRY(rf_vocabulary_read(tokenizer->gguf, &defaults, &tokenizer->vocabulary, error));
    return rf_bpe_create(tokenizer->gguf, &tokenizer->vocabulary, rules, &tokenizer->bpe, error);
}

static rf_status read_spm(rf_tokenizer *tokenizer, rf_error *error)
{
    rf_vocabulary_defaults defaults = {.bos = 1, .eos = 2, .unknown = 0, .add_bos = true};
    RF_TRY(rf_vocabulary_read(tokenizer->gguf, &defaults, &tokenizer->vocabulary, error));
    return rf_spm_create(tokenizer->gguf, &tokenizer->vocabulary, &tokenizer->spm, error);
}

static rf_status fill(rf_tokenizer *tokenizer, rf_error *error)
{
    RF_TRY(read_kind(tokenizer, error));
    if (tokenizer->kind == RF_TOKENIZER_BPE)
        RF_TRY(read_bpe(tokenizer, error));
    else
        RF_TRY(read_spm(tokenizer, error));
    RF_TRY(rf_specials_create(&tokenizer->vocabulary, &tokenizer->specials, error));
    rf_string none = {"", 0};
    RF_TRY(rf_gguf_get_string(tokenizer->gguf, "tokenizer.chat_template", none,
                              &tokenizer->chat_template, error));
    tokenizer->chat = rf_chat_style_find(tokenizer->chat_template);
    /* Said last: a file that is refused gives its error alone. */
    if (tokenizer->rules_assumed)
        rf_log(RF_LOG_WARNING, "key " KEY_PRE " is missing: text is cut by the rules \"" DEFAULT_PRE
                               "\", which may not be the model's");
    return RF_OK;
}

rf_status rf_tokenizer_open(const rf_gguf *gguf, rf_tokenizer **out, rf_error *error)
{
    if (!gguf || !out)
        return rf_error_set(error, RF_ERROR_ARGUMENT, "a tokenizer needs a file and a result");
    rf_tokenizer *tokenizer = rf_calloc(1, sizeof(*tokenizer));
    if (!tokenizer)
        return rf_error_host_memory(error, "a tokenizer", sizeof(*tokenizer));
    tokenizer->gguf = rf_gguf_retain(gguf);
    rf_status status = fill(tokenizer, error);
    if (status != RF_OK) {
        rf_tokenizer_free(tokenizer);
        return rf_error_context(error, status, "tokenizer");
    }
    *out = tokenizer;
    return RF_OK;
}

void rf_tokenizer_free(rf_tokenizer *tokenizer)
{
    if (!tokenizer)
        return;
    rf_specials_free(&tokenizer->specials);
    rf_bpe_free(&tokenizer->bpe);
    rf_vocabulary_free(&tokenizer->vocabulary);
    rf_gguf_close(tokenizer->gguf);
    rf_free(tokenizer);
}

uint32_t rf_tokenizer_size(const rf_tokenizer *tokenizer)
{
    return tokenizer->vocabulary.count;
}

int32_t rf_tokenizer_bos(const rf_tokenizer *tokenizer)
{
    return tokenizer->vocabulary.bos;
}

int32_t rf_tokenizer_eos(const rf_tokenizer *tokenizer)
{
    return tokenizer->vocabulary.eos;
}

bool rf_tokenizer_is_end(const rf_tokenizer *tokenizer, int32_t token)
{
    return rf_vocabulary_has(&tokenizer->vocabulary, token) &&
           tokenizer->vocabulary.tokens[token].ends;
}

rf_status rf_tokenizer_check_id(const rf_tokenizer *tokenizer, int32_t token, rf_error *error)
{
    if (rf_vocabulary_has(&tokenizer->vocabulary, token))
        return RF_OK;
    return rf_error_set(error, RF_ERROR_RANGE,
                        "token %" PRId32 " is outside the vocabulary of %" PRIu32, token,
                        tokenizer->vocabulary.count);
}

rf_status rf_tokenizer_text(const rf_tokenizer *tokenizer, int32_t token, rf_string *out,
                            rf_error *error)
{
    RF_TRY(rf_tokenizer_check_id(tokenizer, token, error));
    *out = tokenizer->vocabulary.tokens[token].text;
    return RF_OK;
}
