/* What moves and changes single values. */

#include "operators/plain/plain.h"

#include <math.h>
#include <string.h>

void plain_activation(operators *run, const tensor *x, activation which, tensor *out)
{
    (void)run;
    const float *from = x->data;
    float *to = out->data;
    for (size_t i = 0; i < tensor_count(x); i++)
        to[i] = plain_activation_of(which, from[i]);
}

void plain_add(operators *run, const tensor *a, const tensor *b, tensor *out)
{
    (void)run;
    const float *first = a->data, *second = b->data;
    float *to = out->data;
    size_t round = tensor_count(b); /* all of a, or its channels again and again */
    for (size_t i = 0; i < tensor_count(a); i++)
        to[i] = first[i] + second[i % round];
}

void plain_scale(operators *run, const tensor *x, float factor, float offset, tensor *out)
{
    (void)run;
    const float *from = x->data;
    float *to = out->data;
    for (size_t i = 0; i < tensor_count(x); i++)
        to[i] = from[i] * factor + offset;
}

void plain_concat(operators *run, const tensor *a, const tensor *b, tensor *out)
{
    (void)run;
    size_t first = a->sizes[a->rank - 1], second = b->sizes[b->rank - 1];
    for (size_t row = 0; row < tensor_rows(a); row++) {
        float *to = (float *)out->data + row * (first + second);
        memcpy(to, (const float *)a->data + row * first, first * sizeof *to);
        memcpy(to + first, (const float *)b->data + row * second, second * sizeof *to);
    }
}

static size_t pixel_at(const tensor *x, size_t n, size_t row, size_t column)
{
    return ((n * x->sizes[1] + row) * x->sizes[2] + column) * x->sizes[3];
}

void plain_upsample(operators *run, const tensor *x, size_t factor, tensor *out)
{
    (void)run;
    for (size_t n = 0; n < out->sizes[0]; n++)
        for (size_t row = 0; row < out->sizes[1]; row++)
            for (size_t column = 0; column < out->sizes[2]; column++)
                memcpy((float *)out->data + pixel_at(out, n, row, column),
                       (const float *)x->data + pixel_at(x, n, row / factor, column / factor),
                       x->sizes[3] * sizeof(float));
}

/* Where the center of pixel `index` of `to` falls between the centers of `from`: the pixel below it, the one above, and
 * how far it is towards the latter. */
typedef struct between {
    size_t low, high;
    float part;
} between;

static between between_pixels(size_t index, size_t from, size_t to)
{
    float place = ((float)index + 0.5f) * ((float)from / (float)to) - 0.5f;
    place = place > 0.0f ? place : 0.0f;
    size_t low = (size_t)place;
    low = low < from ? low : from - 1;
    size_t high = low + 1 < from ? low + 1 : low;
    return (between){low, high, place - (float)low};
}

void plain_resize(operators *run, const tensor *x, tensor *out)
{
    (void)run;
    const float *from = x->data;
    size_t channels = x->sizes[3];
    for (size_t n = 0; n < out->sizes[0]; n++)
        for (size_t row = 0; row < out->sizes[1]; row++) {
            between y = between_pixels(row, x->sizes[1], out->sizes[1]);
            for (size_t column = 0; column < out->sizes[2]; column++) {
                between at = between_pixels(column, x->sizes[2], out->sizes[2]);
                const float *low_low = from + pixel_at(x, n, y.low, at.low);
                const float *low_high = from + pixel_at(x, n, y.low, at.high);
                const float *high_low = from + pixel_at(x, n, y.high, at.low);
                const float *high_high = from + pixel_at(x, n, y.high, at.high);
                float *to = (float *)out->data + pixel_at(out, n, row, column);
                for (size_t c = 0; c < channels; c++) {
                    float low = low_low[c] + (low_high[c] - low_low[c]) * at.part;
                    float high = high_low[c] + (high_high[c] - high_low[c]) * at.part;
                    to[c] = low + (high - low) * y.part;
                }
            }
        }
}

void plain_max_pool(operators *run, const tensor *x, tensor *out)
{
    (void)run;
    const float *from = x->data;
    for (size_t n = 0; n < out->sizes[0]; n++)
        for (size_t row = 0; row < out->sizes[1]; row++)
            for (size_t column = 0; column < out->sizes[2]; column++) {
                size_t down = 2 * row + 1 < x->sizes[1] ? 1 : 0, right = 2 * column + 1 < x->sizes[2] ? 1 : 0;
                float *to = (float *)out->data + pixel_at(out, n, row, column);
                for (size_t c = 0; c < x->sizes[3]; c++) {
                    float largest = -INFINITY;
                    for (size_t i = 0; i <= down; i++)
                        for (size_t j = 0; j <= right; j++)
                            largest = fmaxf(largest, from[pixel_at(x, n, 2 * row + i, 2 * column + j) + c]);
                    to[c] = largest;
                }
            }
}

void plain_copy(operators *run, const tensor *x, tensor *out)
{
    (void)run;
    size_t channels = out->sizes[out->rank - 1], bytes = tensor_type_bytes(x->type);
    for (size_t row = 0; row < tensor_rows(x); row++)
        tensor_convert(TENSOR_F32, (float *)out->data + row * channels, x->type,
                       (const char *)x->data + row * tensor_stride(x) * bytes, channels);
}

void plain_to_f32(operators *run, const tensor *x, float *to)
{
    tensor dense = tensor_make(TENSOR_F32, x->rank, x->sizes, to);
    plain_copy(run, x, &dense);
}
