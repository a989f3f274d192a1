/* Frames, curves, and the geometry of each kind of solid. */

#include "procedural/placing.h"

#include <string.h>

enum {
    CURVE_PIECES = 5, /* straight pieces between two points of a smooth curve */
    NODES_MAX = SCULPT_ARGUMENTS_MAX * CURVE_PIECES
};

/* Below this a size counts as nothing and the solid is left out: a horn of length 0 is no horn. */
static const float NOTHING = 1e-4f;

/* ---- Frames ----------------------------------------------------------------------------------------------- */

/* Rows of the rotation about x, then y, then z: a local point p lies at p.x * row 0 + p.y * row 1 + p.z * row 2. */
static void turn_rows(vec3 degrees, float rows[9])
{
    float sx = sin_degrees(degrees.x), cx = cos_degrees(degrees.x);
    float sy = sin_degrees(degrees.y), cy = cos_degrees(degrees.y);
    float sz = sin_degrees(degrees.z), cz = cos_degrees(degrees.z);
    const float matrix[9] = {
        cy * cz,
        cy * sz,
        -sy,
        sx * sy * cz - cx * sz,
        sx * sy * sz + cx * cz,
        sx * cy,
        cx * sy * cz + sx * sz,
        cx * sy * sz - sx * cz,
        cx * cy,
    };
    memcpy(rows, matrix, sizeof matrix);
}

static vec3 turn_point(const float rows[9], vec3 p)
{
    return (vec3){p.x * rows[0] + p.y * rows[3] + p.z * rows[6], p.x * rows[1] + p.y * rows[4] + p.z * rows[7],
                  p.x * rows[2] + p.y * rows[5] + p.z * rows[8]};
}

/* The rows of `inner` seen through `outer`. */
static void turn_compose(const float outer[9], const float inner[9], float rows[9])
{
    for (int row = 0; row < 3; row++) {
        vec3 axis = turn_point(outer, vec3_make(inner[3 * row], inner[3 * row + 1], inner[3 * row + 2]));
        rows[3 * row] = axis.x;
        rows[3 * row + 1] = axis.y;
        rows[3 * row + 2] = axis.z;
    }
}

static vec3 frame_point(const frame *where, vec3 p)
{
    return vec3_add(where->origin, turn_point(where->rotation, vec3_scale(p, where->scale)));
}

frame frame_of_model(void)
{
    return (frame){.rotation = {1, 0, 0, 0, 1, 0, 0, 0, 1}, .scale = 1.0f};
}

frame frame_inside(const frame *outer, vec3 place, vec3 degrees, float scale)
{
    frame inner = {.origin = frame_point(outer, place), .scale = float_clamp(outer->scale * scale, 0.0f, 1e3f)};
    float rows[9];
    turn_rows(degrees, rows);
    turn_compose(outer->rotation, rows, inner.rotation);
    return inner;
}

/* ---- Curves ------------------------------------------------------------------------------------------------- */

/* Catmull-Rom between b and c, at t in [0, 1]. */
static float curve(float a, float b, float c, float d, float t)
{
    return b + 0.5f * t * (c - a + t * (2.0f * a - 5.0f * b + 4.0f * c - d + t * (3.0f * (b - c) + d - a)));
}

/* Refines `count` nodes of `width` floats into a smooth curve through them; returns the new count. */
static uint32_t smooth_nodes(const float *nodes, uint32_t count, uint32_t width, bool closed, float *out)
{
    uint32_t made = 0;
    uint32_t pieces = closed ? count : count - 1;
    for (uint32_t i = 0; i < pieces; i++) {
        uint32_t before = i > 0 ? i - 1 : closed ? count - 1 : 0;
        uint32_t next = (i + 1) % count;
        uint32_t after = closed ? (i + 2) % count : i + 2 < count ? i + 2 : count - 1;
        for (uint32_t k = 0; k < CURVE_PIECES; k++, made++)
            for (uint32_t c = 0; c < width; c++)
                out[made * width + c] = curve(nodes[before * width + c], nodes[i * width + c], nodes[next * width + c],
                                              nodes[after * width + c], (float)k / (float)CURVE_PIECES);
    }
    if (!closed) {
        memcpy(out + made * width, nodes + (count - 1) * width, width * sizeof *out);
        made++;
    }
    return made;
}

/* ---- Solids -------------------------------------------------------------------------------------------------- */

static float least(float a, float b)
{
    return a < b ? a : b;
}

static float most(float a, float b)
{
    return a > b ? a : b;
}

/* Copies nodes into the arena, refined when they shall be smooth. */
static bool keep_nodes(const solid_order *order, solid *made, const float *nodes, uint32_t count, uint32_t width,
                       bool smooth, bool closed)
{
    float *kept = arena_array(order->memory, float, (size_t)(smooth ? NODES_MAX : count) * width);
    if (kept == NULL)
        return false;
    if (smooth)
        count = smooth_nodes(nodes, count, width, closed, kept);
    else
        memcpy(kept, nodes, (size_t)count * width * sizeof *kept);
    made->nodes = kept;
    made->node_count = count;
    return true;
}

/* Frame whose y axis is `axis`, standing at `foot`. */
static void stand_along(const solid_order *order, vec3 foot, vec3 axis, solid *made)
{
    vec3 up = vec3_normalize(turn_point(order->where->rotation, axis), vec3_make(0, 1, 0));
    vec3 other = fabsf(up.z) < 0.8f ? vec3_make(0, 0, 1) : vec3_make(1, 0, 0);
    vec3 side = vec3_normalize(vec3_cross(up, other), vec3_make(1, 0, 0));
    vec3 front = vec3_cross(side, up);
    const float rows[9] = {side.x, side.y, side.z, up.x, up.y, up.z, front.x, front.y, front.z};
    memcpy(made->rotation, rows, sizeof rows);
    made->origin = frame_point(order->where, foot);
}

static void stand_turned(const solid_order *order, vec3 center, solid *made)
{
    float rows[9];
    turn_rows(order->turn, rows);
    turn_compose(order->where->rotation, rows, made->rotation);
    made->origin = frame_point(order->where, center);
    made->center = made->origin;
}

/* The outline's smallest width is not cheap to know; half the shorter side of its box serves as well. */
static void bound_outline(solid *made, float low[2], float high[2])
{
    for (int c = 0; c < 2; c++) {
        low[c] = 1e30f;
        high[c] = -1e30f;
    }
    for (uint32_t i = 0; i < made->node_count; i++) {
        for (int c = 0; c < 2; c++) {
            low[c] = least(low[c], made->nodes[2 * i + (uint32_t)c]);
            high[c] = most(high[c], made->nodes[2 * i + (uint32_t)c]);
        }
    }
}

static placing_outcome make_limb(const solid_order *order, solid *made)
{
    float nodes[SCULPT_ARGUMENTS_MAX / 2 * 4];
    uint32_t count = order->argument_count / 2u;
    float scale = order->where->scale;
    float largest = 0.0f;
    for (uint32_t i = 0; i < count; i++) {
        vec3 at = frame_point(order->where, order->arguments[2 * i]);
        float radius = most(order->arguments[2 * i + 1].x * scale, 0.0f);
        const float node[4] = {at.x, at.y, at.z, radius};
        memcpy(nodes + 4 * i, node, sizeof node);
        largest = most(largest, radius);
    }
    if (largest <= NOTHING)
        return PLACING_NOTHING;
    if (!keep_nodes(order, made, nodes, count, 4, order->kind == SOLID_TUBE, false))
        return PLACING_MEMORY;
    vec3 low = vec3_make(1e30f, 1e30f, 1e30f);
    vec3 high = vec3_make(-1e30f, -1e30f, -1e30f);
    for (uint32_t i = 0; i < made->node_count; i++) {
        const float *n = made->nodes + 4 * i;
        low = vec3_make(least(low.x, n[0]), least(low.y, n[1]), least(low.z, n[2]));
        high = vec3_make(most(high.x, n[0]), most(high.y, n[1]), most(high.z, n[2]));
    }
    made->kind = SOLID_LIMB;
    made->center = vec3_mix(low, high, 0.5f);
    for (uint32_t i = 0; i < made->node_count; i++) {
        const float *n = made->nodes + 4 * i;
        float distance = vec3_length(vec3_subtract(vec3_make(n[0], n[1], n[2]), made->center)) + most(n[3], 0.0f);
        made->reach = most(made->reach, distance);
    }
    made->thickness = 2.0f * largest;
    return PLACING_MADE;
}

static float distance_to_piece(const float *p, const float *a, const float *b)
{
    float eu = b[0] - a[0];
    float ev = b[1] - a[1];
    float square = eu * eu + ev * ev;
    float t = square > 1e-20f ? ((p[0] - a[0]) * eu + (p[1] - a[1]) * ev) / square : 0.0f;
    t = float_clamp(t, 0.0f, 1.0f);
    float du = p[0] - a[0] - eu * t;
    float dv = p[1] - a[1] - ev * t;
    return sqrtf(du * du + dv * dv);
}

/* Where a profile comes back close to itself lies a thin wall: the side of a cup, the shade of a lamp. Places that are
 * near each other along the profile too are only a small edge. */
static float thinnest_wall(const float *profile, uint32_t count)
{
    float thinnest = 1e3f;
    for (uint32_t i = 0; i < count; i++) {
        float along = 0.0f;
        for (uint32_t n = i + 1; n + 1 < count; n++) {
            const float *a = profile + 2 * n;
            along += distance_to_piece(a, a - 2, a - 2);
            float gap = distance_to_piece(profile + 2 * i, a, a + 2);
            if (along > 4.0f * gap && gap < thinnest)
                thinnest = gap;
        }
    }
    return thinnest;
}

/* A profile of (radius, height) turned about local y. Ends that do not lie on the axis are closed to it. */
static placing_outcome make_lathe(const solid_order *order, solid *made, const float *profile, uint32_t count,
                                  bool smooth)
{
    float nodes[NODES_MAX * 2 + 4];
    uint32_t count_given = count;
    if (smooth)
        count = smooth_nodes(profile, count, 2, false, nodes);
    else
        memcpy(nodes, profile, (size_t)count * 2 * sizeof *nodes);
    float widest = 0.0f;
    for (uint32_t i = 0; i < count; i++) {
        nodes[2 * i] = most(nodes[2 * i], 0.0f);
        widest = most(widest, nodes[2 * i]);
    }
    if (widest <= NOTHING)
        return PLACING_NOTHING;
    memmove(nodes + 2, nodes, (size_t)count * 2 * sizeof *nodes);
    nodes[0] = 0.0f;
    nodes[1] = nodes[3];
    nodes[2 * count + 2] = 0.0f;
    nodes[2 * count + 3] = nodes[2 * count + 1];
    if (!keep_nodes(order, made, nodes, count + 2, 2, false, false))
        return PLACING_MEMORY;
    float low[2];
    float high[2];
    bound_outline(made, low, high);
    if (high[1] - low[1] <= NOTHING)
        return PLACING_NOTHING;
    float half = 0.5f * (high[1] - low[1]);
    made->kind = SOLID_LATHE;
    made->center = vec3_add(made->origin, turn_point(made->rotation, vec3_make(0, low[1] + half, 0)));
    made->reach = sqrtf(widest * widest + half * half) + made->round;
    made->thickness = 2.0f * (least(widest, half) + made->round);
    made->wall = least(made->thickness, thinnest_wall(profile, count_given) + 2.0f * made->round);
    return PLACING_MADE;
}

static placing_outcome make_slab(const solid_order *order, solid *made)
{
    float scale = order->where->scale;
    float nodes[SCULPT_ARGUMENTS_MAX];
    uint32_t count = (order->argument_count - 2u) / 2u;
    for (uint32_t i = 0; i < 2 * count; i++)
        nodes[i] = order->arguments[2 + i].x * scale;
    stand_turned(order, order->arguments[0], made);
    made->size[2] = 0.5f * order->arguments[1].x * scale;
    if (made->size[2] <= NOTHING)
        return PLACING_NOTHING;
    if (!keep_nodes(order, made, nodes, count, 2, order->smooth, true))
        return PLACING_MEMORY;
    float low[2];
    float high[2];
    bound_outline(made, low, high);
    float half[2] = {0.5f * (high[0] - low[0]), 0.5f * (high[1] - low[1])};
    if (half[0] <= NOTHING || half[1] <= NOTHING)
        return PLACING_NOTHING;
    made->round = least(made->round, 0.9f * made->size[2]);
    made->center = vec3_add(made->origin, turn_point(made->rotation, vec3_make(low[0] + half[0], low[1] + half[1], 0)));
    made->reach = sqrtf(half[0] * half[0] + half[1] * half[1] + made->size[2] * made->size[2]);
    made->thickness = 2.0f * least(made->size[2], least(half[0], half[1]));
    return PLACING_MADE;
}

placing_outcome solid_place(const solid_order *order, solid *made)
{
    float scale = order->where->scale;
    switch (order->kind) {
    case SOLID_BALL:
        stand_turned(order, order->arguments[0], made);
        made->size[0] = order->arguments[1].x * scale;
        made->reach = made->size[0];
        made->thickness = 2.0f * made->reach;
        return made->reach > NOTHING ? PLACING_MADE : PLACING_NOTHING;
    case SOLID_ELLIPSOID:
    case SOLID_BOX: {
        vec3 size = vec3_scale(order->arguments[1], scale);
        float smallest = least(size.x, least(size.y, size.z));
        stand_turned(order, order->arguments[0], made);
        made->size[0] = size.x;
        made->size[1] = size.y;
        made->size[2] = size.z;
        made->thickness = 2.0f * smallest;
        made->reach = order->kind == SOLID_BOX ? vec3_length(size) : most(size.x, most(size.y, size.z));
        made->round = least(made->round, 0.98f * smallest);
        return smallest > NOTHING ? PLACING_MADE : PLACING_NOTHING;
    }
    case SOLID_LIMB:
    case SOLID_TUBE: return make_limb(order, made);
    case SOLID_ROD: {
        vec3 axis = vec3_subtract(order->arguments[1], order->arguments[0]);
        float radius = order->arguments[2].x * scale;
        float end = order->argument_count > 3 ? order->arguments[3].x * scale : radius;
        const float profile[4] = {radius, 0.0f, end, vec3_length(axis) * scale};
        stand_along(order, order->arguments[0], axis, made);
        return make_lathe(order, made, profile, 2, false);
    }
    case SOLID_RING:
        stand_along(order, order->arguments[0], order->arguments[1], made);
        made->size[0] = order->arguments[2].x * scale;
        made->size[1] = order->arguments[3].x * scale;
        made->center = made->origin;
        made->reach = made->size[0] + made->size[1];
        made->thickness = 2.0f * made->size[1];
        return made->size[0] > NOTHING && made->size[1] > NOTHING ? PLACING_MADE : PLACING_NOTHING;
    case SOLID_LATHE: {
        float profile[SCULPT_ARGUMENTS_MAX];
        uint32_t count = (order->argument_count - 2u) / 2u;
        for (uint32_t i = 0; i < 2 * count; i++)
            profile[i] = order->arguments[2 + i].x * scale;
        stand_along(order, order->arguments[0], order->arguments[1], made);
        return make_lathe(order, made, profile, count, order->smooth);
    }
    default: return make_slab(order, made);
    }
}
