/* Linear layers and convolutions as products on tiles: which rows, and who takes which part. */

#include "operators/cpu/tiles.h"

#include <string.h>

enum { ROWS = 16, LINE = 64, TILE = ROWS * LINE, SUMS = TILE_SUMS };

/* Rows (or pixels) that are read again for each panel should stay in the second-level cache, of which processors with
 * tiles have 2 MiB for each core, beside two panels. */
static const size_t cached_rows = (size_t)3 << 18, cached_pixels = (size_t)1 << 19;

/* Scratch memory from the arena. */
static void *scratch_of(operators *run, size_t count, size_t element)
{
    return op_empty_of(run, TENSOR_U8, 2, (size_t[]){count, element}).data;
}

/* ---- Linear layers --------------------------------------------------------------------------------------------- */

/* With more weights than rows, threads divide the outputs, so that each weight is read by one of them; otherwise they
 * divide the rows. Either way a thread brings a chunk of rows into blocks of its own right before it multiplies them,
 * when they are in its own cache: blocks that threads make for one another were slower. */
typedef struct linear_work {
    tile_product of;
    const char *x;
    size_t rows, stride; /* of x; bytes from row to row */
    size_t tiles;        /* of rows */
    bool by_outputs;
    size_t chunk; /* tiles that fit into the cache */
    size_t slice; /* steps that are taken of these at a time */
    char *blocks; /* of each thread: (chunk, slice) tiles */
    tile_rows *listed;
    float *sums; /* of each thread; when sliced those of all panels of a group and all tiles of a chunk */
    size_t sums_each;
} linear_work;

/* With many inputs, a few rows fill the cache, and all weights would be read again for each few. Then the inputs are
 * taken in slices: a slice of a chunk's rows, and the sums of a group of panels, fit into the cache together. */
enum { SLICED_INPUTS = 4096, SLICE_STEPS = 64, SLICED_CHUNK = 12, SLICED_PANELS = 32 };

/* Steps [step, step + steps) of `count` tiles of rows. */
static void block_rows(const linear_work *all, size_t tile, size_t count, size_t step, size_t steps, char *to,
                       tile_rows *listed)
{
    size_t bytes = steps * LINE;
    for (size_t i = 0; i < count; i++, to += ROWS * bytes) {
        size_t first = (tile + i) * ROWS, valid = all->rows - first < ROWS ? all->rows - first : ROWS;
        tiles_block_rows(all->x + first * all->stride + step * LINE, all->stride, valid, bytes, to);
        listed[i] = (tile_rows){.first = to, .valid = valid, .result = first};
    }
}

/* Panels [from, to) for tiles [tile, tile + count). */
static void multiply_chunk(const linear_work *all, size_t tile, size_t count, size_t from, size_t to, unsigned thread)
{
    const tile_product *of = &all->of;
    char *blocks = all->blocks + thread * all->chunk * all->slice * TILE;
    tile_rows *listed = all->listed + thread * all->chunk;
    float *sums = all->sums + thread * all->sums_each;
    if (all->slice == of->steps) {
        block_rows(all, tile, count, 0, of->steps, blocks, listed);
        tiles_multiply(of, listed, count, from, to, sums);
        return;
    }
    for (size_t panel = from; panel < to; panel += SLICED_PANELS)
        for (size_t step = 0; step < of->steps; step += all->slice) {
            size_t steps = of->steps - step < all->slice ? of->steps - step : all->slice;
            block_rows(all, tile, count, step, steps, blocks, listed);
            tiles_multiply_slice(of, listed, count, panel, to - panel < SLICED_PANELS ? to : panel + SLICED_PANELS,
                                 step, steps, sums);
        }
}

/* Work is counted in panels, or in tiles of rows. */
static void linear_range(void *argument, size_t from, size_t to, unsigned thread)
{
    const linear_work *all = argument;
    size_t first = all->by_outputs ? 0 : from, last = all->by_outputs ? all->tiles : to;
    tiles_begin();
    for (size_t tile = first; tile < last; tile += all->chunk)
        multiply_chunk(all, tile, last - tile < all->chunk ? last - tile : all->chunk, all->by_outputs ? from : 0,
                       all->by_outputs ? to : all->of.panels, thread);
    tiles_end();
}

/* `tiles` in chunks of about `fit`, none much smaller than the others: each reads all weights. */
static size_t even_chunk(size_t tiles, size_t fit)
{
    fit = fit > 3 ? fit : 3;
    size_t chunks = (tiles + fit / 2) / fit;
    return chunks > 1 ? (tiles + chunks - 1) / chunks : tiles;
}

/* `rows` rows of `in` elements, `stride` bytes apart. */
static void multiply_rows(operators *run, const tile_product *of, const char *x, size_t rows, size_t in, size_t stride)
{
    linear_work all = {.of = *of, .x = x, .rows = rows, .stride = stride};
    all.tiles = (rows + ROWS - 1) / ROWS;
    all.by_outputs = of->panels >= run->threads && 2 * of->panels * ROWS >= rows;
    bool sliced = in >= SLICED_INPUTS && !of->gated && all.tiles > 4;
    size_t each = all.by_outputs ? all.tiles : (all.tiles + run->threads - 1) / run->threads;
    all.chunk = even_chunk(each, sliced ? SLICED_CHUNK : cached_rows / (of->steps * TILE));
    all.slice = sliced ? SLICE_STEPS : of->steps;
    all.sums_each = sliced ? all.chunk * SLICED_PANELS * ROWS * 32 : SUMS;
    all.of.stride = LINE;
    all.of.step_bytes = TILE;
    all.blocks = scratch_of(run, run->threads, all.chunk * all.slice * TILE);
    all.listed = scratch_of(run, run->threads * all.chunk, sizeof *all.listed);
    all.sums = scratch_of(run, run->threads, all.sums_each * sizeof *all.sums);
    if (!operators_failed(run))
        parallel_for(run, all.by_outputs ? of->panels : all.tiles, all.by_outputs ? 1 : 2, linear_range, &all);
}

/* Whether a result of at least `least` bytes is better written past the cache: one that is much larger does not stay
 * there until it is read, and need not be fetched only to be overwritten. That costs most where each row is long: a
 * panel writes one line of each, and every one is waited for. Rows of 32 elements keep the alignment of the first. (For
 * norms, which write as fast as they read, this was slower.) */
static bool streams(const tensor *out, size_t least)
{
    return tensor_bytes(out) >= least && (uintptr_t)out->data % LINE == 0;
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
                           .lines = 1,
                           .across = 1,
                           .second = 1,
                           .panels = layer->base.out / 32,
                           .bias = cpu_bias_with(run, layer->bias, how->add_channels, n),
                           .activation = how->activation,
                           .add = added(how, at),
                           .out = (uint16_t *)out->data + at,
                           .channels = layer->base.out,
                           .streamed = how->add == NULL && streams(out, (size_t)4 << 20)};
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
                       .lines = 1,
                       .across = 1,
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

/* Output rows of one picture are taken in bands. The input pixels of a band are brought into blocks with zeros around
 * them (and twice as many, when upsampling), so that wherever the kernel stands, a tile's 16 pixels are 16 rows of a
 * block at a fixed distance. With more weights than pixels, the band is the whole picture and threads divide the
 * outputs; with more pixels than weights each thread takes bands of its own. */
typedef struct convolution_work {
    tile_product of;
    const tensor *x;
    size_t factor, pad, stride, height, width; /* height, width: of the result */
    size_t padded_width, reach;                /* in pixels; rows that one row of the result reads */
    size_t in_bytes;                           /* of a pixel */
    size_t n;
    const norm_before *norm; /* NULL: none, and no scale */
    channel_scale scale;
    size_t band, bands; /* rows of the result in a band */
    size_t blocked;     /* pixels in a band's blocks */
    size_t tiles_across;
    char *blocks; /* of all threads, or of the picture */
    size_t blocks_bytes;
    tile_rows *tiles;
    float *sums;
} convolution_work;

static void take_pixel(const convolution_work *all, const char *from, char *to, size_t at)
{
    if (all->norm != NULL)
        tiles_block_row_scaled(from, all->in_bytes, to, all->blocked, at, &all->scale,
                               all->norm->after == ACTIVATION_SILU);
    else
        tiles_block_row(from, all->in_bytes, to, all->blocked, at);
}

/* Row `row` of the picture with its border (counted from the border's first) to pixels [at, at + padded_width) of the
 * blocks. */
static void pad_row(const convolution_work *all, size_t row, char *to, size_t at)
{
    const tensor *x = all->x;
    size_t height = x->sizes[1] * all->factor, width = x->sizes[2] * all->factor, bytes = all->in_bytes;
    bool outside = row < all->pad || row - all->pad >= height;
    const char *from = NULL;
    if (!outside)
        from = (const char *)x->data + (all->n * x->sizes[1] + (row - all->pad) / all->factor) * x->sizes[2] * bytes;
    for (size_t pixel = 0; pixel < all->padded_width; pixel++)
        if (outside || pixel < all->pad || pixel - all->pad >= width)
            tiles_block_row(NULL, bytes, to, all->blocked, at + pixel);
        else
            take_pixel(all, from + (pixel - all->pad) / all->factor * bytes, to, at + pixel);
}

/* Tiles of result rows [first, first + count), whose blocks begin at `blocks`. */
static size_t list_tiles(const convolution_work *all, size_t first, size_t count, const char *blocks, tile_rows *to)
{
    size_t made = 0;
    for (size_t row = 0; row < count; row++)
        for (size_t across = 0; across < all->tiles_across; across++) {
            size_t column = across * ROWS, left = all->width - column;
            to[made++] = (tile_rows){
                .first = blocks + (row * all->padded_width + column) * all->stride * LINE,
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
        pad_row(all, row, all->blocks, row * all->padded_width);
}

static void panel_range(void *argument, size_t from, size_t to, unsigned thread)
{
    const convolution_work *all = argument;
    tiles_begin();
    tiles_multiply(&all->of, all->tiles, all->height * all->tiles_across, from, to, all->sums + thread * SUMS);
    tiles_end();
}

/* The last `kept` of a band's input rows become the first of the next one. */
static void keep_rows(const convolution_work *all, char *blocks, size_t from, size_t kept)
{
    size_t row_bytes = all->padded_width * LINE;
    for (size_t step = 0; step < all->of.steps; step++)
        memmove(blocks + step * all->of.step_bytes, blocks + step * all->of.step_bytes + from * row_bytes,
                kept * row_bytes);
}

static void band_range(void *argument, size_t from, size_t to, unsigned thread)
{
    const convolution_work *all = argument;
    char *blocks = all->blocks + thread * all->blocks_bytes;
    tile_rows *tiles = all->tiles + thread * all->band * all->tiles_across;
    size_t inputs = 0; /* rows in the blocks */
    tiles_begin();
    for (size_t band = from; band < to; band++) {
        size_t first = all->height * band / all->bands, last = all->height * (band + 1) / all->bands;
        size_t known = 0;
        if (band > from && all->reach > all->stride) {
            known = all->reach - all->stride;
            keep_rows(all, blocks, inputs - known, known);
        }
        inputs = (last - first - 1) * all->stride + all->reach;
        for (size_t row = known; row < inputs; row++)
            pad_row(all, first * all->stride + row, blocks, row * all->padded_width);
        size_t count = list_tiles(all, first, last - first, blocks, tiles);
        tiles_multiply(&all->of, tiles, count, 0, all->of.panels, all->sums + thread * SUMS);
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
        size_t fit = cached_pixels / row_bytes;
        size_t most = fit > all->reach ? (fit - all->reach) / all->stride + 1 : 1;
        most = most < 4 ? 4 : most; /* below that, most of a band would be what it shares with its neighbors */
        size_t rounds = (all->height + most * run->threads - 1) / (most * run->threads);
        all->bands = rounds * run->threads < all->height ? rounds * run->threads : all->height;
        all->band = (all->height + all->bands - 1) / all->bands;
    }
    size_t copies = by_outputs ? 1 : run->threads;
    all->blocked = ((all->band - 1) * all->stride + all->reach) * all->padded_width;
    all->blocks_bytes = all->blocked * all->in_bytes;
    all->of.stride = all->stride * LINE;
    all->of.step_bytes = all->blocked * LINE;
    all->blocks = scratch_of(run, copies, all->blocks_bytes);
    all->tiles = scratch_of(run, copies * all->band * all->tiles_across, sizeof *all->tiles);
    all->sums = scratch_of(run, run->threads, SUMS * sizeof *all->sums);
    if (operators_failed(run))
        return;
    if (by_outputs) {
        parallel_for(run, inputs, 4, pad_range, all);
        list_tiles(all, 0, all->height, all->blocks, all->tiles);
        parallel_for(run, all->of.panels, 1, panel_range, all);
    } else {
        parallel_for(run, all->bands, 1, band_range, all);
    }
}

void tiles_convolution(operators *run, const cpu_convolution *layer, const tensor *x, const tile_input *before,
                       const epilogue *how, tensor *out)
{
    const convolution *shape = &layer->base;
    size_t positions = shape->kernel_height * shape->kernel_width, pixels = out->sizes[1] * out->sizes[2];
    size_t whole = (out->sizes[2] + ROWS - 1) / ROWS * ROWS, stride = shape->how.stride;
    convolution_work all = {
        .x = x,
        .factor = before->factor,
        .norm = before->norm,
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
               .lines = shape->kernel_height,
               .across = shape->kernel_width,
               .across_bytes = shape->how.dilation * LINE,
               .second = 1,
               .panels = shape->out / 32,
               .activation = how->activation,
               .add = added(how, 0),
               .out = out->data,
               .channels = shape->out,
               .streamed = how->add == NULL && streams(out, (size_t)8 << 20)},
    };
    all.of.line_bytes = all.padded_width * shape->how.dilation * LINE;
    /* A single position without border needs no copy: pixels are rows. */
    bool rows_alone = positions == 1 && stride == 1 && all.factor == 1 && all.pad == 0 && all.norm == NULL;
    for (size_t n = 0; n < x->sizes[0] && !operators_failed(run); n++) {
        size_t mark = operators_mark(run);
        all.n = n;
        all.of.bias = cpu_bias_with(run, layer->bias, how->add_channels, n);
        if (all.norm != NULL)
            cpu_group_norm_scale(run, all.norm, x, n, &all.scale);
        if (!operators_failed(run) && rows_alone) {
            tile_product of = all.of;
            of.add = added(how, n * pixels * shape->out);
            of.out += n * pixels * shape->out;
            multiply_rows(run, &of, (const char *)x->data + n * pixels * all.in_bytes, pixels, shape->in, all.in_bytes);
        } else if (!operators_failed(run)) {
            convolve_picture(run, &all, positions * shape->in * shape->out * sizeof(uint16_t));
        }
        operators_release(run, mark);
    }
}
