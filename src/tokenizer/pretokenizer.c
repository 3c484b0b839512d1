/*
 * pretokenizer.c: names and patterns.
 *
 * The patterns are part of each model's vocabulary: they stand in the tokenizer.json that the model
 * was published with. GGUF files name them only, so what a name means is what the programs that
 * made and first read such files mean by it (llama.cpp's llama-vocab.cpp), and where that differs
 * from tokenizer.json, it is what counts here. Two things hold for all of them:
 *
 *   - White space is the Unicode property White_Space, spelled out: PCRE2's own \s has U+180E too.
 *   - A class of code points never contains white space, also where its ranges run across it.
 */
#include "tokenizer/pretokenizer.h"

#include <string.h>

/* White space, for use inside a class; one such character; anything else. */
#define WS                                                                                         \
    "\\t-\\r "                                                                                     \
    "\\x{85}\\x{A0}\\x{1680}\\x{2000}-\\x{200A}\\x{2028}\\x{2029}\\x{202F}\\x{205F}\\x{3000}"
#define SPACE     "[" WS "]"
#define NOT_SPACE "[^" WS "]"

/* The end of most patterns: a run of white space leaves its last character to the word behind it.
 */
#define SPACES SPACE "+(?!" NOT_SPACE ")|" SPACE "+"

#define CONTRACTION          "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
#define ONE_LINE_BREAK       "[\\r\\n]"
#define LINE_BREAKS          SPACE "*[\\r\\n]+"
#define SYMBOLS_AND_BREAKS   " ?[^" WS "\\p{L}\\p{N}]+[\\r\\n]*"
#define SYMBOLS_AND_SLASHES  " ?[^" WS "\\p{L}\\p{N}]+[\\r\\n/]*"
#define WORD_WITH_ONE_BEFORE "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+"

/* Words whose capitals come first. "Capital" is any letter but a-z here and "small" any letter but
 * A-Z: letters beyond ASCII are both. */
#define CAPITAL          "[^\\P{L}a-z]"
#define SMALL            "[^\\P{L}A-Z]"
#define ONE_BEFORE       "[^\\r\\n\\p{L}\\p{N}]?"
#define CASED_WORD       ONE_BEFORE CAPITAL "*" SMALL "+"
#define CAPITALISED_WORD ONE_BEFORE CAPITAL "+" SMALL "*"

#define GPT2 "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^" WS "\\p{L}\\p{N}]+|" SPACES

/* Cased letters (categories Lu, Ll and Lt), as of the Unicode version that DeepSeek LLM was made
 * with. */
#define CASED_LETTERS                                                                              \
    "A-Za-z\\x{B5}\\x{C0}-\\x{D6}\\x{D8}-\\x{F6}\\x{F8}-\\x{1BA}\\x{1BC}-\\x{1BF}"                 \
    "\\x{1C4}-\\x{293}\\x{295}-\\x{2AF}\\x{370}-\\x{373}\\x{376}\\x{377}\\x{37B}-\\x{37D}"         \
    "\\x{37F}\\x{386}\\x{388}-\\x{38A}\\x{38C}\\x{38E}-\\x{3A1}\\x{3A3}-\\x{3F5}"                  \
    "\\x{3F7}-\\x{481}\\x{48A}-\\x{52F}\\x{531}-\\x{556}\\x{10A0}-\\x{10C5}"                       \
    "\\x{13A0}-\\x{13F5}\\x{13F8}-\\x{13FD}\\x{1C90}-\\x{1CBA}\\x{1CBD}-\\x{1CBF}"                 \
    "\\x{1D00}-\\x{1D2B}\\x{1D6B}-\\x{1D77}\\x{1D79}-\\x{1D9A}\\x{1E00}-\\x{1F15}"                 \
    "\\x{1F18}-\\x{1F1D}\\x{1F20}-\\x{1F45}\\x{1F48}-\\x{1F4D}\\x{1F50}-\\x{1F57}\\x{1F59}"        \
    "\\x{1F5B}\\x{1F5D}\\x{1F5F}-\\x{1F7D}\\x{1F80}-\\x{1FB4}\\x{1FB6}-\\x{1FBC}\\x{1FBE}"         \
    "\\x{1FC2}-\\x{1FC4}\\x{1FC6}-\\x{1FCC}\\x{1FD0}-\\x{1FD3}\\x{1FD6}-\\x{1FDB}"                 \
    "\\x{1FE0}-\\x{1FEC}\\x{1FF2}-\\x{1FF4}\\x{1FF6}-\\x{1FFC}\\x{2102}\\x{2107}"                  \
    "\\x{210A}-\\x{2113}\\x{2115}\\x{2119}-\\x{211D}\\x{2124}\\x{2126}\\x{2128}"                   \
    "\\x{212A}-\\x{212D}\\x{212F}-\\x{2134}\\x{2139}\\x{213C}-\\x{213F}\\x{2145}-\\x{2149}"        \
    "\\x{214E}\\x{2183}\\x{2184}\\x{2C00}-\\x{2C7B}\\x{2C7E}-\\x{2CE4}\\x{2CEB}-\\x{2CEE}"         \
    "\\x{2CF2}\\x{2CF3}\\x{A640}-\\x{A66D}\\x{A680}-\\x{A69B}\\x{A722}-\\x{A76F}"                  \
    "\\x{A771}-\\x{A787}\\x{A78B}-\\x{A78E}\\x{AB70}-\\x{ABBF}\\x{FB00}-\\x{FB06}"                 \
    "\\x{FB13}-\\x{FB17}\\x{FF21}-\\x{FF3A}\\x{FF41}-\\x{FF5A}\\x{10400}-\\x{1044F}"               \
    "\\x{104B0}-\\x{104D3}\\x{104D8}-\\x{104FB}\\x{10C80}-\\x{10CB2}\\x{10CC0}-\\x{10CF2}"         \
    "\\x{118A0}-\\x{118DF}\\x{1E900}-\\x{1E943}"

/* U+0800 to U+9FA5 and U+AC00 to U+D7FF, without the white space in between. */
#define EAST_ASIAN                                                                                 \
    "[\\x{800}-\\x{167F}\\x{1681}-\\x{1FFF}\\x{200B}-\\x{2027}\\x{202A}-\\x{202E}"                 \
    "\\x{2030}-\\x{205E}\\x{2060}-\\x{2FFF}\\x{3001}-\\x{9FA5}\\x{AC00}-\\x{D7FF}]+"

static const char *const gpt2[] = {GPT2, NULL};
static const char *const digits_then_gpt2[] = {"\\p{N}", GPT2, NULL};
static const char *const falcon[] = {"[\\p{P}$+<=>^~|`]+", GPT2, "[0-9][0-9][0-9]", NULL};
static const char *const fallback[] = {"[\\p{P}$+<=>^~|]+", GPT2, "\\p{N}+", "[0-9][0-9][0-9]",
                                       NULL};
static const char *const llama3[] = {CONTRACTION "|" WORD_WITH_ONE_BEFORE
                                                 "|\\p{N}{1,3}|" SYMBOLS_AND_BREAKS "|" LINE_BREAKS
                                                 "|" SPACES,
                                     NULL};
static const char *const qwen2[] = {
    CONTRACTION "|" WORD_WITH_ONE_BEFORE "|\\p{N}|" SYMBOLS_AND_BREAKS "|" LINE_BREAKS "|" SPACES,
    NULL};
static const char *const qwen35[] = {CONTRACTION
                                     "|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^" WS
                                     "\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|" LINE_BREAKS "|" SPACES,
                                     NULL};
static const char *const gpt4o[] = {CASED_WORD CONTRACTION "?|" CAPITALISED_WORD CONTRACTION
                                                           "?|\\p{N}{1,3}|" SYMBOLS_AND_SLASHES
                                                           "|" LINE_BREAKS "|" SPACES,
                                    NULL};
static const char *const tekken[] = {CASED_WORD "|" CAPITALISED_WORD "|\\p{N}|" SYMBOLS_AND_SLASHES
                                                "|" LINE_BREAKS "|" SPACES,
                                     NULL};
static const char *const deepseek_llm[] = {
    ONE_LINE_BREAK,
    SPACE "?[" CASED_LETTERS "]+",
    SPACE "?[!-/:-~\\x{FF01}-\\x{FF0F}\\x{FF1A}-\\x{FF5E}\\x{2018}-\\x{201F}\\x{3001}\\x{3002}]+",
    /* White space at the end. Looking behind and never giving back (++) makes this linear: a run in
     * the middle of a piece is tried once, not once from each of its characters. */
    "(?<!" SPACE ")" SPACE "++\\z",
    EAST_ASIAN,
    "\\p{N}+",
};
static const char *const deepseek_coder[] = {ONE_LINE_BREAK, SPACE "?\\p{L}+", SPACE "?\\p{P}+",
                                             EAST_ASIAN,     "\\p{N}",         NULL};

static const rf_pretokenizer table[] = {
    {"default", fallback, false, false},
    {"gpt-2", gpt2, false, false},
    {"a.x-4.0", gpt2, false, false},
    {"exaone4", gpt2, false, false},
    {"gigachat", gpt2, false, false},
    {"granite-docling", gpt2, false, false},
    {"jais", gpt2, false, false},
    {"mellum", gpt2, false, false},
    {"mpt", gpt2, false, false},
    {"olmo", gpt2, false, false},
    {"phi-2", gpt2, false, false},
    {"trillion", gpt2, false, false},
    {"starcoder", digits_then_gpt2, false, false},
    {"codeshell", digits_then_gpt2, false, false},
    {"command-r", digits_then_gpt2, false, false},
    {"exaone", digits_then_gpt2, false, false},
    {"mellum2", digits_then_gpt2, false, false},
    {"minerva-7b", digits_then_gpt2, false, false},
    {"refact", digits_then_gpt2, false, false},
    {"smollm", digits_then_gpt2, false, false},
    {"falcon", falcon, false, false},
    {"llama-bpe", llama3, true, true},
    {"llama3", llama3, true, true},
    {"llama-v3", llama3, true, true},
    {"falcon3", llama3, true, true},
    {"falcon-h1", llama3, true, true},
    {"lfm2", llama3, true, true},
    {"midm-2.0", llama3, true, true},
    {"pixtral", llama3, true, true},
    {"chatglm-bpe", llama3, false, false},
    {"dbrx", llama3, false, false},
    {"glm4", llama3, false, false},
    {"smaug-bpe", llama3, false, false},
    {"qwen2", qwen2, false, false},
    {"deepseek-r1-qwen", qwen2, false, false},
    {"f2llmv2", qwen2, false, false},
    {"grok-2", qwen2, false, false},
    {"hunyuan", qwen2, false, false},
    {"kormo", qwen2, false, false},
    {"megrez", qwen2, false, false},
    {"solar-open", qwen2, false, false},
    {"stablelm2", qwen2, false, false},
    {"qwen35", qwen35, false, false},
    {"gpt-4o", gpt4o, false, false},
    {"kanana2", gpt4o, false, false},
    {"llama4", gpt4o, false, false},
    {"minimax-m2", gpt4o, false, false},
    {"talkie", gpt4o, false, false},
    {"tekken", tekken, true, true},
    {"deepseek-llm", deepseek_llm, false, false},
    {"deepseek-coder", deepseek_coder, false, false},
};

const rf_pretokenizer *rf_pretokenizer_at(size_t i)
{
    return i < sizeof(table) / sizeof(table[0]) ? &table[i] : NULL;
}

const rf_pretokenizer *rf_pretokenizer_find(rf_string name)
{
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (strlen(table[i].name) == name.length &&
            memcmp(table[i].name, name.data, name.length) == 0)
            return &table[i];
    }
    return NULL;
}
