/* architecture.c: the architectures there are. */
#include "model/architecture.h"

static const rf_architecture *const architectures[] = {
#define ARCHITECTURE_ROW(name) &rf_architecture_##name,
    RF_ARCHITECTURE_LIST(ARCHITECTURE_ROW)
#undef ARCHITECTURE_ROW
};

const rf_architecture *rf_architecture_find(rf_string name)
{
    for (size_t i = 0; i < sizeof(architectures) / sizeof(architectures[0]); i++) {
        const char *candidate = architectures[i]->name;
        if (strlen(candidate) == name.length && memcmp(candidate, name.data, name.length) == 0)
            return architectures[i];
    }
    return NULL;
}

const char *rf_architecture_names(void)
{
#define ARCHITECTURE_NAME(name) " " #name
    return RF_ARCHITECTURE_LIST(ARCHITECTURE_NAME) + 1; /* the leading space */
#undef ARCHITECTURE_NAME
}
