/* PNG by libpng, whose errors are jumps: they end in read_pixels. */

#include "picture/read.h"

#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_BYTES_MAX = 8 << 20 };

typedef struct reader {
    const picture_reading *from;
    size_t at;
    char why[80];
    lumen_status status; /* where it is no damage */
    size_t channels, pixels;
    uint8_t *rows; /* (height, width, channels) */
} reader;

static void give_bytes(png_structp png, png_bytep to, png_size_t count)
{
    reader *me = png_get_io_ptr(png);
    if (count > me->from->size - me->at)
        png_error(png, "it ends too early");
    memcpy(to, me->from->bytes + me->at, count);
    me->at += count;
}

static void stop(png_structp png, png_const_charp message)
{
    reader *me = png_get_error_ptr(png);
    snprintf(me->why, sizeof me->why, "%s", message);
    longjmp(png_jmpbuf(png), 1);
}

static void ignore(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

/* Whatever it is becomes RGB or RGBA of 8 bits. */
static void ask_for_bytes(png_structp png, png_infop info)
{
    const int color = png_get_color_type(png, info);
    png_set_expand(png); /* palettes, bits, transparent colors */
    png_set_scale_16(png);
    if (color == PNG_COLOR_TYPE_GRAY || color == PNG_COLOR_TYPE_GRAY_ALPHA)
        png_set_gray_to_rgb(png);
    png_set_interlace_handling(png);
    png_read_update_info(png, info);
}

/* Everything that may jump. `out` gets its sizes. */
static lumen_status read_pixels(png_structp png, png_infop info, reader *me, picture_photograph *out)
{
    if (setjmp(png_jmpbuf(png)))
        return picture_damaged(me->from, me->why);
    png_set_read_fn(png, me, give_bytes);
    /* Below, before memory is taken, a picture that is too large is told how large; libpng would only call it damaged.
     */
    png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_set_chunk_malloc_max(png, CHUNK_BYTES_MAX);
    png_read_info(png, info);
    const uint32_t width = png_get_image_width(png, info), height = png_get_image_height(png, info);
    me->status = picture_check_size(me->from, width, height);
    if (me->status != LUMEN_OK)
        return me->status;
    ask_for_bytes(png, info);
    me->channels = png_get_channels(png, info);
    me->pixels = (size_t)width * height;
    if ((me->channels != 3 && me->channels != 4) || png_get_rowbytes(png, info) != (size_t)width * me->channels)
        return picture_damaged(me->from, "its colors are of no known kind");
    me->rows = malloc(me->pixels * me->channels);
    if (me->rows == NULL)
        return lumen_fail_memory(me->from->error, me->from->name);
    for (int passes = png_get_interlace_type(png, info) == PNG_INTERLACE_NONE ? 1 : PNG_INTERLACE_ADAM7_PASSES;
         passes > 0; passes--)
        for (uint32_t row = 0; row < height; row++)
            png_read_row(png, me->rows + (size_t)row * width * me->channels, NULL);
    png_read_end(png, NULL);
    out->color.width = width;
    out->color.height = height;
    return LUMEN_OK;
}

/* RGBA -> RGB in place, and alpha apart. */
static lumen_status take_alpha_apart(reader *me, picture_photograph *out)
{
    out->alpha = malloc(me->pixels);
    if (out->alpha == NULL)
        return lumen_fail_memory(me->from->error, me->from->name);
    for (size_t i = 0; i < me->pixels; i++) {
        out->alpha[i] = me->rows[4 * i + 3];
        memmove(me->rows + 3 * i, me->rows + 4 * i, 3);
    }
    return LUMEN_OK;
}

lumen_status picture_read_png(const picture_reading *from, picture_photograph *out)
{
    reader me = {.from = from, .why = "it is damaged"};
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &me, stop, ignore);
    png_infop info = png == NULL ? NULL : png_create_info_struct(png);
    lumen_status status = info == NULL ? lumen_fail_memory(from->error, from->name) : read_pixels(png, info, &me, out);
    png_destroy_read_struct(&png, &info, NULL);
    if (status == LUMEN_OK && me.channels == 4)
        status = take_alpha_apart(&me, out);
    out->color.pixels = me.rows;
    return status;
}
