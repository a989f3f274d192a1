/*
 * placement.h: how the generated shape lies over the reference, and how to make it lie better. Private to this room.
 *
 * A placement takes a point of the generated cloud, in its unit frame, into the reference's: quarter turns about +Y,
 * the mirror, a small turn about +Y, a scale for each axis, an offset.
 */
#ifndef LUMEN_NAMING_PLACEMENT_H
#define LUMEN_NAMING_PLACEMENT_H

#include "naming/cloud.h"

typedef struct placement {
    uint32_t quarter_turns;
    bool mirrored;
    float cosine, sine; /* of the small turn */
    float scale[3];
    float offset[3];
} placement;

/* Room for one search at a time, for clouds of up to the sizes it was made for. */
typedef struct placement_room {
    points turned;               /* generated, turned and mirrored only */
    points placed;               /* generated, all the way */
    uint32_t *nearest_reference; /* of each generated point */
    uint32_t *nearest_generated; /* of each point of the reference */
    float *distance_generated;
    float *distance_reference;
} placement_room;

bool placement_room_make(uint32_t generated_count, uint32_t reference_count, arena *memory, placement_room *room);

/* Where a search begins. Boxes are misled by what is missing or does not belong, areas by what is split or smooth. */
typedef enum placement_start_kind {
    PLACEMENT_BOX,         /* the whole box over the whole box, one scale for all axes */
    PLACEMENT_BOX_BY_AXIS, /* a scale for each */
    PLACEMENT_AREA,        /* equal areas, over each other's centers */
    PLACEMENT_LARGEST,     /* the part with the largest area over the one with the largest */
    PLACEMENT_STARTS
} placement_start_kind;

placement placement_start(const cloud *generated, const cloud *reference, uint32_t quarter_turns, bool mirrored,
                          placement_start_kind kind);

/* `rounds` of the iterative closest point method with robust weights; `width` is the distance at which a pair counts
 * half. */
void placement_refine(const cloud *generated, const cloud *reference, float width, uint32_t rounds,
                      placement_room *room, placement *one);

/* The generated points where the placement puts them. */
void placement_apply(const placement *one, const points *generated, points *placed);

/* Share of both surfaces that lie near each other, 0..1, each pair counting by its distance. */
float placement_fit(const cloud *generated, const cloud *reference, float width, placement_room *room,
                    const placement *one);

/* How unequal the scales of the axes are, 0 for equal ones. */
float placement_distortion(const placement *one);

/* Rows of the linear map, and the offset. */
void placement_matrix(const placement *one, float linear[9], float offset[3]);

#endif
