#include "base/error.h"
#include "base/vector.h"
#include "files/internal.h"

#include <inttypes.h>

enum { HEADER_BYTES = 80 };

static vec3 vertex(const lumen_mesh *mesh, uint32_t index)
{
    const float *at = mesh->positions + 3 * (size_t)index;
    return vec3_make(at[0], at[1], at[2]);
}

static void put_vector(buffer *out, vec3 value)
{
    buffer_f32(out, value.x);
    buffer_f32(out, value.y);
    buffer_f32(out, value.z);
}

static void facet(buffer *out, const lumen_mesh *mesh, const uint32_t *triangle)
{
    vec3 a = vertex(mesh, triangle[0]), b = vertex(mesh, triangle[1]), c = vertex(mesh, triangle[2]);
    vec3 normal = vec3_cross(vec3_subtract(b, a), vec3_subtract(c, a));
    put_vector(out, vec3_normalize(normal, vec3_make(0.0f, 0.0f, 0.0f)));
    put_vector(out, a);
    put_vector(out, b);
    put_vector(out, c);
    buffer_u16(out, 0);
}

/* The triangles of a part that have three different vertices. */
static uint32_t facet_count(const lumen_mesh *mesh)
{
    uint32_t count = 0;
    for (size_t i = 0; i < mesh->triangle_count; i++)
        count += !files_triangle_collapsed(mesh->triangles + 3 * i);
    return count;
}

lumen_status files_stl(const lumen_shape *shape, buffer *out, lumen_error *error)
{
    lumen_status status = files_check_meshes(shape, error);
    if (status != LUMEN_OK)
        return status;

    /* Readers take a header that starts with "solid" for the text variant; ours starts with "lumen". */
    size_t start = out->size;
    buffer_text(out, "lumen " LUMEN_VERSION ", +Y up: ");
    if (!buffer_failed(out))
        files_escape(out, files_text(shape->text), HEADER_BYTES - (out->size - start));
    if (!buffer_failed(out))
        buffer_fill(out, ' ', HEADER_BYTES - (out->size - start));

    uint64_t total = 0;
    for (uint32_t i = 0; i < shape->part_count; i++) {
        lumen_mesh mesh = files_part_mesh(shape, i);
        total += facet_count(&mesh);
    }
    if (total > UINT32_MAX)
        return lumen_fail(error, LUMEN_ERROR_FAILED,
                          "the shape has %" PRIu64 " triangles, more than an STL file can count; write a .glb instead",
                          total);
    buffer_u32(out, (uint32_t)total);
    for (uint32_t i = 0; i < shape->part_count; i++) {
        lumen_mesh mesh = files_part_mesh(shape, i);
        for (size_t t = 0; t < mesh.triangle_count; t++)
            if (!files_triangle_collapsed(mesh.triangles + 3 * t))
                facet(out, &mesh, mesh.triangles + 3 * t);
    }
    return files_finish(out, "an STL file", error);
}
