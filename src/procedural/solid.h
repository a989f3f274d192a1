/*
 * solid.h: distances to one solid. Private to this room.
 */
#ifndef LUMEN_PROCEDURAL_SOLID_H
#define LUMEN_PROCEDURAL_SOLID_H

#include "procedural/model.h"

enum { SOLID_BATCH_MAX = 128 }; /* points of one call */

/* A run of the pieces of a limb; other solids have one piece. */
typedef struct piece_range {
    uint16_t first;
    uint16_t end; /* one behind the last */
} piece_range;

/* Signed distances, negative inside, of `count` (at most SOLID_BATCH_MAX) points to a solid. Exact for
 * balls, limbs, boxes, rings, lathes and slabs; for an ellipsoid the first-order estimate, which is exact on the
 * surface and a few times off far from a very flat one. */
void solid_distances(const solid *one, piece_range pieces, uint32_t count, const float *x, const float *y,
                     const float *z, float *distances);

/* All pieces of a solid. */
piece_range solid_pieces(const solid *one);

/* The distance of one point, and the pieces that can be nearest to any point within `radius` of it. */
float solid_look(const solid *one, vec3 point, float radius, piece_range *pieces);

/* result = the smaller of both, rounded where they lie closer than `blend` (the quadratic polynomial smooth
 * minimum; Inigo Quilez, "smooth minimum", 2013). In place over `a`. */
void solid_unite(uint32_t count, float *a, const float *b, float blend);

/* Takes b away from a: the larger of a and -b, rounded. */
void solid_subtract(uint32_t count, float *a, const float *b, float blend);

/* Keeps of a what lies in b: the larger of both, rounded. */
void solid_intersect(uint32_t count, float *a, const float *b, float blend);

#endif
