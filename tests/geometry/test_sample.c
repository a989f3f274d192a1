/* Points on surfaces: how many, where, in which order, and what they carry. */
#include "fields.h"

#include "base/random.h"
#include "geometry/sample.h"

/* A strip of `count` triangles in the plane z = height whose areas are 1, 2, 3, ... times `size`. */
static lumen_mesh strip(arenas *memory, uint32_t count, float size, float height)
{
    lumen_mesh mesh = {.vertex_count = 3 * count, .triangle_count = count};
    mesh.positions = arena_array(memory->result, float, 9 * (size_t)count);
    mesh.triangles = arena_array(memory->result, uint32_t, 3 * (size_t)count);
    for (uint32_t t = 0; t < count; t++) {
        float left = 2.0f * (float)t;
        float width = 2.0f * size * (float)(t + 1);
        float corners[9] = {left, 0, height, left + 1.0f, 0, height, left, width, height};
        memcpy(&mesh.positions[9 * t], corners, sizeof corners);
        for (uint32_t i = 0; i < 3; i++)
            mesh.triangles[3 * t + i] = 3 * t + i;
    }
    return mesh;
}

static uint32_t triangle_of(const point_cloud *points, size_t i)
{
    return (uint32_t)(points->positions[3 * i] / 2.0f);
}

static point_cloud sampled(arenas *memory, const lumen_mesh *meshes, size_t mesh_count, uint32_t count, uint64_t seed)
{
    point_cloud points;
    assert_int_equal(sample_surfaces(meshes, mesh_count, count, seed, memory->scratch, memory->result, &points, NULL),
                     LUMEN_OK);
    assert_int_equal(points.count, count);
    return points;
}

static void there_are_exactly_as_many_points_as_asked(void **state)
{
    arenas *memory = *state;
    lumen_mesh mesh = strip(memory, 5, 1.0f, 0.0f);
    const uint32_t counts[] = {0, 1, 2, 3, 4, 5, 7, 255, 256, 2048, 65536};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        point_cloud points = sampled(memory, &mesh, 1, counts[i], 3);
        for (uint32_t k = 0; k < counts[i]; k++)
            assert_int_equal(points.part_ids[k], 1);
    }
}

static void a_triangle_gets_its_share_of_the_area_to_within_a_point(void **state)
{
    arenas *memory = *state;
    enum { TRIANGLES = 40, POINTS = 20000 };
    lumen_mesh mesh = strip(memory, TRIANGLES, 0.1f, 0.0f);
    point_cloud points = sampled(memory, &mesh, 1, POINTS, 5);
    uint32_t found[TRIANGLES] = {0};
    for (size_t i = 0; i < POINTS; i++)
        found[triangle_of(&points, i)]++;
    for (uint32_t t = 0; t < TRIANGLES; t++) {
        double expected = (double)POINTS * (double)(t + 1) / ((double)(TRIANGLES * (TRIANGLES + 1)) / 2.0);
        assert_true(fabs((double)found[t] - expected) <= 2.0);
    }
}

static void points_are_uniform_within_a_triangle(void **state)
{
    arenas *memory = *state;
    enum { POINTS = 40000, SIDE = 8 };
    lumen_mesh mesh = strip(memory, 1, 0.5f, 0.0f); /* the corners (0,0), (1,0), (0,1) */
    point_cloud points = sampled(memory, &mesh, 1, POINTS, 6);
    /* Chi-square over the small triangles of a grid: SIDE² equal areas, two to a square off the diagonal. */
    uint32_t found[SIDE * SIDE * 2] = {0};
    for (size_t i = 0; i < POINTS; i++) {
        float x = points.positions[3 * i] * (float)SIDE;
        float y = points.positions[3 * i + 1] * (float)SIDE;
        assert_true(x >= 0.0f && y >= 0.0f && x + y <= (float)SIDE * 1.00001f);
        int column = x < SIDE - 1 ? (int)x : SIDE - 1;
        int row = y < SIDE - 1 ? (int)y : SIDE - 1;
        int upper = (x - (float)column) + (y - (float)row) > 1.0f && column + row < SIDE - 1;
        found[2 * (row * SIDE + column) + upper]++;
    }
    double expected = (double)POINTS / (SIDE * SIDE);
    double chi_square = 0.0;
    int places = 0;
    for (int row = 0; row < SIDE; row++)
        for (int column = 0; column + row < SIDE; column++)
            for (int upper = 0; upper < (column + row < SIDE - 1 ? 2 : 1); upper++) {
                double off = (double)found[2 * (row * SIDE + column) + upper] - expected;
                chi_square += off * off / expected;
                places++;
            }
    assert_int_equal(places, SIDE * SIDE);
    /* 63 degrees of freedom: 110 is passed by chance once in 5,000 times, less than 25 as rarely. */
    assert_true(chi_square > 25.0 && chi_square < 110.0);
}

static void any_first_points_are_spread_over_the_shape(void **state)
{
    arenas *memory = *state;
    enum { TRIANGLES = 16 };
    const uint32_t counts[] = {2048, 2047, 10007, 256, 65536, 30030};
    lumen_mesh mesh = strip(memory, TRIANGLES, 0.1f, 0.0f);
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        point_cloud points = sampled(memory, &mesh, 1, counts[c], 9);
        uint32_t found[TRIANGLES] = {0};
        for (uint32_t m = 1; m <= counts[c]; m++) {
            found[triangle_of(&points, m - 1)]++;
            for (uint32_t t = 0; t < TRIANGLES; t++) {
                double expected = (double)m * (double)(t + 1) / (TRIANGLES * (TRIANGLES + 1) / 2.0);
                assert_true(fabs((double)found[t] - expected) < 6.0);
            }
        }
    }
}

static void the_same_seed_gives_the_same_bytes(void **state)
{
    arenas *memory = *state;
    lumen_mesh mesh = extract_shape(memory, torus_shape, 24, 1.0f, NULL);
    point_cloud first = sampled(memory, &mesh, 1, 2048, 11);
    point_cloud again = sampled(memory, &mesh, 1, 2048, 11);
    point_cloud other = sampled(memory, &mesh, 1, 2048, 12);
    assert_memory_equal(first.positions, again.positions, 3 * 2048 * sizeof(float));
    assert_memory_equal(first.normals, again.normals, 3 * 2048 * sizeof(float));
    assert_memory_equal(first.attachments, again.attachments, 2048 * sizeof(float));
    assert_memory_equal(first.part_ids, again.part_ids, 2048);
    assert_memory_equal(first.colors, again.colors, 3 * 2048);
    assert_memory_not_equal(first.positions, other.positions, 3 * 2048 * sizeof(float));
}

static void the_bytes_are_those_of_every_other_machine(void **state)
{
    arenas *memory = *state;
    lumen_mesh mesh = extract_shape(memory, torus_shape, 24, 1.0f, NULL);
    point_cloud points = sampled(memory, &mesh, 1, 2048, 11);
    uint64_t hash = fnv1a(FNV_START, mesh.positions, 3 * sizeof(float) * mesh.vertex_count);
    hash = fnv1a(hash, mesh.normals, 3 * sizeof(float) * mesh.vertex_count);
    hash = fnv1a(hash, mesh.triangles, 3 * sizeof(uint32_t) * mesh.triangle_count);
    hash = fnv1a(hash, points.positions, 3 * sizeof(float) * points.count);
    hash = fnv1a(hash, points.normals, 3 * sizeof(float) * points.count);
    assert_int_equal(hash, UINT64_C(0x726856eff6ec740e));
}

static void points_and_normals_lie_on_the_surface(void **state)
{
    arenas *memory = *state;
    lumen_mesh mesh = extract_shape(memory, sphere_shape, 64, 1.0f, NULL);
    point_cloud points = sampled(memory, &mesh, 1, 5000, 1);
    for (size_t i = 0; i < points.count; i++) {
        const float *p = &points.positions[3 * i];
        const float *n = &points.normals[3 * i];
        assert_true(fabsf(sphere_shape(p[0], p[1], p[2])) < 0.003f);
        assert_true(fabsf(n[0] * n[0] + n[1] * n[1] + n[2] * n[2] - 1.0f) < 1e-5f);
        assert_true((p[0] * n[0] + p[1] * n[1] + p[2] * n[2]) / 0.8f > 0.95f);
        assert_int_equal(points.colors[3 * i], 255);
        assert_true(points.attachments[i] == 0.0f);
    }
}

static void hidden_and_degenerate_triangles_and_empty_meshes_get_none(void **state)
{
    arenas *memory = *state;
    uint8_t hidden[10] = {1, 0, 0, 1, 0, 0, 0, 1, 0, 1};
    lumen_mesh meshes[4] = {{0}, strip(memory, 10, 1.0f, 0.0f), {0}, strip(memory, 3, 1.0f, 1.0f)};
    meshes[1].hidden = hidden;
    float *degenerate = &meshes[1].positions[9 * 5]; /* triangle 5 becomes a point, triangle 6 not a number */
    memcpy(degenerate + 3, degenerate, 3 * sizeof(float));
    memcpy(degenerate + 6, degenerate, 3 * sizeof(float));
    meshes[1].positions[9 * 6] = NAN;
    point_cloud points = sampled(memory, meshes, 4, 5000, 2);
    uint32_t found[3][10] = {{0}};
    for (size_t i = 0; i < points.count; i++) {
        assert_true(points.part_ids[i] == 2 || points.part_ids[i] == 4);
        assert_true(fabsf(points.positions[3 * i + 2] - (points.part_ids[i] == 4 ? 1.0f : 0.0f)) < 1e-6f);
        found[points.part_ids[i] - 2][triangle_of(&points, i)]++;
    }
    for (uint32_t t = 0; t < 10; t++)
        assert_true((found[0][t] == 0) == (hidden[t] != 0 || t == 5 || t == 6));
    for (uint32_t t = 0; t < 3; t++)
        assert_true(found[2][t] > 0);
}

static void the_last_place_of_the_area_never_falls_off_the_end(void **state)
{
    arenas *memory = *state;
    /* The last triangles of each mesh have no area. */
    lumen_mesh meshes[2] = {strip(memory, 4, 0.3f, 0.0f), strip(memory, 4, 0.3f, 1.0f)};
    for (int m = 0; m < 2; m++)
        memset(&meshes[m].positions[9 * 3], 0, 9 * sizeof(float));
    for (uint64_t seed = 0; seed < 2000; seed++) {
        arena_mark mark = arena_now(memory->result);
        point_cloud points = sampled(memory, meshes, 2, 16, seed);
        for (size_t i = 0; i < points.count; i++)
            assert_true(triangle_of(&points, i) < 3);
        arena_rewind(memory->result, mark);
    }
}

static void what_vertices_carry_is_interpolated(void **state)
{
    arenas *memory = *state;
    float positions[] = {0, 0, 0, 1, 0, 0, 0, 1, 0};
    float normals[] = {0, 0, 1, 1, 0, 0, 0, 1, 0};
    float attachments[] = {0, 1, 0.5f};
    uint8_t colors[] = {255, 0, 10, 0, 255, 10, 0, 0, 10};
    uint32_t triangles[] = {0, 1, 2};
    lumen_mesh mesh = {.vertex_count = 3,
                       .triangle_count = 1,
                       .positions = positions,
                       .normals = normals,
                       .attachments = attachments,
                       .colors = colors,
                       .triangles = triangles};
    point_cloud points = sampled(memory, &mesh, 1, 1000, 4);
    for (size_t i = 0; i < points.count; i++) {
        float x = points.positions[3 * i];
        float y = points.positions[3 * i + 1];
        float length = sqrtf(x * x + y * y + (1 - x - y) * (1 - x - y));
        assert_true(fabsf(points.normals[3 * i] - x / length) < 1e-4f);
        assert_true(fabsf(points.normals[3 * i + 1] - y / length) < 1e-4f);
        assert_true(fabsf(points.attachments[i] - (x + 0.5f * y)) < 1e-5f);
        assert_true(fabsf((float)points.colors[3 * i] - 255.0f * (1 - x - y)) <= 0.51f);
        assert_true(fabsf((float)points.colors[3 * i + 1] - 255.0f * x) <= 0.51f);
        assert_int_equal(points.colors[3 * i + 2], 10);
    }
}

static void without_usable_normals_the_face_gives_them(void **state)
{
    arenas *memory = *state;
    lumen_mesh mesh = strip(memory, 2, 1e-12f, 0.0f);
    float normals[18] = {0, 0, 1, 0, 0, -1, 0, 0, 0, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
    for (int with = 0; with < 2; with++) {
        mesh.normals = with ? normals : NULL;
        point_cloud points = sampled(memory, &mesh, 1, 300, 4);
        for (size_t i = 0; i < points.count; i++)
            assert_true(fabsf(fabsf(points.normals[3 * i + 2]) - 1.0f) < 1e-5f);
    }
}

static void size_does_not_matter(void **state)
{
    arenas *memory = *state;
    const float scales[] = {1e-30f, 1e-10f, 1e10f, 1e30f};
    for (size_t i = 0; i < sizeof scales / sizeof *scales; i++) {
        lumen_mesh mesh = strip(memory, 4, 1.0f, 0.0f);
        point_cloud usual = sampled(memory, &mesh, 1, 100, 1);
        for (size_t k = 0; k < 36; k++)
            mesh.positions[k] *= scales[i];
        point_cloud scaled = sampled(memory, &mesh, 1, 100, 1);
        for (size_t k = 0; k < 300; k++)
            assert_true(fabsf(scaled.positions[k] / scales[i] - usual.positions[k]) < 1e-4f);
    }
}

static void a_shape_without_visible_area_is_refused(void **state)
{
    arenas *memory = *state;
    lumen_mesh mesh = strip(memory, 3, 1.0f, 0.0f);
    uint8_t hidden[3] = {1, 1, 1};
    mesh.hidden = hidden;
    lumen_mesh flat = strip(memory, 3, 0.0f, 0.0f);
    lumen_mesh empty = {0};
    const lumen_mesh *wrong[] = {&mesh, &flat, &empty, NULL};
    for (size_t i = 0; i < 4; i++) {
        point_cloud points;
        lumen_error error = {0};
        assert_int_equal(
            sample_surfaces(wrong[i], wrong[i] != NULL, 100, 0, memory->scratch, memory->result, &points, &error),
            LUMEN_ERROR_FAILED);
        assert_int_equal(points.count, 0);
        assert_null(points.positions);
        assert_true(strlen(error.message) > 20);
    }
}

static void more_meshes_than_part_ids_are_refused(void **state)
{
    arenas *memory = *state;
    static lumen_mesh meshes[256];
    meshes[0] = strip(memory, 1, 1.0f, 0.0f);
    point_cloud points;
    assert_int_equal(sample_surfaces(meshes, 256, 10, 0, memory->scratch, memory->result, &points, NULL),
                     LUMEN_ERROR_INVALID);
    assert_int_equal(sample_surfaces(meshes, 255, 10, 0, memory->scratch, memory->result, &points, NULL), LUMEN_OK);
    assert_int_equal(sample_surfaces(meshes, 1, 10, 0, memory->scratch, memory->scratch, &points, NULL),
                     LUMEN_ERROR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arenas(there_are_exactly_as_many_points_as_asked),
        test_with_arenas(a_triangle_gets_its_share_of_the_area_to_within_a_point),
        test_with_arenas(points_are_uniform_within_a_triangle),
        test_with_arenas(any_first_points_are_spread_over_the_shape),
        test_with_arenas(the_same_seed_gives_the_same_bytes),
        test_with_arenas(the_bytes_are_those_of_every_other_machine),
        test_with_arenas(points_and_normals_lie_on_the_surface),
        test_with_arenas(hidden_and_degenerate_triangles_and_empty_meshes_get_none),
        test_with_arenas(the_last_place_of_the_area_never_falls_off_the_end),
        test_with_arenas(what_vertices_carry_is_interpolated),
        test_with_arenas(without_usable_normals_the_face_gives_them),
        test_with_arenas(size_does_not_matter),
        test_with_arenas(a_shape_without_visible_area_is_refused),
        test_with_arenas(more_meshes_than_part_ids_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
