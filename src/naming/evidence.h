/*
 * evidence.h: what speaks for a generated part being a part of the reference, once a placement lays the one over the
 * other. Private to this room.
 *
 * All lengths are in the reference's unit frame, whose longest side is 2.
 */
#ifndef LUMEN_NAMING_EVIDENCE_H
#define LUMEN_NAMING_EVIDENCE_H

#include "naming/cloud.h"

/* Of one part's points. */
typedef struct part_measure {
    float center[3];
    float spread[3]; /* standard deviation along each axis */
    float size;      /* root of their squares' sum: radius of gyration */
    float axes[3];   /* standard deviations along the principal axes, longest first */
    float evenness;  /* mean distance from the center over `size`: 1 for a shell, less for what has a core and arms */
    float side;      /* -1 at the right, 0 in the middle, 1 at the left */
} part_measure;

/* Of P generated parts (rows) and T parts of the reference. */
typedef struct evidence {
    uint32_t generated_count; /* P */
    uint32_t reference_count; /* T */
    /* Whose nearest part: share[i][j] of generated part i lies nearest to reference part j (rows sum to 1), claim[i][j]
     * of reference part j lies nearest to generated part i (columns sum to 1). */
    float share[LUMEN_PARTS_MAX][LUMEN_PARTS_MAX];
    float claim[LUMEN_PARTS_MAX][LUMEN_PARTS_MAX];
    /* How near at all, 0..1: part i to part j, and part j to part i. */
    float near_to[LUMEN_PARTS_MAX][LUMEN_PARTS_MAX];
    float near_from[LUMEN_PARTS_MAX][LUMEN_PARTS_MAX];
    part_measure generated[LUMEN_PARTS_MAX];
    part_measure reference[LUMEN_PARTS_MAX];
} evidence;

/* `placed` are the generated points in the reference's frame, in the order of `generated`. Scratch memory is rewound.
 * Errors: LUMEN_ERROR_MEMORY. */
lumen_status evidence_gather(const cloud *generated, const points *placed, const cloud *reference, arena *scratch,
                             evidence *out, lumen_error *error);

#endif
