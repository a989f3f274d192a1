/*
 * Fuzzes iso-surface extraction: the bytes choose the lattice, the claimed bound and the field's values,
 * which need not be numbers. Whatever they say, the mesh must be a closed, oriented, finite manifold, and
 * sampling it must give the number of points asked for.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "geometry/isosurface.h"
#include "geometry/mesh.h"
#include "geometry/sample.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct bytes {
    const uint8_t *data;
    size_t size;
} bytes;

/* One byte for each place: strange values for the first few, the others spread over [-1, 1]. */
static lumen_status value_of_bytes(void *user, size_t count, const float *x, const float *y, const float *z,
                                   float *values, lumen_error *error)
{
    (void)error;
    static const float strange[] = {NAN, INFINITY, -INFINITY, 0.0f, -0.0f, 1e-45f, -1e-45f, 3e38f, -3e38f};
    const bytes *input = user;
    for (size_t i = 0; i < count; i++) {
        const float place[3] = {x[i], y[i], z[i]};
        uint8_t byte = input->data[random_hash(fnv1a(FNV_START, place, sizeof place)) % input->size];
        if (byte < sizeof strange / sizeof *strange)
            values[i] = strange[byte];
        else
            values[i] = ((float)byte - 132.5f) / 123.0f;
    }
    return LUMEN_OK;
}

static void require(bool condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 9)
        return 0;
    isosurface_lattice lattice = {.origin = {-1.0f, 0.5f, 2.0f}};
    for (int axis = 0; axis < 3; axis++)
        lattice.cells[axis] = data[axis] % 24;
    memcpy(&lattice.cell, data + 3, sizeof lattice.cell);
    bytes input = {data + 8, size - 8};
    scalar_field field = {value_of_bytes, &input, (float)(data[7] % 8) / (lattice.cell * 4.0f)};

    arena *scratch = arena_create(16u << 20);
    arena *result = arena_create(16u << 20);
    lumen_mesh mesh;
    lumen_error error;
    lumen_status status = isosurface_extract(&field, &lattice, scratch, result, &mesh, NULL, &error);
    require(status == LUMEN_OK || status == LUMEN_ERROR_INVALID);
    if (status == LUMEN_OK) {
        mesh_report report;
        require(mesh_check(&mesh, scratch, &report, &error) == LUMEN_OK);
        require(report.indices_valid && report.closed && report.oriented && report.vertices_manifold);
        require(report.finite && report.unused_vertices == 0);
        point_cloud points;
        status = sample_surfaces(&mesh, 1, 100, 1, scratch, result, &points, &error);
        require(status == LUMEN_OK || status == LUMEN_ERROR_FAILED);
        for (size_t i = 0; i < points.count; i++)
            require(points.part_ids[i] == 1);
    }
    arena_destroy(scratch);
    arena_destroy(result);
    return 0;
}
