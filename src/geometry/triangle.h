/*
 * triangle.h: arithmetic of triangles that neither overflows nor vanishes, inside the geometry room.
 *
 * The cross product of two edges is quadratic in their length and its length quartic, so that in 32-bit
 * floats a mesh of millimetres in a world of kilometres can already fail. All lengths are therefore scaled
 * first by a power of two, which is exact.
 */
#ifndef LUMEN_GEOMETRY_TRIANGLE_H
#define LUMEN_GEOMETRY_TRIANGLE_H

#include <float.h>
#include <math.h>

#include "base/vector.h"
#include "geometry/mesh.h"

/* A power of two that brings the box of the meshes near size one; 1 where there is no finite box. */
static inline float triangle_scale(const lumen_mesh *meshes, size_t count)
{
    float low[3];
    float high[3];
    if (!mesh_bounds(meshes, count, low, high))
        return 1.0f;
    float size = 0.0f;
    for (int axis = 0; axis < 3; axis++) {
        /* Halves first, so that the difference of the largest floats is a float too. */
        float half = 0.5f * high[axis] - 0.5f * low[axis];
        size = half > size ? half : size;
    }
    if (!(size > FLT_MIN) || !isfinite(size))
        return 1.0f;
    int exponent;
    frexpf(size, &exponent);
    return ldexpf(1.0f, -exponent);
}

/* The cross product of two edges of a triangle: along its normal, twice its area long. */
static inline vec3 triangle_cross(const float *positions, const uint32_t corners[3], float scale)
{
    const float *a = &positions[3 * (size_t)corners[0]];
    const float *b = &positions[3 * (size_t)corners[1]];
    const float *c = &positions[3 * (size_t)corners[2]];
    vec3 u = vec3_make((b[0] - a[0]) * scale, (b[1] - a[1]) * scale, (b[2] - a[2]) * scale);
    vec3 v = vec3_make((c[0] - a[0]) * scale, (c[1] - a[1]) * scale, (c[2] - a[2]) * scale);
    return vec3_cross(u, v);
}

/* `a` at length one; `fallback` where it has no direction. */
static inline vec3 unit_vector(vec3 a, vec3 fallback)
{
    float squared = vec3_dot(a, a);
    if (squared > 1e-30f && squared < 1e30f)
        return vec3_scale(a, 1.0f / sqrtf(squared));
    float largest = fmaxf(fabsf(a.x), fmaxf(fabsf(a.y), fabsf(a.z)));
    if (!(largest > 1e-37f) || !isfinite(largest))
        return fallback;
    a = vec3_make(a.x / largest, a.y / largest, a.z / largest);
    squared = vec3_dot(a, a);
    return isfinite(squared) ? vec3_scale(a, 1.0f / sqrtf(squared)) : fallback;
}

/* The unit normal of a triangle of any size; `fallback` where it has no area. */
static inline vec3 triangle_normal(const float *positions, const uint32_t corners[3], vec3 fallback)
{
    float edges[6];
    float largest = 0.0f;
    for (size_t i = 0; i < 6; i++) {
        size_t axis = i % 3;
        float from = positions[3 * (size_t)corners[0] + axis];
        float to = positions[3 * (size_t)corners[1 + i / 3] + axis];
        edges[i] = 0.5f * to - 0.5f * from;
        largest = fmaxf(largest, fabsf(edges[i]));
    }
    if (!(largest > FLT_MIN) || !isfinite(largest))
        return fallback;
    for (size_t i = 0; i < 6; i++)
        edges[i] /= largest;
    vec3 first = vec3_make(edges[0], edges[1], edges[2]);
    vec3 second = vec3_make(edges[3], edges[4], edges[5]);
    return unit_vector(vec3_cross(first, second), fallback);
}

#endif
