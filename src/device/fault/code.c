/* code.c: modules, launches and graphs through a fault device. */
#include "device/fault/internal.h"

rf_status rf_fault_module_load(rf_device *device, const void *code, uint64_t bytes, rf_module **out,
                               rf_error *error)
{
    fault_device *fault = (fault_device *)device;
    RF_TRY(rf_fault_count(fault, RF_FAULT_MODULE_LOAD, error));
    return fault->inner->ops->module_load(fault->inner, code, bytes, out, error);
}

rf_status rf_fault_module_unload(rf_device *device, rf_module *module, rf_error *error)
{
    fault_device *fault = (fault_device *)device;
    rf_status status = fault->inner->ops->module_unload(fault->inner, module, error);
    return rf_fault_after(fault, RF_FAULT_MODULE_UNLOAD, status, error);
}

rf_status rf_fault_module_function(rf_device *device, rf_module *module, const char *name,
                                   rf_function **out, rf_error *error)
{
    fault_device *fault = (fault_device *)device;
    RF_TRY(rf_fault_count(fault, RF_FAULT_MODULE_FUNCTION, error));
    return fault->inner->ops->module_function(fault->inner, module, name, out, error);
}

rf_status rf_fault_launch(rf_device *device, rf_stream *stream, rf_function *function,
                          const rf_launch *launch, rf_error *error)
{
    fault_device *fault = (fault_device *)device;
    RF_TRY(rf_fault_count(fault, RF_FAULT_LAUNCH, error));
    return fault->inner->ops->launch(fault->inner, stream, function, launch, error);
}

rf_status rf_fault_graph_begin(rf_device *device, rf_stream *stream, rf_error *error)
{
    fault_device *fault = (fault_device *)device;
    RF_TRY(rf_fault_count(fault, RF_FAULT_GRAPH_BEGIN, error));
    return fault->inner->ops->graph_begin(fault->inner, stream, error);
}

/* A failed end of a capture ends it all the same, and gives no graph that could be destroyed. */
rf_status rf_fault_graph_end(rf_device *device, rf_stream *stream, rf_graph **out, rf_error *error)
{
    fault_device *fault = (fault_device *)device;
    rf_device *inner = fault->inner;
    rf_graph *graph = NULL;
    rf_status status = inner->ops->graph_end(inner, stream, &graph, error);
    status = rf_fault_after(fault, RF_FAULT_GRAPH_END, status, error);
    if (status != RF_OK) {
        if (graph) /* the injected failure is the one to report */
            (void)inner->ops->graph_destroy(inner, graph, NULL);
        return status;
    }
    *out = graph;
    return RF_OK;
}

rf_status rf_fault_graph_replay(rf_device *device, rf_stream *stream, rf_graph *graph,
                                rf_error *error)
{
    fault_device *fault = (fault_device *)device;
    RF_TRY(rf_fault_count(fault, RF_FAULT_GRAPH_REPLAY, error));
    return fault->inner->ops->graph_replay(fault->inner, stream, graph, error);
}

rf_status rf_fault_describe_rows(rf_device *device, const rf_row_boxes *boxes,
                                 rf_row_boxes_code *out, rf_error *error)
{
    fault_device *fault = (fault_device *)device;
    RF_TRY(rf_fault_count(fault, RF_FAULT_DESCRIBE_ROWS, error));
    return fault->inner->ops->describe_rows(fault->inner, boxes, out, error);
}

rf_status rf_fault_graph_destroy(rf_device *device, rf_graph *graph, rf_error *error)
{
    fault_device *fault = (fault_device *)device;
    rf_status status = fault->inner->ops->graph_destroy(fault->inner, graph, error);
    return rf_fault_after(fault, RF_FAULT_GRAPH_DESTROY, status, error);
}
