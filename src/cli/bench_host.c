/* bench_host.c: the memory of this process while it loads, as the kernel counts it. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/bench.h"

#define INTERVAL_NS 1000000

/* The number behind a name in /proc/self/status, which is in KiB; 0 where it is not there. */
static uint64_t field_bytes(const char *status, const char *name)
{
    const char *at = strstr(status, name);
    return at ? strtoull(at + strlen(name), NULL, 10) * 1024 : 0;
}

/* Memory of the process that is no file's: what it allocated, and shared memory, which some drivers
 * make their pinned buffers of. 0 without /proc. */
static uint64_t process_bytes(void)
{
    char text[4096];
    int file = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    ssize_t length = file >= 0 ? read(file, text, sizeof(text) - 1) : 0;
    if (file >= 0)
        close(file);
    text[length > 0 ? length : 0] = '\0';
    return field_bytes(text, "RssAnon:") + field_bytes(text, "RssShmem:");
}

static void *watch_main(void *argument)
{
    rf_bench_watch *watch = argument;
    const struct timespec pause = {.tv_nsec = INTERVAL_NS};
    do {
        uint64_t now = process_bytes();
        watch->peak = now > watch->peak ? now : watch->peak;
        nanosleep(&pause, NULL); /* one that is cut short is as good */
    } while (!atomic_load(&watch->stop));
    return NULL;
}

rf_status rf_bench_watch_start(rf_bench_watch *watch, rf_error *error)
{
    atomic_init(&watch->stop, false);
    watch->idle = process_bytes();
    watch->peak = watch->idle;
    int code = pthread_create(&watch->thread, NULL, watch_main, watch);
    if (code != 0)
        return rf_error_set_code(error, RF_ERROR_HOST_MEMORY, code,
                                 "cannot start the thread that watches host memory");
    return RF_OK;
}

uint64_t rf_bench_watch_stop(rf_bench_watch *watch)
{
    atomic_store(&watch->stop, true);
    pthread_join(watch->thread, NULL); /* fails for threads that are not there alone */
    return watch->peak - watch->idle;
}
