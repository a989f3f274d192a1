#include "picture/resample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Pillow's fixed point: weights of 22 bits, so that a sum of bytes stays below 2^31. */
enum { WEIGHT_BITS = 22 };

/* ---- Filters ------------------------------------------------------------------------------------------------ */

static double filter_radius(resample_filter filter)
{
    return filter == RESAMPLE_AREA ? 0.5 : filter == RESAMPLE_TRIANGLE ? 1.0 : 2.0;
}

static double filter_at(resample_filter filter, double x)
{
    x = fabs(x);
    if (filter == RESAMPLE_TRIANGLE)
        return x < 1.0 ? 1.0 - x : 0.0;
    if (x < 1.0)
        return ((-0.5 + 2.0) * x - (-0.5 + 3.0)) * x * x + 1.0;
    return x < 2.0 ? (((x - 5.0) * x + 8.0) * x - 4.0) * -0.5 : 0.0;
}

/* How much of pixel [index, index + 1) lies in [from, to). */
static double overlap(double index, double from, double to)
{
    const double low = index > from ? index : from, high = index + 1.0 < to ? index + 1.0 : to;
    return high > low ? high - low : 0.0;
}

/* ---- One direction -------------------------------------------------------------------------------------------- */

/* For each of `count` places of the result the source's samples [first, first + taps) and their weights. */
typedef struct axis {
    size_t count, taps_most;
    size_t *first, *taps;
    float *weights; /* taps_most for each place */
    int32_t *fixed; /* the same as whole numbers; NULL: not asked for */
} axis;

static void axis_free(axis *made)
{
    free(made->first);
    free(made->taps);
    free(made->weights);
    free(made->fixed);
}

static void weigh_place(axis *made, size_t place, size_t index, resample_filter filter, size_t from, size_t to)
{
    const double scale = (double)from / (double)to, wide = scale > 1.0 ? scale : 1.0;
    const double radius = filter_radius(filter) * wide, center = ((double)index + 0.5) * scale;
    const double low = filter == RESAMPLE_AREA ? floor(center - radius) : floor(center - radius + 0.5);
    const double high = filter == RESAMPLE_AREA ? ceil(center + radius) : floor(center + radius + 0.5);
    size_t first = low > 0.0 ? (size_t)low : 0, end = high < (double)from ? (size_t)high : from;
    first = first < from ? first : from - 1;
    end = end > first ? end : first + 1;
    end = end - first > made->taps_most ? first + made->taps_most : end;
    float *weights = made->weights + place * made->taps_most;
    double sum = 0.0;
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = first; i < end; i++) {
            const double weight = filter == RESAMPLE_AREA
                                      ? overlap((double)i, center - radius, center + radius)
                                      : filter_at(filter, ((double)i - center + 0.5) * (1.0 / wide));
            if (pass == 0) {
                sum += weight;
                continue;
            }
            const double part = sum != 0.0 ? weight / sum : 0.0;
            weights[i - first] = (float)part;
            if (made->fixed != NULL) {
                const double whole = part * (double)(1 << WEIGHT_BITS);
                made->fixed[place * made->taps_most + i - first] = (int32_t)(whole + (whole < 0.0 ? -0.5 : 0.5));
            }
        }
    made->first[place] = first;
    made->taps[place] = end - first;
}

/* Places [begin, begin + count) of `to`. To be freed also when memory ran out. */
static bool axis_make(axis *made, resample_filter filter, size_t from, size_t to, size_t begin, size_t count,
                      bool fixed)
{
    const double scale = (double)from / (double)to, wide = scale > 1.0 ? scale : 1.0;
    const double taps = 2.0 * ceil(filter_radius(filter) * wide) + 2.0;
    size_t total;
    *made = (axis){.count = count, .taps_most = taps < (double)from ? (size_t)taps : from};
    if (__builtin_mul_overflow(made->taps_most, count, &total))
        return false;
    made->first = calloc(count, sizeof *made->first);
    made->taps = calloc(count, sizeof *made->taps);
    made->weights = calloc(total, sizeof *made->weights);
    made->fixed = fixed ? calloc(total, sizeof *made->fixed) : NULL;
    if (made->first == NULL || made->taps == NULL || made->weights == NULL || (fixed && made->fixed == NULL))
        return false;
    for (size_t place = 0; place < count; place++)
        weigh_place(made, place, begin + place, filter, from, to);
    return true;
}

/* ---- Both directions -------------------------------------------------------------------------------------------- */

typedef enum samples { SAMPLES_BYTES, SAMPLES_FLOATS, SAMPLES_BYTES_ONCE } samples;

/* Rows of the source that have been resampled wait in a ring until the last row of the result that needs them. */
typedef struct job {
    samples kind;
    const char *from;
    char *to;
    size_t width, channels; /* of the source */
    size_t row_samples;     /* of a row of the result */
    axis across, down;
    char *ring;
    void *sums;  /* i32 or f32, of one row */
    size_t next; /* the first row of the source that has not been in the ring */
} job;

static size_t source_bytes(samples kind)
{
    return kind == SAMPLES_FLOATS ? sizeof(float) : 1;
}

static size_t between_bytes(samples kind)
{
    return kind == SAMPLES_BYTES ? 1 : sizeof(float);
}

static char *ring_row(const job *work, size_t row)
{
    return work->ring + row % work->down.taps_most * work->row_samples * between_bytes(work->kind);
}

static uint8_t limited(int32_t sum)
{
    sum >>= WEIGHT_BITS;
    return (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

static uint8_t rounded(float value)
{
    const float limit = value < 0.0f ? 0.0f : value > 255.0f ? 255.0f : value;
    return (uint8_t)lrintf(limit);
}

static int32_t fixed_sum(const uint8_t *from, size_t step, const int32_t *weights, size_t taps)
{
    int32_t sum = 1 << (WEIGHT_BITS - 1);
    for (size_t i = 0; i < taps; i++)
        sum += from[i * step] * weights[i];
    return sum;
}

/* Row `row` of the source into the ring. */
static void resample_row(job *work, size_t row)
{
    const axis *across = &work->across;
    const size_t channels = work->channels;
    const char *from = work->from + row * work->width * channels * source_bytes(work->kind);
    char *to = ring_row(work, row);
    for (size_t place = 0; place < across->count; place++)
        for (size_t c = 0; c < channels; c++) {
            const size_t at = across->first[place] * channels + c, out = place * channels + c;
            const size_t taps = across->taps[place], weight = place * across->taps_most;
            if (work->kind == SAMPLES_BYTES) {
                const int32_t sum = fixed_sum((const uint8_t *)from + at, channels, across->fixed + weight, taps);
                ((uint8_t *)to)[out] = limited(sum);
                continue;
            }
            float sum = 0.0f;
            for (size_t i = 0; i < taps; i++) {
                const size_t sample = at + i * channels;
                const float value = work->kind == SAMPLES_FLOATS ? ((const float *)(const void *)from)[sample]
                                                                 : (float)((const uint8_t *)from)[sample];
                sum += value * across->weights[weight + i];
            }
            ((float *)(void *)to)[out] = sum;
        }
}

/* One row of the result, summed over the rows of the ring one after another. */
static void mix_bytes(job *work, size_t place, uint8_t *to)
{
    const axis *down = &work->down;
    int32_t *sums = work->sums;
    for (size_t i = 0; i < work->row_samples; i++)
        sums[i] = 1 << (WEIGHT_BITS - 1);
    for (size_t tap = 0; tap < down->taps[place]; tap++) {
        const uint8_t *row = (const uint8_t *)ring_row(work, down->first[place] + tap);
        const int32_t weight = down->fixed[place * down->taps_most + tap];
        for (size_t i = 0; i < work->row_samples; i++)
            sums[i] += row[i] * weight;
    }
    for (size_t i = 0; i < work->row_samples; i++)
        to[i] = limited(sums[i]);
}

static void mix_floats(job *work, size_t place, char *to)
{
    const axis *down = &work->down;
    float *sums = work->kind == SAMPLES_FLOATS ? (float *)(void *)to : work->sums;
    for (size_t i = 0; i < work->row_samples; i++)
        sums[i] = 0.0f;
    for (size_t tap = 0; tap < down->taps[place]; tap++) {
        const float *row = (const float *)(const void *)ring_row(work, down->first[place] + tap);
        const float weight = down->weights[place * down->taps_most + tap];
        for (size_t i = 0; i < work->row_samples; i++)
            sums[i] += row[i] * weight;
    }
    if (work->kind == SAMPLES_BYTES_ONCE)
        for (size_t i = 0; i < work->row_samples; i++)
            ((uint8_t *)to)[i] = rounded(sums[i]);
}

static void resample_all(job *work)
{
    const axis *down = &work->down;
    const size_t bytes = work->row_samples * (work->kind == SAMPLES_FLOATS ? sizeof(float) : 1);
    work->next = down->first[0];
    for (size_t place = 0; place < down->count; place++) {
        for (; work->next < down->first[place] + down->taps[place]; work->next++)
            if (work->next >= down->first[place])
                resample_row(work, work->next);
        if (work->kind == SAMPLES_BYTES)
            mix_bytes(work, place, (uint8_t *)work->to + place * bytes);
        else
            mix_floats(work, place, work->to + place * bytes);
    }
}

static bool prepare(job *work, size_t width, size_t height, const resample_request *how, const resample_window *window)
{
    const bool fixed = work->kind == SAMPLES_BYTES;
    size_t bytes;
    if (!axis_make(&work->across, how->filter, width, how->width, window->left, window->width, fixed) ||
        !axis_make(&work->down, how->filter, height, how->height, window->top, window->height, fixed))
        return false;
    work->row_samples = window->width * work->channels;
    if (!__builtin_mul_overflow(work->row_samples * between_bytes(work->kind), work->down.taps_most, &bytes))
        work->ring = malloc(bytes);
    work->sums = calloc(work->row_samples, sizeof(float));
    return work->ring != NULL && work->sums != NULL;
}

static lumen_status resample(samples kind, const void *from, size_t width, size_t height, size_t channels,
                             const resample_request *how, void *to, lumen_error *error)
{
    job work = {.kind = kind, .from = from, .to = to, .width = width, .channels = channels};
    resample_window window = how->window;
    if (window.width == 0)
        window = (resample_window){.width = how->width, .height = how->height};
    if (width == 0 || height == 0 || channels == 0 || window.width == 0 || window.height == 0 ||
        window.left > how->width || window.width > how->width - window.left || window.top > how->height ||
        window.height > how->height - window.top)
        return lumen_fail(error, LUMEN_ERROR_INVALID,
                          "a picture of %zu x %zu cannot be made one of %zu x %zu; both need pixels", width, height,
                          how->width, how->height);
    const bool ready = prepare(&work, width, height, how, &window);
    if (ready)
        resample_all(&work);
    axis_free(&work.across);
    axis_free(&work.down);
    free(work.ring);
    free(work.sums);
    return ready ? LUMEN_OK : lumen_fail_memory(error, "a picture in another size");
}

lumen_status resample_bytes(const uint8_t *from, size_t width, size_t height, size_t channels,
                            const resample_request *how, uint8_t *to, lumen_error *error)
{
    return resample(SAMPLES_BYTES, from, width, height, channels, how, to, error);
}

lumen_status resample_floats(const float *from, size_t width, size_t height, size_t channels,
                             const resample_request *how, float *to, lumen_error *error)
{
    return resample(SAMPLES_FLOATS, from, width, height, channels, how, to, error);
}

lumen_status resample_bytes_once(const uint8_t *from, size_t width, size_t height, size_t channels,
                                 const resample_request *how, uint8_t *to, lumen_error *error)
{
    return resample(SAMPLES_BYTES_ONCE, from, width, height, channels, how, to, error);
}
