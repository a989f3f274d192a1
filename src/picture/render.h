/*
 * render.h: a shape drawn into a part of an image.
 */
#ifndef LUMEN_PICTURE_RENDER_H
#define LUMEN_PICTURE_RENDER_H

#include "picture/camera.h"
#include "picture/color.h"
#include "picture/picture.h"

/* Where and how to draw. */
typedef struct render_target {
    picture_image *image;
    uint32_t x, y, width, height; /* pixels of the image that are painted over, background and all */
    camera_frame content;         /* where the shape goes, measured from (x, y) */
    bool over;                    /* keep what the image shows behind the shape instead of painting a stage */
    picture_coloring coloring;
    float azimuth, elevation; /* as in picture_options */
} render_target;

/* Draws a shape. Scratch memory is rewound before returning. Errors: as picture_render. */
lumen_status render_shape(const lumen_shape *shape, const render_target *target, arena *scratch, lumen_error *error);

#endif
