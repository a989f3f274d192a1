/* Norms and softmax: statistics in f32 lanes, gathered in f64. */

#include "operators/cpu/cpu.h"

#include <math.h>

#include "operators/cpu/bf16.h"
#include "operators/cpu/rows.h"

/* ---- Group norm ----------------------------------------------------------------------------------------------- */

/* Two passes over the picture. The first gathers, for each channel, the sum and the sum of squares of what its values
 * differ from the channel's first value: taking that away keeps the squares small, so that f32 suffices for the
 * variance. The second multiplies and shifts each channel, and activates. */

typedef struct group_norm {
    tensor_type type;
    const char *x;
    char *out;
    size_t pixels, channels;
    const float *first;     /* (C) values of the first pixel */
    double *sums, *squares; /* (threads, C) */
    float *partial;         /* (threads, 2 C) */
    channel_scale scale;
    activation after;
} group_norm;

ROWS_DISPATCH
static void gather_f32(const float *x, size_t pixels, size_t channels, const float *first, float *restrict sum,
                       float *restrict square)
{
    for (size_t pixel = 0; pixel < pixels; pixel++, x += channels)
        for (size_t c = 0; c < channels; c++) {
            float apart = x[c] - first[c];
            sum[c] += apart;
            square[c] += apart * apart;
        }
}

/* Sums in f32 run over a few pixels only. */
enum { GATHERED_PIXELS = 64 };

static void gather_range(void *argument, size_t from, size_t to, unsigned thread)
{
    const group_norm *all = argument;
    size_t channels = all->channels, bytes = channels * tensor_type_bytes(all->type);
    float *sum = all->partial + 2 * thread * channels, *square = sum + channels;
    double *sums = all->sums + thread * channels, *squares = all->squares + thread * channels;
    for (size_t pixel = from; pixel < to; pixel += GATHERED_PIXELS) {
        size_t count = to - pixel < GATHERED_PIXELS ? to - pixel : GATHERED_PIXELS;
        memset(sum, 0, 2 * channels * sizeof *sum);
        const void *x = all->x + pixel * bytes;
        if (all->type == TENSOR_BF16)
            bf16_gather(x, count, channels, all->first, sum, square);
        else
            gather_f32(x, count, channels, all->first, sum, square);
        for (size_t c = 0; c < channels; c++) {
            sums[c] += (double)sum[c];
            squares[c] += (double)square[c];
        }
    }
}

/* Factor and shift of each channel of a group, from the sums of all threads (which lie in the first thread's). */
static void settle_group(const group_norm *all, const norm *layer, size_t from, size_t each, float epsilon,
                         float *factor, float *shift)
{
    double pixels = (double)all->pixels, count = pixels * (double)each, mean = 0.0, variance = 0.0;
    for (size_t c = from; c < from + each; c++)
        mean += ((double)all->first[c] * pixels + all->sums[c]) / count;
    for (size_t c = from; c < from + each; c++) {
        /* Sum of (first + apart - mean)^2 over the channel. */
        double offset = (double)all->first[c] - mean;
        variance += (all->squares[c] + 2.0 * offset * all->sums[c] + offset * offset * pixels) / count;
    }
    double scale = 1.0 / sqrt((variance > 0.0 ? variance : 0.0) + (double)epsilon);
    for (size_t c = from; c < from + each; c++) {
        double weight = layer != NULL ? (double)layer->weight[c] : 1.0;
        double bias = layer != NULL && layer->bias != NULL ? (double)layer->bias[c] : 0.0;
        factor[c] = (float)(scale * weight);
        shift[c] = (float)(bias - mean * scale * weight);
    }
}

ROWS_INLINE void apply_pixels(activation after, const group_norm *all, size_t from, size_t to)
{
    size_t channels = all->channels;
    const float *factor = all->scale.factor, *shift = all->scale.shift;
    const float *x = (const float *)(const void *)all->x + from * channels;
    float *out = (float *)(void *)all->out + from * channels;
    for (size_t pixel = from; pixel < to; pixel++, x += channels, out += channels)
        for (size_t c = 0; c < channels; c++)
            out[c] = row_activation(after, x[c] * factor[c] + shift[c]);
}

ROWS_DISPATCH
static void apply_f32(const group_norm *all, size_t from, size_t to)
{
    if (all->after == ACTIVATION_SILU)
        apply_pixels(ACTIVATION_SILU, all, from, to);
    else
        apply_pixels(ACTIVATION_NONE, all, from, to);
}

static void apply_range(void *argument, size_t from, size_t to, unsigned thread)
{
    (void)thread;
    const group_norm *all = argument;
    size_t at = from * all->channels * sizeof(uint16_t);
    if (all->type == TENSOR_BF16)
        bf16_affine((const uint16_t *)(const void *)(all->x + at), (uint16_t *)(void *)(all->out + at), to - from,
                    all->channels, all->scale.factor, all->scale.shift, all->after == ACTIVATION_SILU);
    else
        apply_f32(all, from, to);
}

static size_t grain_of(size_t channels)
{
    return (1u << 14) / channels + 1;
}

static group_norm picture_of(const operators *run, const tensor *x, size_t n)
{
    size_t channels = x->sizes[x->rank - 1], pixels = tensor_rows(x) / x->sizes[0];
    return (group_norm){.type = run->type,
                        .x = (const char *)x->data + n * pixels * channels * tensor_type_bytes(run->type),
                        .pixels = pixels,
                        .channels = channels};
}

bool cpu_group_norm_scale(operators *run, const norm_before *how, const tensor *x, size_t n, channel_scale *out)
{
    group_norm all = picture_of(run, x, n);
    size_t channels = all.channels, each = channels / how->groups;
    size_t doubles = 2 * run->threads * channels * sizeof(double);
    size_t floats = (2 * run->threads + 3) * channels * sizeof(float);
    char *memory = op_empty_of(run, TENSOR_U8, 1, (size_t[]){doubles + floats}).data;
    if (memory == NULL)
        return false;
    memset(memory, 0, doubles);
    all.sums = (double *)(void *)memory;
    all.squares = all.sums + run->threads * channels;
    all.partial = (float *)(void *)(memory + doubles);
    float *first = all.partial + 2 * run->threads * channels, *factor = first + channels, *shift = factor + channels;
    for (size_t c = 0; c < channels; c++)
        first[c] = row_load(all.type, all.x, c);
    all.first = first;
    parallel_for(run, all.pixels, grain_of(channels), gather_range, &all);
    for (size_t thread = 1; thread < run->threads; thread++)
        for (size_t c = 0; c < channels; c++) {
            all.sums[c] += all.sums[thread * channels + c];
            all.squares[c] += all.squares[thread * channels + c];
        }
    for (size_t group = 0; group < how->groups; group++)
        settle_group(&all, how->layer, group * each, each, how->epsilon, factor, shift);
    *out = (channel_scale){.factor = factor, .shift = shift};
    return true;
}

void cpu_group_norm(operators *run, const norm *layer, const tensor *x, size_t groups, float epsilon, activation after,
                    tensor *out)
{
    const norm_before how = {.layer = layer, .groups = (uint32_t)groups, .epsilon = epsilon, .after = after};
    for (size_t n = 0; n < x->sizes[0] && !operators_failed(run); n++) {
        size_t mark = operators_mark(run);
        group_norm all = picture_of(run, x, n);
        all.out = (char *)out->data + (all.x - (const char *)x->data);
        all.after = after;
        if (cpu_group_norm_scale(run, &how, x, n, &all.scale))
            parallel_for(run, all.pixels, grain_of(all.channels), apply_range, &all);
        operators_release(run, mark);
    }
    if (after != ACTIVATION_SILU && after != ACTIVATION_NONE && !operators_failed(run))
        cpu_activation(run, out, after, out);
}

/* ---- Layer norm and root mean square ------------------------------------------------------------------- */

typedef struct row_norm {
    tensor_type type;
    const char *x;
    char *out;
    size_t channels;
    const float *weight, *bias; /* NULL: 1 and 0 */
    float epsilon;
    bool centered;
} row_norm;

ROWS_INLINE float sum_row(const float *row, size_t count)
{
    float lanes[ROW_LANES] = {0};
    size_t i = 0;
    for (; i + ROW_LANES <= count; i += ROW_LANES)
        for (size_t lane = 0; lane < ROW_LANES; lane++)
            lanes[lane] += row[i + lane];
    for (; i < count; i++)
        lanes[0] += row[i];
    return row_lanes_sum(lanes);
}

ROWS_INLINE float sum_squares(const float *row, size_t count, float mean)
{
    float lanes[ROW_LANES] = {0};
    size_t i = 0;
    for (; i + ROW_LANES <= count; i += ROW_LANES)
        for (size_t lane = 0; lane < ROW_LANES; lane++)
            lanes[lane] += (row[i + lane] - mean) * (row[i + lane] - mean);
    for (; i < count; i++)
        lanes[0] += (row[i] - mean) * (row[i] - mean);
    return row_lanes_sum(lanes);
}

ROWS_DISPATCH
static void normalize_f32(const float *x, float *out, size_t count, const row_norm *how)
{
    float mean = how->centered ? sum_row(x, count) / (float)count : 0.0f;
    float factor = 1.0f / sqrtf(sum_squares(x, count, mean) / (float)count + how->epsilon);
    for (size_t c = 0; c < count; c++)
        out[c] = (x[c] - mean) * factor;
    for (size_t c = 0; how->weight != NULL && c < count; c++)
        out[c] *= how->weight[c];
    for (size_t c = 0; how->bias != NULL && c < count; c++)
        out[c] += how->bias[c];
}

static void normalize_range(void *argument, size_t from, size_t to, unsigned thread)
{
    (void)thread;
    const row_norm *all = argument;
    for (size_t row = from; row < to; row++) {
        const void *x = all->x + row * all->channels * tensor_type_bytes(all->type);
        void *out = all->out + row * all->channels * tensor_type_bytes(all->type);
        if (all->type == TENSOR_BF16)
            bf16_normalize(x, out, all->channels, all->weight, all->bias, all->epsilon, all->centered);
        else
            normalize_f32(x, out, all->channels, all);
    }
}

void cpu_row_norm(operators *run, const norm *layer, const tensor *x, float epsilon, bool centered, tensor *out)
{
    size_t channels = x->sizes[x->rank - 1];
    row_norm all = {.type = run->type,
                    .x = x->data,
                    .out = out->data,
                    .channels = channels,
                    .weight = layer != NULL ? layer->weight : NULL,
                    .bias = layer != NULL ? layer->bias : NULL,
                    .epsilon = epsilon,
                    .centered = centered};
    parallel_for(run, tensor_rows(x), (1u << 14) / channels + 1, normalize_range, &all);
}

typedef struct head_norm {
    row_norm each; /* of one head */
    size_t heads, stride;
} head_norm;

static void normalize_heads_range(void *argument, size_t from, size_t to, unsigned thread)
{
    (void)thread;
    const head_norm *all = argument;
    const row_norm *how = &all->each;
    size_t bytes = tensor_type_bytes(how->type);
    for (size_t row = from; row < to; row++)
        for (size_t head = 0; head < all->heads; head++) {
            void *values = how->out + (row * all->stride + head * how->channels) * bytes;
            if (how->type == TENSOR_BF16)
                bf16_normalize(values, values, how->channels, how->weight, how->bias, how->epsilon, false);
            else
                normalize_f32(values, values, how->channels, how);
        }
}

void cpu_head_norm(operators *run, const norm *layer, const tensor *x, size_t heads, float epsilon)
{
    size_t channels = x->sizes[x->rank - 1];
    head_norm all = {.each = {.type = run->type,
                              .out = x->data,
                              .channels = channels / heads,
                              .weight = layer != NULL ? layer->weight : NULL,
                              .bias = layer != NULL ? layer->bias : NULL,
                              .epsilon = epsilon},
                     .heads = heads,
                     .stride = tensor_stride(x)};
    parallel_for(run, tensor_rows(x), (1u << 14) / channels + 1, normalize_heads_range, &all);
}

/* ---- Softmax ------------------------------------------------------------------------------------------- */

ROWS_INLINE void softmax_row(tensor_type type, const char *x, char *out, size_t count)
{
    float largest = -INFINITY, sum = 0.0f;
    for (size_t i = 0; i < count; i++) {
        float value = row_load(type, x, i);
        largest = value > largest ? value : largest;
    }
    float base = largest > -INFINITY ? largest : 0.0f;
    for (size_t i = 0; i < count; i++)
        sum += row_exp(row_load(type, x, i) - base);
    float factor = largest > -INFINITY ? 1.0f / sum : 0.0f;
    for (size_t i = 0; i < count; i++)
        row_store(type, out, i, row_exp(row_load(type, x, i) - base) * factor);
}

typedef struct softmax {
    tensor_type type;
    const char *x;
    char *out;
    size_t count;
} softmax;

ROWS_DISPATCH
static void softmax_range(void *argument, size_t from, size_t to, unsigned thread)
{
    (void)thread;
    const softmax *all = argument;
    size_t bytes = all->count * tensor_type_bytes(all->type);
    for (size_t row = from; row < to; row++)
        if (all->type == TENSOR_BF16)
            softmax_row(TENSOR_BF16, all->x + row * bytes, all->out + row * bytes, all->count);
        else
            softmax_row(TENSOR_F32, all->x + row * bytes, all->out + row * bytes, all->count);
}

void cpu_softmax(operators *run, const tensor *x, tensor *out)
{
    softmax all = {.type = run->type, .x = x->data, .out = out->data, .count = x->sizes[x->rank - 1]};
    parallel_for(run, tensor_rows(x), (1u << 14) / all.count + 1, softmax_range, &all);
}
