/*
 * scene.h: all part meshes of a shape as one list of triangles with linear colors.
 */
#ifndef LUMEN_PICTURE_SCENE_H
#define LUMEN_PICTURE_SCENE_H

#include "base/arena.h"
#include "base/vector.h"
#include "lumen.h"
#include "picture/color.h"
#include "picture/picture.h"

/* V vertices and T triangles, in the order of the parts. */
typedef struct scene {
    uint32_t vertex_count;
    uint32_t triangle_count;
    vec3 *positions;     /* (V) */
    vec3 *normals;       /* (V) unit length */
    vec3 *colors;        /* (V) linear light */
    uint32_t *triangles; /* (T, 3) */
    vec3 low, high;      /* bounding box; zero without vertices */
} scene;

/* The color of a part as a whole: its own, or with PICTURE_BY_PART that of the palette, as legends show it. */
void scene_part_color(const lumen_shape *shape, uint32_t part, picture_coloring coloring, uint8_t color[3]);

/* Gathers the visible triangles. The arrays live in `memory`. Errors: LUMEN_ERROR_MEMORY, LUMEN_ERROR_FAILED for
 * an index beyond its vertices or a coordinate that is not finite. */
lumen_status scene_build(const lumen_shape *shape, picture_coloring coloring, const color_decoder *decoder,
                         arena *memory, scene *out, lumen_error *error);

#endif
