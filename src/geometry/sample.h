/*
 * sample.h: points spread evenly over the surfaces of several parts.
 *
 *     point_cloud points;
 *     status = sample_surfaces(meshes, 6, 2048, seed, scratch, result, &points, &error);
 *
 * Every part of the visible area is equally likely (area-weighted; triangles marked hidden are left
 * out), and the points are stratified: the area, laid end to end in the order of the triangles, is cut into
 * as many equal strata as there are points, with one point at random in each, so that they spread more
 * evenly than independent draws. Within a triangle: the square-root map of Osada et al., "Shape
 * Distributions", 2002, section 4.2.
 *
 * The strata are visited in steps of nearly the golden section of their number, so that any first m points
 * are spread over the whole shape too: by the three-gap theorem (Sos 1958) such steps leave gaps of at most
 * three sizes, and the golden section those that differ least.
 */
#ifndef LUMEN_GEOMETRY_SAMPLE_H
#define LUMEN_GEOMETRY_SAMPLE_H

#include "base/arena.h"
#include "lumen.h"

/* N points, each array allocated from one arena. */
typedef struct point_cloud {
    uint32_t count;
    float *positions;   /* (N, 3) */
    float *normals;     /* (N, 3) unit length, interpolated from the vertices */
    float *attachments; /* (N) interpolated; 0 where a mesh has none */
    uint8_t *part_ids;  /* (N) 1 + index of the mesh */
    uint8_t *colors;    /* (N, 3) interpolated; white where a mesh has none */
} point_cloud;

/* Exactly `count` points over `mesh_count` (at most 255) meshes. Same meshes and seed, same bytes.
 * Triangles without area and empty meshes get no points. The points come ordered so that any first m of
 * them are spread over the whole shape too. `scratch` is rewound; `result` must be another arena. Errors:
 * LUMEN_ERROR_FAILED when there is no visible area at all, LUMEN_ERROR_INVALID (more than 255 meshes),
 * LUMEN_ERROR_MEMORY; no points then. */
lumen_status sample_surfaces(const lumen_mesh *meshes, size_t mesh_count, uint32_t count, uint64_t seed, arena *scratch,
                             arena *result, point_cloud *points, lumen_error *error);

#endif
