/*
 * homes.h: where each particle belongs. A shape's points become particles: the first N stand exactly on the points,
 * the rest are copies with a jitter of 0.02, for the most part along the surface.
 *
 *     particle_homes homes;
 *     status = homes_open(side, &homes, &error);
 *     homes_of_shape(&homes, shape);       // or homes_of_ring(&homes)
 *     homes_close(&homes);
 */
#ifndef LUMEN_VIEWER_HOMES_H
#define LUMEN_VIEWER_HOMES_H

#include "base/error.h"
#include "base/vector.h"
#include "lumen.h"

typedef struct particle_homes {
    uint32_t side, count; /* count = side * side */
    float *places;        /* (count, 4) xyz, attachment */
    uint8_t *paints;      /* (count, 4) sRGB, part id */
    uint8_t *normals;     /* (count, 4) 0..255 for -1..1; the last is 255 where there is a normal, else 0 */

    bool ring;
    uint32_t part_count;
    vec3 center;
    float radius;  /* of a sphere around the center that holds all */
    vec3 half;     /* half the bounding box */
    float spacing; /* mean distance between particles on the surface */
    float aura[3]; /* mean color, 0..1 */
} particle_homes;

lumen_status homes_open(uint32_t side, particle_homes *out, lumen_error *error);
void homes_close(particle_homes *homes);

/* Coordinates that are not finite count as 0, part ids beyond the limit as no part. A shape with more points than there
 * are particles gives an even selection. False for a shape without points, which changes nothing. */
bool homes_of_shape(particle_homes *homes, const lumen_shape *shape);

/* The ring of a viewer at rest. */
void homes_of_ring(particle_homes *homes);

#endif
