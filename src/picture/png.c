#include "base/error.h"
#include "picture/picture.h"

#include <png.h>
#include <setjmp.h>
#include <stdlib.h>

/* A low level of compression with filters: most of the size for a fraction of the time. */
enum { COMPRESSION_LEVEL = 3 };

static void append_bytes(png_structp writer, png_bytep bytes, png_size_t size)
{
    buffer *out = png_get_io_ptr(writer);
    buffer_append(out, bytes, size);
    if (buffer_failed(out))
        png_error(writer, "memory");
}

static void flush_nothing(png_structp writer)
{
    (void)writer;
}

/* The library would print; here the caller reports. */
static void stop(png_structp writer, png_const_charp message)
{
    (void)message;
    longjmp(png_jmpbuf(writer), 1);
}

static void ignore(png_structp writer, png_const_charp message)
{
    (void)writer;
    (void)message;
}

/* Everything between the creation of the writer and its end. False when libpng stopped. */
static bool write_image(png_structp writer, png_infop info, const picture_image *image, buffer *out)
{
    if (setjmp(png_jmpbuf(writer)))
        return false;
    png_set_write_fn(writer, out, append_bytes, flush_nothing);
    png_set_compression_level(writer, COMPRESSION_LEVEL);
    png_set_filter(writer, PNG_FILTER_TYPE_BASE, PNG_FILTER_SUB | PNG_FILTER_UP);
    png_set_IHDR(writer, info, image->width, image->height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_set_sRGB(writer, info, PNG_sRGB_INTENT_PERCEPTUAL);
    png_write_info(writer, info);
    for (uint32_t row = 0; row < image->height; row++)
        png_write_row(writer, image->pixels + 3 * (size_t)row * image->width);
    png_write_end(writer, info);
    return true;
}

lumen_status picture_write_png(const picture_image *image, buffer *out, lumen_error *error)
{
    png_structp writer = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, stop, ignore);
    png_infop info = writer == NULL ? NULL : png_create_info_struct(writer);
    bool written = info != NULL && write_image(writer, info, image, out);
    png_destroy_write_struct(&writer, &info);
    return written ? LUMEN_OK : lumen_fail_memory(error, "a PNG file");
}

void picture_free(picture_image *image)
{
    free(image->pixels);
    *image = (picture_image){0};
}
