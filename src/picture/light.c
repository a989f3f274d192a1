#include "picture/light.h"

#include "picture/raster.h"

/* A distant light and the depth map that it sees. */
typedef struct lamp {
    vec3 toward;    /* unit, from the scene to the light */
    vec3 radiance;  /* what a white surface that faces it sends back */
    vec3 right, up; /* axes of the map */
    bool is_key;
    float *depth; /* (size, size) distance along `toward` from the center; -INFINITY for nothing */
} lamp;

struct light_rig {
    vec3 center;
    float radius; /* of a ball around the scene */
    float ground; /* height of the ground */
    float unit;   /* places of a map per unit of length */
    float offset; /* by which places move off the surface before asking a map */
    uint32_t size;
    uint32_t count;
    lamp *lamps;
    float key_share; /* one over the number of key lamps */
    vec3 key;
};

static const float GOLDEN_ANGLE = 137.50776f; /* degrees; spreads points evenly over a disk or a sphere */

/* Two unit vectors at right angles to `axis` and each other (right, up, axis right-handed). */
static void frame_around(vec3 axis, vec3 *right, vec3 *up)
{
    vec3 helper = fabsf(axis.y) < 0.9f ? vec3_make(0.0f, 1.0f, 0.0f) : vec3_make(1.0f, 0.0f, 0.0f);
    *right = vec3_normalize(vec3_cross(helper, axis), vec3_make(1.0f, 0.0f, 0.0f));
    *up = vec3_cross(axis, *right);
}

/* ---- Lamps ---------------------------------------------------------------------------------------- */

static void add_lamp(light_rig *rig, vec3 toward, vec3 radiance, bool is_key)
{
    lamp *light = &rig->lamps[rig->count++];
    light->toward = toward;
    light->radiance = radiance;
    light->is_key = is_key;
    frame_around(toward, &light->right, &light->up);
}

/* The upper half of the sky, brighter above than at the horizon. */
static void add_sky(light_rig *rig, uint32_t count, vec3 zenith, vec3 horizon)
{
    /* Every light stands for an equal solid angle; the factor makes a level surface receive about the color. */
    float share = 2.0f / (float)count;
    for (uint32_t i = 0; i < count; i++) {
        float height = ((float)i + 0.5f) / (float)count;
        float level = sqrtf(1.0f - height * height);
        float angle = GOLDEN_ANGLE * (float)i;
        vec3 toward = vec3_make(level * cos_degrees(angle), height, level * sin_degrees(angle));
        add_lamp(rig, toward, vec3_scale(vec3_mix(horizon, zenith, height), share), false);
    }
}

/* A round lamp of half-width `spread` (the tangent of the angle) around a direction. */
static void add_disk(light_rig *rig, uint32_t count, vec3 middle, float spread, vec3 radiance, bool is_key)
{
    vec3 right, up;
    frame_around(middle, &right, &up);
    for (uint32_t i = 0; i < count; i++) {
        float distance = spread * sqrtf(((float)i + 0.5f) / (float)count);
        float angle = GOLDEN_ANGLE * (float)i;
        vec3 aside =
            vec3_add(vec3_scale(right, distance * cos_degrees(angle)), vec3_scale(up, distance * sin_degrees(angle)));
        add_lamp(rig, vec3_normalize(vec3_add(middle, aside), middle), vec3_scale(radiance, 1.0f / (float)count),
                 is_key);
    }
}

static void add_lamps(light_rig *rig, const camera *view, light_quality quality)
{
    /* Level directions as the viewer sees them. */
    vec3 right = view->right;
    vec3 up = vec3_make(0.0f, 1.0f, 0.0f);
    vec3 back = vec3_normalize(vec3_make(-view->forward.x, 0.0f, -view->forward.z), vec3_make(0.0f, 0.0f, 1.0f));

    rig->key = vec3_normalize(
        vec3_add(vec3_add(vec3_scale(right, -0.58f), vec3_scale(up, 0.90f)), vec3_scale(back, 0.74f)), up);
    vec3 rim = vec3_normalize(
        vec3_add(vec3_add(vec3_scale(right, 0.75f), vec3_scale(up, 0.55f)), vec3_scale(back, -0.75f)), up);
    add_sky(rig, quality.sky, vec3_make(0.30f, 0.36f, 0.48f), vec3_make(0.17f, 0.21f, 0.34f));
    add_disk(rig, quality.key, rig->key, 0.22f, vec3_make(1.62f, 1.44f, 1.20f), true);
    add_disk(rig, quality.rim, rim, 0.15f, vec3_make(0.80f, 1.20f, 2.00f), false);
    rig->key_share = 1.0f / (float)quality.key;
}

/* ---- Depth maps ----------------------------------------------------------------------------------- */

/* Coordinates of a point in the map of a lamp, in places, and its distance toward the lamp. */
static void place_on_map(const light_rig *rig, const lamp *light, vec3 point, float *x, float *y, float *depth)
{
    vec3 at = vec3_subtract(point, rig->center);
    float middle = 0.5f * (float)rig->size;
    *x = middle + vec3_dot(at, light->right) * rig->unit;
    *y = middle - vec3_dot(at, light->up) * rig->unit;
    *depth = vec3_dot(at, light->toward);
}

static void draw_map(const light_rig *rig, const scene *content, lamp *light, raster_vertex *vertices)
{
    for (size_t i = 0; i < content->vertex_count; i++) {
        float x, y;
        place_on_map(rig, light, content->positions[i], &x, &y, &vertices[i].depth);
        vertices[i].x = (int32_t)(x * (float)RASTER_UNIT);
        vertices[i].y = (int32_t)(y * (float)RASTER_UNIT);
    }
    raster_grid grid = {(int32_t)rig->size, 0, (int32_t)rig->size, light->depth, NULL};
    raster_clear(&grid);
    raster_triangles(&grid, vertices, content->triangles, content->triangle_count);
}

light_rig *light_rig_make(const scene *content, const camera *view, light_quality quality, arena *memory)
{
    uint32_t count = quality.sky + quality.key + quality.rim;
    light_rig *rig = arena_array(memory, light_rig, 1);
    lamp *lamps = arena_array(memory, lamp, count);
    float *depths = arena_array(memory, float, (size_t)count *quality.map_size *quality.map_size);
    if (rig == NULL || lamps == NULL || depths == NULL)
        return NULL;
    vec3 size = vec3_subtract(content->high, content->low);
    *rig = (light_rig){.center = vec3_mix(content->low, content->high, 0.5f),
                       .radius = fmaxf(0.5f * vec3_length(size), 1e-3f),
                       .ground = content->low.y,
                       .size = quality.map_size,
                       .lamps = lamps};
    rig->unit = ((float)rig->size - 4.0f) / (2.0f * rig->radius);
    rig->offset = 1.4f / rig->unit;
    add_lamps(rig, view, quality);

    arena_mark mark = arena_now(memory);
    raster_vertex *vertices = arena_array(memory, raster_vertex, content->vertex_count);
    if (vertices == NULL)
        return NULL;
    for (uint32_t i = 0; i < count; i++) {
        lamps[i].depth = depths + (size_t)i * rig->size * rig->size;
        draw_map(rig, content, &lamps[i], vertices);
    }
    arena_rewind(memory, mark);
    return rig;
}

/* ---- Gathering ------------------------------------------------------------------------------------ */

/* The share of the four nearest places of a map that lie no nearer to the lamp than the point: 0 to 1. */
static float visibility(const light_rig *rig, const lamp *light, vec3 point)
{
    float x, y, depth;
    place_on_map(rig, light, point, &x, &y, &depth);
    x -= 0.5f;
    y -= 0.5f;
    float last = (float)rig->size - 1.0f;
    if (!(x >= 0.0f && y >= 0.0f && x < last && y < last))
        return 1.0f;
    size_t column = (size_t)x, row = (size_t)y;
    float right = x - (float)column, down = y - (float)row;
    const float *at = light->depth + row * rig->size + column;
    float above = (at[0] <= depth ? 1.0f - right : 0.0f) + (at[1] <= depth ? right : 0.0f);
    at += rig->size;
    float below = (at[0] <= depth ? 1.0f - right : 0.0f) + (at[1] <= depth ? right : 0.0f);
    return above + (below - above) * down;
}

/* Light that comes back from the ground. Near the ground there is less of it: the shape stands in its way. */
static vec3 bounce(const light_rig *rig, vec3 position, vec3 normal)
{
    float height = float_clamp((position.y - rig->ground) / (0.5f * rig->radius), 0.0f, 1.0f);
    float amount = (0.5f - 0.5f * normal.y) * (0.25f + 0.75f * height);
    return vec3_scale(vec3_make(0.085f, 0.095f, 0.15f), amount);
}

void light_gather(const light_rig *rig, size_t count, const vec3 *positions, const vec3 *normals, light_sample *samples)
{
    for (size_t i = 0; i < count; i++)
        samples[i] = (light_sample){bounce(rig, positions[i], normals[i]), 0.0f};
    /* Lamp by lamp, so that one map at a time is in the cache. */
    for (uint32_t k = 0; k < rig->count; k++) {
        const lamp *light = &rig->lamps[k];
        for (size_t i = 0; i < count; i++) {
            float facing = vec3_dot(normals[i], light->toward);
            if (facing <= 0.0f)
                continue;
            float seen = visibility(rig, light, vec3_add(positions[i], vec3_scale(normals[i], rig->offset)));
            samples[i].diffuse = vec3_add(samples[i].diffuse, vec3_scale(light->radiance, facing * seen));
            if (light->is_key)
                samples[i].key += seen * rig->key_share;
        }
    }
}

vec3 light_unshadowed(const light_rig *rig, vec3 normal)
{
    vec3 sum = vec3_scale(vec3_make(0.085f, 0.095f, 0.15f), 0.5f - 0.5f * normal.y);
    for (uint32_t k = 0; k < rig->count; k++)
        sum = vec3_add(sum, vec3_scale(rig->lamps[k].radiance, fmaxf(vec3_dot(normal, rig->lamps[k].toward), 0.0f)));
    return sum;
}

vec3 light_key_direction(const light_rig *rig)
{
    return rig->key;
}
