/* progress.h: a progress bar on standard error for what takes long in the library. */
#ifndef RF_CLI_PROGRESS_H
#define RF_CLI_PROGRESS_H

#include "rocmforge.h"

typedef struct rf_cli_progress {
    const char *what; /* "loading" */
    bool draw;
} rf_cli_progress;

/* Draws where standard error is a terminal, unless it has to be quiet. */
rf_cli_progress rf_cli_progress_start(const char *what, bool quiet);

/* An rf_progress_callback whose user is the rf_cli_progress. It cancels after an interrupt
 * (interrupt.h), and leaves an empty line when all is done. */
bool rf_cli_progress_show(void *user, uint64_t done_bytes, uint64_t total_bytes);

#endif
