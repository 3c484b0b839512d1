/*
 * fault.h: the seam through which tests make host allocation and file input/output fail. A program
 * that never calls rf_fault_arm pays one relaxed load a call. (Device failures have a seam of their
 * own: a wrapper around the device table.)
 */
#ifndef RF_BASE_FAULT_H
#define RF_BASE_FAULT_H

#include <stdbool.h>
#include <stdint.h>

typedef enum rf_fault_site {
    RF_FAULT_HOST_ALLOC,
    RF_FAULT_FILE_OPEN,
    RF_FAULT_FILE_READ,
    RF_FAULT_FILE_MAP,
    RF_FAULT_FILE_WRITE,
    RF_FAULT_THREAD_CREATE,
    RF_FAULT_SITE_COUNT
} rf_fault_site;

/* Makes the nth call (from 1) at a site fail, once; 0 disarms it. Starts counting anew. */
void rf_fault_arm(rf_fault_site site, uint64_t nth);

/* Whether the armed fault of a site has fired since it was armed. */
bool rf_fault_fired(rf_fault_site site);

/* Called by base at each site: whether this call has to fail. */
bool rf_fault_fires(rf_fault_site site);

#endif
