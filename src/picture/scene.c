#include "picture/scene.h"

#include "base/error.h"

#include <math.h>
#include <string.h>

static vec3 vector_at(const float *values, size_t index)
{
    return vec3_make(values[3 * index], values[3 * index + 1], values[3 * index + 2]);
}

static vec3 linear_color(const color_decoder *decoder, const uint8_t *color)
{
    return vec3_make(decoder->linear[color[0]], decoder->linear[color[1]], decoder->linear[color[2]]);
}

/* Area-weighted normals for a mesh that came without. `normals` (V) of this mesh. */
static void smooth_normals(const lumen_mesh *mesh, vec3 *normals)
{
    for (size_t i = 0; i < mesh->vertex_count; i++)
        normals[i] = vec3_make(0.0f, 0.0f, 0.0f);
    for (size_t i = 0; i < mesh->triangle_count; i++) {
        const uint32_t *triangle = mesh->triangles + 3 * i;
        vec3 a = vector_at(mesh->positions, triangle[0]);
        vec3 b = vector_at(mesh->positions, triangle[1]);
        vec3 c = vector_at(mesh->positions, triangle[2]);
        vec3 normal = vec3_cross(vec3_subtract(b, a), vec3_subtract(c, a));
        for (int corner = 0; corner < 3; corner++)
            normals[triangle[corner]] = vec3_add(normals[triangle[corner]], normal);
    }
    for (size_t i = 0; i < mesh->vertex_count; i++)
        normals[i] = vec3_normalize(normals[i], vec3_make(0.0f, 1.0f, 0.0f));
}

/* Evens out the normals of vertices `first` and up over their neighbors, twice. Iso-surfaces have slivers whose
 * directions are rough, which light shows; where the surface really turns (more than about 50 degrees from one
 * vertex to the next) the normals stay. `sums` (V) is scratch memory. */
static void smooth_over_neighbors(scene *content, uint32_t first, uint32_t first_triangle, vec3 *sums)
{
    for (int round = 0; round < 2; round++) {
        for (uint32_t i = first; i < content->vertex_count; i++)
            sums[i] = content->normals[i];
        for (size_t t = first_triangle; t < content->triangle_count; t++) {
            const uint32_t *triangle = content->triangles + 3 * t;
            for (int corner = 0; corner < 3; corner++) {
                uint32_t a = triangle[corner], b = triangle[(corner + 1) % 3];
                vec3 here = content->normals[a], there = content->normals[b];
                if (vec3_dot(here, there) < 0.65f)
                    continue;
                sums[a] = vec3_add(sums[a], there);
                sums[b] = vec3_add(sums[b], here);
            }
        }
        for (uint32_t i = first; i < content->vertex_count; i++)
            content->normals[i] = vec3_normalize(sums[i], content->normals[i]);
    }
}

static lumen_status check_mesh(const lumen_mesh *mesh, uint32_t part, lumen_error *error)
{
    for (size_t i = 0; i < 3 * (size_t)mesh->vertex_count; i++)
        if (!isfinite(mesh->positions[i]))
            return lumen_fail(error, LUMEN_ERROR_FAILED,
                              "part %u has a coordinate that is not finite; try another seed or engine", part + 1);
    for (size_t i = 0; i < 3 * (size_t)mesh->triangle_count; i++)
        if (mesh->triangles[i] >= mesh->vertex_count)
            return lumen_fail(error, LUMEN_ERROR_FAILED,
                              "part %u has a triangle beyond its vertices; try another seed or engine", part + 1);
    return LUMEN_OK;
}

void scene_part_color(const lumen_shape *shape, uint32_t part, picture_coloring coloring, uint8_t color[3])
{
    /* Far apart in hue or lightness from one to the next; from the ninth on they begin again. */
    static const uint8_t palette[8][3] = {{94, 160, 255},  {255, 170, 54},  {64, 204, 146}, {245, 92, 122},
                                          {176, 132, 255}, {236, 240, 250}, {190, 214, 70}, {72, 208, 224}};
    static const uint8_t white[3] = {255, 255, 255};
    const uint8_t *own = shape->part_colors == NULL ? white : shape->part_colors + 3 * (size_t)part;
    memcpy(color, coloring == PICTURE_BY_PART ? palette[part % 8] : own, 3);
}

/* Appends the mesh of one part. `sums` (V) is scratch memory. */
static void add_part(const lumen_shape *shape, uint32_t part, picture_coloring coloring, const color_decoder *decoder,
                     vec3 *sums, scene *out)
{
    const lumen_mesh *mesh = &shape->part_meshes[part];
    uint8_t own[3];
    scene_part_color(shape, part, coloring, own);
    uint32_t base = out->vertex_count, base_triangle = out->triangle_count;
    for (size_t i = 0; i < mesh->vertex_count; i++) {
        bool natural = coloring == PICTURE_NATURAL && mesh->colors != NULL;
        out->positions[base + i] = vector_at(mesh->positions, i);
        out->colors[base + i] = linear_color(decoder, natural ? mesh->colors + 3 * i : own);
    }
    if (mesh->normals == NULL)
        smooth_normals(mesh, out->normals + base);
    else
        for (size_t i = 0; i < mesh->vertex_count; i++)
            out->normals[base + i] = vec3_normalize(vector_at(mesh->normals, i), vec3_make(0.0f, 1.0f, 0.0f));
    out->vertex_count += mesh->vertex_count;

    for (size_t i = 0; i < mesh->triangle_count; i++) {
        if (mesh->hidden != NULL && mesh->hidden[i])
            continue;
        uint32_t *triangle = out->triangles + 3 * (size_t)out->triangle_count++;
        for (int corner = 0; corner < 3; corner++)
            triangle[corner] = base + mesh->triangles[3 * i + (size_t)corner];
    }
    smooth_over_neighbors(out, base, base_triangle, sums);
}

lumen_status scene_build(const lumen_shape *shape, picture_coloring coloring, const color_decoder *decoder,
                         arena *memory, scene *out, lumen_error *error)
{
    *out = (scene){0};
    uint64_t vertices = 0, triangles = 0;
    uint32_t parts = shape->part_meshes == NULL ? 0 : shape->part_count;
    for (uint32_t i = 0; i < parts; i++) {
        lumen_status status = check_mesh(&shape->part_meshes[i], i, error);
        if (status != LUMEN_OK)
            return status;
        vertices += shape->part_meshes[i].vertex_count;
        triangles += shape->part_meshes[i].triangle_count;
    }
    if (vertices > UINT32_MAX || triangles > UINT32_MAX)
        return lumen_fail_memory(error, "a picture");

    out->positions = arena_array(memory, vec3, (size_t)vertices);
    out->normals = arena_array(memory, vec3, (size_t)vertices);
    out->colors = arena_array(memory, vec3, (size_t)vertices);
    out->triangles = arena_array(memory, uint32_t, 3 * (size_t)triangles);
    arena_mark mark = arena_now(memory);
    vec3 *sums = arena_array(memory, vec3, (size_t)vertices);
    if (sums == NULL || out->positions == NULL || out->normals == NULL || out->colors == NULL || out->triangles == NULL)
        return lumen_fail_memory(error, "a picture");
    for (uint32_t i = 0; i < parts; i++)
        add_part(shape, i, coloring, decoder, sums, out);
    arena_rewind(memory, mark);

    if (out->vertex_count > 0)
        out->low = out->high = out->positions[0];
    for (size_t i = 0; i < out->vertex_count; i++) {
        vec3 at = out->positions[i];
        out->low = vec3_make(fminf(out->low.x, at.x), fminf(out->low.y, at.y), fminf(out->low.z, at.z));
        out->high = vec3_make(fmaxf(out->high.x, at.x), fmaxf(out->high.y, at.y), fmaxf(out->high.z, at.z));
    }
    return LUMEN_OK;
}
