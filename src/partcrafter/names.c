/* Meshes without names become named parts that hang together. */

#include "inside.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "naming/naming.h"
#include "procedural/procedural.h"

/* Points of the reference's part that are looked at for the nearest. */
enum { NEAREST_MAX = 512 };

/* ---- Attachments ------------------------------------------------------------------------------------------ */

/* A vertex bends as much as the nearest one of the same part of the procedural shape, over which the generated one
 * lies: 0 at the joint, 1 at the extremity. */
static float attachment_at(const naming_frame *frame, const lumen_mesh *like, const float *at)
{
    const uint32_t stride = like->vertex_count / NEAREST_MAX + 1;
    float place[3], nearest = INFINITY, found = 0.0f;
    for (int row = 0; row < 3; row++)
        place[row] = frame->linear[3 * row] * at[0] + frame->linear[3 * row + 1] * at[1] +
                     frame->linear[3 * row + 2] * at[2] + frame->offset[row];
    for (uint32_t i = 0; i < like->vertex_count; i += stride) {
        const float *other = like->positions + 3 * (size_t)i;
        const float x = other[0] - place[0], y = other[1] - place[1], z = other[2] - place[2];
        const float distance = x * x + y * y + z * z;
        if (distance < nearest) {
            nearest = distance;
            found = like->attachments[i];
        }
    }
    return found;
}

static lumen_status attach_parts(const naming_result *names, const engine_result *reference, engine_parts *parts,
                                 engine_progress *progress, arena *own, lumen_error *error)
{
    for (uint32_t k = 0; k < parts->count; k++) {
        lumen_mesh *mesh = &parts->meshes[k];
        const int32_t index = names->parts[k].reference_part;
        const lumen_mesh *like = index >= 0 ? &reference->part_meshes[index] : NULL;
        mesh->attachments = arena_array(own, float, mesh->vertex_count);
        if (mesh->attachments == NULL)
            return lumen_fail_memory(error, "how parts hang together");
        const bool known = like != NULL && like->attachments != NULL;
        for (uint32_t i = 0; i < mesh->vertex_count; i++)
            mesh->attachments[i] = known ? attachment_at(&names->frame, like, mesh->positions + 3 * (size_t)i) : 0.0f;
        lumen_status status = progress_check(progress, 0.5 + 0.5 * (double)(k + 1) / (double)parts->count, error);
        if (status != LUMEN_OK)
            return status;
    }
    return LUMEN_OK;
}

/* ---- Names ------------------------------------------------------------------------------------------------ */

/* Without a shape to compare with every part keeps its number. */
static lumen_status number_parts(const engine_parts *parts, arena *memory, naming_result *out, lumen_error *error)
{
    *out = (naming_result){.part_count = parts->count, .parts = arena_array(memory, naming_part, parts->count)};
    if (out->parts == NULL)
        return lumen_fail_memory(error, "the names of parts");
    for (uint32_t k = 0; k < parts->count; k++) {
        char name[32];
        const int length = snprintf(name, sizeof name, "part_%u", k + 1);
        out->parts[k] = (naming_part){.name = arena_copy_text(memory, name, (size_t)length),
                                      .reference_part = -1,
                                      .area = parts->meshes[k].triangle_count > 0 ? 1.0 : 0.0};
        if (out->parts[k].name == NULL)
            return lumen_fail_memory(error, "the names of parts");
    }
    return LUMEN_OK;
}

/* Points take the colors of vertices. */
static lumen_status color_parts(engine_result *result, arena *memory, lumen_error *error)
{
    for (uint32_t k = 0; k < result->part_count; k++) {
        lumen_mesh *mesh = &result->part_meshes[k];
        mesh->colors = arena_allocate_array(memory, mesh->vertex_count, 3);
        if (mesh->colors == NULL)
            return lumen_fail_memory(error, "the colors of parts");
        for (uint32_t i = 0; i < mesh->vertex_count; i++)
            memcpy(mesh->colors + 3 * (size_t)i, result->part_colors[k], 3);
    }
    return LUMEN_OK;
}

/* What the parts are compared with: the procedural shape of the phrase, worked out coarsely. */
static lumen_status sculpt(const sculpt_library *shapes, const engine_request *request, arena *scratch, arena *own,
                           engine_result *reference, lumen_error *error)
{
    const procedural_engine sculptor = procedural_engine_make(shapes);
    const engine_request order = {.phrase = request->phrase, .quality = LUMEN_QUALITY_FAST, .seed = request->seed};
    return sculptor.base.generate(&sculptor.base, &order, scratch, own, reference, error);
}

lumen_status names_give(const sculpt_library *shapes, const engine_request *request, engine_parts *parts,
                        engine_progress *progress, arena *scratch, arena *own, arena *memory, engine_result *out,
                        lumen_error *error)
{
    const sculpt_concept *entry = procedural_concept(shapes, request->phrase->concept_name);
    const bool known = entry != NULL && strcmp(sculpt_concept_name(entry), PROCEDURAL_ABSTRACT) != 0;
    engine_result reference = {.template_type = PROCEDURAL_ABSTRACT, .concept_name = PROCEDURAL_ABSTRACT};
    naming_result names;
    lumen_status status = progress_check(progress, 0.0, error);
    if (status == LUMEN_OK && known)
        status = sculpt(shapes, request, scratch, own, &reference, error);
    if (status == LUMEN_OK)
        status = progress_check(progress, 0.1, error);
    if (status == LUMEN_OK)
        status = known ? naming_match(parts->meshes, parts->count, &reference, scratch, own, &names, error)
                       : number_parts(parts, own, &names, error);
    if (status == LUMEN_OK)
        status = attach_parts(&names, &reference, parts, progress, own, error);
    float *confidence = NULL;
    if (status == LUMEN_OK)
        status =
            naming_gather(&names, parts->meshes, &reference, NAMING_QUARTER_TURNS, memory, out, &confidence, error);
    if (status == LUMEN_OK)
        status = color_parts(out, memory, error);
    if (status != LUMEN_OK)
        return status;
    out->part_confidence = confidence;
    /* The reference is in an arena that ends with this request. */
    out->concept_name = arena_copy_text(memory, out->concept_name, strlen(out->concept_name));
    if (out->concept_name == NULL)
        return lumen_fail_memory(error, "the name of a shape");
    return LUMEN_OK;
}
