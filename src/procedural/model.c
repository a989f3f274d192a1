/* Runs a template: statement by statement, until every part has its solids. */

#include "procedural/model.h"

#include <string.h>

#include "base/error.h"
#include "base/random.h"
#include "procedural/expression.h"
#include "procedural/placing.h"

enum {
    STEPS_MAX = 20000, /* statements run for one individual */
    ROUNDS_MAX = 64    /* of one for */
};

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

/* ---- Values ------------------------------------------------------------------------------------------------- */

static vec3 value_of(const building *state, expression code)
{
    return expression_value(state->shape, code, state->slots, state->seed);
}

static float number_of(const building *state, expression code, float fallback)
{
    return code.count == 0 ? fallback : value_of(state, code).x;
}

/* A size that may be absent: then, and when it is negative, 0. */
static float size_of(const building *state, expression code)
{
    float size = number_of(state, code, 0.0f);
    return size > 0.0f ? size : 0.0f;
}

static vec3 vector_of(const building *state, expression code)
{
    return code.count == 0 ? vec3_make(0, 0, 0) : value_of(state, code);
}

/* ---- Solids -------------------------------------------------------------------------------------------------- */

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
    const frame *where = &state->frames[state->frame_count - 1];
    float scale = where->scale;
    const model_part *part = &state->individual->parts[state->part];
    solid made = {
        .kind = step->solid,
        .use = step->use,
        .group = (uint8_t)state->part,
        .round = size_of(state, step->round) * scale,
        .blend = step->blend.count == 0 ? part->blend : size_of(state, step->blend) * scale,
        .accent = step->color != 0,
    };
    memcpy(made.rgb, step->color != 0 ? state->proportions->colors[step->color - 1] : part->rgb, 3);
    const solid_order order = {
        .kind = (solid_kind)step->solid,
        .smooth = step->smooth,
        .where = where,
        .turn = vector_of(state, step->turn),
        .arguments = arguments,
        .argument_count = step->argument_count,
        .memory = state->memory,
    };
    placing_outcome result = solid_place(&order, &made);
    if (result == PLACING_MEMORY)
        return lumen_fail_memory(state->error, "the solids of a shape");
    if (result == PLACING_NOTHING)
        return LUMEN_OK;
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
    part->join = size_of(state, source->join);
    part->blend = size_of(state, source->blend);
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
    const frame *outer = &state->frames[state->frame_count - 1];
    float scale = float_clamp(number_of(state, step->round, 1.0f), 0.0f, 100.0f);
    state->frames[state->frame_count++] =
        frame_inside(outer, value_of(state, step->value), vector_of(state, step->turn), scale);
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
        case STATEMENT_SET:
            run_set(state, step);
            index++;
            break;
        case STATEMENT_LET:
            state->slots[step->slot] = value_of(state, step->value);
            index++;
            break;
        case STATEMENT_PART:
            run_part(state, step);
            index++;
            break;
        case STATEMENT_IF: index = value_of(state, step->value).x > 0.0f ? index + 1 : step->jump + 1; break;
        case STATEMENT_ELSE: index = step->jump + 1; break;
        case STATEMENT_FOR: index = run_for(state, step, index); break;
        case STATEMENT_FRAME:
            run_frame(state, step);
            index++;
            break;
        case STATEMENT_END: index = run_end(state, step, index); break;
        case STATEMENT_SOLID:
            status = run_solid(state, step);
            index++;
            break;
        }
    }
    return status;
}

/* ---- Parts ------------------------------------------------------------------------------------------------------- */

/* Fewer parts than the template has: the last one joins the part that it is attached to (or the first), again and
 * again; what was attached to it hangs on that part then. */
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

/* Two neighboring parts of one color could not be told apart: every second one becomes a
 * little lighter, or darker where it is light. */
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
        for (uint32_t group = 0; group < individual->part_count; group++)
            for (uint32_t i = 0; i < state->solid_count; i++)
                if (state->owners[i] == k && state->solids[i].group == group)
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
    if (state == NULL || individual == NULL || proportions == NULL || solids == NULL || sorted == NULL ||
        owners == NULL)
        return lumen_fail_memory(error, "the solids of a shape");
    proportions_gather(library, entry, variation, proportions);
    *individual = (model){.part_count = shape->part_count, .solids = sorted};
    memcpy(individual->stretch, proportions->stretch, sizeof individual->stretch);
    for (uint32_t k = 0; k < shape->part_count; k++) {
        individual->parts[k] =
            (model_part){.name = shape->parts[k].name, .parent = shape->parts[k].parent, .detail = 1.0f};
        memcpy(individual->parts[k].rgb, proportions->colors[k], 3);
    }
    separate_colors(individual);
    *state = (building){.shape = shape,
                        .proportions = proportions,
                        .seed = random_hash(variation->seed),
                        .memory = memory,
                        .error = error,
                        .frame_count = 1,
                        .solids = solids,
                        .owners = owners,
                        .individual = individual};
    state->frames[0] = frame_of_model();
    lumen_status status = run(state);
    if (status != LUMEN_OK)
        return status;
    if (variation->parts_max > 0 && variation->parts_max < individual->part_count)
        merge_parts(individual, owners, state->solid_count, variation->parts_max);
    sort_by_part(state);
    *out = individual;
    return LUMEN_OK;
}
