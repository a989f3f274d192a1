/* What the velocity pass and the position pass share: how tightly each particle is held. */
uniform vec4 spring_loose; /* the exact step of a damped spring over this frame: see spring_step in particle.h */
uniform vec4 spring_tight;
uniform float arrival; /* 0: all particles are loose; 1: all are held; between, one after the other */

const float ARRIVAL_SPREAD = 0.8; /* of the time between the first particle and the last */

float arrived(float seed)
{
    return smoothstep(0.0, 1.0, clamp(arrival * (1.0 + ARRIVAL_SPREAD) - seed * ARRIVAL_SPREAD, 0.0, 1.0));
}

vec4 spring_of(float seed)
{
    return mix(spring_loose, spring_tight, arrived(seed));
}
