#include "shape/shape.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/random.h"
#include "geometry/sample.h"

/* A shape and the memory it lies in. */
typedef struct owned_shape {
    lumen_shape shape; /* first, so that its address is the owner's */
    arena *memory;
} owned_shape;

void shape_identity(uint64_t shapes, const words_phrase *phrase, const char *pipeline, lumen_quality quality,
                    uint32_t num_parts, uint32_t points, uint64_t seed, uint64_t making,
                    char identity[SHAPE_IDENTITY_BYTES])
{
    int length = snprintf(identity, SHAPE_IDENTITY_BYTES, "%s\n%016llx\n%s\n%d\n%u\n%u\n%llu\n%s", phrase->canonical,
                          (unsigned long long)shapes, pipeline, (int)quality, num_parts, points,
                          (unsigned long long)seed, lumen_version());
    if (making != 0 && length > 0 && (size_t)length < SHAPE_IDENTITY_BYTES)
        snprintf(identity + length, SHAPE_IDENTITY_BYTES - (size_t)length, "\n%016llx", (unsigned long long)making);
}

uint64_t shape_key(const char *identity)
{
    return fnv1a(FNV_START, identity, strlen(identity));
}

/* The box around the points, and what brings it to [-1, 1]: (p - center) * scale. */
static void fit(const point_cloud *points, float low[3], float high[3], float center[3], float *scale)
{
    float longest = 0.0f;
    for (int axis = 0; axis < 3; axis++) {
        low[axis] = high[axis] = points->positions[axis];
        for (uint32_t i = 1; i < points->count; i++) {
            float at = points->positions[3 * i + (uint32_t)axis];
            low[axis] = at < low[axis] ? at : low[axis];
            high[axis] = at > high[axis] ? at : high[axis];
        }
        center[axis] = 0.5f * (low[axis] + high[axis]);
        longest = high[axis] - low[axis] > longest ? high[axis] - low[axis] : longest;
    }
    *scale = longest > 1e-12f ? 2.0f / longest : 1.0f;
}

static void move(float *positions, uint32_t count, const float center[3], float scale)
{
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t axis = 0; axis < 3; axis++)
            positions[3 * i + axis] = (positions[3 * i + axis] - center[axis]) * scale;
}

/* Copies the texts into the shape's memory. False when memory runs out. */
static bool copy_texts(const engine_result *made, const shape_facts *facts, arena *memory, lumen_shape *shape)
{
    const words_phrase *phrase = facts->phrase;
    char key[17];
    snprintf(key, sizeof key, "%016llx", (unsigned long long)facts->key);
    const struct {
        const char **to;
        const char *from;
    } texts[] = {
        {&shape->template_type, made->template_type},
        {&shape->concept_name, made->concept_name},
        {&shape->subject, phrase->subject},
        {&shape->verb, phrase->verb},
        {&shape->text, phrase->text},
        {&shape->prompt, phrase->prompt},
        {&shape->pipeline, facts->pipeline},
        {&shape->key, key},
        {&shape->motion.motion, phrase->motion},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        *texts[i].to = arena_copy_text(memory, texts[i].from, strlen(texts[i].from));
        if (*texts[i].to == NULL)
            return false;
    }
    for (uint32_t k = 0; k < made->part_count; k++) {
        made->part_names[k] = arena_copy_text(memory, made->part_names[k], strlen(made->part_names[k]));
        if (made->part_names[k] == NULL)
            return false;
    }
    return true;
}

lumen_shape *shape_allocate(arena *memory)
{
    owned_shape *owned = arena_allocate(memory, sizeof *owned);
    if (owned == NULL)
        return NULL;
    *owned = (owned_shape){.memory = memory};
    return &owned->shape;
}

lumen_status shape_finish(const engine_result *made, const shape_facts *facts, arena *scratch, arena *memory,
                          lumen_shape **out, lumen_error *error)
{
    *out = NULL;
    point_cloud points;
    lumen_status status = sample_surfaces(made->part_meshes, made->part_count, facts->points, facts->seed, scratch,
                                          memory, &points, error);
    if (status != LUMEN_OK)
        return status;
    lumen_shape *shape = shape_allocate(memory);
    if (shape == NULL || !copy_texts(made, facts, memory, shape))
        return lumen_fail_memory(error, "a shape");

    float center[3];
    float scale;
    fit(&points, shape->bounding_box_min, shape->bounding_box_max, center, &scale);
    move(points.positions, points.count, center, scale);
    move(shape->bounding_box_min, 1, center, scale);
    move(shape->bounding_box_max, 1, center, scale);
    for (uint32_t k = 0; k < made->part_count; k++)
        move(made->part_meshes[k].positions, made->part_meshes[k].vertex_count, center, scale);

    shape->point_count = points.count;
    shape->positions = points.positions;
    shape->normals = points.normals;
    shape->attachments = points.attachments;
    shape->part_ids = points.part_ids;
    shape->colors = points.colors;
    shape->part_count = made->part_count;
    shape->part_names = made->part_names;
    shape->part_colors = (const uint8_t *)made->part_colors;
    shape->part_meshes = made->part_meshes;
    shape->part_confidence = made->part_confidence;
    shape->seed = facts->seed;
    shape->motion.tempo = facts->phrase->tempo;
    shape->motion.size = facts->phrase->size;
    *out = shape;
    return LUMEN_OK;
}

void lumen_shape_free(lumen_shape *shape)
{
    if (shape != NULL)
        arena_destroy(((owned_shape *)shape)->memory);
}
