/* The surface of a field that is expensive to ask: what is found, what is asked, and what goes wrong. */
#include "fields.h"

#include "geometry/sample.h"
#include "surface_fields.h"

/* Fewer cells than the presets, for what does not depend on them. */
static surface_settings small_settings(void)
{
    surface_settings settings = surface_settings_for(LUMEN_QUALITY_FAST);
    settings.coarse_cells = 16;
    return settings;
}

static known_field told(distance_function *distance, field_kind kind, float width)
{
    return (known_field){.distance = distance, .kind = kind, .width = width};
}

static surface_report extracted(arenas *memory, known_field *known, const surface_settings *settings, lumen_mesh *mesh)
{
    batch_field field = batch_of(known);
    surface_report report;
    lumen_error error = {0};
    if (surface_extract(&field, settings, memory->scratch, memory->result, mesh, &report, &error) != LUMEN_OK)
        fail_msg("%s", error.message);
    assert_int_equal(report.queries, known->asked);
    assert_true(report.empty == (mesh->vertex_count == 0));
    return report;
}

/* The greatest distance of a vertex from the true surface. */
static float farthest(const lumen_mesh *mesh, distance_function *distance)
{
    float far = 0.0f;
    for (size_t v = 0; v < mesh->vertex_count; v++)
        far = fmaxf(far, fabsf(distance(&mesh->positions[3 * v])));
    return far;
}

/* ---- What is found -------------------------------------------------------------------------------- */

static const field_kind kinds[] = {FIELD_DISTANCE, FIELD_LOGIT, FIELD_LOGIT, FIELD_TRUNCATED, FIELD_TRUNCATED};
static const float widths[] = {1.0f, 0.1f, 0.03f, 0.03f, 0.01f};

enum { WAYS = sizeof kinds / sizeof *kinds };

static void a_ball_is_one_closed_piece_however_its_distance_is_told(void **state)
{
    arenas *memory = *state;
    for (size_t way = 0; way < WAYS; way++) {
        known_field known = told(middle_ball, kinds[way], widths[way]);
        surface_settings settings = surface_settings_for(LUMEN_QUALITY_FAST);
        lumen_mesh mesh;
        surface_report report = extracted(memory, &known, &settings, &mesh);
        assert_watertight(&mesh, memory->scratch);
        mesh_report checked_mesh = checked(&mesh, memory->scratch);
        assert_int_equal(checked_mesh.components, 1);
        assert_int_equal(checked_mesh.euler, 2);
        assert_true(checked_mesh.volume > 0.0);
        assert_true(farthest(&mesh, middle_ball) < 0.02f * report.cell);
        assert_true(report.outside == 1.0f && !report.clipped && !report.empty);
        arena_reset(memory->result);
    }
}

/* Counts points of a rod's or plate's middle that have no vertex within reach. */
static size_t missing_along(const lumen_mesh *mesh, const float from[3], const float to[3], float reach)
{
    enum { PLACES = 200 };
    size_t missing = 0;
    for (int i = 0; i <= PLACES; i++) {
        float share = (float)i / (float)PLACES;
        bool found = false;
        for (size_t v = 0; v < mesh->vertex_count && !found; v++) {
            const float *p = &mesh->positions[3 * v];
            found = length3(p[0] - from[0] - share * (to[0] - from[0]), p[1] - from[1] - share * (to[1] - from[1]),
                            p[2] - from[2] - share * (to[2] - from[2])) < reach;
        }
        missing += !found;
    }
    return missing;
}

static void a_rod_of_a_hundredth_of_the_box_stays_whole_at_standard(void **state)
{
    arenas *memory = *state;
    for (size_t way = 0; way < WAYS; way++) {
        known_field known = told(rod_100, kinds[way], widths[way]);
        surface_settings settings = surface_settings_for(LUMEN_QUALITY_STANDARD);
        lumen_mesh mesh;
        surface_report report = extracted(memory, &known, &settings, &mesh);
        assert_watertight(&mesh, memory->scratch);
        assert_int_equal(checked(&mesh, memory->scratch).components, 1);
        assert_int_equal(missing_along(&mesh, (const float[3]){0.0361f, -0.7f, 0.0287f},
                                       (const float[3]){0.0361f, 0.7f, 0.0287f}, 0.5f * BOX_SHARE(100) + report.cell),
                         0);
        arena_reset(memory->result);
    }
}

typedef struct thin_part {
    distance_function *distance;
    uint32_t components;
} thin_part;

static void thin_parts_survive_at_standard(void **state)
{
    arenas *memory = *state;
    const thin_part parts[] = {{plate_100, 1},    {plate_200, 1}, {rod_100_turned, 1}, {plate_100_turned, 1},
                               {close_sheets, 2}, {stool, 1},     {small_ball, 1}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        for (size_t way = i % 3; way < WAYS; way += 3) {
            known_field known = told(parts[i].distance, kinds[way], widths[way]);
            surface_settings settings = surface_settings_for(LUMEN_QUALITY_STANDARD);
            lumen_mesh mesh;
            surface_report report = extracted(memory, &known, &settings, &mesh);
            assert_int_equal(checked(&mesh, memory->scratch).components, parts[i].components);
            assert_true(farthest(&mesh, parts[i].distance) < report.cell);
            arena_reset(memory->result);
        }
}

static void a_shell_has_an_inner_and_an_outer_surface(void **state)
{
    arenas *memory = *state;
    known_field known = told(shell, FIELD_LOGIT, 0.03f);
    surface_settings settings = surface_settings_for(LUMEN_QUALITY_STANDARD);
    lumen_mesh mesh;
    extracted(memory, &known, &settings, &mesh);
    mesh_report looked_over = checked(&mesh, memory->scratch);
    assert_int_equal(looked_over.components, 2);
    const double pi = 3.14159265358979;
    assert_true(fabs(looked_over.volume / (4.0 * pi * 0.36 * 0.0201) - 1.0) < 0.01);
}

/* ---- What is asked -------------------------------------------------------------------------------- */

static void standard_asks_less_than_a_fortieth_of_the_reference(void **state)
{
    arenas *memory = *state;
    /* The reference's dense lattice alone; what it asks in the band comes on top (docs/surface.md). */
    const uint64_t dense = 256 * 256 * 256;
    distance_function *shapes[] = {large_ball, plate_100_turned, stool, close_sheets};
    for (size_t i = 0; i < 4; i++)
        for (size_t way = i; way < WAYS; way += 2 + i) {
            known_field known = told(shapes[i], kinds[way], widths[way]);
            surface_settings settings = surface_settings_for(LUMEN_QUALITY_STANDARD);
            lumen_mesh mesh;
            surface_report report = extracted(memory, &known, &settings, &mesh);
            assert_true(report.queries * 40 < dense);
            /* Batches are full but for the last of each round. */
            assert_true(report.batches < 60);
            arena_reset(memory->result);
        }
}

/* Notes every point that is asked. */
typedef struct witness {
    known_field known;
    float *points;
    size_t count, capacity;
    size_t largest, smallest;
} witness;

static lumen_status witness_evaluate(void *user, const float *points, size_t count, float *values, lumen_error *error)
{
    witness *seen = user;
    assert_true(seen->count + count <= seen->capacity);
    memcpy(&seen->points[3 * seen->count], points, 3 * count * sizeof *points);
    seen->count += count;
    seen->largest = count > seen->largest ? count : seen->largest;
    seen->smallest = count < seen->smallest ? count : seen->smallest;
    return known_evaluate(&seen->known, points, count, values, error);
}

static int compare_points(const void *a, const void *b)
{
    return memcmp(a, b, 3 * sizeof(float));
}

static void no_point_is_asked_twice_and_all_lie_in_the_box(void **state)
{
    arenas *memory = *state;
    enum { CAPACITY = 400000 };
    witness seen = {.known = told(stool, FIELD_LOGIT, 0.05f), .capacity = CAPACITY, .smallest = SIZE_MAX};
    seen.points = arena_array(memory->scratch, float, 3 * CAPACITY);
    batch_field field = {.evaluate = witness_evaluate, .user = &seen};
    surface_settings settings = surface_settings_for(LUMEN_QUALITY_FAST);
    settings.batch = 1000;
    lumen_mesh mesh;
    surface_report report;
    assert_int_equal(surface_extract(&field, &settings, memory->result, memory->scratch, &mesh, &report, NULL),
                     LUMEN_OK);
    assert_int_equal(seen.count, report.queries);
    assert_true(seen.largest == 1000 && seen.smallest > 0);
    for (size_t i = 0; i < 3 * seen.count; i++)
        assert_true(seen.points[i] >= -1.0051f && seen.points[i] <= 1.0051f);
    qsort(seen.points, seen.count, 3 * sizeof(float), compare_points);
    size_t twice = 0;
    for (size_t i = 1; i < seen.count; i++)
        twice += compare_points(&seen.points[3 * i], &seen.points[3 * i - 3]) == 0;
    assert_true(twice <= 8); /* the corners of the box, which come first and again with the lattice */
}

static void the_size_of_batches_changes_nothing(void **state)
{
    arenas *memory = *state;
    const size_t sizes[] = {0, 8, 777, 1000000};
    lumen_mesh meshes[4];
    for (size_t i = 0; i < 4; i++) {
        known_field known = told(rod_100_turned, FIELD_TRUNCATED, 0.02f);
        surface_settings settings = small_settings();
        settings.batch = sizes[i];
        extracted(memory, &known, &settings, &meshes[i]);
        assert_true(meshes[i].vertex_count > 0);
        assert_same_mesh(&meshes[0], &meshes[i]);
    }
}

static void more_values_than_allowed_are_an_error(void **state)
{
    arenas *memory = *state;
    known_field known = told(middle_ball, FIELD_DISTANCE, 1.0f);
    batch_field field = batch_of(&known);
    surface_settings settings = small_settings();
    settings.queries_max = 6000;
    lumen_mesh mesh;
    surface_report report;
    lumen_error error = {0};
    assert_int_equal(surface_extract(&field, &settings, memory->scratch, memory->result, &mesh, &report, &error),
                     LUMEN_ERROR_FAILED);
    assert_non_null(strstr(error.message, "6000"));
    assert_true(report.queries <= 6000 && known.asked <= 6000);
    assert_int_equal(mesh.vertex_count, 0);
}

/* ---- Signs ----------------------------------------------------------------------------------------- */

static void the_corners_of_the_box_tell_which_side_is_outside(void **state)
{
    arenas *memory = *state;
    lumen_mesh meshes[2];
    for (int i = 0; i < 2; i++) {
        known_field known = told(stool, FIELD_LOGIT, 0.1f);
        known.sign = i == 0 ? 1.0f : -1.0f;
        surface_settings settings = small_settings();
        surface_report report = extracted(memory, &known, &settings, &meshes[i]);
        assert_true(report.outside == known.sign);
    }
    assert_same_mesh(&meshes[0], &meshes[1]);
}

static float corner_ball(const float p[3])
{
    return ball(p, 1.0f, 1.0f, 1.0f, 0.3f);
}

static void corners_that_disagree_are_an_error(void **state)
{
    arenas *memory = *state;
    known_field known = told(corner_ball, FIELD_DISTANCE, 1.0f);
    batch_field field = batch_of(&known);
    surface_settings settings = small_settings();
    lumen_mesh mesh;
    lumen_error error = {0};
    assert_int_equal(surface_extract(&field, &settings, memory->scratch, memory->result, &mesh, NULL, &error),
                     LUMEN_ERROR_FAILED);
    assert_non_null(strstr(error.message, "1 of the box's eight corners"));
    assert_int_equal(known.asked, 8);
}

static float nothing(const float p[3])
{
    return 1.0f + 0.0f * p[0];
}

static float everything(const float p[3])
{
    return -1.0f + 0.0f * p[0];
}

static float far_hill(const float p[3])
{
    return ball(p, 0.0f, 0.0f, 0.0f, 0.5f) + 0.6f;
}

static void a_field_without_a_change_of_sign_is_an_empty_part(void **state)
{
    arenas *memory = *state;
    distance_function *shapes[] = {nothing, everything, far_hill};
    for (size_t i = 0; i < 3; i++)
        for (int kind = FIELD_DISTANCE; kind <= FIELD_LOGIT; kind++) {
            known_field known = told(shapes[i], (field_kind)kind, 0.1f);
            surface_settings settings = small_settings();
            lumen_mesh mesh;
            surface_report report = extracted(memory, &known, &settings, &mesh);
            assert_true(report.empty);
            assert_int_equal(mesh.triangle_count, 0);
            assert_true(report.slope == 0.0f);
            /* The coarse lattice twice, the second time with half the cells, and probes: not a search for ever. */
            assert_true(report.queries < 17 * 17 * 17 + 16 * 16 * 16 + 33 * 33 * 33);
        }
}

static void a_box_that_is_all_inside_is_an_error_where_the_sign_is_known(void **state)
{
    arenas *memory = *state;
    known_field known = told(everything, FIELD_DISTANCE, 1.0f);
    batch_field field = batch_of(&known);
    surface_settings settings = small_settings();
    settings.outside = SURFACE_OUTSIDE_POSITIVE;
    lumen_mesh mesh;
    lumen_error error = {0};
    assert_int_equal(surface_extract(&field, &settings, memory->scratch, memory->result, &mesh, NULL, &error),
                     LUMEN_ERROR_FAILED);
    assert_non_null(strstr(error.message, "fills"));
    settings.outside = SURFACE_OUTSIDE_NEGATIVE;
    known.asked = 0;
    assert_true(extracted(memory, &known, &settings, &mesh).empty);
}

static float wide_slab(const float p[3])
{
    return fmaxf(fabsf(p[1]) - 0.2f, fabsf(p[2]) - 0.3f);
}

static void a_shape_that_leaves_the_box_is_closed_at_its_border(void **state)
{
    arenas *memory = *state;
    known_field known = told(wide_slab, FIELD_LOGIT, 0.1f);
    surface_settings settings = small_settings();
    lumen_mesh mesh;
    surface_report report = extracted(memory, &known, &settings, &mesh);
    assert_true(report.clipped);
    assert_watertight(&mesh, memory->scratch);
    assert_int_equal(checked(&mesh, memory->scratch).components, 1);
    float low[3];
    float high[3];
    assert_true(mesh_bounds(&mesh, 1, low, high));
    assert_true(low[0] < -0.98f && low[0] > -1.005f && high[0] > 0.98f && high[0] < 1.005f);
}

/* ---- Values that are no numbers ------------------------------------------------------------------- */

static float hole_in(const float p[3])
{
    return p[0] > 0.05f && p[0] < 0.2f ? NAN : middle_ball(p);
}

static float nowhere_a_number(const float p[3])
{
    return NAN * p[0];
}

static void what_is_not_a_number_lies_outside_and_is_counted(void **state)
{
    arenas *memory = *state;
    for (size_t way = 0; way < WAYS; way++) {
        known_field known = told(hole_in, kinds[way], widths[way]);
        surface_settings settings = small_settings();
        lumen_mesh mesh;
        surface_report report = extracted(memory, &known, &settings, &mesh);
        assert_true(report.not_numbers > 0);
        assert_watertight(&mesh, memory->scratch);
        assert_int_equal(checked(&mesh, memory->scratch).components, 2);
    }
}

static void a_field_that_is_nowhere_a_number_is_an_error(void **state)
{
    arenas *memory = *state;
    known_field known = told(nowhere_a_number, FIELD_DISTANCE, 1.0f);
    batch_field field = batch_of(&known);
    surface_settings settings = small_settings();
    lumen_mesh mesh;
    lumen_error error = {0};
    assert_int_equal(surface_extract(&field, &settings, memory->scratch, memory->result, &mesh, NULL, &error),
                     LUMEN_ERROR_FAILED);
    assert_non_null(strstr(error.message, "not a number"));
}

static float infinite_sides(const float p[3])
{
    return middle_ball(p) < 0.0f ? -INFINITY : INFINITY;
}

static void infinite_values_only_tell_the_side(void **state)
{
    arenas *memory = *state;
    known_field known = told(infinite_sides, FIELD_DISTANCE, 1.0f);
    surface_settings settings = small_settings();
    lumen_mesh mesh;
    surface_report report = extracted(memory, &known, &settings, &mesh);
    assert_watertight(&mesh, memory->scratch);
    assert_int_equal(checked(&mesh, memory->scratch).components, 1);
    assert_true(report.vertex_queries > 0);
    assert_true(farthest(&mesh, middle_ball) < 0.3f * report.cell); /* by bisection */
}

static void noise_leaves_a_closed_surface_near_the_true_one(void **state)
{
    arenas *memory = *state;
    known_field known = told(stool, FIELD_LOGIT, 0.05f);
    known.noise = 0.2f;
    surface_settings settings = surface_settings_for(LUMEN_QUALITY_FAST);
    lumen_mesh mesh;
    surface_report report = extracted(memory, &known, &settings, &mesh);
    assert_watertight(&mesh, memory->scratch);
    assert_true(farthest(&mesh, stool) < report.cell);
}

/* A ball beside a small one, and a bubble of noise within. */
static float ball_with_a_neighbor(const float p[3])
{
    const float away[3] = {p[0] - 0.85f, p[1], p[2]}, within[3] = {p[0] - 0.18844f, p[1], p[2]};
    const float ball = length3(p[0], p[1], p[2]) - 0.7f, neighbor = length3(away[0], away[1], away[2]) - 0.06f;
    return fmaxf(fminf(ball, neighbor), 0.02f - length3(within[0], within[1], within[2]));
}

static void specks_are_left_out_and_small_pieces_stay(void **state)
{
    arenas *memory = *state;
    known_field known = told(ball_with_a_neighbor, FIELD_LOGIT, 0.1f);
    surface_settings settings = surface_settings_for(LUMEN_QUALITY_FAST);
    lumen_mesh mesh;
    surface_report report = extracted(memory, &known, &settings, &mesh);
    assert_watertight(&mesh, memory->scratch);
    assert_int_equal(checked(&mesh, memory->scratch).components, 2);
    assert_int_equal(report.specks, 1);
    settings.specks = 0.0f;
    known.asked = 0;
    report = extracted(memory, &known, &settings, &mesh);
    assert_int_equal(checked(&mesh, memory->scratch).components, 3);
    assert_int_equal(report.specks, 0);
}

static void noise_at_high_quality_leaves_one_piece(void **state)
{
    arenas *memory = *state;
    known_field known = told(middle_ball, FIELD_LOGIT, 0.1f);
    known.noise = 0.05f;
    surface_settings settings = surface_settings_for(LUMEN_QUALITY_HIGH);
    lumen_mesh mesh;
    surface_report report = extracted(memory, &known, &settings, &mesh);
    assert_watertight(&mesh, memory->scratch);
    assert_int_equal(checked(&mesh, memory->scratch).components, 1);
    assert_true(report.specks > 0);
}

/* ---- Stopping ---------------------------------------------------------------------------------------- */

typedef struct patience {
    size_t left;
    double last;
} patience;

static bool count_down(void *user, const char *stage, double fraction)
{
    patience *mine = user;
    assert_string_equal(stage, "surface");
    assert_true(fraction >= mine->last && fraction <= 1.0);
    mine->last = fraction;
    return mine->left-- != 0;
}

static void progress_that_says_no_cancels_before_every_batch(void **state)
{
    arenas *memory = *state;
    lumen_status status = LUMEN_ERROR_CANCELLED;
    size_t batches = 0;
    for (; status == LUMEN_ERROR_CANCELLED; batches++) {
        known_field known = told(middle_ball, FIELD_TRUNCATED, 0.01f);
        batch_field field = batch_of(&known);
        patience mine = {.left = batches};
        surface_settings settings = small_settings();
        settings.batch = 2000;
        settings.progress = count_down;
        settings.progress_user = &mine;
        lumen_mesh mesh;
        surface_report report;
        lumen_error error = {0};
        status = surface_extract(&field, &settings, memory->scratch, memory->result, &mesh, &report, &error);
        if (status != LUMEN_OK) {
            assert_int_equal(report.batches, batches);
            assert_int_equal(mesh.vertex_count, 0);
        }
        assert_true(arena_now(memory->scratch).used == 0);
    }
    assert_int_equal(status, LUMEN_OK);
    assert_true(batches > 10);
}

static void what_the_field_returns_is_passed_on(void **state)
{
    arenas *memory = *state;
    for (uint64_t calls = 1; calls < 6; calls++) {
        known_field known = told(middle_ball, FIELD_LOGIT, 0.1f);
        known.fail_after = calls;
        known.failure = LUMEN_ERROR_UNAVAILABLE;
        batch_field field = batch_of(&known);
        surface_settings settings = small_settings();
        settings.batch = 2000;
        lumen_mesh mesh;
        assert_int_equal(surface_extract(&field, &settings, memory->scratch, memory->result, &mesh, NULL, NULL),
                         LUMEN_ERROR_UNAVAILABLE);
        assert_null(mesh.positions);
    }
}

static void impossible_settings_are_refused(void **state)
{
    arenas *memory = *state;
    surface_settings wrong[8];
    for (size_t i = 0; i < 8; i++)
        wrong[i] = small_settings();
    wrong[0].coarse_cells = 0;
    wrong[1].coarse_cells = 260;
    wrong[2].coarse_cells = 18;
    wrong[3].levels = 7;
    wrong[4].coarse_cells = 256, wrong[4].levels = 3;
    wrong[5].batch = 4;
    wrong[6].side = -1.0f;
    wrong[7].low[1] = NAN;
    for (size_t i = 0; i < 8; i++) {
        known_field known = told(middle_ball, FIELD_LOGIT, 0.1f);
        batch_field field = batch_of(&known);
        lumen_mesh mesh;
        lumen_error error = {0};
        assert_int_equal(surface_extract(&field, &wrong[i], memory->scratch, memory->result, &mesh, NULL, &error),
                         LUMEN_ERROR_INVALID);
        assert_true(strlen(error.message) > 20);
        assert_int_equal(known.asked, 0);
    }
    surface_settings settings = small_settings();
    known_field known = told(middle_ball, FIELD_LOGIT, 0.1f);
    batch_field field = batch_of(&known);
    lumen_mesh mesh;
    assert_int_equal(surface_extract(&field, &settings, memory->scratch, memory->scratch, &mesh, NULL, NULL),
                     LUMEN_ERROR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arenas(a_ball_is_one_closed_piece_however_its_distance_is_told),
        test_with_arenas(a_rod_of_a_hundredth_of_the_box_stays_whole_at_standard),
        test_with_arenas(thin_parts_survive_at_standard),
        test_with_arenas(a_shell_has_an_inner_and_an_outer_surface),
        test_with_arenas(standard_asks_less_than_a_fortieth_of_the_reference),
        test_with_arenas(no_point_is_asked_twice_and_all_lie_in_the_box),
        test_with_arenas(the_size_of_batches_changes_nothing),
        test_with_arenas(more_values_than_allowed_are_an_error),
        test_with_arenas(the_corners_of_the_box_tell_which_side_is_outside),
        test_with_arenas(corners_that_disagree_are_an_error),
        test_with_arenas(a_field_without_a_change_of_sign_is_an_empty_part),
        test_with_arenas(a_box_that_is_all_inside_is_an_error_where_the_sign_is_known),
        test_with_arenas(a_shape_that_leaves_the_box_is_closed_at_its_border),
        test_with_arenas(what_is_not_a_number_lies_outside_and_is_counted),
        test_with_arenas(a_field_that_is_nowhere_a_number_is_an_error),
        test_with_arenas(infinite_values_only_tell_the_side),
        test_with_arenas(noise_leaves_a_closed_surface_near_the_true_one),
        test_with_arenas(specks_are_left_out_and_small_pieces_stay),
        test_with_arenas(noise_at_high_quality_leaves_one_piece),
        test_with_arenas(progress_that_says_no_cancels_before_every_batch),
        test_with_arenas(what_the_field_returns_is_passed_on),
        test_with_arenas(impossible_settings_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
