/* The fifteen primitives: each does what motion_primitive_about says of it, and none can be made to misbehave. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/random.h"
#include "motion/motion.h"

static const vec3 origin = {0.0f, 0.0f, 0.0f};

static float apart(vec3 a, vec3 b)
{
    return vec3_length(vec3_subtract(a, b));
}

static vec3 random_point(random_state *random)
{
    float x = 2.0f * random_float(random) - 1.0f;
    float y = 2.0f * random_float(random) - 1.0f;
    float z = 2.0f * random_float(random) - 1.0f;
    return vec3_make(x, y, z);
}

/* Any values within the ranges of the about table. */
static motion_row random_row(int primitive, random_state *random)
{
    motion_row row = motion_row_usual(primitive, origin);
    const motion_about *about = motion_primitive_about(primitive);
    float *values = &row.primitive;
    for (uint32_t i = 0; i < about->parameter_count; i++) {
        const motion_parameter *one = &about->parameters[i];
        values[one->place] = one->least + (one->most - one->least) * random_float(random);
    }
    return row;
}

/* ---- What a plan is ------------------------------------------------------------------------------------ */

static void a_plan_is_the_bytes_of_a_texture_of_4_by_33(void **state)
{
    (void)state;
    assert_int_equal(sizeof(motion_plan), 4 * 33 * 4 * sizeof(float));
    motion_plan plan;
    memset(&plan, 0, sizeof plan);
    motion_row *row = &plan.rows[2];
    row->primitive = 1, row->phase = 2, row->start = 3, row->duration = 4;
    row->axis[0] = 5, row->axis[1] = 6, row->axis[2] = 7, row->amplitude = 8;
    row->pivot[0] = 9, row->pivot[1] = 10, row->pivot[2] = 11, row->frequency = 12;
    row->spread = 13, row->ease = 14, row->overshoot = 15, row->stagger = 16;
    const float *texels = (const float *)&plan;
    for (int i = 0; i < 16; i++)
        assert_true(texels[2 * 16 + i] == (float)(i + 1));
}

static void the_primitives_have_the_numbers_of_the_shader(void **state)
{
    (void)state;
    static const char *const names[MOTION_PRIMITIVES] = {"oscillate_bend",
                                                         "oscillate_translate",
                                                         "arc_translate",
                                                         "rigid_rotate",
                                                         "spring_settle",
                                                         "radial_burst",
                                                         "radial_contract",
                                                         "spiral",
                                                         "laminar_flow",
                                                         "curl_noise_flow",
                                                         "brownian_scatter",
                                                         "wave_propagate",
                                                         "stretch_along_axis",
                                                         "twist",
                                                         "pendulum"};
    for (int i = 0; i < MOTION_PRIMITIVES; i++) {
        assert_string_equal(motion_primitive_about(i)->name, names[i]);
        assert_int_equal(motion_primitive_of(names[i]), i);
    }
    assert_int_equal(motion_primitive_of("teleport"), MOTION_NONE);
    assert_null(motion_primitive_about(-1));
    assert_null(motion_primitive_about(MOTION_PRIMITIVES));
}

static void sliders_know_their_place_their_range_and_where_they_begin(void **state)
{
    (void)state;
    static const int one_shots[] = {2, 4, 5, 6, 10};
    size_t shots = 0;
    for (int i = 0; i < MOTION_PRIMITIVES; i++) {
        const motion_about *about = motion_primitive_about(i);
        assert_true(about->parameter_count > 0 && about->parameter_count <= MOTION_PARAMETERS);
        if (about->one_shot)
            assert_int_equal(one_shots[shots++], i);
        uint32_t seen = 0;
        for (uint32_t k = 0; k < about->parameter_count; k++) {
            const motion_parameter *one = &about->parameters[k];
            assert_true(one->place > 0 && one->place < MOTION_ROW_FLOATS);
            assert_false(seen & 1u << one->place);
            seen |= 1u << one->place;
            assert_true(one->least < one->most && one->usual >= one->least && one->usual <= one->most);
            assert_true(strlen(one->meaning) > 3);
        }
        for (uint32_t k = about->parameter_count; k < MOTION_PARAMETERS; k++)
            assert_null(about->parameters[k].name);
        motion_row row = motion_row_usual(i, vec3_make(0.1f, 0.2f, 0.3f));
        assert_true(row.primitive == (float)i && row.pivot[2] == 0.3f && row.duration > 0.0f);
    }
    assert_int_equal(shots, 5);
}

/* ---- Behavior of all ------------------------------------------------------------------------------------ */

static void what_ends_is_held(void **state)
{
    (void)state;
    random_state random = random_seed(1);
    for (int i = 0; i < MOTION_PRIMITIVES; i++) {
        if (!motion_primitive_about(i)->one_shot)
            continue;
        for (int round = 0; round < 200; round++) {
            motion_row row = random_row(i, &random);
            row.start = 3.0f;
            vec3 home = random_point(&random);
            float attachment = random_float(&random);
            float seed = random_float(&random);
            float end = row.start + row.duration * (1.0f + row.stagger) + 0.01f;
            vec3 there = motion_move_row(&row, home, attachment, seed, end);
            assert_true(apart(there, motion_move_row(&row, home, attachment, seed, end + 5.0f)) < 1e-6f);
            assert_true(apart(there, motion_move_row(&row, home, attachment, seed, end + 5000.0f)) < 1e-6f);
            vec3 before = motion_move_row(&row, home, attachment, seed, 3.0f);
            assert_true(apart(before, motion_move_row(&row, home, attachment, seed, -10.0f)) < 1e-6f);
        }
    }
}

static void what_begins_at_home_begins_there(void **state)
{
    (void)state;
    random_state random = random_seed(2);
    static const int kinds[] = {MOTION_ARC_TRANSLATE, MOTION_RADIAL_BURST, MOTION_BROWNIAN_SCATTER};
    for (size_t i = 0; i < 3; i++) {
        motion_row row = random_row(kinds[i], &random);
        vec3 home = random_point(&random);
        assert_true(apart(home, motion_move_row(&row, home, 0.5f, 0.3f, 0.0f)) < 1e-6f);
        assert_true(apart(home, motion_move_row(&row, home, 0.5f, 0.3f, 100.0f)) > 1e-3f);
    }
    motion_row spring = motion_row_usual(MOTION_SPRING_SETTLE, origin);
    vec3 home = {0.2f, 0.3f, 0.4f};
    assert_true(fabsf(motion_move_row(&spring, home, 0.5f, 0.3f, 0.0f).y - 0.8f) < 1e-6f);
    assert_true(apart(home, motion_move_row(&spring, home, 0.5f, 0.3f, 100.0f)) < 1e-6f);
}

static void what_goes_in_cycles_comes_back(void **state)
{
    (void)state;
    random_state random = random_seed(3);
    for (int i = 0; i < MOTION_PRIMITIVES; i++) {
        if (motion_primitive_about(i)->one_shot)
            continue;
        for (int round = 0; round < 100; round++) {
            motion_row row = random_row(i, &random);
            row.frequency = 0.5f;
            vec3 home = random_point(&random);
            float now = 4.0f * random_float(&random);
            float attachment = random_float(&random);
            vec3 there = motion_move_row(&row, home, attachment, 0.4f, now);
            vec3 later = motion_move_row(&row, home, attachment, 0.4f, now + MOTION_CYCLES / 0.5f);
            assert_true(apart(there, later) < 1e-3f);
        }
    }
}

/* In a thousandth of a cycle a point goes a small way, whatever the moment: at the end of a cycle too. */
static void nothing_pops(void **state)
{
    (void)state;
    random_state random = random_seed(4);
    for (int i = 0; i < MOTION_PRIMITIVES; i++) {
        bool one_shot = motion_primitive_about(i)->one_shot;
        for (int round = 0; round < 20; round++) {
            motion_row row = random_row(i, &random);
            row.frequency = 1.0f;
            row.duration = 1.0f;
            row.ease *= i == MOTION_RIGID_ROTATE ? 0.3f : 1.0f;
            row.overshoot = 0.1f;
            vec3 home = random_point(&random);
            vec3 before = motion_move_row(&row, home, 0.7f, 0.3f, 0.0f);
            for (int step = 1; step <= (one_shot ? 3000 : 4100); step++) {
                vec3 after = motion_move_row(&row, home, 0.7f, 0.3f, 0.001f * (float)step);
                if (apart(before, after) > 0.2f)
                    fail_msg("%s goes %g at step %d", motion_primitive_about(i)->name, (double)apart(before, after),
                             step);
                before = after;
            }
        }
    }
}

static void no_numbers_throw_a_point_out_of_the_world(void **state)
{
    (void)state;
    static const float hostile[] = {NAN,  INFINITY, -INFINITY, 1e30f, -1e30f,      3.4e38f,
                                    0.0f, -0.0f,    1e-40f,    -1.0f, 16777216.0f, 1e9f};
    random_state random = random_seed(5);
    for (int round = 0; round < 200000; round++) {
        motion_row row = random_row((int)(random_u32(&random) % MOTION_PRIMITIVES), &random);
        float *values = &row.primitive;
        for (int i = 0; i < 5; i++)
            values[random_u32(&random) % MOTION_ROW_FLOATS] = hostile[random_u32(&random) % 12];
        vec3 home = random_point(&random);
        float now = round % 7 == 0 ? hostile[random_u32(&random) % 12] : 3.0f;
        vec3 moved = motion_move_row(&row, home, random_float(&random), random_float(&random), now);
        assert_true(fabsf(moved.x - home.x) <= MOTION_FARTHEST + 0.001f);
        assert_true(fabsf(moved.y - home.y) <= MOTION_FARTHEST + 0.001f);
        assert_true(fabsf(moved.z - home.z) <= MOTION_FARTHEST + 0.001f);
    }
}

static void a_row_with_a_number_that_is_none_moves_nothing(void **state)
{
    (void)state;
    const vec3 home = {0.3f, 0.4f, 0.5f};
    for (int i = 0; i < MOTION_PRIMITIVES; i++) {
        for (int k = 0; k < MOTION_ROW_FLOATS; k++) {
            motion_row row = motion_row_usual(i, origin);
            (&row.primitive)[k] = k % 2 == 0 ? NAN : -INFINITY;
            assert_true(apart(home, motion_move_row(&row, home, 1.0f, 0.5f, 0.6f)) == 0.0f);
        }
    }
    motion_row row = motion_row_usual(MOTION_PENDULUM, origin);
    assert_true(apart(home, motion_move_row(&row, home, 1.0f, 0.5f, NAN)) == 0.0f);
    vec3 nowhere = motion_move_row(&row, vec3_make(NAN, 0.0f, 1e30f), 1.0f, 0.5f, 0.6f);
    assert_true(isnan(nowhere.x) && nowhere.z == 1e30f);
}

static void all_points_at_once_move_as_one_by_one(void **state)
{
    (void)state;
    enum { COUNT = 500 };
    static motion_plan plan;
    random_state random = random_seed(6);
    for (int k = 0; k < MOTION_ROWS; k++)
        plan.rows[k] = random_row(k % MOTION_PRIMITIVES, &random);
    float homes[3 * COUNT];
    float targets[3 * COUNT];
    float attachments[COUNT];
    float seeds[COUNT];
    uint8_t parts[COUNT];
    for (int i = 0; i < COUNT; i++) {
        vec3 home = random_point(&random);
        memcpy(&homes[3 * i], &home, sizeof home);
        attachments[i] = random_float(&random);
        seeds[i] = random_float(&random);
        parts[i] = (uint8_t)(random_u32(&random) % 40); /* some of no part of this plan */
    }
    motion_move_all(&plan, COUNT, homes, parts, attachments, seeds, 2.5f, targets);
    for (int i = 0; i < COUNT; i++) {
        vec3 home = {homes[3 * i], homes[3 * i + 1], homes[3 * i + 2]};
        vec3 moved = motion_move(&plan, home, parts[i], attachments[i], seeds[i], 2.5f);
        assert_true(moved.x == targets[3 * i] && moved.y == targets[3 * i + 1] && moved.z == targets[3 * i + 2]);
    }
}

/* ---- Modifiers ------------------------------------------------------------------------------------------- */

static void an_overshoot_goes_so_far_beyond_and_comes_back(void **state)
{
    (void)state;
    motion_row row = motion_row_usual(MOTION_ARC_TRANSLATE, origin);
    row.axis[0] = 1.0f, row.axis[1] = row.axis[2] = 0.0f;
    row.amplitude = 1.0f, row.spread = 0.0f, row.duration = 1.0f;
    for (float overshoot = 0.0f; overshoot <= 1.0f; overshoot += 0.25f) {
        row.overshoot = overshoot;
        float farthest = 0.0f;
        for (float now = 0.0f; now <= 1.0f; now += 0.0005f)
            farthest = fmaxf(farthest, motion_move_row(&row, origin, 0.0f, 0.0f, now).x);
        assert_true(fabsf(farthest - (1.0f + overshoot)) < 0.01f);
        assert_true(fabsf(motion_move_row(&row, origin, 0.0f, 0.0f, 1.0f).x - 1.0f) < 1e-6f);
    }
    row = motion_row_usual(MOTION_OSCILLATE_TRANSLATE, origin);
    row.amplitude = 1.0f;
    row.overshoot = 0.3f;
    float highest = 0.0f;
    float lowest = 0.0f;
    for (float now = 0.0f; now <= 1.0f; now += 0.0005f) {
        float height = motion_move_row(&row, origin, 0.0f, 0.0f, now).y;
        highest = fmaxf(highest, height);
        lowest = fminf(lowest, height);
    }
    assert_true(fabsf(highest - 1.3f) < 0.01f && fabsf(lowest + 1.3f) < 0.01f);
}

static void ease_rests_at_the_ends_and_throws(void **state)
{
    (void)state;
    motion_row row = motion_row_usual(MOTION_OSCILLATE_TRANSLATE, origin);
    row.amplitude = 1.0f;
    /* A sine at 0; nearer to its end earlier at 1. */
    assert_true(fabsf(motion_move_row(&row, origin, 0.0f, 0.0f, 0.25f).y - 1.0f) < 1e-5f);
    assert_true(fabsf(motion_move_row(&row, origin, 0.0f, 0.0f, 1.0f / 12.0f).y - 0.5f) < 1e-5f);
    row.ease = 1.0f;
    assert_true(motion_move_row(&row, origin, 0.0f, 0.0f, 1.0f / 12.0f).y > 0.6f);
    /* Thrown and caught: never below its place, there at whole cycles, a parabola between. */
    row.ease = -1.0f;
    for (float now = 0.0f; now < 3.0f; now += 0.01f)
        assert_true(motion_move_row(&row, origin, 0.0f, 0.0f, now).y >= -1e-5f);
    assert_true(fabsf(motion_move_row(&row, origin, 0.0f, 0.0f, 2.0f).y) < 1e-5f);
    assert_true(fabsf(motion_move_row(&row, origin, 0.0f, 0.0f, 0.5f).y - 1.0f) < 1e-5f);
    assert_true(fabsf(motion_move_row(&row, origin, 0.0f, 0.0f, 0.25f).y - 0.75f) < 1e-5f);
}

static void stagger_makes_the_extremity_lag(void **state)
{
    (void)state;
    motion_row row = motion_row_usual(MOTION_OSCILLATE_TRANSLATE, origin);
    row.stagger = 0.25f;
    float at_tip = motion_move_row(&row, origin, 1.0f, 0.0f, 0.4f).y;
    float at_joint_earlier = motion_move_row(&row, origin, 0.0f, 0.0f, 0.15f).y;
    assert_true(fabsf(at_tip - at_joint_earlier) < 1e-5f);
    motion_row arc = motion_row_usual(MOTION_ARC_TRANSLATE, origin);
    arc.stagger = 0.5f;
    arc.duration = 2.0f;
    assert_true(apart(motion_move_row(&arc, origin, 1.0f, 0.0f, 0.9f), origin) < 1e-6f);
    assert_true(apart(motion_move_row(&arc, origin, 0.0f, 0.0f, 0.9f), origin) > 0.1f);
}

/* ---- One by one ------------------------------------------------------------------------------------------ */

static void a_bend_leaves_the_joint_and_turns_the_extremity(void **state)
{
    (void)state;
    random_state random = random_seed(7);
    for (int round = 0; round < 500; round++) {
        motion_row row = random_row(MOTION_OSCILLATE_BEND, &random);
        vec3 home = random_point(&random);
        assert_true(apart(home, motion_move_row(&row, home, 0.0f, 0.2f, 10.0f * random_float(&random))) < 2e-6f);
    }
    motion_row leg = motion_row_usual(MOTION_OSCILLATE_BEND, origin);
    leg.amplitude = 1.0f;
    vec3 foot = {0.0f, -1.0f, 0.0f};
    vec3 back = motion_move_row(&leg, foot, 1.0f, 0.0f, 0.25f);
    /* A positive angle about +X takes what hangs down backward. */
    assert_true(apart(back, vec3_make(0.0f, -cosf(1.0f), -sinf(1.0f))) < 1e-5f);
    assert_true(fabsf(vec3_length(motion_move_row(&leg, foot, 0.6f, 0.0f, 0.1f)) - 1.0f) < 1e-5f);
}

static void spread_makes_left_and_right_alternate(void **state)
{
    (void)state;
    motion_row legs = motion_row_usual(MOTION_OSCILLATE_BEND, origin);
    legs.spread = 0.5f;
    for (float now = 0.0f; now < 2.0f; now += 0.13f) {
        vec3 left = motion_move_row(&legs, vec3_make(0.2f, -1.0f, 0.0f), 1.0f, 0.0f, now);
        vec3 right = motion_move_row(&legs, vec3_make(-0.2f, -1.0f, 0.0f), 1.0f, 0.0f, now);
        assert_true(fabsf(left.z + right.z) < 1e-5f);
    }
    /* About Z that is a pair of wings: both up, both down. */
    motion_row fins = legs;
    fins.axis[0] = 0.0f, fins.axis[2] = 1.0f;
    vec3 left = motion_move_row(&fins, vec3_make(1.0f, 0.0f, 0.0f), 1.0f, 0.0f, 0.0f);
    vec3 right = motion_move_row(&fins, vec3_make(-1.0f, 0.0f, 0.0f), 1.0f, 0.0f, 0.0f);
    assert_true(fabsf(left.y - right.y) < 1e-5f && fabsf(left.y) > 0.1f);
}

static void a_pendulum_swings_as_a_whole(void **state)
{
    (void)state;
    motion_row row = motion_row_usual(MOTION_PENDULUM, vec3_make(0.0f, 1.0f, 0.0f));
    vec3 a = {0.1f, 0.2f, 0.3f};
    vec3 b = {-0.3f, -0.4f, 0.1f};
    for (float now = 0.0f; now < 2.0f; now += 0.1f)
        assert_true(fabsf(apart(motion_move_row(&row, a, 0.1f, 0.0f, now), motion_move_row(&row, b, 0.9f, 0.0f, now)) -
                          apart(a, b)) < 1e-5f);
}

static void each_of_a_row_of_wheels_turns_about_its_own_axle(void **state)
{
    (void)state;
    motion_row row = motion_row_usual(MOTION_RIGID_ROTATE, vec3_make(0.0f, -0.5f, 0.8f));
    row.spread = 0.8f;   /* 0.8, 0.0 and -0.8 */
    row.stagger = 0.05f; /* each a little higher */
    row.frequency = 1.0f;
    for (int i = 0; i < 3; i++) {
        vec3 axle = {0.4f, -0.5f + 0.05f * (float)i, 0.8f - 0.8f * (float)i};
        vec3 rim = vec3_add(axle, vec3_make(0.0f, 0.2f, 0.0f));
        for (float now = 0.0f; now < 1.0f; now += 0.07f)
            assert_true(fabsf(apart(motion_move_row(&row, rim, 1.0f, 0.0f, now), axle) - 0.2f) < 1e-5f);
        /* The upper side goes forward: the wheel rolls toward +Z. */
        vec3 quarter = motion_move_row(&row, rim, 1.0f, 0.0f, 0.25f);
        assert_true(apart(quarter, vec3_add(axle, vec3_make(0.0f, 0.0f, 0.2f))) < 1e-5f);
    }
}

static void a_wave_runs_along_its_axis(void **state)
{
    (void)state;
    motion_row row = motion_row_usual(MOTION_WAVE_PROPAGATE, origin);
    row.axis[0] = 0.0f, row.axis[1] = 0.0f, row.axis[2] = 1.0f;
    row.amplitude = 0.2f, row.spread = 0.5f, row.frequency = 1.0f;
    /* What is here now is a unit of length further on after half a second: a second's cycle, two units of wave. */
    for (float now = 0.0f; now < 1.0f; now += 0.09f) {
        vec3 here = motion_move_row(&row, vec3_make(0.1f, 0.2f, -0.3f), 0.3f, 0.0f, now);
        vec3 there = motion_move_row(&row, vec3_make(0.1f, 0.2f, 0.7f), 0.3f, 0.0f, now + 0.5f);
        assert_true(fabsf(here.x - there.x) < 1e-5f);
        assert_true(fabsf(here.y - 0.2f) < 1e-6f && fabsf(here.z + 0.3f) < 1e-6f);
    }
    row.spread = -0.5f;
    row.stagger = 1.0f;
    vec3 up = motion_move_row(&row, vec3_make(0.1f, 0.2f, -0.5f), 0.3f, 0.0f, 0.0f);
    assert_true(fabsf(up.x - 0.1f) < 1e-6f && fabsf(up.y - (0.2f + 0.2f * 0.25f)) < 1e-5f);
    vec3 at_pivot = motion_move_row(&row, origin, 0.3f, 0.0f, 0.3f);
    assert_true(apart(at_pivot, origin) < 1e-6f);
}

static void a_twist_grows_along_its_axis(void **state)
{
    (void)state;
    motion_row row = motion_row_usual(MOTION_TWIST, origin);
    row.amplitude = 1.0f, row.frequency = 1.0f;
    vec3 low = motion_move_row(&row, vec3_make(1.0f, 0.5f, 0.0f), 0.0f, 0.0f, 0.25f);
    vec3 high = motion_move_row(&row, vec3_make(1.0f, 1.0f, 0.0f), 0.0f, 0.0f, 0.25f);
    assert_true(fabsf(low.x - cosf(0.5f)) < 1e-5f && fabsf(high.x - cosf(1.0f)) < 1e-5f);
    assert_true(apart(motion_move_row(&row, vec3_make(1.0f, 0.0f, 0.0f), 0.0f, 0.0f, 0.25f),
                      vec3_make(1.0f, 0.0f, 0.0f)) < 1e-6f);
}

static void contraction_ends_in_its_pivot_and_growth_begins_there(void **state)
{
    (void)state;
    vec3 pivot = {0.1f, -0.9f, 0.2f};
    vec3 home = {0.7f, 0.4f, -0.6f};
    motion_row row = motion_row_usual(MOTION_RADIAL_CONTRACT, pivot);
    row.amplitude = 1.0f;
    assert_true(apart(motion_move_row(&row, home, 0.0f, 0.0f, 100.0f), pivot) < 1e-5f);
    row.amplitude = -1.0f;
    assert_true(apart(motion_move_row(&row, home, 0.0f, 0.0f, 0.0f), pivot) < 1e-5f);
    assert_true(apart(motion_move_row(&row, home, 0.0f, 0.0f, 100.0f), home) < 1e-5f);
    /* Along the axis alone: a puddle. */
    row.amplitude = 1.0f, row.spread = 1.0f;
    vec3 puddle = motion_move_row(&row, home, 0.0f, 0.0f, 100.0f);
    assert_true(apart(puddle, vec3_make(home.x, pivot.y, home.z)) < 1e-5f);
}

static void a_burst_scatters_away_from_its_pivot(void **state)
{
    (void)state;
    random_state random = random_seed(8);
    motion_row row = motion_row_usual(MOTION_RADIAL_BURST, origin);
    for (int i = 0; i < 200; i++) {
        vec3 home = random_point(&random);
        if (vec3_length(home) < 0.3f)
            continue;
        vec3 moved = motion_move_row(&row, home, 0.5f, random_float(&random), 10.0f);
        assert_true(vec3_length(moved) > vec3_length(home) + 0.2f);
    }
}

static void a_stream_flows_forward_most_of_the_time_and_fastest_in_the_middle(void **state)
{
    (void)state;
    motion_row row = motion_row_usual(MOTION_LAMINAR_FLOW, origin);
    row.frequency = 1.0f, row.spread = 0.0f, row.stagger = 1.0f;
    int forward = 0;
    vec3 rim = {1.0f, 0.0f, 0.0f};
    for (int i = 0; i < 1000; i++) {
        float now = 0.001f * (float)i;
        forward += motion_move_row(&row, origin, 0.0f, 0.5f, now + 0.001f).z >
                   motion_move_row(&row, origin, 0.0f, 0.5f, now).z;
        assert_true(fabsf(motion_move_row(&row, rim, 0.0f, 0.5f, now).z) <=
                    0.51f * fabsf(motion_move_row(&row, origin, 0.0f, 0.5f, now).z) + 1e-6f);
    }
    assert_true(forward > 600);
}

static void a_spring_swings_beyond_as_far_as_it_is_told(void **state)
{
    (void)state;
    motion_row row = motion_row_usual(MOTION_SPRING_SETTLE, origin);
    row.amplitude = 1.0f, row.duration = 20.0f, row.frequency = 1.0f;
    for (float overshoot = 0.2f; overshoot < 0.9f; overshoot += 0.2f) {
        row.overshoot = overshoot;
        float lowest = 0.0f;
        for (float now = 0.0f; now < 1.0f; now += 0.001f)
            lowest = fminf(lowest, motion_move_row(&row, origin, 0.0f, 0.0f, now).y);
        assert_true(fabsf(-lowest - overshoot) < 0.12f);
    }
}

/* ---- Noise ------------------------------------------------------------------------------------------------ */

static void the_noise_neither_gathers_nor_thins(void **state)
{
    (void)state;
    random_state random = random_seed(9);
    double squares = 0.0;
    double divergences = 0.0;
    for (int i = 0; i < 20000; i++) {
        vec3 at = vec3_scale(random_point(&random), 50.0f);
        vec3 here = motion_noise_curl(at);
        assert_true(fabsf(here.x) <= 1.0f && fabsf(here.y) <= 1.0f && fabsf(here.z) <= 1.0f);
        squares += (double)vec3_dot(here, here);
        const float step = 0.01f;
        float divergence = 0.0f;
        divergence += motion_noise_curl(vec3_make(at.x + step, at.y, at.z)).x -
                      motion_noise_curl(vec3_make(at.x - step, at.y, at.z)).x;
        divergence += motion_noise_curl(vec3_make(at.x, at.y + step, at.z)).y -
                      motion_noise_curl(vec3_make(at.x, at.y - step, at.z)).y;
        divergence += motion_noise_curl(vec3_make(at.x, at.y, at.z + step)).z -
                      motion_noise_curl(vec3_make(at.x, at.y, at.z - step)).z;
        divergence /= 2.0f * step;
        divergences += (double)(divergence * divergence);
    }
    /* Where it flows, and without sources: those would be as large as the flow's own slopes, which are near 1. */
    assert_true(sqrt(squares / 60000.0) > 0.1);
    assert_true(sqrt(divergences / 20000.0) < 0.02);
}

static void the_noise_is_smooth_and_ends_where_floats_do(void **state)
{
    (void)state;
    random_state random = random_seed(10);
    for (int i = 0; i < 20000; i++) {
        vec3 at = vec3_scale(random_point(&random), 20.0f);
        vec3 way = vec3_scale(random_point(&random), 0.002f);
        assert_true(apart(motion_noise_curl(at), motion_noise_curl(vec3_add(at, way))) < 0.05f);
    }
    assert_true(vec3_length(motion_noise_curl(vec3_make(NAN, 0.0f, 0.0f))) == 0.0f);
    assert_true(vec3_length(motion_noise_curl(vec3_make(0.0f, INFINITY, 0.0f))) == 0.0f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_is_the_bytes_of_a_texture_of_4_by_33),
        cmocka_unit_test(the_primitives_have_the_numbers_of_the_shader),
        cmocka_unit_test(sliders_know_their_place_their_range_and_where_they_begin),
        cmocka_unit_test(what_ends_is_held),
        cmocka_unit_test(what_begins_at_home_begins_there),
        cmocka_unit_test(what_goes_in_cycles_comes_back),
        cmocka_unit_test(nothing_pops),
        cmocka_unit_test(no_numbers_throw_a_point_out_of_the_world),
        cmocka_unit_test(a_row_with_a_number_that_is_none_moves_nothing),
        cmocka_unit_test(all_points_at_once_move_as_one_by_one),
        cmocka_unit_test(an_overshoot_goes_so_far_beyond_and_comes_back),
        cmocka_unit_test(ease_rests_at_the_ends_and_throws),
        cmocka_unit_test(stagger_makes_the_extremity_lag),
        cmocka_unit_test(a_bend_leaves_the_joint_and_turns_the_extremity),
        cmocka_unit_test(spread_makes_left_and_right_alternate),
        cmocka_unit_test(a_pendulum_swings_as_a_whole),
        cmocka_unit_test(each_of_a_row_of_wheels_turns_about_its_own_axle),
        cmocka_unit_test(a_wave_runs_along_its_axis),
        cmocka_unit_test(a_twist_grows_along_its_axis),
        cmocka_unit_test(contraction_ends_in_its_pivot_and_growth_begins_there),
        cmocka_unit_test(a_burst_scatters_away_from_its_pivot),
        cmocka_unit_test(a_stream_flows_forward_most_of_the_time_and_fastest_in_the_middle),
        cmocka_unit_test(a_spring_swings_beyond_as_far_as_it_is_told),
        cmocka_unit_test(the_noise_neither_gathers_nor_thins),
        cmocka_unit_test(the_noise_is_smooth_and_ends_where_floats_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
