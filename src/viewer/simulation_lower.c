/* The particles in C, for drivers that cannot draw into float textures. Line by line what shaders/velocity.glsl and
 * shaders/position.glsl do. */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "viewer/simulation_inside.h"

static const float PUSH_RADIUS = 0.22f;
static const float RING_COS = 0.5f, RING_SIN = 0.8660254f;

lumen_status lower_open(simulation *one, lumen_error *error)
{
    size_t count = (size_t)one->side * one->side;
    one->places = calloc(count, 4 * sizeof *one->places);
    one->speeds = calloc(count, 3 * sizeof *one->speeds);
    return one->places != NULL && one->speeds != NULL ? LUMEN_OK : lumen_fail_memory(error, "the particles");
}

void lower_close(simulation *one)
{
    free(one->places);
    free(one->speeds);
}

static void upload(const simulation *one)
{
    glActiveTexture(GL_TEXTURE0 + UNIT_POSITIONS);
    glBindTexture(GL_TEXTURE_2D, one->positions[0]);
    glTexSubImage2D(GL_TEXTURE_2D, 0, 0, 0, (GLsizei)one->side, (GLsizei)one->side, GL_RGBA, GL_FLOAT, one->places);
}

static vec3 target_of(const simulation *one, const particle_forces *forces, vec3 home, uint32_t part, float attachment,
                      float seed)
{
    if (forces->ring) {
        float angle = forces->ring_angle * (1.0f + floorf(seed * 3.0f));
        float c = cosf(angle), s = sinf(angle);
        vec3 turned =
            vec3_scale(vec3_make(c * home.x + s * home.z, home.y, c * home.z - s * home.x), forces->ring_breath);
        return vec3_make(turned.x, RING_COS * turned.y - RING_SIN * turned.z,
                         RING_SIN * turned.y + RING_COS * turned.z);
    }
    if (!forces->deforming)
        return home;
    vec3 target = motion_move(&one->plan[0], home, part, attachment, seed, forces->now);
    if (forces->blend > 0.0f)
        target = vec3_mix(target, motion_move(&one->plan[1], home, part, attachment, seed, forces->now), forces->blend);
    return target;
}

static vec3 force_at(const particle_forces *forces, vec3 position)
{
    vec3 force = vec3_scale(vec3_subtract(position, forces->center), forces->pulse);
    if (forces->noise > 0.0f) {
        vec3 at = vec3_add(vec3_scale(position, 1.6f), vec3_make(0.0f, 0.0f, forces->noise_time));
        force = vec3_add(force, vec3_scale(motion_noise_curl(at), forces->noise));
    }
    if (forces->push > 0.0f) {
        vec3 beside = vec3_subtract(position, forces->ray_origin);
        beside = vec3_subtract(beside, vec3_scale(forces->ray_direction, vec3_dot(beside, forces->ray_direction)));
        float square = vec3_dot(beside, beside);
        float strength = forces->push * expf(-square / (PUSH_RADIUS * PUSH_RADIUS)) / (sqrtf(square) + 0.02f);
        force = vec3_add(force, vec3_scale(beside, strength));
    }
    return force;
}

/* The normal of a particle, moved as its place is. */
static float normal_of(const simulation *one, const particle_forces *forces, uint32_t index, vec3 home, vec3 target,
                       uint32_t part, float attachment, float seed)
{
    const uint8_t *bytes = one->home->normals + 4 * (size_t)index;
    float before = one->places[4 * (size_t)index + 3];
    if (bytes[3] < 128)
        return -1.0f;
    vec3 normal =
        vec3_make((float)bytes[0] / 127.5f - 1.0f, (float)bytes[1] / 127.5f - 1.0f, (float)bytes[2] / 127.5f - 1.0f);
    if (!forces->deforming || forces->ring)
        return normal_pack(normal);
    if (index / one->side * NORMAL_STRIPS / one->side != one->frame % NORMAL_STRIPS)
        return before;
    vec3 beside = vec3_add(home, vec3_scale(normal, 0.01f));
    vec3 beyond = vec3_subtract(target_of(one, forces, beside, part, attachment, seed), target);
    return vec3_dot(beyond, beyond) > 1e-10f ? normal_pack(vec3_normalize(beyond, normal)) : before;
}

void lower_step(simulation *one, const particle_forces *forces, meter *time)
{
    for (uint32_t i = 0; i < one->side * one->side; i++) {
        const float *home_place = one->home->places + 4 * (size_t)i;
        float *place = one->places + 4 * (size_t)i, *speed = one->speeds + 3 * (size_t)i;
        float seed = particle_seed(i), attachment = home_place[3];
        uint32_t part = one->home->paints[4 * (size_t)i + 3];
        vec3 home = vec3_make(home_place[0], home_place[1], home_place[2]);
        vec3 position = vec3_make(place[0], place[1], place[2]);
        vec3 before = vec3_make(speed[0], speed[1], speed[2]);

        vec3 target = target_of(one, forces, home, part, attachment, seed);
        spring_step spring = spring_step_mix(&forces->loose, &forces->tight, particle_arrived(forces->arrival, seed));
        vec3 after = vec3_add(
            vec3_scale(vec3_subtract(position, target), spring.position),
            vec3_add(vec3_scale(before, spring.velocity), vec3_scale(force_at(forces, position), spring.force)));
        position =
            vec3_add(position, vec3_add(vec3_scale(after, spring.way_after), vec3_scale(before, spring.way_before)));

        place[3] = normal_of(one, forces, i, home, target, part, attachment, seed);
        place[0] = position.x;
        place[1] = position.y;
        place[2] = position.z;
        speed[0] = after.x;
        speed[1] = after.y;
        speed[2] = after.z;
    }
    double began = meter_now();
    upload(one);
    time->driver_ms += meter_now() - began;
}
