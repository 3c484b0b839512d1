/* fake_driver.c: how the fake driver behaves, whoever's entry points it is called through. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device/fake/fake_internal.h"

#define DEFAULTS                                                                                   \
    {                                                                                              \
        .devices = 2, .cuda_version = 12040, .hip_version = 60300000,                              \
        .memory_total = (size_t)1 << 30, .architecture = "gfx1100:xnack-", .name = "Fake GPU",     \
        .milliseconds = 1.5F, .fail_code = FAKE_LAUNCH_FAILURE,                                    \
    }

/* What stands in front of memory that was given out. */
typedef struct header {
    fake_kind kind;
    int device;
    size_t bytes;
    void *start; /* what malloc gave */
} header;

fake_driver fake = DEFAULTS;

/* For tests of the command, which cannot set anything else. */
__attribute__((constructor)) static void read_environment(void)
{
    if (getenv("FAKE_DRIVER_HOURS"))
        fake.milliseconds = 3.6e6F;
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards fake */
static _Thread_local int current = -1;

void fake_reset(void)
{
    fake = (fake_driver)DEFAULTS;
    current = -1;
}

void fake_fail(uint64_t nth)
{
    fake.calls = 0;
    fake.failed = NULL;
    fake.fail_call = nth;
}

int fake_begin(const char *name)
{
    pthread_mutex_lock(&lock);
    fake.calls++;
    bool fails =
        fake.calls == fake.fail_call || (fake.fail_name && strcmp(name, fake.fail_name) == 0);
    if (fails)
        fake.failed = name;
    pthread_mutex_unlock(&lock);
    return fails ? fake.fail_code : 0;
}

static int misused(int code)
{
    pthread_mutex_lock(&lock);
    fake.misuse++;
    pthread_mutex_unlock(&lock);
    return code;
}

static void count(fake_kind kind, int change, size_t bytes)
{
    pthread_mutex_lock(&lock);
    fake.live[kind] += (uint64_t)(int64_t)change;
    if (kind == FAKE_MEMORY)
        fake.bytes += change > 0 ? bytes : -bytes;
    pthread_mutex_unlock(&lock);
}

/* ---- devices -------------------------------------------------------------------------------- */

int *fake_current(void)
{
    return &current;
}

int fake_enter(int device)
{
    if (device < 0 || device >= fake.devices)
        return misused(FAKE_INVALID_DEVICE);
    current = device;
    return 0;
}

const char *fake_error_name(unsigned code)
{
    return code == FAKE_LAUNCH_FAILURE ? "FAKE_LAUNCH_FAILURE" : "FAKE_ERROR";
}

const char *fake_error_text(unsigned code)
{
    return code == FAKE_LAUNCH_FAILURE ? "the fake driver was told to fail" : "a fake error";
}

int fake_name(char *out, int bytes, int device)
{
    if (device < 0 || device >= fake.devices)
        return misused(FAKE_INVALID_DEVICE);
    snprintf(out, (size_t)bytes, "%s", fake.name);
    return 0;
}

/* Device i is at 0000:03+i:00.0. */
int fake_pci(char *out, int bytes, int device)
{
    if (device < 0 || device >= fake.devices)
        return misused(FAKE_INVALID_DEVICE);
    snprintf(out, (size_t)bytes, "0000:%02X:00.0", 3 + device);
    return 0;
}

/* ---- handles -------------------------------------------------------------------------------- */

int fake_make(fake_kind kind, void **out)
{
    if (current < 0)
        return misused(FAKE_INVALID_CONTEXT);
    fake_object *object = calloc(1, sizeof(*object));
    if (!object)
        return FAKE_OUT_OF_MEMORY;
    object->kind = kind;
    object->device = current;
    count(kind, 1, 0);
    *out = object;
    return 0;
}

int fake_check(fake_kind kind, const void *handle)
{
    const fake_object *object = handle;
    if (current < 0)
        return misused(FAKE_INVALID_CONTEXT);
    if (!object)
        return kind == FAKE_STREAM ? 0 : misused(FAKE_INVALID_HANDLE);
    if (object->kind != kind || object->device != current)
        return misused(FAKE_INVALID_HANDLE);
    return 0;
}

int fake_destroy(fake_kind kind, void *handle)
{
    int code = handle ? fake_check(kind, handle) : misused(FAKE_INVALID_HANDLE);
    if (code == 0) {
        count(kind, -1, 0);
        free(handle);
    }
    return code;
}

/* ---- memory --------------------------------------------------------------------------------- */

static size_t available_bytes(void)
{
    pthread_mutex_lock(&lock);
    size_t available = fake.memory_total - fake.memory_used - fake.bytes;
    pthread_mutex_unlock(&lock);
    return available;
}

int fake_total_memory(size_t *total, int device)
{
    if (device >= fake.devices)
        return FAKE_INVALID_DEVICE;
    *total = fake.memory_total;
    return 0;
}

int fake_memory_info(size_t *available, size_t *total)
{
    if (current < 0)
        return misused(FAKE_INVALID_CONTEXT);
    *total = fake.memory_total;
    *available = available_bytes();
    return 0;
}

int fake_alloc(fake_kind kind, size_t bytes, void **out)
{
    enum { ALIGNMENT = 4096 };
    if (current < 0)
        return misused(FAKE_INVALID_CONTEXT);
    if (bytes == 0)
        return misused(FAKE_INVALID_VALUE);
    if (bytes > available_bytes())
        return FAKE_OUT_OF_MEMORY;
    char *start = calloc(1, bytes + 3 * (size_t)ALIGNMENT);
    if (!start)
        return FAKE_OUT_OF_MEMORY;
    char *memory = start + ALIGNMENT;
    memory += -(uintptr_t)memory % ALIGNMENT;
    if (kind == FAKE_MEMORY)
        memory += fake.misalignment;
    header *h = (header *)(void *)(memory - sizeof(header));
    *h = (header){.kind = kind, .device = current, .bytes = bytes, .start = start};
    count(kind, 1, bytes);
    *out = memory;
    return 0;
}

int fake_free(fake_kind kind, void *memory)
{
    if (!memory)
        return misused(FAKE_INVALID_VALUE);
    header *h = (header *)(void *)((char *)memory - sizeof(header));
    if (h->kind != kind || (kind == FAKE_MEMORY && h->device != current))
        return misused(FAKE_INVALID_VALUE);
    count(kind, -1, h->bytes);
    free(h->start);
    return 0;
}

static void perform(const fake_move *move)
{
    if (move->from)
        memmove(move->to, move->from, move->bytes);
    else
        memset(move->to, move->value, move->bytes);
}

/* Does it now, or keeps it for the graph that the stream records. */
static int put_on_stream(void *stream, fake_move move)
{
    int code = fake_check(FAKE_STREAM, stream);
    fake_object *s = stream;
    if (code != 0)
        return code;
    if (!s || !s->capturing) {
        perform(&move);
        return 0;
    }
    if (s->n_moves == FAKE_MOVES_MAX)
        return FAKE_OUT_OF_MEMORY;
    s->moves[s->n_moves++] = move;
    return 0;
}

int fake_copy(void *to, const void *from, size_t bytes, void *stream)
{
    return put_on_stream(stream, (fake_move){.to = to, .from = from, .bytes = bytes});
}

int fake_fill(void *to, int value, size_t bytes, void *stream)
{
    return put_on_stream(stream, (fake_move){.to = to, .value = value, .bytes = bytes});
}

/* ---- events --------------------------------------------------------------------------------- */

int fake_record(void *event, const void *stream)
{
    int code = fake_check(FAKE_EVENT, event);
    if (code == 0)
        code = fake_check(FAKE_STREAM, stream);
    if (code == 0)
        ((fake_object *)event)->recorded = true;
    return code;
}

int fake_query(const void *event)
{
    int code = fake_check(FAKE_EVENT, event);
    return code == 0 && fake.busy ? FAKE_NOT_READY : code;
}

int fake_elapsed(const void *begin, const void *end, float *milliseconds)
{
    int code = fake_check(FAKE_EVENT, begin);
    if (code == 0)
        code = fake_check(FAKE_EVENT, end);
    if (code != 0)
        return code;
    if (!((const fake_object *)begin)->recorded || !((const fake_object *)end)->recorded)
        return FAKE_INVALID_HANDLE;
    *milliseconds = fake.milliseconds;
    return 0;
}

/* ---- code and graphs ------------------------------------------------------------------------ */

/* Any text is code, but for some that is "bad". */
int fake_module(const char *code, void **out)
{
    return strstr(code, "bad") ? FAKE_INVALID_KERNEL_FILE : fake_make(FAKE_MODULE, out);
}

int fake_function(void *module, const char *name, void **out)
{
    int code = fake_check(FAKE_MODULE, module);
    if (code != 0)
        return code;
    if (strcmp(name, "add_one") != 0)
        return FAKE_NOT_FOUND;
    *out = module; /* a function lives as long as its module */
    return 0;
}

int fake_launch(const void *function, unsigned shared_bytes, void *stream, void **arguments)
{
    int code = fake_check(FAKE_MODULE, function);
    if (code == 0)
        code = fake_check(FAKE_STREAM, stream);
    if (code != 0)
        return code;
    fake_object *s = stream;
    if (s && s->capturing) {
        s->work++;
        return 0;
    }
    unsigned char *bytes = *(unsigned char **)arguments[0];
    for (uint32_t i = 0; i < *(const uint32_t *)arguments[1]; i++)
        bytes[i]++;
    fake.launches++;
    fake.most_shared = shared_bytes > fake.most_shared ? shared_bytes : fake.most_shared;
    return 0;
}

int fake_capture(void *stream)
{
    int code = fake_check(FAKE_STREAM, stream);
    fake_object *s = stream;
    if (code == 0 && (!s || s->capturing))
        code = FAKE_INVALID_VALUE;
    if (code == 0)
        s->capturing = true;
    return code;
}

/* What a stream recorded, or a graph has, is another's too. */
static void hand_over(void *to, const fake_object *from)
{
    fake_object *object = to;
    object->work = from->work;
    object->n_moves = from->n_moves;
    memcpy(object->moves, from->moves, sizeof(from->moves));
}

int fake_capture_end(void *stream, void **graph)
{
    int code = fake_check(FAKE_STREAM, stream);
    fake_object *s = stream;
    if (code == 0 && (!s || !s->capturing))
        code = FAKE_INVALID_VALUE;
    if (code == 0)
        code = fake_make(FAKE_GRAPH, graph);
    if (code != 0)
        return code;
    hand_over(*graph, s);
    s->capturing = false;
    s->work = 0;
    s->n_moves = 0;
    return 0;
}

int fake_instantiate(const void *graph, void **out)
{
    int code = fake_check(FAKE_GRAPH, graph);
    if (code == 0)
        code = fake_make(FAKE_EXECUTABLE, out);
    if (code == 0)
        hand_over(*out, graph);
    return code;
}

int fake_replay(const void *executable, const void *stream)
{
    int code = fake_check(FAKE_EXECUTABLE, executable);
    if (code == 0)
        code = fake_check(FAKE_STREAM, stream);
    if (code != 0)
        return code;
    const fake_object *e = executable;
    fake.launches += e->work;
    for (unsigned i = 0; i < e->n_moves; i++)
        perform(&e->moves[i]);
    return 0;
}
