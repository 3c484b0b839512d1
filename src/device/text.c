/* text.c: reading the small text files of /proc and /sys. They have no size to ask for, so they are
 * not files to base/file.h. */
#include "device/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Reads until the end or until there is no room; the result is terminated. */
static bool read_all(int descriptor, char text[RF_TEXT_BYTES])
{
    size_t length = 0;
    ssize_t got = 1;
    while (got > 0 && length < RF_TEXT_BYTES - 1) {
        got = read(descriptor, text + length, RF_TEXT_BYTES - 1 - length);
        if (got > 0)
            length += (size_t)got;
        else if (got < 0 && errno == EINTR)
            got = 1;
    }
    text[length] = '\0';
    return got >= 0;
}

bool rf_text_read(char text[RF_TEXT_BYTES], const char *path, ...)
{
    char name[PATH_MAX];
    va_list arguments;
    va_start(arguments, path);
    int length = vsnprintf(name, sizeof(name), path, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= sizeof(name))
        return false;
    int descriptor = open(name, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return false;
    bool read = read_all(descriptor, text);
    close(descriptor); /* of a file that was only read: nothing can be lost */
    return read;
}

bool rf_text_number(const char *text, const char *name, uint64_t *out)
{
    size_t length = strlen(name);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, length) != 0)
            continue;
        char *end;
        errno = 0;
        uint64_t value = strtoull(line + length, &end, 10);
        if (end == line + length || errno != 0)
            return false;
        *out = value;
        return true;
    }
    return false;
}
