/* options.h: reading public options structs, which start with their size so that they can grow. */
#ifndef RF_BASE_OPTIONS_H
#define RF_BASE_OPTIONS_H

#include "base/error.h"

/*
 * Copies a caller's options over defaults: *out, of out_size bytes, holds the defaults; given may
 * be NULL, or a struct of an older header with fewer bytes, whose missing members stay as they are.
 * One that is larger than this library's is RF_ERROR_ARGUMENT: it may ask for what is not known
 * here.
 */
rf_status rf_options_read(void *out, size_t out_size, const void *given, const char *name,
                          rf_error *error);

#endif
