/*
 * cost.h: what it costs to call a generated part by a name, and the cheapest names for all. Private to this room.
 */
#ifndef LUMEN_NAMING_COST_H
#define LUMEN_NAMING_COST_H

#include "naming/evidence.h"

/* What a difference costs, and what it costs to go without. Found by bench/naming.c on its half of the concepts. */
typedef struct cost_weights {
    /* A part as the whole of a name. */
    float overlap, nearness, position, size, axes, spread, evenness, side;
    /* A part as one more piece of a name. */
    float piece, piece_share, piece_nearness, piece_size;
    /* A part that fits nothing. */
    float stranger;
    /* Of a placement. */
    float missing, misfit, distortion, mirror;
    /* How fast a worse name, and a worse placement, becomes improbable. */
    float doubt_name, doubt_placement;
} cost_weights;

extern const cost_weights cost_default;

enum { COST_STRANGER = -1 };

/* Names of all parts under one placement. */
typedef struct cost_names {
    int32_t name[LUMEN_PARTS_MAX];      /* a part of the reference, or COST_STRANGER */
    float probability[LUMEN_PARTS_MAX]; /* of the name among all names, this placement given */
    float total;                        /* weighted by the parts' weights, with names that stay empty */
} cost_names;

/* The optimal names. Parts without points become strangers. */
void cost_assign(const cost_weights *weights, const evidence *known, const cloud *generated, const cloud *reference,
                 cost_names *out);

#endif
