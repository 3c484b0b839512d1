/* cmocka.h: what cmocka's own header needs before it, in one place. Include as "support/cmocka.h".
 */
#ifndef RF_TESTS_SUPPORT_CMOCKA_H
#define RF_TESTS_SUPPORT_CMOCKA_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
