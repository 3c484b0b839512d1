/*
 * chat_style.h: how the families of chat templates write a conversation. Templates are programs
 * (Jinja) in the file; these are not run but recognised by their markers, and what a family's
 * template prints is written from a table. What single models add to that (lists of tools, dates)
 * is left out.
 */
#ifndef RF_TOKENIZER_CHAT_STYLE_H
#define RF_TOKENIZER_CHAT_STYLE_H

#include "rocmforge.h"

/* In the texts of a style: the text of the file's own tokens, and a newline. The first and the last
 * are nothing at the very beginning: rf_tokenize adds BOS there, and a separator separates nothing.
 */
#define RF_CHAT_BOS     "\1"
#define RF_CHAT_EOS     "\2"
#define RF_CHAT_NEWLINE "\3"

typedef enum rf_chat_trim {
    RF_CHAT_AS_IS,
    RF_CHAT_TRIM_CONTENT, /* the message loses white space at both ends */
    RF_CHAT_TRIM_TURN,    /* the message does, together with a system message put before it */
} rf_chat_trim;

/* What stands before and after a message. */
typedef struct rf_chat_turn {
    const char *before;
    const char *after;
    rf_chat_trim trim;
} rf_chat_turn;

typedef enum rf_chat_system {
    RF_CHAT_SYSTEM_TURN,       /* a turn of its own */
    RF_CHAT_SYSTEM_FIRST_USER, /* inside the first user message, before its text */
    RF_CHAT_SYSTEM_LAST_USER,  /* inside the last one */
} rf_chat_system;

#define RF_CHAT_MARKERS_MAX 4

typedef struct rf_chat_style {
    const char *family;
    const char *present[RF_CHAT_MARKERS_MAX]; /* texts that the template has, all of them */
    const char *absent[RF_CHAT_MARKERS_MAX];  /* and texts that it has not */
    rf_chat_system system_place;
    rf_chat_turn system;
    rf_chat_turn user;
    rf_chat_turn assistant;
    const char *answer; /* what opens the assistant's answer */
} rf_chat_style;

/* The style of a template; the style "plain" where it is empty or of no known family. */
const rf_chat_style *rf_chat_style_find(rf_string chat_template);

#endif
