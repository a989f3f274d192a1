/* Convolutions over pictures in the order NHWC. */

#include "operators/cpu/tiles.h"

#include <string.h>

enum { KEY_CONVOLUTION = 2 };

typedef struct shape {
    dnnl_dim_t pictures, height, width, in; /* of the source */
    dnnl_dim_t out_height, out_width, out;  /* of the result */
    dnnl_dim_t kernel_height, kernel_width;
    dnnl_dim_t stride, dilation, padding;
    activation activation;
    onednn_combine combine;
} shape;

static dnnl_status_t picture_layout(onednn_layout *out, dnnl_data_type_t type, dnnl_dim_t pictures, dnnl_dim_t channels,
                                    dnnl_dim_t height, dnnl_dim_t width)
{
    return onednn_layout_make(out, type, 4, (dnnl_dims_t){pictures, channels, height, width},
                              (dnnl_dims_t){height * width * channels, 1, width * channels, channels});
}

typedef struct layouts {
    onednn_layout source, any, bias, destination;
} layouts;

static void free_layouts(layouts *all)
{
    onednn_layout_free(&all->source);
    onednn_layout_free(&all->any);
    onednn_layout_free(&all->bias);
    onednn_layout_free(&all->destination);
}

static dnnl_status_t make_layouts(operators *run, const shape *of, layouts *all)
{
    dnnl_data_type_t type = onednn_type(run->type);
    *all = (layouts){0};
    dnnl_status_t status = picture_layout(&all->source, type, of->pictures, of->in, of->height, of->width);
    if (status == dnnl_success)
        status = onednn_layout_make(&all->any, type, 4,
                                    (dnnl_dims_t){of->out, of->in, of->kernel_height, of->kernel_width}, NULL);
    if (status == dnnl_success)
        status = onednn_layout_make(&all->bias, dnnl_f32, 1, (dnnl_dims_t){of->out}, (dnnl_dims_t){1});
    if (status == dnnl_success)
        status = picture_layout(&all->destination, type, of->pictures, of->out, of->out_height, of->out_width);
    return status;
}

/* With `weights` NULL the library may choose their order. */
static dnnl_status_t describe(operators *run, const shape *of, const layouts *all, const onednn_layout *weights,
                              dnnl_primitive_desc_t *out)
{
    onednn_convolution call = {.source = &all->source,
                               .weights = weights != NULL ? weights : &all->any,
                               .bias = &all->bias,
                               .destination = &all->destination,
                               .stride = of->stride,
                               .dilation = of->dilation,
                               .padding = of->padding,
                               .finish = onednn_finish_of(of->activation, of->combine)};
    return onednn_convolution_describe(out, &call, cpu_of(run)->engine);
}

/* Reference code of the library: some hundred times slower than anything else. */
static bool is_slow(const_dnnl_primitive_desc_t description)
{
    return strncmp(onednn_implementation(description), "ref", 3) == 0;
}

/* The description to use with the layer's weights, which may move for it if nothing relies on their order yet. */
static dnnl_status_t describe_for(operators *run, const shape *of, const layouts *all, cpu_convolution *weights,
                                  dnnl_primitive_desc_t *out)
{
    onednn_layout wanted = {0};
    dnnl_status_t status = describe(run, of, all, NULL, out);
    if (status == dnnl_success)
        status = onednn_wanted_layout(&wanted, *out, dnnl_query_weights_md);
    const onednn_layout *have = &cpu_of(run)->layouts[weights->weight.layout];
    if (status != dnnl_success || onednn_layout_equal(&wanted, have)) {
        onednn_layout_free(&wanted);
        return status;
    }
    dnnl_primitive_desc_t kept = NULL;
    bool keeps = weights->used && describe(run, of, all, have, &kept) == dnnl_success && !is_slow(kept);
    if (keeps) {
        dnnl_primitive_desc_destroy(*out);
        *out = kept;
    } else {
        if (kept != NULL)
            dnnl_primitive_desc_destroy(kept);
        if (!cpu_repack(run, &weights->weight, &wanted))
            status = dnnl_out_of_memory;
    }
    onednn_layout_free(&wanted);
    return status;
}

static primitive_key key_of(const shape *of, size_t layout)
{
    return (primitive_key){{KEY_CONVOLUTION, of->pictures, of->height, of->width, of->in, of->out_height, of->out_width,
                            of->out, of->kernel_height, of->kernel_width, of->stride, of->dilation, of->padding,
                            of->activation, of->combine, (int64_t)layout}};
}

/* NULL without a failure: the library has nothing fast that also combines. */
static primitive *shape_primitive(operators *run, const shape *of, cpu_convolution *weights)
{
    primitive_key key = key_of(of, weights->weight.layout);
    primitive *made = primitive_find(run, &key);
    if (made != NULL)
        return made;
    layouts all;
    dnnl_primitive_desc_t description = NULL;
    dnnl_status_t status = make_layouts(run, of, &all);
    if (status == dnnl_success)
        status = describe_for(run, of, &all, weights, &description);
    bool combines = of->combine != ONEDNN_COMBINE_NONE;
    if (combines && (status == dnnl_unimplemented || (status == dnnl_success && is_slow(description)))) {
        if (description != NULL)
            dnnl_primitive_desc_destroy(description);
    } else if (status == dnnl_success) {
        key = key_of(of, weights->weight.layout);
        primitive_parts parts = {.source = &all.source,
                                 .bias = &all.bias,
                                 .destination = &all.destination,
                                 .finish = onednn_finish_of(of->activation, of->combine)};
        made = primitive_add(run, &key, description, &parts);
        weights->used = true;
    } else {
        if (description != NULL)
            dnnl_primitive_desc_destroy(description);
        onednn_failed(run, "a convolution", status);
    }
    free_layouts(&all);
    return made;
}

/* All pictures that share a bias. */
static void convolve(operators *run, cpu_convolution *weights, shape *of, const primitive_data *data)
{
    primitive *made = shape_primitive(run, of, weights);
    primitive_data whole = *data;
    whole.weights_memory = weights->weight.memory;
    if (made != NULL) {
        primitive_run(run, made, &whole);
        return;
    }
    if (operators_failed(run))
        return;
    /* In two steps, through memory of its own. */
    size_t sizes[4] = {(size_t)of->pictures, (size_t)of->out_height, (size_t)of->out_width, (size_t)of->out};
    const void *second = of->combine == ONEDNN_COMBINE_SUM ? data->destination : data->combined;
    tensor result = tensor_make(run->type, 4, sizes, data->destination);
    tensor alone = op_empty(run, 4, sizes), other = result;
    memcpy(&other.data, &second, sizeof second);
    of->combine = ONEDNN_COMBINE_NONE;
    made = alone.data != NULL ? shape_primitive(run, of, weights) : NULL;
    if (made == NULL)
        return;
    whole.weights_memory = weights->weight.memory;
    whole.destination = alone.data;
    whole.combined = NULL;
    primitive_run(run, made, &whole);
    if (!operators_failed(run))
        cpu_add(run, &alone, &other, &result);
}

void cpu_convolution_run(operators *run, const convolution *layer, const tensor *x, const epilogue *how, tensor *out)
{
    parallel_enter(run);
    /* Moving the weights into another order does not change what the layer is. */
    cpu_convolution *weights = (cpu_convolution *)(uintptr_t)layer;
    if (weights->tiles != NULL) {
        tiles_convolution(run, weights, x, &(tile_input){.factor = 1}, how, out);
        return;
    }
    size_t bytes = tensor_type_bytes(run->type);
    size_t pieces = how->add_channels != NULL ? x->sizes[0] : 1;
    size_t source_bytes = tensor_count(x) / pieces * bytes, result_bytes = tensor_count(out) / pieces * bytes;
    for (size_t n = 0; !operators_failed(run) && n < pieces; n++) {
        shape of = {.pictures = (dnnl_dim_t)(x->sizes[0] / pieces),
                    .height = (dnnl_dim_t)x->sizes[1],
                    .width = (dnnl_dim_t)x->sizes[2],
                    .in = (dnnl_dim_t)layer->in,
                    .out_height = (dnnl_dim_t)out->sizes[1],
                    .out_width = (dnnl_dim_t)out->sizes[2],
                    .out = (dnnl_dim_t)layer->out,
                    .kernel_height = (dnnl_dim_t)layer->kernel_height,
                    .kernel_width = (dnnl_dim_t)layer->kernel_width,
                    .stride = layer->how.stride,
                    .dilation = layer->how.dilation,
                    .padding = layer->how.padding,
                    .activation = how->activation,
                    .combine = ONEDNN_COMBINE_NONE};
        if (how->add != NULL)
            of.combine = how->add->data == out->data ? ONEDNN_COMBINE_SUM : ONEDNN_COMBINE_ADD;
        size_t mark = operators_mark(run);
        primitive_data data = {.source = (const char *)x->data + n * source_bytes,
                               .bias = cpu_bias_with(run, weights->bias, how->add_channels, n),
                               .destination = (char *)out->data + n * result_bytes,
                               .combined = how->add != NULL ? (const char *)how->add->data + n * result_bytes : NULL};
        if (data.bias != NULL)
            convolve(run, weights, &of, &data);
        operators_release(run, mark);
    }
}

void cpu_upsample_convolution(operators *run, const convolution *layer, const tensor *x, const epilogue *how,
                              tensor *out)
{
    parallel_enter(run);
    const cpu_convolution *weights = (const cpu_convolution *)layer;
    if (weights->tiles != NULL) {
        tiles_convolution(run, weights, x, &(tile_input){.factor = 2}, how, out);
        return;
    }
    size_t mark = operators_mark(run);
    tensor large = op_empty(run, 4, (size_t[]){x->sizes[0], 2 * x->sizes[1], 2 * x->sizes[2], x->sizes[3]});
    if (large.data != NULL) {
        cpu_upsample(run, x, 2, &large);
        cpu_convolution_run(run, layer, &large, how, out);
    }
    operators_release(run, mark);
}

void cpu_norm_convolution(operators *run, const norm_before *before, const convolution *layer, const tensor *x,
                          const epilogue *how, tensor *out)
{
    const cpu_convolution *weights = (const cpu_convolution *)layer;
    bool known = before->after == ACTIVATION_NONE || before->after == ACTIVATION_SILU;
    parallel_enter(run);
    if (weights->tiles != NULL && known) {
        tiles_convolution(run, weights, x, &(tile_input){.factor = 1, .norm = before}, how, out);
        return;
    }
    size_t mark = operators_mark(run);
    tensor between = op_empty(run, x->rank, x->sizes);
    if (between.data != NULL)
        cpu_group_norm(run, before->layer, x, before->groups, before->epsilon, before->after, &between);
    if (!operators_failed(run))
        cpu_convolution_run(run, layer, &between, how, out);
    operators_release(run, mark);
}
