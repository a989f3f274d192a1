/*
 * The fifteen primitives. primitives.glsl says the same in the same order: whoever changes one changes both, and
 * tests/motion/test_motion_twin.c holds them against each other.
 */
#include "motion/internal.h"

#define TURNS_OF_RADIANS 0.15915494f

float *motion_row_floats(motion_row *row)
{
    _Static_assert(sizeof(motion_row) == MOTION_ROW_FLOATS * sizeof(float), "a row is the texture's 16 floats");
    return &row->primitive;
}

const float *motion_row_floats_const(const motion_row *row)
{
    return &row->primitive;
}

/* ---- A row at a time --------------------------------------------------------------------------------- */

motion_ready motion_make_ready(const motion_row *row, float now)
{
    motion_ready out = {.primitive = MOTION_NONE};
    /* Exponents of all ones are what is not finite. */
    const float *values = motion_row_floats_const(row);
    bool finite = motion_finite(now);
    for (int i = 0; i < MOTION_ROW_FLOATS; i++)
        finite = finite && motion_finite(values[i]);
    if (!finite || row->primitive < -0.5f || row->primitive >= (float)MOTION_PRIMITIVES - 0.5f)
        return out;
    out.primitive = (int)(row->primitive + 0.5f);

    vec3 axis = {float_clamp(row->axis[0], -1e6f, 1e6f), float_clamp(row->axis[1], -1e6f, 1e6f),
                 float_clamp(row->axis[2], -1e6f, 1e6f)};
    float square = vec3_dot(axis, axis);
    out.axis = square > 1e-12f ? vec3_scale(axis, 1.0f / sqrtf(square)) : vec3_make(0.0f, 1.0f, 0.0f);
    /* Level and across: the cross product of up and the axis. */
    float level = out.axis.x * out.axis.x + out.axis.z * out.axis.z;
    float scale = level > 1e-4f ? 1.0f / sqrtf(level) : 0.0f;
    out.side = level > 1e-4f ? vec3_make(out.axis.z * scale, 0.0f, -out.axis.x * scale) : vec3_make(1.0f, 0.0f, 0.0f);
    out.pivot = vec3_make(float_clamp(row->pivot[0], -MOTION_PIVOT_MOST, MOTION_PIVOT_MOST),
                          float_clamp(row->pivot[1], -MOTION_PIVOT_MOST, MOTION_PIVOT_MOST),
                          float_clamp(row->pivot[2], -MOTION_PIVOT_MOST, MOTION_PIVOT_MOST));

    float time = float_clamp(now - row->start, -MOTION_TIME_MOST, MOTION_TIME_MOST);
    out.frequency = float_clamp(row->frequency, -MOTION_FREQUENCY_MOST, MOTION_FREQUENCY_MOST);
    float cycle = out.frequency * time + float_clamp(row->phase, -MOTION_PHASE_MOST, MOTION_PHASE_MOST);
    out.cycle = cycle - (float)MOTION_CYCLES * motion_floor(cycle * (1.0f / (float)MOTION_CYCLES));
    out.duration = float_clamp(row->duration, MOTION_DURATION_LEAST, MOTION_DURATION_MOST);
    out.progress = float_clamp(time / out.duration, 0.0f, 1000.0f);
    out.amplitude = float_clamp(row->amplitude, -MOTION_AMPLITUDE_MOST, MOTION_AMPLITUDE_MOST);
    out.spread = float_clamp(row->spread, -MOTION_SPREAD_MOST, MOTION_SPREAD_MOST);
    out.ease = float_clamp(row->ease, -1.0f, 1.0f);
    out.overshoot = float_clamp(row->overshoot, 0.0f, MOTION_OVERSHOOT_MOST);
    out.stagger = float_clamp(row->stagger, -MOTION_STAGGER_MOST, MOTION_STAGGER_MOST);
    return out;
}

/* ---- Modifiers --------------------------------------------------------------------------------------- */

/* The part of the time in which a movement reaches 1 + overshoot; the rest brings it back. */
static inline float peak_of(float overshoot)
{
    return 1.0f - 0.4f * overshoot / (overshoot + 0.25f);
}

static inline float come_back(float t, float peak, float overshoot)
{
    float u = float_clamp((t - peak) / (1.0f - peak + 1e-6f), 0.0f, 1.0f);
    return 1.0f + overshoot * (1.0f - motion_smooth(u));
}

/* From 0 to 1 while t goes from 0 to 1. */
static inline float travel(float t, float ease, float overshoot)
{
    float peak = peak_of(overshoot);
    if (t >= peak)
        return come_back(t, peak, overshoot);
    float u = t / peak;
    float end = ease < 0.0f ? u * (2.0f - u) : motion_smooth(u);
    return (1.0f + overshoot) * motion_mix(u, end, fabsf(ease));
}

/* To and fro within [-1 - overshoot, 1 + overshoot], the sine of the cycle without modifiers; thrown (ease -1) it runs
 * from 0 to 1 and back. */
static inline float wave(float cycle, float ease, float overshoot)
{
    if (overshoot == 0.0f && ease == 0.0f)
        return motion_sine(cycle);
    float swing = 2.0f * cycle + 0.5f; /* each whole number an end */
    float ends = motion_floor(swing);
    float t = swing - ends;
    float beyond = 0.5f * overshoot;
    float peak = peak_of(beyond);
    float way;
    if (t < peak) {
        float u = 0.5f - 0.5f * motion_cosine(0.5f * t / peak);
        way = (1.0f + beyond) * motion_mix(u, motion_smooth(u), float_clamp(ease, 0.0f, 1.0f));
    } else {
        way = come_back(t, peak, beyond);
    }
    float to_and_fro = 2.0f * way - 1.0f;
    if (motion_fraction(0.5f * ends) > 0.25f)
        to_and_fro = -to_and_fro;
    if (ease >= 0.0f)
        return to_and_fro;
    float flight = motion_fraction(cycle);
    return motion_mix(to_and_fro, 4.0f * flight * (1.0f - flight), -ease);
}

/* Half a cycle's share at the left (+X), minus that at the right, without a jump between. */
static inline float side_of(const motion_ready *row, vec3 rest)
{
    return float_clamp((rest.x - row->pivot.x) * 50.0f, -1.0f, 1.0f) * 0.5f;
}

/* ---- What they are made of ----------------------------------------------------------------------------- */

static inline vec3 rotate(vec3 way, vec3 axis, float turns)
{
    float sine = motion_sine(turns);
    float cosine = motion_cosine(turns);
    float along = vec3_dot(axis, way) * (1.0f - cosine);
    vec3 across = vec3_cross(axis, way);
    return vec3_make(way.x * cosine + across.x * sine + axis.x * along,
                     way.y * cosine + across.y * sine + axis.y * along,
                     way.z * cosine + across.z * sine + axis.z * along);
}

static inline vec3 rotate_about(const motion_ready *row, vec3 at, float turns)
{
    return vec3_add(row->pivot, rotate(vec3_subtract(at, row->pivot), row->axis, turns));
}

/* Three numbers in [0, 1) of a particle; `use` makes them differ from one use to the next. */
static inline vec3 random_of(float seed, uint32_t use)
{
    motion_words hash = motion_hash(motion_bits(seed), use, 0x4c756d65u);
    return vec3_make(motion_unit(hash.x), motion_unit(hash.y), motion_unit(hash.z));
}

/* Evenly on the unit sphere. */
static inline vec3 random_direction(vec3 random)
{
    float height = 2.0f * random.x - 1.0f;
    float around = sqrtf(float_clamp(1.0f - height * height, 0.0f, 1.0f));
    return vec3_make(around * motion_cosine(random.y), height, around * motion_sine(random.y));
}

enum { USE_BURST = 1, USE_FLOW, USE_SCATTER, USE_WIGGLE };

/* ---- The primitives: `at` is moved; `rest`, where the shape has the point, decides on phases --------- */

static vec3 oscillate_bend(const motion_ready *row, vec3 at, vec3 rest, float attachment)
{
    float cycle = row->cycle + row->spread * side_of(row, rest) - row->stagger * attachment;
    /* Most of the bend near the joint, none of it at the extremity: a limb and no noodle. */
    float weight = attachment * (2.0f - attachment);
    float angle = row->amplitude * weight * wave(cycle, row->ease, row->overshoot);
    return rotate_about(row, at, angle * TURNS_OF_RADIANS);
}

static vec3 oscillate_translate(const motion_ready *row, vec3 at, vec3 rest, float attachment)
{
    float cycle = row->cycle + row->spread * side_of(row, rest) - row->stagger * attachment;
    return vec3_add(at, vec3_scale(row->axis, row->amplitude * wave(cycle, row->ease, row->overshoot)));
}

static vec3 arc_translate(const motion_ready *row, vec3 at, float attachment)
{
    float t = float_clamp(row->progress - row->stagger * attachment, 0.0f, 1.0f);
    vec3 moved = vec3_add(at, vec3_scale(row->axis, row->amplitude * travel(t, row->ease, row->overshoot)));
    moved.y += row->spread * 4.0f * t * (1.0f - t);
    return moved;
}

static vec3 rigid_rotate(const motion_ready *row, vec3 at, vec3 rest)
{
    motion_ready own = *row;
    if (fabsf(row->spread) > 0.001f) {
        /* The nearest of equal axles, which stand in a row across the axis. */
        float number = motion_floor(vec3_dot(vec3_subtract(rest, row->pivot), row->side) / row->spread + 0.5f);
        number = float_clamp(number, -64.0f, 64.0f);
        own.pivot = vec3_add(row->pivot, vec3_scale(row->side, number * row->spread));
        own.pivot.y += number * row->stagger;
    }
    float turns = motion_floor(row->amplitude + 0.5f) * travel(motion_fraction(row->cycle), row->ease, row->overshoot);
    return rotate_about(&own, at, turns);
}

static vec3 spring_settle(const motion_ready *row, vec3 at, float attachment)
{
    float t = float_clamp(row->progress - row->stagger * attachment, 0.0f, 1.0f);
    float swings = row->frequency * row->duration * t;
    /* A spring that swings beyond by `beyond` loses -ln(beyond) in half a swing; (1 - b) / sqrt(b) is near that. */
    float beyond = float_clamp(row->overshoot, 0.01f, 1.0f);
    float damping = 2.0f * fabsf(swings) * (1.0f - beyond) / sqrtf(beyond);
    float left = 1.0f / (1.0f + damping * (1.0f + damping * (0.5f + damping * (1.0f / 6.0f + damping / 24.0f))));
    float fade = 1.0f - t * t;
    left *= fade * fade * motion_cosine(swings);
    return vec3_add(at, vec3_scale(row->axis, row->amplitude * left));
}

static vec3 radial_burst(const motion_ready *row, vec3 at, float attachment, float seed)
{
    float t = float_clamp(row->progress - row->stagger * attachment, 0.0f, 1.0f);
    vec3 way = vec3_subtract(at, row->pivot);
    vec3 outward = vec3_scale(way, 1.0f / sqrtf(vec3_dot(way, way) + 0.0025f));
    vec3 direction = vec3_add(outward, vec3_scale(random_direction(random_of(seed, USE_BURST)), row->spread));
    return vec3_add(at, vec3_scale(direction, row->amplitude * travel(t, row->ease, row->overshoot)));
}

static vec3 radial_contract(const motion_ready *row, vec3 at, float attachment)
{
    float t = float_clamp(row->progress - row->stagger * attachment, 0.0f, 1.0f);
    float share = travel(t, row->ease, row->overshoot);
    share = row->amplitude < 0.0f ? -row->amplitude * (1.0f - share) : row->amplitude * share;
    vec3 way = vec3_subtract(at, row->pivot);
    vec3 along = vec3_scale(row->axis, vec3_dot(way, row->axis));
    vec3 across = vec3_subtract(way, along);
    return vec3_subtract(at, vec3_add(vec3_scale(along, share), vec3_scale(across, share * (1.0f - row->spread))));
}

static vec3 spiral(const motion_ready *row, vec3 at, float attachment)
{
    float cycle = row->cycle - row->stagger * attachment;
    float slow = wave(cycle * 0.25f, row->ease, row->overshoot);
    vec3 way = vec3_subtract(at, row->pivot);
    vec3 along = vec3_scale(row->axis, vec3_dot(way, row->axis));
    vec3 across = vec3_scale(vec3_subtract(way, along), 1.0f + row->amplitude * slow);
    vec3 turned = vec3_add(rotate(across, row->axis, cycle), along);
    return vec3_add(vec3_add(row->pivot, turned), vec3_scale(row->axis, row->spread * slow));
}

static vec3 laminar_flow(const motion_ready *row, vec3 at, vec3 rest, float seed)
{
    float t = motion_fraction(row->cycle + row->spread * random_of(seed, USE_FLOW).x);
    /* Steadily forward; at both ends of the way quickly, but without a jump, back home. */
    float edge = float_clamp(5.0f * (t < 0.5f ? t : 1.0f - t), 0.0f, 1.0f);
    vec3 way = vec3_subtract(rest, row->pivot);
    float along = vec3_dot(way, row->axis);
    float square = vec3_dot(way, way) - along * along;
    /* The farther from the middle of the stream, the shorter the way. */
    float layer = 1.0f / (1.0f + fabsf(row->stagger) * float_clamp(square, 0.0f, 1e6f));
    float shift = row->amplitude * layer * (2.0f * t - 1.0f) * motion_smooth(edge);
    return vec3_add(at, vec3_scale(row->axis, shift));
}

static vec3 curl_noise_flow(const motion_ready *row, vec3 at, vec3 rest)
{
    /* The place at which the noise is read goes round in a circle, so that the flow comes back to its beginning. */
    vec3 up = vec3_cross(row->axis, row->side);
    float c = motion_cosine(row->cycle);
    float s = motion_sine(row->cycle);
    vec3 place =
        vec3_make(rest.x * row->spread + row->side.x * c + up.x * s, rest.y * row->spread + row->side.y * c + up.y * s,
                  rest.z * row->spread + row->side.z * c + up.z * s);
    return vec3_add(at, vec3_scale(motion_noise_curl(place), row->amplitude));
}

static vec3 brownian_scatter(const motion_ready *row, vec3 at, float attachment, float seed)
{
    float t = float_clamp(row->progress - row->stagger * attachment, 0.0f, 1.0f);
    vec3 random = random_of(seed, USE_SCATTER);
    float distance = row->amplitude * (1.0f - float_clamp(row->spread, 0.0f, 1.0f) * random.z);
    vec3 away = vec3_scale(random_direction(random), distance * travel(t, row->ease, row->overshoot));
    vec3 wiggle = random_of(seed, USE_WIGGLE);
    float turns = row->frequency * row->duration * t;
    float tremor = row->amplitude * 0.6f * t * (1.0f - t);
    return vec3_make(at.x + away.x + tremor * motion_sine(turns + wiggle.x),
                     at.y + away.y + tremor * motion_sine(turns * 1.3f + wiggle.y),
                     at.z + away.z + tremor * motion_sine(turns * 0.7f + wiggle.z));
}

static vec3 wave_propagate(const motion_ready *row, vec3 at, vec3 rest)
{
    float along = vec3_dot(vec3_subtract(rest, row->pivot), row->axis);
    float weight = 1.0f;
    if (row->stagger > 0.001f) {
        weight = float_clamp(fabsf(along) / row->stagger, 0.0f, 1.0f);
        weight *= weight;
    }
    vec3 direction = row->spread < 0.0f ? vec3_cross(row->axis, row->side) : row->side;
    float cycle = row->cycle - fabsf(row->spread) * along;
    return vec3_add(at, vec3_scale(direction, row->amplitude * weight * wave(cycle, row->ease, row->overshoot)));
}

static vec3 stretch_along_axis(const motion_ready *row, vec3 at, float attachment)
{
    float stretch = row->amplitude * wave(row->cycle - row->stagger * attachment, row->ease, row->overshoot);
    vec3 way = vec3_subtract(at, row->pivot);
    vec3 along = vec3_scale(row->axis, vec3_dot(way, row->axis));
    vec3 across = vec3_subtract(way, along);
    float length = float_clamp(1.0f + stretch, 0.05f, 4.0f);
    float width = float_clamp(1.0f - 0.5f * row->spread * stretch, 0.05f, 4.0f);
    return vec3_add(row->pivot, vec3_add(vec3_scale(along, length), vec3_scale(across, width)));
}

static vec3 twist(const motion_ready *row, vec3 at, vec3 rest, float attachment)
{
    float along = vec3_dot(vec3_subtract(rest, row->pivot), row->axis);
    float cycle = row->cycle - row->spread * along - row->stagger * attachment;
    float angle = row->amplitude * along * wave(cycle, row->ease, row->overshoot);
    return rotate_about(row, at, angle * TURNS_OF_RADIANS);
}

static vec3 pendulum(const motion_ready *row, vec3 at, vec3 rest, float attachment)
{
    float cycle = row->cycle + row->spread * side_of(row, rest) - row->stagger * attachment;
    return rotate_about(row, at, row->amplitude * wave(cycle, row->ease, row->overshoot) * TURNS_OF_RADIANS);
}

/* ---- Rows and plans ---------------------------------------------------------------------------------- */

static vec3 move_by(const motion_ready *row, vec3 at, vec3 rest, float attachment, float seed)
{
    vec3 moved = at;
    switch (row->primitive) {
    case MOTION_OSCILLATE_BEND: moved = oscillate_bend(row, at, rest, attachment); break;
    case MOTION_OSCILLATE_TRANSLATE: moved = oscillate_translate(row, at, rest, attachment); break;
    case MOTION_ARC_TRANSLATE: moved = arc_translate(row, at, attachment); break;
    case MOTION_RIGID_ROTATE: moved = rigid_rotate(row, at, rest); break;
    case MOTION_SPRING_SETTLE: moved = spring_settle(row, at, attachment); break;
    case MOTION_RADIAL_BURST: moved = radial_burst(row, at, attachment, seed); break;
    case MOTION_RADIAL_CONTRACT: moved = radial_contract(row, at, attachment); break;
    case MOTION_SPIRAL: moved = spiral(row, at, attachment); break;
    case MOTION_LAMINAR_FLOW: moved = laminar_flow(row, at, rest, seed); break;
    case MOTION_CURL_NOISE_FLOW: moved = curl_noise_flow(row, at, rest); break;
    case MOTION_BROWNIAN_SCATTER: moved = brownian_scatter(row, at, attachment, seed); break;
    case MOTION_WAVE_PROPAGATE: moved = wave_propagate(row, at, rest); break;
    case MOTION_STRETCH_ALONG_AXIS: moved = stretch_along_axis(row, at, attachment); break;
    case MOTION_TWIST: moved = twist(row, at, rest, attachment); break;
    case MOTION_PENDULUM: moved = pendulum(row, at, rest, attachment); break;
    default: return at;
    }
    const float most = (float)MOTION_FARTHEST;
    return vec3_make(at.x + float_clamp(moved.x - at.x, -most, most), at.y + float_clamp(moved.y - at.y, -most, most),
                     at.z + float_clamp(moved.z - at.z, -most, most));
}

/* Whether the primitives can work with a point; one that is far out or no number stays where it is. */
static inline bool is_usable(vec3 home, float attachment, float seed)
{
    return fabsf(home.x) <= MOTION_HOME_MOST && fabsf(home.y) <= MOTION_HOME_MOST &&
           fabsf(home.z) <= MOTION_HOME_MOST && fabsf(attachment) <= 2.0f && fabsf(seed) <= 2.0f;
}

vec3 motion_move_row(const motion_row *row, vec3 home, float attachment, float seed, float now)
{
    if (!is_usable(home, attachment, seed))
        return home;
    motion_ready ready = motion_make_ready(row, now);
    return move_by(&ready, home, home, attachment, seed);
}

vec3 motion_move(const motion_plan *plan, vec3 home, uint32_t part, float attachment, float seed, float now)
{
    if (!is_usable(home, attachment, seed))
        return home;
    vec3 at = home;
    if (part > 0 && part < MOTION_ROWS) {
        motion_ready own = motion_make_ready(&plan->rows[part], now);
        at = move_by(&own, home, home, attachment, seed);
    }
    motion_ready whole = motion_make_ready(&plan->rows[0], now);
    return move_by(&whole, at, home, attachment, seed);
}

void motion_move_all(const motion_plan *plan, uint32_t count, const float *homes, const uint8_t *parts,
                     const float *attachments, const float *seeds, float now, float *targets)
{
    motion_ready rows[MOTION_ROWS];
    for (uint32_t k = 0; k < MOTION_ROWS; k++)
        rows[k] = motion_make_ready(&plan->rows[k], now);
    for (size_t i = 0; i < count; i++) {
        vec3 home = {homes[3 * i], homes[3 * i + 1], homes[3 * i + 2]};
        vec3 at = home;
        if (is_usable(home, attachments[i], seeds[i])) {
            if (parts[i] > 0 && parts[i] < MOTION_ROWS)
                at = move_by(&rows[parts[i]], home, home, attachments[i], seeds[i]);
            at = move_by(&rows[0], at, home, attachments[i], seeds[i]);
        }
        targets[3 * i] = at.x;
        targets[3 * i + 1] = at.y;
        targets[3 * i + 2] = at.z;
    }
}
