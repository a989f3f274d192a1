/*
 * picture.h: a shape becomes a picture, and pictures come from files.
 *
 *     picture_image image = {0};
 *     picture_options options = {.legend = true, .caption = shape->text};
 *     status = picture_render(shape, &options, &image, &error);        // 1024 x 1024
 *     status = picture_write_png(&image, &bytes, &error);
 *     picture_free(&image);
 *
 * The part meshes stand on a dark ground under a key light, a sky and a rim light, seen from the front
 * and the side. Everything is drawn on the processor, needs no file and no display, and is the same every
 * time (to the bit only on the same machine). The way of a picture: scene.h gathers the meshes, camera.h
 * frames them, raster.h finds what is visible, light.h how much light arrives there, render.c joins them.
 */
#ifndef LUMEN_PICTURE_PICTURE_H
#define LUMEN_PICTURE_PICTURE_H

#include "base/buffer.h"
#include "lumen.h"

enum {
    PICTURE_SIZE_DEFAULT = 1024,
    PICTURE_SIZE_MIN = 16,
    PICTURE_SIZE_MAX = 8192,
    PICTURE_SHEET_MAX = 1024, /* shapes of one sheet */
    PICTURE_TILE_MIN = 64,
    PICTURE_TILE_MAX = 1024
};

/* Pixels (height, width, 3) sRGB, top row first. Belongs to whoever rendered it: picture_free. */
typedef struct picture_image {
    uint32_t width;
    uint32_t height;
    uint8_t *pixels;
} picture_image;

typedef enum picture_coloring {
    PICTURE_NATURAL = 0, /* the colors of the vertices */
    PICTURE_BY_PART      /* one color per part from a palette, so that the parts can be told apart */
} picture_coloring;

/* Zero in any field means the usual. */
typedef struct picture_options {
    uint32_t width, height; /* pixels, PICTURE_SIZE_MIN to PICTURE_SIZE_MAX; 0: 1024 */
    bool legend;            /* below the shape the names of its parts, with a small one in their colors */
    const char *caption;    /* UTF-8; NULL or "": none */
    picture_coloring coloring;
    float azimuth;   /* degrees from the front (+Z) toward the shape's left (+X) at which the viewer stands;
                      * 0: chosen from the proportions (use 360 for exactly the front) */
    float elevation; /* degrees above the horizon; 0: chosen */
} picture_options;

/* Draws one shape. `options` may be NULL. Errors: LUMEN_ERROR_INVALID for a size out of range,
 * LUMEN_ERROR_MEMORY, LUMEN_ERROR_FAILED when a mesh has an index beyond its vertices. */
lumen_status picture_render(const lumen_shape *shape, const picture_options *options, picture_image *image,
                            lumen_error *error);

/* Draws `count` (1 to PICTURE_SHEET_MAX) shapes as tiles with their texts below, row by row in `columns` columns; 0
 * columns: as square as it gets, 10 for 100. A tile is `tile` pixels wide, PICTURE_TILE_MIN to PICTURE_TILE_MAX; 0:
 * 256. */
lumen_status picture_sheet(const lumen_shape *const *shapes, size_t count, uint32_t columns, uint32_t tile,
                           picture_image *image, lumen_error *error);

/* The same, tile by tile, so that a shape can be given back as soon as it is drawn. */
typedef struct sheet_drawing sheet_drawing;

lumen_status sheet_open(size_t count, uint32_t columns, uint32_t tile, sheet_drawing **out, lumen_error *error);
lumen_status sheet_draw(sheet_drawing *sheet, size_t index, const lumen_shape *shape, lumen_error *error);

/* Gives back the drawing and hands its image to `image` (NULL: the image goes too). */
void sheet_close(sheet_drawing *sheet, picture_image *image);

/* Appends the image as PNG (RGB, 8 bits, sRGB chunk). */
lumen_status picture_write_png(const picture_image *image, buffer *out, lumen_error *error);

void picture_free(picture_image *image);

/* ---- Pictures that come from outside -------------------------------------------------------------------- */

enum {
    PICTURE_READ_SIDE_MAX = 32768,      /* pixels of a side */
    PICTURE_READ_PIXELS_MAX = 64 << 20, /* of the whole */
    PICTURE_READ_BYTES_MAX = 256 << 20  /* of a file */
};

/* A picture as someone else made it. */
typedef struct picture_photograph {
    picture_image color;
    uint8_t *alpha; /* (height, width), 255: opaque; NULL: the file says nothing of it */
} picture_photograph;

/* Any PNG or JPEG, turned as its camera was held (EXIF). Gray and palettes become RGB, 16 bits 8, CMYK RGB; color
 * profiles are not followed. `pixels_max` is how many pixels are taken (0: PICTURE_READ_PIXELS_MAX, which is also the
 * most); the header is asked before memory is taken, which then is at most 14 bytes for each pixel. `name` stands in
 * messages. Errors: LUMEN_ERROR_INVALID when it is neither, damaged, cut short or too large, LUMEN_ERROR_MEMORY. */
lumen_status picture_read(const char *name, const void *bytes, size_t size, size_t pixels_max, picture_photograph *out,
                          lumen_error *error);

/* Whether picture_read may take it, from the head of the file alone: a PNG or JPEG with a size in it, of no more than
 * `pixels_max`. Takes no memory. `width` and `height` are as the file says, before it is turned. Error:
 * LUMEN_ERROR_INVALID. */
lumen_status picture_measure(const char *name, const void *bytes, size_t size, size_t pixels_max, uint32_t *width,
                             uint32_t *height, lumen_error *error);

/* picture_read of a file. LUMEN_ERROR_IO when it cannot be read. */
lumen_status picture_read_file(const char *path, size_t pixels_max, picture_photograph *out, lumen_error *error);

void picture_photograph_free(picture_photograph *photograph);

#endif
