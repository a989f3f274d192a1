/* What every format asks before and after. */

#include "base/error.h"
#include "files/internal.h"

#include <math.h>

lumen_status files_check_meshes(const lumen_shape *shape, lumen_error *error)
{
    for (uint32_t part = 0; part < shape->part_count; part++) {
        lumen_mesh mesh = files_part_mesh(shape, part);
        const char *fault = NULL;
        for (size_t i = 0; fault == NULL && i < 3 * (size_t)mesh.vertex_count; i++)
            if (!isfinite(mesh.positions[i]))
                fault = "a coordinate that is not finite";
        for (size_t i = 0; fault == NULL && i < 3 * (size_t)mesh.triangle_count; i++)
            if (mesh.triangles[i] >= mesh.vertex_count)
                fault = "a triangle beyond its vertices";
        if (fault != NULL)
            return lumen_fail(error, LUMEN_ERROR_FAILED, "the mesh of part \"%s\" has %s; try another seed or engine",
                              files_part_name(shape, part), fault);
    }
    return LUMEN_OK;
}

lumen_status files_finish(const buffer *out, const char *what, lumen_error *error)
{
    return buffer_failed(out) ? lumen_fail_memory(error, what) : LUMEN_OK;
}
