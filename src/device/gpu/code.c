/* code.c: modules, launches and graphs of a GPU. */
#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "base/memory.h"
#include "device/gpu/gpu.h"

/* What a driver says of code that it does not like; the rest is cut. */
#define LOG_BYTES 400

/* The driver's handle, and the code it was made from: drivers read text up to its NUL, and may use
 * a code object in place for as long as the module lives. */
typedef struct module {
    void *handle;
    char code[];
} module;

/* ---- modules -------------------------------------------------------------------------------- */

/* The log is for people to read: its line ends and other control characters become spaces. */
static void flatten(char log[LOG_BYTES])
{
    log[LOG_BYTES - 1] = '\0';
    for (char *c = log; *c; c++)
        if ((unsigned char)*c < ' ')
            *c = ' ';
}

static rf_status load(const rf_gpu_device *gpu, module *m, uint64_t bytes, rf_error *error)
{
    char log[LOG_BYTES] = "";
    RF_TRY(rf_gpu_enter(gpu, error));
    int code = gpu->driver->module_load(gpu->f, m->code, log, sizeof(log), &m->handle);
    flatten(log);
    return rf_gpu_check(gpu, code, error, "load %" PRIu64 " bytes of code%s%s", bytes,
                        log[0] ? ": " : "", log);
}

rf_status rf_gpu_module_load(rf_device *device, const void *code, uint64_t bytes, rf_module **out,
                             rf_error *error)
{
    const rf_gpu_device *gpu = (const rf_gpu_device *)device;
    uint64_t size;
    if (!code || bytes == 0)
        return rf_error_set(error, RF_ERROR_ARGUMENT, "device %s: a module without code",
                            gpu->base.id);
    if (!rf_add(bytes, sizeof(module) + 1, &size))
        return rf_error_set(error, RF_ERROR_OVERFLOW, "device %s: %" PRIu64 " bytes of code",
                            gpu->base.id, bytes);
    module *m = rf_calloc(1, size); /* the byte after the code stays 0 */
    if (!m)
        return rf_error_host_memory(error, "device code", size);
    memcpy(m->code, code, bytes);
    rf_status status = load(gpu, m, bytes, error);
    if (status != RF_OK) {
        rf_free(m);
        return status;
    }
    *out = (rf_module *)m;
    return RF_OK;
}

rf_status rf_gpu_module_unload(rf_device *device, rf_module *loaded, rf_error *error)
{
    const rf_gpu_device *gpu = (const rf_gpu_device *)device;
    module *m = (module *)loaded;
    if (!m)
        return RF_OK;
    RF_TRY(rf_gpu_enter(gpu, error));
    RF_TRY(
        rf_gpu_check(gpu, gpu->driver->module_unload(gpu->f, m->handle), error, "unload a module"));
    rf_free(m);
    return RF_OK;
}

rf_status rf_gpu_module_function(rf_device *device, rf_module *loaded, const char *name,
                                 rf_function **out, rf_error *error)
{
    const rf_gpu_device *gpu = (const rf_gpu_device *)device;
    const module *m = (const module *)loaded;
    void *function = NULL;
    RF_TRY(rf_gpu_enter(gpu, error));
    RF_TRY(rf_gpu_check(
        gpu, gpu->driver->module_function(gpu->f, gpu->ordinal, m->handle, name, &function), error,
        "find the function %s", name));
    *out = function;
    return RF_OK;
}

/* ---- launches ------------------------------------------------------------------------------- */

rf_status rf_gpu_launch(rf_device *device, rf_stream *stream, rf_function *function,
                        const rf_launch *launch, rf_error *error)
{
    const rf_gpu_device *gpu = (const rf_gpu_device *)device;
    if (launch->n_arguments && !launch->arguments)
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "device %s: a launch without its %u arguments", gpu->base.id,
                            launch->n_arguments);
    RF_TRY(rf_gpu_enter(gpu, error));
    return rf_gpu_check(gpu, gpu->driver->launch(gpu->f, function, launch, stream), error,
                        "launch %ux%ux%u blocks of %ux%ux%u threads with %u shared bytes",
                        launch->blocks[0], launch->blocks[1], launch->blocks[2], launch->threads[0],
                        launch->threads[1], launch->threads[2], launch->shared_bytes);
}

rf_status rf_gpu_describe_rows(rf_device *device, const rf_row_boxes *boxes, rf_row_boxes_code *out,
                               rf_error *error)
{
    const rf_gpu_device *gpu = (const rf_gpu_device *)device;
    return rf_gpu_check(gpu, gpu->driver->describe_rows(gpu->f, boxes, out), error,
                        "describe %llu rows of %llu bytes in boxes of %u x %u",
                        (unsigned long long)boxes->n_rows, (unsigned long long)boxes->row_bytes,
                        boxes->box_rows, boxes->box_bytes);
}

/* ---- graphs --------------------------------------------------------------------------------- */

rf_status rf_gpu_graph_begin(rf_device *device, rf_stream *stream, rf_error *error)
{
    const rf_gpu_device *gpu = (const rf_gpu_device *)device;
    RF_TRY(rf_gpu_enter(gpu, error));
    return rf_gpu_check(gpu, gpu->driver->capture_begin(gpu->f, stream), error,
                        "begin to capture a graph");
}

/* The description that was captured, and what can be replayed, made from it. */
typedef struct graph {
    void *captured;
    void *executable;
} graph;

/* Destroys what there is of a graph, and can be called again after a failure. */
static rf_status destroy(const rf_gpu_device *gpu, graph *g, rf_error *error)
{
    const rf_gpu_driver *driver = gpu->driver;
    if (g->executable)
        RF_TRY(rf_gpu_check(gpu, driver->executable_destroy(gpu->f, g->executable), error,
                            "destroy a graph"));
    g->executable = NULL;
    if (g->captured)
        RF_TRY(rf_gpu_check(gpu, driver->graph_destroy(gpu->f, g->captured), error,
                            "destroy a captured graph"));
    g->captured = NULL;
    return RF_OK;
}

static rf_status capture(const rf_gpu_device *gpu, rf_stream *stream, graph *g, rf_error *error)
{
    const rf_gpu_driver *driver = gpu->driver;
    RF_TRY(rf_gpu_enter(gpu, error));
    RF_TRY(rf_gpu_check(gpu, driver->capture_end(gpu->f, stream, &g->captured), error,
                        "capture a graph"));
    return rf_gpu_check(gpu, driver->graph_instantiate(gpu->f, g->captured, &g->executable), error,
                        "make a graph ready");
}

rf_status rf_gpu_graph_end(rf_device *device, rf_stream *stream, rf_graph **out, rf_error *error)
{
    const rf_gpu_device *gpu = (const rf_gpu_device *)device;
    graph captured = {0};
    rf_status status = capture(gpu, stream, &captured, error);
    graph *g = status == RF_OK ? rf_calloc(1, sizeof(*g)) : NULL;
    if (g) {
        *g = captured;
        *out = (rf_graph *)g;
        return RF_OK;
    }
    if (status == RF_OK)
        status = rf_error_host_memory(error, "a graph", sizeof(*g));
    (void)destroy(gpu, &captured, NULL); /* the failure to tell is the one that came first */
    return status;
}

rf_status rf_gpu_graph_replay(rf_device *device, rf_stream *stream, rf_graph *captured,
                              rf_error *error)
{
    const rf_gpu_device *gpu = (const rf_gpu_device *)device;
    const graph *g = (const graph *)captured;
    RF_TRY(rf_gpu_enter(gpu, error));
    return rf_gpu_check(gpu, gpu->driver->executable_launch(gpu->f, g->executable, stream), error,
                        "replay a graph");
}

rf_status rf_gpu_graph_destroy(rf_device *device, rf_graph *captured, rf_error *error)
{
    const rf_gpu_device *gpu = (const rf_gpu_device *)device;
    graph *g = (graph *)captured;
    if (!g)
        return RF_OK;
    RF_TRY(rf_gpu_enter(gpu, error));
    RF_TRY(destroy(gpu, g, error));
    rf_free(g);
    return RF_OK;
}
