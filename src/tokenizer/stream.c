/*
 * stream.c: text as it is generated. What is given out is always well-formed UTF-8: the beginning
 * of a character waits for the rest of it, and what can no longer become one is replaced by U+FFFD,
 * one for each longest beginning that is broken off (the Unicode standard's recommendation,
 * section 3.9).
 */
#include "base/memory.h"
#include "base/utf8.h"
#include "tokenizer/tokenizer.h"

#define REPLACEMENT "\xEF\xBF\xBD"

struct rf_text_stream {
    const rf_tokenizer *tokenizer;
    bool special;
    bool started;   /* some text has come: no space is dropped any more */
    rf_buffer held; /* bytes that are no whole characters yet */
    rf_buffer text; /* what the last call gave out */
};

rf_status rf_text_stream_create(const rf_tokenizer *tokenizer, bool special, rf_text_stream **out,
                                rf_error *error)
{
    if (!tokenizer || !out)
        return rf_error_set(error, RF_ERROR_ARGUMENT, "a text stream needs a tokenizer");
    rf_text_stream *stream = rf_calloc(1, sizeof(*stream));
    if (!stream)
        return rf_error_host_memory(error, "a text stream", sizeof(*stream));
    stream->tokenizer = tokenizer;
    stream->special = special;
    *out = stream;
    return RF_OK;
}

void rf_text_stream_free(rf_text_stream *stream)
{
    if (!stream)
        return;
    rf_buffer_free(&stream->held);
    rf_buffer_free(&stream->text);
    rf_free(stream);
}

/* Writes the held bytes from *done on as far as they are decided; at the end all of them are. */
static rf_status write_decided(rf_text_stream *stream, bool at_end, size_t *done, rf_error *error)
{
    const unsigned char *data = (const unsigned char *)stream->held.data;
    stream->text.length = 0;
    while (*done < stream->held.length) {
        rf_utf8_kind kind;
        size_t length = rf_utf8_next(data + *done, stream->held.length - *done, &kind);
        if (kind == RF_UTF8_CUT && !at_end)
            break;
        if (kind == RF_UTF8_WHOLE)
            RF_TRY(rf_buffer_append(&stream->text, data + *done, length, error));
        else
            RF_TRY(rf_buffer_append_text(&stream->text, REPLACEMENT, error));
        *done += length;
    }
    return RF_OK;
}

static rf_status add(rf_text_stream *stream, int32_t token, size_t *done, rf_error *error)
{
    RF_TRY(
        rf_tokenizer_append_text(stream->tokenizer, token, stream->special, &stream->held, error));
    if (!stream->started && rf_tokenizer_drops_first_space(stream->tokenizer) &&
        stream->held.length && stream->held.data[0] == ' ')
        *done = 1;
    return write_decided(stream, false, done, error);
}

/* Forgets the held bytes that are decided, and gives out what came of them. */
static rf_string give_out(rf_text_stream *stream, size_t done)
{
    stream->held.length -= done;
    if (stream->held.length)
        memmove(stream->held.data, stream->held.data + done, stream->held.length);
    return (rf_string){stream->text.length ? stream->text.data : "", stream->text.length};
}

rf_status rf_text_stream_add(rf_text_stream *stream, int32_t token, rf_string *text,
                             rf_error *error)
{
    RF_TRY(rf_tokenizer_check_id(stream->tokenizer, token, error));
    size_t before = stream->held.length;
    size_t done = 0;
    rf_status status = add(stream, token, &done, error);
    if (status != RF_OK) {
        stream->held.length = before;
        return status;
    }
    stream->started = stream->started || stream->held.length > 0;
    *text = give_out(stream, done);
    return RF_OK;
}

rf_status rf_text_stream_end(rf_text_stream *stream, rf_string *text, rf_error *error)
{
    size_t done = 0;
    RF_TRY(write_decided(stream, true, &done, error));
    stream->started = false;
    *text = give_out(stream, done);
    return RF_OK;
}
