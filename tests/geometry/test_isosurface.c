#include "fields.h"

#include <math.h>
#include <stdlib.h>

typedef struct arenas {
    arena *scratch;
    arena *result;
} arenas;

static int make_arenas(void **state)
{
    arenas *memory = malloc(sizeof *memory);
    memory->scratch = arena_create(512u << 20);
    memory->result = arena_create(512u << 20);
    *state = memory;
    return 0;
}

static int free_arenas(void **state)
{
    arenas *memory = *state;
    arena_destroy(memory->scratch);
    arena_destroy(memory->result);
    free(memory);
    return 0;
}

/* Extracts a shape over [-1, 1]^3; lipschitz 0 asks for every value. */
static lumen_mesh extract(arenas *memory, shape_function *shape, uint32_t cells, float lipschitz,
                          isosurface_statistics *statistics)
{
    shape_field user = {.shape = shape};
    scalar_field field = {shape_field_evaluate, &user, lipschitz};
    isosurface_lattice lattice = unit_lattice(cells);
    lumen_mesh mesh;
    isosurface_statistics counted;
    arena_reset(memory->result);
    assert_int_equal(isosurface_extract(&field, &lattice, memory->scratch, memory->result, &mesh, &counted, NULL),
                     LUMEN_OK);
    assert_int_equal(counted.evaluations, user.asked);
    if (statistics != NULL)
        *statistics = counted;
    return mesh;
}

static void a_sphere_is_one_closed_piece_of_the_right_size(void **state)
{
    arenas *memory = *state;
    lumen_mesh mesh = extract(memory, sphere_shape, 64, 1.0f, NULL);
    assert_watertight(&mesh, memory->scratch);
    mesh_report report = checked(&mesh, memory->scratch);
    assert_int_equal(report.components, 1);
    assert_int_equal(report.euler, 2);
    const double pi = 3.14159265358979;
    assert_true(fabs(report.volume / (4.0 / 3.0 * pi * 0.512) - 1.0) < 0.005);
    assert_true(fabs(report.area / (4.0 * pi * 0.64) - 1.0) < 0.005);
    for (size_t v = 0; v < mesh.vertex_count; v++) {
        const float *p = &mesh.positions[3 * v];
        const float *n = &mesh.normals[3 * v];
        assert_true(fabsf(sphere_shape(p[0], p[1], p[2])) < 0.002f);
        assert_true((p[0] * n[0] + p[1] * n[1] + p[2] * n[2]) / 0.8f > 0.95f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_sphere_is_one_closed_piece_of_the_right_size, make_arenas, free_arenas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
