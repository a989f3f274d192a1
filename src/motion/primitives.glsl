// The fifteen primitives in GLSL ES 3.00: primitive.c and noise.c say the same in the same order, and explain it.
// Whoever includes this gets
//
//     vec3 motion_move(sampler2D plan, vec3 home, int part, float attachment, float seed, float now);
//     vec3 motion_noise_curl(vec3 at);
//
// and names that all begin with motion_. Who knows which primitives the plans hold may define, as bits, those of the parts'
// rows (MOTION_AMONG_PARTS) and that of row 0 (MOTION_AMONG_WHOLE) ahead of it: software renderers work out every branch.
#ifndef MOTION_AMONG_PARTS
#define MOTION_AMONG_PARTS 0x7fff
#define MOTION_AMONG_WHOLE 0x7fff
#endif
precision highp float;
precision highp int;
precision highp sampler2D;

const float MOTION_TURNS_OF_RADIANS = 0.15915494;

struct motion_row {
    int primitive;
    vec3 axis, side, pivot;
    float cycle, progress, duration, amplitude, frequency, spread, ease, overshoot, stagger;
};

float motion_smooth(float t)
{
    return t * t * (3.0 - 2.0 * t);
}

float motion_sine(float turns)
{
    float x = turns - floor(turns + 0.5);
    x = x > 0.25 ? 0.5 - x : x < -0.25 ? -0.5 - x : x;
    float y = x * x;
    return x * (6.28318528 + y * (-41.3416806 + y * (81.6024764 + y * (-76.5811726 + y * 39.7598271))));
}

float motion_cosine(float turns)
{
    return motion_sine(turns + 0.25);
}

uvec3 motion_hash(uvec3 v)
{
    v = v * 1664525u + 1013904223u;
    v.x += v.y * v.z;
    v.y += v.z * v.x;
    v.z += v.x * v.y;
    v ^= v >> 16u;
    v.x += v.y * v.z;
    v.y += v.z * v.x;
    v.z += v.x * v.y;
    return v;
}

vec3 motion_random(float seed, uint use)
{
    return vec3(motion_hash(uvec3(floatBitsToUint(seed), use, 0x4c756d65u)) >> 8u) * (1.0 / 16777216.0);
}

vec3 motion_random_direction(vec3 random)
{
    float height = 2.0 * random.x - 1.0;
    float around = sqrt(clamp(1.0 - height * height, 0.0, 1.0));
    return vec3(around * motion_cosine(random.y), height, around * motion_sine(random.y));
}

// ---- Noise ----

vec3 motion_noise_corner(ivec3 corner, vec3 d)
{
    float square = dot(d, d);
    float t = 0.5 - square;
    if (t <= 0.0)
        return vec3(0.0);
    uvec3 hash = motion_hash(uvec3(corner));
    vec3 g = vec3(hash & 0xffffu) * (2.0 / 65535.0) - 1.0;
    vec3 h = (vec3(hash >> 16u) * (2.0 / 65535.0) - 1.0) * 3.0;
    return t * t * t * 3.0 * ((t - 4.0 * square) * h + 4.0 * dot(d, h) * d - 8.0 * cross(d, g));
}

vec3 motion_noise_curl(vec3 at)
{
    if (!(abs(at.x) < 65536.0 && abs(at.y) < 65536.0 && abs(at.z) < 65536.0))
        return vec3(0.0);
    vec3 cell = floor(at + (at.x + at.y + at.z) * (1.0 / 3.0));
    vec3 d = at - (cell - (cell.x + cell.y + cell.z) * (1.0 / 6.0));
    bool xy = d.x >= d.y;
    bool yz = d.y >= d.z;
    bool xz = d.x >= d.z;
    vec3 second = vec3(xy && xz, !xy && yz, !xz && !yz);
    vec3 third = vec3(xy || xz, !xy || yz, !(xz && yz));
    ivec3 first = ivec3(cell);
    return motion_noise_corner(first, d) +
           motion_noise_corner(first + ivec3(second), d - second + 1.0 / 6.0) +
           motion_noise_corner(first + ivec3(third), d - third + 2.0 / 6.0) +
           motion_noise_corner(first + 1, d - 0.5);
}

// ---- Rows ----

bool motion_finite(vec4 v)
{
    return all(notEqual(floatBitsToUint(v) & 0x7f800000u, uvec4(0x7f800000u)));
}

motion_row motion_make_row(vec4 a, vec4 b, vec4 c, vec4 d, float now)
{
    motion_row row;
    row.primitive = -1;
    if (!(motion_finite(a) && motion_finite(b) && motion_finite(c) && motion_finite(d) && motion_finite(vec4(now))) ||
        a.x < -0.5 || a.x >= 14.5)
        return row;
    row.primitive = int(a.x + 0.5);

    vec3 axis = clamp(b.xyz, -1e6, 1e6);
    float square = dot(axis, axis);
    row.axis = square > 1e-12 ? axis * (1.0 / sqrt(square)) : vec3(0.0, 1.0, 0.0);
    float level = row.axis.x * row.axis.x + row.axis.z * row.axis.z;
    row.side = level > 1e-4 ? vec3(row.axis.z, 0.0, -row.axis.x) * (1.0 / sqrt(level)) : vec3(1.0, 0.0, 0.0);
    row.pivot = clamp(c.xyz, -8.0, 8.0);

    float time = clamp(now - a.z, -1e5, 1e5);
    row.frequency = clamp(c.w, -20.0, 20.0);
    float cycle = row.frequency * time + clamp(a.y, -1000.0, 1000.0);
    row.cycle = cycle - 4.0 * floor(cycle * 0.25);
    row.duration = clamp(a.w, 0.001, 600.0);
    row.progress = clamp(time / row.duration, 0.0, 1000.0);
    row.amplitude = clamp(b.w, -8.0, 8.0);
    row.spread = clamp(d.x, -16.0, 16.0);
    row.ease = clamp(d.y, -1.0, 1.0);
    row.overshoot = clamp(d.z, 0.0, 2.0);
    row.stagger = clamp(d.w, -4.0, 4.0);
    return row;
}

// ---- Modifiers ----

float motion_peak(float overshoot)
{
    return 1.0 - 0.4 * overshoot / (overshoot + 0.25);
}

float motion_come_back(float t, float peak, float overshoot)
{
    float u = clamp((t - peak) / (1.0 - peak + 1e-6), 0.0, 1.0);
    return 1.0 + overshoot * (1.0 - motion_smooth(u));
}

float motion_travel(float t, float ease, float overshoot)
{
    float peak = motion_peak(overshoot);
    if (t >= peak)
        return motion_come_back(t, peak, overshoot);
    float u = t / peak;
    return (1.0 + overshoot) * mix(u, ease < 0.0 ? u * (2.0 - u) : motion_smooth(u), abs(ease));
}

float motion_wave(float cycle, float ease, float overshoot)
{
    if (overshoot == 0.0 && ease == 0.0)
        return motion_sine(cycle);
    float swing = 2.0 * cycle + 0.5;
    float ends = floor(swing);
    float t = swing - ends;
    float beyond = 0.5 * overshoot;
    float peak = motion_peak(beyond);
    float way;
    if (t < peak) {
        float u = 0.5 - 0.5 * motion_cosine(0.5 * t / peak);
        way = (1.0 + beyond) * mix(u, motion_smooth(u), clamp(ease, 0.0, 1.0));
    } else {
        way = motion_come_back(t, peak, beyond);
    }
    float to_and_fro = 2.0 * way - 1.0;
    if (fract(0.5 * ends) > 0.25)
        to_and_fro = -to_and_fro;
    float flight = fract(cycle);
    return ease >= 0.0 ? to_and_fro : mix(to_and_fro, 4.0 * flight * (1.0 - flight), -ease);
}

float motion_wave_of(motion_row row, float cycle)
{
    return motion_wave(cycle, row.ease, row.overshoot);
}

float motion_travel_of(motion_row row, float t)
{
    return motion_travel(t, row.ease, row.overshoot);
}

float motion_side(motion_row row, vec3 rest)
{
    return clamp((rest.x - row.pivot.x) * 50.0, -1.0, 1.0) * 0.5;
}

// ---- Primitives ----

vec3 motion_rotate(vec3 way, vec3 axis, float turns)
{
    float c = motion_cosine(turns);
    return way * c + cross(axis, way) * motion_sine(turns) + axis * (dot(axis, way) * (1.0 - c));
}

vec3 motion_rotate_about(motion_row row, vec3 at, float turns)
{
    return row.pivot + motion_rotate(at - row.pivot, row.axis, turns);
}

vec3 motion_oscillate_bend(motion_row row, vec3 at, vec3 rest, float attachment)
{
    float cycle = row.cycle + row.spread * motion_side(row, rest) - row.stagger * attachment;
    float angle = row.amplitude * attachment * (2.0 - attachment) * motion_wave_of(row, cycle);
    return motion_rotate_about(row, at, angle * MOTION_TURNS_OF_RADIANS);
}

vec3 motion_oscillate_translate(motion_row row, vec3 at, vec3 rest, float attachment)
{
    float cycle = row.cycle + row.spread * motion_side(row, rest) - row.stagger * attachment;
    return at + row.axis * (row.amplitude * motion_wave_of(row, cycle));
}

vec3 motion_arc_translate(motion_row row, vec3 at, float t)
{
    return at + row.axis * (row.amplitude * motion_travel_of(row, t)) +
           vec3(0.0, row.spread * 4.0 * t * (1.0 - t), 0.0);
}

vec3 motion_rigid_rotate(motion_row row, vec3 at, vec3 rest)
{
    if (abs(row.spread) > 0.001) {
        float number = floor(dot(rest - row.pivot, row.side) / row.spread + 0.5);
        number = clamp(number, -64.0, 64.0);
        row.pivot += row.side * (number * row.spread) + vec3(0.0, number * row.stagger, 0.0);
    }
    float turns = floor(row.amplitude + 0.5) * motion_travel_of(row, fract(row.cycle));
    return motion_rotate_about(row, at, turns);
}

vec3 motion_spring_settle(motion_row row, vec3 at, float t)
{
    float swings = row.frequency * row.duration * t;
    float beyond = clamp(row.overshoot, 0.01, 1.0);
    float damping = 2.0 * abs(swings) * (1.0 - beyond) / sqrt(beyond);
    float left = 1.0 / (1.0 + damping * (1.0 + damping * (0.5 + damping * (1.0 / 6.0 + damping / 24.0))));
    float fade = 1.0 - t * t;
    return at + row.axis * (row.amplitude * left * fade * fade * motion_cosine(swings));
}

vec3 motion_radial_burst(motion_row row, vec3 at, float t, float seed)
{
    vec3 way = at - row.pivot;
    vec3 outward = way * (1.0 / sqrt(dot(way, way) + 0.0025));
    vec3 direction = outward + motion_random_direction(motion_random(seed, 1u)) * row.spread;
    return at + direction * (row.amplitude * motion_travel_of(row, t));
}

vec3 motion_radial_contract(motion_row row, vec3 at, float t)
{
    float share = motion_travel_of(row, t);
    share = row.amplitude < 0.0 ? -row.amplitude * (1.0 - share) : row.amplitude * share;
    vec3 way = at - row.pivot;
    vec3 along = row.axis * dot(way, row.axis);
    return at - (along * share + (way - along) * (share * (1.0 - row.spread)));
}

vec3 motion_spiral(motion_row row, vec3 at, float attachment)
{
    float cycle = row.cycle - row.stagger * attachment;
    float slow = motion_wave_of(row, cycle * 0.25);
    vec3 way = at - row.pivot;
    vec3 along = row.axis * dot(way, row.axis);
    vec3 across = (way - along) * (1.0 + row.amplitude * slow);
    return row.pivot + motion_rotate(across, row.axis, cycle) + along + row.axis * (row.spread * slow);
}

vec3 motion_laminar_flow(motion_row row, vec3 at, vec3 rest, float seed)
{
    float t = fract(row.cycle + row.spread * motion_random(seed, 2u).x);
    float edge = clamp(5.0 * (t < 0.5 ? t : 1.0 - t), 0.0, 1.0);
    vec3 way = rest - row.pivot;
    float along = dot(way, row.axis);
    float layer = 1.0 / (1.0 + abs(row.stagger) * clamp(dot(way, way) - along * along, 0.0, 1e6));
    return at + row.axis * (row.amplitude * layer * (2.0 * t - 1.0) * motion_smooth(edge));
}

vec3 motion_curl_noise_flow(motion_row row, vec3 at, vec3 rest)
{
    vec3 circle = row.side * motion_cosine(row.cycle) + cross(row.axis, row.side) * motion_sine(row.cycle);
    return at + motion_noise_curl(rest * row.spread + circle) * row.amplitude;
}

vec3 motion_brownian_scatter(motion_row row, vec3 at, float t, float seed)
{
    vec3 random = motion_random(seed, 3u);
    float reach = row.amplitude * (1.0 - clamp(row.spread, 0.0, 1.0) * random.z);
    vec3 away = motion_random_direction(random) * (reach * motion_travel_of(row, t));
    vec3 wiggle = motion_random(seed, 4u);
    float turns = row.frequency * row.duration * t;
    float tremor = row.amplitude * 0.6 * t * (1.0 - t);
    return at + away + tremor * vec3(motion_sine(turns + wiggle.x), motion_sine(turns * 1.3 + wiggle.y),
                                     motion_sine(turns * 0.7 + wiggle.z));
}

vec3 motion_wave_propagate(motion_row row, vec3 at, vec3 rest)
{
    float along = dot(rest - row.pivot, row.axis);
    float weight = 1.0;
    if (row.stagger > 0.001) {
        weight = clamp(abs(along) / row.stagger, 0.0, 1.0);
        weight *= weight;
    }
    vec3 direction = row.spread < 0.0 ? cross(row.axis, row.side) : row.side;
    return at + direction * (row.amplitude * weight * motion_wave_of(row, row.cycle - abs(row.spread) * along));
}

vec3 motion_stretch_along_axis(motion_row row, vec3 at, float attachment)
{
    float stretch = row.amplitude * motion_wave_of(row, row.cycle - row.stagger * attachment);
    vec3 way = at - row.pivot;
    vec3 along = row.axis * dot(way, row.axis);
    return row.pivot + along * clamp(1.0 + stretch, 0.05, 4.0) +
           (way - along) * clamp(1.0 - 0.5 * row.spread * stretch, 0.05, 4.0);
}

vec3 motion_twist(motion_row row, vec3 at, vec3 rest, float attachment)
{
    float along = dot(rest - row.pivot, row.axis);
    float angle = row.amplitude * along * motion_wave_of(row, row.cycle - row.spread * along - row.stagger * attachment);
    return motion_rotate_about(row, at, angle * MOTION_TURNS_OF_RADIANS);
}

vec3 motion_pendulum(motion_row row, vec3 at, vec3 rest, float attachment)
{
    float cycle = row.cycle + row.spread * motion_side(row, rest) - row.stagger * attachment;
    return motion_rotate_about(row, at, row.amplitude * motion_wave_of(row, cycle) * MOTION_TURNS_OF_RADIANS);
}

bool motion_is(motion_row row, int among, int primitive)
{
    return (among & (1 << primitive)) != 0 && row.primitive == primitive;
}

/* `among` is constant at each call, so that a compiler drops what cannot be met. */
vec3 motion_move_by(motion_row row, int among, vec3 at, vec3 rest, float attachment, float seed)
{
    vec3 moved = at;
    float t = clamp(row.progress - row.stagger * attachment, 0.0, 1.0);
    if (motion_is(row, among, 0))
        moved = motion_oscillate_bend(row, at, rest, attachment);
    if (motion_is(row, among, 1))
        moved = motion_oscillate_translate(row, at, rest, attachment);
    if (motion_is(row, among, 2))
        moved = motion_arc_translate(row, at, t);
    if (motion_is(row, among, 3))
        moved = motion_rigid_rotate(row, at, rest);
    if (motion_is(row, among, 4))
        moved = motion_spring_settle(row, at, t);
    if (motion_is(row, among, 5))
        moved = motion_radial_burst(row, at, t, seed);
    if (motion_is(row, among, 6))
        moved = motion_radial_contract(row, at, t);
    if (motion_is(row, among, 7))
        moved = motion_spiral(row, at, attachment);
    if (motion_is(row, among, 8))
        moved = motion_laminar_flow(row, at, rest, seed);
    if (motion_is(row, among, 9))
        moved = motion_curl_noise_flow(row, at, rest);
    if (motion_is(row, among, 10))
        moved = motion_brownian_scatter(row, at, t, seed);
    if (motion_is(row, among, 11))
        moved = motion_wave_propagate(row, at, rest);
    if (motion_is(row, among, 12))
        moved = motion_stretch_along_axis(row, at, attachment);
    if (motion_is(row, among, 13))
        moved = motion_twist(row, at, rest, attachment);
    if (motion_is(row, among, 14))
        moved = motion_pendulum(row, at, rest, attachment);
    return at + clamp(moved - at, -4.0, 4.0);
}

motion_row motion_read_row(sampler2D plan, int number, float now)
{
    return motion_make_row(texelFetch(plan, ivec2(0, number), 0), texelFetch(plan, ivec2(1, number), 0),
                           texelFetch(plan, ivec2(2, number), 0), texelFetch(plan, ivec2(3, number), 0), now);
}

vec3 motion_move(sampler2D plan, vec3 home, int part, float attachment, float seed, float now)
{
    vec3 far = abs(home);
    if (!(far.x <= 16.0 && far.y <= 16.0 && far.z <= 16.0 && abs(attachment) <= 2.0 && abs(seed) <= 2.0))
        return home;
    vec3 at = home;
    if (MOTION_AMONG_PARTS != 0 && part > 0 && part < 33)
        at = motion_move_by(motion_read_row(plan, part, now), MOTION_AMONG_PARTS, home, home, attachment, seed);
    if (MOTION_AMONG_WHOLE != 0)
        at = motion_move_by(motion_read_row(plan, 0, now), MOTION_AMONG_WHOLE, at, home, attachment, seed);
    return at;
}
