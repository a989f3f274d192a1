/* The velocity pass: where each particle is drawn to, and how fast it is after this frame.
 *
 * velocity (xyz, the moved normal as one float). The spring towards the target is solved exactly over the frame, so
 * that no frame rate makes it explode; forces act through its response to a constant acceleration. */
uniform sampler2D positions;
uniform sampler2D velocities;
uniform sampler2D homes;   /* xyz, attachment */
uniform sampler2D paints;  /* sRGB, part */
uniform sampler2D normals; /* xyz from [0, 1], whether there is one */
uniform sampler2D plan_a;
uniform sampler2D plan_b;
uniform float plan_blend;
uniform float plan_now;
uniform int side;
uniform int rounds; /* 2: the normals are worked out anew, by a second look a little above the surface; else 1 */
uniform float noise; /* acceleration */
uniform float noise_time;
uniform vec3 center;
uniform float pulse;    /* acceleration away from the center */
uniform vec4 ring;      /* whether homes are the ring, its angle, its breath, 0 */
uniform vec3 ray_origin; /* of the pointer */
uniform vec3 ray_direction;
uniform float push; /* acceleration beside the ray; 0: no pointer */

const float PUSH_RADIUS = 0.22;
const float RING_COS = 0.5, RING_SIN = 0.8660254; /* it stands up, toward the one who looks */

layout(location = 0) out vec4 after;

/* PLANS (0, 1 or 2) says how many plans are asked: three programs, because software renderers work out both sides of
 * every `if`, and the motion is what costs most here. */
vec3 target_of(vec3 home, int part, float attachment, float seed)
{
#if PLANS == 0
    /* Three currents, whole multiples of one angle, so that it may wrap around unseen. */
    float angle = ring.y * (1.0 + floor(seed * 3.0));
    float c = cos(angle), s = sin(angle);
    vec3 turned = ring.z * vec3(c * home.x + s * home.z, home.y, c * home.z - s * home.x);
    turned = vec3(turned.x, RING_COS * turned.y - RING_SIN * turned.z, RING_SIN * turned.y + RING_COS * turned.z);
    return ring.x > 0.5 ? turned : home;
#else
    vec3 target = motion_move(plan_a, home, part, attachment, seed, plan_now);
#if PLANS == 2
    target = mix(target, motion_move(plan_b, home, part, attachment, seed, plan_now), plan_blend);
#endif
    return target;
#endif
}

vec3 force_at(vec3 position)
{
    vec3 force = pulse * (position - center);
    if (noise > 0.0)
        force += noise * motion_noise_curl(1.6 * position + vec3(0.0, 0.0, noise_time));
    if (push > 0.0) {
        vec3 beside = position - ray_origin;
        beside -= ray_direction * dot(beside, ray_direction);
        float square = dot(beside, beside);
        force += push * exp(-square / (PUSH_RADIUS * PUSH_RADIUS)) * beside / (sqrt(square) + 0.02);
    }
    return force;
}

void main()
{
    ivec2 at = ivec2(gl_FragCoord.xy);
    float seed = particle_seed(uint(at.y * side + at.x));
    vec3 position = texelFetch(positions, at, 0).xyz;
    vec4 before = texelFetch(velocities, at, 0);
    vec4 home = texelFetch(homes, at, 0);
    int part = int(texelFetch(paints, at, 0).a * 255.0 + 0.5);
    vec4 bytes = texelFetch(normals, at, 0);
    vec3 normal = bytes.xyz * 2.0 - 1.0;

    vec3 target = home.xyz, beyond = vec3(0.0);
    /* Not a `for`: software renderers would go through it once more than asked, under a mask of nobody. */
    int round = 0;
    do {
        vec3 moved = target_of(home.xyz + 0.01 * float(round) * normal, part, home.w, seed);
        if (round == 0)
            target = moved;
        else
            beyond = moved - target;
        round++;
    } while (round < rounds);

    vec4 spring = spring_of(seed);
    after.xyz = spring.x * (position - target) + spring.y * before.xyz + spring.z * force_at(position);
#if PLANS == 0
    after.w = bytes.a < 0.5 ? -1.0 : normal_pack(normal);
#else
    after.w = bytes.a < 0.5 ? -1.0 : dot(beyond, beyond) > 1e-10 ? normal_pack(normalize(beyond)) : before.w;
#endif
}
