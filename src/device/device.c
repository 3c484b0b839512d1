/*
 * device.c: which devices there are and which are open.
 *
 * One lock guards the list of open devices, and is held while a backend opens or closes one: a
 * hundred threads that ask for a device at once wait for the first and get the same. A thread that
 * holds the lock is marked, so that opening from inside an opening is seen before it deadlocks.
 */
#include <inttypes.h>
#include <pthread.h>
#include <string.h>

#include "base/buffer.h"
#include "base/log.h"
#include "base/memory.h"
#include "device/backend.h"

/* In the order in which devices are listed. */
static const rf_backend *const built_in[] = {
    &rf_backend_cpu,
    &rf_backend_hip,
    &rf_backend_cuda,
    &rf_backend_emu,
};

#define BUILT_IN_COUNT (sizeof(built_in) / sizeof(built_in[0]))

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static rf_device *open_devices;
static const rf_backend *extra;
static _Thread_local bool holds_lock;

static void enter(void)
{
    pthread_mutex_lock(&lock);
    holds_lock = true;
}

static void leave(void)
{
    holds_lock = false;
    pthread_mutex_unlock(&lock);
}

void rf_backend_set_extra(const rf_backend *backend)
{
    enter();
    extra = backend;
    leave();
}

void rf_backend_note_memory(rf_device_info *info, const rf_device_memory *memory)
{
    info->memory_total = memory->total;
    info->memory_free = memory->free;
    memcpy(info->memory_source, memory->source, sizeof(info->memory_source));
    info->driver_memory = memory->driver;
    info->vram = memory->vram;
    info->gtt = memory->gtt;
}

/* Backend i of the table, with the extra one behind it; NULL past the end. */
static const rf_backend *backend_at(size_t i)
{
    if (i < BUILT_IN_COUNT)
        return built_in[i];
    return i == BUILT_IN_COUNT ? extra : NULL;
}

/* How many devices a backend has; a driver that does not work has none, and the log says why. */
static uint32_t count_devices(const rf_backend *backend)
{
    uint32_t count = 0;
    rf_error error;
    if (backend->count(&count, &error) == RF_OK)
        return count;
    rf_log(RF_LOG_WARNING, "%s devices: %s", backend->name, error.message);
    return 0;
}

static rf_status open_new(const rf_backend *backend, uint32_t index, const char *id,
                          rf_device **out, rf_error *error)
{
    rf_device *device = NULL;
    rf_status status = backend->open(index, &device, error);
    if (status != RF_OK)
        return rf_error_context(error, status, "open device %s", id);
    memcpy(device->id, id, RF_DEVICE_ID_BYTES);
    device->references = 1;
    device->next = open_devices;
    open_devices = device;
    *out = device;
    return RF_OK;
}

/* The lock is held. */
static rf_status open_index(const rf_backend *backend, uint32_t index, rf_device **out,
                            rf_error *error)
{
    char id[RF_DEVICE_ID_BYTES] = "";
    backend->id(index, id);
    for (rf_device *device = open_devices; device; device = device->next) {
        if (strcmp(device->id, id) != 0)
            continue;
        if (device->references == UINT32_MAX)
            return rf_error_set(error, RF_ERROR_FULL, "device %s is open too many times", id);
        device->references++;
        *out = device;
        return RF_OK;
    }
    return open_new(backend, index, id, out, error);
}

/* What all who use a device hold of it, as far as there is room. The lock is held. */
static void describe_users(const rf_device *device, char *text, size_t capacity)
{
    size_t length = 0;
    for (rf_device_user *user = device->users; user && length + 3 < capacity; user = user->next) {
        if (length > 0) {
            memcpy(text + length, "; ", 2);
            length += 2;
        }
        user->describe(user, text + length, capacity - length);
        length += strlen(text + length);
    }
}

/* The lock is held. */
static rf_status drop_reference(rf_device *device, rf_error *error)
{
    if (device->references == 1 && device->users) {
        char text[RF_ERROR_MESSAGE_BYTES / 2] = "";
        describe_users(device, text, sizeof(text));
        return rf_error_set(error, RF_ERROR_BUSY, "device %s is closed while in use: %s",
                            device->id, text);
    }
    if (--device->references != 0)
        return RF_OK;
    rf_device **link = &open_devices;
    while (*link != device)
        link = &(*link)->next;
    *link = device->next;
    return device->ops->close(device, error);
}

static rf_status not_found(const char *id, rf_error *error)
{
    rf_buffer ids = {0};
    rf_status status = RF_OK;
    const rf_backend *backend;
    for (size_t b = 0; status == RF_OK && (backend = backend_at(b)); b++) {
        uint32_t count = backend->unlisted ? 0 : count_devices(backend);
        for (uint32_t i = 0; status == RF_OK && i < count; i++) {
            char name[RF_DEVICE_ID_BYTES] = "";
            backend->id(i, name);
            status = rf_buffer_format(&ids, error, "%s%s", ids.length ? ", " : "", name);
        }
    }
    if (status == RF_OK)
        status =
            rf_error_set(error, RF_ERROR_NOT_FOUND, "no device '%.64s'; there are: %.*s", id,
                         (int)(ids.length < 512 ? ids.length : 512), ids.length ? ids.data : "");
    rf_buffer_free(&ids);
    return status;
}

/* A backend's device by id; its name alone is its first device. *out is untouched where it has no
 * such device. */
static rf_status open_from(const rf_backend *backend, const char *id, rf_device **out,
                           rf_error *error)
{
    uint32_t count = 0;
    rf_status status = backend->count(&count, error);
    if (status == RF_OK && count == 0 && backend->why_none)
        status = backend->why_none(error);
    if (status != RF_OK)
        return rf_error_context(error, status, "device '%.64s'", id);
    for (uint32_t i = 0; i < count; i++) {
        char name[RF_DEVICE_ID_BYTES] = "";
        backend->id(i, name);
        if (strcmp(name, id) == 0 || strcmp(backend->name, id) == 0)
            return open_index(backend, i, out, error);
    }
    return RF_OK;
}

/* Only the backend that the id starts with is asked: opening the CPU starts no driver. */
static rf_status open_by_id(const char *id, rf_device **out, rf_error *error)
{
    const rf_backend *backend;
    for (size_t b = 0; (backend = backend_at(b)); b++) {
        if (strncmp(id, backend->name, strlen(backend->name)) != 0)
            continue;
        rf_device *device = NULL;
        RF_TRY(open_from(backend, id, &device, error));
        if (!device)
            continue;
        *out = device;
        return RF_OK;
    }
    return not_found(id, error);
}

/* ---- the best device ------------------------------------------------------------------------ */

/* Devices that are looked at; more than any machine has. */
#define MAX_CANDIDATES 64

typedef struct candidate {
    const rf_backend *backend;
    uint32_t index;
    rf_device_facts facts;
} candidate;

typedef struct choice {
    rf_device_judge judge;
    candidate candidates[MAX_CANDIDATES];
    size_t count;
    rf_error refused; /* why the first that the judge refuses is not used; RF_OK: there is none */
    rf_error last;    /* that came up, looking or opening */
} choice;

static int rank(const rf_device_facts *facts)
{
    return facts->unified ? 0 : facts->integrated ? 1 : 2;
}

static bool is_better(const rf_device_facts *a, const rf_device_facts *b)
{
    if (rank(a) != rank(b))
        return rank(a) > rank(b);
    return a->info.memory_total > b->info.memory_total;
}

/* Adds a device to the candidates, or notes why it is none. */
static void look_at(choice *c, const rf_backend *backend, uint32_t index)
{
    candidate *next = &c->candidates[c->count];
    rf_error error = {0};
    rf_status status = backend->look(index, &next->facts, &c->last);
    if (status != RF_OK) {
        rf_log(RF_LOG_WARNING, "%s", c->last.message);
        return;
    }
    next->backend = backend;
    next->index = index;
    status = c->judge ? c->judge(&next->facts, &error) : RF_OK;
    if (status == RF_OK) {
        c->count++;
        return;
    }
    (void)rf_error_context(&error, status, "device %s (%s) is not used", next->facts.info.id,
                           next->facts.info.name);
    rf_log(RF_LOG_DEBUG, "%s", error.message);
    if (c->refused.status == RF_OK)
        c->refused = error;
}

static void look_at_all(choice *c)
{
    const rf_backend *backend;
    for (size_t b = 0; (backend = backend_at(b)); b++) {
        uint32_t count = backend->look ? count_devices(backend) : 0;
        for (uint32_t i = 0; i < count && c->count < MAX_CANDIDATES; i++)
            look_at(c, backend, i);
    }
}

/* Takes the best candidate out of the list, which has one. */
static candidate take_best(choice *c)
{
    size_t best = 0;
    for (size_t i = 1; i < c->count; i++) {
        if (is_better(&c->candidates[i].facts, &c->candidates[best].facts))
            best = i;
    }
    candidate taken = c->candidates[best];
    /* The others stay in their order: of equals the first is taken. */
    memmove(&c->candidates[best], &c->candidates[best + 1],
            (c->count - best - 1) * sizeof(candidate));
    c->count--;
    return taken;
}

/* The lock is held. */
static rf_status open_best(choice *c, rf_device **out, rf_error *error)
{
    c->last = (rf_error){.status = RF_ERROR_NOT_FOUND, .message = "there is no device"};
    look_at_all(c);
    while (c->count > 0) {
        candidate best = take_best(c);
        if (open_index(best.backend, best.index, out, &c->last) != RF_OK) {
            rf_log(RF_LOG_WARNING, "%s", c->last.message);
            continue;
        }
        if (best.facts.unified && c->refused.status != RF_OK)
            rf_log(RF_LOG_WARNING, "%s", c->refused.message);
        return RF_OK;
    }
    if (error)
        *error = c->last;
    return c->last.status;
}

static rf_status refuse_reentry(const char *what, rf_error *error)
{
    if (!holds_lock)
        return RF_OK;
    return rf_error_set(error, RF_ERROR_BUSY, "%s from inside the opening or closing of a device",
                        what);
}

rf_status rf_device_open_best(rf_device_judge judge, rf_device **out, rf_error *error)
{
    RF_TRY(refuse_reentry("a device was opened", error));
    choice *c = rf_calloc(1, sizeof(*c));
    if (!c)
        return rf_error_host_memory(error, "a choice of devices", sizeof(*c));
    c->judge = judge;
    enter();
    rf_status status = open_best(c, out, error);
    leave();
    rf_free(c);
    return status;
}

rf_status rf_device_open(const char *id, rf_device **out, rf_error *error)
{
    if (!id)
        return rf_device_open_best(NULL, out, error);
    RF_TRY(refuse_reentry("a device was opened", error));
    enter();
    rf_status status = open_by_id(id, out, error);
    leave();
    return status;
}

rf_status rf_device_close(rf_device *device, rf_error *error)
{
    if (!device)
        return RF_OK;
    if (holds_lock) /* a device that wraps another closes it from its own closing */
        return drop_reference(device, error);
    enter();
    rf_status status = drop_reference(device, error);
    leave();
    return status;
}

void rf_device_join(rf_device *device, rf_device_user *user)
{
    enter();
    user->next = device->users;
    device->users = user;
    leave();
}

void rf_device_leave(rf_device *device, rf_device_user *user)
{
    enter();
    rf_device_user **link = &device->users;
    while (*link && *link != user)
        link = &(*link)->next;
    if (*link)
        *link = user->next;
    leave();
}

/* Adds the facts of one device to a list, if it opens and tells them; the log says why not. */
static void list_device(const rf_backend *backend, uint32_t index, rf_device_info *out,
                        size_t capacity, size_t *count)
{
    rf_error error;
    rf_device *device = NULL;
    rf_device_facts facts;
    rf_status status = open_index(backend, index, &device, &error);
    if (device) {
        status = device->ops->facts(device, &facts, &error);
        /* Opened here, so that nothing is on it, or open elsewhere as well. */
        (void)drop_reference(device, NULL);
    }
    if (status != RF_OK) {
        rf_log(RF_LOG_WARNING, "%s", error.message);
        return;
    }
    if (*count < capacity)
        out[*count] = facts.info;
    ++*count;
}

rf_status rf_device_list(rf_device_info *out, size_t capacity, size_t *count, rf_error *error)
{
    RF_TRY(refuse_reentry("devices were listed", error));
    size_t found = 0;
    const rf_backend *backend;
    enter();
    for (size_t b = 0; (backend = backend_at(b)); b++) {
        uint32_t n = backend->unlisted ? 0 : count_devices(backend);
        for (uint32_t i = 0; i < n; i++)
            list_device(backend, i, out, capacity, &found);
    }
    leave();
    *count = found;
    return RF_OK;
}
