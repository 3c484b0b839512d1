/*
 * split.c: running the patterns of a pre-tokenizer, one level inside the other, with PCRE2.
 *
 * Every piece that a level gives goes on to the next level at once, as a subject of its own: what
 * looks ahead or behind sees the ends of the piece, not of the text. So there is no list of pieces,
 * and the depth is that of the table, at most RF_PRETOKENIZER_PATTERNS_MAX.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "tokenizer/split.h"

struct rf_splitter {
    pcre2_general_context *memory; /* so that PCRE2's memory is the library's */
    pcre2_match_context *limits;
    pcre2_code *levels[RF_PRETOKENIZER_PATTERNS_MAX];
    size_t n_levels;
};

/* One run of a splitter. */
typedef struct split_run {
    const rf_splitter *splitter;
    pcre2_match_data *match;
    rf_split_emit emit;
    void *context;
} split_run;

static void *allocate(size_t bytes, void *user)
{
    (void)user;
    return rf_calloc(bytes, 1);
}

static void release(void *memory, void *user)
{
    (void)user;
    rf_free(memory);
}

static rf_status pcre2_failed(int code, const char *doing, rf_error *error)
{
    if (code == PCRE2_ERROR_NOMEMORY || code == PCRE2_ERROR_HEAP_FAILED)
        return rf_error_host_memory(error, "a pattern", 0);
    unsigned char text[128];
    if (pcre2_get_error_message(code, text, sizeof(text)) < 0)
        text[0] = '\0';
    return rf_error_set(error, RF_ERROR_INTERNAL, "%s failed with %d: %s", doing, code,
                        (const char *)text);
}

static rf_status compile(rf_splitter *splitter, const char *pattern, rf_error *error)
{
    pcre2_compile_context *context = pcre2_compile_context_create(splitter->memory);
    if (!context)
        return rf_error_host_memory(error, "a pattern", 0);
    int code = 0;
    PCRE2_SIZE offset = 0;
    pcre2_code *compiled = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                                         PCRE2_UTF | PCRE2_UCP, &code, &offset, context);
    pcre2_compile_context_free(context);
    if (!compiled)
        return pcre2_failed(code, "compiling a pattern", error);
    splitter->levels[splitter->n_levels++] = compiled;
    /* Systems that forbid memory which is both written and run have no JIT; the interpreter gives
     * the same matches. */
    if (pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE) != 0)
        rf_log(RF_LOG_DEBUG, "pre-tokenizer: no machine code for a pattern, it is interpreted");
    return RF_OK;
}

static rf_status fill(rf_splitter *splitter, const rf_pretokenizer *rules, rf_error *error)
{
    splitter->memory = pcre2_general_context_create(allocate, release, NULL);
    if (splitter->memory)
        splitter->limits = pcre2_match_context_create(splitter->memory);
    if (!splitter->limits)
        return rf_error_host_memory(error, "a pre-tokenizer", sizeof(*splitter));
    /* The patterns are ours and linear; PCRE2's default limit counts steps, and would end a run of
     * ten million letters. */
    pcre2_set_match_limit(splitter->limits, UINT32_MAX);
    for (size_t i = 0; i < RF_PRETOKENIZER_PATTERNS_MAX && rules->patterns[i]; i++)
        RF_TRY(compile(splitter, rules->patterns[i], error));
    return RF_OK;
}

rf_status rf_splitter_create(const rf_pretokenizer *rules, rf_splitter **out, rf_error *error)
{
    rf_splitter *splitter = rf_calloc(1, sizeof(*splitter));
    if (!splitter)
        return rf_error_host_memory(error, "a pre-tokenizer", sizeof(*splitter));
    rf_status status = fill(splitter, rules, error);
    if (status != RF_OK) {
        rf_splitter_free(splitter);
        return rf_error_context(error, status, "pre-tokenizer %s", rules->name);
    }
    *out = splitter;
    return RF_OK;
}

void rf_splitter_free(rf_splitter *splitter)
{
    if (!splitter)
        return;
    for (size_t i = 0; i < splitter->n_levels; i++)
        pcre2_code_free(splitter->levels[i]);
    pcre2_match_context_free(splitter->limits);
    pcre2_general_context_free(splitter->memory);
    rf_free(splitter);
}

/* The next match of a level at or after *start; PCRE2's own result. */
static int find(const split_run *run, size_t level, rf_string text, size_t start)
{
    const rf_splitter *splitter = run->splitter;
    int result = pcre2_match(splitter->levels[level], (PCRE2_SPTR)text.data, text.length, start,
                             PCRE2_NO_UTF_CHECK, run->match, splitter->limits);
    /* Machine code has a small stack of its own, the interpreter uses the heap. */
    if (result == PCRE2_ERROR_JIT_STACKLIMIT)
        result = pcre2_match(splitter->levels[level], (PCRE2_SPTR)text.data, text.length, start,
                             PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, run->match, splitter->limits);
    return result;
}

/* Cuts a piece by the patterns from `level` on. text is well-formed UTF-8. */
static rf_status split_from(const split_run *run, size_t level, rf_string text, rf_error *error)
{
    if (level == run->splitter->n_levels)
        return run->emit(run->context, text, error);
    size_t done = 0;
    while (done < text.length) {
        int result = find(run, level, text, done);
        size_t begin = text.length;
        size_t end = text.length;
        if (result >= 0) {
            const PCRE2_SIZE *span = pcre2_get_ovector_pointer(run->match);
            begin = span[0];
            end = span[1];
        } else if (result != PCRE2_ERROR_NOMATCH) {
            return pcre2_failed(result, "matching a pattern", error);
        }
        if (begin > done)
            RF_TRY(split_from(run, level + 1, (rf_string){text.data + done, begin - done}, error));
        if (end > begin)
            RF_TRY(split_from(run, level + 1, (rf_string){text.data + begin, end - begin}, error));
        done = end;
    }
    return RF_OK;
}

/* The length of the well-formed text at the front of data. */
static size_t well_formed(const char *data, size_t length)
{
    const unsigned char *bytes = (const unsigned char *)data;
    size_t done = 0;
    while (done < length) {
        rf_utf8_kind kind;
        size_t step = rf_utf8_next(bytes + done, length - done, &kind);
        if (kind != RF_UTF8_WHOLE)
            break;
        done += step;
    }
    return done;
}

static rf_status split_bytes(const split_run *run, rf_string text, rf_error *error)
{
    size_t done = 0;
    while (done < text.length) {
        size_t good = well_formed(text.data + done, text.length - done);
        if (good)
            RF_TRY(split_from(run, 0, (rf_string){text.data + done, good}, error));
        done += good;
        if (done < text.length) {
            RF_TRY(run->emit(run->context, (rf_string){text.data + done, 1}, error));
            done++;
        }
    }
    return RF_OK;
}

rf_status rf_splitter_run(const rf_splitter *splitter, rf_string text, rf_split_emit emit,
                          void *context, rf_error *error)
{
    split_run run = {splitter, pcre2_match_data_create(1, splitter->memory), emit, context};
    if (!run.match)
        return rf_error_host_memory(error, "a match", 0);
    rf_status status = split_bytes(&run, text, error);
    pcre2_match_data_free(run.match);
    return status;
}
