/* interrupt.h: Ctrl-C (and SIGTERM) as a wish to stop, which the commands look for between steps.
 */
#ifndef RF_CLI_INTERRUPT_H
#define RF_CLI_INTERRUPT_H

#include <stdbool.h>

/* From now on the first signal sets a flag, and the second one ends the program. Called again, it
 * forgets a flag that is set and starts anew. */
void rf_cli_interrupt_catch(void);

bool rf_cli_interrupted(void);

#endif
