/* Iso-surfaces of shapes: size, place, sparse evaluation, errors. */
#include "fields.h"

static const double pi = 3.14159265358979;

/* All values of a shape over a lattice, as isosurface_extract_values wants them. */
static float *lattice_values(arenas *memory, shape_function *shape, const isosurface_lattice *lattice)
{
    const uint32_t *n = lattice->cells;
    float *values = arena_array(memory->result, float, (size_t)(n[0] + 1) * (n[1] + 1) * (n[2] + 1));
    assert_non_null(values);
    float *out = values;
    for (uint32_t z = 0; z <= n[2]; z++)
        for (uint32_t y = 0; y <= n[1]; y++)
            for (uint32_t x = 0; x <= n[0]; x++)
                *out++ =
                    shape(lattice->origin[0] + lattice->cell * (float)x, lattice->origin[1] + lattice->cell * (float)y,
                          lattice->origin[2] + lattice->cell * (float)z);
    return values;
}

static void a_sphere_is_one_closed_piece_of_the_right_size(void **state)
{
    arenas *memory = *state;
    lumen_mesh mesh = extract_shape(memory, sphere_shape, 64, 1.0f, NULL);
    assert_watertight(&mesh, memory->scratch);
    mesh_report report = checked(&mesh, memory->scratch);
    assert_int_equal(report.components, 1);
    assert_int_equal(report.euler, 2);
    assert_true(fabs(report.volume / (4.0 / 3.0 * pi * 0.512) - 1.0) < 0.005);
    assert_true(fabs(report.area / (4.0 * pi * 0.64) - 1.0) < 0.005);
    for (size_t v = 0; v < mesh.vertex_count; v++) {
        const float *p = &mesh.positions[3 * v];
        const float *n = &mesh.normals[3 * v];
        assert_true(fabsf(sphere_shape(p[0], p[1], p[2])) < 0.002f);
        assert_true((p[0] * n[0] + p[1] * n[1] + p[2] * n[2]) / 0.8f > 0.95f);
    }
}

static void a_torus_has_its_hole(void **state)
{
    arenas *memory = *state;
    lumen_mesh mesh = extract_shape(memory, torus_shape, 48, 1.0f, NULL);
    assert_watertight(&mesh, memory->scratch);
    mesh_report report = checked(&mesh, memory->scratch);
    assert_int_equal(report.components, 1);
    assert_int_equal(report.euler, 0);
    assert_true(fabs(report.volume / (2.0 * pi * pi * 0.6 * 0.04) - 1.0) < 0.02);
}

static void a_plate_thinner_than_two_cells_is_closed(void **state)
{
    arenas *memory = *state;
    for (uint32_t cells = 5; cells < 80; cells += 3) {
        arena_reset(memory->result);
        lumen_mesh mesh = extract_shape(memory, plate_shape, cells, 1.0f, NULL);
        assert_watertight(&mesh, memory->scratch);
    }
    lumen_mesh mesh = extract_shape(memory, plate_shape, 32, 1.0f, NULL);
    assert_int_equal(checked(&mesh, memory->scratch).components, 1);
}

static void touching_spheres_stay_manifold(void **state)
{
    arenas *memory = *state;
    for (uint32_t cells = 7; cells < 60; cells += 2) {
        arena_reset(memory->result);
        lumen_mesh mesh = extract_shape(memory, touching_shape, cells, 1.0f, NULL);
        assert_watertight(&mesh, memory->scratch);
    }
}

static float everywhere_inside(float x, float y, float z)
{
    return -1.0f + 0.0f * (x + y + z);
}

static void a_surface_that_leaves_the_lattice_is_closed_within_it(void **state)
{
    arenas *memory = *state;
    for (uint32_t cells = 2; cells < 12; cells++)
        for (int bound = 0; bound < 2; bound++) {
            arena_reset(memory->result);
            lumen_mesh mesh = extract_shape(memory, everywhere_inside, cells, 0.01f * (float)bound, NULL);
            assert_true(mesh.triangle_count > 0);
            assert_watertight(&mesh, memory->scratch);
            float low[3];
            float high[3];
            assert_true(mesh_bounds(&mesh, 1, low, high));
            for (int axis = 0; axis < 3; axis++) {
                assert_true(low[axis] > -1.0f && low[axis] < -1.0f + 0.02f * 2.0f / (float)cells);
                assert_true(high[axis] < 1.0f && high[axis] > 1.0f - 0.02f * 2.0f / (float)cells);
            }
        }
}

static float everywhere_outside(float x, float y, float z)
{
    return 1.0f + 0.0f * (x + y + z);
}

static void a_field_without_a_change_of_sign_gives_an_empty_mesh(void **state)
{
    arenas *memory = *state;
    isosurface_statistics counted;
    lumen_mesh mesh = extract_shape(memory, everywhere_outside, 32, 0.01f, &counted);
    assert_int_equal(mesh.vertex_count, 0);
    assert_int_equal(mesh.triangle_count, 0);
    assert_int_equal(counted.cells, 0);
    assert_true(counted.evaluations <= 8);
    assert_true(checked(&mesh, memory->scratch).closed);
}

static void sparse_evaluation_gives_the_same_bytes_as_a_dense_one(void **state)
{
    arenas *memory = *state;
    shape_function *shapes[] = {sphere_shape, torus_shape, touching_shape, plate_shape};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (uint32_t cells = 1; cells < 60; cells += 7) {
            arena_reset(memory->result);
            isosurface_lattice lattice = unit_lattice(cells);
            lumen_mesh dense;
            float *values = lattice_values(memory, shapes[i], &lattice);
            assert_int_equal(isosurface_extract_values(values, &lattice, memory->scratch, memory->result, &dense, NULL),
                             LUMEN_OK);
            lumen_mesh sparse = extract_shape(memory, shapes[i], cells, 1.0f, NULL);
            lumen_mesh full = extract_shape(memory, shapes[i], cells, 0.0f, NULL);
            assert_same_mesh(&dense, &sparse);
            assert_same_mesh(&dense, &full);
        }
}

static void a_lattice_may_have_three_different_sides(void **state)
{
    arenas *memory = *state;
    isosurface_lattice lattice = {.origin = {-0.9f, -0.3f, -1.1f}, .cell = 0.05f, .cells = {37, 12, 43}};
    shape_field user = {.shape = torus_shape};
    scalar_field field = {shape_field_evaluate, &user, 1.0f};
    lumen_mesh sparse;
    lumen_mesh dense;
    assert_int_equal(isosurface_extract(&field, &lattice, memory->scratch, memory->result, &sparse, NULL, NULL),
                     LUMEN_OK);
    float *values = lattice_values(memory, torus_shape, &lattice);
    assert_int_equal(isosurface_extract_values(values, &lattice, memory->scratch, memory->result, &dense, NULL),
                     LUMEN_OK);
    assert_same_mesh(&sparse, &dense);
    assert_watertight(&sparse, memory->scratch);
    assert_int_equal(checked(&sparse, memory->scratch).euler, 0);
}

static void only_the_neighborhood_of_the_surface_is_evaluated(void **state)
{
    arenas *memory = *state;
    isosurface_statistics counted;
    extract_shape(memory, sphere_shape, 128, 1.0f, &counted);
    assert_true((double)counted.evaluations < 0.07 * 129.0 * 129.0 * 129.0);
    extract_shape(memory, sphere_shape, 128, 0.0f, &counted);
    assert_int_equal(counted.evaluations, 129 * 129 * 129);
}

static float steep_sphere(float x, float y, float z)
{
    return 5.0f * sphere_shape(x, y, z);
}

static float steep_plate(float x, float y, float z)
{
    return 30.0f * plate_shape(x, y, z);
}

static void a_bound_that_is_too_small_loses_no_watertightness(void **state)
{
    arenas *memory = *state;
    lumen_mesh mesh = extract_shape(memory, steep_sphere, 64, 1.0f, NULL);
    assert_watertight(&mesh, memory->scratch);
    for (uint32_t cells = 9; cells < 64; cells += 5) {
        arena_reset(memory->result);
        mesh = extract_shape(memory, steep_plate, cells, 1.0f, NULL);
        assert_watertight(&mesh, memory->scratch);
    }
}

static void a_bound_that_is_no_number_counts_as_none(void **state)
{
    arenas *memory = *state;
    const float bounds[] = {NAN, INFINITY, -1.0f};
    lumen_mesh full = extract_shape(memory, sphere_shape, 20, 0.0f, NULL);
    for (size_t i = 0; i < 3; i++) {
        lumen_mesh mesh = extract_shape(memory, sphere_shape, 20, bounds[i], NULL);
        assert_same_mesh(&mesh, &full);
    }
}

static void statistics_count_the_cut_cells(void **state)
{
    arenas *memory = *state;
    isosurface_statistics counted;
    lumen_mesh mesh = extract_shape(memory, sphere_shape, 32, 1.0f, &counted);
    /* A sphere's cells have between one and four triangles each. */
    assert_true(counted.cells <= mesh.triangle_count && counted.cells * 4 >= mesh.triangle_count);
}

static void an_impossible_lattice_is_refused(void **state)
{
    arenas *memory = *state;
    shape_field user = {.shape = sphere_shape};
    scalar_field field = {shape_field_evaluate, &user, 1.0f};
    isosurface_lattice wrong[] = {
        {.origin = {0}, .cell = 1.0f, .cells = {0, 4, 4}},      {.origin = {0}, .cell = 1.0f, .cells = {4, 1025, 4}},
        {.origin = {0}, .cell = 0.0f, .cells = {4, 4, 4}},      {.origin = {0}, .cell = -1.0f, .cells = {4, 4, 4}},
        {.origin = {0}, .cell = NAN, .cells = {4, 4, 4}},       {.origin = {0}, .cell = INFINITY, .cells = {4, 4, 4}},
        {.origin = {0, NAN, 0}, .cell = 1, .cells = {4, 4, 4}}, {.origin = {0}, .cell = 3e38f, .cells = {4, 4, 4}},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        lumen_mesh mesh;
        lumen_error error = {0};
        float values[5 * 5 * 5] = {0};
        assert_int_equal(isosurface_extract(&field, &wrong[i], memory->scratch, memory->result, &mesh, NULL, &error),
                         LUMEN_ERROR_INVALID);
        assert_true(strlen(error.message) > 20);
        assert_null(mesh.positions);
        assert_int_equal(isosurface_extract_values(values, &wrong[i], memory->scratch, memory->result, &mesh, &error),
                         LUMEN_ERROR_INVALID);
    }
    assert_int_equal(user.asked, 0);
}

static void one_arena_for_both_is_refused(void **state)
{
    arenas *memory = *state;
    isosurface_lattice lattice = unit_lattice(4);
    float values[125] = {0};
    lumen_mesh mesh;
    assert_int_equal(isosurface_extract_values(values, &lattice, memory->scratch, memory->scratch, &mesh, NULL),
                     LUMEN_ERROR_INVALID);
}

static void what_the_field_returns_stops_the_extraction_and_is_passed_on(void **state)
{
    arenas *memory = *state;
    isosurface_lattice lattice = unit_lattice(24);
    const lumen_status reasons[] = {LUMEN_ERROR_CANCELLED, LUMEN_ERROR_FAILED};
    for (size_t i = 0; i < 2; i++)
        for (int bound = 0; bound < 2; bound++)
            for (size_t calls = 0; calls < 200; calls++) {
                shape_field user = {.shape = sphere_shape, .status = reasons[i], .calls_left = calls};
                scalar_field field = {shape_field_evaluate, &user, (float)bound};
                lumen_mesh mesh;
                assert_int_equal(
                    isosurface_extract(&field, &lattice, memory->scratch, memory->result, &mesh, NULL, NULL),
                    reasons[i]);
                assert_int_equal(mesh.vertex_count, 0);
                assert_null(mesh.triangles);
            }
}

static void scratch_memory_is_given_back(void **state)
{
    arenas *memory = *state;
    char *before = arena_allocate(memory->scratch, 1);
    arena_mark mark = arena_now(memory->scratch);
    extract_shape(memory, sphere_shape, 40, 1.0f, NULL);
    arena_mark after = arena_now(memory->scratch);
    assert_ptr_equal(mark.chunk, after.chunk);
    assert_int_equal(mark.used, after.used);
    assert_non_null(before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arenas(a_sphere_is_one_closed_piece_of_the_right_size),
        test_with_arenas(a_torus_has_its_hole),
        test_with_arenas(a_plate_thinner_than_two_cells_is_closed),
        test_with_arenas(touching_spheres_stay_manifold),
        test_with_arenas(a_surface_that_leaves_the_lattice_is_closed_within_it),
        test_with_arenas(a_field_without_a_change_of_sign_gives_an_empty_mesh),
        test_with_arenas(sparse_evaluation_gives_the_same_bytes_as_a_dense_one),
        test_with_arenas(a_lattice_may_have_three_different_sides),
        test_with_arenas(only_the_neighborhood_of_the_surface_is_evaluated),
        test_with_arenas(a_bound_that_is_too_small_loses_no_watertightness),
        test_with_arenas(a_bound_that_is_no_number_counts_as_none),
        test_with_arenas(statistics_count_the_cut_cells),
        test_with_arenas(an_impossible_lattice_is_refused),
        test_with_arenas(one_arena_for_both_is_refused),
        test_with_arenas(what_the_field_returns_stops_the_extraction_and_is_passed_on),
        test_with_arenas(scratch_memory_is_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
