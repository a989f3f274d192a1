/*
 * camera.h: where the viewer stands, and where a point of space falls on the picture.
 */
#ifndef LUMEN_PICTURE_CAMERA_H
#define LUMEN_PICTURE_CAMERA_H

#include "picture/scene.h"

/* A pinhole camera. Pixel coordinates have x to the right and y downward; pixel (0, 0) covers [0, 1] x [0, 1]. */
typedef struct camera {
    vec3 eye;
    vec3 right, up, forward; /* unit length, at right angles */
    float focal;             /* pixels per unit at distance one */
    float center_x, center_y;
} camera;

/* A rectangle of the picture in pixels. */
typedef struct camera_frame {
    float x, y, width, height;
} camera_frame;

/* Places the camera so that the scene fills the frame. Angles in degrees as in picture_options; 0 chooses the
 * azimuth so that the longer side of the scene lies rather across the view (a horse is seen from the side, a
 * person from the front) and the elevation so that flat things are seen from higher up. */
camera camera_fit(const scene *content, float azimuth, float elevation, camera_frame frame);

/* Pixel coordinates of a point, and one over its distance along the view. */
void camera_project(const camera *view, vec3 point, float *x, float *y, float *depth);

/* The direction from the eye through a place of the picture, at distance one along the view. */
vec3 camera_ray(const camera *view, float x, float y);

#endif
