/*
 * particle.h: the few formulas of a particle that exist twice, here and in shaders/particle.glsl and forces.glsl,
 * so that both simulations show the same.
 */
#ifndef LUMEN_VIEWER_PARTICLE_H
#define LUMEN_VIEWER_PARTICLE_H

#include <math.h>
#include <stdint.h>

#include "base/vector.h"

/* A particle's own number in [0, 1): the output of a PCG generator whose state is the particle's index. */
static inline float particle_seed(uint32_t index)
{
    uint32_t state = index * 747796405u + 2891336453u;
    uint32_t word = ((state >> ((state >> 28) + 4)) ^ state) * 277803737u;
    word = (word >> 22) ^ word;
    return (float)(word >> 8) * 0x1p-24f;
}

/* Unit vectors as one float: octahedral, twelve bits a side, exact in the mantissa. */
static inline float normal_pack(vec3 normal)
{
    float length = fabsf(normal.x) + fabsf(normal.y) + fabsf(normal.z);
    float x = normal.x / length, y = normal.y / length;
    if (normal.z < 0.0f) {
        float folded = (1.0f - fabsf(y)) * (x < 0.0f ? -1.0f : 1.0f);
        y = (1.0f - fabsf(x)) * (y < 0.0f ? -1.0f : 1.0f);
        x = folded;
    }
    return floorf((x * 0.5f + 0.5f) * 4095.0f + 0.5f) * 4096.0f + floorf((y * 0.5f + 0.5f) * 4095.0f + 0.5f);
}

/* One frame of a damped spring x'' = -w^2 x - 2 g x' + a, solved exactly for any length of the frame:
 *     v' = position * x + velocity * v + force * a
 *     x' = x + way_after * v' + way_before * v
 * The second line follows from the first, so that a pass that knows only velocities can move the particles. */
typedef struct spring_step {
    float position, velocity, force;
    float way_after, way_before;
} spring_step;

/* `rate` w in radians a second (above 0), `damping` as a part of critical damping, `drag` further damping in 1/s. */
spring_step spring_step_make(float rate, float damping, float drag, float seconds);

/* Puts a particle on its target at once; done twice, at rest there. */
static inline spring_step spring_step_snap(void)
{
    return (spring_step){-1.0f, 0.0f, 0.0f, 1.0f, 0.0f};
}

/* Between two springs. */
static inline spring_step spring_step_mix(const spring_step *loose, const spring_step *tight, float t)
{
    return (spring_step){loose->position + (tight->position - loose->position) * t,
                         loose->velocity + (tight->velocity - loose->velocity) * t,
                         loose->force + (tight->force - loose->force) * t,
                         loose->way_after + (tight->way_after - loose->way_after) * t,
                         loose->way_before + (tight->way_before - loose->way_before) * t};
}

/* How far a particle is held while `arrival` goes from 0 to 1: each has its own turn. */
static inline float particle_arrived(float arrival, float seed)
{
    const float spread = 0.8f;
    float t = float_clamp(arrival * (1.0f + spread) - seed * spread, 0.0f, 1.0f);
    return t * t * (3.0f - 2.0f * t);
}

#endif
