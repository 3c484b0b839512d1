/* seed.h: numbers that nobody outside can foresee: where the hashes of what a file holds start
 * from, so that no file can be made whose keys collide. */
#ifndef RF_BASE_SEED_H
#define RF_BASE_SEED_H

#include <stdint.h>

uint64_t rf_seed_draw(void);

#endif
