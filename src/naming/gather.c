/* Parts of one name become one part. */

#include <string.h>

#include "base/error.h"
#include "naming/naming.h"

/* The color of a part that has no name. */
static const uint8_t nameless[3] = {0x9a, 0x9a, 0x9a};

/* Which optional arrays every piece of a gathered part has. */
typedef struct pieces {
    uint32_t vertex_count;
    uint32_t triangle_count;
    bool normals, attachments, colors, hidden;
} pieces;

static bool add_piece(pieces *all, const lumen_mesh *mesh)
{
    all->normals = all->normals && mesh->normals != NULL;
    all->attachments = all->attachments && mesh->attachments != NULL;
    all->colors = all->colors && mesh->colors != NULL;
    all->hidden = all->hidden && mesh->hidden != NULL;
    if (mesh->vertex_count > UINT32_MAX - all->vertex_count || mesh->triangle_count > UINT32_MAX - all->triangle_count)
        return false;
    all->vertex_count += mesh->vertex_count;
    all->triangle_count += mesh->triangle_count;
    return true;
}

static bool allocate_mesh(arena *memory, const pieces *all, lumen_mesh *mesh)
{
    *mesh = (lumen_mesh){0};
    mesh->positions = arena_allocate_array(memory, all->vertex_count, 3 * sizeof(float));
    mesh->triangles = arena_allocate_array(memory, all->triangle_count, 3 * sizeof(uint32_t));
    if (all->normals)
        mesh->normals = arena_allocate_array(memory, all->vertex_count, 3 * sizeof(float));
    if (all->attachments)
        mesh->attachments = arena_array(memory, float, all->vertex_count);
    if (all->colors)
        mesh->colors = arena_allocate_array(memory, all->vertex_count, 3);
    if (all->hidden)
        mesh->hidden = arena_array(memory, uint8_t, all->triangle_count);
    return mesh->positions != NULL && mesh->triangles != NULL && (mesh->normals != NULL) == all->normals &&
           (mesh->attachments != NULL) == all->attachments && (mesh->colors != NULL) == all->colors &&
           (mesh->hidden != NULL) == all->hidden;
}

/* Quarter turns about +Y, each taking +Z to +X and +X to -Z: exact, they only exchange coordinates. */
static void copy_turned(const float *from, uint32_t count, uint32_t quarter_turns, float *to)
{
    static const float cosine[4] = {1, 0, -1, 0};
    static const float sine[4] = {0, 1, 0, -1};
    float c = cosine[quarter_turns & 3];
    float s = sine[quarter_turns & 3];
    for (size_t i = 0; i < count; i++) {
        float x = from[3 * i];
        float z = from[3 * i + 2];
        to[3 * i] = c * x + s * z;
        to[3 * i + 1] = from[3 * i + 1];
        to[3 * i + 2] = c * z - s * x;
    }
}

/* Behind what `to` has already; its arrays have the room. */
static void append_mesh(const lumen_mesh *from, uint32_t quarter_turns, lumen_mesh *to)
{
    size_t vertices = to->vertex_count;
    size_t triangles = to->triangle_count;
    copy_turned(from->positions, from->vertex_count, quarter_turns, to->positions + 3 * vertices);
    if (to->normals != NULL)
        copy_turned(from->normals, from->vertex_count, quarter_turns, to->normals + 3 * vertices);
    if (to->attachments != NULL)
        memcpy(to->attachments + vertices, from->attachments, from->vertex_count * sizeof(float));
    if (to->colors != NULL)
        memcpy(to->colors + 3 * vertices, from->colors, (size_t)from->vertex_count * 3);
    for (size_t i = 0; i < 3 * (size_t)from->triangle_count; i++)
        to->triangles[3 * triangles + i] = from->triangles[i] + to->vertex_count;
    if (to->hidden != NULL)
        memcpy(to->hidden + triangles, from->hidden, from->triangle_count);
    to->vertex_count += from->vertex_count;
    to->triangle_count += from->triangle_count;
}

/* Everything that is called `name`, as one part at the end of `out`. */
static lumen_status gather_part(const naming_result *names, const lumen_mesh *parts, const char *name,
                                const uint8_t color[3], uint32_t quarter_turns, arena *memory, engine_result *out,
                                float *confidences, lumen_error *error)
{
    pieces all = {.normals = true, .attachments = true, .colors = true, .hidden = true};
    double area = 0.0;
    double sure = 0.0;
    for (uint32_t i = 0; i < names->part_count; i++) {
        const naming_part *one = &names->parts[i];
        if (!(one->area > 0.0) || strcmp(one->name, name) != 0)
            continue;
        if (!add_piece(&all, &parts[i]))
            return lumen_fail(error, LUMEN_ERROR_INVALID,
                              "the pieces of the part %s have more vertices or triangles than can be counted", name);
        area += one->area;
        sure += one->area * (double)one->confidence;
    }
    if (!(area > 0.0))
        return LUMEN_OK;
    uint32_t at = out->part_count;
    lumen_mesh *mesh = &out->part_meshes[at];
    out->part_names[at] = arena_copy_text(memory, name, strlen(name));
    if (out->part_names[at] == NULL || !allocate_mesh(memory, &all, mesh))
        return lumen_fail_memory(error, "the meshes of named parts");
    for (uint32_t i = 0; i < names->part_count; i++)
        if (names->parts[i].area > 0.0 && strcmp(names->parts[i].name, name) == 0)
            append_mesh(&parts[i], quarter_turns, mesh);
    memcpy(out->part_colors[at], color, 3);
    confidences[at] = (float)(sure / area);
    out->part_count++;
    return LUMEN_OK;
}

lumen_status naming_gather(const naming_result *names, const lumen_mesh *parts, const engine_result *reference,
                           naming_turn turn, arena *memory, engine_result *out, float **confidences, lumen_error *error)
{
    arena_mark mark = arena_now(memory);
    uint32_t quarter_turns = turn == NAMING_QUARTER_TURNS ? names->frame.quarter_turns : 0;
    size_t most = names->part_count;
    lumen_status status = LUMEN_OK;
    *out = (engine_result){
        .template_type = reference->template_type,
        .concept_name = reference->concept_name,
        .part_names = arena_array(memory, const char *, most),
        .part_colors = arena_allocate_array(memory, most, sizeof *out->part_colors),
        .part_meshes = arena_array(memory, lumen_mesh, most),
    };
    float *sure = arena_array(memory, float, most);
    if (out->part_names == NULL || out->part_colors == NULL || out->part_meshes == NULL || sure == NULL) {
        status = lumen_fail_memory(error, "the named parts");
        goto done;
    }
    for (uint32_t k = 0; k < reference->part_count && status == LUMEN_OK; k++)
        status = gather_part(names, parts, reference->part_names[k], reference->part_colors[k], quarter_turns, memory,
                             out, sure, error);
    for (uint32_t i = 0; i < names->part_count && status == LUMEN_OK; i++)
        if (names->parts[i].reference_part < 0)
            status = gather_part(names, parts, names->parts[i].name, nameless, quarter_turns, memory, out, sure, error);
    if (confidences != NULL)
        *confidences = sure;

done:
    if (status != LUMEN_OK) {
        arena_rewind(memory, mark);
        *out = (engine_result){0};
        if (confidences != NULL)
            *confidences = NULL;
    }
    return status;
}
