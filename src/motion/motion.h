/*
 * motion.h: how a shape moves. Free of graphics: the same numbers drive the C functions below and
 * their twin in GLSL (primitives.glsl), which the particle engine includes.
 *
 *     motion_library *motions;
 *     motion_plan plan;
 *     status = motion_library_open(NULL, NULL, &motions, &error);
 *     const motion_template *gallop = motion_find(motions, shape->motion.motion, shape->verb);
 *     motion_joints joints;
 *     motion_find_joints(shape, &joints);
 *     motion_plan_make(gallop, &joints, shape->motion.tempo, shape->motion.size, now, &plan);
 *     vec3 target = motion_move(&plan, home, part, attachment, seed, now);
 *
 * A plan is 33 rows of 16 floats, the bytes of a 4 x 33 RGBA32F texture: row 0 moves the whole body, row k
 * part k. A point is moved by its part's row first, then by row 0. Time is in seconds, lengths are those of the
 * finished shape (it spans [-1, 1]), angles are in radians. One plan fades into the next: the viewer mixes the
 * targets of plan A and plan B.
 *
 * Any bytes make a plan: a row that holds a number that is not finite moves nothing, what is too large is taken as
 * large, and no row displaces a point by more than MOTION_FARTHEST along any of the three axes.
 *
 * No function here has a state of its own: any number of threads may use a library, a plan or joints at once, as long
 * as nobody writes to it. How to write templates says docs/motion.md.
 */
#ifndef LUMEN_MOTION_MOTION_H
#define LUMEN_MOTION_MOTION_H

#include "base/error.h"
#include "base/vector.h"
#include "lumen.h"

/* ---- The fifteen primitives --------------------------------------------------------------------- */

/* The numbers are those of the plan's first float and of the shader. */
typedef enum motion_primitive {
    MOTION_NONE = -1,
    MOTION_OSCILLATE_BEND,
    MOTION_OSCILLATE_TRANSLATE,
    MOTION_ARC_TRANSLATE,
    MOTION_RIGID_ROTATE,
    MOTION_SPRING_SETTLE,
    MOTION_RADIAL_BURST,
    MOTION_RADIAL_CONTRACT,
    MOTION_SPIRAL,
    MOTION_LAMINAR_FLOW,
    MOTION_CURL_NOISE_FLOW,
    MOTION_BROWNIAN_SCATTER,
    MOTION_WAVE_PROPAGATE,
    MOTION_STRETCH_ALONG_AXIS,
    MOTION_TWIST,
    MOTION_PENDULUM,
    MOTION_PRIMITIVES
} motion_primitive;

/* One row of a plan: the four texels of the texture, in this order. What the numbers mean for each primitive, and
 * which of them it looks at, says motion_primitive_about; here is what they have in common. A cyclic primitive
 * shows the same again after MOTION_CYCLES cycles at most (most of them after one). */
typedef struct motion_row {
    float primitive; /* a motion_primitive; -1: nothing moves */
    float phase;     /* in cycles, added to frequency * (now - start) */
    float start;     /* seconds */
    float duration;  /* seconds; of the one-shot primitives: t = clamp((now - start) / duration, 0, 1) */

    float axis[3]; /* unit length */
    float amplitude;

    float pivot[3];
    float frequency; /* cycles a second */

    float spread;
    float ease;      /* 0: linear in t, 1: slow at both ends, -1: thrown, fast first; of a cycle: 0 sine, 1 with rests
                      * at its ends, -1 thrown and caught: a parabola from 0 to 1 and back, never below 0 */
    float overshoot; /* 0: none; how far beyond its end a movement goes before it comes back, as a part of it */
    float stagger;   /* in cycles (one-shot: in durations) that a point lags behind by its attachment */
} motion_row;

enum { MOTION_ROWS = 1 + LUMEN_PARTS_MAX, MOTION_ROW_FLOATS = 16, MOTION_CYCLES = 4, MOTION_FARTHEST = 4 };

typedef struct motion_plan {
    motion_row rows[MOTION_ROWS];
} motion_plan;

/* What a page or a window shows beside a slider. */
typedef struct motion_parameter {
    const char *name;    /* as in the templates: "amplitude"; of vectors "axis_x", "pivot_y", ... */
    const char *meaning; /* for this primitive: "the angle at the extremity, in radians" */
    uint32_t place;      /* which of the row's 16 floats it is */
    float least, most, usual;
} motion_parameter;

enum { MOTION_PARAMETERS = 14 }; /* the floats of a row but for primitive and start */

typedef struct motion_about {
    const char *name;    /* "oscillate_bend" */
    const char *summary; /* one sentence */
    bool one_shot;       /* its end is held */
    uint32_t parameter_count;
    motion_parameter parameters[MOTION_PARAMETERS];
} motion_about;

/* What a primitive is called, does and takes. NULL out of range. */
const motion_about *motion_primitive_about(int primitive);

/* The number of a name; MOTION_NONE for none. */
int motion_primitive_of(const char *name);

/* The usual values of a primitive, beginning at 0 and pivoting at `pivot`; none moves for a number out of range. */
motion_row motion_row_usual(int primitive, vec3 pivot);

/* Where a point at `home` is moved to by one row at `now`. `seed` in [0, 1) is the particle's own number. */
vec3 motion_move_row(const motion_row *row, vec3 home, float attachment, float seed, float now);

/* Where a point of part `part` (0: none) is moved to by a plan: its part's row, then row 0. */
vec3 motion_move(const motion_plan *plan, vec3 home, uint32_t part, float attachment, float seed, float now);

/* The same for many points at once: homes and targets (count, 3), parts, attachments and seeds (count). Quicker,
 * because each row is looked at once only. */
void motion_move_all(const motion_plan *plan, uint32_t count, const float *homes, const uint8_t *parts,
                     const float *attachments, const float *seeds, float now, float *targets);

/* Which primitives the rows of parts hold, and row 0, as bits: 1 << primitive. */
typedef struct motion_among {
    uint32_t parts, whole;
} motion_among;

motion_among motion_plan_among(const motion_plan *plan);

/* The GLSL twin: the source of `vec3 motion_move(sampler2D plan, vec3 home, int part, float attachment, float seed,
 * float now)`, `vec3 motion_noise_curl(vec3)` and what they need; no #version, no main. With MOTION_AMONG_PARTS and
 * MOTION_AMONG_WHOLE defined ahead of it as the bits of motion_among, it can do these primitives and no others. */
const char *motion_glsl(void);

/* The divergence-free noise that the flows and the particle engine share (after Bridson et al. 2007, "Curl-noise for
 * procedural fluid flow"): each component within [-1, 1], of a root mean square near 0.2, eddies about one unit wide.
 * The twin of GLSL's motion_noise_curl. */
vec3 motion_noise_curl(vec3 at);

/* ---- Templates ------------------------------------------------------------------------------------ */

typedef struct motion_library motion_library;
typedef struct motion_template motion_template;

/* Opens the templates of data/motion, which are compiled in, and those of `text` (NULL: none; `name` is what
 * messages call it), which replace others of the same name. Errors: LUMEN_ERROR_INVALID with line and reason,
 * LUMEN_ERROR_MEMORY. */
lumen_status motion_library_open(const char *text, const char *name, motion_library **out, lumen_error *error);
void motion_library_close(motion_library *motions);

uint32_t motion_count(const motion_library *motions);
const motion_template *motion_at(const motion_library *motions, uint32_t index);
const char *motion_name(const motion_template *one);

/* The template that names `verb` among its anchor verbs in the text given to motion_library_open; else the one
 * called `name`; else the one of data/motion that names `verb`; else "idle". Either may be NULL. Never NULL. */
const motion_template *motion_find(const motion_library *motions, const char *name, const char *verb);

/* ---- Plans ---------------------------------------------------------------------------------------- */

/* Equal axles in a row, as rigid_rotate takes them. */
typedef struct motion_axles {
    bool found; /* false where the part does not fall into equally distant round pieces */
    vec3 first; /* the foremost, or the rightmost */
    float step; /* from there backward, or to the left, to the next one; 0: there is one only */
    float rise; /* how much higher the next one stands */
} motion_axles;

/* Of a shape: where each part hangs on the body, and how large it is. Row 0 is the whole shape. */
typedef struct motion_joints {
    uint32_t part_count;
    char names[LUMEN_PARTS_MAX][64];
    char template_type[64];
    vec3 joint[MOTION_ROWS];          /* the middle of the points that hang nearest to the body; [0]: as center[0] */
    vec3 center[MOTION_ROWS];         /* the middle of the box around the points */
    float reach[MOTION_ROWS];         /* the largest distance of a point from the joint; 0: the part has no points */
    motion_axles wheels[MOTION_ROWS]; /* axles across the shape (X), one behind the other */
    motion_axles propellers[MOTION_ROWS]; /* axles along the shape (Z), one to the left of the other */
    vec3 low, high;                       /* the box around the whole shape */
    float floor;                          /* the lowest Y */
} motion_joints;

/* Needs positions and part_ids; attachments may be NULL (the joint is then where the part comes nearest to the rest).
 * Takes well under a millisecond for 2,048 points. */
void motion_find_joints(const lumen_shape *shape, motion_joints *out);

/* Fills the plan's rows by the template's rules for the parts; frequencies and durations go with tempo, amplitudes
 * with size (but that of rigid_rotate, which counts turns). Rows without a rule are inactive. `start` is the time at
 * which the movement begins. */
void motion_plan_make(const motion_template *one, const motion_joints *joints, float tempo, float size, float start,
                      motion_plan *plan);

/* The plan in which nothing moves. */
void motion_plan_clear(motion_plan *plan);

/* Moves the plan's beginning of time forward by `seconds` without changing what it shows, so that a float of
 * seconds stays fine however long it runs: plan(now) before is plan(now - seconds) after. What has run in cycles until
 * then goes into the phase. Worth calling every minute or so. */
void motion_plan_rebase(motion_plan *plan, float seconds);

#endif
