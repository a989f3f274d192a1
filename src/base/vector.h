/*
 * vector.h: three floats, and the few functions whose results must be equal on every machine.
 *
 * IEEE 754 fixes +, -, *, / and the square root to the last bit; it does not fix sin, cos, exp or pow,
 * and the C library's own differ between machines and versions. Whatever shapes a surface therefore
 * uses the functions here, and is compiled without contraction to fused multiply-add (meson.build).
 */
#ifndef LUMEN_BASE_VECTOR_H
#define LUMEN_BASE_VECTOR_H

#include <math.h>

typedef struct vec3 {
    float x, y, z;
} vec3;

static inline vec3 vec3_make(float x, float y, float z)
{
    return (vec3){x, y, z};
}

static inline vec3 vec3_add(vec3 a, vec3 b)
{
    return (vec3){a.x + b.x, a.y + b.y, a.z + b.z};
}

static inline vec3 vec3_subtract(vec3 a, vec3 b)
{
    return (vec3){a.x - b.x, a.y - b.y, a.z - b.z};
}

static inline vec3 vec3_scale(vec3 a, float factor)
{
    return (vec3){a.x * factor, a.y * factor, a.z * factor};
}

static inline vec3 vec3_multiply(vec3 a, vec3 b)
{
    return (vec3){a.x * b.x, a.y * b.y, a.z * b.z};
}

static inline float vec3_dot(vec3 a, vec3 b)
{
    return a.x * b.x + a.y * b.y + a.z * b.z;
}

static inline vec3 vec3_cross(vec3 a, vec3 b)
{
    return (vec3){a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}

static inline float vec3_length(vec3 a)
{
    return sqrtf(vec3_dot(a, a));
}

/* `a` at length one; `fallback` where it has no length. */
static inline vec3 vec3_normalize(vec3 a, vec3 fallback)
{
    float length = vec3_length(a);
    return length > 1e-20f ? vec3_scale(a, 1.0f / length) : fallback;
}

static inline vec3 vec3_mix(vec3 a, vec3 b, float t)
{
    return (vec3){a.x + (b.x - a.x) * t, a.y + (b.y - a.y) * t, a.z + (b.z - a.z) * t};
}

static inline float float_clamp(float value, float low, float high)
{
    return value < low ? low : value > high ? high : value;
}

/* Sine and cosine of an angle in degrees, equal to the bit everywhere; error below 1e-6. */
float sin_degrees(float angle);
float cos_degrees(float angle);

#endif
