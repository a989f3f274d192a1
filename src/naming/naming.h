/*
 * naming.h: names for parts that come without names.
 *
 * A network gives parts in any order, at any scale, without names. The procedural engine knows a shape of the same
 * concept whose parts have names: the reference. This room lays the one over the other and names each part after the
 * part of the reference that it stands for.
 *
 *     naming_result names;
 *     status = naming_match(meshes, 6, &reference, scratch, memory, &names, &error);
 *     // names.parts[0] {"back_legs", confidence 0.93}, .parts[1] {"part_2", 0.4}, ...
 *     engine_result named;
 *     float *confidences;
 *     status = naming_gather(&names, meshes, &reference, NAMING_QUARTER_TURNS, memory, &named, &confidences, &error);
 *     // named: one part for each name, in the reference's order, then what has none; ready for shape_finish
 *
 * What the names mean:
 *
 * - Several generated parts may share a name (a head in two pieces). naming_gather makes them one part, because the
 *   names of a shape are unique.
 * - A generated part that covers several parts of the reference takes the name that most of it stands for; `covers`
 *   tells the others.
 * - A name may stay empty: no part of that name is in the gathered shape.
 * - What fits nothing is "part_k", generated part k counted from 1.
 * - Left is the creature's own left: +X when it looks along +Z with +Y up, the frame of docs/sculpting.md. The
 *   creature's front is found by laying the reference over it. Where only the mirror image of the reference fits, left
 *   stays left: a person who raises the other arm has the same left arm.
 *
 * The frame: eight are tried, four quarter turns about the vertical +Y and their mirror images, each refined by the
 * iterative closest point method (Besl and McKay, "A Method for Registration of 3-D Shapes", 1992) with robust weights,
 * a scale for each axis, and a small turn. Up stays up.
 *
 * The names: an optimal assignment of generated parts to names (Kuhn, "The Hungarian Method for the Assignment
 * Problem", 1955; solved by shortest augmenting paths as in Jonker and Volgenant, "A Shortest Augmenting Path Algorithm
 * for Dense and Sparse Linear Assignment Problems", 1987) over a cost of position, size, shape and symmetry.
 * docs/naming.md has the cost, and how often the names are right.
 *
 * Pure functions of their arguments, no global state: any number of threads may call them, each with arenas of its own.
 * The same input gives the same names. Meshes are only read; normals, attachments and colors need not be there.
 * Triangles marked hidden are left out. Where no generated part has such marks they are taken for closed bodies, inner
 * skin and all, and so are then the reference's.
 */
#ifndef LUMEN_NAMING_NAMING_H
#define LUMEN_NAMING_NAMING_H

#include "base/arena.h"
#include "engine/engine.h"
#include "lumen.h"

/* How the generated shape lies over the reference: reference = linear · generated + offset, in the coordinates that
 * both came with. */
typedef struct naming_frame {
    uint32_t quarter_turns; /* 0..3 about +Y, each taking +Z to +X, that bring the generated shape to look as the
                               reference does, +Z; before the mirror */
    bool mirrored;          /* only the mirror image (x to -x) fits */
    float forward[3];       /* unit: where the generated shape looks, y = 0; the small turn counted in */
    float linear[9];        /* rows; includes the scale of each axis and the mirror */
    float offset[3];
    float fit; /* 0..1: share of both surfaces that lie near each other in this frame */
} naming_frame;

typedef struct naming_part {
    const char *name;       /* "head", or "part_3"; never NULL */
    int32_t reference_part; /* index in the reference; -1: a part_k */
    float confidence;       /* 0..1, the share of such names that are right (docs/naming.md); 0 for a part without a surface */
    double area;            /* of its visible surface, in its own unit; 0: there is none */
    uint32_t covers;        /* bit i: most of the reference's part i lies in this part; its own name counted in */
} naming_part;

/* Names of P generated parts. */
typedef struct naming_result {
    naming_frame frame;
    uint32_t part_count;
    naming_part *parts; /* (P) in the order that they came */
} naming_result;

/* Names `part_count` (at most LUMEN_PARTS_MAX) generated parts after `reference`, the procedural shape of the same
 * concept. Parts without triangles, or without area, are allowed: they become part_k with confidence 0. Everything in
 * `out` is allocated from `memory`, names included. `scratch` is rewound; it must be another arena. Errors:
 * LUMEN_ERROR_INVALID: too many parts, a coordinate that is not a finite number, an index beyond the vertices;
 * LUMEN_ERROR_FAILED: no generated part, or no part of the reference, has a surface; LUMEN_ERROR_MEMORY. */
lumen_status naming_match(const lumen_mesh *parts, uint32_t part_count, const engine_result *reference, arena *scratch,
                          arena *memory, naming_result *out, lumen_error *error);

/* Which way the gathered shape looks. */
typedef enum naming_turn {
    NAMING_AS_GENERATED,  /* coordinates stay as they are */
    NAMING_QUARTER_TURNS, /* turned by quarter_turns about +Y: exact, and it looks along +Z as motions expect */
} naming_turn;

/* One mesh for each name that was given: in the order of the reference, then the part_k in theirs; parts without a
 * surface are left out. template_type, concept_name and the colors of named parts are the reference's, a part_k gets
 * gray. Meshes are copies, allocated from `memory` like everything else: positions, triangles, and normals, colors,
 * attachments and hidden where every piece has them; nothing is mirrored, scaled or moved. `confidences` (may be NULL)
 * receives one number for each gathered part, its pieces' weighted by area. The template_type and concept_name are not
 * copied. Errors: LUMEN_ERROR_MEMORY; LUMEN_ERROR_INVALID when pieces of one name have more than 2^32 vertices. */
lumen_status naming_gather(const naming_result *names, const lumen_mesh *parts, const engine_result *reference,
                           naming_turn turn, arena *memory, engine_result *out, float **confidences,
                           lumen_error *error);

#endif
