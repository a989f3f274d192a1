#include "networks/layers.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void layer_name(char out[LAYER_NAME_BYTES], const char *format, ...)
{
    va_list values;
    va_start(values, format);
    vsnprintf(out, LAYER_NAME_BYTES, format, values);
    va_end(values);
}

/* ---- Tensors --------------------------------------------------------------------------------------------- */

static void describe_sizes(uint32_t rank, const size_t *sizes, char *out, size_t capacity)
{
    size_t length = 0;
    out[0] = '\0';
    for (uint32_t i = 0; i < rank && length < capacity; i++) {
        int written = snprintf(out + length, capacity - length, "%s%zu", i > 0 ? ", " : "", sizes[i]);
        length += written > 0 ? (size_t)written : 0;
    }
}

/* Linear layers may lie in a file as convolutions of one pixel. */
static void drop_trailing_ones(tensor *x, uint32_t rank)
{
    while (x->rank > rank && x->sizes[x->rank - 1] == 1)
        x->rank--;
}

/* Which network it is, and in which file it looks. */
static void describe_place(const layer_loader *in, char *out, size_t capacity)
{
    const char *path = in->from->path;
    snprintf(out, capacity, "%s%s%.160s%s", in->network, path != NULL ? " (" : "", path != NULL ? path : "",
             path != NULL ? ")" : "");
}

/* The tensor PREFIX.NAME.ENDING, checked. False, and the failure noted, when it is not what the network expects. */
static bool find(layer_loader *in, const char *prefix, const char *name, const char *ending, uint32_t rank,
                 const size_t *sizes, tensor *out)
{
    char full[LAYER_NAME_BYTES];
    if (in->status != LUMEN_OK)
        return false;
    layer_name(full, "%s%s%s%s%s", prefix, prefix[0] != '\0' && name[0] != '\0' ? "." : "", name,
               ending[0] != '\0' ? "." : "", ending);
    in->status = in->from->find(in->from->user, full, rank, sizes, out, in->error);
    if (in->status != LUMEN_OK)
        return false;
    drop_trailing_ones(out, rank);
    bool same = out->rank == rank;
    for (uint32_t i = 0; same && i < rank; i++)
        same = out->sizes[i] == sizes[i];
    if (!same) {
        char given[96], wanted[96], place[224];
        describe_place(in, place, sizeof place);
        describe_sizes(out->rank, out->sizes, given, sizeof given);
        describe_sizes(rank, sizes, wanted, sizeof wanted);
        in->status =
            lumen_fail(in->error, LUMEN_ERROR_INVALID,
                       "%s: the tensor %s has the sizes (%s), but this network has (%s) there; the files belong "
                       "to another model, so pull the right ones again",
                       place, full, given, wanted);
    } else if (out->type != TENSOR_F32 && out->type != TENSOR_F16 && out->type != TENSOR_BF16) {
        char place[224];
        describe_place(in, place, sizeof place);
        in->status = lumen_fail(in->error, LUMEN_ERROR_INVALID,
                                "%s: the tensor %s holds %s, but weights are f32, f16 or bf16; pull the files again",
                                place, full, tensor_type_name(out->type));
    }
    return in->status == LUMEN_OK;
}

static void forget(const layer_loader *in, const tensor *view)
{
    if (in->from->forget != NULL && view->data != NULL)
        in->from->forget(in->from->user, view);
}

/* A layer of `bytes` bytes is there or counted. */
static void account(layer_loader *in, size_t bytes)
{
    in->bytes += bytes;
    if (in->run == NULL || in->status != LUMEN_OK)
        return;
    double fraction = in->expected > 0 ? (double)in->bytes / (double)in->expected : 0.0;
    if (!operators_step(in->run, in->network, fraction > 1.0 ? 1.0 : fraction))
        in->status = operators_status(in->run, in->error);
}

/* ---- Layers ---------------------------------------------------------------------------------------------- */

linear *load_joined(layer_loader *in, const char *prefix, const char *const *names, size_t count, size_t outputs,
                    size_t inputs, linear_kind kind)
{
    tensor weights[LAYERS_JOINED_MAX] = {0}, biases[LAYERS_JOINED_MAX] = {0};
    linear *layer = NULL;
    bool biased = kind == LINEAR_BIASED;
    for (size_t i = 0; i < count; i++) {
        find(in, prefix, names[i], "weight", 2, (size_t[]){outputs, inputs}, &weights[i]);
        if (biased)
            find(in, prefix, names[i], "bias", 1, &outputs, &biases[i]);
    }
    if (in->status == LUMEN_OK && in->run != NULL)
        in->status = count == 1
                         ? linear_load(in->run, weights, biased ? biases : NULL, &layer, in->error)
                         : linear_load_joined(in->run, weights, biased ? biases : NULL, count, &layer, in->error);
    for (size_t i = 0; i < count; i++) {
        forget(in, &weights[i]);
        forget(in, &biases[i]);
    }
    account(in, count * outputs * (inputs * tensor_type_bytes(in->type) + (biased ? sizeof(float) : 0)));
    return layer;
}

linear *load_linear(layer_loader *in, const char *prefix, const char *name, size_t outputs, size_t inputs,
                    linear_kind kind)
{
    return load_joined(in, prefix, &name, 1, outputs, inputs, kind);
}

/* Rows of result `which` of head `head`. */
static tensor head_rows(const tensor *weights, size_t count, size_t heads, size_t which, size_t head)
{
    const size_t outputs = weights->sizes[0], inputs = weights->sizes[1], each = outputs / heads;
    const size_t row = (head * count + which) * each;
    const tensor *from = &weights[row / outputs];
    char *data = (char *)from->data + row % outputs * inputs * tensor_type_bytes(from->type);
    return tensor_make(from->type, 2, (size_t[]){each, inputs}, data);
}

linear *load_heads(layer_loader *in, const char *prefix, const char *const *names, size_t count, size_t outputs,
                   size_t inputs, size_t heads)
{
    tensor weights[LAYERS_JOINED_MAX] = {0}, rows[LAYERS_JOINED_MAX * LAYER_HEADS_MAX];
    linear *layer = NULL;
    if (in->status == LUMEN_OK && (heads == 0 || heads > LAYER_HEADS_MAX || outputs % heads != 0))
        in->status = lumen_fail(in->error, LUMEN_ERROR_INVALID,
                                "%s: %zu heads do not divide a width of %zu, or are more than %d; the config.json "
                                "belongs to another model, so pull it again",
                                in->network, heads, outputs, LAYER_HEADS_MAX);
    for (size_t i = 0; i < count; i++)
        find(in, prefix, names[i], "weight", 2, (size_t[]){outputs, inputs}, &weights[i]);
    if (in->status == LUMEN_OK && in->run != NULL) {
        for (size_t which = 0; which < count; which++)
            for (size_t head = 0; head < heads; head++)
                rows[which * heads + head] = head_rows(weights, count, heads, which, head);
        in->status = linear_load_joined(in->run, rows, NULL, count * heads, &layer, in->error);
    }
    for (size_t i = 0; i < count; i++)
        forget(in, &weights[i]);
    account(in, count * outputs * inputs * tensor_type_bytes(in->type));
    return layer;
}

/* ---- Fine inputs ------------------------------------------------------------------------------------------ */

size_t fine_inputs(size_t inputs)
{
    return (2 * inputs + 31) / 32 * 32;
}

void fine_split(const float *values, size_t inputs, float *out)
{
    uint16_t *rounded = (uint16_t *)(void *)(out + inputs);
    tensor_convert(TENSOR_BF16, rounded, TENSOR_F32, values, inputs);
    tensor_convert(TENSOR_F32, out, TENSOR_BF16, rounded, inputs);
    for (size_t i = 0; i < inputs; i++)
        out[inputs + i] = values[i] - out[i];
    for (size_t i = 2 * inputs; i < fine_inputs(inputs); i++)
        out[i] = 0.0f;
}

/* The columns of a weight twice, then zeros; f32, the caller's to free. */
static float *twice(const tensor *weight)
{
    const size_t outputs = weight->sizes[0], inputs = weight->sizes[1], columns = fine_inputs(inputs);
    float *out = calloc(outputs * columns, sizeof *out);
    for (size_t row = 0; out != NULL && row < outputs; row++) {
        const char *from = (const char *)weight->data + row * inputs * tensor_type_bytes(weight->type);
        tensor_convert(TENSOR_F32, out + row * columns, weight->type, from, inputs);
        memcpy(out + row * columns + inputs, out + row * columns, inputs * sizeof *out);
    }
    return out;
}

linear *load_fine_linear(layer_loader *in, const char *prefix, const char *name, size_t outputs, size_t inputs)
{
    tensor weight = {0}, bias = {0};
    linear *layer = NULL;
    find(in, prefix, name, "weight", 2, (size_t[]){outputs, inputs}, &weight);
    find(in, prefix, name, "bias", 1, &outputs, &bias);
    if (in->status == LUMEN_OK && in->run != NULL) {
        float *values = twice(&weight);
        tensor both = tensor_make(TENSOR_F32, 2, (size_t[]){outputs, fine_inputs(inputs)}, values);
        in->status = values != NULL ? linear_load(in->run, &both, &bias, &layer, in->error)
                                    : lumen_fail_memory(in->error, "the layer of a network");
        free(values);
    }
    forget(in, &weight);
    forget(in, &bias);
    account(in, outputs * (fine_inputs(inputs) * tensor_type_bytes(in->type) + sizeof(float)));
    return layer;
}

/* ---- Others ------------------------------------------------------------------------------------------------ */

convolution *load_convolution(layer_loader *in, const char *prefix, const char *name, size_t outputs, size_t inputs,
                              size_t size, uint32_t stride)
{
    const convolution_options how = {.stride = stride, .padding = (uint32_t)(size / 2), .dilation = 1};
    tensor weight = {0}, bias = {0};
    convolution *layer = NULL;
    find(in, prefix, name, "weight", 4, (size_t[]){outputs, inputs, size, size}, &weight);
    find(in, prefix, name, "bias", 1, &outputs, &bias);
    if (in->status == LUMEN_OK && in->run != NULL)
        in->status = convolution_load(in->run, &weight, &bias, &how, &layer, in->error);
    forget(in, &weight);
    forget(in, &bias);
    account(in, outputs * (inputs * size * size * tensor_type_bytes(in->type) + sizeof(float)));
    return layer;
}

static norm *load_any_norm(layer_loader *in, const char *prefix, const char *name, size_t channels, bool biased)
{
    tensor weight = {0}, bias = {0};
    norm *layer = NULL;
    find(in, prefix, name, "weight", 1, &channels, &weight);
    if (biased)
        find(in, prefix, name, "bias", 1, &channels, &bias);
    if (in->status == LUMEN_OK && in->run != NULL)
        in->status = norm_load(in->run, &weight, biased ? &bias : NULL, &layer, in->error);
    forget(in, &weight);
    forget(in, &bias);
    account(in, channels * (biased ? 2 : 1) * sizeof(float));
    return layer;
}

norm *load_norm(layer_loader *in, const char *prefix, const char *name, size_t channels)
{
    return load_any_norm(in, prefix, name, channels, true);
}

norm *load_rms_norm(layer_loader *in, const char *prefix, const char *name, size_t channels)
{
    return load_any_norm(in, prefix, name, channels, false);
}

embedding *load_embedding(layer_loader *in, const char *prefix, const char *name, size_t rows, size_t columns)
{
    tensor table = {0};
    embedding *layer = NULL;
    find(in, prefix, name, "", 2, (size_t[]){rows, columns}, &table);
    if (in->status == LUMEN_OK && in->run != NULL)
        in->status = embedding_load(in->run, &table, &layer, in->error);
    forget(in, &table);
    account(in, rows * columns * tensor_type_bytes(in->type));
    return layer;
}

/* ---- Layers that are changed as they are loaded ------------------------------------------------------------ */

float *load_values(layer_loader *in, const char *prefix, const char *name, uint32_t rank, const size_t *sizes)
{
    tensor view = {0};
    float *values = NULL;
    if (!find(in, prefix, name, "", rank, sizes, &view))
        return NULL;
    if (in->run != NULL) {
        const size_t count = tensor_count(&view), bytes = count * sizeof *values;
        values = operators_may_take(in->run, bytes) ? malloc(bytes) : NULL;
        if (values == NULL)
            in->status = lumen_fail_memory(in->error, name);
        else
            tensor_convert(TENSOR_F32, values, view.type, view.data, count);
    }
    forget(in, &view);
    return values;
}

static float *load_named(layer_loader *in, const char *prefix, const char *name, const char *ending, uint32_t rank,
                         const size_t *sizes)
{
    char full[LAYER_NAME_BYTES];
    layer_name(full, "%s.%s", name, ending);
    return load_values(in, prefix, full, rank, sizes);
}

/* What a batch norm does to a channel: x factor + shift. */
typedef struct channel_change {
    float *factor, *shift, *mean, *variance;
} channel_change;

static void load_change(layer_loader *in, const char *prefix, const char *name, size_t channels, channel_change *out)
{
    out->factor = load_named(in, prefix, name, "weight", 1, &channels);
    out->shift = load_named(in, prefix, name, "bias", 1, &channels);
    out->mean = load_named(in, prefix, name, "running_mean", 1, &channels);
    out->variance = load_named(in, prefix, name, "running_var", 1, &channels);
}

static void free_change(channel_change *change)
{
    free(change->factor);
    free(change->shift);
    free(change->mean);
    free(change->variance);
}

static void fold(const channel_change *change, float epsilon, size_t outputs, size_t each, float *weight, float *bias)
{
    for (size_t o = 0; o < outputs; o++) {
        const double variance = (double)change->variance[o] + (double)epsilon;
        const double factor = (double)change->factor[o] / sqrt(variance);
        for (size_t i = o * each; i < (o + 1) * each; i++)
            weight[i] = (float)((double)weight[i] * factor);
        bias[o] = (float)(((double)bias[o] - (double)change->mean[o]) * factor + (double)change->shift[o]);
    }
}

convolution *load_convolution_normed(layer_loader *in, const char *prefix, const char *name, const char *norm_name,
                                     size_t outputs, size_t inputs, size_t size, uint32_t dilation, float epsilon)
{
    const size_t sizes[] = {outputs, inputs, size, size};
    const convolution_options how = {.stride = 1, .padding = (uint32_t)(size / 2) * dilation, .dilation = dilation};
    channel_change change = {0};
    convolution *layer = NULL;
    float *weight = load_named(in, prefix, name, "weight", 4, sizes);
    float *bias = load_named(in, prefix, name, "bias", 1, &outputs);
    load_change(in, prefix, norm_name, outputs, &change);
    if (in->status == LUMEN_OK && in->run != NULL) {
        fold(&change, epsilon, outputs, inputs * size * size, weight, bias);
        const tensor weights = tensor_make(TENSOR_F32, 4, sizes, weight);
        const tensor biases = tensor_make(TENSOR_F32, 1, &outputs, bias);
        in->status = convolution_load(in->run, &weights, &biases, &how, &layer, in->error);
    }
    free(weight);
    free(bias);
    free_change(&change);
    account(in, outputs * (inputs * size * size * tensor_type_bytes(in->type) + sizeof(float)));
    return layer;
}

linear *load_linear_scaled(layer_loader *in, const char *prefix, const char *name, const char *scale_name,
                           size_t outputs, size_t inputs)
{
    const size_t sizes[] = {outputs, inputs};
    linear *layer = NULL;
    float *weight = load_named(in, prefix, name, "weight", 2, sizes);
    float *bias = load_named(in, prefix, name, "bias", 1, &outputs);
    float *scale = load_values(in, prefix, scale_name, 1, &outputs);
    if (in->status == LUMEN_OK && in->run != NULL) {
        for (size_t o = 0; o < outputs; o++) {
            for (size_t i = o * inputs; i < (o + 1) * inputs; i++)
                weight[i] *= scale[o];
            bias[o] *= scale[o];
        }
        const tensor weights = tensor_make(TENSOR_F32, 2, sizes, weight);
        const tensor biases = tensor_make(TENSOR_F32, 1, &outputs, bias);
        in->status = linear_load(in->run, &weights, &biases, &layer, in->error);
    }
    free(weight);
    free(bias);
    free(scale);
    account(in, outputs * (inputs * tensor_type_bytes(in->type) + sizeof(float)));
    return layer;
}

linear *load_patches(layer_loader *in, const char *prefix, const char *name, size_t outputs, size_t channels,
                     size_t size)
{
    const size_t inputs = channels * size * size;
    tensor weight = {0}, bias = {0};
    linear *layer = NULL;
    find(in, prefix, name, "weight", 4, (size_t[]){outputs, channels, size, size}, &weight);
    find(in, prefix, name, "bias", 1, &outputs, &bias);
    if (in->status == LUMEN_OK && in->run != NULL) {
        const tensor rows = tensor_make(weight.type, 2, (size_t[]){outputs, inputs}, weight.data);
        in->status = linear_load(in->run, &rows, &bias, &layer, in->error);
    }
    forget(in, &weight);
    forget(in, &bias);
    account(in, outputs * (inputs * tensor_type_bytes(in->type) + sizeof(float)));
    return layer;
}

embedding *load_made_embedding(layer_loader *in, const float *values, size_t rows, size_t columns)
{
    embedding *layer = NULL;
    if (in->status == LUMEN_OK && in->run != NULL) {
        tensor table = tensor_make(TENSOR_F32, 2, (size_t[]){rows, columns}, NULL);
        /* The loader only reads. */
        memcpy(&table.data, &values, sizeof table.data);
        in->status = embedding_load(in->run, &table, &layer, in->error);
    }
    account(in, rows * columns * tensor_type_bytes(in->type));
    return layer;
}
