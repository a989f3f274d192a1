/* Every allocation may fail: the answer is LUMEN_ERROR_MEMORY, and a little more memory is enough. */
#include "fields.h"

#include "geometry/sample.h"

/* What is tried with less memory than it needs. */
typedef lumen_status attempt(arena *scratch, arena *result, lumen_error *error);

static lumen_status extract_sparse(arena *scratch, arena *result, lumen_error *error)
{
    shape_field user = {.shape = sphere_shape};
    scalar_field field = {shape_field_evaluate, &user, 1.0f};
    isosurface_lattice lattice = unit_lattice(20);
    lumen_mesh mesh;
    lumen_status status = isosurface_extract(&field, &lattice, scratch, result, &mesh, NULL, error);
    assert_true((status == LUMEN_OK) == (mesh.positions != NULL && mesh.triangles != NULL));
    return status;
}

/* A bound that is a lie, so that the search has to follow the surface. */
static float steep_sphere(float x, float y, float z)
{
    return 20.0f * sphere_shape(x, y, z);
}

static lumen_status extract_with_a_lie(arena *scratch, arena *result, lumen_error *error)
{
    shape_field user = {.shape = steep_sphere};
    scalar_field field = {shape_field_evaluate, &user, 3.0f};
    isosurface_lattice lattice = unit_lattice(60);
    lumen_mesh mesh;
    return isosurface_extract(&field, &lattice, scratch, result, &mesh, NULL, error);
}

static lumen_status extract_dense(arena *scratch, arena *result, lumen_error *error)
{
    static float values[21 * 21 * 21];
    isosurface_lattice lattice = unit_lattice(20);
    for (int i = 0; i < 21 * 21 * 21; i++)
        values[i] = (float)(abs(i % 21 - 10) + abs(i / 21 % 21 - 10) + abs(i / 441 - 10)) - 7.5f;
    lumen_mesh mesh;
    return isosurface_extract_values(values, &lattice, scratch, result, &mesh, error);
}

/* A cube of 6 × 2 triangles whose vertices are corners of the unit cube, number x + 2y + 4z. */
static float cube_positions[] = {0, 0, 0, 1, 0, 0, 0, 1, 0, 1, 1, 0, 0, 0, 1, 1, 0, 1, 0, 1, 1, 1, 1, 1};
static uint32_t cube_triangles[] = {0, 2, 1, 1, 2, 3, 4, 5, 6, 5, 7, 6, 0, 1, 4, 1, 5, 4,
                                    2, 6, 3, 3, 6, 7, 0, 4, 2, 2, 4, 6, 1, 3, 5, 3, 7, 5};
static const lumen_mesh cube = {
    .vertex_count = 8, .triangle_count = 12, .positions = cube_positions, .triangles = cube_triangles};

static lumen_status sample_cube(arena *scratch, arena *result, lumen_error *error)
{
    point_cloud points;
    lumen_status status = sample_surfaces(&cube, 1, 3000, 7, scratch, result, &points, error);
    assert_true(points.count == (status == LUMEN_OK ? 3000 : 0));
    return status;
}

static lumen_status check_cube(arena *scratch, arena *result, lumen_error *error)
{
    (void)result;
    mesh_report report;
    lumen_status status = mesh_check(&cube, scratch, &report, error);
    assert_true(status != LUMEN_OK || report.closed);
    return status;
}

static void try_limits(attempt *run, bool limit_scratch)
{
    size_t failures = 0;
    for (size_t limit = 0;; limit += limit < 4096 ? 64 : 1024) {
        arena *scratch = arena_create(limit_scratch ? limit : 64u << 20);
        arena *result = arena_create(limit_scratch ? 64u << 20 : limit);
        lumen_error error = {0};
        lumen_status status = run(scratch, result, &error);
        /* Failing gives back what had been taken: the next taker gets the first bytes of its arena. */
        if (status != LUMEN_OK && limit >= 64) {
            assert_true(arena_now(scratch).used <= 64);
            assert_true(arena_now(result).used <= 64);
        }
        arena_destroy(scratch);
        arena_destroy(result);
        if (status == LUMEN_OK)
            break;
        failures++;
        assert_int_equal(status, LUMEN_ERROR_MEMORY);
        assert_int_equal(error.status, LUMEN_ERROR_MEMORY);
        assert_true(strstr(error.message, "memory") != NULL);
    }
    assert_true(failures > 0);
}

static void extraction_fails_cleanly_at_every_limit(void **state)
{
    (void)state;
    try_limits(extract_sparse, true);
    try_limits(extract_sparse, false);
    try_limits(extract_dense, true);
    try_limits(extract_dense, false);
}

static void following_a_surface_fails_cleanly_at_every_limit(void **state)
{
    (void)state;
    try_limits(extract_with_a_lie, true);
}

static void sampling_fails_cleanly_at_every_limit(void **state)
{
    (void)state;
    try_limits(sample_cube, true);
    try_limits(sample_cube, false);
}

static void checking_fails_cleanly_at_every_limit(void **state)
{
    (void)state;
    try_limits(check_cube, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(extraction_fails_cleanly_at_every_limit),
        cmocka_unit_test(following_a_surface_fails_cleanly_at_every_limit),
        cmocka_unit_test(sampling_fails_cleanly_at_every_limit),
        cmocka_unit_test(checking_fails_cleanly_at_every_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
