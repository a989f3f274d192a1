/* sculptures.h: a viewer in a picture without a display, and shapes of words, for the tests of the viewer. */
#ifndef LUMEN_TESTS_SCULPTURES_H
#define LUMEN_TESTS_SCULPTURES_H

#include "offscreen/offscreen.h"
#include "viewer/viewer.h"

typedef struct studio {
    lumen *library;
    offscreen *place;
    viewer *sculpture;
    uint32_t width, height, count;
    uint8_t *pixels;   /* (height, width, 4) of the last studio_picture */
    float *positions;  /* (count, 3) of the last studio_read */
    uint8_t *part_ids; /* (count) */
    double now;
} studio;

studio studio_open(uint32_t width, uint32_t height, const viewer_options *options);
void studio_close(studio *room);

lumen_shape *studio_shape(studio *room, const char *text, uint32_t points);

/* Frames of a sixtieth of a second. */
void studio_run(studio *room, double seconds);

void studio_read(studio *room);
void studio_picture(studio *room);

/* The sum of all channels of the last picture. */
uint64_t studio_brightness(const studio *room);

/* The mean distance of the first particles from the points of the shape. */
float studio_distance(const studio *room, const lumen_shape *shape);

/* The number of a part by its name; 0 for none. */
uint32_t studio_part(const lumen_shape *shape, const char *name);

#endif
