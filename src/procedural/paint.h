/*
 * paint.h: the colors of a part's mesh. Private to this room.
 */
#ifndef LUMEN_PROCEDURAL_PAINT_H
#define LUMEN_PROCEDURAL_PAINT_H

#include "procedural/model.h"

/* Gives every vertex the color of the nearest solid of its part. Where two colors meet, the triangles are refined so
 * that the border is sharper than the lattice: an edge whose ends differ gets a vertex in its middle, in both of its
 * triangles, so a closed manifold stays one. The surface does not change. The mesh must have normals and attachments;
 * its arrays are replaced by ones from `result`. Errors: LUMEN_ERROR_MEMORY. */
lumen_status paint_mesh(const model *individual, uint32_t part, arena *scratch, arena *result, lumen_mesh *mesh,
                        lumen_error *error);

#endif
