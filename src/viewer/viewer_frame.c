#include "viewer/viewer_inside.h"

#include <math.h>

#include "viewer/palette.h"

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

void viewer_describe(const viewer *one, painter_scene *scene)
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
        viewer_put_in_place(one);
        fade_clear(&one->fade);
        one->moving = false;
        if (one->still)
            viewer_snap(one);
    }
    bool stands = one->way.phase == VIEWER_SETTLE || one->way.phase == VIEWER_MOVE;
    if (stands && !one->way.ring && !one->moving && !one->still)
        viewer_begin_motion(one);
    advance_fade(one, seconds);
    one->repainted = fminf(1.0f, one->repainted + seconds / REPAINT_SECONDS);
    changes |= orbit_advance(&one->camera, seconds, one->way.ring, one->still);
    if (!one->still)
        step_particles(one, seconds);

    painter_scene scene;
    viewer_describe(one, &scene);
    painter_draw(one->paint, &scene, &one->time);
    one->frames++;
    one->frame_cpu_ms = meter_now() - began - one->time.driver_ms;
    bool passing = one->way.phase != VIEWER_MOVE && one->way.phase != VIEWER_IDLE;
    return !one->still || changes || passing || one->hearing;
}
