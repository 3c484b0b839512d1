/* log.c: one callback, one line at a time. */
#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static rf_log_callback log_callback;
static void *log_user;
static rf_log_level log_level;

void rf_log_set(rf_log_callback callback, void *user, rf_log_level level)
{
    pthread_mutex_lock(&lock);
    log_callback = callback;
    log_user = user;
    log_level = level;
    pthread_mutex_unlock(&lock);
}

void rf_log(rf_log_level level, const char *format, ...)
{
    pthread_mutex_lock(&lock);
    if (log_callback && level >= log_level) {
        char line[1024];
        va_list args;
        va_start(args, format);
        if (vsnprintf(line, sizeof(line), format, args) >= 0)
            log_callback(log_user, level, line);
        va_end(args);
    }
    pthread_mutex_unlock(&lock);
}
