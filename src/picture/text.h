/*
 * text.h: UTF-8 written on a picture, in DejaVu Sans, which is compiled into the library.
 *
 * Characters stand side by side in the order of the text, with kerning: no ligatures, no right-to-left
 * order. A character that the font lacks, and bytes that are not UTF-8, appear as a box.
 */
#ifndef LUMEN_PICTURE_TEXT_H
#define LUMEN_PICTURE_TEXT_H

#include "lumen.h"
#include "picture/color.h"
#include "picture/picture.h"

typedef struct text_face text_face;

/* What a text looks like. */
typedef struct text_style {
    float size;       /* pixels per em */
    float least_size; /* a text that is too wide shrinks down to this, then ends in an ellipsis */
    uint8_t color[3]; /* sRGB */
} text_style;

lumen_status text_open(text_face **out, lumen_error *error);
void text_close(text_face *face);

/* The width of a text in pixels at `size` pixels per em. */
float text_width(text_face *face, const char *text, float size);

/* Writes a text whose first character starts at `x` on the base line `y`, at most `width` pixels wide. */
void text_draw(text_face *face, picture_image *image, float x, float y, float width, const text_style *style,
               const char *text);

/* The same with its middle at `x`. */
void text_draw_centered(text_face *face, picture_image *image, float x, float y, float width, const text_style *style,
                        const char *text);

/* Mixes a color into a pixel in linear light; places outside the image are left out. */
void text_mix_pixel(text_face *face, picture_image *image, int32_t x, int32_t y, const uint8_t color[3],
                    float coverage);

#endif
