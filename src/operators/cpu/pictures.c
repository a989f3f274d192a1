/* What changes the size of pictures, one row of the result at a time. */

#include "operators/cpu/cpu.h"

#include "operators/cpu/rows.h"

typedef struct picture_change {
    tensor_type type;
    const tensor *x;
    tensor *out;
    size_t factor;
} picture_change;

/* Row `row` of picture n (counted over all pictures: n * H + row). */
static char *picture_row(const tensor *x, size_t index)
{
    return (char *)x->data + index * x->sizes[2] * x->sizes[3] * tensor_type_bytes(x->type);
}

/* ---- Nearest -------------------------------------------------------------------------------------------------- */

static void upsample_range(void *argument, size_t from, size_t to, unsigned thread)
{
    (void)thread;
    const picture_change *all = argument;
    size_t bytes = all->x->sizes[3] * tensor_type_bytes(all->type), width = all->x->sizes[2];
    for (size_t index = from; index < to; index++) {
        const char *source = picture_row(all->x, index);
        char *first = picture_row(all->out, index * all->factor);
        for (size_t column = 0; column < width; column++)
            for (size_t i = 0; i < all->factor; i++)
                memcpy(first + (column * all->factor + i) * bytes, source + column * bytes, bytes);
        for (size_t i = 1; i < all->factor; i++)
            memcpy(picture_row(all->out, index * all->factor + i), first, width * all->factor * bytes);
    }
}

void cpu_upsample(operators *run, const tensor *x, size_t factor, tensor *out)
{
    picture_change all = {.type = run->type, .x = x, .out = out, .factor = factor};
    parallel_for(run, x->sizes[0] * x->sizes[1], 1, upsample_range, &all);
}

/* ---- Bilinear --------------------------------------------------------------------------------------------------- */

/* Where the center of pixel `index` of `to` falls between the centers of `from`. */
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

typedef struct corners {
    const char *low_low, *low_high, *high_low, *high_high;
    float across, down;
} corners;

ROWS_INLINE void mix_pixel(tensor_type type, const corners *at, void *to, size_t channels)
{
    for (size_t c = 0; c < channels; c++) {
        float low = row_load(type, at->low_low, c), high = row_load(type, at->high_low, c);
        low += (row_load(type, at->low_high, c) - low) * at->across;
        high += (row_load(type, at->high_high, c) - high) * at->across;
        row_store(type, to, c, low + (high - low) * at->down);
    }
}

ROWS_DISPATCH
static void mix_f32(const corners *at, void *to, size_t channels)
{
    mix_pixel(TENSOR_F32, at, to, channels);
}

ROWS_DISPATCH
static void mix_bf16(const corners *at, void *to, size_t channels)
{
    mix_pixel(TENSOR_BF16, at, to, channels);
}

static void resize_range(void *argument, size_t from, size_t to, unsigned thread)
{
    (void)thread;
    const picture_change *all = argument;
    const tensor *x = all->x, *out = all->out;
    size_t bytes = x->sizes[3] * tensor_type_bytes(all->type);
    for (size_t index = from; index < to; index++) {
        size_t n = index / out->sizes[1];
        between y = between_pixels(index % out->sizes[1], x->sizes[1], out->sizes[1]);
        const char *low = picture_row(x, n * x->sizes[1] + y.low), *high = picture_row(x, n * x->sizes[1] + y.high);
        for (size_t column = 0; column < out->sizes[2]; column++) {
            between at = between_pixels(column, x->sizes[2], out->sizes[2]);
            corners four = {low + at.low * bytes,
                            low + at.high * bytes,
                            high + at.low * bytes,
                            high + at.high * bytes,
                            at.part,
                            y.part};
            (all->type == TENSOR_BF16 ? mix_bf16 : mix_f32)(&four, picture_row(out, index) + column * bytes,
                                                            x->sizes[3]);
        }
    }
}

void cpu_resize(operators *run, const tensor *x, tensor *out)
{
    picture_change all = {.type = run->type, .x = x, .out = out};
    parallel_for(run, out->sizes[0] * out->sizes[1], 1, resize_range, &all);
}

/* ---- Maximum ------------------------------------------------------------------------------------------- */

ROWS_INLINE void largest_pixel(tensor_type type, const corners *at, void *to, size_t channels)
{
    for (size_t c = 0; c < channels; c++) {
        float low_low = row_load(type, at->low_low, c), low_high = row_load(type, at->low_high, c);
        float high_low = row_load(type, at->high_low, c), high_high = row_load(type, at->high_high, c);
        float low = low_low > low_high ? low_low : low_high;
        float high = high_low > high_high ? high_low : high_high;
        row_store(type, to, c, low > high ? low : high);
    }
}

ROWS_DISPATCH
static void largest_f32(const corners *at, void *to, size_t channels)
{
    largest_pixel(TENSOR_F32, at, to, channels);
}

ROWS_DISPATCH
static void largest_bf16(const corners *at, void *to, size_t channels)
{
    largest_pixel(TENSOR_BF16, at, to, channels);
}

/* At an odd border the window is cut off: its missing pixels are those that are there. */
static void pool_range(void *argument, size_t from, size_t to, unsigned thread)
{
    (void)thread;
    const picture_change *all = argument;
    const tensor *x = all->x, *out = all->out;
    size_t bytes = x->sizes[3] * tensor_type_bytes(all->type);
    for (size_t index = from; index < to; index++) {
        size_t n = index / out->sizes[1], row = 2 * (index % out->sizes[1]);
        size_t below = row + 1 < x->sizes[1] ? row + 1 : row;
        const char *low = picture_row(x, n * x->sizes[1] + row), *high = picture_row(x, n * x->sizes[1] + below);
        for (size_t column = 0; column < out->sizes[2]; column++) {
            size_t left = 2 * column, right = left + 1 < x->sizes[2] ? left + 1 : left;
            corners four = {low + left * bytes, low + right * bytes, high + left * bytes, high + right * bytes, 0, 0};
            (all->type == TENSOR_BF16 ? largest_bf16 : largest_f32)(&four, picture_row(out, index) + column * bytes,
                                                                    x->sizes[3]);
        }
    }
}

void cpu_max_pool(operators *run, const tensor *x, tensor *out)
{
    picture_change all = {.type = run->type, .x = x, .out = out};
    parallel_for(run, out->sizes[0] * out->sizes[1], 1, pool_range, &all);
}
