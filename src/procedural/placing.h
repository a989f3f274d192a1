/*
 * placing.h: from the arguments of a solid's statement to a solid that stands in the model. Private to this room.
 */
#ifndef LUMEN_PROCEDURAL_PLACING_H
#define LUMEN_PROCEDURAL_PLACING_H

#include "procedural/model.h"

/* Where and how large the things of a block stand. */
typedef struct frame {
    float rotation[9]; /* rows: local axes in the model's frame */
    vec3 origin;
    float scale;
} frame;

frame frame_of_model(void);

/* A frame that stands in another at `place`, turned by degrees about x, then y, then z, and scaled. */
frame frame_inside(const frame *outer, vec3 place, vec3 degrees, float scale);

/* A solid as its statement asks for it, all expressions evaluated. */
typedef struct solid_order {
    solid_kind kind;
    bool smooth;
    const frame *where;
    vec3 turn; /* degrees */
    const vec3 *arguments;
    uint32_t argument_count;
    arena *memory; /* for the nodes */
} solid_order;

typedef enum placing_outcome {
    PLACING_MADE,
    PLACING_NOTHING, /* a size is zero: the solid is left out */
    PLACING_MEMORY
} placing_outcome;

/* Fills in the geometry of `made`, whose use, color, blend and round (already in the model's scale) are set. */
placing_outcome solid_place(const solid_order *order, solid *made);

#endif
