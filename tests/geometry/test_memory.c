/* Every allocation may fail: the answer is LUMEN_ERROR_MEMORY, and a little more memory is enough. */
#include "fields.h"

#include "geometry/sample.h"
#include "surface_fields.h"

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

static lumen_status extract_adaptive(arena *scratch, arena *result, lumen_error *error)
{
    known_field known = {.distance = middle_ball, .kind = FIELD_TRUNCATED, .width = 0.02f};
    batch_field field = batch_of(&known);
    surface_settings settings = surface_settings_for(LUMEN_QUALITY_FAST);
    settings.coarse_cells = 8;
    settings.batch = 256;
    lumen_mesh mesh;
    surface_report report;
    lumen_status status = surface_extract(&field, &settings, scratch, result, &mesh, &report, error);
    assert_true((status == LUMEN_OK) == (mesh.positions != NULL && mesh.triangles != NULL));
    return status;
}

static lumen_status extract_as_the_reference(arena *scratch, arena *result, lumen_error *error)
{
    known_field known = {.distance = middle_ball, .kind = FIELD_LOGIT, .width = 0.1f};
    batch_field field = batch_of(&known);
    surface_reference settings = surface_reference_settings();
    settings.depth = 3;
    settings.batch = 256;
    lumen_mesh mesh;
    float *values;
    lumen_status status = surface_extract_reference(&field, &settings, scratch, result, &mesh, &values, NULL, error);
    assert_true((status == LUMEN_OK) == (values != NULL && mesh.triangles != NULL));
    return status;
}

static lumen_status project_points(arena *scratch, arena *result, lumen_error *error)
{
    (void)result;
    known_field known = {.distance = middle_ball, .kind = FIELD_LOGIT, .width = 0.1f};
    batch_field field = batch_of(&known);
    surface_settings settings = surface_settings_for(LUMEN_QUALITY_FAST);
    settings.batch = 256;
    const surface_report found = {.outside = 1.0f, .cell = 0.02f, .slope = 20.0f};
    const surface_projection how = {.field_normals = true};
    float position[3] = {0.51f, -0.07f, 0.03f};
    float normal[3] = {1.0f, 0.0f, 0.0f};
    return surface_project(&field, &settings, &found, &how, 1, position, normal, scratch, NULL, error);
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

static void a_search_for_an_expensive_surface_fails_cleanly_at_every_limit(void **state)
{
    (void)state;
    try_limits(extract_adaptive, true);
    try_limits(extract_adaptive, false);
    try_limits(extract_as_the_reference, true);
    try_limits(extract_as_the_reference, false);
    try_limits(project_points, true);
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
        cmocka_unit_test(a_search_for_an_expensive_surface_fails_cleanly_at_every_limit),
        cmocka_unit_test(sampling_fails_cleanly_at_every_limit),
        cmocka_unit_test(checking_fails_cleanly_at_every_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
