/* markers.c: the table of known texts, and what single models do differently. */
#include "tokenizer/markers.h"

#include <string.h>

/* Texts that end generation, and are control tokens whatever the file says. */
static const char *const end_markers[] = {
    "<|eot_id|>",      /* Llama 3 */
    "<|eom_id|>",      /* Llama 3.1 */
    "<|im_end|>",      /* ChatML */
    "<|end|>",         /* Phi-3 */
    "<end_of_turn>",   /* Gemma */
    "<|endoftext|>",   /* GPT-2 and many after it */
    "<|end_of_text|>", /* Llama 3, Granite */
    "</s>",            /* SentencePiece */
    "<eos>",           /* Gemma */
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "[EOS]",
    "<|return|>", /* Harmony */
    "<|call|>",   /* Harmony */
    "<|calls|>",  /* Solar */
    "<|flush|>",  /* Solar */
    "<end_of_utterance>",
    "<｜end▁of▁sentence｜>", /* DeepSeek */
    /* The padding, repository and file marks of fill-in-the-middle models: an answer is over. */
    "<|fim_pad|>",
    "<fim-pad>",
    "<fim_pad>",
    "<PAD>",
    "[PAD]",
    "<|fim_repo|>",
    "<|repo_name|>",
    "<fim-repo>",
    "<REPO>",
    "<reponame>",
    "<|file_sep|>",
};

/* Texts that are control tokens whatever the file says: the other marks of fill-in-the-middle. */
static const char *const control_markers[] = {
    "<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>", "<｜fim▁begin｜>", "<PRE>", "▁<PRE>",
    "<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>", "<｜fim▁hole｜>",  "<SUF>", "▁<SUF>",
    "<|fim_middle|>", "<fim-middle>", "<fim_middle>", "<｜fim▁end｜>",   "<MID>", "▁<MID>",
};

/* Harmony's marks between the parts of an answer: they belong to its text. */
static const char *const text_markers[] = {"<|channel|>", "<|message|>", "<|start|>",
                                           "<|constrain|>"};

static rf_token *find(rf_vocabulary *vocabulary, const char *text)
{
    int32_t id = rf_vocabulary_find(vocabulary, (rf_string){text, strlen(text)});
    return id == RF_TOKEN_NONE ? NULL : &vocabulary->tokens[id];
}

static void set_types(rf_vocabulary *vocabulary, const char *const *texts, size_t count,
                      rf_token_type type, bool ends)
{
    for (size_t i = 0; i < count; i++) {
        rf_token *token = find(vocabulary, texts[i]);
        if (!token)
            continue;
        token->type = (uint8_t)type;
        token->ends = token->ends || ends;
    }
}

/* In Harmony and in Solar's format "<|end|>" ends a part of an answer, not the answer. */
static void keep_going_after_parts(rf_vocabulary *vocabulary)
{
    rf_token *end = find(vocabulary, "<|end|>");
    bool calls = find(vocabulary, "<|call|>") || find(vocabulary, "<|calls|>");
    if (end && calls && (find(vocabulary, "<|return|>") || find(vocabulary, "<|flush|>"))) {
        end->ends = false;
        end->type = RF_TOKEN_USER_DEFINED;
    }
}

static bool contains(rf_string text, const char *part)
{
    size_t length = strlen(part);
    for (size_t i = 0; i + length <= text.length; i++) {
        if (strncasecmp(text.data + i, part, length) == 0)
            return true;
    }
    return false;
}

/* Phi-3's special tokens swallow the white space behind them, but for the first few. That stands in
 * its tokenizer.json and not in GGUF files, so the model is known by its name. */
static void strip_behind_phi3(rf_vocabulary *vocabulary)
{
    for (uint32_t i = 0; i < vocabulary->count; i++) {
        rf_token *token = &vocabulary->tokens[i];
        token->strips_right = token->type == RF_TOKEN_CONTROL || token->type == RF_TOKEN_UNKNOWN ||
                              token->type == RF_TOKEN_USER_DEFINED;
    }
    static const char *const keeping[] = {"<unk>", "<s>", "<|endoftext|>"};
    for (size_t i = 0; i < sizeof(keeping) / sizeof(keeping[0]); i++) {
        rf_token *token = find(vocabulary, keeping[i]);
        if (token)
            token->strips_right = false;
    }
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

void rf_markers_apply(rf_vocabulary *vocabulary, rf_string model_name)
{
    set_types(vocabulary, end_markers, COUNT(end_markers), RF_TOKEN_CONTROL, true);
    set_types(vocabulary, control_markers, COUNT(control_markers), RF_TOKEN_CONTROL, false);
    set_types(vocabulary, text_markers, COUNT(text_markers), RF_TOKEN_USER_DEFINED, false);
    keep_going_after_parts(vocabulary);
    if (contains(model_name, "phi-3") || contains(model_name, "phi3"))
        strip_behind_phi3(vocabulary);
}
