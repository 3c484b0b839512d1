/* chat.c: writing a conversation in the style of the file's chat template. */
#include "base/memory.h"
#include "tokenizer/tokenizer.h"

const char *rf_chat_family(const rf_tokenizer *tokenizer)
{
    return tokenizer->chat->family;
}

/* One call of rf_chat_render. */
typedef struct chat_run {
    const rf_tokenizer *tokenizer;
    const rf_chat_style *style;
    const rf_chat_message *messages;
    size_t count;
    rf_buffer out;
} chat_run;

static rf_status write_token(chat_run *run, int32_t token, rf_error *error)
{
    if (token == RF_TOKEN_NONE)
        return RF_OK;
    rf_string text = run->tokenizer->vocabulary.tokens[token].text;
    return rf_buffer_append(&run->out, text.data, text.length, error);
}

/* Writes a text of the style, with what its placeholders stand for. */
static rf_status write_styled(chat_run *run, const char *text, rf_error *error)
{
    const rf_vocabulary *vocabulary = &run->tokenizer->vocabulary;
    for (; *text; text++) {
        bool at_start = run->out.length == 0;
        if (*text == RF_CHAT_BOS[0])
            RF_TRY(write_token(run, at_start ? RF_TOKEN_NONE : vocabulary->bos, error));
        else if (*text == RF_CHAT_EOS[0])
            RF_TRY(write_token(run, vocabulary->eos, error));
        else if (*text == RF_CHAT_NEWLINE[0])
            RF_TRY(rf_buffer_append(&run->out, "\n", at_start ? 0 : 1, error));
        else
            RF_TRY(rf_buffer_append(&run->out, text, 1, error));
    }
    return RF_OK;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Appends a message, trimmed if asked. */
static rf_status write_content(chat_run *run, const char *content, bool trim, rf_error *error)
{
    /* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): check_messages has looked */
    size_t length = strlen(content);
    while (trim && length && is_space(*content)) {
        content++;
        length--;
    }
    while (trim && length && is_space(content[length - 1]))
        length--;
    return rf_buffer_append(&run->out, content, length, error);
}

static bool has_role(const rf_chat_message *message, const char *role)
{
    return strcmp(message->role, role) == 0;
}

/* The message whose turn the system message goes into: count where it has a turn of its own. */
static size_t system_host(const chat_run *run)
{
    size_t host = run->count;
    if (run->count == 0 || !has_role(&run->messages[0], "system") ||
        run->style->system_place == RF_CHAT_SYSTEM_TURN)
        return host;
    for (size_t i = 0; i < run->count; i++) {
        if (!has_role(&run->messages[i], "user"))
            continue;
        host = i;
        if (run->style->system_place == RF_CHAT_SYSTEM_FIRST_USER)
            break;
    }
    return host;
}

static rf_status check_messages(const chat_run *run, rf_error *error)
{
    for (size_t i = 0; i < run->count; i++) {
        const rf_chat_message *message = &run->messages[i];
        if (!message->role || !message->content)
            return rf_error_set(error, RF_ERROR_ARGUMENT, "message %zu has no role or no content",
                                i);
        bool system = has_role(message, "system");
        if (!system && !has_role(message, "user") && !has_role(message, "assistant"))
            return rf_error_set(error, RF_ERROR_ARGUMENT,
                                "message %zu: role \"%.64s\", expected system, user or assistant",
                                i, message->role);
        if (!system || run->style->system_place == RF_CHAT_SYSTEM_TURN)
            continue;
        if (i > 0 || system_host(run) == run->count)
            return rf_error_set(error, RF_ERROR_ARGUMENT,
                                "message %zu: in the template family %s a system message comes "
                                "first, with a user message to go into",
                                i, run->style->family);
    }
    return RF_OK;
}

/* Writes a turn: the system message too, where this turn is its host. */
static rf_status write_turn(chat_run *run, const rf_chat_turn *turn, const char *content,
                            const char *system, rf_error *error)
{
    RF_TRY(write_styled(run, turn->before, error));
    bool whole = turn->trim == RF_CHAT_TRIM_TURN && system;
    if (system) {
        RF_TRY(write_styled(run, run->style->system.before, error));
        RF_TRY(write_content(run, system, false, error));
        RF_TRY(write_styled(run, run->style->system.after, error));
    }
    RF_TRY(write_content(run, content, turn->trim != RF_CHAT_AS_IS && !whole, error));
    while (whole && is_space(run->out.data[run->out.length - 1]))
        run->out.length--;
    return write_styled(run, turn->after, error);
}

static rf_status write_message(chat_run *run, size_t i, size_t host, rf_error *error)
{
    const rf_chat_message *message = &run->messages[i];
    const char *system = i == host ? run->messages[0].content : NULL;
    if (has_role(message, "user"))
        return write_turn(run, &run->style->user, message->content, system, error);
    if (has_role(message, "assistant"))
        return write_turn(run, &run->style->assistant, message->content, NULL, error);
    if (host < run->count)
        return RF_OK; /* it is part of a user message */
    return write_turn(run, &run->style->system, message->content, NULL, error);
}

/*
 * The system message that a ChatML template puts first where the conversation has none, as the Qwen
 * 2 and SmolLM templates do: it stands there as one literal, "<|im_start|>system\n…<|im_end|>".
 * Empty where there is none.
 */
static rf_string default_system(rf_string chat_template)
{
    static const char opening[] = "<|im_start|>system\\n";
    static const char closing[] = "<|im_end|>";
    const char *end = chat_template.data + chat_template.length;
    const char *at = chat_template.data;
    while ((at = memmem(at, (size_t)(end - at), opening, sizeof(opening) - 1))) {
        at += sizeof(opening) - 1;
        /* Up to where the literal would end: an opening has such a character, so that nothing is
         * looked at for two of them. */
        size_t length = 0;
        while (at + length < end && (!strchr("'\"{}\\", at[length]) || at[length] == '\0'))
            length++;
        const char *close = memmem(at, length, closing, sizeof(closing) - 1);
        if (close && close > at)
            return (rf_string){at, (size_t)(close - at)};
    }
    return (rf_string){"", 0};
}

static rf_status write_default_system(chat_run *run, rf_error *error)
{
    if (run->count && has_role(&run->messages[0], "system"))
        return RF_OK;
    if (strcmp(run->style->family, "chatml") != 0)
        return RF_OK;
    rf_string text = default_system(run->tokenizer->chat_template);
    if (text.length == 0)
        return RF_OK;
    RF_TRY(write_styled(run, run->style->system.before, error));
    RF_TRY(rf_buffer_append(&run->out, text.data, text.length, error));
    return write_styled(run, run->style->system.after, error);
}

static rf_status render(chat_run *run, rf_error *error)
{
    RF_TRY(check_messages(run, error));
    RF_TRY(write_default_system(run, error));
    size_t host = system_host(run);
    for (size_t i = 0; i < run->count; i++)
        RF_TRY(write_message(run, i, host, error));
    return write_styled(run, run->style->answer, error);
}

rf_status rf_chat_render(const rf_tokenizer *tokenizer, const rf_chat_message *messages,
                         size_t count, char **out, rf_error *error)
{
    if (!tokenizer || (!messages && count) || !out)
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "a chat needs a tokenizer, messages and a place for the result");
    chat_run run = {tokenizer, tokenizer->chat, messages, count, {0}};
    rf_status status = render(&run, error);
    if (status == RF_OK)
        status = rf_buffer_take(&run.out, out, NULL, error);
    rf_buffer_free(&run.out);
    return status;
}
