/* interrupt.c: the signal handler. */
#include "cli/interrupt.h"

#include <signal.h>

static volatile sig_atomic_t interrupted;

static void note(int number)
{
    (void)number;
    interrupted = 1;
}

void rf_cli_interrupt_catch(void)
{
    interrupted = 0;
    /* No SA_RESTART: a read from the terminal has to end as well. */
    struct sigaction action = {.sa_handler = note, .sa_flags = SA_RESETHAND};
    /* These fail only for signals that do not exist. */
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool rf_cli_interrupted(void)
{
    return interrupted != 0;
}
