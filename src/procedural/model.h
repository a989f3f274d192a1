/*
 * model.h: one individual: the solids that a concept's template places for given proportions. Private
 * to this room.
 */
#ifndef LUMEN_PROCEDURAL_MODEL_H
#define LUMEN_PROCEDURAL_MODEL_H

#include "base/vector.h"
#include "procedural/syntax.h"

enum { SOLIDS_MAX = 1024 /* of one individual */ };

/* An implicit solid in the frame of the model. `size` and `nodes` mean, by kind:
 *   ball       size[0] radius
 *   ellipsoid  size three radii
 *   limb       nodes (x, y, z, r) in the model's frame, swept by spheres
 *   box        size three half sizes, edges rounded by `round`
 *   ring       size[0] radius of the circle, size[1] of the tube; the axis is local y
 *   lathe      nodes (radius, height): half a closed outline turned about local y, grown by `round`
 *   slab       nodes (x, y): a closed outline, size[2] half thickness along local z, edges rounded
 * Tubes have become limbs, rods lathes. */
typedef struct solid {
    uint8_t kind;  /* solid_kind */
    uint8_t use;   /* solid_use */
    bool mirrored; /* stands at -x */
    bool accent;   /* has a color of its own */
    uint8_t group; /* the part that the template gave it to: cuts and keeps concern their own group alone */
    uint8_t rgb[3];
    float blend;
    float round;
    float size[3];
    vec3 center;       /* of a sphere that holds it, already mirrored */
    float reach;       /* radius of that sphere */
    float thickness;   /* of its thinnest extent */
    float wall;        /* of a lathe: the thinnest place between two runs of its profile */
    vec3 origin;       /* of the local frame, before mirroring */
    float rotation[9]; /* rows are the local axes in the model's frame */
    float *nodes;      /* a mirrored solid shares those of the other */
    uint32_t node_count;
} solid;

typedef struct model_part {
    const char *name;
    int parent;  /* -1: none */
    bool merged; /* its solids went to another part */
    float join;  /* 0: not joined */
    float blend;
    float detail;
    uint8_t rgb[3];
    uint32_t first_solid;
    uint32_t solid_count;
} model_part;

typedef struct model {
    uint32_t part_count;
    model_part parts[LUMEN_PARTS_MAX];
    solid *solids; /* sorted by part */
    uint32_t solid_count;
    float stretch[3]; /* of the finished whole along x, y, z */
} model;

/* What varies an individual of a concept. */
typedef struct model_variation {
    const char *const *adjectives; /* lower case; what the library does not know is ignored */
    size_t adjective_count;
    uint64_t seed;      /* 0: the canonical individual */
    uint32_t parts_max; /* 0: no limit; else parts beyond it join the part they are attached to */
} model_variation;

/* Runs the concept's template. Everything is allocated from `memory`. Errors: LUMEN_ERROR_MEMORY,
 * LUMEN_ERROR_FAILED when a template asks for more solids than an individual may have. */
lumen_status model_build(const sculpt_library *library, const sculpt_concept *entry, const model_variation *variation,
                         arena *memory, model **out, lumen_error *error);

/* ---- Pieces of model_build, in files of their own ------------------------------------------------------ */

/* The values that a concept, its ancestors, the adjectives and the seed give to a template's parameters and
 * colors, and the stretch of the whole (proportions.c). */
typedef struct model_proportions {
    bool set[SCULPT_SLOTS_MAX]; /* `value` replaces the template's own */
    float value[SCULPT_SLOTS_MAX];
    float factor[SCULPT_SLOTS_MAX]; /* multiplies whatever it is */
    uint8_t colors[SCULPT_COLORS_MAX][3];
    float stretch[3];
} model_proportions;

void proportions_gather(const sculpt_library *library, const sculpt_concept *entry, const model_variation *variation,
                        model_proportions *out);

#endif
