#include "viewer/viewer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "viewer/course.h"
#include "viewer/fade.h"
#include "viewer/homes.h"
#include "viewer/orbit.h"
#include "viewer/painter.h"
#include "viewer/palette.h"
#include "viewer/simulation.h"

enum { SIDE_USUAL = 128, SIDE_LEAST = 16, SIDE_MOST = 1024, SIDE_LOWER_MOST = 128, NAME_BYTES = 64 };

static const float FRAME_MOST = 0.1f;     /* seconds */
static const float TIGHT_RATE = 17.0f;    /* radians a second: what has overshot is back within half a second */
static const float TIGHT_DAMPING = 0.62f; /* of critical: some overshoot */
static const float SOFT_RATE = 6.0f;      /* just after a refinement */
static const float LOOSE_RATE = 1.1f, LOOSE_DAMPING = 0.9f, DRAG = 0.6f;
static const float HELD_SECONDS = 0.4f;    /* that a motion waits for its program at most */
static const float REBASE_SECONDS = 64.0f; /* a float of seconds is kept below twice this */
static const float PUSH = 34.0f;
static const float LIGHT_SECONDS = 0.12f; /* time constant of highlights */
static const float LIGHT_HIGH = 1.5f, LIGHT_LOW = 0.16f;
static const float REPAINT_SECONDS = 0.6f; /* from the colors of one shape to those of the next */
static const float VOICE_SECONDS = 0.08f;

/* What the sculpture shall do once it stands. */
typedef struct wanted_motion {
    char motion[NAME_BYTES], verb[NAME_BYTES];
    float tempo, size;
    bool by_hand;
    motion_plan plan; /* of viewer_move_plan */
    bool begun;       /* by hand, at `origin` */
    float origin;
} wanted_motion;

/* The voice as the particles feel it, smoothed. */
typedef struct heard {
    float loudness, pitch, brightness, onset; /* pitch: octaves above 200 Hz, -1..1; brightness -1..1 */
} heard;

struct viewer {
    simulation *particles;
    painter *paint;
    motion_library *motions;
    uint32_t side;
    uint32_t width, height;
    float pixel_ratio;

    course way;
    particle_homes homes[2]; /* shown, and waiting */
    int shown;
    motion_joints joints[2];
    wanted_motion wanted[2];
    float held;  /* seconds that the next motion has waited for its program */
    bool moving; /* the wanted motion of what is shown has begun */
    motion_fade fade;

    orbit camera;
    bool still;
    bool settled; /* still, and drawn as it is */
    bool pointer;
    float pointer_x, pointer_y, push;
    uint32_t highlight;
    float lights[1 + LUMEN_PARTS_MAX];
    bool true_colors;
    float true_mix;
    float repainted; /* 0..1 since the homes were replaced */
    bool hearing;
    voice_features voice;
    heard heard;
    float aura[3];

    double seconds_before; /* of the caller's clock; below 0: no frame yet */
    float now;             /* of the plans */
    float noise_time, ring_angle, breath_time;
    double frame_cpu_ms;
    meter time; /* of the present frame */
    uint64_t frames;
};

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

/* Puts every particle on its home. */
static void snap(viewer *one)
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
        snap(one);
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

static void copy_name(char to[NAME_BYTES], const char *from)
{
    snprintf(to, NAME_BYTES, "%s", from != NULL ? from : "");
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

/* What waits is what is shown from now on. */
static void put_in_place(viewer *one)
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

static void begin_motion(viewer *one)
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
    put_in_place(one);
    course_soften(&one->way);
    if (one->still)
        snap(one);
    else if (one->moving)
        begin_motion(one);
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
        begin_motion(one);
}

void viewer_move_plan(viewer *one, const motion_plan *plan)
{
    wanted_motion *wanted = meant(one);
    wanted->plan = *plan;
    wanted->by_hand = true;
    if (one->moving && !course_waits(&one->way))
        begin_motion(one);
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

/* ---- A frame ------------------------------------------------------------------------------------------------ */

static float toward(float value, float goal, float seconds, float lag)
{
    return goal + (value - goal) * expf(-seconds / lag);
}

static void advance_voice(viewer *one, float seconds)
{
    heard goal = {0};
    if (one->hearing) {
        const voice_features *said = &one->voice;
        goal.loudness = float_clamp(said->loudness, 0.0f, 1.0f);
        goal.pitch = said->pitch > 0.0f ? float_clamp(log2f(said->pitch / 200.0f), -1.0f, 1.0f) : 0.0f;
        goal.brightness = said->brightness > 0.0f
                              ? float_clamp(0.5f * log2f(said->brightness / 1200.0f), -1.0f, 1.0f) * goal.loudness
                              : 0.0f;
        goal.onset = float_clamp(said->onset, 0.0f, 1.0f);
    }
    heard *now = &one->heard;
    now->loudness = toward(now->loudness, goal.loudness, seconds, VOICE_SECONDS);
    now->pitch = toward(now->pitch, goal.pitch, seconds, VOICE_SECONDS);
    now->brightness = toward(now->brightness, goal.brightness, seconds, VOICE_SECONDS);
    now->onset = goal.onset;
}

/* Keeps the floats of time small, however long the viewer runs. */
static void advance_clocks(viewer *one, float seconds)
{
    one->now += seconds;
    if (one->now >= 2.0f * REBASE_SECONDS) {
        one->now -= REBASE_SECONDS;
        fade_rebase(&one->fade, REBASE_SECONDS);
        for (int i = 0; i < 2; i++)
            one->wanted[i].origin -= REBASE_SECONDS;
    }
    /* The noise is the same after 256, as its lattice is. */
    one->noise_time = fmodf(one->noise_time + 0.35f * seconds, 256.0f);
    one->ring_angle = fmodf(one->ring_angle + 0.10f * seconds, 6.2831853f);
    one->breath_time = fmodf(one->breath_time + seconds / 5.5f, 1.0f);
}

static bool advance_lights(viewer *one, float seconds)
{
    float change = 0.0f;
    for (uint32_t part = 0; part <= LUMEN_PARTS_MAX; part++) {
        float goal = one->highlight == 0 ? 1.0f : part == one->highlight ? LIGHT_HIGH : LIGHT_LOW;
        float before = one->lights[part];
        one->lights[part] = toward(before, goal, seconds, LIGHT_SECONDS);
        if (fabsf(one->lights[part] - goal) < 0.004f)
            one->lights[part] = goal;
        change = fmaxf(change, fabsf(one->lights[part] - before));
    }
    float goal = one->true_colors ? 1.0f : 0.0f, before = one->true_mix;
    one->true_mix = toward(before, goal, seconds, LIGHT_SECONDS);
    if (fabsf(one->true_mix - goal) < 0.004f)
        one->true_mix = goal;
    change = fmaxf(change, fabsf(one->true_mix - before));
    one->push = toward(one->push, one->pointer && !one->still ? PUSH : 0.0f, seconds, LIGHT_SECONDS);
    if (!one->pointer && one->push < 0.05f)
        one->push = 0.0f;
    return change > 0.0f;
}

static void give_plans(viewer *one)
{
    for (int which = 0; which < 2; which++)
        if (one->fade.changed[which]) {
            simulation_plan(one->particles, which, &one->fade.plans[which]);
            one->fade.changed[which] = false;
        }
}

/* A new plan begins to show when there are programs for it. Until then the particles are still on their way, or move as
 * before. */
static void advance_fade(viewer *one, float seconds)
{
    give_plans(one);
    bool begins = one->fade.fading && one->fade.progress == 0.0f;
    one->held = begins && !simulation_is_prepared(one->particles) ? one->held + seconds : 0.0f;
    if (one->held == 0.0f || one->held > HELD_SECONDS)
        fade_advance(&one->fade, seconds);
}

static void step_particles(viewer *one, float seconds)
{
    const particle_homes *homes = &one->homes[one->shown];
    float soft = one->way.softness;
    float rate =
        (TIGHT_RATE + (SOFT_RATE - TIGHT_RATE) * soft) * (1.0f + 0.35f * one->heard.pitch * one->heard.loudness);
    particle_forces forces = {
        .loose = spring_step_make(LOOSE_RATE, LOOSE_DAMPING, DRAG, seconds),
        .tight = spring_step_make(rate, TIGHT_DAMPING + 0.25f * soft, DRAG, seconds),
        .arrival = one->way.arrival,
        .blend = fade_blend(&one->fade),
        .now = one->now,
        .deforming = !homes->ring && fade_moves(&one->fade),
        .noise = one->way.noise + 14.0f * one->heard.loudness * one->heard.loudness,
        .noise_time = one->noise_time,
        .center = homes->center,
        .pulse = 26.0f * one->heard.onset,
        .ring = homes->ring,
        .ring_angle = one->ring_angle,
        .ring_breath = 1.0f + 0.035f * sinf(6.2831853f * one->breath_time),
    };
    if (one->push > 0.0f) {
        orbit_view view = orbit_look(&one->camera, one->width, one->height);
        forces.push = one->push;
        forces.ray_origin = view.eye;
        forces.ray_direction = orbit_ray(&view, one->width, one->height, one->pointer_x, one->pointer_y);
    }
    give_plans(one);
    simulation_step(one->particles, &forces, &one->time);
}

static void describe_scene(const viewer *one, painter_scene *scene)
{
    const particle_homes *homes = &one->homes[one->shown];
    const heard *sound = &one->heard;
    float ring = one->way.ring ? 0.35f : 0.0f; /* thin, so it may shine */
    float breath = one->way.ring && !one->still ? 0.12f * sinf(6.2831853f * one->breath_time) : 0.0f;
    *scene = (painter_scene){
        .textures = simulation_textures(one->particles),
        .side = one->side,
        .view = orbit_look(&one->camera, one->width, one->height),
        .width = one->width,
        .height = one->height,
        .pixel_ratio = one->pixel_ratio,
        .center = one->camera.center,
        .radius = one->camera.radius,
        .floor = homes->center.y - homes->half.y,
        .reflection = one->way.ring ? 0.0f : one->way.arrival * one->way.arrival,
        .spacing = homes->spacing,
        .brightness =
            one->way.glow * one->way.fade * (1.0f + ring + breath + 0.7f * sound->loudness + 0.5f * sound->onset),
        .solid = one->way.ring ? 0.0f : one->way.arrival * one->way.arrival,
        .true_colors = one->true_mix,
        .repainted = one->repainted * one->repainted * (3.0f - 2.0f * one->repainted),
        .tint = {1.0f - 0.10f * sound->brightness, 1.0f, 1.0f + 0.14f * sound->brightness},
    };
    for (uint32_t part = 0; part <= LUMEN_PARTS_MAX; part++) {
        uint8_t color[3];
        palette_color(part, color);
        for (int channel = 0; channel < 3; channel++)
            scene->parts[part][channel] = (float)color[channel] / 255.0f;
        scene->parts[part][3] = one->lights[part];
    }
    for (int channel = 0; channel < 3; channel++)
        scene->aura[channel] = 0.05f * one->aura[channel] * scene->brightness;
}

/* What glows around the sculpture has its mean color. */
static bool advance_aura(viewer *one, float seconds)
{
    const particle_homes *homes = &one->homes[one->shown];
    bool changes = false;
    for (int channel = 0; channel < 3; channel++) {
        float before = one->aura[channel];
        one->aura[channel] = toward(before, homes->aura[channel], seconds, 0.4f);
        if (fabsf(one->aura[channel] - homes->aura[channel]) < 0.004f)
            one->aura[channel] = homes->aura[channel];
        changes |= one->aura[channel] != before;
    }
    return changes;
}

bool viewer_frame(viewer *one, double seconds_now)
{
    double began = meter_now();
    one->time.driver_ms = 0.0;
    double passed = one->seconds_before < 0.0 ? 0.0 : seconds_now - one->seconds_before;
    float seconds = passed > 0.0 ? fminf((float)passed, FRAME_MOST) : 0.0f;
    one->seconds_before = seconds_now;

    advance_clocks(one, seconds);
    advance_voice(one, seconds);
    bool changes = advance_lights(one, seconds);
    changes |= advance_aura(one, seconds);
    if (course_advance(&one->way, seconds, one->still)) {
        put_in_place(one);
        fade_clear(&one->fade);
        one->moving = false;
        if (one->still)
            snap(one);
    }
    bool stands = one->way.phase == VIEWER_SETTLE || one->way.phase == VIEWER_MOVE;
    if (stands && !one->way.ring && !one->moving && !one->still)
        begin_motion(one);
    advance_fade(one, seconds);
    one->repainted = fminf(1.0f, one->repainted + seconds / REPAINT_SECONDS);
    changes |= orbit_advance(&one->camera, seconds, one->way.ring, one->still);
    if (!one->still)
        step_particles(one, seconds);

    painter_scene scene;
    describe_scene(one, &scene);
    painter_draw(one->paint, &scene, &one->time);
    one->frames++;
    one->frame_cpu_ms = meter_now() - began - one->time.driver_ms;
    bool passing = one->way.phase != VIEWER_MOVE && one->way.phase != VIEWER_IDLE;
    return !one->still || changes || passing || one->hearing;
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
    describe_scene(one, &scene);
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
        snap(one);
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
