/* What mesh_check sees, and normals and boxes of ordinary and of strange meshes. */
#include "fields.h"

/* A tetrahedron with its triangles counter-clockwise seen from outside. */
static float tetrahedron_positions[] = {0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1};
static uint32_t tetrahedron_triangles[] = {0, 2, 1, 0, 1, 3, 1, 2, 3, 0, 3, 2};

static lumen_mesh tetrahedron(void)
{
    return (lumen_mesh){
        .vertex_count = 4, .triangle_count = 4, .positions = tetrahedron_positions, .triangles = tetrahedron_triangles};
}

static void a_tetrahedron_is_in_order(void **state)
{
    arenas *memory = *state;
    lumen_mesh mesh = tetrahedron();
    assert_watertight(&mesh, memory->scratch);
    mesh_report report = checked(&mesh, memory->scratch);
    assert_int_equal(report.components, 1);
    assert_int_equal(report.euler, 2);
    assert_true(fabs(report.volume - 1.0 / 6.0) < 1e-12);
    assert_true(fabs(report.area - (1.5 + sqrt(3.0) / 2.0)) < 1e-12);
}

static void a_missing_triangle_leaves_it_open(void **state)
{
    arenas *memory = *state;
    lumen_mesh mesh = tetrahedron();
    mesh.triangle_count = 3;
    mesh_report report = checked(&mesh, memory->scratch);
    assert_false(report.closed);
    assert_false(report.oriented);
    assert_true(report.indices_valid);
    assert_true(report.vertices_manifold); /* a fan may have two ends */
    assert_int_equal(report.euler, 1);
}

static void a_turned_triangle_is_closed_but_not_oriented(void **state)
{
    arenas *memory = *state;
    uint32_t triangles[] = {0, 1, 2, 0, 1, 3, 1, 2, 3, 0, 3, 2};
    lumen_mesh mesh = tetrahedron();
    mesh.triangles = triangles;
    mesh_report report = checked(&mesh, memory->scratch);
    assert_true(report.closed);
    assert_false(report.oriented);
}

static void a_mesh_turned_inside_out_has_negative_volume(void **state)
{
    arenas *memory = *state;
    uint32_t triangles[] = {0, 1, 2, 0, 3, 1, 1, 3, 2, 0, 2, 3};
    lumen_mesh mesh = tetrahedron();
    mesh.triangles = triangles;
    assert_watertight(&mesh, memory->scratch);
    assert_true(checked(&mesh, memory->scratch).volume < 0.0);
}

static void two_solids_that_share_a_vertex_are_two_fans(void **state)
{
    arenas *memory = *state;
    float positions[] = {0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, -1, 0, 0, 0, -1, 0, 0, 0, -1};
    uint32_t triangles[] = {0, 2, 1, 0, 1, 3, 1, 2, 3, 0, 3, 2, 0, 4, 5, 0, 6, 4, 4, 6, 5, 0, 5, 6};
    lumen_mesh mesh = {.vertex_count = 7, .triangle_count = 8, .positions = positions, .triangles = triangles};
    mesh_report report = checked(&mesh, memory->scratch);
    assert_true(report.closed);
    assert_true(report.oriented);
    assert_false(report.vertices_manifold);
    assert_int_equal(report.components, 2);
}

static void an_edge_of_four_triangles_is_not_manifold(void **state)
{
    arenas *memory = *state;
    float positions[] = {0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 1, -1, 0, 0, 0, 0, -1};
    uint32_t triangles[] = {0, 1, 2, 0, 3, 1, 2, 1, 3, 0, 2, 3, 0, 1, 4, 0, 5, 1, 4, 1, 5, 0, 4, 5};
    lumen_mesh mesh = {.vertex_count = 6, .triangle_count = 8, .positions = positions, .triangles = triangles};
    mesh_report report = checked(&mesh, memory->scratch);
    assert_true(report.indices_valid);
    assert_false(report.closed);
    assert_false(report.oriented);
    assert_false(report.vertices_manifold);
}

static void wrong_indices_are_noticed_and_not_followed(void **state)
{
    arenas *memory = *state;
    uint32_t wrong[][3] = {{0, 1, 4}, {UINT32_MAX, 1, 2}, {1, 1, 2}, {2, 1, 2}, {1, 2, 2}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        uint32_t triangles[12];
        memcpy(triangles, tetrahedron_triangles, sizeof triangles);
        memcpy(&triangles[3], wrong[i], sizeof wrong[i]);
        lumen_mesh mesh = tetrahedron();
        mesh.triangles = triangles;
        mesh_report report = checked(&mesh, memory->scratch);
        assert_false(report.indices_valid);
        assert_false(report.closed);
        assert_false(report.vertices_manifold);
        assert_int_equal(report.components, 1);
    }
}

static void unused_vertices_and_strange_coordinates_are_counted(void **state)
{
    arenas *memory = *state;
    float positions[18];
    memcpy(positions, tetrahedron_positions, sizeof tetrahedron_positions);
    memset(&positions[12], 0, 6 * sizeof(float));
    lumen_mesh mesh = tetrahedron();
    mesh.positions = positions;
    mesh.vertex_count = 6;
    mesh_report report = checked(&mesh, memory->scratch);
    assert_int_equal(report.unused_vertices, 2);
    assert_int_equal(report.euler, 2);
    assert_true(report.finite);
    positions[17] = INFINITY;
    assert_false(checked(&mesh, memory->scratch).finite);
    positions[17] = NAN;
    assert_false(checked(&mesh, memory->scratch).finite);
}

static void an_empty_mesh_is_closed(void **state)
{
    arenas *memory = *state;
    lumen_mesh mesh = {0};
    assert_watertight(&mesh, memory->scratch);
    assert_int_equal(checked(&mesh, memory->scratch).components, 0);
}

static void a_great_fan_takes_no_longer_than_its_size(void **state)
{
    arenas *memory = *state;
    /* Two cones base to base: two vertices belong to 100,000 triangles each. */
    enum { RIM = 100000 };
    float *positions = arena_array(memory->result, float, 3 * (RIM + 2));
    uint32_t *triangles = arena_array(memory->result, uint32_t, 6 * RIM);
    memset(positions, 0, 3 * (RIM + 2) * sizeof *positions);
    for (uint32_t i = 0; i < RIM; i++) {
        uint32_t next = (i + 1) % RIM;
        memcpy(&triangles[6 * i], (uint32_t[6]){i, next, RIM, next, i, RIM + 1}, 6 * sizeof *triangles);
    }
    lumen_mesh mesh = {
        .vertex_count = RIM + 2, .triangle_count = 2 * RIM, .positions = positions, .triangles = triangles};
    assert_watertight(&mesh, memory->scratch);
    assert_int_equal(checked(&mesh, memory->scratch).euler, 2);
}

static void normals_point_outward_at_any_scale(void **state)
{
    (void)state;
    const float scales[] = {1.0f, 1e-15f, 1e-30f, 1e-36f, 1e15f, 1e30f, 1e38f};
    for (size_t i = 0; i < sizeof scales / sizeof *scales; i++) {
        float positions[12];
        float normals[12];
        for (int k = 0; k < 12; k++)
            positions[k] = tetrahedron_positions[k] * scales[i];
        lumen_mesh mesh = tetrahedron();
        mesh.positions = positions;
        mesh.normals = normals;
        mesh_compute_normals(&mesh);
        const float third = -0.57735027f;
        for (int axis = 0; axis < 3; axis++)
            assert_true(fabsf(normals[axis] - third) < 1e-4f);
        assert_true(normals[3] > 0.3f && normals[7] > 0.3f && normals[11] > 0.3f);
    }
}

static void a_speck_in_a_large_mesh_has_its_normals(void **state)
{
    (void)state;
    float positions[] = {0, 0, 0, 1e5f, 0, 0, 0, 1e5f, 0, 0, 0, 0, 1e-5f, 0, 0, 0, 0, 1e-5f};
    uint32_t triangles[] = {0, 1, 2, 3, 4, 5};
    float normals[18];
    lumen_mesh mesh = {
        .vertex_count = 6, .triangle_count = 2, .positions = positions, .normals = normals, .triangles = triangles};
    mesh_compute_normals(&mesh);
    for (int v = 0; v < 3; v++) {
        assert_true(fabsf(normals[3 * v + 2] - 1.0f) < 1e-6f);
        assert_true(fabsf(normals[3 * (3 + v) + 1] + 1.0f) < 1e-6f);
    }
}

static void normals_weigh_triangles_by_their_area(void **state)
{
    (void)state;
    /* Vertex 0 lies in a large triangle facing +z and a hundred times smaller one facing +x. */
    float positions[] = {0, 0, 0, 10, 0, 0, 0, 10, 0, 0, 1, 0, 0, 0, 1};
    uint32_t triangles[] = {0, 1, 2, 0, 3, 4};
    float normals[15];
    lumen_mesh mesh = {
        .vertex_count = 5, .triangle_count = 2, .positions = positions, .normals = normals, .triangles = triangles};
    mesh_compute_normals(&mesh);
    assert_true(fabsf(normals[0] - 0.01f) < 1e-4f);
    assert_true(fabsf(normals[2] - 1.0f) < 1e-3f);
}

static void a_vertex_without_area_points_up(void **state)
{
    (void)state;
    float positions[] = {0, 0, 0, 1, 1, 1, 2, 2, 2, 5, 5, 5, NAN, 0, 0};
    uint32_t triangles[] = {0, 1, 2};
    float normals[15];
    lumen_mesh mesh = {
        .vertex_count = 5, .triangle_count = 1, .positions = positions, .normals = normals, .triangles = triangles};
    mesh_compute_normals(&mesh);
    for (int v = 0; v < 5; v++)
        assert_memory_equal(&normals[3 * v], ((float[3]){0.0f, 1.0f, 0.0f}), 3 * sizeof(float));
}

static void the_box_holds_all_meshes(void **state)
{
    (void)state;
    float other[] = {-3, 0.5f, 7};
    lumen_mesh meshes[] = {{0}, tetrahedron(), {.vertex_count = 1, .positions = other}, {0}};
    float low[3];
    float high[3];
    assert_true(mesh_bounds(meshes, 4, low, high));
    assert_memory_equal(low, ((float[3]){-3, 0, 0}), sizeof low);
    assert_memory_equal(high, ((float[3]){1, 1, 7}), sizeof high);
    assert_false(mesh_bounds(meshes, 1, low, high));
    float strange[] = {NAN, 1, 2, 1, NAN, 3};
    lumen_mesh partly = {.vertex_count = 2, .positions = strange};
    assert_true(mesh_bounds(&partly, 1, low, high));
    assert_memory_equal(low, ((float[3]){1, 1, 2}), sizeof low);
    assert_memory_equal(high, ((float[3]){1, 1, 3}), sizeof high);
    partly.vertex_count = 1;
    assert_false(mesh_bounds(&partly, 1, low, high));
    assert_false(mesh_bounds(NULL, 0, low, high));
}

/* Two tetrahedra, the first of them `scale` as large as the second, with everything that a mesh may carry. */
static lumen_mesh two_sizes(arena *memory, float scale)
{
    lumen_mesh mesh = {.vertex_count = 8, .triangle_count = 8};
    mesh.positions = arena_array(memory, float, 24);
    mesh.normals = arena_array(memory, float, 24);
    mesh.attachments = arena_array(memory, float, 8);
    mesh.colors = arena_array(memory, uint8_t, 24);
    mesh.triangles = arena_array(memory, uint32_t, 24);
    mesh.hidden = arena_array(memory, uint8_t, 8);
    for (size_t i = 0; i < 24; i++) {
        mesh.positions[i] = i < 12 ? 5.0f + scale * tetrahedron_positions[i] : tetrahedron_positions[i - 12];
        mesh.normals[i] = (float)i;
        mesh.colors[i] = (uint8_t)i;
        mesh.triangles[i] = i < 12 ? tetrahedron_triangles[i] : 4 + tetrahedron_triangles[i - 12];
    }
    for (size_t i = 0; i < 8; i++) {
        mesh.attachments[i] = (float)i;
        mesh.hidden[i] = (uint8_t)i;
    }
    return mesh;
}

static uint32_t specks_of(arenas *memory, lumen_mesh *mesh, double share, float length)
{
    uint32_t dropped;
    lumen_error error;
    assert_int_equal(mesh_drop_specks(mesh, share, length, memory->scratch, &dropped, &error), LUMEN_OK);
    return dropped;
}

static void a_speck_is_left_out_with_all_that_it_has(void **state)
{
    arenas *memory = *state;
    lumen_mesh mesh = two_sizes(memory->result, 0.01f);
    assert_int_equal(specks_of(memory, &mesh, 0.001, 0.02f), 1);
    assert_watertight(&mesh, memory->scratch);
    assert_int_equal(mesh.vertex_count, 4);
    assert_int_equal(mesh.triangle_count, 4);
    assert_memory_equal(mesh.positions, tetrahedron_positions, sizeof tetrahedron_positions);
    assert_memory_equal(mesh.triangles, tetrahedron_triangles, sizeof tetrahedron_triangles);
    for (size_t i = 0; i < 12; i++)
        assert_true(mesh.normals[i] == (float)(i + 12) && mesh.colors[i] == i + 12);
    for (size_t i = 0; i < 4; i++)
        assert_true(mesh.attachments[i] == (float)(i + 4) && mesh.hidden[i] == i + 4);
}

static void a_piece_that_is_long_or_has_much_surface_is_no_speck(void **state)
{
    arenas *memory = *state;
    lumen_mesh mesh = two_sizes(memory->result, 0.01f), before = mesh;
    assert_int_equal(specks_of(memory, &mesh, 0.001, 0.005f), 0);
    assert_int_equal(specks_of(memory, &mesh, 0.00005, 0.02f), 0);
    assert_memory_equal(&mesh, &before, sizeof mesh);
}

static void the_largest_piece_stays_however_small_it_is(void **state)
{
    arenas *memory = *state;
    lumen_mesh mesh = tetrahedron(), empty = {0};
    assert_int_equal(specks_of(memory, &mesh, 1.0, 100.0f), 0);
    assert_int_equal(mesh.vertex_count, 4);
    assert_int_equal(specks_of(memory, &empty, 1.0, 100.0f), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arenas(a_tetrahedron_is_in_order),
        test_with_arenas(a_missing_triangle_leaves_it_open),
        test_with_arenas(a_turned_triangle_is_closed_but_not_oriented),
        test_with_arenas(a_mesh_turned_inside_out_has_negative_volume),
        test_with_arenas(two_solids_that_share_a_vertex_are_two_fans),
        test_with_arenas(an_edge_of_four_triangles_is_not_manifold),
        test_with_arenas(wrong_indices_are_noticed_and_not_followed),
        test_with_arenas(unused_vertices_and_strange_coordinates_are_counted),
        test_with_arenas(an_empty_mesh_is_closed),
        test_with_arenas(a_speck_is_left_out_with_all_that_it_has),
        test_with_arenas(a_piece_that_is_long_or_has_much_surface_is_no_speck),
        test_with_arenas(the_largest_piece_stays_however_small_it_is),
        test_with_arenas(a_great_fan_takes_no_longer_than_its_size),
        cmocka_unit_test(normals_point_outward_at_any_scale),
        cmocka_unit_test(a_speck_in_a_large_mesh_has_its_normals),
        cmocka_unit_test(normals_weigh_triangles_by_their_area),
        cmocka_unit_test(a_vertex_without_area_points_up),
        cmocka_unit_test(the_box_holds_all_meshes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
