#include "motion/internal.h"

void motion_plan_clear(motion_plan *plan)
{
    for (uint32_t k = 0; k < MOTION_ROWS; k++)
        plan->rows[k] = motion_row_usual(MOTION_NONE, vec3_make(0.0f, 0.0f, 0.0f));
}

motion_among motion_plan_among(const motion_plan *plan)
{
    motion_among among = {0};
    for (uint32_t k = 0; k < MOTION_ROWS; k++) {
        float primitive = plan->rows[k].primitive;
        if (!(primitive > -0.5f && primitive < (float)MOTION_PRIMITIVES - 0.5f))
            continue;
        uint32_t bit = 1u << (uint32_t)(primitive + 0.5f);
        if (k == 0)
            among.whole |= bit;
        else
            among.parts |= bit;
    }
    return among;
}

/* A cyclic row begins at 0 of the new time, at the phase that it has then; a one-shot keeps its beginning. */
static void rebase(motion_row *row, float seconds)
{
    const motion_about *about = motion_primitive_about((int)row->primitive);
    if (about == NULL)
        return;
    if (about->one_shot) {
        /* Long over is over: the start need not lie a float's whole range back. */
        float longest = row->duration * (1.0f + fabsf(row->stagger)) + 1.0f;
        row->start = fmaxf(row->start - seconds, -longest);
        return;
    }
    double frequency = (double)float_clamp(row->frequency, -MOTION_FREQUENCY_MOST, MOTION_FREQUENCY_MOST);
    double cycle = frequency * ((double)seconds - (double)row->start) + (double)row->phase;
    row->phase = (float)(cycle - (double)MOTION_CYCLES * floor(cycle / (double)MOTION_CYCLES));
    row->start = 0.0f;
}

void motion_plan_rebase(motion_plan *plan, float seconds)
{
    if (!motion_finite(seconds))
        return;
    for (uint32_t k = 0; k < MOTION_ROWS; k++) {
        motion_row *row = &plan->rows[k];
        bool finite = true;
        const float *values = motion_row_floats_const(row);
        for (int i = 0; i < MOTION_ROW_FLOATS; i++)
            finite = finite && motion_finite(values[i]);
        if (finite && row->primitive > -0.5f && row->primitive < (float)MOTION_PRIMITIVES - 0.5f)
            rebase(row, seconds);
    }
}

/* ---- From templates ---------------------------------------------------------------------------------- */

/* The first part with points whose name matches one of the patterns; 0 for none. */
static uint32_t part_matching(const motion_joints *joints, const motion_list *patterns)
{
    for (uint32_t k = 1; k <= joints->part_count; k++)
        if (joints->reach[k] > 0.0f && motion_list_matches(patterns, joints->names[k - 1]))
            return k;
    return 0;
}

static bool is_met(const motion_rule *rule, const motion_joints *joints)
{
    return (rule->types.count == 0 || motion_list_matches(&rule->types, joints->template_type)) &&
           (rule->with.count == 0 || part_matching(joints, &rule->with) != 0) &&
           (rule->without.count == 0 || part_matching(joints, &rule->without) == 0);
}

static vec3 place_of(const motion_rule *rule, const motion_joints *joints, uint32_t k)
{
    vec3 middle = joints->center[0];
    switch (rule->place) {
    case MOTION_AT_JOINT: return joints->joint[k];
    case MOTION_AT_CENTER: return joints->center[k];
    case MOTION_AT_FLOOR: return vec3_make(middle.x, joints->low.y, middle.z);
    case MOTION_AT_TOP: return vec3_make(middle.x, joints->high.y, middle.z);
    case MOTION_AT_FRONT: return vec3_make(middle.x, middle.y, joints->high.z);
    case MOTION_AT_BACK: return vec3_make(middle.x, middle.y, joints->low.z);
    case MOTION_AT_PART: {
        const motion_list pattern = {.count = 1, .text = rule->place_part};
        uint32_t other = part_matching(joints, &pattern);
        return joints->joint[other != 0 ? other : k];
    }
    case MOTION_AT_MIDDLE:
    case MOTION_AT_AXLES: break;
    }
    return middle;
}

/* Wheels or propellers, as the axis says; false where the part has none that turn evenly. */
static bool set_axles(motion_row *row, const motion_joints *joints, uint32_t k)
{
    bool along = fabsf(row->axis[2]) > fabsf(row->axis[0]);
    const motion_axles *axles = along ? &joints->propellers[k] : &joints->wheels[k];
    if (!axles->found)
        return false;
    /* rigid_rotate counts toward the axis's level side: backward of +X, to the left of +Z. */
    bool reversed = (along ? row->axis[2] : row->axis[0]) < 0.0f;
    row->pivot[0] = axles->first.x;
    row->pivot[1] = axles->first.y;
    row->pivot[2] = axles->first.z;
    row->spread = reversed ? -axles->step : axles->step;
    row->stagger = axles->rise;
    return true;
}

/* The level axis about which what reaches from its joint to its middle rises: one rule for a left and a right wing,
 * spread or folded. What hangs straight down rises to its own side. */
static vec3 lift_axis(const motion_joints *joints, uint32_t k)
{
    vec3 way = vec3_subtract(joints->center[k], joints->joint[k]);
    vec3 aside = {0.0f, 0.0f, joints->joint[k].x < joints->center[0].x ? -1.0f : 1.0f};
    float level = sqrtf(way.x * way.x + way.z * way.z);
    return level > 0.1f * fabsf(way.y) && level > 0.01f ? vec3_make(-way.z / level, 0.0f, way.x / level) : aside;
}

static bool make_row(const motion_rule *rule, const motion_joints *joints, uint32_t k, float tempo, float size,
                     float start, motion_row *out)
{
    *out = rule->row;
    int primitive = (int)out->primitive;
    if (primitive == MOTION_NONE)
        return true;
    vec3 place = place_of(rule, joints, k);
    out->pivot[0] = place.x;
    out->pivot[1] = place.y;
    out->pivot[2] = place.z;
    if (rule->lift) {
        vec3 axis = lift_axis(joints, k);
        out->axis[0] = axis.x;
        out->axis[1] = axis.y;
        out->axis[2] = axis.z;
    }
    if (rule->place == MOTION_AT_AXLES && !set_axles(out, joints, k))
        return false;
    out->start = start;
    out->frequency *= tempo;
    out->duration /= tempo;
    if (primitive != MOTION_RIGID_ROTATE)
        out->amplitude *= size * (rule->of_reach ? joints->reach[k] : 1.0f);
    return true;
}

/* NaN and what is out of all measure becomes what is nearest in sense. */
static float within(float value, float least, float most)
{
    return value >= least ? (value <= most ? value : most) : least;
}

void motion_plan_make(const motion_template *one, const motion_joints *joints, float tempo, float size, float start,
                      motion_plan *plan)
{
    motion_plan_clear(plan);
    tempo = within(tempo, 0.05f, 8.0f);
    size = within(size, 0.0f, 4.0f);
    start = motion_finite(start) ? start : 0.0f;
    for (uint32_t k = 0; k <= joints->part_count; k++) {
        if (joints->reach[k] <= 0.0f)
            continue;
        for (uint32_t i = 0; i < one->rule_count; i++) {
            const motion_rule *rule = &one->rules[i];
            if (rule->whole != (k == 0) || (k > 0 && !motion_list_matches(&rule->parts, joints->names[k - 1])) ||
                !is_met(rule, joints))
                continue;
            motion_row row;
            if (make_row(rule, joints, k, tempo, size, start, &row))
                plan->rows[k] = row;
            break;
        }
    }
}
