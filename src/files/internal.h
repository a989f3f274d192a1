/*
 * internal.h: what the formats share among themselves.
 */
#ifndef LUMEN_FILES_INTERNAL_H
#define LUMEN_FILES_INTERNAL_H

#include "files/files.h"

/* "" for a text that is not there. */
static inline const char *files_text(const char *text)
{
    return text == NULL ? "" : text;
}

/* The name of part `index` (from 0), also where a shape has no names. */
static inline const char *files_part_name(const lumen_shape *shape, uint32_t index)
{
    return shape->part_names == NULL || shape->part_names[index] == NULL ? "part" : shape->part_names[index];
}

/* How sure that name is, 0..1; 1 where all are certain. */
static inline float files_part_confidence(const lumen_shape *shape, uint32_t index)
{
    const float value = shape->part_confidence == NULL ? 1.0f : shape->part_confidence[index];
    return value > 0.0f ? (value < 1.0f ? value : 1.0f) : 0.0f; /* and 0 for a NaN */
}

/* Part `index` as a mesh; an empty one where a shape has none. */
static inline lumen_mesh files_part_mesh(const lumen_shape *shape, uint32_t index)
{
    return shape->part_meshes == NULL ? (lumen_mesh){0} : shape->part_meshes[index];
}

/* A triangle that names a vertex twice has no area and no place in a file. */
static inline bool files_triangle_collapsed(const uint32_t *triangle)
{
    return triangle[0] == triangle[1] || triangle[1] == triangle[2] || triangle[2] == triangle[0];
}

/* LUMEN_ERROR_FAILED when any part mesh has an index beyond its vertices or a coordinate that is not finite. */
lumen_status files_check_meshes(const lumen_shape *shape, lumen_error *error);

/* The verdict over a finished format: LUMEN_ERROR_MEMORY when its buffer failed. */
lumen_status files_finish(const buffer *out, const char *what, lumen_error *error);

#endif
