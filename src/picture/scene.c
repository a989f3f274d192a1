#include "picture/scene.h"

#include "base/error.h"

#include <math.h>

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

/* Appends the mesh of one part. */
static void add_part(const lumen_shape *shape, uint32_t part, picture_coloring coloring, const color_decoder *decoder,
                     scene *out)
{
    static const uint8_t white[3] = {255, 255, 255};
    const lumen_mesh *mesh = &shape->part_meshes[part];
    const uint8_t *own = shape->part_colors == NULL ? white : shape->part_colors + 3 * (size_t)part;
    uint32_t base = out->vertex_count;
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
    if (out->positions == NULL || out->normals == NULL || out->colors == NULL || out->triangles == NULL)
        return lumen_fail_memory(error, "a picture");
    for (uint32_t i = 0; i < parts; i++)
        add_part(shape, i, coloring, decoder, out);

    if (out->vertex_count > 0)
        out->low = out->high = out->positions[0];
    for (size_t i = 0; i < out->vertex_count; i++) {
        vec3 at = out->positions[i];
        out->low = vec3_make(fminf(out->low.x, at.x), fminf(out->low.y, at.y), fminf(out->low.z, at.z));
        out->high = vec3_make(fmaxf(out->high.x, at.x), fmaxf(out->high.y, at.y), fmaxf(out->high.z, at.z));
    }
    return LUMEN_OK;
}
