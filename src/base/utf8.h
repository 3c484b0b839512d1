/*
 * utf8.h: cutting bytes into UTF-8 characters, with a definite answer for bytes that are none.
 * Well-formed is what table 3-7 of the Unicode standard says: no surrogates, no overlong forms.
 */
#ifndef RF_BASE_UTF8_H
#define RF_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum rf_utf8_kind {
    RF_UTF8_WHOLE,  /* a well-formed character */
    RF_UTF8_BROKEN, /* bytes that no continuation could make well-formed */
    RF_UTF8_CUT,    /* the beginning of a character, and then the end of the data */
} rf_utf8_kind;

/*
 * The bytes at the front of data[length], length > 0, that belong together: one character, the
 * longest beginning of one that is then broken off (what one U+FFFD stands for), or what is there
 * of one.
 */
size_t rf_utf8_next(const unsigned char *data, size_t length, rf_utf8_kind *kind);

/* The code point of a well-formed character of `length` bytes. */
uint32_t rf_utf8_decode(const unsigned char *data, size_t length);

/* Whether the piece that rf_utf8_next found is one that may be shown as it is: not broken, and no
 * control character (category Cc), with which a terminal could be made to do something. */
bool rf_utf8_is_printable(const unsigned char *data, size_t length, rf_utf8_kind kind);

#endif
