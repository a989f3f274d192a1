/*
 * neighborhood.h: which solids matter near a batch of points, and how far a part is from them. Private to this room.
 */
#ifndef LUMEN_PROCEDURAL_NEIGHBORHOOD_H
#define LUMEN_PROCEDURAL_NEIGHBORHOOD_H

#include "procedural/solid.h"

enum { BATCH = SOLID_BATCH_MAX };

/* What counts as infinitely far, inside a batch. */
#define NEIGHBORHOOD_FAR 1e3f

/* A batch of points that lie close together, and the solids that matter there. */
typedef struct neighborhood {
    uint32_t count;
    const float *x;
    const float *y;
    const float *z;
    uint32_t active_count;
    uint16_t active[SOLIDS_MAX];    /* indices of solids, in the order of the parts */
    piece_range pieces[SOLIDS_MAX]; /* by index, what matters of an active solid */
} neighborhood;

/* Which parts are looked at. */
typedef struct part_set {
    bool holds[LUMEN_PARTS_MAX];
    float blend; /* the largest fillet in it */
} part_set;

/* One part alone; `blend` is how far from it a solid may lie and still matter. */
part_set part_set_of(uint32_t part, float blend);

/* Looks around `count` (1 to BATCH) points; they must live as long as `near`. Finds the solids that can matter to the
 * value at any of them: leaving the others out changes no sign, and no value near the surface. */
void look_around(const model *individual, const part_set *parts, uint32_t count, const float *x, const float *y,
                 const float *z, neighborhood *near);

/* The own distance of part k at the points, from its active solids. False when none adds anything. */
bool part_distances(const model *individual, uint32_t k, const neighborhood *near, float *distances);

/* Copies up to BATCH vertices of a mesh, from `first` on, as separate coordinates; returns how many. */
uint32_t gather_vertices(const lumen_mesh *mesh, uint32_t first, float *x, float *y, float *z);

#endif
