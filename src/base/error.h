/* error.h: how functions report failure. See rocmforge.h for rf_status and rf_error. */
#ifndef RF_BASE_ERROR_H
#define RF_BASE_ERROR_H

#include "rocmforge.h"

/*
 * Fills *error (which may be NULL) and gives status, so that a caller can write
 * `return rf_error_set(error, RF_ERROR_FORMAT, "…", …)`. Macros, so that the compiler sees which
 * status comes back and does not take outputs for used after a failure.
 */
#define rf_error_set(error, status, ...) rf_error_set_code(error, status, 0, __VA_ARGS__)

/* The same with the driver's or errno's own number. */
#define rf_error_set_code(error, status, driver_code, ...)                                         \
    ({                                                                                             \
        const rf_status rf_error_status_ = (status);                                               \
        rf_error_fill(error, rf_error_status_, driver_code, __VA_ARGS__);                          \
        rf_error_status_;                                                                          \
    })

/* What the two are made of. */
void rf_error_fill(rf_error *error, rf_status status, int driver_code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Puts "context: " in front of the message of an error that is already set; returns its status. */
rf_status rf_error_context(rf_error *error, rf_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Returns from the calling function when an expression gives a status other than RF_OK. */
#define RF_TRY(expression)                                                                         \
    do {                                                                                           \
        rf_status rf_try_status_ = (expression);                                                   \
        if (rf_try_status_ != RF_OK)                                                               \
            return rf_try_status_;                                                                 \
    } while (0)

/* printf arguments for an rf_string with the format "%.*s"; long ones are cut. */
#define RF_STR_ARGS(s) (int)((s).length < 200 ? (s).length : 200), (s).data

#endif
