#include "viewer/homes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "viewer/particle.h"

static const float JITTER = 0.02f;         /* of a copy, along each axis at most */
static const float JITTER_OUTWARD = 0.15f; /* how much of it remains across the surface */
static const float PLACE_MOST = 4.0f;      /* beyond any honest shape, which lies within [-1, 1] */

enum { SPACING_SAMPLES = 1024, SPACING_QUESTIONS = 96 };

lumen_status homes_open(uint32_t side, particle_homes *out, lumen_error *error)
{
    size_t count = (size_t)side * side;
    *out = (particle_homes){.side = side, .count = (uint32_t)count, .radius = 1.0f, .spacing = 0.02f};
    out->places = calloc(count, 4 * sizeof *out->places);
    out->paints = calloc(count, 4);
    out->normals = calloc(count, 4);
    if (out->places == NULL || out->paints == NULL || out->normals == NULL) {
        homes_close(out);
        return lumen_fail_memory(error, "the particles");
    }
    return LUMEN_OK;
}

void homes_close(particle_homes *homes)
{
    free(homes->places);
    free(homes->paints);
    free(homes->normals);
    *homes = (particle_homes){0};
}

/* ---- Facts ------------------------------------------------------------------------------------------ */

static vec3 place_of(const particle_homes *homes, uint32_t index)
{
    const float *place = homes->places + 4 * (size_t)index;
    return vec3_make(place[0], place[1], place[2]);
}

static void find_extent(particle_homes *homes)
{
    vec3 low = place_of(homes, 0), high = low;
    double sums[3] = {0};
    for (uint32_t i = 0; i < homes->count; i++) {
        vec3 at = place_of(homes, i);
        low = vec3_make(fminf(low.x, at.x), fminf(low.y, at.y), fminf(low.z, at.z));
        high = vec3_make(fmaxf(high.x, at.x), fmaxf(high.y, at.y), fmaxf(high.z, at.z));
        for (int channel = 0; channel < 3; channel++)
            sums[channel] += homes->paints[4 * (size_t)i + (size_t)channel];
    }
    homes->center = vec3_mix(low, high, 0.5f);
    homes->half = vec3_scale(vec3_subtract(high, low), 0.5f);
    float square = 0.0f;
    for (uint32_t i = 0; i < homes->count; i++) {
        vec3 away = vec3_subtract(place_of(homes, i), homes->center);
        square = fmaxf(square, vec3_dot(away, away));
    }
    homes->radius = fmaxf(sqrtf(square), 0.1f);
    for (int channel = 0; channel < 3; channel++)
        homes->aura[channel] = (float)(sums[channel] / (255.0 * homes->count));
}

/* The surface's area from how near the nearest of M points is: 0.5 sqrt(area / M) on a plane. Then the same backwards
 * for all particles. `points`: how many different places there are among the first. */
static void find_spacing(particle_homes *homes, uint32_t points)
{
    uint32_t samples = points < SPACING_SAMPLES ? points : SPACING_SAMPLES;
    float sum = 0.0f;
    uint32_t questions = 0;
    for (uint32_t q = 0; q < SPACING_QUESTIONS && samples > 1; q++) {
        uint32_t asked = (uint32_t)((uint64_t)q * samples / SPACING_QUESTIONS);
        vec3 here = place_of(homes, (uint32_t)((uint64_t)asked * points / samples));
        float nearest = 1e30f;
        for (uint32_t i = 0; i < samples; i++) {
            vec3 away = vec3_subtract(place_of(homes, (uint32_t)((uint64_t)i * points / samples)), here);
            float square = vec3_dot(away, away);
            if (i != asked && square < nearest)
                nearest = square;
        }
        sum += sqrtf(nearest);
        questions++;
    }
    float mean = questions > 0 ? sum / (float)questions : 0.05f;
    float area = float_clamp(4.0f * mean * mean * (float)samples, 0.3f, 12.0f);
    homes->spacing = sqrtf(area / (float)homes->count);
}

/* ---- A shape ------------------------------------------------------------------------------------------ */

static float finite_or_zero(float value)
{
    return isfinite(value) ? float_clamp(value, -PLACE_MOST, PLACE_MOST) : 0.0f;
}

static vec3 triple(const float *from, size_t index)
{
    return vec3_make(finite_or_zero(from[3 * index]), finite_or_zero(from[3 * index + 1]),
                     finite_or_zero(from[3 * index + 2]));
}

/* Within [-0.02, 0.02] along each axis; along the surface where its normal is known, so that it stays crisp. */
static vec3 jitter(random_state *chance, vec3 normal)
{
    vec3 moved = vec3_make(2.0f * random_float(chance) - 1.0f, 2.0f * random_float(chance) - 1.0f,
                           2.0f * random_float(chance) - 1.0f);
    moved = vec3_subtract(moved, vec3_scale(normal, (1.0f - JITTER_OUTWARD) * vec3_dot(moved, normal)));
    moved = vec3_scale(moved, JITTER);
    return vec3_make(float_clamp(moved.x, -JITTER, JITTER), float_clamp(moved.y, -JITTER, JITTER),
                     float_clamp(moved.z, -JITTER, JITTER));
}

static uint8_t signed_byte(float value)
{
    return (uint8_t)lrintf(float_clamp(value, -1.0f, 1.0f) * 127.5f + 127.5f);
}

static void set_normal(particle_homes *homes, uint32_t index, vec3 normal)
{
    uint8_t *out = homes->normals + 4 * (size_t)index;
    out[0] = signed_byte(normal.x);
    out[1] = signed_byte(normal.y);
    out[2] = signed_byte(normal.z);
    out[3] = 255;
}

bool homes_of_shape(particle_homes *homes, const lumen_shape *shape)
{
    if (shape == NULL || shape->point_count == 0 || shape->positions == NULL)
        return false;
    uint32_t points = shape->point_count < homes->count ? shape->point_count : homes->count;
    random_state chance = random_seed(0x6c756d656eu);
    homes->ring = false;
    homes->part_count = shape->part_count < LUMEN_PARTS_MAX ? shape->part_count : LUMEN_PARTS_MAX;
    for (uint32_t i = 0; i < homes->count; i++) {
        size_t point = points == shape->point_count ? i % points : (size_t)i * shape->point_count / homes->count;
        vec3 at = triple(shape->positions, point), normal = {0, 0, 0};
        float *place = homes->places + 4 * (size_t)i;
        uint8_t *paint = homes->paints + 4 * (size_t)i;
        if (shape->normals != NULL)
            normal = vec3_normalize(triple(shape->normals, point), normal);
        if (vec3_dot(normal, normal) > 0.5f)
            set_normal(homes, i, normal);
        else
            memset(homes->normals + 4 * (size_t)i, 0, 4);
        if (i >= points)
            at = vec3_add(at, jitter(&chance, normal));
        place[0] = at.x;
        place[1] = at.y;
        place[2] = at.z;
        place[3] =
            shape->attachments != NULL ? float_clamp(finite_or_zero(shape->attachments[point]), 0.0f, 1.0f) : 1.0f;
        if (shape->colors != NULL)
            memcpy(paint, shape->colors + 3 * point, 3);
        else
            memset(paint, 200, 3);
        uint8_t part = shape->part_ids != NULL ? shape->part_ids[point] : 0;
        paint[3] = part <= LUMEN_PARTS_MAX ? part : 0;
    }
    find_extent(homes);
    find_spacing(homes, points);
    return true;
}

/* ---- The ring ----------------------------------------------------------------------------------------- */

/* Nearly normal, of mean 0 and deviation 1. */
static float bell(random_state *chance)
{
    float sum = 0.0f;
    for (int i = 0; i < 6; i++)
        sum += random_float(chance);
    return (sum - 3.0f) * 1.41421356f;
}

void homes_of_ring(particle_homes *homes)
{
    /* Three currents, by the particle's own number, as in the velocity pass: the inner ones are faster. */
    static const struct {
        float radius, width, height;
        float color[3];
    } currents[3] = {
        {0.80f, 0.050f, 0.020f, {86, 104, 255}},
        {0.72f, 0.022f, 0.022f, {92, 196, 255}},
        {0.655f, 0.016f, 0.016f, {255, 214, 150}},
    };
    random_state chance = random_seed(0x72696e67u);
    for (uint32_t i = 0; i < homes->count; i++) {
        int current = (int)(particle_seed(i) * 3.0f);
        bool dust = random_float(&chance) < 0.14f;
        float spread = dust ? 3.4f : 1.0f;
        float angle = 6.2831853f * random_float(&chance);
        float out = currents[current].radius + spread * currents[current].width * bell(&chance);
        float *place = homes->places + 4 * (size_t)i;
        uint8_t *paint = homes->paints + 4 * (size_t)i;
        place[0] = out * cosf(angle);
        place[1] = spread * currents[current].height * bell(&chance);
        place[2] = out * sinf(angle);
        place[3] = 0.0f;
        float light = dust ? 0.45f : 0.75f + 0.25f * random_float(&chance);
        for (int channel = 0; channel < 3; channel++)
            paint[channel] = (uint8_t)(currents[current].color[channel] * light);
        paint[3] = 0;
        memset(homes->normals + 4 * (size_t)i, 0, 4);
    }
    homes->ring = true;
    homes->part_count = 0;
    find_extent(homes);
    homes->center = vec3_make(0.0f, 0.0f, 0.0f);
    homes->half = vec3_make(0.8f, 0.75f, 0.3f);
    homes->radius = 1.0f;
    homes->spacing = sqrtf(0.9f / (float)homes->count);
}
