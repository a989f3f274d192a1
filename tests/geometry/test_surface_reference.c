/* The reference's own schedule: what it asks, and the figures of the reference itself (bench/surface.py). */
#include "fields.h"

#include "surface_fields.h"

typedef struct golden {
    distance_function *distance;
    uint32_t depth;
    uint64_t fine;
    uint32_t vertices, triangles;
    double volume;
} golden;

/* From PartCrafter's hierarchical_extract_geometry at 269bd41, torch 2.13.0, scikit-image 0.26.0, in 32-bit floats. */
static const golden figures[] = {
    {parity_ball, 4, 32768, 3054, 6104, 2.136785},  {parity_ball, 5, 262144, 12174, 24344, 2.142693},
    {parity_torus, 4, 32768, 1840, 3680, 0.464989}, {parity_torus, 5, 261824, 7040, 14080, 0.471465},
    {parity_plate, 4, 20480, 1334, 2664, 0.308862}, {parity_plate, 5, 122880, 4950, 9896, 0.311968},
};

static void the_figures_are_those_of_the_reference(void **state)
{
    arenas *memory = *state;
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
        known_field known = {.distance = figures[i].distance};
        batch_field field = batch_of(&known);
        surface_reference settings = surface_reference_settings();
        settings.depth = figures[i].depth;
        settings.band_low = -18.0218f; /* those of the sigmoid in 32 bits */
        settings.band_high = 16.6355f;
        lumen_mesh mesh;
        surface_report report;
        assert_int_equal(
            surface_extract_reference(&field, &settings, memory->scratch, memory->result, &mesh, NULL, &report, NULL),
            LUMEN_OK);
        assert_int_equal(report.level_queries[0], UINT64_C(1) << 3 * settings.depth);
        assert_int_equal(report.level_queries[1], figures[i].fine);
        assert_int_equal(report.queries, known.asked);
        assert_int_equal(mesh.vertex_count, figures[i].vertices);
        assert_int_equal(mesh.triangle_count, figures[i].triangles);
        assert_watertight(&mesh, memory->scratch);
        double volume = checked(&mesh, memory->scratch).volume;
        /* Vertices keep a hundredth of a cell from the corners here. */
        assert_true(fabs(volume / figures[i].volume - 1.0) < 0.003);
        arena_reset(memory->result);
    }
}

static float slanted(const float p[3])
{
    return 100.0f * (0.6f * p[0] + 0.64f * p[1] + 0.48f * p[2] + 0.05f);
}

static void only_the_band_and_what_is_near_it_is_asked_anew(void **state)
{
    arenas *memory = *state;
    enum { N = 32 };
    known_field known = {.distance = slanted};
    batch_field field = batch_of(&known);
    surface_reference settings = surface_reference_settings();
    settings.depth = 5;
    settings.batch = 100; /* not a multiple of eight */
    lumen_mesh mesh;
    surface_report report;
    float *values;
    assert_int_equal(
        surface_extract_reference(&field, &settings, memory->scratch, memory->result, &mesh, &values, &report, NULL),
        LUMEN_OK);
    /* The same, counted plainly. */
    uint64_t marked = 0;
    for (int at = 0; at < N * N * N; at++) {
        bool near = false;
        for (int i = 0; i < 125 && !near; i++) {
            int x[3] = {at % N + i % 5 - 2, at / N % N + i / 5 % 5 - 2, at / N / N + i / 25 - 2};
            float p[3];
            bool open = true;
            for (int axis = 0; axis < 3; axis++) {
                open = open && x[axis] > 0 && x[axis] < N - 1;
                p[axis] = -1.005f + 2.01f / (float)(N - 1) * (float)x[axis];
            }
            near = open && slanted(p) > -9.01f && slanted(p) < 8.32f;
        }
        marked += near;
    }
    assert_true(marked > 0 && marked < N * N * N / 2);
    assert_int_equal(report.level_queries[1], 8 * marked);
    /* What was asked anew has the value of its own place, all else that of the nearest coarse sample. */
    size_t own = 0;
    for (size_t at = 0; at < 8 * N * N * N; at++) {
        float p[3] = {(float)(at % (2 * N)), (float)(at / (2 * N) % (2 * N)), (float)(at / (4 * N * N))};
        for (int axis = 0; axis < 3; axis++)
            p[axis] = (p[axis] - (float)N) * (1.005f / (float)N);
        own += fabsf(values[at] - slanted(p)) < 1e-3f;
    }
    assert_true(own >= 8 * marked && own < 8 * marked + 200);
}

static float nowhere(const float p[3])
{
    return 3.0f + 0.0f * p[0];
}

static void a_field_without_a_change_of_sign_is_an_empty_part(void **state)
{
    arenas *memory = *state;
    known_field known = {.distance = nowhere};
    batch_field field = batch_of(&known);
    surface_reference settings = surface_reference_settings();
    settings.depth = 3;
    lumen_mesh mesh;
    surface_report report;
    assert_int_equal(
        surface_extract_reference(&field, &settings, memory->scratch, memory->result, &mesh, NULL, &report, NULL),
        LUMEN_OK);
    assert_true(report.empty && mesh.vertex_count == 0);
}

static void its_report_serves_the_projection_of_points(void **state)
{
    arenas *memory = *state;
    known_field known = {.distance = parity_ball};
    batch_field field = batch_of(&known);
    surface_reference reference = surface_reference_settings();
    reference.depth = 5;
    surface_settings settings = surface_settings_for(LUMEN_QUALITY_HIGH);
    lumen_mesh mesh;
    surface_report report;
    assert_int_equal(
        surface_extract_reference(&field, &reference, memory->scratch, memory->result, &mesh, NULL, &report, NULL),
        LUMEN_OK);
    assert_true(report.slope > 15.0f && report.slope < 25.0f);
    assert_int_equal(surface_project(&field, &settings, &report, NULL, mesh.vertex_count, mesh.positions, mesh.normals,
                                     memory->scratch, NULL, NULL),
                     LUMEN_OK);
    for (size_t v = 0; v < mesh.vertex_count; v++)
        assert_true(fabsf(parity_ball(&mesh.positions[3 * v])) < 1e-4f);
}

static bool refuse(void *user, const char *stage, double fraction)
{
    (void)stage;
    (void)fraction;
    size_t *left = user;
    return (*left)-- != 0;
}

static void it_can_be_cancelled_and_fails_with_its_field(void **state)
{
    arenas *memory = *state;
    for (size_t calls = 0; calls < 3; calls++) {
        known_field known = {.distance = parity_torus, .fail_after = calls, .failure = LUMEN_ERROR_FAILED};
        batch_field field = batch_of(&known);
        surface_reference settings = surface_reference_settings();
        settings.depth = 3;
        settings.batch = 256;
        size_t left = calls;
        if (calls == 0) {
            settings.progress = refuse;
            settings.progress_user = &left;
        }
        lumen_mesh mesh;
        float *values;
        assert_int_equal(
            surface_extract_reference(&field, &settings, memory->scratch, memory->result, &mesh, &values, NULL, NULL),
            calls == 0 ? LUMEN_ERROR_CANCELLED : LUMEN_ERROR_FAILED);
        assert_true(mesh.positions == NULL && values == NULL);
    }
}

static void impossible_settings_are_refused(void **state)
{
    arenas *memory = *state;
    surface_reference wrong[5];
    for (size_t i = 0; i < 5; i++)
        wrong[i] = surface_reference_settings();
    wrong[0].depth = 2;
    wrong[1].depth = 9;
    wrong[2].half = 0.0f;
    wrong[3].half = NAN;
    wrong[4].batch = 7;
    for (size_t i = 0; i < 5; i++) {
        known_field known = {.distance = parity_ball};
        batch_field field = batch_of(&known);
        lumen_mesh mesh;
        lumen_error error = {0};
        assert_int_equal(
            surface_extract_reference(&field, &wrong[i], memory->scratch, memory->result, &mesh, NULL, NULL, &error),
            LUMEN_ERROR_INVALID);
        assert_true(strlen(error.message) > 20 && known.asked == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arenas(the_figures_are_those_of_the_reference),
        test_with_arenas(only_the_band_and_what_is_near_it_is_asked_anew),
        test_with_arenas(a_field_without_a_change_of_sign_is_an_empty_part),
        test_with_arenas(its_report_serves_the_projection_of_points),
        test_with_arenas(it_can_be_cancelled_and_fails_with_its_field),
        test_with_arenas(impossible_settings_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
