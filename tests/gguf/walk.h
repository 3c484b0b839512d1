/* walk.h: touching everything that an open file gives access to, so that the sanitizers see each
 * byte. */
#ifndef RF_TESTS_GGUF_WALK_H
#define RF_TESTS_GGUF_WALK_H

#include "gguf/gguf.h"

/* Ends the program where the accessors contradict each other. Returns a sum that depends on all
 * bytes. */
uint64_t walk(const rf_gguf *gguf);

#endif
