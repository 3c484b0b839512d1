/* log.h: log lines for the callback set with rf_log_set (rocmforge.h). */
#ifndef RF_BASE_LOG_H
#define RF_BASE_LOG_H

#include "rocmforge.h"

void rf_log(rf_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
