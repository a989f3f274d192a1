/* naming_match: samples, frames, names. */

#include "naming/naming.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "naming/cost.h"
#include "naming/placement.h"

enum {
    POINTS = 1024,
    COARSE_DIVISOR = 6,
    COARSE_LEAST = 6,
    MEDIUM_DIVISOR = 2,
    MEDIUM_LEAST = 16,
    PLACEMENTS = 8, /* four quarter turns, each with its mirror image */
    FINALISTS = 3,  /* of which are looked at closely */
    COARSE_ROUNDS = 5,
    FINE_ROUNDS = 4
};

/* Distance at which a pair of points counts half, in the reference's unit frame: wide while the shapes may still be far
 * apart. */
static const float COARSE_WIDTH = 0.25f;
static const float FINE_WIDTH = 0.1f;

/* Shapes that fit worse are hardly of one kind, and their names are worth less. On the held half, of the names that were
 * otherwise certain 98 % were right from here on, and about 80 % at 0.5. */
static const float GOOD_FIT = 0.7f;

/* Everything that the search works on. */
typedef struct search {
    cloud generated, reference;
    cloud generated_coarse, reference_coarse;
    cloud generated_medium, reference_medium;
    placement_room room;
    int32_t counterpart[LUMEN_PARTS_MAX]; /* left_arm of right_arm; itself where it has none */
    evidence known;
} search;

typedef struct candidate {
    placement place;
    cost_names names;
    uint32_t covers[LUMEN_PARTS_MAX]; /* parts of the reference, as it lies */
    float fit;
    float total; /* of names and placement: the least is taken */
} candidate;

/* ---- Left and right ------------------------------------------------------------------------------------ */

static bool same_but_side(const char *left, const char *right)
{
    return strncmp(left, "left_", 5) == 0 && strncmp(right, "right_", 6) == 0 && strcmp(left + 5, right + 6) == 0;
}

static void find_counterparts(const engine_result *reference, int32_t *counterpart)
{
    for (uint32_t a = 0; a < reference->part_count; a++) {
        counterpart[a] = (int32_t)a;
        for (uint32_t b = 0; b < reference->part_count; b++)
            if (same_but_side(reference->part_names[a], reference->part_names[b]) ||
                same_but_side(reference->part_names[b], reference->part_names[a]))
                counterpart[a] = (int32_t)b;
    }
}

/* In a mirrored placement a left arm lies over the reference's right arm; it is a left arm all the same. */
static int32_t sided_name(const search *all, const candidate *one, uint32_t part)
{
    int32_t name = one->names.name[part];
    return name >= 0 && one->place.mirrored ? all->counterpart[name] : name;
}

/* Which parts of the reference lie mostly in each generated part. */
static void find_covered(const search *all, uint32_t *covers)
{
    for (uint32_t i = 0; i < all->generated.part_count; i++) {
        covers[i] = 0;
        for (uint32_t j = 0; j < all->reference.part_count; j++)
            if (all->reference.area[j] > 0.0 && all->known.claim[i][j] > 0.5f && all->known.near_from[i][j] > 0.4f)
                covers[i] |= (uint32_t)1 << j;
    }
}

/* ---- Frames -------------------------------------------------------------------------------------------- */

static lumen_status judge(search *all, const cloud *generated, const cloud *reference, float width, arena *scratch,
                          candidate *one, lumen_error *error)
{
    const cost_weights *weights = &cost_default;
    one->fit = placement_fit(generated, reference, width, &all->room, &one->place);
    lumen_status status = evidence_gather(generated, &all->room.placed, reference, scratch, &all->known, error);
    if (status != LUMEN_OK)
        return status;
    cost_assign(weights, &all->known, generated, reference, &one->names);
    find_covered(all, one->covers);
    one->total = one->names.total + weights->misfit * (1.0f - one->fit) +
                 weights->distortion * placement_distortion(&one->place) +
                 (one->place.mirrored ? weights->mirror : 0.0f);
    return LUMEN_OK;
}

/* One of the eight, roughly: whichever start ends best. */
static lumen_status try_placement(search *all, uint32_t quarter_turns, bool mirrored, arena *scratch, candidate *one,
                                  lumen_error *error)
{
    for (uint32_t kind = 0; kind < PLACEMENT_STARTS; kind++) {
        candidate tried = {.place = placement_start(&all->generated, &all->reference, quarter_turns, mirrored,
                                                    (placement_start_kind)kind)};
        placement_refine(&all->generated_coarse, &all->reference_coarse, COARSE_WIDTH, COARSE_ROUNDS, &all->room,
                         &tried.place);
        lumen_status status =
            judge(all, &all->generated_coarse, &all->reference_coarse, FINE_WIDTH, scratch, &tried, error);
        if (status != LUMEN_OK)
            return status;
        if (kind == 0 || tried.total < one->total)
            *one = tried;
    }
    return LUMEN_OK;
}

/* Insertion sort by total, the earlier first among equals. */
static void sort_candidates(candidate *all, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        candidate moving = all[i];
        uint32_t at = i;
        for (; at > 0 && moving.total < all[at - 1].total; at--)
            all[at] = all[at - 1];
        all[at] = moving;
    }
}

static lumen_status find_frame(search *all, arena *scratch, candidate candidates[PLACEMENTS], lumen_error *error)
{
    for (uint32_t k = 0; k < PLACEMENTS; k++) {
        lumen_status status = try_placement(all, k % 4, k >= 4, scratch, &candidates[k], error);
        if (status != LUMEN_OK)
            return status;
    }
    sort_candidates(candidates, PLACEMENTS);
    for (uint32_t k = 0; k < FINALISTS; k++) {
        placement_refine(&all->generated_medium, &all->reference_medium, FINE_WIDTH, FINE_ROUNDS, &all->room,
                         &candidates[k].place);
        lumen_status status = judge(all, &all->generated, &all->reference, FINE_WIDTH, scratch, &candidates[k], error);
        if (status != LUMEN_OK)
            return status;
    }
    sort_candidates(candidates, FINALISTS);
    return LUMEN_OK;
}

/* ---- The answer ---------------------------------------------------------------------------------------- */

/* From the unit frames back to the coordinates that the shapes came with. */
static void describe_frame(const search *all, const candidate *best, naming_frame *out)
{
    float linear[9];
    float offset[3];
    placement_matrix(&best->place, linear, offset);
    *out =
        (naming_frame){.quarter_turns = best->place.quarter_turns, .mirrored = best->place.mirrored, .fit = best->fit};
    double ratio = all->reference.scale / all->generated.scale;
    for (int row = 0; row < 3; row++) {
        double sum = all->reference.center[row] + all->reference.scale * (double)offset[row];
        for (int column = 0; column < 3; column++) {
            double value = (double)linear[3 * row + column] * ratio;
            out->linear[3 * row + column] = (float)value;
            sum -= value * all->generated.center[column];
        }
        out->offset[row] = (float)sum;
    }
    /* What becomes +Z: the inverse of turns and mirror, which is their transpose, applied to it. */
    float x = linear[6] / best->place.scale[2];
    float z = linear[8] / best->place.scale[2];
    out->forward[0] = x;
    out->forward[2] = z;
}

/* How probable a part's name is, over all placements that were looked at closely. */
static float confidence(const search *all, const candidate *candidates, uint32_t part)
{
    int32_t name = sided_name(all, &candidates[0], part);
    float sum = 0.0f;
    float agreed = 0.0f;
    for (uint32_t k = 0; k < FINALISTS; k++) {
        float weight = expf((candidates[0].total - candidates[k].total) / cost_default.doubt_placement);
        sum += weight;
        if (sided_name(all, &candidates[k], part) == name)
            agreed += weight * candidates[k].names.probability[part];
    }
    const float fit = candidates[0].fit;
    return agreed / sum * (fit < GOOD_FIT ? 1.0f - (GOOD_FIT - fit) : 1.0f);
}

/* The parts that part i covers by their names: in a mirrored placement, their counterparts. */
static uint32_t sided_covers(const search *all, const candidate *best, uint32_t i)
{
    if (!best->place.mirrored)
        return best->covers[i];
    uint32_t bits = 0;
    for (uint32_t j = 0; j < all->reference.part_count; j++)
        if ((best->covers[i] >> j & 1) != 0)
            bits |= (uint32_t)1 << all->counterpart[j];
    return bits;
}

static lumen_status answer(const search *all, const candidate *candidates, const engine_result *reference,
                           arena *memory, naming_result *out, lumen_error *error)
{
    describe_frame(all, &candidates[0], &out->frame);
    out->part_count = all->generated.part_count;
    out->parts = arena_array(memory, naming_part, out->part_count);
    if (out->parts == NULL)
        return lumen_fail_memory(error, "the names of parts");
    for (uint32_t i = 0; i < out->part_count; i++) {
        naming_part *one = &out->parts[i];
        char number[16];
        snprintf(number, sizeof number, "part_%u", i + 1);
        *one = (naming_part){.reference_part = -1,
                             .area = all->generated.area[i] * all->generated.scale * all->generated.scale};
        if (one->area > 0.0) {
            one->reference_part = sided_name(all, &candidates[0], i);
            one->confidence = confidence(all, candidates, i);
            one->covers = sided_covers(all, &candidates[0], i);
        }
        if (one->reference_part >= 0)
            one->covers |= (uint32_t)1 << one->reference_part;
        const char *name = one->reference_part >= 0 ? reference->part_names[one->reference_part] : number;
        one->name = arena_copy_text(memory, name, strlen(name));
        if (one->name == NULL)
            return lumen_fail_memory(error, "the names of parts");
    }
    return LUMEN_OK;
}

/* The reference as `parts` are: where these do not say what is hidden, its hidden triangles count, too. */
static void like_with_like(const lumen_mesh *parts, uint32_t part_count, const engine_result *reference,
                           lumen_mesh meshes[LUMEN_PARTS_MAX])
{
    bool marked = false;
    for (uint32_t i = 0; i < part_count; i++)
        marked = marked || parts[i].hidden != NULL;
    for (uint32_t i = 0; i < reference->part_count; i++) {
        meshes[i] = reference->part_meshes[i];
        if (!marked)
            meshes[i].hidden = NULL;
    }
}

static lumen_status sample_both(const lumen_mesh *parts, uint32_t part_count, const engine_result *reference,
                                arena *scratch, arena *memory, search *all, lumen_error *error)
{
    lumen_mesh meshes[LUMEN_PARTS_MAX];
    like_with_like(parts, part_count, reference, meshes);
    lumen_status status =
        cloud_sample(parts, part_count, POINTS, "the generated", scratch, memory, &all->generated, error);
    if (status == LUMEN_OK)
        status = cloud_sample(meshes, reference->part_count, POINTS, "the reference", scratch, memory, &all->reference,
                              error);
    if (status == LUMEN_OK)
        status = cloud_thin(&all->generated, COARSE_DIVISOR, COARSE_LEAST, memory, &all->generated_coarse, error);
    if (status == LUMEN_OK)
        status = cloud_thin(&all->reference, COARSE_DIVISOR, COARSE_LEAST, memory, &all->reference_coarse, error);
    if (status == LUMEN_OK)
        status = cloud_thin(&all->generated, MEDIUM_DIVISOR, MEDIUM_LEAST, memory, &all->generated_medium, error);
    if (status == LUMEN_OK)
        status = cloud_thin(&all->reference, MEDIUM_DIVISOR, MEDIUM_LEAST, memory, &all->reference_medium, error);
    return status;
}

lumen_status naming_match(const lumen_mesh *parts, uint32_t part_count, const engine_result *reference, arena *scratch,
                          arena *memory, naming_result *out, lumen_error *error)
{
    *out = (naming_result){0};
    if (part_count > LUMEN_PARTS_MAX || reference->part_count > LUMEN_PARTS_MAX)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "%u parts are to be named after %u; at most %d can be",
                          part_count, reference->part_count, LUMEN_PARTS_MAX);
    if (scratch == memory)
        return lumen_fail(error, LUMEN_ERROR_INVALID,
                          "scratch and memory are the same arena, which is rewound; pass two");
    arena_mark scratch_mark = arena_now(scratch);
    arena_mark memory_mark = arena_now(memory);
    search *all = arena_allocate(scratch, sizeof *all);
    candidate *candidates = arena_array(scratch, candidate, PLACEMENTS);
    lumen_status status = LUMEN_OK;
    if (all == NULL || candidates == NULL) {
        status = lumen_fail_memory(error, "the search for names");
        goto done;
    }
    memset(all, 0, sizeof *all);
    /* The points lie in `memory` meanwhile, because sampling rewinds scratch. */
    status = sample_both(parts, part_count, reference, scratch, memory, all, error);
    if (status != LUMEN_OK)
        goto done;
    if (!placement_room_make(all->generated.at.count, all->reference.at.count, scratch, &all->room)) {
        status = lumen_fail_memory(error, "the search for names");
        goto done;
    }
    find_counterparts(reference, all->counterpart);
    status = find_frame(all, scratch, candidates, error);
    arena_rewind(memory, memory_mark);
    if (status == LUMEN_OK)
        status = answer(all, candidates, reference, memory, out, error);

done:
    if (status != LUMEN_OK) {
        arena_rewind(memory, memory_mark);
        *out = (naming_result){0};
    }
    arena_rewind(scratch, scratch_mark);
    return status;
}
