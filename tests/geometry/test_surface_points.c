/* Points brought from the mesh onto the field's own surface. */
#include "fields.h"

#include "geometry/sample.h"
#include "surface_fields.h"

enum { POINTS = 2048 };

/* A mesh of `distance` and points on it. */
static surface_report sampled(arenas *memory, known_field *known, surface_settings *settings, point_cloud *points)
{
    batch_field field = batch_of(known);
    *settings = surface_settings_for(LUMEN_QUALITY_FAST);
    settings->coarse_cells = 16;
    lumen_mesh mesh;
    surface_report report;
    assert_int_equal(surface_extract(&field, settings, memory->scratch, memory->result, &mesh, &report, NULL),
                     LUMEN_OK);
    assert_int_equal(sample_surfaces(&mesh, 1, POINTS, 3, memory->scratch, memory->result, points, NULL), LUMEN_OK);
    return report;
}

static float farthest(const point_cloud *points, distance_function *distance)
{
    float far = 0.0f;
    for (size_t i = 0; i < points->count; i++)
        far = fmaxf(far, fabsf(distance(&points->positions[3 * i])));
    return far;
}

/* The mean angle in degrees between the normals and those of the middle ball. */
static double mean_angle(const point_cloud *points)
{
    double sum = 0.0;
    for (size_t i = 0; i < points->count; i++) {
        const float *p = &points->positions[3 * i];
        const float *n = &points->normals[3 * i];
        double x = (double)p[0] - 0.1;
        double y = (double)p[1] + 0.07;
        double z = (double)p[2] - 0.03;
        double dot = (x * (double)n[0] + y * (double)n[1] + z * (double)n[2]) / sqrt(x * x + y * y + z * z);
        sum += acos(fmin(fmax(dot, -1.0), 1.0)) * 57.29578;
    }
    return sum / (double)points->count;
}

static void three_values_a_point_bring_it_onto_the_surface(void **state)
{
    arenas *memory = *state;
    const field_kind kinds[] = {FIELD_DISTANCE, FIELD_LOGIT, FIELD_LOGIT, FIELD_TRUNCATED};
    const float widths[] = {1.0f, 0.1f, 0.03f, 0.02f};
    for (size_t way = 0; way < 4; way++)
        for (int side = 0; side < 2; side++) {
            known_field known = {.distance = middle_ball, .kind = kinds[way], .width = widths[way]};
            known.sign = side == 0 ? 1.0f : -1.0f;
            batch_field field = batch_of(&known);
            surface_settings settings;
            point_cloud points;
            surface_report report = sampled(memory, &known, &settings, &points);
            assert_true(farthest(&points, middle_ball) > 1e-4f);
            surface_projection_report moved;
            known.asked = 0;
            assert_int_equal(surface_project(&field, &settings, &report, NULL, points.count, points.positions,
                                             points.normals, memory->scratch, &moved, NULL),
                             LUMEN_OK);
            assert_true(farthest(&points, middle_ball) < 1e-5f);
            assert_int_equal(moved.queries, 3 * POINTS);
            assert_int_equal(known.asked, 3 * POINTS);
            assert_int_equal(moved.unmoved, 0);
            assert_true(moved.move_max <= (double)report.cell && moved.move_mean > 0.0);
        }
}

static void normals_of_the_field_are_truer_than_those_of_the_mesh(void **state)
{
    arenas *memory = *state;
    known_field known = {.distance = middle_ball, .kind = FIELD_LOGIT, .width = 0.1f};
    batch_field field = batch_of(&known);
    surface_settings settings;
    point_cloud points;
    surface_report report = sampled(memory, &known, &settings, &points);
    double before = mean_angle(&points);
    const surface_projection how = {.field_normals = true};
    surface_projection_report moved;
    assert_int_equal(surface_project(&field, &settings, &report, &how, points.count, points.positions, points.normals,
                                     memory->scratch, &moved, NULL),
                     LUMEN_OK);
    assert_int_equal(moved.queries, 7 * POINTS);
    assert_true(mean_angle(&points) < 0.7 * before);
    for (size_t i = 0; i < points.count; i++) {
        const float *n = &points.normals[3 * i];
        assert_true(fabsf(n[0] * n[0] + n[1] * n[1] + n[2] * n[2] - 1.0f) < 1e-4f);
    }
}

static float cliff(const float p[3])
{
    return 0.001f + 0.0f * p[0];
}

static void a_field_without_a_surface_leaves_points_where_they_are(void **state)
{
    arenas *memory = *state;
    known_field known = {.distance = cliff};
    batch_field field = batch_of(&known);
    surface_settings settings = surface_settings_for(LUMEN_QUALITY_FAST);
    const surface_report found = {.outside = 1.0f, .cell = 0.02f, .slope = 1.0f};
    const surface_projection how = {.field_normals = true};
    surface_projection_report moved;
    float position[3] = {0.1f, 0.2f, 0.3f};
    float normal[3] = {0.0f, 1.0f, 0.0f};
    assert_int_equal(
        surface_project(&field, &settings, &found, &how, 1, position, normal, memory->scratch, &moved, NULL), LUMEN_OK);
    assert_int_equal(moved.unmoved, 1);
    assert_true(position[0] == 0.1f && position[1] == 0.2f && position[2] == 0.3f);
    assert_true(normal[1] == 1.0f);
}

static float no_number(const float p[3])
{
    return NAN * p[0];
}

static void points_stay_finite_where_the_field_is_not(void **state)
{
    arenas *memory = *state;
    known_field known = {.distance = no_number};
    batch_field field = batch_of(&known);
    surface_settings settings = surface_settings_for(LUMEN_QUALITY_FAST);
    const surface_report found = {.outside = 1.0f, .cell = 0.02f, .slope = 1.0f};
    const surface_projection how = {.steps = 5, .field_normals = true};
    float position[3] = {0.1f, 0.2f, 0.3f};
    float normal[3] = {0.0f, 1.0f, 0.0f};
    assert_int_equal(surface_project(&field, &settings, &found, &how, 1, position, normal, memory->scratch, NULL, NULL),
                     LUMEN_OK);
    assert_true(fabsf(position[1] - 0.2f) <= 0.02f && isfinite(position[0]) && normal[1] == 1.0f);
}

static void an_empty_surface_takes_no_points(void **state)
{
    arenas *memory = *state;
    known_field known = {.distance = cliff};
    batch_field field = batch_of(&known);
    surface_settings settings = surface_settings_for(LUMEN_QUALITY_FAST);
    const surface_report found = {.outside = 1.0f, .empty = true};
    float position[3] = {0};
    float normal[3] = {0};
    assert_int_equal(surface_project(&field, &settings, &found, NULL, 0, NULL, NULL, memory->scratch, NULL, NULL),
                     LUMEN_OK);
    assert_int_equal(surface_project(&field, &settings, &found, NULL, 1, position, normal, memory->scratch, NULL, NULL),
                     LUMEN_ERROR_INVALID);
    assert_int_equal(known.asked, 0);
}

static void what_the_field_returns_is_passed_on(void **state)
{
    arenas *memory = *state;
    for (uint64_t calls = 1; calls < 7; calls++) {
        known_field known = {.distance = middle_ball, .fail_after = calls, .failure = LUMEN_ERROR_CANCELLED};
        batch_field field = batch_of(&known);
        surface_settings settings = surface_settings_for(LUMEN_QUALITY_FAST);
        const surface_report found = {.outside = 1.0f, .cell = 0.02f, .slope = 1.0f};
        const surface_projection how = {.field_normals = true};
        float position[3] = {0.51f, -0.07f, 0.03f};
        float normal[3] = {1.0f, 0.0f, 0.0f};
        assert_int_equal(
            surface_project(&field, &settings, &found, &how, 1, position, normal, memory->scratch, NULL, NULL),
            LUMEN_ERROR_CANCELLED);
        assert_true(fabsf(middle_ball(position)) < 0.011f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arenas(three_values_a_point_bring_it_onto_the_surface),
        test_with_arenas(normals_of_the_field_are_truer_than_those_of_the_mesh),
        test_with_arenas(a_field_without_a_surface_leaves_points_where_they_are),
        test_with_arenas(points_stay_finite_where_the_field_is_not),
        test_with_arenas(an_empty_surface_takes_no_points),
        test_with_arenas(what_the_field_returns_is_passed_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
