/* Runs a template: statement by statement, until every part has its solids. */

#include "procedural/model.h"

#include <string.h>

#include "base/error.h"
#include "base/random.h"
#include "procedural/expression.h"

enum {
    STEPS_MAX = 20000,      /* statements run for one individual */
    ROUNDS_MAX = 64,        /* of one for */
    CURVE_PIECES = 5,       /* straight pieces between two points of a smooth curve */
    NODES_MAX = SCULPT_ARGUMENTS_MAX * CURVE_PIECES
};

/* Below this a size counts as nothing and the solid is left out: a horn of length 0 is no horn. */
static const float NOTHING = 1e-4f;

typedef struct frame {
    float rotation[9]; /* rows: local axes in the model's frame */
    vec3 origin;
    float scale;
} frame;

typedef struct loop {
    uint32_t opener;
    uint32_t round;
    uint32_t rounds;
} loop;

typedef struct building {
    const sculpt_template *shape;
    const model_proportions *proportions;
    uint64_t seed;
    arena *memory;
    lumen_error *error;
    vec3 slots[SCULPT_SLOTS_MAX];
    frame frames[SCULPT_NESTING_MAX + 1];
    uint32_t frame_count;
    loop loops[SCULPT_NESTING_MAX];
    uint32_t loop_count;
    uint32_t part; /* the one that solids go to */
    solid *solids;
    uint8_t *owners; /* part of each solid */
    uint32_t solid_count;
    model *individual;
} building;

/* ---- Frames ----------------------------------------------------------------------------------------------- */

/* Rows of the rotation about x, then y, then z: a local point p lies at p.x * row 0 + p.y * row 1 + p.z * row 2. */
static void turn_rows(vec3 degrees, float rows[9])
{
    float sx = sin_degrees(degrees.x), cx = cos_degrees(degrees.x);
    float sy = sin_degrees(degrees.y), cy = cos_degrees(degrees.y);
    float sz = sin_degrees(degrees.z), cz = cos_degrees(degrees.z);
    const float matrix[9] = {
        cy * cz, cy * sz, -sy, sx * sy * cz - cx * sz, sx * sy * sz + cx * cz, sx * cy,
        cx * sy * cz + sx * sz, cx * sy * sz - sx * cz, cx * cy,
    };
    memcpy(rows, matrix, sizeof matrix);
}

static vec3 turn_point(const float rows[9], vec3 p)
{
    return (vec3){p.x * rows[0] + p.y * rows[3] + p.z * rows[6], p.x * rows[1] + p.y * rows[4] + p.z * rows[7],
                  p.x * rows[2] + p.y * rows[5] + p.z * rows[8]};
}

/* The rows of `inner` seen through `outer`. */
static void turn_compose(const float outer[9], const float inner[9], float rows[9])
{
    for (int row = 0; row < 3; row++) {
        vec3 axis = turn_point(outer, vec3_make(inner[3 * row], inner[3 * row + 1], inner[3 * row + 2]));
        rows[3 * row] = axis.x;
        rows[3 * row + 1] = axis.y;
        rows[3 * row + 2] = axis.z;
    }
}

static const frame *frame_now(const building *state)
{
    return &state->frames[state->frame_count - 1];
}

static vec3 place(const building *state, vec3 p)
{
    const frame *now = frame_now(state);
    return vec3_add(now->origin, turn_point(now->rotation, vec3_scale(p, now->scale)));
}

static vec3 value_of(const building *state, expression code)
{
    return expression_value(state->shape, code, state->slots, state->seed);
}

static float number_of(const building *state, expression code, float fallback)
{
    return code.count == 0 ? fallback : value_of(state, code).x;
}

/* ---- Curves ------------------------------------------------------------------------------------------------- */

/* Catmull-Rom between b and c, at t in [0, 1]. */
static float curve(float a, float b, float c, float d, float t)
{
    return b + 0.5f * t * (c - a + t * (2.0f * a - 5.0f * b + 4.0f * c - d + t * (3.0f * (b - c) + d - a)));
}

/* Refines `count` nodes of `width` floats into a smooth curve through them; returns the new count. */
static uint32_t smooth_nodes(const float *nodes, uint32_t count, uint32_t width, bool closed, float *out)
{
    uint32_t made = 0;
    uint32_t pieces = closed ? count : count - 1;
    for (uint32_t i = 0; i < pieces; i++) {
        uint32_t before = i > 0 ? i - 1 : closed ? count - 1 : 0;
        uint32_t next = (i + 1) % count;
        uint32_t after = closed ? (i + 2) % count : i + 2 < count ? i + 2 : count - 1;
        for (uint32_t k = 0; k < CURVE_PIECES; k++, made++)
            for (uint32_t c = 0; c < width; c++)
                out[made * width + c] =
                    curve(nodes[before * width + c], nodes[i * width + c], nodes[next * width + c],
                          nodes[after * width + c], (float)k / CURVE_PIECES);
    }
    if (!closed) {
        memcpy(out + made * width, nodes + (count - 1) * width, width * sizeof *out);
        made++;
    }
    return made;
}

/* ---- Solids -------------------------------------------------------------------------------------------------- */

static float least(float a, float b)
{
    return a < b ? a : b;
}

static float most(float a, float b)
{
    return a > b ? a : b;
}

/* Copies nodes into the arena, refined when they shall be smooth. */
static bool keep_nodes(building *state, solid *made, const float *nodes, uint32_t count, uint32_t width, bool smooth,
                       bool closed)
{
    float *kept = arena_array(state->memory, float, (size_t)(smooth ? NODES_MAX : count) * width);
    if (kept == NULL)
        return false;
    if (smooth)
        count = smooth_nodes(nodes, count, width, closed, kept);
    else
        memcpy(kept, nodes, (size_t)count * width * sizeof *kept);
    made->nodes = kept;
    made->node_count = count;
    return true;
}

/* Frame whose y axis is `axis`, standing at `foot`. */
static void stand_along(const building *state, vec3 foot, vec3 axis, solid *made)
{
    vec3 up = vec3_normalize(turn_point(frame_now(state)->rotation, axis), vec3_make(0, 1, 0));
    vec3 other = fabsf(up.z) < 0.8f ? vec3_make(0, 0, 1) : vec3_make(1, 0, 0);
    vec3 side = vec3_normalize(vec3_cross(up, other), vec3_make(1, 0, 0));
    vec3 front = vec3_cross(side, up);
    const float rows[9] = {side.x, side.y, side.z, up.x, up.y, up.z, front.x, front.y, front.z};
    memcpy(made->rotation, rows, sizeof rows);
    made->origin = place(state, foot);
}

static void stand_turned(const building *state, vec3 center, const statement *step, solid *made)
{
    float rows[9];
    turn_rows(step->turn.count == 0 ? vec3_make(0, 0, 0) : value_of(state, step->turn), rows);
    turn_compose(frame_now(state)->rotation, rows, made->rotation);
    made->origin = place(state, center);
    made->center = made->origin;
}

/* The outline's smallest width is not cheap to know; half the shorter side of its box serves as well. */
static void bound_outline(solid *made, float low[2], float high[2])
{
    for (int c = 0; c < 2; c++) {
        low[c] = 1e30f;
        high[c] = -1e30f;
    }
    for (uint32_t i = 0; i < made->node_count; i++) {
        for (int c = 0; c < 2; c++) {
            low[c] = least(low[c], made->nodes[2 * i + (uint32_t)c]);
            high[c] = most(high[c], made->nodes[2 * i + (uint32_t)c]);
        }
    }
}

typedef enum outcome { OUTCOME_MADE, OUTCOME_NOTHING, OUTCOME_MEMORY } outcome;

static outcome make_limb(building *state, const statement *step, const vec3 *arguments, solid *made)
{
    float nodes[SCULPT_ARGUMENTS_MAX / 2 * 4];
    uint32_t count = step->argument_count / 2u;
    float scale = frame_now(state)->scale;
    float largest = 0.0f;
    for (uint32_t i = 0; i < count; i++) {
        vec3 at = place(state, arguments[2 * i]);
        float radius = most(arguments[2 * i + 1].x * scale, 0.0f);
        const float node[4] = {at.x, at.y, at.z, radius};
        memcpy(nodes + 4 * i, node, sizeof node);
        largest = most(largest, radius);
    }
    if (largest <= NOTHING)
        return OUTCOME_NOTHING;
    if (!keep_nodes(state, made, nodes, count, 4, step->solid == SOLID_TUBE, false))
        return OUTCOME_MEMORY;
    vec3 low = vec3_make(1e30f, 1e30f, 1e30f);
    vec3 high = vec3_make(-1e30f, -1e30f, -1e30f);
    for (uint32_t i = 0; i < made->node_count; i++) {
        const float *n = made->nodes + 4 * i;
        low = vec3_make(least(low.x, n[0]), least(low.y, n[1]), least(low.z, n[2]));
        high = vec3_make(most(high.x, n[0]), most(high.y, n[1]), most(high.z, n[2]));
    }
    made->kind = SOLID_LIMB;
    made->center = vec3_mix(low, high, 0.5f);
    for (uint32_t i = 0; i < made->node_count; i++) {
        const float *n = made->nodes + 4 * i;
        float distance = vec3_length(vec3_subtract(vec3_make(n[0], n[1], n[2]), made->center)) + most(n[3], 0.0f);
        made->reach = most(made->reach, distance);
    }
    made->thickness = 2.0f * largest;
    return OUTCOME_MADE;
}

static float distance_to_piece(const float *p, const float *a, const float *b)
{
    float eu = b[0] - a[0];
    float ev = b[1] - a[1];
    float square = eu * eu + ev * ev;
    float t = square > 1e-20f ? ((p[0] - a[0]) * eu + (p[1] - a[1]) * ev) / square : 0.0f;
    t = float_clamp(t, 0.0f, 1.0f);
    float du = p[0] - a[0] - eu * t;
    float dv = p[1] - a[1] - ev * t;
    return sqrtf(du * du + dv * dv);
}

/* Where a profile comes back close to itself lies a thin wall: the side of a cup, the shade of a lamp. Places that are
 * near each other along the profile too are only a small edge. */
static float thinnest_wall(const float *profile, uint32_t count)
{
    float thinnest = 1e3f;
    for (uint32_t i = 0; i < count; i++) {
        float along = 0.0f;
        for (uint32_t n = i + 1; n + 1 < count; n++) {
            const float *a = profile + 2 * n;
            along += distance_to_piece(a, a - 2, a - 2);
            float gap = distance_to_piece(profile + 2 * i, a, a + 2);
            if (along > 4.0f * gap && gap < thinnest)
                thinnest = gap;
        }
    }
    return thinnest;
}

/* A profile of (radius, height) turned about local y. Ends that do not lie on the axis are closed to it. */
static outcome make_lathe(building *state, solid *made, const float *profile, uint32_t count, bool smooth)
{
    float nodes[NODES_MAX * 2 + 4];
    uint32_t count_given = count;
    if (smooth)
        count = smooth_nodes(profile, count, 2, false, nodes);
    else
        memcpy(nodes, profile, (size_t)count * 2 * sizeof *nodes);
    float widest = 0.0f;
    for (uint32_t i = 0; i < count; i++) {
        nodes[2 * i] = most(nodes[2 * i], 0.0f);
        widest = most(widest, nodes[2 * i]);
    }
    if (widest <= NOTHING)
        return OUTCOME_NOTHING;
    memmove(nodes + 2, nodes, (size_t)count * 2 * sizeof *nodes);
    nodes[0] = 0.0f;
    nodes[1] = nodes[3];
    nodes[2 * count + 2] = 0.0f;
    nodes[2 * count + 3] = nodes[2 * count + 1];
    if (!keep_nodes(state, made, nodes, count + 2, 2, false, false))
        return OUTCOME_MEMORY;
    float low[2];
    float high[2];
    bound_outline(made, low, high);
    if (high[1] - low[1] <= NOTHING)
        return OUTCOME_NOTHING;
    float half = 0.5f * (high[1] - low[1]);
    made->kind = SOLID_LATHE;
    made->center = vec3_add(made->origin, turn_point(made->rotation, vec3_make(0, low[1] + half, 0)));
    made->reach = sqrtf(widest * widest + half * half) + made->round;
    made->thickness = 2.0f * (least(widest, half) + made->round);
    made->wall = least(made->thickness, thinnest_wall(profile, count_given) + 2.0f * made->round);
    return OUTCOME_MADE;
}

static outcome make_slab(building *state, const statement *step, const vec3 *arguments, solid *made)
{
    float scale = frame_now(state)->scale;
    float nodes[SCULPT_ARGUMENTS_MAX];
    uint32_t count = (step->argument_count - 2u) / 2u;
    for (uint32_t i = 0; i < 2 * count; i++)
        nodes[i] = arguments[2 + i].x * scale;
    stand_turned(state, arguments[0], step, made);
    made->size[2] = 0.5f * arguments[1].x * scale;
    if (made->size[2] <= NOTHING)
        return OUTCOME_NOTHING;
    if (!keep_nodes(state, made, nodes, count, 2, step->smooth, true))
        return OUTCOME_MEMORY;
    float low[2];
    float high[2];
    bound_outline(made, low, high);
    float half[2] = {0.5f * (high[0] - low[0]), 0.5f * (high[1] - low[1])};
    if (half[0] <= NOTHING || half[1] <= NOTHING)
        return OUTCOME_NOTHING;
    made->round = least(made->round, 0.9f * made->size[2]);
    made->center =
        vec3_add(made->origin, turn_point(made->rotation, vec3_make(low[0] + half[0], low[1] + half[1], 0)));
    made->reach = sqrtf(half[0] * half[0] + half[1] * half[1] + made->size[2] * made->size[2]);
    made->thickness = 2.0f * least(made->size[2], least(half[0], half[1]));
    return OUTCOME_MADE;
}

static outcome make_solid(building *state, const statement *step, const vec3 *arguments, solid *made)
{
    float scale = frame_now(state)->scale;
    switch ((solid_kind)step->solid) {
    case SOLID_BALL:
        stand_turned(state, arguments[0], step, made);
        made->size[0] = arguments[1].x * scale;
        made->reach = made->size[0];
        made->thickness = 2.0f * made->reach;
        return made->reach > NOTHING ? OUTCOME_MADE : OUTCOME_NOTHING;
    case SOLID_ELLIPSOID:
    case SOLID_BOX: {
        vec3 size = vec3_scale(arguments[1], scale);
        float smallest = least(size.x, least(size.y, size.z));
        stand_turned(state, arguments[0], step, made);
        made->size[0] = size.x;
        made->size[1] = size.y;
        made->size[2] = size.z;
        made->thickness = 2.0f * smallest;
        made->reach = step->solid == SOLID_BOX ? vec3_length(size) : most(size.x, most(size.y, size.z));
        made->round = least(made->round, 0.98f * smallest);
        return smallest > NOTHING ? OUTCOME_MADE : OUTCOME_NOTHING;
    }
    case SOLID_LIMB:
    case SOLID_TUBE: return make_limb(state, step, arguments, made);
    case SOLID_ROD: {
        vec3 axis = vec3_subtract(arguments[1], arguments[0]);
        float radius = arguments[2].x * scale;
        float end = step->argument_count > 3 ? arguments[3].x * scale : radius;
        const float profile[4] = {radius, 0.0f, end, vec3_length(axis) * scale};
        stand_along(state, arguments[0], axis, made);
        return make_lathe(state, made, profile, 2, false);
    }
    case SOLID_RING:
        stand_along(state, arguments[0], arguments[1], made);
        made->size[0] = arguments[2].x * scale;
        made->size[1] = arguments[3].x * scale;
        made->center = made->origin;
        made->reach = made->size[0] + made->size[1];
        made->thickness = 2.0f * made->size[1];
        return made->size[0] > NOTHING && made->size[1] > NOTHING ? OUTCOME_MADE : OUTCOME_NOTHING;
    case SOLID_LATHE: {
        float profile[SCULPT_ARGUMENTS_MAX];
        uint32_t count = (step->argument_count - 2u) / 2u;
        for (uint32_t i = 0; i < 2 * count; i++)
            profile[i] = arguments[2 + i].x * scale;
        stand_along(state, arguments[0], arguments[1], made);
        return make_lathe(state, made, profile, count, step->smooth);
    }
    default: return make_slab(state, step, arguments, made);
    }
}

static lumen_status add_made(building *state, const solid *made)
{
    if (state->solid_count >= SOLIDS_MAX)
        return lumen_fail(state->error, LUMEN_ERROR_FAILED,
                          "the template '%s' asks for more than %d solids; let its loops run less often",
                          state->shape->name, SOLIDS_MAX);
    state->owners[state->solid_count] = (uint8_t)state->part;
    state->solids[state->solid_count++] = *made;
    return LUMEN_OK;
}

static lumen_status run_solid(building *state, const statement *step)
{
    vec3 arguments[SCULPT_ARGUMENTS_MAX];
    for (uint32_t i = 0; i < step->argument_count; i++)
        arguments[i] = value_of(state, state->shape->arguments[step->first_argument + i]);
    float scale = frame_now(state)->scale;
    const model_part *part = &state->individual->parts[state->part];
    solid made = {
        .kind = step->solid,
        .use = step->use,
        .round = most(number_of(state, step->round, 0.0f) * scale, 0.0f),
        .blend = step->blend.count == 0 ? part->blend : most(number_of(state, step->blend, 0.0f) * scale, 0.0f),
        .accent = step->color != 0,
    };
    memcpy(made.rgb, step->color != 0 ? state->proportions->colors[step->color - 1] : part->rgb, 3);
    outcome result = make_solid(state, step, arguments, &made);
    if (result == OUTCOME_MEMORY)
        return lumen_fail_memory(state->error, "the solids of a shape");
    if (result == OUTCOME_NOTHING)
        return LUMEN_OK;
    if (made.kind == SOLID_ROD)
        made.kind = SOLID_LATHE;
    lumen_status status = add_made(state, &made);
    if (status == LUMEN_OK && step->mirror) {
        made.mirrored = true;
        made.center.x = -made.center.x;
        status = add_made(state, &made);
    }
    return status;
}

/* ---- Statements ------------------------------------------------------------------------------------------------ */

static void run_part(building *state, const statement *step)
{
    const sculpt_part *source = &state->shape->parts[step->slot];
    model_part *part = &state->individual->parts[step->slot];
    state->part = step->slot;
    part->join = most(number_of(state, source->join, 0.0f), 0.0f);
    part->blend = most(number_of(state, source->blend, 0.0f), 0.0f);
    part->detail = float_clamp(number_of(state, source->detail, 1.0f), 0.25f, 4.0f);
}

static void run_set(building *state, const statement *step)
{
    const model_proportions *proportions = state->proportions;
    float value = proportions->set[step->slot] ? proportions->value[step->slot] : value_of(state, step->value).x;
    value = float_clamp(value * proportions->factor[step->slot], -1e6f, 1e6f);
    state->slots[step->slot] = vec3_make(value, value, value);
}

static void run_frame(building *state, const statement *step)
{
    frame inner;
    float rows[9];
    inner.origin = place(state, value_of(state, step->value));
    turn_rows(step->turn.count == 0 ? vec3_make(0, 0, 0) : value_of(state, step->turn), rows);
    turn_compose(frame_now(state)->rotation, rows, inner.rotation);
    inner.scale = frame_now(state)->scale * float_clamp(number_of(state, step->round, 1.0f), 0.0f, 100.0f);
    state->frames[state->frame_count++] = inner;
}

/* Begins a loop or skips it; returns the index of the next statement. */
static uint32_t run_for(building *state, const statement *step, uint32_t index)
{
    float rounds = floorf(float_clamp(value_of(state, step->value).x + 1e-3f, 0.0f, ROUNDS_MAX));
    if (rounds < 1.0f)
        return step->jump + 1;
    state->loops[state->loop_count++] = (loop){.opener = index, .rounds = (uint32_t)rounds};
    state->slots[step->slot] = vec3_make(0, 0, 0);
    return index + 1;
}

static uint32_t run_end(building *state, const statement *step, uint32_t index)
{
    const statement *opener = &state->shape->statements[step->jump];
    if (opener->kind == STATEMENT_FRAME) {
        state->frame_count--;
    } else if (opener->kind == STATEMENT_FOR) {
        loop *innermost = &state->loops[state->loop_count - 1];
        if (++innermost->round < innermost->rounds) {
            float round = (float)innermost->round;
            state->slots[opener->slot] = vec3_make(round, round, round);
            return step->jump + 1;
        }
        state->loop_count--;
    }
    return index + 1;
}

static lumen_status run(building *state)
{
    lumen_status status = LUMEN_OK;
    uint32_t steps = 0;
    for (uint32_t index = 0; index < state->shape->statement_count && status == LUMEN_OK;) {
        const statement *step = &state->shape->statements[index];
        if (++steps > STEPS_MAX)
            return lumen_fail(state->error, LUMEN_ERROR_FAILED,
                              "the template '%s' runs more than %d statements; let its loops run less often",
                              state->shape->name, STEPS_MAX);
        switch ((statement_kind)step->kind) {
        case STATEMENT_SET: run_set(state, step); index++; break;
        case STATEMENT_LET: state->slots[step->slot] = value_of(state, step->value); index++; break;
        case STATEMENT_PART: run_part(state, step); index++; break;
        case STATEMENT_IF: index = value_of(state, step->value).x > 0.0f ? index + 1 : step->jump + 1; break;
        case STATEMENT_ELSE: index = step->jump + 1; break;
        case STATEMENT_FOR: index = run_for(state, step, index); break;
        case STATEMENT_FRAME: run_frame(state, step); index++; break;
        case STATEMENT_END: index = run_end(state, step, index); break;
        case STATEMENT_SOLID: status = run_solid(state, step); index++; break;
        }
    }
    return status;
}

/* ---- Parts ------------------------------------------------------------------------------------------------------- */

/* Fewer parts than the template has: the last one that nothing else is attached to joins its parent (or the
 * first part), again and again. */
static void merge_parts(model *individual, uint8_t *owners, uint32_t solid_count, uint32_t parts_max)
{
    uint32_t left = individual->part_count;
    for (uint32_t k = individual->part_count; left > parts_max && k-- > 1;) {
        model_part *part = &individual->parts[k];
        uint32_t target = part->parent >= 0 ? (uint32_t)part->parent : 0;
        if (individual->parts[target].merged)
            target = 0;
        for (uint32_t i = 0; i < solid_count; i++)
            if (owners[i] == k)
                owners[i] = (uint8_t)target;
        for (uint32_t j = 0; j < individual->part_count; j++)
            if (individual->parts[j].parent == (int)k)
                individual->parts[j].parent = target == j ? -1 : (int)target;
        part->merged = true;
        left--;
    }
}

/* Two neighbouring parts of one color could not be told apart: every second one becomes a little lighter. */
static void separate_colors(model *individual)
{
    for (uint32_t k = 1; k < individual->part_count; k++) {
        model_part *part = &individual->parts[k];
        for (uint32_t j = 0; j < k; j++) {
            if (memcmp(part->rgb, individual->parts[j].rgb, 3) != 0)
                continue;
            float amount = 0.10f + 0.05f * (float)(k % 3);
            bool dark = part->rgb[0] + part->rgb[1] + part->rgb[2] < 540;
            for (int c = 0; c < 3; c++) {
                float value = (float)part->rgb[c];
                value = dark ? value + (255.0f - value) * amount : value * (1.0f - amount);
                part->rgb[c] = (uint8_t)(value + 0.5f);
            }
            break;
        }
    }
}

static void sort_by_part(building *state)
{
    model *individual = state->individual;
    uint32_t made = 0;
    for (uint32_t k = 0; k < individual->part_count; k++) {
        individual->parts[k].first_solid = made;
        for (uint32_t i = 0; i < state->solid_count; i++)
            if (state->owners[i] == k)
                individual->solids[made++] = state->solids[i];
        individual->parts[k].solid_count = made - individual->parts[k].first_solid;
    }
    individual->solid_count = made;
}

lumen_status model_build(const sculpt_library *library, const sculpt_concept *entry, const model_variation *variation,
                         arena *memory, model **out, lumen_error *error)
{
    *out = NULL;
    const sculpt_template *shape = entry->shape;
    building *state = arena_allocate(memory, sizeof *state);
    model *individual = arena_allocate(memory, sizeof *individual);
    model_proportions *proportions = arena_allocate(memory, sizeof *proportions);
    solid *solids = arena_array(memory, solid, SOLIDS_MAX);
    solid *sorted = arena_array(memory, solid, SOLIDS_MAX);
    uint8_t *owners = arena_array(memory, uint8_t, SOLIDS_MAX);
    if (state == NULL || individual == NULL || proportions == NULL || solids == NULL || sorted == NULL || owners == NULL)
        return lumen_fail_memory(error, "the solids of a shape");
    proportions_gather(library, entry, variation, proportions);
    *individual = (model){.part_count = shape->part_count, .solids = sorted};
    memcpy(individual->stretch, proportions->stretch, sizeof individual->stretch);
    for (uint32_t k = 0; k < shape->part_count; k++) {
        individual->parts[k] = (model_part){.name = shape->parts[k].name, .parent = shape->parts[k].parent, .detail = 1.0f};
        memcpy(individual->parts[k].rgb, proportions->colors[k], 3);
    }
    separate_colors(individual);
    *state = (building){.shape = shape, .proportions = proportions, .seed = random_hash(variation->seed),
                        .memory = memory, .error = error, .frame_count = 1, .solids = solids, .owners = owners,
                        .individual = individual};
    state->frames[0] = (frame){.rotation = {1, 0, 0, 0, 1, 0, 0, 0, 1}, .scale = 1.0f};
    lumen_status status = run(state);
    if (status != LUMEN_OK)
        return status;
    if (variation->parts_max > 0 && variation->parts_max < individual->part_count)
        merge_parts(individual, owners, state->solid_count, variation->parts_max);
    sort_by_part(state);
    *out = individual;
    return LUMEN_OK;
}
