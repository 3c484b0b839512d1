/* progress.c: drawing the progress bar. */
#include "cli/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "cli/interrupt.h"

rf_cli_progress rf_cli_progress_start(const char *what, bool quiet)
{
    return (rf_cli_progress){.what = what, .draw = !quiet && isatty(STDERR_FILENO)};
}

bool rf_cli_progress_show(void *user, uint64_t done_bytes, uint64_t total_bytes)
{
    enum { WIDTH = 30 };
    static const char full[WIDTH + 1] = "==============================";
    const rf_cli_progress *progress = user;
    bool stop = rf_cli_interrupted();
    if (progress->draw && total_bytes) {
        double part = (double)done_bytes / (double)total_bytes;
        int length = (int)(part * WIDTH);
        fprintf(stderr, "\r%s [%.*s%*s] %3.0f %%", progress->what, length, full, WIDTH - length, "",
                part * 100);
        if (done_bytes == total_bytes || stop)
            fprintf(stderr, "\r%*s\r", WIDTH + 24, "");
    }
    return !stop;
}
