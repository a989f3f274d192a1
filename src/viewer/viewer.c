#include "viewer/viewer_inside.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "viewer/palette.h"

enum { SIDE_USUAL = 128, SIDE_LEAST = 16, SIDE_MOST = 1024, SIDE_LOWER_MOST = 128 };

/* ---- Open and close -------------------------------------------------------------------------------------- */

static uint32_t usual_side(uint32_t wanted, bool lower)
{
    uint32_t most = lower ? SIDE_LOWER_MOST : SIDE_MOST;
    uint32_t side = SIDE_LEAST;
    if (wanted == 0)
        wanted = SIDE_USUAL;
    while (side < wanted && side < most)
        side *= 2;
    return side;
}

void viewer_snap(viewer *one)
{
    const particle_homes *homes = &one->homes[one->shown];
    particle_forces forces = {.loose = spring_step_snap(),
                              .tight = spring_step_snap(),
                              .arrival = 1.0f,
                              .ring = homes->ring,
                              .ring_angle = one->ring_angle,
                              .ring_breath = 1.0f};
    simulation_step(one->particles, &forces, &one->time);
    simulation_step(one->particles, &forces, &one->time);
}

lumen_status viewer_open(const viewer_options *options, viewer **out, lumen_error *error)
{
    *out = NULL;
    if (glGetString(GL_VERSION) == NULL)
        return lumen_fail(error, LUMEN_ERROR_UNAVAILABLE,
                          "the viewer found no OpenGL ES 3.0 context; make one current before it is opened");
    viewer *one = calloc(1, sizeof *one);
    if (one == NULL)
        return lumen_fail_memory(error, "the viewer");
    while (glGetError() != GL_NO_ERROR)
        continue; /* what others left behind */

    bool lower = options->without_float_targets || !simulation_has_float_targets();
    one->side = usual_side(options->side, lower);
    one->still = options->still;
    one->width = one->height = 512;
    one->pixel_ratio = 1.0f;
    one->seconds_before = -1.0;
    one->repainted = 1.0f;
    course_open(&one->way);
    fade_open(&one->fade);
    orbit_open(&one->camera);
    for (int part = 0; part <= LUMEN_PARTS_MAX; part++)
        one->lights[part] = 1.0f;

    lumen_status status = motion_library_open(options->motions, "motions", &one->motions, error);
    for (int i = 0; i < 2 && status == LUMEN_OK; i++)
        status = homes_open(one->side, &one->homes[i], error);
    if (status == LUMEN_OK)
        status = simulation_open(one->side, lower, options->live, &one->particles, error);
    if (status == LUMEN_OK)
        status = painter_open(&one->paint, error);
    if (status == LUMEN_OK) {
        homes_of_ring(&one->homes[0]);
        simulation_home(one->particles, &one->homes[0]);
        orbit_aim(&one->camera, one->homes[0].center, one->homes[0].radius, one->homes[0].half, true);
        viewer_snap(one);
        GLenum fault = glGetError();
        if (fault == GL_OUT_OF_MEMORY)
            status = lumen_fail(error, LUMEN_ERROR_MEMORY,
                                "the graphics memory has no room for %u particles; take fewer", one->side * one->side);
        else if (fault != GL_NO_ERROR)
            status = lumen_fail(error, LUMEN_ERROR_FAILED, "the graphics driver reports error 0x%x; update it", fault);
    }
    if (status != LUMEN_OK) {
        viewer_close(one);
        return status;
    }
    *out = one;
    return LUMEN_OK;
}

void viewer_close(viewer *one)
{
    if (one == NULL)
        return;
    glUseProgram(0); /* a program in use would outlive its deletion */
    painter_close(one->paint);
    simulation_close(one->particles);
    homes_close(&one->homes[0]);
    homes_close(&one->homes[1]);
    motion_library_close(one->motions);
    free(one);
}

void viewer_resize(viewer *one, uint32_t width, uint32_t height, float pixel_ratio)
{
    one->width = width > 0 ? width : 1;
    one->height = height > 0 ? height : 1;
    one->pixel_ratio = isfinite(pixel_ratio) ? float_clamp(pixel_ratio, 0.5f, 4.0f) : 1.0f;
    one->settled = false;
}

/* ---- What is shown ---------------------------------------------------------------------------------------- */

static void copy_name(char to[VIEWER_NAME_BYTES], const char *from)
{
    snprintf(to, VIEWER_NAME_BYTES, "%s", from != NULL ? from : "");
}

static float usual_factor(float factor)
{
    return isfinite(factor) && factor > 0.0f ? float_clamp(factor, 0.05f, 8.0f) : 1.0f;
}

static void want(wanted_motion *wanted, const char *motion, const char *verb, float tempo, float size)
{
    copy_name(wanted->motion, motion);
    copy_name(wanted->verb, verb);
    wanted->tempo = usual_factor(tempo);
    wanted->size = usual_factor(size);
    wanted->by_hand = wanted->begun = false;
}

/* Fills what waits from a shape. */
static bool stage(viewer *one, const lumen_shape *shape)
{
    int waiting = 1 - one->shown;
    if (!homes_of_shape(&one->homes[waiting], shape))
        return false;
    motion_find_joints(shape, &one->joints[waiting]);
    want(&one->wanted[waiting], shape->motion.motion, shape->verb, shape->motion.tempo, shape->motion.size);
    return true;
}

void viewer_put_in_place(viewer *one)
{
    one->shown = 1 - one->shown;
    const particle_homes *homes = &one->homes[one->shown];
    simulation_home(one->particles, homes);
    orbit_aim(&one->camera, homes->center, homes->radius, homes->half, homes->ring);
    one->repainted = one->still ? 1.0f : 0.0f;
}

/* What repeats goes on from where it is while its numbers change; what happens once happens again. */
static motion_plan plan_by_hand(wanted_motion *wanted, float now)
{
    if (!wanted->begun)
        wanted->origin = now;
    wanted->begun = true;
    motion_plan plan = wanted->plan;
    for (int row = 0; row < MOTION_ROWS; row++) {
        const motion_about *about = motion_primitive_about((int)plan.rows[row].primitive);
        plan.rows[row].start += about != NULL && about->one_shot ? now : wanted->origin;
    }
    return plan;
}

void viewer_begin_motion(viewer *one)
{
    wanted_motion *wanted = &one->wanted[one->shown];
    motion_plan plan;
    if (wanted->by_hand)
        plan = plan_by_hand(wanted, one->now);
    else
        motion_plan_make(motion_find(one->motions, wanted->motion, wanted->verb), &one->joints[one->shown],
                         wanted->tempo, wanted->size, one->now, &plan);
    fade_to(&one->fade, &plan);
    one->moving = true;
}

void viewer_show(viewer *one, const lumen_shape *shape)
{
    one->settled = false;
    if (!stage(one, shape))
        viewer_rest(one);
    else
        course_change(&one->way, false);
}

void viewer_refine(viewer *one, const lumen_shape *shape)
{
    if (one->way.ring || course_waits(&one->way)) {
        viewer_show(one, shape);
        return;
    }
    if (!stage(one, shape))
        return;
    one->settled = false;
    viewer_put_in_place(one);
    course_soften(&one->way);
    if (one->still)
        viewer_snap(one);
    else if (one->moving)
        viewer_begin_motion(one);
}

void viewer_rest(viewer *one)
{
    if (one->way.ring && !course_waits(&one->way))
        return;
    homes_of_ring(&one->homes[1 - one->shown]);
    one->settled = false;
    course_change(&one->way, true);
}

/* The one whose motion is meant: what waits, if anything does. */
static wanted_motion *meant(viewer *one)
{
    return &one->wanted[course_waits(&one->way) ? 1 - one->shown : one->shown];
}

void viewer_move(viewer *one, const char *motion, const char *verb, float tempo, float size)
{
    want(meant(one), motion, verb, tempo, size);
    if (one->moving && !course_waits(&one->way))
        viewer_begin_motion(one);
}

void viewer_move_plan(viewer *one, const motion_plan *plan)
{
    wanted_motion *wanted = meant(one);
    wanted->plan = *plan;
    wanted->by_hand = true;
    if (one->moving && !course_waits(&one->way))
        viewer_begin_motion(one);
}

const motion_joints *viewer_joints(const viewer *one)
{
    return &one->joints[course_waits(&one->way) ? 1 - one->shown : one->shown];
}

const motion_library *viewer_motions(const viewer *one)
{
    return one->motions;
}

viewer_phase viewer_phase_now(const viewer *one)
{
    return one->way.phase;
}

/* ---- The one who looks -------------------------------------------------------------------------------------- */

void viewer_orbit(viewer *one, float right, float up)
{
    orbit_move(&one->camera, right, up);
}

void viewer_zoom(viewer *one, float factor)
{
    orbit_zoom(&one->camera, factor);
}

void viewer_look_again(viewer *one)
{
    orbit_again(&one->camera);
}

void viewer_turn(viewer *one, bool turning)
{
    one->camera.turning = turning;
}

void viewer_pointer(viewer *one, float x, float y, bool present)
{
    one->pointer = present && isfinite(x) && isfinite(y);
    if (one->pointer) {
        one->pointer_x = x;
        one->pointer_y = y;
    }
}

void viewer_highlight(viewer *one, uint32_t part)
{
    one->highlight = part <= LUMEN_PARTS_MAX ? part : 0;
}

uint32_t viewer_part_at(viewer *one, float x, float y)
{
    if (!(x >= 0.0f && y >= 0.0f && x < (float)one->width && y < (float)one->height))
        return 0;
    painter_scene scene;
    viewer_describe(one, &scene);
    return painter_part_at(one->paint, &scene, x, y);
}

void viewer_true_colors(viewer *one, bool wanted)
{
    one->true_colors = wanted;
}

void viewer_still(viewer *one, bool still)
{
    if (still == one->still)
        return;
    one->still = still;
    one->moving = false;
    fade_clear(&one->fade);
    if (still)
        viewer_snap(one);
}

void viewer_voice(viewer *one, const voice_features *features)
{
    one->hearing = features != NULL;
    if (features != NULL)
        one->voice = *features;
}

void viewer_part_color(const viewer *one, uint32_t part, uint8_t color[3])
{
    (void)one;
    palette_color(part, color);
}

/* ---- For tests and captions ---------------------------------------------------------------------------------- */

viewer_facts viewer_facts_now(const viewer *one)
{
    return (viewer_facts){.particles = one->side * one->side,
                          .float_targets = !simulation_is_lower(one->particles),
                          .frame_cpu_ms = one->frame_cpu_ms,
                          .frames = one->frames};
}

lumen_status viewer_read(viewer *one, float *positions, uint8_t *part_ids, lumen_error *error)
{
    const particle_homes *homes = &one->homes[one->shown];
    for (size_t i = 0; i < homes->count; i++)
        part_ids[i] = homes->paints[4 * i + 3];
    return simulation_read(one->particles, positions, error);
}
