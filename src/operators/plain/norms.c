/* Norms and softmax: statistics in f64. */

#include "operators/plain/plain.h"

#include <math.h>

static float scaled(const norm *layer, double value, size_t channel)
{
    if (layer == NULL)
        return (float)value;
    double shift = layer->bias != NULL ? (double)layer->bias[channel] : 0.0;
    return (float)(value * (double)layer->weight[channel] + shift);
}

/* One group of one picture: `pixels` rows of `each` channels, the first at `x`. */
static void normalize_group(const norm *layer, const float *x, size_t pixels, size_t channels, size_t first,
                            size_t each, float epsilon, activation after, float *to)
{
    double count = (double)pixels * (double)each, mean = 0.0, variance = 0.0;
    for (size_t pixel = 0; pixel < pixels; pixel++)
        for (size_t c = first; c < first + each; c++)
            mean += (double)x[pixel * channels + c] / count;
    for (size_t pixel = 0; pixel < pixels; pixel++)
        for (size_t c = first; c < first + each; c++) {
            double apart = (double)x[pixel * channels + c] - mean;
            variance += apart * apart / count;
        }
    double factor = 1.0 / sqrt(variance + (double)epsilon);
    for (size_t pixel = 0; pixel < pixels; pixel++)
        for (size_t c = first; c < first + each; c++) {
            double value = ((double)x[pixel * channels + c] - mean) * factor;
            to[pixel * channels + c] = plain_activation_of(after, scaled(layer, value, c));
        }
}

void plain_group_norm(operators *run, const norm *layer, const tensor *x, size_t groups, float epsilon,
                      activation after, tensor *out)
{
    (void)run;
    size_t pictures = x->sizes[0], channels = x->sizes[x->rank - 1];
    size_t pixels = tensor_rows(x) / pictures, each = channels / groups;
    for (size_t n = 0; n < pictures; n++)
        for (size_t group = 0; group < groups; group++)
            normalize_group(layer, (const float *)x->data + n * pixels * channels, pixels, channels, group * each, each,
                            epsilon, after, (float *)out->data + n * pixels * channels);
}

/* `to` may be `from`. */
static void normalize_row(const norm *layer, const float *from, size_t channels, float epsilon, bool centered,
                          float *to)
{
    double mean = 0.0, square = 0.0;
    for (size_t c = 0; centered && c < channels; c++)
        mean += (double)from[c] / (double)channels;
    for (size_t c = 0; c < channels; c++)
        square += ((double)from[c] - mean) * ((double)from[c] - mean) / (double)channels;
    double factor = 1.0 / sqrt(square + (double)epsilon);
    for (size_t c = 0; c < channels; c++)
        to[c] = scaled(layer, ((double)from[c] - mean) * factor, c);
}

void plain_row_norm(operators *run, const norm *layer, const tensor *x, float epsilon, bool centered, tensor *out)
{
    (void)run;
    size_t channels = x->sizes[x->rank - 1];
    for (size_t row = 0; row < tensor_rows(x); row++)
        normalize_row(layer, (const float *)x->data + row * channels, channels, epsilon, centered,
                      (float *)out->data + row * channels);
}

void plain_head_norm(operators *run, const norm *layer, const tensor *x, size_t heads, float epsilon)
{
    (void)run;
    size_t each = x->sizes[x->rank - 1] / heads;
    for (size_t row = 0; row < tensor_rows(x); row++)
        for (size_t head = 0; head < heads; head++) {
            float *values = (float *)x->data + row * tensor_stride(x) + head * each;
            normalize_row(layer, values, each, epsilon, false, values);
        }
}

/* A row in which everything is masked has no softmax; it becomes zeros. */
void plain_softmax_row(float *values, size_t count)
{
    float largest = -INFINITY;
    for (size_t i = 0; i < count; i++)
        largest = values[i] > largest ? values[i] : largest;
    double sum = 0.0;
    for (size_t i = 0; i < count; i++) {
        values[i] = largest > -INFINITY ? expf(values[i] - largest) : 0.0f;
        sum += (double)values[i];
    }
    for (size_t i = 0; i < count; i++)
        values[i] = sum > 0.0 ? (float)((double)values[i] / sum) : 0.0f;
}

void plain_softmax(operators *run, const tensor *x, tensor *out)
{
    (void)run;
    size_t channels = x->sizes[x->rank - 1];
    const float *from = x->data;
    float *to = out->data;
    for (size_t i = 0; i < tensor_count(x); i++)
        to[i] = from[i];
    for (size_t row = 0; row < tensor_rows(x); row++)
        plain_softmax_row(to + row * channels, channels);
}
