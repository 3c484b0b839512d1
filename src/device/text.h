/* text.h: reading what Linux says of itself in the small text files of /proc and /sys. */
#ifndef RF_DEVICE_TEXT_H
#define RF_DEVICE_TEXT_H

#include <stdbool.h>
#include <stdint.h>

/* These files are a few kilobytes; what is read of them stands in their beginning. */
#define RF_TEXT_BYTES 8192

/* Reads the beginning of the file at a path (as of printf) as a string; false, and text undefined,
 * where it cannot be read. */
bool rf_text_read(char text[RF_TEXT_BYTES], const char *path, ...)
    __attribute__((format(printf, 2, 3)));

/* The decimal number behind a name at the start of a line; of an empty name, at the start of the
 * text. */
bool rf_text_number(const char *text, const char *name, uint64_t *out);

#endif
