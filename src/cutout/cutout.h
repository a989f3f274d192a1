/*
 * cutout.h: what a picture shows, alone on white and with room around it, as PartCrafter was trained to see it.
 *
 *     status = cutout_reduce(&photograph, &error);                     // no side beyond 2000
 *     if (cutout_alpha_tells(&photograph))
 *         status = cutout_mask_of_alpha(&photograph, &mask, &error);
 *     else {
 *         status = cutout_input(&photograph.color, 1024, values, &error);
 *         ... a network makes a map of it ...
 *         status = cutout_mask_of_map(map, 1024, 1024, width, height, &mask, &error);
 *     }
 *     status = cutout_compose(&photograph.color, &mask, &picture, &error);
 *     cutout_mask_free(&mask);
 *
 * The map is stretched over its own range, split in two where Otsu's threshold lies, and freed of what is smaller than
 * 200 pixels; what is left is the mask. The box is that of the one piece with the largest outline, and the picture is
 * the box in a square of white, 1.2 times as wide as its longer side. No network is needed here; rmbg.h has one.
 */
#ifndef LUMEN_CUTOUT_CUTOUT_H
#define LUMEN_CUTOUT_CUTOUT_H

#include "base/error.h"
#include "picture/picture.h"

enum {
    CUTOUT_SIDE_MAX = 2000,  /* what is larger is made smaller first */
    CUTOUT_PIECE_MIN = 200,  /* pixels; smaller pieces are dirt */
    CUTOUT_CANVAS_MAX = 2400 /* no side of a cut-out picture is longer */
};

/* Pixels [left, left + width) of rows [top, top + height). */
typedef struct cutout_box {
    uint32_t left, top, width, height;
} cutout_box;

typedef struct cutout_mask {
    uint32_t width, height;
    uint8_t *values; /* (height, width), 255: belongs to it */
    cutout_box box;  /* of what is in the middle of the picture that is made */
} cutout_mask;

void cutout_mask_free(cutout_mask *mask);

/* Makes a picture that is longer than CUTOUT_SIDE_MAX smaller, by areas. Errors: LUMEN_ERROR_INVALID for one that would
 * have no width left, LUMEN_ERROR_MEMORY. */
lumen_status cutout_reduce(picture_photograph *photograph, lumen_error *error);

/* Whether its alpha already says what it shows: a hundredth of the pixels is transparent and a hundredth opaque. */
bool cutout_alpha_tells(const picture_photograph *photograph);

/* That alpha as it is; the box holds every pixel that is not wholly transparent. */
lumen_status cutout_mask_of_alpha(const picture_photograph *photograph, cutout_mask *out, lumen_error *error);

/* What the network sees: (side, side, 3) f32, colors from 0 to 1 less 0.5, whatever the picture's proportions. Errors:
 * LUMEN_ERROR_INVALID for a picture that is black or too small to show anything, LUMEN_ERROR_MEMORY. */
lumen_status cutout_input(const picture_image *picture, size_t side, float *out, lumen_error *error);

/* The mask of a map (rows, columns), 0 to 1, as large as the picture. Errors: LUMEN_ERROR_INVALID when nothing stands
 * out, LUMEN_ERROR_FAILED when the map holds no numbers, LUMEN_ERROR_MEMORY. */
lumen_status cutout_mask_of_map(const float *map, size_t columns, size_t rows, uint32_t width, uint32_t height,
                                cutout_mask *out, lumen_error *error);

/* The picture that goes on: the box on white, its longer side five sixths of the whole. */
lumen_status cutout_compose(const picture_image *picture, const cutout_mask *mask, picture_image *out,
                            lumen_error *error);

#endif
