/* From a shape to a plan: where parts hang, which rows a template makes, how shapes of every kind move by them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "motion/motion.h"
#include "procedural/sculpt.h"

extern const unsigned char builtin_shapes[];
extern const size_t builtin_shapes_size;

/* ---- Shapes ---------------------------------------------------------------------------------------------- */

typedef struct scene {
    lumen *library;
    motion_library *motions;
} scene;

static int open_scene(void **state)
{
    static scene all;
    lumen_error error;
    if (lumen_open(NULL, &all.library, &error) != LUMEN_OK ||
        motion_library_open(NULL, NULL, &all.motions, &error) != LUMEN_OK) {
        print_error("%s\n", error.message);
        return 1;
    }
    *state = &all;
    return 0;
}

static int close_scene(void **state)
{
    scene *all = *state;
    motion_library_close(all->motions);
    lumen_close(all->library);
    return 0;
}

static lumen_shape *make_shape(const scene *all, const char *text, uint32_t points)
{
    lumen_shape *shape;
    lumen_error error;
    lumen_request request = {.text = text, .points = points, .quality = LUMEN_QUALITY_FAST};
    if (lumen_generate(all->library, &request, &shape, &error) != LUMEN_OK)
        fail_msg("%s: %s", text, error.message);
    return shape;
}

static uint32_t part_of(const motion_joints *joints, const char *name)
{
    for (uint32_t k = 1; k <= joints->part_count; k++)
        if (strcmp(joints->names[k - 1], name) == 0)
            return k;
    fail_msg("no part %s", name);
    return 0;
}

static vec3 home_of(const lumen_shape *shape, uint32_t i)
{
    return vec3_make(shape->positions[3 * i], shape->positions[3 * i + 1], shape->positions[3 * i + 2]);
}

static vec3 target_of(const motion_plan *plan, const lumen_shape *shape, uint32_t i, float now)
{
    return motion_move(plan, home_of(shape, i), shape->part_ids[i], shape->attachments[i], (float)(i % 997) / 997.0f,
                       now);
}

static void make_plan(const scene *all, const char *motion, const motion_joints *joints, motion_plan *plan)
{
    motion_plan_make(motion_find(all->motions, motion, NULL), joints, 1.0f, 1.0f, 0.0f, plan);
}

/* The largest way that a point of a part goes within four seconds, as seen from the point that the part `relative`
 * keeps still to (0: from the world). */
static float widest_way(const motion_plan *plan, const lumen_shape *shape, uint32_t part, uint32_t relative,
                        float reach)
{
    uint32_t still = 0;
    while (relative != 0 && shape->part_ids[still] != relative)
        still++;
    float widest = 0.0f;
    for (uint32_t i = 0; i < shape->point_count; i++) {
        if (shape->part_ids[i] != part || shape->attachments[i] < reach)
            continue;
        for (float now = 0.0f; now < 4.0f; now += 0.05f) {
            vec3 way = vec3_subtract(target_of(plan, shape, i, now), home_of(shape, i));
            if (relative != 0)
                way = vec3_subtract(way, vec3_subtract(target_of(plan, shape, still, now), home_of(shape, still)));
            widest = fmaxf(widest, vec3_length(way));
        }
    }
    return widest;
}

/* ---- Joints ---------------------------------------------------------------------------------------------- */

static void a_joint_lies_where_the_part_hangs_on_the_body(void **state)
{
    const scene *all = *state;
    lumen_shape *shape = make_shape(all, "bird", 2048);
    motion_joints joints;
    motion_find_joints(shape, &joints);
    assert_string_equal(joints.template_type, "bird");
    assert_int_equal(joints.part_count, 6);
    uint32_t left = part_of(&joints, "left_wing");
    uint32_t right = part_of(&joints, "right_wing");
    assert_true(joints.joint[left].x > 0.1f && joints.joint[left].x < 0.5f);
    assert_true(joints.joint[right].x < -0.1f && joints.joint[right].x > -0.5f);
    assert_true(joints.reach[left] > 0.5f);
    assert_true(fabsf(joints.joint[part_of(&joints, "legs")].x) < 0.1f);
    assert_true(fabsf(joints.floor - shape->bounding_box_min[1]) < 1e-6f);
    assert_true(fabsf(joints.high.z - shape->bounding_box_max[2]) < 1e-6f);

    /* Without attachments: near the same place, where the wing comes nearest to the rest. */
    lumen_shape bare = *shape;
    bare.attachments = NULL;
    motion_joints guessed;
    motion_find_joints(&bare, &guessed);
    assert_true(vec3_length(vec3_subtract(guessed.joint[left], joints.joint[left])) < 0.35f);
    lumen_shape_free(shape);
}

static void a_part_without_points_has_no_reach_and_does_not_move(void **state)
{
    const scene *all = *state;
    lumen_shape *shape = make_shape(all, "helicopter", 1024);
    motion_joints joints;
    motion_find_joints(shape, &joints);
    uint32_t wing = part_of(&joints, "left_wing");
    assert_true(joints.reach[wing] == 0.0f);
    motion_plan plan;
    make_plan(all, "fly", &joints, &plan);
    assert_true(plan.rows[wing].primitive == MOTION_NONE);
    assert_true(plan.rows[part_of(&joints, "engines")].primitive == MOTION_RIGID_ROTATE);
    lumen_shape_free(shape);
}

static void joints_survive_shapes_that_make_no_sense(void **state)
{
    (void)state;
    motion_joints joints;
    motion_find_joints(&(lumen_shape){0}, &joints);
    assert_int_equal(joints.part_count, 0);
    static const float positions[] = {0.5f, 0.5f, 0.5f, 0.5f, 0.5f, 0.5f};
    static const float attachments[] = {NAN, 1.0f};
    static const uint8_t parts[] = {1, 200};
    static const char *const names[40] = {
        "a_name_that_is_a_good_deal_longer_than_any_that_a_shape_should_have_at_all_ever"};
    lumen_shape odd = {
        .point_count = 2, .positions = positions, .part_ids = parts, .part_count = 40, .part_names = names};
    motion_find_joints(&odd, &joints);
    assert_int_equal(joints.part_count, LUMEN_PARTS_MAX);
    odd.attachments = attachments;
    motion_find_joints(&odd, &joints);
    assert_true(joints.joint[1].x == 0.5f);
}

/* ---- Wheels ---------------------------------------------------------------------------------------------- */

/* How far the points of a part come from the nearest of its axles while they turn, beyond where they were. */
static void expect_wheels_to_turn_on_the_spot(const scene *all, const char *text, const char *name)
{
    lumen_shape *shape = make_shape(all, text, 2048);
    motion_joints joints;
    motion_find_joints(shape, &joints);
    uint32_t part = part_of(&joints, name);
    assert_true(joints.wheels[part].found);
    motion_plan plan;
    make_plan(all, "drive", &joints, &plan);
    assert_true(plan.rows[part].primitive == MOTION_RIGID_ROTATE);
    float turned = 0.0f;
    float off = 0.0f;
    for (uint32_t i = 0; i < shape->point_count; i++) {
        if (shape->part_ids[i] != part)
            continue;
        vec3 home = home_of(shape, i);
        for (float now = 0.0f; now < 1.0f; now += 0.1f) {
            vec3 moved = target_of(&plan, shape, i, now);
            turned = fmaxf(turned, vec3_length(vec3_subtract(moved, home)));
            off = fmaxf(off, shape->bounding_box_min[1] - moved.y);
        }
    }
    /* They turn, and none digs itself into the ground. */
    if (turned < 0.1f || off > 0.07f)
        fail_msg("%s: the wheels go %g and sink %g", text, (double)turned, (double)off);
    lumen_shape_free(shape);
}

static void wheels_turn_each_on_the_spot(void **state)
{
    const scene *all = *state;
    expect_wheels_to_turn_on_the_spot(all, "car", "wheels");
    expect_wheels_to_turn_on_the_spot(all, "bus", "wheels");
    expect_wheels_to_turn_on_the_spot(all, "truck", "wheels");
    expect_wheels_to_turn_on_the_spot(all, "tractor", "wheels");
    expect_wheels_to_turn_on_the_spot(all, "wagon", "wheels");
    expect_wheels_to_turn_on_the_spot(all, "bicycle", "front_wheel");
    expect_wheels_to_turn_on_the_spot(all, "bicycle", "back_wheel");
}

/* ---- Plans ------------------------------------------------------------------------------------------------ */

static void tempo_and_size_go_into_the_rows(void **state)
{
    const scene *all = *state;
    lumen_shape *shape = make_shape(all, "horse", 512);
    motion_joints joints;
    motion_find_joints(shape, &joints);
    motion_plan plain;
    motion_plan changed;
    const motion_template *gallop = motion_find(all->motions, "gallop", NULL);
    motion_plan_make(gallop, &joints, 1.0f, 1.0f, 5.0f, &plain);
    motion_plan_make(gallop, &joints, 0.5f, 2.0f, 5.0f, &changed);
    uint32_t legs = part_of(&joints, "front_legs");
    assert_true(plain.rows[legs].primitive == MOTION_OSCILLATE_BEND && plain.rows[legs].start == 5.0f);
    assert_true(changed.rows[legs].frequency == 0.5f * plain.rows[legs].frequency);
    assert_true(changed.rows[legs].amplitude == 2.0f * plain.rows[legs].amplitude);
    assert_true(changed.rows[legs].duration == 2.0f * plain.rows[legs].duration);
    assert_true(vec3_length(vec3_subtract(
                    vec3_make(plain.rows[legs].pivot[0], plain.rows[legs].pivot[1], plain.rows[legs].pivot[2]),
                    joints.joint[legs])) == 0.0f);
    /* The head pivots at the neck, so that both go together. */
    uint32_t head = part_of(&joints, "head");
    assert_true(plain.rows[head].pivot[2] == joints.joint[part_of(&joints, "neck")].z);
    /* Numbers out of all measure do no harm. */
    motion_plan_make(gallop, &joints, NAN, INFINITY, NAN, &changed);
    for (uint32_t i = 0; i < shape->point_count; i++)
        assert_true(vec3_length(target_of(&changed, shape, i, 3.0f)) < 20.0f);
    lumen_shape_free(shape);
}

static void a_cleared_plan_moves_nothing(void **state)
{
    (void)state;
    motion_plan plan;
    motion_plan_clear(&plan);
    vec3 home = {0.1f, 0.2f, 0.3f};
    for (uint32_t part = 0; part < 40; part++) {
        vec3 moved = motion_move(&plan, home, part, 1.0f, 0.5f, 12.0f);
        assert_true(moved.x == home.x && moved.y == home.y && moved.z == home.z);
    }
}

static void rebasing_changes_nothing_that_is_seen(void **state)
{
    const scene *all = *state;
    lumen_shape *shape = make_shape(all, "dragon", 512);
    motion_joints joints;
    motion_find_joints(shape, &joints);
    for (uint32_t m = 0; m < motion_count(all->motions); m++) {
        motion_plan plan;
        motion_plan_make(motion_at(all->motions, m), &joints, 1.1f, 1.0f, 2.0f, &plan);
        motion_plan moved = plan;
        /* Once, and in small steps as a viewer does. */
        motion_plan_rebase(&moved, 60.0f);
        motion_plan steps = plan;
        for (int i = 0; i < 20; i++)
            motion_plan_rebase(&steps, 3.0f);
        for (uint32_t i = 0; i < shape->point_count; i += 3) {
            vec3 before = target_of(&plan, shape, i, 61.3f);
            assert_true(vec3_length(vec3_subtract(before, target_of(&moved, shape, i, 1.3f))) < 2e-3f);
            assert_true(vec3_length(vec3_subtract(before, target_of(&steps, shape, i, 1.3f))) < 2e-3f);
        }
    }
    lumen_shape_free(shape);
}

static void a_plan_runs_for_days_as_finely_as_at_its_beginning(void **state)
{
    (void)state;
    motion_plan plan;
    motion_plan_clear(&plan);
    plan.rows[0] = motion_row_usual(MOTION_OSCILLATE_TRANSLATE, vec3_make(0.0f, 0.0f, 0.0f));
    plan.rows[0].frequency = 1.7f;
    for (int minute = 0; minute < 3 * 24 * 60; minute++)
        motion_plan_rebase(&plan, 60.0f);
    vec3 home = {0.0f, 0.0f, 0.0f};
    float before = motion_move(&plan, home, 0, 0.0f, 0.0f, 30.0f).y;
    float after = motion_move(&plan, home, 0, 0.0f, 0.0f, 30.0f + 0.001f).y;
    assert_true(fabsf(after - before) < 0.01f);
    motion_plan same = plan;
    motion_plan_rebase(&plan, NAN);
    assert_memory_equal(&same, &plan, sizeof plan);
}

/* ---- What the templates make of shapes ---------------------------------------------------------------------- */

static void a_flying_bird_flaps_its_wings_and_not_its_head(void **state)
{
    const scene *all = *state;
    static const char *const birds[] = {"bird", "eagle", "owl", "duck", "bat", "bee", "butterfly"};
    for (size_t i = 0; i < sizeof birds / sizeof *birds; i++) {
        lumen_shape *shape = make_shape(all, birds[i], 1024);
        motion_joints joints;
        motion_find_joints(shape, &joints);
        motion_plan plan;
        make_plan(all, "fly", &joints, &plan);
        uint32_t body =
            strcmp(shape->template_type, "insect") == 0 ? part_of(&joints, "thorax") : part_of(&joints, "body");
        uint32_t left = part_of(&joints, "left_wing");
        float wing = widest_way(&plan, shape, left, body, 0.9f);
        float head = widest_way(&plan, shape, part_of(&joints, "head"), body, 0.0f);
        if (wing < 0.3f * joints.reach[left] || head > 1e-4f)
            fail_msg("%s: the wing goes %g, the head %g", birds[i], (double)wing, (double)head);
        /* Both wings rise together: what lifts the left one lifts the right one. */
        uint32_t right = part_of(&joints, "right_wing");
        for (uint32_t k = left; k <= right; k += right - left) {
            vec3 tip = vec3_add(joints.joint[k], vec3_scale(vec3_subtract(joints.center[k], joints.joint[k]), 2.0f));
            assert_true(motion_move_row(&plan.rows[k], tip, 1.0f, 0.0f, 0.25f / plan.rows[k].frequency).y >
                        tip.y + 0.03f);
        }
        lumen_shape_free(shape);
    }
}

static void walking_legs_alternate(void **state)
{
    const scene *all = *state;
    lumen_shape *shape = make_shape(all, "man", 1024);
    motion_joints joints;
    motion_find_joints(shape, &joints);
    motion_plan plan;
    make_plan(all, "walk", &joints, &plan);
    uint32_t left = part_of(&joints, "left_leg");
    uint32_t right = part_of(&joints, "right_leg");
    vec3 foot = vec3_add(joints.joint[left], vec3_make(0.0f, -0.8f, 0.0f));
    vec3 other = vec3_add(joints.joint[right], vec3_make(0.0f, -0.8f, 0.0f));
    float widest = 0.0f;
    for (float now = 0.0f; now < 2.0f; now += 0.1f) {
        float way = motion_move_row(&plan.rows[left], foot, 1.0f, 0.0f, now).z - foot.z;
        float back = motion_move_row(&plan.rows[right], other, 1.0f, 0.0f, now).z - other.z;
        assert_true(fabsf(way + back) < 1e-3f);
        widest = fmaxf(widest, fabsf(way));
    }
    assert_true(widest > 0.3f);
    lumen_shape_free(shape);
}

static void melting_sinks_to_the_floor_growing_grows_exploding_scatters(void **state)
{
    const scene *all = *state;
    lumen_shape *shape = make_shape(all, "snowman", 1024);
    motion_joints joints;
    motion_find_joints(shape, &joints);
    motion_plan melt;
    motion_plan grow;
    motion_plan explode;
    make_plan(all, "melt", &joints, &melt);
    make_plan(all, "grow", &joints, &grow);
    make_plan(all, "explode", &joints, &explode);
    float highest = -1.0f;
    float smallest = 0.0f;
    double spread = 0.0;
    double before = 0.0;
    for (uint32_t i = 0; i < shape->point_count; i++) {
        vec3 puddle = target_of(&melt, shape, i, 60.0f);
        assert_true(puddle.y >= joints.floor - 0.01f);
        highest = fmaxf(highest, puddle.y);
        smallest = fmaxf(smallest,
                         vec3_length(vec3_subtract(target_of(&grow, shape, i, 0.0f),
                                                   vec3_make(joints.center[0].x, joints.floor, joints.center[0].z))));
        assert_true(vec3_length(vec3_subtract(target_of(&grow, shape, i, 60.0f), home_of(shape, i))) < 1e-3f);
        spread += (double)vec3_length(vec3_subtract(target_of(&explode, shape, i, 60.0f), joints.center[0]));
        before += (double)vec3_length(vec3_subtract(home_of(shape, i), joints.center[0]));
    }
    assert_true(highest < joints.floor + 0.25f);
    assert_true(smallest < 0.1f);
    assert_true(spread > 1.5 * before);
    lumen_shape_free(shape);
}

static void idle_is_hardly_to_be_seen(void **state)
{
    const scene *all = *state;
    static const char *const words[] = {"cat",      "man",  "bird",  "fish", "car",
                                        "airplane", "tree", "chair", "bee",  "snake"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        lumen_shape *shape = make_shape(all, words[i], 512);
        motion_joints joints;
        motion_find_joints(shape, &joints);
        motion_plan plan;
        make_plan(all, "idle", &joints, &plan);
        for (uint32_t k = 1; k <= joints.part_count; k++) {
            float way = widest_way(&plan, shape, k, 0, 0.0f);
            if (joints.reach[k] > 0.0f && (way <= 0.0005f || way > 0.12f))
                fail_msg("%s: %s goes %g", words[i], joints.names[k - 1], (double)way);
        }
        lumen_shape_free(shape);
    }
}

/* One concept for each template of data/sculpt, moved by each motion. */
static void every_kind_of_shape_moves_by_every_motion_and_stays_in_sight(void **state)
{
    const scene *all = *state;
    sculpt_library *sculpts;
    lumen_error error;
    const sculpt_source source = {
        .name = "data/sculpt", .text = (const char *)builtin_shapes, .size = builtin_shapes_size};
    assert_int_equal(sculpt_library_open(&source, 1, &sculpts, &error), LUMEN_OK);
    char seen[512][64];
    size_t kinds = 0;
    size_t still = 0;
    for (size_t c = 0; c < sculpt_concept_count(sculpts); c++) {
        const sculpt_concept *entry = sculpt_concept_at(sculpts, c);
        const char *kind = sculpt_template_name(entry);
        size_t k = 0;
        while (k < kinds && strcmp(seen[k], kind) != 0)
            k++;
        if (k < kinds)
            continue;
        assert_true(kinds < sizeof seen / sizeof *seen);
        snprintf(seen[kinds++], sizeof *seen, "%s", kind);
        char text[64];
        snprintf(text, sizeof text, "%s", sculpt_concept_name(entry));
        for (char *at = text; *at != '\0'; at++)
            *at = *at == '_' ? ' ' : *at;
        lumen_shape *shape = make_shape(all, text, 256);
        motion_joints joints;
        motion_find_joints(shape, &joints);
        for (uint32_t m = 0; m < motion_count(all->motions); m++) {
            motion_plan plan;
            const motion_template *one = motion_at(all->motions, m);
            motion_plan_make(one, &joints, 1.0f, 1.0f, 0.0f, &plan);
            float widest = 0.0f;
            for (uint32_t i = 0; i < shape->point_count; i += 5) {
                for (float now = 0.0f; now < 6.0f; now += 0.41f) {
                    vec3 target = target_of(&plan, shape, i, now);
                    widest = fmaxf(widest, vec3_length(vec3_subtract(target, home_of(shape, i))));
                    if (!(vec3_length(target) < 3.0f))
                        fail_msg("%s by %s: %g %g %g", kind, motion_name(one), (double)target.x, (double)target.y,
                                 (double)target.z);
                }
            }
            /* Everything moves by everything, if only a little. */
            if (widest < 0.002f) {
                print_error("%s does not move by %s\n", kind, motion_name(one));
                still++;
            }
        }
        lumen_shape_free(shape);
    }
    assert_true(kinds > 100);
    assert_int_equal(still, 0);
    sculpt_library_close(sculpts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_joint_lies_where_the_part_hangs_on_the_body),
        cmocka_unit_test(a_part_without_points_has_no_reach_and_does_not_move),
        cmocka_unit_test(joints_survive_shapes_that_make_no_sense),
        cmocka_unit_test(wheels_turn_each_on_the_spot),
        cmocka_unit_test(tempo_and_size_go_into_the_rows),
        cmocka_unit_test(a_cleared_plan_moves_nothing),
        cmocka_unit_test(rebasing_changes_nothing_that_is_seen),
        cmocka_unit_test(a_plan_runs_for_days_as_finely_as_at_its_beginning),
        cmocka_unit_test(a_flying_bird_flaps_its_wings_and_not_its_head),
        cmocka_unit_test(walking_legs_alternate),
        cmocka_unit_test(melting_sinks_to_the_floor_growing_grows_exploding_scatters),
        cmocka_unit_test(idle_is_hardly_to_be_seen),
        cmocka_unit_test(every_kind_of_shape_moves_by_every_motion_and_stays_in_sight),
    };
    return cmocka_run_group_tests(tests, open_scene, close_scene);
}
