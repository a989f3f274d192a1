/*
 * fields.h: shapes with a known surface, for the tests of the geometry room.
 */
#ifndef LUMEN_TESTS_GEOMETRY_FIELDS_H
#define LUMEN_TESTS_GEOMETRY_FIELDS_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "geometry/isosurface.h"
#include "geometry/mesh.h"

typedef float shape_function(float x, float y, float z);

static inline float sphere_shape(float x, float y, float z)
{
    return sqrtf(x * x + y * y + z * z) - 0.8f;
}

static inline float torus_shape(float x, float y, float z)
{
    float around = sqrtf(x * x + z * z) - 0.6f;
    return sqrtf(around * around + y * y) - 0.2f;
}

/* Two spheres that touch in the origin. */
static inline float touching_shape(float x, float y, float z)
{
    float left = sqrtf((x + 0.4f) * (x + 0.4f) + y * y + z * z) - 0.4f;
    float right = sqrtf((x - 0.4f) * (x - 0.4f) + y * y + z * z) - 0.4f;
    return left < right ? left : right;
}

/* A plate that is a little thicker than a cell of a lattice of 32 cells over [-1, 1]. */
static inline float plate_shape(float x, float y, float z)
{
    float high = fabsf(y - 0.013f) - 0.035f;
    float wide = fmaxf(fabsf(x), fabsf(z)) - 0.7f;
    return high > wide ? high : wide;
}

/* Asks a shape at each point and counts. Stops with `status` at the call after `calls_left` reaches 0. */
typedef struct shape_field {
    shape_function *shape;
    size_t asked;
    size_t calls_left;
    lumen_status status;
} shape_field;

static inline lumen_status shape_field_evaluate(void *user, size_t count, const float *x, const float *y,
                                                const float *z, float *values, lumen_error *error)
{
    (void)error;
    shape_field *field = user;
    if (field->status != LUMEN_OK && field->calls_left-- == 0)
        return field->status;
    field->asked += count;
    for (size_t i = 0; i < count; i++)
        values[i] = field->shape(x[i], y[i], z[i]);
    return LUMEN_OK;
}

/* The lattice over [-1, 1]^3. */
static inline isosurface_lattice unit_lattice(uint32_t cells)
{
    return (isosurface_lattice){
        .origin = {-1.0f, -1.0f, -1.0f}, .cell = 2.0f / (float)cells, .cells = {cells, cells, cells}};
}

/* Two arenas for a test: make_arenas and free_arenas are its setup and teardown. */
typedef struct arenas {
    arena *scratch;
    arena *result;
} arenas;

static inline int make_arenas(void **state)
{
    arenas *memory = malloc(sizeof *memory);
    memory->scratch = arena_create(512u << 20);
    memory->result = arena_create(512u << 20);
    *state = memory;
    return 0;
}

static inline int free_arenas(void **state)
{
    arenas *memory = *state;
    arena_destroy(memory->scratch);
    arena_destroy(memory->result);
    free(memory);
    return 0;
}

#define test_with_arenas(test) cmocka_unit_test_setup_teardown(test, make_arenas, free_arenas)

/* Extracts a shape over [-1, 1]^3; lipschitz 0 asks for every value. */
static inline lumen_mesh extract_shape(arenas *memory, shape_function *shape, uint32_t cells, float lipschitz,
                                       isosurface_statistics *statistics)
{
    shape_field user = {.shape = shape};
    scalar_field field = {shape_field_evaluate, &user, lipschitz};
    isosurface_lattice lattice = unit_lattice(cells);
    lumen_mesh mesh;
    isosurface_statistics counted;
    assert_int_equal(isosurface_extract(&field, &lattice, memory->scratch, memory->result, &mesh, &counted, NULL),
                     LUMEN_OK);
    assert_int_equal(counted.evaluations, user.asked);
    if (statistics != NULL)
        *statistics = counted;
    return mesh;
}

static inline void assert_same_mesh(const lumen_mesh *a, const lumen_mesh *b)
{
    assert_int_equal(a->vertex_count, b->vertex_count);
    assert_int_equal(a->triangle_count, b->triangle_count);
    assert_memory_equal(a->positions, b->positions, a->vertex_count * 3 * sizeof(float));
    assert_memory_equal(a->normals, b->normals, a->vertex_count * 3 * sizeof(float));
    assert_memory_equal(a->triangles, b->triangles, a->triangle_count * 3 * sizeof(uint32_t));
}

static inline mesh_report checked(const lumen_mesh *mesh, arena *scratch)
{
    mesh_report report;
    assert_int_equal(mesh_check(mesh, scratch, &report, NULL), LUMEN_OK);
    return report;
}

static inline void assert_watertight(const lumen_mesh *mesh, arena *scratch)
{
    mesh_report report = checked(mesh, scratch);
    assert_true(report.indices_valid);
    assert_true(report.closed);
    assert_true(report.oriented);
    assert_true(report.vertices_manifold);
    assert_true(report.finite);
    assert_int_equal(report.unused_vertices, 0);
}

#endif
