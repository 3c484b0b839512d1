/*
 * host_memory.c: how much memory the host has for this process, from the files in which Linux says
 * so.
 *
 * MemAvailable is the kernel's estimate of what can be had without swapping (proc(5)). A container
 * or a service may have less: a cgroup's limit less its use, where the inactive part of the page
 * cache is not counted as use because the kernel takes it back first. A limit on any cgroup above
 * applies as well, so all are asked (kernel documentation: admin-guide/cgroup-v2,
 * cgroup-v1/memory).
 */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "device/cpu/cpu.h"
#include "device/text.h"

/* What is known so far. */
typedef struct finding {
    uint64_t physical; /* bytes of the machine */
    rf_device_memory memory;
} finding;

/* The names that one version of cgroups has for the same things. */
typedef struct cgroup_version {
    const char *source;
    const char *mounts[2]; /* where its memory controller may be mounted; NULL: no second place */
    const char *limit;
    const char *usage;
    const char *inactive; /* in memory.stat */
} cgroup_version;

static const cgroup_version version_2 = {
    .source = "cgroup v2",
    .mounts = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"},
    .limit = "memory.max",
    .usage = "memory.current",
    .inactive = "inactive_file ",
};

static const cgroup_version version_1 = {
    .source = "cgroup v1",
    .mounts = {"/sys/fs/cgroup/memory"},
    .limit = "memory.limit_in_bytes",
    .usage = "memory.usage_in_bytes",
    .inactive = "total_inactive_file ",
};

static bool kilobytes(const char *text, const char *name, uint64_t *out)
{
    uint64_t value;
    return rf_text_number(text, name, &value) && rf_mul(value, 1024, out);
}

/* Lowers *out to what one cgroup leaves; one without a limit ("max") or a folder that is not there
 * changes nothing. */
static void apply_group(const cgroup_version *version, const char *folder, finding *out)
{
    char text[RF_TEXT_BYTES];
    uint64_t limit;
    uint64_t usage;
    uint64_t inactive = 0;
    if (!rf_text_read(text, "%s/%s", folder, version->limit) || !rf_text_number(text, "", &limit))
        return;
    if (limit >= out->physical) /* no limit, as version 1 says it, or none that binds */
        return;
    if (!rf_text_read(text, "%s/%s", folder, version->usage) || !rf_text_number(text, "", &usage))
        return;
    if (rf_text_read(text, "%s/memory.stat", folder) &&
        rf_text_number(text, version->inactive, &inactive))
        usage -= inactive < usage ? inactive : usage;
    rf_device_memory *memory = &out->memory;
    uint64_t left = usage < limit ? limit - usage : 0;
    if (limit < memory->total)
        memory->total = limit;
    if (left < memory->free) {
        memory->free = left;
        snprintf(memory->source, sizeof(memory->source), "%s", version->source);
    }
}

/* A cgroup and all above it, up to the mount. Inside a container the path may be the host's and not
 * exist here; the mount is then the container's own group. */
static void apply_groups(const char *root, const cgroup_version *version, const char *group,
                         size_t length, finding *out)
{
    for (size_t i = 0; i < 2 && version->mounts[i]; i++) {
        char folder[PATH_MAX];
        int mount = snprintf(folder, sizeof(folder), "%s%s", root, version->mounts[i]);
        if (mount <= 0 || (size_t)mount + length >= sizeof(folder))
            continue;
        memcpy(folder + mount, group, length);
        folder[(size_t)mount + length] = '\0';
        for (;;) {
            apply_group(version, folder, out);
            char *last = strrchr(folder + mount, '/');
            if (!last)
                break;
            *last = '\0';
        }
    }
}

/* Whether one of the names between commas is "memory". */
static bool lists_memory(const char *names, size_t length)
{
    const char *end = names + length;
    while (names < end) {
        const char *comma = memchr(names, ',', (size_t)(end - names));
        size_t n = (size_t)((comma ? comma : end) - names);
        if (n == 6 && memcmp(names, "memory", 6) == 0)
            return true;
        names += n + 1;
    }
    return false;
}

/* Lines of /proc/self/cgroup are "number:controllers:path"; version 2 is number 0 without
 * controllers (cgroups(7)). */
static void apply_cgroups(const char *root, const char *text, finding *out)
{
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        const char *names = strchr(line, ':');
        const char *group = names ? strchr(names + 1, ':') : NULL;
        if (!group)
            return;
        names++;
        size_t n_names = (size_t)(group - names);
        group++;
        size_t length = strcspn(group, "\n");
        if (n_names == 0)
            apply_groups(root, &version_2, group, length, out);
        else if (lists_memory(names, n_names))
            apply_groups(root, &version_1, group, length, out);
    }
}

rf_status rf_cpu_host_memory(const char *root, rf_device_memory *out, rf_error *error)
{
    char text[RF_TEXT_BYTES];
    finding found = {.memory.source = "/proc/meminfo"};
    if (!rf_text_read(text, "%s/proc/meminfo", root) ||
        !kilobytes(text, "MemTotal:", &found.physical) ||
        !kilobytes(text, "MemAvailable:", &found.memory.free))
        return rf_error_set(error, RF_ERROR_DEVICE,
                            "device cpu: %s/proc/meminfo does not say how much memory is free",
                            root);
    found.memory.total = found.physical;
    if (rf_text_read(text, "%s/proc/self/cgroup", root))
        apply_cgroups(root, text, &found);
    *out = found.memory;
    return RF_OK;
}
