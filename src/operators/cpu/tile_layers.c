/* Linear layers and convolutions as products on tiles: which rows, and who takes which part. */

#include <string.h>

#include "operators/cpu/tiles.h"

enum { ROWS = 16, SUMS = 32 * 32 };

/* Rows that are read again for each panel should stay in the second-level cache, of which processors with tiles have 2
 * MiB for each core. */
static const size_t cached_bytes = (size_t)5 << 18;

/* Scratch memory from the arena. */
static void *scratch_of(operators *run, size_t count, size_t element)
{
    return op_empty_of(run, TENSOR_U8, 2, (size_t[]){count, element}).data;
}

/* ---- Linear layers --------------------------------------------------------------------------------------------- */

typedef struct linear_work {
    const tile_product *of;
    const tile_rows *rows;
    size_t count, chunk; /* tiles of rows, and how many of them at a time */
    size_t groups;       /* into which the rows are divided as well, when there are fewer panels than threads */
    float *sums;         /* (threads, 32, 32) */
} linear_work;

/* Work is counted in panels, group after group. */
static void linear_range(void *argument, size_t from, size_t to, unsigned thread)
{
    const linear_work *all = argument;
    size_t panels = all->of->panels;
    tiles_begin();
    while (from < to) {
        size_t group = from / panels, panel = from % panels, count = panels - panel;
        count = count < to - from ? count : to - from;
        size_t first = all->count * group / all->groups, last = all->count * (group + 1) / all->groups;
        for (size_t row = first; row < last; row += all->chunk)
            tiles_multiply(all->of, all->rows + row, last - row < all->chunk ? last - row : all->chunk, panel,
                           panel + count, all->sums + thread * SUMS);
        from += count;
    }
    tiles_end();
}

/* `rows` rows of `in` elements, `stride` bytes apart. */
static void multiply_rows(operators *run, const tile_product *of, const char *x, size_t rows, size_t in, size_t stride)
{
    size_t count = (rows + ROWS - 1) / ROWS, row_bytes = in * sizeof(uint16_t);
    tile_rows *tiles = scratch_of(run, count, sizeof *tiles);
    char *tail = scratch_of(run, ROWS, row_bytes);
    float *sums = scratch_of(run, run->threads, SUMS * sizeof *sums);
    if (operators_failed(run))
        return;
    for (size_t i = 0; i < count; i++)
        tiles[i] = (tile_rows){.first = x + i * ROWS * stride, .stride = stride, .valid = ROWS, .result = i * ROWS};
    /* The last rows are read from a copy with as many as a tile has. */
    size_t left = rows % ROWS;
    if (left > 0) {
        memset(tail, 0, ROWS * row_bytes);
        for (size_t i = 0; i < left; i++)
            memcpy(tail + i * row_bytes, tiles[count - 1].first + i * stride, row_bytes);
        tiles[count - 1] = (tile_rows){.first = tail, .stride = row_bytes, .valid = left, .result = (count - 1) * ROWS};
    }
    size_t chunk = cached_bytes / (ROWS * row_bytes) / 2 * 2;
    linear_work all = {.of = of, .rows = tiles, .count = count, .chunk = chunk > 4 ? chunk : 4, .sums = sums};
    all.groups = of->panels >= run->threads ? 1 : (run->threads + of->panels - 1) / of->panels;
    all.groups = all.groups < count ? all.groups : count;
    parallel_for(run, of->panels * all.groups, 1, linear_range, &all);
}

static const uint16_t *added(const epilogue *how, size_t from)
{
    return how->add != NULL ? (const uint16_t *)how->add->data + from : NULL;
}

void tiles_linear(operators *run, const cpu_linear *layer, const tensor *x, const epilogue *how, tensor *out)
{
    size_t pieces = how->add_channels != NULL ? x->sizes[0] : 1, rows = tensor_rows(x) / pieces;
    size_t stride = tensor_stride(x) * sizeof(uint16_t);
    for (size_t n = 0; n < pieces && !operators_failed(run); n++) {
        size_t mark = operators_mark(run), at = n * rows * layer->base.out;
        tile_product of = {.weights = layer->tiles,
                           .steps = layer->base.in / 32,
                           .positions = 1,
                           .second = 1,
                           .panels = layer->base.out / 32,
                           .bias = cpu_bias_with(run, layer->bias, how->add_channels, n),
                           .activation = how->activation,
                           .add = added(how, at),
                           .out = (uint16_t *)out->data + at,
                           .channels = layer->base.out};
        if (of.bias != NULL)
            multiply_rows(run, &of, (const char *)x->data + n * rows * stride, rows, layer->base.in, stride);
        operators_release(run, mark);
    }
}

void tiles_geglu(operators *run, const cpu_linear *layer, const tensor *x, tensor *out)
{
    size_t mark = operators_mark(run), half = layer->base.out / 2;
    tile_product of = {.weights = layer->tiles,
                       .steps = layer->base.in / 32,
                       .positions = 1,
                       .second = half / ROWS,
                       .panels = half / ROWS,
                       .gated = true,
                       .bias = layer->bias,
                       .out = out->data,
                       .channels = half};
    multiply_rows(run, &of, x->data, tensor_rows(x), layer->base.in, tensor_stride(x) * sizeof(uint16_t));
    operators_release(run, mark);
}

/* ---- Convolutions ------------------------------------------------------------------------------------------------ */

/* Output rows of one picture are taken in bands. The input rows of a band are copied with zeros around them (and twice
 * as large, when upsampled), so that a tile's 16 pixels are 16 rows of channels at a fixed distance, wherever the
 * kernel stands. With more weights than pixels, the band is the whole picture and threads divide the outputs; with more
 * pixels than weights each thread takes bands of its own. */
typedef struct convolution_work {
    const operators *run;
    tile_product of;
    const tensor *x;
    size_t factor, pad, stride, height, width; /* height, width: of the result */
    size_t padded_width, reach;                /* in pixels; rows that one row of the result reads */
    size_t in_bytes;                           /* of a pixel */
    size_t n;
    size_t band, bands; /* rows of the result in a band */
    size_t tiles_across;
    char *padded; /* of all threads' bands, or of the picture */
    size_t padded_bytes;
    tile_rows *rows;
    float *sums;
} convolution_work;

/* Row `row` of the picture with its border (counted from the border's first). */
static void pad_row(const convolution_work *all, size_t row, char *to)
{
    const tensor *x = all->x;
    size_t height = x->sizes[1] * all->factor, width = x->sizes[2], bytes = all->in_bytes;
    size_t row_bytes = all->padded_width * bytes;
    if (row < all->pad || row - all->pad >= height) {
        memset(to, 0, row_bytes);
        return;
    }
    const char *from = (const char *)x->data + (all->n * x->sizes[1] + (row - all->pad) / all->factor) * width * bytes;
    size_t before = all->pad * bytes, room = row_bytes - before, inside = width * all->factor * bytes;
    size_t taken = inside < room ? inside : room;
    memset(to, 0, before);
    if (all->factor == 1)
        memcpy(to + before, from, taken);
    else
        for (size_t at = 0; at < taken; at += bytes)
            memcpy(to + before + at, from + at / bytes / all->factor * bytes, bytes);
    memset(to + before + taken, 0, room - taken);
}

/* Tiles of result rows [first, first + count), whose input begins at `padded`. */
static size_t list_tiles(const convolution_work *all, size_t first, size_t count, const char *padded, tile_rows *to)
{
    size_t made = 0;
    for (size_t row = 0; row < count; row++)
        for (size_t across = 0; across < all->tiles_across; across++) {
            size_t column = across * ROWS, left = all->width - column;
            to[made++] = (tile_rows){
                .first = padded + (row * all->padded_width + column) * all->stride * all->in_bytes,
                .stride = all->stride * all->in_bytes,
                .valid = left < ROWS ? left : ROWS,
                .result = (all->n * all->height + first + row) * all->width + column,
            };
        }
    return made;
}

static void pad_range(void *argument, size_t from, size_t to, unsigned thread)
{
    (void)thread;
    const convolution_work *all = argument;
    for (size_t row = from; row < to; row++)
        pad_row(all, row, all->padded + row * all->padded_width * all->in_bytes);
}

static void panel_range(void *argument, size_t from, size_t to, unsigned thread)
{
    const convolution_work *all = argument;
    tiles_begin();
    tiles_multiply(&all->of, all->rows, all->height * all->tiles_across, from, to, all->sums + thread * SUMS);
    tiles_end();
}

static void band_range(void *argument, size_t from, size_t to, unsigned thread)
{
    const convolution_work *all = argument;
    char *padded = all->padded + thread * all->padded_bytes;
    tile_rows *rows = all->rows + thread * all->band * all->tiles_across;
    tiles_begin();
    for (size_t band = from; band < to; band++) {
        size_t first = all->height * band / all->bands, last = all->height * (band + 1) / all->bands;
        size_t inputs = (last - first - 1) * all->stride + all->reach;
        for (size_t row = 0; row < inputs; row++)
            pad_row(all, first * all->stride + row, padded + row * all->padded_width * all->in_bytes);
        size_t count = list_tiles(all, first, last - first, padded, rows);
        tiles_multiply(&all->of, rows, count, 0, all->of.panels, all->sums + thread * SUMS);
    }
    tiles_end();
}

static void convolve_picture(operators *run, convolution_work *all, size_t weight_bytes)
{
    size_t row_bytes = all->padded_width * all->in_bytes, inputs = (all->height - 1) * all->stride + all->reach;
    bool by_outputs = weight_bytes >= inputs * row_bytes && all->of.panels >= run->threads;
    all->band = all->height;
    all->bands = 1;
    if (!by_outputs) {
        size_t fit = cached_bytes / row_bytes;
        size_t most = fit > all->reach ? (fit - all->reach) / all->stride + 1 : 1;
        most = most < 4 ? 4 : most; /* below that, most of a band would be what it shares with its neighbors */
        size_t rounds = (all->height + most * run->threads - 1) / (most * run->threads);
        all->bands = rounds * run->threads < all->height ? rounds * run->threads : all->height;
        all->band = (all->height + all->bands - 1) / all->bands;
    }
    size_t copies = by_outputs ? 1 : run->threads;
    all->padded_bytes = ((all->band - 1) * all->stride + all->reach) * row_bytes;
    all->padded = scratch_of(run, copies, all->padded_bytes);
    all->rows = scratch_of(run, copies * all->band * all->tiles_across, sizeof *all->rows);
    all->sums = scratch_of(run, run->threads, SUMS * sizeof *all->sums);
    if (operators_failed(run))
        return;
    if (by_outputs) {
        parallel_for(run, inputs, 4, pad_range, all);
        list_tiles(all, 0, all->height, all->padded, all->rows);
        parallel_for(run, all->of.panels, 1, panel_range, all);
    } else {
        parallel_for(run, all->bands, 1, band_range, all);
    }
}

void tiles_convolution(operators *run, const cpu_convolution *layer, const tensor *x, size_t factor,
                       const epilogue *how, tensor *out)
{
    const convolution *shape = &layer->base;
    size_t positions = shape->kernel_height * shape->kernel_width, pixels = out->sizes[1] * out->sizes[2];
    size_t whole = (out->sizes[2] + ROWS - 1) / ROWS * ROWS, stride = shape->how.stride;
    convolution_work all = {
        .run = run,
        .x = x,
        .factor = factor,
        .pad = shape->how.padding,
        .stride = stride,
        .height = out->sizes[1],
        .width = out->sizes[2],
        .padded_width = (whole - 1) * stride + (shape->kernel_width - 1) * shape->how.dilation + 1,
        .reach = (shape->kernel_height - 1) * shape->how.dilation + 1,
        .in_bytes = shape->in * sizeof(uint16_t),
        .tiles_across = whole / ROWS,
        .of = {.weights = layer->tiles,
               .steps = shape->in / 32,
               .positions = positions,
               .second = 1,
               .panels = shape->out / 32,
               .activation = how->activation,
               .add = added(how, 0),
               .out = out->data,
               .channels = shape->out},
    };
    /* A single position without border needs no copy: pixels are rows. */
    bool rows_alone = positions == 1 && stride == 1 && factor == 1 && all.pad == 0;
    for (size_t n = 0; n < x->sizes[0] && !operators_failed(run); n++) {
        size_t mark = operators_mark(run);
        size_t *offsets = scratch_of(run, positions, sizeof *offsets);
        all.n = n;
        all.of.bias = cpu_bias_with(run, layer->bias, how->add_channels, n);
        if (!operators_failed(run) && rows_alone) {
            tile_product of = all.of;
            of.add = added(how, n * pixels * shape->out);
            of.out += n * pixels * shape->out;
            multiply_rows(run, &of, (const char *)x->data + n * pixels * all.in_bytes, pixels, shape->in, all.in_bytes);
        } else if (!operators_failed(run)) {
            for (size_t i = 0; i < positions; i++)
                offsets[i] = (i / shape->kernel_width * all.padded_width + i % shape->kernel_width) *
                             shape->how.dilation * all.in_bytes;
            all.of.offsets = offsets;
            convolve_picture(run, &all, positions * shape->in * shape->out * sizeof(uint16_t));
        }
        operators_release(run, mark);
    }
}
