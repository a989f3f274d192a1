/* The sculpture: what particles do, on both paths. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <GLES3/gl3.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sculptures.h"

enum { SMALL = 32 };

static const viewer_options upper = {.side = SMALL}, lower = {.side = SMALL, .without_float_targets = true},
                            quiet = {.side = SMALL, .still = true}, live = {.side = SMALL, .live = true},
                            tiny = {.side = 16};

/* ---- Shapes ------------------------------------------------------------------------------------------------- */

static void the_first_particles_stand_on_the_points(void **state)
{
    (void)state;
    studio room = studio_open(64, 64, &upper);
    lumen_shape *cup = studio_shape(&room, "cup", 512);
    viewer_show(room.sculpture, cup);
    /* No verb and nothing that breathes: once the spring has come to rest, every particle is where it belongs. */
    motion_plan nothing;
    motion_plan_clear(&nothing);
    viewer_move_plan(room.sculpture, &nothing);
    studio_run(&room, 3.0);
    studio_read(&room);
    assert_true(studio_distance(&room, cup) < 0.0005f);
    assert_memory_equal(room.part_ids, cup->part_ids, cup->point_count);

    /* The rest are copies no further than the jitter away along each axis. */
    for (uint32_t i = cup->point_count; i < room.count; i++)
        for (uint32_t axis = 0; axis < 3; axis++)
            assert_true(fabsf(room.positions[3 * i + axis] - cup->positions[3 * (i % cup->point_count) + axis]) <
                        0.0205f);
    lumen_shape_free(cup);
    studio_close(&room);
}

static void a_shape_with_more_points_than_particles_is_shown_by_an_even_selection(void **state)
{
    (void)state;
    studio room = studio_open(32, 32, &upper);
    lumen_shape *tree = studio_shape(&room, "tree", 4 * SMALL * SMALL);
    viewer_show(room.sculpture, tree);
    studio_run(&room, 0.5);
    studio_read(&room);
    for (uint32_t i = 0; i < room.count; i++)
        assert_int_equal(room.part_ids[i], tree->part_ids[4 * i]);
    lumen_shape_free(tree);
    studio_close(&room);
}

static void phases_follow_each_other_as_long_as_they_should(void **state)
{
    (void)state;
    studio room = studio_open(32, 32, &upper);
    lumen_shape *cat = studio_shape(&room, "cat", 256);
    assert_int_equal(viewer_phase_now(room.sculpture), VIEWER_IDLE);
    viewer_show(room.sculpture, cat);
    const struct {
        double until;
        viewer_phase phase;
    } course[] = {{0.25, VIEWER_DISSOLVE}, {0.35, VIEWER_REFORM}, {0.95, VIEWER_REFORM},
                  {1.05, VIEWER_SETTLE},   {1.45, VIEWER_SETTLE}, {1.55, VIEWER_MOVE}};
    double passed = 0.0;
    for (size_t i = 0; i < sizeof course / sizeof *course; i++) {
        studio_run(&room, course[i].until - passed);
        passed = course[i].until;
        assert_int_equal(viewer_phase_now(room.sculpture), course[i].phase);
    }
    viewer_rest(room.sculpture);
    studio_run(&room, 1.6);
    assert_int_equal(viewer_phase_now(room.sculpture), VIEWER_IDLE);
    lumen_shape_free(cat);
    studio_close(&room);
}

static void no_interruption_makes_a_particle_jump(void **state)
{
    (void)state;
    studio room = studio_open(16, 16, &upper);
    static const char *const words[] = {"horse galloping", "cup", "bird flying", "tree", "fish swimming", "star"};
    static const double after[] = {0.1, 0.37, 0.05, 0.6, 1.2, 0.8};
    float *before = malloc(room.count * 3 * sizeof *before);
    assert_non_null(before);
    float most = 0.0f;
    studio_run(&room, 0.2);
    for (size_t word = 0; word < sizeof words / sizeof *words; word++) {
        lumen_shape *shape = studio_shape(&room, words[word], 1024);
        viewer_show(room.sculpture, shape);
        lumen_shape_free(shape);
        for (int frame = 0; frame < (int)(after[word] * 60.0); frame++) {
            studio_read(&room);
            memcpy(before, room.positions, room.count * 3 * sizeof *before);
            studio_run(&room, 1.0 / 60.0);
            studio_read(&room);
            for (uint32_t i = 0; i < room.count * 3; i++)
                most = fmaxf(most, fabsf(room.positions[i] - before[i]));
        }
    }
    /* The way from one end of a shape to the other takes longer than a quarter of a second. */
    assert_true(most > 0.01f);
    assert_true(most < 0.25f);
    free(before);
    studio_close(&room);
}

static void the_latest_shape_wins(void **state)
{
    (void)state;
    studio room = studio_open(16, 16, &upper);
    lumen_shape *cup = studio_shape(&room, "cup", 512), *tree = studio_shape(&room, "tree", 512);
    viewer_show(room.sculpture, cup);
    studio_run(&room, 0.1);
    viewer_show(room.sculpture, tree);
    studio_run(&room, 1.6);
    assert_int_equal(viewer_joints(room.sculpture)->part_count, tree->part_count);
    studio_read(&room);
    assert_memory_equal(room.part_ids, tree->part_ids, tree->point_count);
    lumen_shape_free(cup);
    lumen_shape_free(tree);
    studio_close(&room);
}

static void a_refinement_does_not_dissolve(void **state)
{
    (void)state;
    studio room = studio_open(16, 16, &upper);
    lumen_shape *rough = studio_shape(&room, "cup", 512), *better = studio_shape(&room, "cup", 1024);
    viewer_show(room.sculpture, rough);
    studio_run(&room, 2.0);
    viewer_refine(room.sculpture, better);
    studio_run(&room, 0.1);
    assert_int_equal(viewer_phase_now(room.sculpture), VIEWER_MOVE);
    studio_run(&room, 2.5);
    studio_read(&room);
    assert_true(studio_distance(&room, better) < 0.02f);
    lumen_shape_free(rough);
    lumen_shape_free(better);
    studio_close(&room);
}

static void broken_shapes_are_shown_without_harm(void **state)
{
    (void)state;
    studio room = studio_open(16, 16, &upper);
    const float positions[] = {NAN, 1e30f, 0.0f, 0.5f, -INFINITY, 0.5f, 0.1f, 0.2f, 0.3f};
    const uint8_t parts[] = {0, 200, 1};
    const lumen_shape bare = {.point_count = 3, .positions = positions, .part_ids = parts, .part_count = 1};
    viewer_show(room.sculpture, &bare);
    studio_run(&room, 2.0);
    studio_read(&room);
    for (uint32_t i = 0; i < room.count * 3; i++)
        assert_true(fabsf(room.positions[i]) < 9.0f);
    assert_int_equal(room.part_ids[1], 0);
    viewer_show(room.sculpture, &(lumen_shape){0}); /* a shape of nothing is the ring */
    studio_run(&room, 1.6);
    assert_int_equal(viewer_phase_now(room.sculpture), VIEWER_IDLE);
    studio_close(&room);
}

/* ---- Motion --------------------------------------------------------------------------------------------------- */

/* How far the particles of a part travel up and down in half a second, against the middle of another part. */
static float travel(studio *room, uint32_t part, uint32_t other)
{
    float *least = malloc(room->count * sizeof *least), *most = malloc(room->count * sizeof *most);
    assert_non_null(least);
    assert_non_null(most);
    for (int frame = 0; frame < 30; frame++) {
        studio_run(room, 1.0 / 60.0);
        studio_read(room);
        float middle = 0.0f;
        uint32_t others = 0;
        for (uint32_t i = 0; i < room->count; i++)
            if (room->part_ids[i] == other) {
                middle += room->positions[3 * i + 1];
                others++;
            }
        assert_true(others > 0);
        for (uint32_t i = 0; i < room->count; i++) {
            float height = room->positions[3 * i + 1] - middle / (float)others;
            least[i] = frame == 0 ? height : fminf(least[i], height);
            most[i] = frame == 0 ? height : fmaxf(most[i], height);
        }
    }
    double sum = 0.0;
    uint32_t count = 0;
    for (uint32_t i = 0; i < room->count; i++)
        if (room->part_ids[i] == part) {
            sum += (double)(most[i] - least[i]);
            count++;
        }
    free(least);
    free(most);
    assert_true(count > 0);
    return (float)(sum / count);
}

static void bird_flies(const viewer_options *options)
{
    studio room = studio_open(16, 16, options);
    lumen_shape *bird = studio_shape(&room, "the bird flies", 2048);
    viewer_show(room.sculpture, bird);
    studio_run(&room, 2.5);
    /* The whole bird rises and sinks: so against its body. */
    uint32_t body = studio_part(bird, "body");
    float wing = travel(&room, studio_part(bird, "left_wing"), body);
    float head = travel(&room, studio_part(bird, "head"), body);
    assert_true(wing > 0.15f);
    assert_true(wing > 3.0f * head);
    lumen_shape_free(bird);
    studio_close(&room);
}

static void a_flying_bird_moves_its_wings_and_not_its_head(void **state)
{
    (void)state;
    bird_flies(&upper);
}

/* Who watches does not wait for programs; the motion comes all the same. */
static void it_flies_too_while_somebody_watches(void **state)
{
    (void)state;
    bird_flies(&live);
}

static void another_motion_fades_in_without_a_pop(void **state)
{
    (void)state;
    studio room = studio_open(16, 16, &upper);
    lumen_shape *horse = studio_shape(&room, "a horse gallops", 1024);
    viewer_show(room.sculpture, horse);
    studio_run(&room, 2.5);
    static const char *const motions[] = {"jump", "spin", "walk", "explode", "gallop"};
    float *before = malloc(room.count * 3 * sizeof *before);
    assert_non_null(before);
    float most = 0.0f;
    for (size_t i = 0; i < sizeof motions / sizeof *motions; i++) {
        viewer_move(room.sculpture, motions[i], NULL, 1.0f, 1.0f);
        for (int frame = 0; frame < 12; frame++) { /* each interrupts the fade of the one before */
            studio_read(&room);
            memcpy(before, room.positions, room.count * 3 * sizeof *before);
            studio_run(&room, 1.0 / 60.0);
            studio_read(&room);
            for (uint32_t at = 0; at < room.count * 3; at++)
                most = fmaxf(most, fabsf(room.positions[at] - before[at]));
        }
    }
    assert_true(most < 0.2f);
    free(before);
    lumen_shape_free(horse);
    studio_close(&room);
}

static void both_paths_agree(void **state)
{
    (void)state;
    /* One context after the other: the same course, through every phase, with a motion, noise and a pointer. */
    float *positions[2];
    for (int path = 0; path < 2; path++) {
        studio room = studio_open(64, 64, path == 0 ? &upper : &lower);
        assert_int_equal(viewer_facts_now(room.sculpture).float_targets, path == 0);
        lumen_shape *fish = studio_shape(&room, "a fish swims", 2048);
        viewer_show(room.sculpture, fish);
        viewer_pointer(room.sculpture, 32.0f, 32.0f, true);
        studio_run(&room, 2.5);
        studio_read(&room);
        positions[path] = malloc(room.count * 3 * sizeof(float));
        assert_non_null(positions[path]);
        memcpy(positions[path], room.positions, room.count * 3 * sizeof(float));
        studio_picture(&room);
        assert_true(studio_brightness(&room) > 64 * 64 * 3 * 12);
        lumen_shape_free(fish);
        studio_close(&room);
    }
    /* 150 frames of 32-bit floats, whose sines differ in the last bits on the two sides. */
    float most = 0.0f;
    for (uint32_t i = 0; i < SMALL * SMALL * 3; i++)
        most = fmaxf(most, fabsf(positions[0][i] - positions[1][i]));
    assert_true(most < 0.002f);
    free(positions[0]);
    free(positions[1]);
}

static void days_pass_without_harm_to_the_motion(void **state)
{
    (void)state;
    studio room = studio_open(16, 16, &tiny);
    lumen_shape *bird = studio_shape(&room, "the bird flies", 512);
    viewer_show(room.sculpture, bird);
    studio_run(&room, 2.5);
    /* 2,200 frames of the longest step are nearly four minutes: the plans' time has been set back twice. */
    for (int frame = 0; frame < 2200; frame++)
        viewer_frame(room.sculpture, room.now += 0.1);
    studio_run(&room, 0.5);
    assert_true(travel(&room, studio_part(bird, "left_wing"), studio_part(bird, "body")) > 0.15f);
    lumen_shape_free(bird);
    studio_close(&room);
}

/* ---- Light --------------------------------------------------------------------------------------------- */

static void a_lit_part_changes_the_picture_and_is_found_below_its_pixel(void **state)
{
    (void)state;
    studio room = studio_open(160, 120, &upper);
    lumen_shape *bird = studio_shape(&room, "bird", 2048);
    viewer_turn(room.sculpture, false);
    viewer_show(room.sculpture, bird);
    studio_run(&room, 2.5);
    studio_picture(&room);
    uint64_t all = studio_brightness(&room);
    uint32_t head = studio_part(bird, "head");
    viewer_highlight(room.sculpture, head);
    studio_run(&room, 0.6);
    studio_picture(&room);
    assert_true(studio_brightness(&room) < all * 8 / 10);

    /* What is lit is the head: its brightest pixel belongs to it. */
    size_t brightest = 0;
    int most = 0;
    for (size_t i = 0; i < (size_t)room.width * room.height; i++) {
        int light = room.pixels[4 * i] + room.pixels[4 * i + 1] + room.pixels[4 * i + 2];
        if (light > most) {
            most = light;
            brightest = i;
        }
    }
    float x = (float)(brightest % room.width) + 0.5f, y = (float)(brightest / room.width) + 0.5f;
    assert_int_equal(viewer_part_at(room.sculpture, x, y), head);
    assert_int_equal(viewer_part_at(room.sculpture, 1.0f, 1.0f), 0);
    assert_int_equal(viewer_part_at(room.sculpture, -5.0f, NAN), 0);

    viewer_highlight(room.sculpture, 0);
    studio_run(&room, 1.0);
    studio_picture(&room);
    assert_true(studio_brightness(&room) > all * 9 / 10);
    lumen_shape_free(bird);
    studio_close(&room);
}

static void many_particles_are_as_bright_as_few(void **state)
{
    (void)state;
    /* Exposure: four times as many particles, and twice as many pixels along each side, change the mean brightness by
     * less than a half. */
    double mean[3];
    const uint32_t sides[] = {32, 64, 64}, sizes[] = {160, 160, 320};
    for (int i = 0; i < 3; i++) {
        const viewer_options options = {.side = sides[i]};
        studio room = studio_open(sizes[i], sizes[i], &options);
        lumen_shape *horse = studio_shape(&room, "horse", 4096);
        viewer_turn(room.sculpture, false);
        viewer_show(room.sculpture, horse);
        studio_run(&room, 1.8);
        studio_picture(&room);
        mean[i] = (double)studio_brightness(&room) / (sizes[i] * sizes[i]);
        lumen_shape_free(horse);
        studio_close(&room);
    }
    for (int i = 1; i < 3; i++) {
        assert_true(mean[i] < mean[0] * 1.5);
        assert_true(mean[i] > mean[0] / 1.5);
    }
}

static void with_reduced_motion_shapes_fade_and_nothing_moves(void **state)
{
    (void)state;
    studio room = studio_open(80, 80, &quiet);
    lumen_shape *bird = studio_shape(&room, "the bird flies", 1024);
    studio_picture(&room);
    uint64_t ring = studio_brightness(&room);
    viewer_show(room.sculpture, bird);
    studio_run(&room, 0.29);
    studio_picture(&room);
    assert_true(studio_brightness(&room) < ring); /* the ring has gone dark */
    studio_run(&room, 2.0);
    studio_read(&room);
    assert_true(studio_distance(&room, bird) < 0.0001f);
    studio_picture(&room);
    uint8_t *before = malloc((size_t)room.width * room.height * 4);
    assert_non_null(before);
    memcpy(before, room.pixels, (size_t)room.width * room.height * 4);
    assert_false(viewer_frame(room.sculpture, room.now += 1.0));
    studio_run(&room, 0.5);
    studio_picture(&room);
    assert_memory_equal(before, room.pixels, (size_t)room.width * room.height * 4);
    free(before);
    lumen_shape_free(bird);
    studio_close(&room);
}

static void a_voice_moves_and_brightens(void **state)
{
    (void)state;
    studio room = studio_open(80, 80, &upper);
    lumen_shape *cup = studio_shape(&room, "cup", 1024);
    viewer_turn(room.sculpture, false);
    viewer_show(room.sculpture, cup);
    studio_run(&room, 2.5);
    studio_read(&room);
    float silent = studio_distance(&room, cup);
    const voice_features loud = {.loudness = 0.9f, .pitch = 300.0f, .brightness = 2500.0f, .onset = 0.5f};
    viewer_voice(room.sculpture, &loud);
    studio_run(&room, 0.5);
    studio_read(&room);
    assert_true(studio_distance(&room, cup) > 2.0f * silent);
    viewer_voice(room.sculpture, NULL);
    studio_run(&room, 2.0);
    studio_read(&room);
    assert_true(studio_distance(&room, cup) < 1.5f * silent + 0.005f);
    lumen_shape_free(cup);
    studio_close(&room);
}

/* ---- Life ------------------------------------------------------------------------------------------------------- */

/* How many objects of OpenGL are alive. */
static uint32_t objects(void)
{
    enum { NAMES = 256 };
    uint32_t count = 0;
    for (GLuint name = 1; name < NAMES; name++)
        count += (uint32_t)(glIsTexture(name) == GL_TRUE) + (glIsFramebuffer(name) == GL_TRUE) +
                 (glIsBuffer(name) == GL_TRUE) + (glIsVertexArray(name) == GL_TRUE) +
                 (glIsRenderbuffer(name) == GL_TRUE) + (glIsProgram(name) == GL_TRUE) + (glIsShader(name) == GL_TRUE);
    return count;
}

static void two_hundred_words_leave_nothing_behind(void **state)
{
    (void)state;
    studio room = studio_open(16, 16, &tiny);
    lumen_shape *shapes[2] = {studio_shape(&room, "cup", 256), studio_shape(&room, "tree", 256)};
    uint32_t before = objects();
    assert_true(before > 0);
    for (int word = 0; word < 200; word++) {
        viewer_show(room.sculpture, shapes[word % 2]);
        studio_run(&room, 0.05);
    }
    assert_int_equal(objects(), before);
    assert_int_equal(glGetError(), GL_NO_ERROR);

    /* And the viewer, when it is closed, gives back every object. */
    viewer *other;
    lumen_error error = {0};
    assert_int_equal(viewer_open(&upper, &other, &error), LUMEN_OK);
    viewer_frame(other, 0.0);
    viewer_close(other);
    assert_int_equal(objects(), before);
    lumen_shape_free(shapes[0]);
    lumen_shape_free(shapes[1]);
    studio_close(&room);
}

static void a_million_particles_open(void **state)
{
    (void)state;
    const viewer_options options = {.side = 1024};
    studio room = studio_open(64, 64, &options);
    assert_int_equal(room.count, 1024 * 1024);
    assert_int_equal(glGetError(), GL_NO_ERROR);
    studio_close(&room);
}

static void without_a_context_opening_says_so(void **state)
{
    (void)state;
    viewer *sculpture;
    lumen_error error = {0};
    assert_int_equal(viewer_open(&upper, &sculpture, &error), LUMEN_ERROR_UNAVAILABLE);
    assert_null(sculpture);
    assert_non_null(strstr(error.message, "OpenGL ES 3.0"));

    offscreen *place;
    assert_int_equal(offscreen_open(0, 10, &place, &error), LUMEN_ERROR_INVALID);
    assert_int_equal(offscreen_open(100000, 10, &place, &error), LUMEN_ERROR_INVALID);
    assert_null(place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_context_opening_says_so),
        cmocka_unit_test(the_first_particles_stand_on_the_points),
        cmocka_unit_test(a_shape_with_more_points_than_particles_is_shown_by_an_even_selection),
        cmocka_unit_test(phases_follow_each_other_as_long_as_they_should),
        cmocka_unit_test(no_interruption_makes_a_particle_jump),
        cmocka_unit_test(the_latest_shape_wins),
        cmocka_unit_test(a_refinement_does_not_dissolve),
        cmocka_unit_test(broken_shapes_are_shown_without_harm),
        cmocka_unit_test(a_flying_bird_moves_its_wings_and_not_its_head),
        cmocka_unit_test(it_flies_too_while_somebody_watches),
        cmocka_unit_test(another_motion_fades_in_without_a_pop),
        cmocka_unit_test(both_paths_agree),
        cmocka_unit_test(days_pass_without_harm_to_the_motion),
        cmocka_unit_test(a_lit_part_changes_the_picture_and_is_found_below_its_pixel),
        cmocka_unit_test(many_particles_are_as_bright_as_few),
        cmocka_unit_test(with_reduced_motion_shapes_fade_and_nothing_moves),
        cmocka_unit_test(a_voice_moves_and_brightens),
        cmocka_unit_test(two_hundred_words_leave_nothing_behind),
        cmocka_unit_test(a_million_particles_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
