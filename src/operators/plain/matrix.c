/* Linear layers, convolution, attention: sums of products, in f64. */

#include "operators/plain/plain.h"

#include <math.h>

float plain_activation_of(activation which, float x)
{
    switch (which) {
    case ACTIVATION_NONE: break;
    case ACTIVATION_SILU: return x / (1.0f + expf(-x));
    case ACTIVATION_GELU: return 0.5f * x * (1.0f + erff(x * 0.70710678118654752f));
    case ACTIVATION_QUICK_GELU: return x / (1.0f + expf(-1.702f * x));
    case ACTIVATION_RELU: return x > 0.0f ? x : 0.0f;
    case ACTIVATION_SIGMOID: return 1.0f / (1.0f + expf(-x));
    }
    return x;
}

static double dot(const float *a, const float *b, size_t count)
{
    double sum = 0.0;
    for (size_t i = 0; i < count; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

static const float *row_of(const tensor *x, size_t row)
{
    return (const float *)x->data + row * tensor_stride(x);
}

/* What the epilogue makes of the sum for output channel `channel` of row `row`, where n is the row's picture. */
static float finish(const epilogue *how, double sum, size_t n, size_t row, size_t channels, size_t channel)
{
    if (how->add_channels != NULL)
        sum += (double)((const float *)how->add_channels->data)[n * channels + channel];
    float value = plain_activation_of(how->activation, (float)sum);
    if (how->add != NULL)
        value += ((const float *)how->add->data)[row * channels + channel];
    return value;
}

void plain_linear_run(operators *run, const linear *layer, const tensor *x, const epilogue *how, tensor *out)
{
    (void)run;
    const plain_linear *plain = (const plain_linear *)layer;
    float *to = out->data;
    size_t rows = tensor_rows(x), rows_each = rows / x->sizes[0];
    for (size_t row = 0; row < rows; row++)
        for (size_t o = 0; o < layer->out; o++) {
            double sum = (double)plain->bias[o] + dot(row_of(x, row), plain->weight + o * layer->in, layer->in);
            size_t n = rows_each > 0 ? row / rows_each : 0;
            to[row * layer->out + o] = finish(how, sum, n, row, layer->out, o);
        }
}

void plain_linear_geglu(operators *run, const linear *layer, const tensor *x, tensor *out)
{
    (void)run;
    const plain_linear *plain = (const plain_linear *)layer;
    float *to = out->data;
    size_t half = layer->out / 2;
    for (size_t row = 0; row < tensor_rows(x); row++)
        for (size_t o = 0; o < half; o++) {
            const float *from = row_of(x, row);
            size_t g = half + o;
            double value = (double)plain->bias[o] + dot(from, plain->weight + o * layer->in, layer->in);
            double gate = (double)plain->bias[g] + dot(from, plain->weight + g * layer->in, layer->in);
            to[row * half + o] = (float)value * plain_activation_of(ACTIVATION_GELU, (float)gate);
        }
}

/* The sum over the kernel's window at (y, x) of picture n, for output channel o; what lies outside counts as 0. */
static double window_sum(const plain_convolution *layer, const tensor *x, size_t n, size_t out_y, size_t out_x,
                         size_t o)
{
    const convolution *shape = &layer->base;
    const float *from = x->data;
    size_t height = x->sizes[1], width = x->sizes[2];
    double sum = (double)layer->bias[o];
    for (size_t ky = 0; ky < shape->kernel_height; ky++)
        for (size_t kx = 0; kx < shape->kernel_width; kx++) {
            size_t in_y = out_y * shape->how.stride + ky * shape->how.dilation;
            size_t in_x = out_x * shape->how.stride + kx * shape->how.dilation;
            if (in_y < shape->how.padding || in_y - shape->how.padding >= height || in_x < shape->how.padding ||
                in_x - shape->how.padding >= width)
                continue;
            const float *pixel =
                from + ((n * height + in_y - shape->how.padding) * width + in_x - shape->how.padding) * shape->in;
            for (size_t i = 0; i < shape->in; i++) {
                size_t at = ((o * shape->in + i) * shape->kernel_height + ky) * shape->kernel_width + kx;
                sum += (double)pixel[i] * (double)layer->weight[at];
            }
        }
    return sum;
}

void plain_convolution_run(operators *run, const convolution *layer, const tensor *x, const epilogue *how, tensor *out)
{
    (void)run;
    float *to = out->data;
    size_t height = out->sizes[1], width = out->sizes[2];
    for (size_t n = 0; n < out->sizes[0]; n++)
        for (size_t out_y = 0; out_y < height; out_y++)
            for (size_t out_x = 0; out_x < width; out_x++)
                for (size_t o = 0; o < layer->out; o++) {
                    size_t row = (n * height + out_y) * width + out_x;
                    double sum = window_sum((const plain_convolution *)layer, x, n, out_y, out_x, o);
                    to[row * layer->out + o] = finish(how, sum, n, row, layer->out, o);
                }
}

/* One query of one head: scores over all keys, softmax, the values' weighted sum. */
static void attend(const attention_call *call, size_t n, size_t head, size_t token, float *scores, float *to)
{
    size_t tokens = call->q->sizes[1], keys = call->k->sizes[1], size = call->head_size;
    const float *query = row_of(call->q, n * tokens + token) + head * size;
    for (size_t key = 0; key < keys; key++) {
        scores[key] = call->scale * (float)dot(query, row_of(call->k, n * keys + key) + head * size, size);
        if (call->mask != NULL)
            scores[key] += call->mask[token * keys + key];
        if (call->causal && key > token)
            scores[key] = -INFINITY;
    }
    plain_softmax_row(scores, keys);
    for (size_t i = 0; i < size; i++) {
        double sum = 0.0;
        for (size_t key = 0; key < keys; key++)
            sum += (double)scores[key] * (double)row_of(call->v, n * keys + key)[head * size + i];
        to[i] = (float)sum;
    }
}

void plain_attention(operators *run, const attention_call *call, tensor *out)
{
    size_t tokens = call->q->sizes[1], channels = call->q->sizes[2];
    size_t mark = operators_mark(run);
    tensor scores = op_empty(run, 1, (size_t[]){call->k->sizes[1]});
    for (size_t n = 0; scores.data != NULL && n < out->sizes[0]; n++)
        for (size_t token = 0; token < tokens; token++)
            for (size_t head = 0; head < call->heads; head++)
                attend(call, n, head, token, scores.data,
                       (float *)out->data + (n * tokens + token) * channels + head * call->head_size);
    operators_release(run, mark);
}
