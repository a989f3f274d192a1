/*
 * surface_fields.h: shapes whose distance is known, told the way networks tell it, for surface.h.
 *
 * A shape gives the signed distance of a point. What is asked is a function of it:
 *   FIELD_DISTANCE   the distance itself
 *   FIELD_TRUNCATED  10 × distance / width, cut off at ±10: all that is farther than the width looks alike
 *   FIELD_LOGIT      2 atanh(distance / width), cut off at ±10: what a network says whose sigmoid is the truncated
 * distance
 */
#ifndef LUMEN_TESTS_GEOMETRY_SURFACE_FIELDS_H
#define LUMEN_TESTS_GEOMETRY_SURFACE_FIELDS_H

#include <math.h>
#include <string.h>

#include "geometry/surface.h"

typedef float distance_function(const float p[3]);

typedef enum field_kind { FIELD_DISTANCE, FIELD_TRUNCATED, FIELD_LOGIT } field_kind;

/* What is asked, and what was. */
typedef struct known_field {
    distance_function *distance;
    field_kind kind;
    float width;
    float sign;  /* 0 and 1: negative inside; -1: positive inside */
    float noise; /* added to each value: up to so much of it, different for each point but the same each time */
    uint64_t asked, calls;
    uint64_t fail_after; /* calls; 0: never */
    lumen_status failure;
} known_field;

static inline float known_value(const known_field *field, float distance)
{
    float share = distance / (field->width > 0.0f ? field->width : 1.0f);
    float value = distance;
    if (isnan(distance))
        return distance;
    if (field->kind == FIELD_TRUNCATED)
        value = 10.0f * fminf(fmaxf(share, -1.0f), 1.0f);
    if (field->kind == FIELD_LOGIT)
        value = 2.0f * atanhf(fminf(fmaxf(share, -0.9999092f), 0.9999092f));
    return field->sign < 0.0f ? -value : value;
}

static inline lumen_status known_evaluate(void *user, const float *points, size_t count, float *values,
                                          lumen_error *error)
{
    (void)error;
    known_field *field = user;
    if (field->fail_after != 0 && ++field->calls > field->fail_after)
        return field->failure;
    field->asked += count;
    for (size_t i = 0; i < count; i++) {
        values[i] = known_value(field, field->distance(&points[3 * i]));
        if (field->noise > 0.0f) {
            uint32_t bits[3];
            memcpy(bits, &points[3 * i], sizeof bits);
            uint32_t hash = (bits[0] * 0x9e3779b1u ^ bits[1] * 0x85ebca77u ^ bits[2] * 0xc2b2ae3du) * 0x27d4eb2fu;
            values[i] += field->noise * ((float)((hash ^ hash >> 15) >> 8 & 0xffff) / 32767.5f - 1.0f);
        }
    }
    return LUMEN_OK;
}

static inline batch_field batch_of(known_field *field)
{
    return (batch_field){.evaluate = known_evaluate, .user = field};
}

/* ---- Shapes ------------------------------------------------------------------------------------- */

/* The box of TripoSG is 2.01 wide; "1/100 of the box" is a diameter of 0.0201. */
#define BOX_SHARE(n) (2.01f / (float)(n))

static inline float length3(float x, float y, float z)
{
    return sqrtf(x * x + y * y + z * z);
}

static inline float ball(const float p[3], float x, float y, float z, float radius)
{
    return length3(p[0] - x, p[1] - y, p[2] - z) - radius;
}

/* A box around a center, of half sizes. */
static inline float block(const float p[3], float x, float y, float z, float a, float b, float c)
{
    float dx = fabsf(p[0] - x) - a;
    float dy = fabsf(p[1] - y) - b;
    float dz = fabsf(p[2] - z) - c;
    float outside = length3(fmaxf(dx, 0.0f), fmaxf(dy, 0.0f), fmaxf(dz, 0.0f));
    return outside + fminf(fmaxf(dx, fmaxf(dy, dz)), 0.0f);
}

/* A rod with round ends from a to b. */
static inline float rod(const float p[3], const float a[3], const float b[3], float radius)
{
    float along[3] = {b[0] - a[0], b[1] - a[1], b[2] - a[2]};
    float to[3] = {p[0] - a[0], p[1] - a[1], p[2] - a[2]};
    float share = (along[0] * to[0] + along[1] * to[1] + along[2] * to[2]) /
                  (along[0] * along[0] + along[1] * along[1] + along[2] * along[2]);
    share = fminf(fmaxf(share, 0.0f), 1.0f);
    return length3(to[0] - share * along[0], to[1] - share * along[1], to[2] - share * along[2]) - radius;
}

/* A turn that is no multiple of anything, for shapes that lie across the lattice. */
static inline void turned(const float p[3], float q[3])
{
    q[0] = 0.8253356f * p[0] - 0.5646425f * p[1];
    float y = 0.5646425f * p[0] + 0.8253356f * p[1];
    q[1] = 0.9210610f * y - 0.3894183f * p[2];
    q[2] = 0.3894183f * y + 0.9210610f * p[2];
}

static inline float large_ball(const float p[3])
{
    return ball(p, 0.0f, 0.0f, 0.0f, 0.8f);
}

static inline float middle_ball(const float p[3])
{
    return ball(p, 0.1f, -0.07f, 0.03f, 0.4f);
}

static inline float small_ball(const float p[3])
{
    return ball(p, 0.3141f, -0.2718f, 0.1618f, 0.5f * BOX_SHARE(40));
}

static inline float plate_100(const float p[3])
{
    return block(p, 0.0f, 0.0123f, 0.0f, 0.7f, 0.5f * BOX_SHARE(100), 0.5f);
}

static inline float plate_200(const float p[3])
{
    return block(p, 0.0f, 0.0123f, 0.0f, 0.7f, 0.5f * BOX_SHARE(200), 0.5f);
}

static inline float plate_100_turned(const float p[3])
{
    float q[3];
    turned(p, q);
    return plate_100(q);
}

static inline float rod_100(const float p[3])
{
    return rod(p, (const float[3]){0.0361f, -0.7f, 0.0287f}, (const float[3]){0.0361f, 0.7f, 0.0287f},
               0.5f * BOX_SHARE(100));
}

static inline float rod_100_turned(const float p[3])
{
    float q[3];
    turned(p, q);
    return rod_100(q);
}

/* A chair's worth of thin things: a seat of 1/60, four legs and a back rail of 1/100 of the box. */
static inline float stool(const float p[3])
{
    const float radius = 0.5f * BOX_SHARE(100);
    float q[3] = {fabsf(p[0] - 0.017f), p[1], fabsf(p[2] + 0.011f)};
    float seat = block(p, 0.017f, 0.1f, -0.011f, 0.4f, 0.5f * BOX_SHARE(60), 0.4f);
    float leg = rod(q, (const float[3]){0.37f, 0.1f, 0.37f}, (const float[3]){0.42f, -0.7f, 0.42f}, radius);
    float back = rod(q, (const float[3]){0.37f, 0.1f, 0.37f}, (const float[3]){0.39f, 0.8f, 0.39f}, radius);
    float rail = rod(q, (const float[3]){0.0f, 0.8f, 0.39f}, (const float[3]){0.39f, 0.8f, 0.39f}, radius);
    return fminf(fminf(seat, leg), fminf(back, rail));
}

/* Two plates of 1/100 of the box with a gap of 1/100. */
static inline float close_sheets(const float p[3])
{
    const float half = 0.5f * BOX_SHARE(100);
    float q[3];
    turned(p, q);
    return fminf(block(q, 0.0f, 2.0f * half, 0.0f, 0.6f, half, 0.5f),
                 block(q, 0.0f, -2.0f * half, 0.0f, 0.6f, half, 0.5f));
}

/* A hollow ball with a wall of 1/100 of the box. */
static inline float shell(const float p[3])
{
    return fabsf(ball(p, 0.0f, 0.0f, 0.0f, 0.6f)) - 0.5f * BOX_SHARE(100);
}

/* The torus knot (3, 2) as 240 rods. */
static inline float knot(const float p[3])
{
    enum { SEGMENTS = 240 };
    float nearest = INFINITY;
    float last[3] = {0.0f, 0.0f, 0.0f};
    for (int i = 0; i <= SEGMENTS; i++) {
        float t = 6.2831853f * (float)i / (float)SEGMENTS;
        float around = 0.55f + 0.22f * cosf(3.0f * t);
        float here[3] = {around * cosf(2.0f * t), 0.22f * sinf(3.0f * t), around * sinf(2.0f * t)};
        if (i > 0)
            nearest = fminf(nearest, rod(p, last, here, 0.06f));
        memcpy(last, here, sizeof last);
    }
    return nearest;
}

/* ---- For parity: the same to the last bit in single precision elsewhere (bench/surface.py) --------- */

static inline float parity_ball(const float p[3])
{
    return 20.0f * (sqrtf(p[0] * p[0] + p[1] * p[1] + p[2] * p[2]) - 0.8f);
}

static inline float parity_torus(const float p[3])
{
    float around = sqrtf(p[0] * p[0] + p[2] * p[2]) - 0.6f;
    return 20.0f * (sqrtf(around * around + p[1] * p[1]) - 0.2f);
}

static inline float parity_plate(const float p[3])
{
    float high = fabsf(p[1] - 0.0123f) - 0.08f;
    float wide = fmaxf(fabsf(p[0]), fabsf(p[2])) - 0.7f;
    return 60.0f * fmaxf(high, wide);
}

typedef struct known_shape {
    const char *name;
    distance_function *distance;
} known_shape;

static const known_shape known_shapes[] = {
    {"ball, radius 0.8", large_ball},
    {"ball, radius 0.4", middle_ball},
    {"ball, 1/40 of the box", small_ball},
    {"plate, 1/100", plate_100},
    {"plate, 1/200", plate_200},
    {"plate, 1/100, turned", plate_100_turned},
    {"rod, 1/100", rod_100},
    {"rod, 1/100, turned", rod_100_turned},
    {"stool of rods, 1/100", stool},
    {"two sheets, 1/100 apart", close_sheets},
    {"shell, 1/100", shell},
    {"torus knot", knot},
};

static const known_shape parity_shapes[] = {{"ball", parity_ball}, {"torus", parity_torus}, {"plate", parity_plate}};

enum { PARITY_SHAPES = 3 };

enum { KNOWN_SHAPES = sizeof known_shapes / sizeof *known_shapes };

#endif
