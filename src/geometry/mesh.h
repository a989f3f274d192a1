/*
 * mesh.h: what can be asked of a triangle mesh (lumen_mesh, see lumen.h).
 */
#ifndef LUMEN_GEOMETRY_MESH_H
#define LUMEN_GEOMETRY_MESH_H

#include "base/arena.h"
#include "lumen.h"

typedef struct mesh_report {
    bool indices_valid;     /* every index names a vertex, no triangle names one twice */
    bool closed;            /* every edge has exactly two triangles */
    bool oriented;          /* ... that run along it in opposite directions */
    bool vertices_manifold; /* the triangles around each vertex form one fan */
    bool finite;            /* all coordinates are */
    uint32_t unused_vertices;
    uint32_t components; /* pieces connected through edges */
    int64_t euler;       /* V - E + F over the used vertices */
    double area;
    double volume; /* signed: positive when triangles face outward */
} mesh_report;

/* Looks a mesh over. Scratch memory is rewound before returning. Errors: LUMEN_ERROR_MEMORY. */
lumen_status mesh_check(const lumen_mesh *mesh, arena *scratch, mesh_report *report, lumen_error *error);

/* Writes area-weighted unit normals into mesh->normals, which must have room for (V, 3). A vertex whose
 * triangles have no area gets +Y. */
void mesh_compute_normals(lumen_mesh *mesh);

/* The box of all vertices of `count` meshes; coordinates that are not a number are passed over. False when
 * there is nothing to put a box around. */
bool mesh_bounds(const lumen_mesh *meshes, size_t count, float low[3], float high[3]);

/* Leaves out the specks: pieces whose surface is less than `share` of that of the largest piece and whose box is
 * shorter than `length` along each axis. Pieces are connected through vertices; a cavity is one too. What is left keeps
 * its order. All indices must be valid. `dropped` may be NULL. Scratch (4 bytes for each vertex, 32 for each piece) is
 * rewound. Errors: LUMEN_ERROR_MEMORY; the mesh is as it was. */
lumen_status mesh_drop_specks(lumen_mesh *mesh, double share, float length, arena *scratch, uint32_t *dropped,
                              lumen_error *error);

#endif
