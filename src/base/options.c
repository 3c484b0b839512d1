/* options.c: reading options structs. */
#include "base/options.h"

#include <string.h>

rf_status rf_options_read(void *out, size_t out_size, const void *given, const char *name,
                          rf_error *error)
{
    if (!given)
        return RF_OK;
    size_t size;
    memcpy(&size, given, sizeof(size)); /* the first member of every options struct */
    if (size < sizeof(size) || size > out_size)
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "%s.size is %zu, expected %zu to %zu: was it set by the INIT macro?",
                            name, size, sizeof(size), out_size);
    memcpy(out, given, size);
    return RF_OK;
}
