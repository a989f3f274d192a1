/* Linear layers: one matrix product each, everything that follows it fused into it. */

#include "operators/cpu/tiles.h"

/* Kinds of keys, so that no two shapes of different primitives are taken for each other. */
enum { KEY_LINEAR = 1 };

typedef struct product {
    dnnl_dim_t rows, in, out;
    dnnl_dim_t source_stride;
    size_t layout; /* of the weights */
    activation activation;
    onednn_combine combine;
} product;

static dnnl_status_t describe(operators *run, const product *of, dnnl_primitive_desc_t *out, primitive_parts *parts,
                              onednn_layout layouts[3])
{
    dnnl_data_type_t type = onednn_type(run->type);
    onednn_layout *source = &layouts[0], *bias = &layouts[1], *destination = &layouts[2];
    dnnl_status_t status =
        onednn_layout_make(source, type, 2, (dnnl_dims_t){of->rows, of->in}, (dnnl_dims_t){of->source_stride, 1});
    if (status == dnnl_success)
        status = onednn_layout_make(bias, dnnl_f32, 2, (dnnl_dims_t){1, of->out}, (dnnl_dims_t){of->out, 1});
    if (status == dnnl_success)
        status = onednn_layout_make(destination, type, 2, (dnnl_dims_t){of->rows, of->out}, (dnnl_dims_t){of->out, 1});
    if (status != dnnl_success)
        return status;
    *parts = (primitive_parts){.source = source,
                               .bias = bias,
                               .destination = destination,
                               .finish = onednn_finish_of(of->activation, of->combine)};
    onednn_matmul call = {.source = source,
                          .weights = &cpu_of(run)->layouts[of->layout],
                          .bias = bias,
                          .destination = destination,
                          .finish = parts->finish};
    return onednn_matmul_describe(out, &call, cpu_of(run)->engine);
}

static primitive *product_primitive(operators *run, const product *of)
{
    primitive_key key = {
        {KEY_LINEAR, of->rows, of->in, of->out, of->source_stride, (int64_t)of->layout, of->activation, of->combine}};
    primitive *made = primitive_find(run, &key);
    if (made != NULL)
        return made;
    onednn_layout layouts[3] = {0};
    primitive_parts parts;
    dnnl_primitive_desc_t description;
    dnnl_status_t status = describe(run, of, &description, &parts, layouts);
    if (status == dnnl_success)
        made = primitive_add(run, &key, description, &parts);
    else
        onednn_failed(run, "a linear layer", status);
    for (size_t i = 0; i < 3; i++)
        onednn_layout_free(&layouts[i]);
    return made;
}

const float *cpu_bias_with(operators *run, const float *bias, const tensor *add_channels, size_t n)
{
    if (add_channels == NULL)
        return bias;
    size_t channels = add_channels->sizes[1];
    float *sum = op_empty_of(run, TENSOR_F32, 1, &channels).data;
    if (sum == NULL)
        return NULL;
    size_t bytes = tensor_type_bytes(add_channels->type);
    tensor_convert(TENSOR_F32, sum, add_channels->type, (const char *)add_channels->data + n * channels * bytes,
                   channels);
    for (size_t i = 0; i < channels; i++)
        sum[i] += bias[i];
    return sum;
}

void cpu_linear_run(operators *run, const linear *layer, const tensor *x, const epilogue *how, tensor *out)
{
    parallel_enter(run);
    const cpu_linear *weights = (const cpu_linear *)layer;
    if (weights->tiles != NULL) {
        tiles_linear(run, weights, x, how, out);
        return;
    }
    size_t rows = tensor_rows(x), bytes = tensor_type_bytes(run->type);
    size_t pieces = how->add_channels != NULL ? x->sizes[0] : 1; /* each with its own bias */
    size_t piece_rows = rows / pieces, stride = tensor_stride(x);
    product of = {.rows = (dnnl_dim_t)piece_rows,
                  .in = (dnnl_dim_t)layer->in,
                  .out = (dnnl_dim_t)layer->out,
                  .source_stride = (dnnl_dim_t)(piece_rows > 1 ? stride : layer->in),
                  .layout = weights->weight.layout,
                  .activation = how->activation,
                  .combine = ONEDNN_COMBINE_NONE};
    if (how->add != NULL)
        of.combine = how->add->data == out->data ? ONEDNN_COMBINE_SUM : ONEDNN_COMBINE_ADD;
    const primitive *made = product_primitive(run, &of);
    for (size_t n = 0; made != NULL && n < pieces; n++) {
        size_t mark = operators_mark(run), at = n * piece_rows * layer->out * bytes;
        primitive_data data = {.source = (const char *)x->data + n * piece_rows * stride * bytes,
                               .weights_memory = weights->weight.memory,
                               .bias = cpu_bias_with(run, weights->bias, how->add_channels, n),
                               .destination = (char *)out->data + at,
                               .combined = how->add != NULL ? (const char *)how->add->data + at : NULL};
        if (data.bias != NULL)
            primitive_run(run, made, &data);
        operators_release(run, mark);
    }
}

void cpu_linear_geglu(operators *run, const linear *layer, const tensor *x, tensor *out)
{
    const cpu_linear *weights = (const cpu_linear *)layer;
    if (weights->tiles != NULL) {
        tiles_geglu(run, weights, x, out);
        return;
    }
    size_t mark = operators_mark(run), sizes[2] = {tensor_rows(x), layer->out};
    tensor both = op_empty(run, 2, sizes);
    const epilogue plain = {0};
    if (both.data != NULL)
        cpu_linear_run(run, layer, x, &plain, &both);
    if (!operators_failed(run))
        cpu_geglu(run, &both, out);
    operators_release(run, mark);
}
