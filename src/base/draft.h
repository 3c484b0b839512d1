/*
 * draft.h: a file that appears under its name only when it is complete. Bytes go to a temporary
 * file in the same folder, which takes the name at the end; a failure or a discard leaves what was
 * there before. It is not forced to the disk: after a crash of the machine it may be incomplete.
 */
#ifndef RF_BASE_DRAFT_H
#define RF_BASE_DRAFT_H

#include <stdint.h>

#include "base/error.h"

typedef struct rf_draft rf_draft;

/* Errors of all three: IO with the path and the system's reason, HOST_MEMORY. */
rf_status rf_draft_create(const char *path, rf_draft **out, rf_error *error);

/* Appends; small pieces are gathered in a buffer. After a failure all further calls fail. */
rf_status rf_draft_write(rf_draft *draft, const void *data, uint64_t bytes, rf_error *error);

/* Writes what is buffered, closes and renames. Whatever it returns, rf_draft_free comes next. */
rf_status rf_draft_commit(rf_draft *draft, rf_error *error);

/* Frees, and removes the temporary file of a draft that was not committed. */
void rf_draft_free(rf_draft *draft);

#endif
