/*
 * Where parts hang on each other, guessed from their points alone: the part with the most points is the body; the part
 * that is nearest to what hangs together already is hung on its nearest neighbor there, until all hang (Prim's minimal
 * spanning tree). A point's attachment is its distance from the part that its own part hangs on, from 0 for the nearest
 * to 1 for the farthest point.
 */
#include "files/read.h"

#include <math.h>

#include "base/error.h"

/* Distances are measured to so many points of a part, spread over it: enough for a weight. */
enum { PROBES = 128 };

typedef struct probes {
    uint32_t total; /* points of the part */
    uint32_t count;
    float at[PROBES][3];
} probes;

/* Every n-th point of each part, n such that PROBES suffice. */
static void take_probes(const shape_draft *draft, probes *parts)
{
    uint32_t seen[LUMEN_PARTS_MAX] = {0};
    for (uint32_t k = 0; k < draft->part_count; k++)
        parts[k].total = parts[k].count = 0;
    for (size_t i = 0; i < draft->point_count; i++)
        if (draft->part_ids[i] > 0)
            parts[draft->part_ids[i] - 1].total++;
    for (size_t i = 0; i < draft->point_count; i++) {
        if (draft->part_ids[i] == 0)
            continue;
        uint32_t k = draft->part_ids[i] - 1u, every = (parts[k].total + PROBES - 1) / PROBES;
        if (seen[k]++ % every == 0)
            for (size_t axis = 0; axis < 3; axis++)
                parts[k].at[parts[k].count][axis] = draft->positions[3 * i + axis];
        parts[k].count = (seen[k] + every - 1) / every;
    }
}

/* The squared distance of a point from the nearest probe of a part. */
static float distance(const probes *part, const float *at)
{
    float nearest = INFINITY;
    for (uint32_t i = 0; i < part->count; i++) {
        float x = at[0] - part->at[i][0], y = at[1] - part->at[i][1], z = at[2] - part->at[i][2];
        nearest = fminf(nearest, x * x + y * y + z * z);
    }
    return nearest;
}

static float distance_of_parts(const probes *one, const probes *other)
{
    float nearest = INFINITY;
    for (uint32_t i = 0; i < one->count; i++)
        nearest = fminf(nearest, distance(other, one->at[i]));
    return nearest;
}

/* Fills parents[k] with the part that part k hangs on, itself for the body. Empty parts are left alone. */
static void hang(const probes *parts, uint32_t count, uint32_t *parents)
{
    bool hangs[LUMEN_PARTS_MAX] = {false};
    float nearest[LUMEN_PARTS_MAX];
    uint32_t newest = 0;
    for (uint32_t k = 0; k < count; k++) {
        parents[k] = k;
        nearest[k] = INFINITY;
        if (parts[k].total > parts[newest].total)
            newest = k;
    }
    for (uint32_t round = 0; round < count; round++) {
        hangs[newest] = true;
        uint32_t next = newest;
        for (uint32_t k = 0; k < count; k++) {
            if (hangs[k] || parts[k].count == 0)
                continue;
            float apart = distance_of_parts(&parts[k], &parts[newest]);
            if (apart < nearest[k])
                nearest[k] = apart, parents[k] = newest;
            if (next == newest || nearest[k] < nearest[next])
                next = k;
        }
        if (next == newest)
            return;
        newest = next;
    }
}

lumen_status draft_attach(const shape_draft *draft, float *attachments, lumen_error *error)
{
    arena_mark start = arena_now(draft->scratch);
    probes *parts = arena_array(draft->scratch, probes, draft->part_count);
    if (parts == NULL)
        return lumen_fail_memory(error, "the joints of a shape");
    uint32_t parents[LUMEN_PARTS_MAX];
    take_probes(draft, parts);
    hang(parts, draft->part_count, parents);

    float least[LUMEN_PARTS_MAX], most[LUMEN_PARTS_MAX];
    for (uint32_t k = 0; k < draft->part_count; k++)
        least[k] = INFINITY, most[k] = 0.0f;
    for (size_t i = 0; i < draft->point_count; i++) {
        attachments[i] = 0.0f;
        uint32_t k = draft->part_ids[i] - 1u;
        if (draft->part_ids[i] == 0 || parents[k] == k)
            continue;
        attachments[i] = sqrtf(distance(&parts[parents[k]], draft->positions + 3 * i));
        least[k] = fminf(least[k], attachments[i]);
        most[k] = fmaxf(most[k], attachments[i]);
    }
    for (size_t i = 0; i < draft->point_count; i++) {
        uint32_t k = draft->part_ids[i] - 1u;
        if (draft->part_ids[i] > 0 && parents[k] != k)
            attachments[i] = most[k] > least[k] ? (attachments[i] - least[k]) / (most[k] - least[k]) : 0.0f;
    }
    arena_rewind(draft->scratch, start);
    return LUMEN_OK;
}
