/* Loading for the CPU: weights in the type of the context and in the order that oneDNN asks for. */

#include <stdint.h>
#include <string.h>

#include "operators/cpu/bf16.h"
#include "operators/cpu/tiles.h"

/* ---- Conversion on all threads ------------------------------------------------------------------------------ */

typedef struct conversion {
    tensor_type to_type, from_type;
    char *to;
    const char *from;
} conversion;

static void convert_range(void *argument, size_t from, size_t to, unsigned thread)
{
    (void)thread;
    const conversion *all = argument;
    char *first = all->to + from * tensor_type_bytes(all->to_type);
    const char *source = all->from + from * tensor_type_bytes(all->from_type);
    /* The usual way of the official files. */
    if (all->to_type == TENSOR_BF16 && all->from_type == TENSOR_F16)
        bf16_from_halves((uint16_t *)(void *)first, source, to - from);
    else
        tensor_convert(all->to_type, first, all->from_type, source, to - from);
}

static void convert(const operators *run, tensor_type type, void *to, const tensor *from)
{
    conversion all = {.to_type = type, .from_type = from->type, .to = to, .from = from->data};
    parallel_for(run, tensor_count(from), 1u << 16, convert_range, &all);
}

/* ---- Packing ------------------------------------------------------------------------------------------------ */

static void release_packed(packed *weight)
{
    if (weight->memory != NULL)
        dnnl_memory_destroy(weight->memory);
    operators_free(weight->data);
    *weight = (packed){0};
}

/* Moves values from one order into another. */
static dnnl_status_t reorder(operators *run, dnnl_memory_t from, const onednn_layout *from_layout, dnnl_memory_t to,
                             const onednn_layout *to_layout)
{
    cpu *device = cpu_of(run);
    dnnl_primitive_desc_t description = NULL;
    dnnl_primitive_t made = NULL;
    dnnl_memory_t scratch = NULL;
    void *scratch_data = NULL;
    onednn_layout scratch_layout = {0};
    dnnl_status_t status = onednn_reorder_describe(&description, from_layout, to_layout, device->engine);
    if (status == dnnl_success)
        status = dnnl_primitive_create(&made, description);
    if (status == dnnl_success)
        status = onednn_wanted_layout(&scratch_layout, description, dnnl_query_scratchpad_md);
    size_t scratch_bytes = onednn_layout_bytes(&scratch_layout);
    dnnl_exec_arg_t arguments[3] = {{.arg = DNNL_ARG_FROM, .memory = from}, {.arg = DNNL_ARG_TO, .memory = to}};
    int count = 2;
    if (status == dnnl_success && scratch_bytes > 0) {
        scratch_data = operators_allocate(run, scratch_bytes);
        status = scratch_data != NULL ? onednn_memory(&scratch, &scratch_layout, device->engine) : dnnl_out_of_memory;
        if (status == dnnl_success)
            status = dnnl_memory_set_data_handle(scratch, scratch_data);
        arguments[count++] = (dnnl_exec_arg_t){.arg = DNNL_ARG_SCRATCHPAD, .memory = scratch};
    }
    if (status == dnnl_success)
        status = dnnl_primitive_execute(made, device->stream, count, arguments);
    if (scratch != NULL)
        dnnl_memory_destroy(scratch);
    operators_free(scratch_data);
    onednn_layout_free(&scratch_layout);
    if (made != NULL)
        dnnl_primitive_destroy(made);
    if (description != NULL)
        dnnl_primitive_desc_destroy(description);
    return status;
}

/* Room for weights in a layout. */
static dnnl_status_t make_packed(operators *run, packed *out, const onednn_layout *layout)
{
    *out = (packed){0};
    out->layout = layout_index(run, layout);
    if (out->layout == (size_t)-1)
        return dnnl_out_of_memory;
    out->data = operators_allocate(run, onednn_layout_bytes(layout));
    dnnl_status_t status =
        out->data != NULL ? onednn_memory(&out->memory, layout, cpu_of(run)->engine) : dnnl_out_of_memory;
    if (status == dnnl_success)
        status = dnnl_memory_set_data_handle(out->memory, out->data);
    if (status != dnnl_success)
        release_packed(out);
    return status;
}

/* Values in a plain order into a new packed. */
static dnnl_status_t pack(operators *run, packed *out, const void *values, const onednn_layout *plain,
                          const onednn_layout *wanted)
{
    dnnl_memory_t from = NULL;
    dnnl_status_t status = make_packed(run, out, wanted);
    if (status == dnnl_success)
        status = onednn_memory(&from, plain, cpu_of(run)->engine);
    if (status == dnnl_success) {
        void *handle;
        memcpy(&handle, &values, sizeof handle);
        status = dnnl_memory_set_data_handle(from, handle);
    }
    if (status == dnnl_success)
        status = reorder(run, from, plain, out->memory, wanted);
    if (from != NULL)
        dnnl_memory_destroy(from);
    if (status != dnnl_success)
        release_packed(out);
    return status;
}

bool cpu_repack(operators *run, packed *weight, const onednn_layout *layout)
{
    packed moved;
    dnnl_status_t status = make_packed(run, &moved, layout);
    if (status == dnnl_success)
        status = reorder(run, weight->memory, &cpu_of(run)->layouts[weight->layout], moved.memory, layout);
    if (status != dnnl_success) {
        release_packed(&moved);
        onednn_failed(run, "another order of weights", status);
        return false;
    }
    release_packed(weight);
    *weight = moved;
    return true;
}

/* The weights of all parts, one after another, in the context's type; *owned is the memory behind them, if any. */
static const void *values_of(operators *run, const tensor *weights, size_t count, void **owned)
{
    size_t bytes = tensor_type_bytes(run->type), total = 0;
    *owned = NULL;
    if (count == 1 && weights->type == run->type && (uintptr_t)weights->data % bytes == 0)
        return weights->data;
    for (size_t i = 0; i < count; i++)
        total += tensor_count(&weights[i]);
    char *values = operators_allocate(run, total * bytes);
    *owned = values;
    for (size_t i = 0; values != NULL && i < count; i++) {
        convert(run, run->type, values, &weights[i]);
        values += tensor_count(&weights[i]) * bytes;
    }
    return *owned;
}

static lumen_status load_failed(operators *run, const char *what, dnnl_status_t status, lumen_error *error)
{
    /* Not the context's failure: the loader's caller gets it. */
    if (operators_failed(run)) {
        lumen_status noted = operators_status(run, error);
        operators_clear(run);
        return noted;
    }
    if (status == dnnl_out_of_memory)
        return lumen_fail_memory(error, what);
    return lumen_fail(error, LUMEN_ERROR_FAILED,
                      "oneDNN could not make %s (status %d); it writes code "
                      "as it runs, which systemd's MemoryDenyWriteExecute forbids where it is set",
                      what, (int)status);
}

/* ---- Linear -------------------------------------------------------------------------------------------------- */

static void release_linear(operators *run, loaded_layer *self)
{
    (void)run;
    cpu_linear *made = (cpu_linear *)self;
    operators_free(made->tiles);
    release_packed(&made->weight);
    operators_free(made->bias);
    operators_free(made);
}

/* The order of weights that a product with a usual number of rows wants; it does not depend on that number. */
static dnnl_status_t wanted_by_linear(operators *run, onednn_layout *out, dnnl_dim_t in, dnnl_dim_t outputs)
{
    enum { USUAL_ROWS = 256 };
    dnnl_data_type_t type = onednn_type(run->type);
    onednn_layout source = {0}, weights = {0}, bias = {0}, destination = {0};
    dnnl_primitive_desc_t description = NULL;
    *out = (onednn_layout){0};
    dnnl_status_t status = onednn_layout_make(&source, type, 2, (dnnl_dims_t){USUAL_ROWS, in}, (dnnl_dims_t){in, 1});
    if (status == dnnl_success)
        status = onednn_layout_make(&weights, type, 2, (dnnl_dims_t){in, outputs}, NULL);
    if (status == dnnl_success)
        status = onednn_layout_make(&bias, dnnl_f32, 2, (dnnl_dims_t){1, outputs}, (dnnl_dims_t){outputs, 1});
    if (status == dnnl_success)
        status =
            onednn_layout_make(&destination, type, 2, (dnnl_dims_t){USUAL_ROWS, outputs}, (dnnl_dims_t){outputs, 1});
    if (status == dnnl_success) {
        onednn_matmul call = {.source = &source, .weights = &weights, .bias = &bias, .destination = &destination};
        status = onednn_matmul_describe(&description, &call, cpu_of(run)->engine);
    }
    if (status == dnnl_success)
        status = onednn_wanted_layout(out, description, dnnl_query_weights_md);
    if (description != NULL)
        dnnl_primitive_desc_destroy(description);
    onednn_layout_free(&source);
    onednn_layout_free(&weights);
    onednn_layout_free(&bias);
    onednn_layout_free(&destination);
    return status;
}

static dnnl_status_t pack_linear(operators *run, cpu_linear *made, const tensor *weights, size_t count, size_t in,
                                 size_t outputs)
{
    void *owned = NULL;
    const void *values = values_of(run, weights, count, &owned);
    onednn_layout plain = {0}, wanted = {0};
    dnnl_status_t status = values != NULL ? dnnl_success : dnnl_out_of_memory;
    if (status == dnnl_success)
        status =
            onednn_layout_make(&plain, onednn_type(run->type), 2, (dnnl_dims_t){(dnnl_dim_t)in, (dnnl_dim_t)outputs},
                               (dnnl_dims_t){1, (dnnl_dim_t)in});
    if (status == dnnl_success)
        status = wanted_by_linear(run, &wanted, (dnnl_dim_t)in, (dnnl_dim_t)outputs);
    if (status == dnnl_success)
        status = pack(run, &made->weight, values, &plain, &wanted);
    run->weight_bytes += onednn_layout_bytes(&wanted);
    operators_free(owned);
    onednn_layout_free(&plain);
    onednn_layout_free(&wanted);
    return status;
}

lumen_status cpu_load_linear(operators *run, const tensor *weights, const tensor *biases, size_t count, linear **out,
                             lumen_error *error)
{
    parallel_enter(run);
    size_t in = weights[0].sizes[1], outputs = 0;
    for (size_t i = 0; i < count; i++)
        outputs += weights[i].sizes[0];
    cpu_linear *made = operators_allocate_cleared(run, 1, sizeof *made);
    if (made == NULL)
        return lumen_fail_memory(error, "a linear layer");
    made->base.base.release = release_linear;
    made->bias = operators_allocate_cleared(run, outputs, sizeof *made->bias);
    dnnl_status_t status = made->bias != NULL ? dnnl_success : dnnl_out_of_memory;
    if (status == dnnl_success && tiles_fit(run, in, outputs)) {
        made->tiles = tiles_pack(run, weights, in, outputs, 1, 1);
        status = made->tiles != NULL ? dnnl_success : dnnl_out_of_memory;
        run->weight_bytes += outputs * in * tensor_type_bytes(run->type);
    } else if (status == dnnl_success) {
        status = pack_linear(run, made, weights, count, in, outputs);
    }
    for (size_t i = 0, row = 0; status == dnnl_success && i < count; row += weights[i].sizes[0], i++)
        if (biases != NULL && biases[i].data != NULL)
            tensor_convert(TENSOR_F32, made->bias + row, biases[i].type, biases[i].data, biases[i].sizes[0]);
    run->weight_bytes += outputs * sizeof(float);
    if (status != dnnl_success) {
        release_linear(run, &made->base.base);
        return load_failed(run, "a linear layer", status, error);
    }
    *out = &made->base;
    return LUMEN_OK;
}

/* ---- Convolution ------------------------------------------------------------------------------------------------ */

static void release_convolution(operators *run, loaded_layer *self)
{
    (void)run;
    cpu_convolution *made = (cpu_convolution *)self;
    operators_free(made->tiles);
    release_packed(&made->weight);
    operators_free(made->bias);
    operators_free(made);
}

/* The order for a picture of usual size. Another size may want another order: convolution.c then moves them. */
static dnnl_status_t wanted_by_convolution(operators *run, onednn_layout *out, const tensor *weight,
                                           const convolution_options *how)
{
    dnnl_dim_t outputs = (dnnl_dim_t)weight->sizes[0], in = (dnnl_dim_t)weight->sizes[1];
    dnnl_dim_t height = (dnnl_dim_t)weight->sizes[2], width = (dnnl_dim_t)weight->sizes[3];
    dnnl_dim_t dilation = how->dilation, stride = how->stride, padding = how->padding;
    dnnl_dim_t side = 64 + dilation * (height > width ? height : width);
    dnnl_dim_t down = (side + 2 * padding - dilation * (height - 1) - 1) / stride + 1;
    dnnl_dim_t across = (side + 2 * padding - dilation * (width - 1) - 1) / stride + 1;
    dnnl_data_type_t type = onednn_type(run->type);
    onednn_layout source = {0}, weights = {0}, bias = {0}, destination = {0};
    dnnl_primitive_desc_t description = NULL;
    *out = (onednn_layout){0};
    dnnl_status_t status = onednn_layout_make(&source, type, 4, (dnnl_dims_t){1, in, side, side},
                                              (dnnl_dims_t){side * side * in, 1, side * in, in});
    if (status == dnnl_success)
        status = onednn_layout_make(&weights, type, 4, (dnnl_dims_t){outputs, in, height, width}, NULL);
    if (status == dnnl_success)
        status = onednn_layout_make(&bias, dnnl_f32, 1, (dnnl_dims_t){outputs}, (dnnl_dims_t){1});
    if (status == dnnl_success)
        status = onednn_layout_make(&destination, type, 4, (dnnl_dims_t){1, outputs, down, across},
                                    (dnnl_dims_t){down * across * outputs, 1, across * outputs, outputs});
    if (status == dnnl_success) {
        onednn_convolution call = {.source = &source,
                                   .weights = &weights,
                                   .bias = &bias,
                                   .destination = &destination,
                                   .stride = stride,
                                   .dilation = dilation,
                                   .padding = padding};
        status = onednn_convolution_describe(&description, &call, cpu_of(run)->engine);
    }
    if (status == dnnl_success)
        status = onednn_wanted_layout(out, description, dnnl_query_weights_md);
    if (description != NULL)
        dnnl_primitive_desc_destroy(description);
    onednn_layout_free(&source);
    onednn_layout_free(&weights);
    onednn_layout_free(&bias);
    onednn_layout_free(&destination);
    return status;
}

static dnnl_status_t pack_convolution(operators *run, cpu_convolution *made, const tensor *weight,
                                      const convolution_options *how)
{
    dnnl_dim_t outputs = (dnnl_dim_t)weight->sizes[0], in = (dnnl_dim_t)weight->sizes[1];
    dnnl_dim_t height = (dnnl_dim_t)weight->sizes[2], width = (dnnl_dim_t)weight->sizes[3];
    void *owned = NULL;
    const void *values = values_of(run, weight, 1, &owned);
    onednn_layout plain = {0}, wanted = {0};
    dnnl_status_t status = values != NULL ? dnnl_success : dnnl_out_of_memory;
    if (status == dnnl_success)
        status = onednn_layout_make(&plain, onednn_type(run->type), 4, (dnnl_dims_t){outputs, in, height, width},
                                    (dnnl_dims_t){in * height * width, height * width, width, 1});
    if (status == dnnl_success)
        status = wanted_by_convolution(run, &wanted, weight, how);
    if (status == dnnl_success)
        status = pack(run, &made->weight, values, &plain, &wanted);
    run->weight_bytes += onednn_layout_bytes(&wanted);
    operators_free(owned);
    onednn_layout_free(&plain);
    onednn_layout_free(&wanted);
    return status;
}

lumen_status cpu_load_convolution(operators *run, const tensor *weight, const tensor *bias,
                                  const convolution_options *how, convolution **out, lumen_error *error)
{
    parallel_enter(run);
    size_t outputs = weight->sizes[0], in = weight->sizes[1];
    cpu_convolution *made = operators_allocate_cleared(run, 1, sizeof *made);
    if (made == NULL)
        return lumen_fail_memory(error, "a convolution");
    made->base.base.release = release_convolution;
    made->bias = operators_allocate_cleared(run, outputs, sizeof *made->bias);
    dnnl_status_t status = made->bias != NULL ? dnnl_success : dnnl_out_of_memory;
    if (status == dnnl_success && tiles_fit(run, in, outputs)) {
        made->tiles = tiles_pack(run, weight, in, outputs, weight->sizes[2], weight->sizes[3]);
        status = made->tiles != NULL ? dnnl_success : dnnl_out_of_memory;
        run->weight_bytes += tensor_count(weight) * tensor_type_bytes(run->type);
    } else if (status == dnnl_success) {
        status = pack_convolution(run, made, weight, how);
    }
    if (status == dnnl_success && bias != NULL)
        tensor_convert(TENSOR_F32, made->bias, bias->type, bias->data, outputs);
    run->weight_bytes += outputs * sizeof(float);
    if (status != dnnl_success) {
        release_convolution(run, &made->base.base);
        return load_failed(run, "a convolution", status, error);
    }
    *out = &made->base;
    return LUMEN_OK;
}

/* ---- Embedding --------------------------------------------------------------------------------------------------- */

static void release_embedding(operators *run, loaded_layer *self)
{
    (void)run;
    cpu_embedding *made = (cpu_embedding *)self;
    operators_free(made->table);
    operators_free(made);
}

lumen_status cpu_load_embedding(operators *run, const tensor *table, embedding **out, lumen_error *error)
{
    parallel_enter(run);
    size_t bytes = tensor_count(table) * tensor_type_bytes(run->type);
    cpu_embedding *made = operators_allocate_cleared(run, 1, sizeof *made);
    if (made == NULL)
        return lumen_fail_memory(error, "an embedding");
    made->base.base.release = release_embedding;
    made->table = operators_allocate(run, bytes);
    if (made->table == NULL) {
        release_embedding(run, &made->base.base);
        return lumen_fail_memory(error, "an embedding");
    }
    convert(run, run->type, made->table, table);
    run->weight_bytes += bytes;
    *out = &made->base;
    return LUMEN_OK;
}
