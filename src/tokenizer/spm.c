/* spm.c: encoding text as SentencePiece's BPE model does. */
#include "tokenizer/spm.h"

#include "base/utf8.h"

static bool is_space(const char *data, size_t length)
{
    return length == RF_SPM_SPACE_BYTES && memcmp(data, RF_SPM_SPACE, RF_SPM_SPACE_BYTES) == 0;
}

/* Whether a token has "▁" behind anything else than "▁". */
static bool reaches_into_next_word(rf_string text)
{
    for (size_t i = 1; i + RF_SPM_SPACE_BYTES <= text.length; i++) {
        if (is_space(text.data + i, RF_SPM_SPACE_BYTES) &&
            (i < RF_SPM_SPACE_BYTES ||
             !is_space(text.data + i - RF_SPM_SPACE_BYTES, RF_SPM_SPACE_BYTES)))
            return true;
    }
    return false;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int rf_spm_byte(rf_string text)
{
    if (text.length != 6 || memcmp(text.data, "<0x", 3) != 0 || text.data[5] != '>')
        return -1;
    int high = hex_digit(text.data[3]);
    int low = hex_digit(text.data[4]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* The byte token, else the byte itself as a token, else the unknown token. */
static int32_t find_byte(const rf_vocabulary *vocabulary, unsigned char byte)
{
    static const char digits[] = "0123456789ABCDEF";
    const char name[] = {'<', '0', 'x', digits[byte >> 4], digits[byte & 15], '>'};
    int32_t id = rf_vocabulary_find(vocabulary, (rf_string){name, sizeof(name)});
    if (id == RF_TOKEN_NONE)
        id = rf_vocabulary_find(vocabulary, (rf_string){(const char *)&byte, 1});
    return id == RF_TOKEN_NONE ? vocabulary->unknown : id;
}

rf_status rf_spm_create(const rf_gguf *gguf, const rf_vocabulary *vocabulary, rf_spm *out,
                        rf_error *error)
{
    rf_spm spm = {.vocabulary = vocabulary, .words_apart = true};
    RF_TRY(rf_gguf_get_bool(gguf, "tokenizer.ggml.add_space_prefix", true, &spm.add_space_prefix,
                            error));
    for (uint32_t i = 0; i < vocabulary->count && spm.words_apart; i++)
        spm.words_apart = !reaches_into_next_word(vocabulary->tokens[i].text);
    for (unsigned byte = 0; byte < 256; byte++)
        spm.bytes[byte] = find_byte(vocabulary, (unsigned char)byte);
    *out = spm;
    return RF_OK;
}

/* One call of rf_spm_encode. */
typedef struct spm_run {
    const rf_spm *spm;
    rf_merger *merger;
    rf_ids *out;
} spm_run;

/* A number that orders scores from high to low: IEEE 754 bits compare like integers once negative
 * numbers are turned around. Adding zero makes -0 the 0 that it equals. */
static uint32_t rank_of(float score)
{
    float positive_zero = score + 0.0F;
    uint32_t bits;
    memcpy(&bits, &positive_zero, sizeof(bits));
    return bits & 0x80000000U ? bits : ~(bits | 0x80000000U);
}

static bool find_merge(const void *context, int32_t left, int32_t right, rf_string text,
                       uint32_t *rank, int32_t *symbol)
{
    (void)left;
    (void)right;
    const rf_vocabulary *vocabulary = context;
    int32_t id = rf_vocabulary_find(vocabulary, text);
    if (id == RF_TOKEN_NONE)
        return false;
    *rank = rank_of(vocabulary->tokens[id].score);
    *symbol = id;
    return true;
}

/* Merges the symbols in the merger, which are those of text, and appends what comes of them. */
static rf_status encode_word(const spm_run *run, rf_string text, rf_error *error)
{
    const rf_spm *spm = run->spm;
    rf_merger *merger = run->merger;
    if (merger->n_nodes == 0)
        return RF_OK;
    RF_TRY(rf_merger_run(merger, text, find_merge, spm->vocabulary, error));
    for (uint32_t i = 0; i != RF_MERGE_END; i = merger->nodes[i].next) {
        if (merger->nodes[i].symbol != RF_SYMBOL_NONE) {
            RF_TRY(rf_ids_append(run->out, merger->nodes[i].symbol, error));
            continue;
        }
        rf_string symbol = rf_merger_text(merger, text, i);
        for (size_t j = 0; j < symbol.length; j++) {
            int32_t id = spm->bytes[(unsigned char)symbol.data[j]];
            if (id != RF_TOKEN_NONE)
                RF_TRY(rf_ids_append(run->out, id, error));
        }
    }
    return RF_OK;
}

/*
 * Cuts text into characters; broken UTF-8 becomes symbols of its own, which end up as byte tokens.
 * Where words merge on their own, each is done as soon as the next begins.
 */
static rf_status encode_escaped(const spm_run *run, rf_string text, rf_error *error)
{
    size_t word = 0;
    bool after_space = true;
    rf_merger_clear(run->merger);
    for (size_t i = 0; i < text.length;) {
        rf_utf8_kind kind;
        size_t length = rf_utf8_next((const unsigned char *)text.data + i, text.length - i, &kind);
        bool space = is_space(text.data + i, length);
        if (space && !after_space && run->spm->words_apart) {
            RF_TRY(encode_word(run, (rf_string){text.data + word, i - word}, error));
            rf_merger_clear(run->merger);
            word = i;
        }
        int32_t id = rf_vocabulary_find(run->spm->vocabulary, (rf_string){text.data + i, length});
        RF_TRY(rf_merger_add(run->merger, i - word, id, error));
        after_space = space;
        i += length;
    }
    return encode_word(run, (rf_string){text.data + word, text.length - word}, error);
}

static rf_status escape(rf_string text, bool space_before, rf_buffer *out, rf_error *error)
{
    out->length = 0;
    if (space_before)
        RF_TRY(rf_buffer_append(out, RF_SPM_SPACE, RF_SPM_SPACE_BYTES, error));
    size_t done = 0;
    while (done < text.length) {
        const char *space = memchr(text.data + done, ' ', text.length - done);
        size_t end = space ? (size_t)(space - text.data) : text.length;
        RF_TRY(rf_buffer_append(out, text.data + done, end - done, error));
        if (space)
            RF_TRY(rf_buffer_append(out, RF_SPM_SPACE, RF_SPM_SPACE_BYTES, error));
        done = end + (space != NULL);
    }
    return RF_OK;
}

rf_status rf_spm_encode(const rf_spm *spm, rf_string text, bool space_before, rf_merger *merger,
                        rf_buffer *scratch, rf_ids *out, rf_error *error)
{
    spm_run run = {spm, merger, out};
    RF_TRY(escape(text, space_before && spm->add_space_prefix, scratch, error));
    return encode_escaped(&run, (rf_string){scratch->data, scratch->length}, error);
}
