/* Whatever the values say, the surface is a closed, oriented manifold. */
#include "fields.h"

#include "base/random.h"

/* Extracts from values and checks. Returns the number of triangles. */
static uint32_t assert_values_watertight(arenas *memory, const float *values, const uint32_t cells[3])
{
    isosurface_lattice lattice = {.cell = 0.25f, .cells = {cells[0], cells[1], cells[2]}};
    lumen_mesh mesh;
    arena_reset(memory->result);
    assert_int_equal(isosurface_extract_values(values, &lattice, memory->scratch, memory->result, &mesh, NULL),
                     LUMEN_OK);
    assert_watertight(&mesh, memory->scratch);
    for (size_t i = 0; i < 3 * (size_t)mesh.vertex_count; i++) {
        float side = 0.25f * (float)cells[i % 3];
        assert_true(mesh.positions[i] > 0.0f && mesh.positions[i] < side);
        assert_true(fabsf(mesh.normals[i]) <= 1.0001f);
    }
    assert_true(checked(&mesh, memory->scratch).volume >= 0.0);
    return mesh.triangle_count;
}

static void all_cases_of_one_cell_are_closed_by_their_neighbors(void **state)
{
    arenas *memory = *state;
    const uint32_t cells[3] = {3, 3, 3};
    for (unsigned inside = 0; inside < 256; inside++) {
        float values[64];
        for (unsigned i = 0; i < 64; i++)
            values[i] = 1.0f;
        for (unsigned corner = 0; corner < 8; corner++)
            if ((inside >> corner & 1) != 0)
                values[(1 + (corner & 1)) + 4 * (1 + (corner >> 1 & 1)) + 16 * (1 + (corner >> 2))] = -1.0f;
        uint32_t triangles = assert_values_watertight(memory, values, cells);
        assert_true((triangles == 0) == (inside == 0));
    }
}

static void all_cases_of_two_cells_are_closed_in_every_direction(void **state)
{
    arenas *memory = *state;
    for (unsigned axis = 0; axis < 3; axis++)
        for (unsigned inside = 0; inside < 4096; inside++) {
            uint32_t cells[3] = {3, 3, 3};
            cells[axis] = 4;
            size_t row = cells[0] + 1;
            size_t slice = row * (cells[1] + 1);
            float values[80];
            for (size_t i = 0; i < 80; i++)
                values[i] = 1.0f;
            for (unsigned corner = 0; corner < 12; corner++) {
                size_t at[3] = {1, 1, 1};
                at[axis] += corner / 4;
                at[(axis + 1) % 3] += corner & 1;
                at[(axis + 2) % 3] += corner >> 1 & 1;
                if ((inside >> corner & 1) != 0)
                    values[at[0] + row * at[1] + slice * at[2]] = -1.0f;
            }
            assert_values_watertight(memory, values, cells);
        }
}

static void random_signs_are_closed_also_where_they_reach_the_border(void **state)
{
    arenas *memory = *state;
    random_state generator = random_seed(1);
    float values[12 * 12 * 12];
    for (int round = 0; round < 4000; round++) {
        uint32_t cells[3];
        for (int axis = 0; axis < 3; axis++)
            cells[axis] = 1 + random_u32(&generator) % 11;
        size_t corners = (size_t)(cells[0] + 1) * (cells[1] + 1) * (cells[2] + 1);
        float share = random_float(&generator);
        for (size_t i = 0; i < corners; i++)
            values[i] = random_float(&generator) - share;
        assert_values_watertight(memory, values, cells);
    }
}

static void values_that_are_no_numbers_do_no_harm(void **state)
{
    arenas *memory = *state;
    static const float strange[] = {NAN,    -NAN,    INFINITY, -INFINITY, 0.0f, -0.0f,
                                    1e-45f, -1e-45f, 3e38f,    -3e38f,    1.0f, -1.0f};
    random_state generator = random_seed(2);
    float values[10 * 10 * 10];
    const uint32_t cells[3] = {9, 9, 9};
    for (int round = 0; round < 500; round++) {
        for (size_t i = 0; i < 1000; i++)
            values[i] = strange[random_u32(&generator) % (sizeof strange / sizeof *strange)];
        assert_true(assert_values_watertight(memory, values, cells) > 0);
    }
}

/* A value for each place that has nothing to do with those beside it. */
static float noise(float x, float y, float z)
{
    float place[3] = {x, y, z};
    uint64_t hash = random_hash(fnv1a(FNV_START, place, sizeof place));
    if (hash % 16 == 0)
        return NAN;
    return (float)(hash >> 40) * 0x1p-23f - 1.0f;
}

static float mostly_outside_noise(float x, float y, float z)
{
    return noise(x, y, z) + 0.6f;
}

static float mostly_inside_noise(float x, float y, float z)
{
    return noise(x, y, z) - 0.6f;
}

static void noise_is_closed_whatever_bound_it_claims(void **state)
{
    arenas *memory = *state;
    shape_function *shapes[] = {noise, mostly_outside_noise, mostly_inside_noise};
    const float bounds[] = {0.0f, 0.01f, 0.3f, 1.0f, 4.0f};
    for (size_t shape = 0; shape < 3; shape++)
        for (size_t bound = 0; bound < 5; bound++)
            for (uint32_t cells = 1; cells < 40; cells += 6) {
                arena_reset(memory->result);
                lumen_mesh mesh = extract_shape(memory, shapes[shape], cells, bounds[bound], NULL);
                assert_watertight(&mesh, memory->scratch);
            }
}

static void no_two_vertices_coincide(void **state)
{
    arenas *memory = *state;
    /* Integer distances put the surface exactly onto corners, where vertices would fall together. */
    uint32_t cells[3] = {10, 10, 10};
    float values[11 * 11 * 11];
    for (int i = 0; i < 1331; i++)
        values[i] = (float)(abs(i % 11 - 5) + abs(i / 11 % 11 - 5) + abs(i / 121 - 5) - 3);
    isosurface_lattice lattice = {.cell = 1.0f, .cells = {cells[0], cells[1], cells[2]}};
    lumen_mesh mesh;
    assert_int_equal(isosurface_extract_values(values, &lattice, memory->scratch, memory->result, &mesh, NULL),
                     LUMEN_OK);
    assert_watertight(&mesh, memory->scratch);
    for (size_t a = 0; a < mesh.vertex_count; a++)
        for (size_t b = 0; b < a; b++)
            assert_memory_not_equal(&mesh.positions[3 * a], &mesh.positions[3 * b], 3 * sizeof(float));
    for (size_t t = 0; t < mesh.triangle_count; t++) {
        lumen_mesh one = {.vertex_count = mesh.vertex_count,
                          .triangle_count = 1,
                          .positions = mesh.positions,
                          .triangles = &mesh.triangles[3 * t]};
        assert_true(checked(&one, memory->scratch).area > 1e-5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arenas(all_cases_of_one_cell_are_closed_by_their_neighbors),
        test_with_arenas(all_cases_of_two_cells_are_closed_in_every_direction),
        test_with_arenas(random_signs_are_closed_also_where_they_reach_the_border),
        test_with_arenas(values_that_are_no_numbers_do_no_harm),
        test_with_arenas(noise_is_closed_whatever_bound_it_claims),
        test_with_arenas(no_two_vertices_coincide),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
