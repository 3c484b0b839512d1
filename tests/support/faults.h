/* faults.h: how a test says how many faults it has tried; tools/summarise_tests.py adds them up. */
#ifndef RF_TESTS_SUPPORT_FAULTS_H
#define RF_TESTS_SUPPORT_FAULTS_H

#include "support/cmocka.h"

/* what: "device calls", say. Printed only once all of them were survived: what does not survive
 * fails the test before. */
static inline void faults_tried(uint64_t count, const char *what)
{
    print_message("faults tried: %u (%s)\n", (unsigned)count, what);
}

#endif
