/*
 * isosurface.h: from a scalar field to a closed triangle mesh.
 *
 *     isosurface_lattice lattice = {.origin = {-1, -1, -1}, .cell = 2.0f / 64, .cells = {64, 64, 64}};
 *     lumen_mesh mesh;
 *     status = isosurface_extract(&field, &lattice, scratch, result, &mesh, &error);
 *
 * Marching cubes (Lorensen & Cline 1987) with the ambiguity of a face decided by that face alone
 * (inside corners are kept apart), so that neighboring cells always agree, and with polygons cut so
 * that no diagonal lies in a cell's face: the result is a closed 2-manifold whatever the field says, also
 * when it says what is not a number (then the place is outside). Corners on the border of the lattice count
 * as outside whatever their value, so a surface that would leave is closed 1/100 of a cell before the border.
 *
 * Triangles are counter-clockwise seen from outside (from positive values). Vertices keep a distance of
 * at least 1/100 of a cell from the corners of the lattice, so that none coincide.
 */
#ifndef LUMEN_GEOMETRY_ISOSURFACE_H
#define LUMEN_GEOMETRY_ISOSURFACE_H

#include "base/arena.h"
#include "geometry/field.h"

typedef struct isosurface_lattice {
    float origin[3];   /* the corner with the smallest coordinates */
    float cell;        /* edge length of a cell */
    uint32_t cells[3]; /* number of cells along x, y, z; at most 1024 each */
} isosurface_lattice;

typedef struct isosurface_statistics {
    uint64_t evaluations; /* values asked of the field */
    uint64_t cells;       /* cells that the surface crosses */
} isosurface_statistics;

/* Extracts the surface where the field changes sign, evaluating only near it. Vertices, triangles and
 * area-weighted normals are allocated from `result`, everything else from `scratch` (rewound before
 * returning; the two must not be the same arena). A field without a sign change gives an empty mesh and
 * LUMEN_OK; so is the mesh after an error. `statistics` may be NULL. The order of vertices and triangles depends
 * on the lattice and the field alone. Scratch takes half a byte for each cell of the lattice, 256 bytes for
 * each 4×4×4 corners near the surface and 150 for each that the surface crosses.
 * Errors: LUMEN_ERROR_INVALID (lattice), LUMEN_ERROR_MEMORY, and whatever the field returns. */
lumen_status isosurface_extract(const scalar_field *field, const isosurface_lattice *lattice, arena *scratch,
                                arena *result, lumen_mesh *mesh, isosurface_statistics *statistics, lumen_error *error);

/* The same from values that lie in memory: (nx, ny, nz) corners, x fastest, nx = cells[0] + 1 and so on. */
lumen_status isosurface_extract_values(const float *values, const isosurface_lattice *lattice, arena *scratch,
                                       arena *result, lumen_mesh *mesh, lumen_error *error);

#endif
