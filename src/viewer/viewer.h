/*
 * viewer.h: a shape as a sculpture of particles that moves, in whatever OpenGL ES 3.0 (WebGL 2) context is
 * current. It knows no window, no page and no clock: those call it.
 *
 *     viewer *sculpture;
 *     viewer_options options = {.side = 128};
 *     status = viewer_open(&options, &sculpture, &error); // with a context current
 *     viewer_resize(sculpture, width, height, pixel_ratio);
 *     viewer_show(sculpture, shape);                      // copies what it needs
 *     while (open) viewer_frame(sculpture, seconds_now), swap_buffers();
 *     viewer_close(sculpture);                            // with the same context current
 *
 * One thread, that of the context. Nothing is allocated between viewer_open and viewer_close.
 */
#ifndef LUMEN_VIEWER_VIEWER_H
#define LUMEN_VIEWER_VIEWER_H

#include "base/error.h"
#include "lumen.h"
#include "motion/motion.h"
#include "voice/voice.h"

typedef struct viewer viewer;

typedef struct viewer_options {
    uint32_t side;              /* side * side particles: 64, 128 (the usual), 256, 512 or 1024; 0: 128 */
    bool without_float_targets; /* take the lower path although the upper one would work */
    bool live;           /* somebody watches: nothing waits for the driver's compiler, and a movement may begin some
                          * frames later for it; without it, what is drawn depends on the time alone */
    bool still;          /* reduced motion: shapes change by fading, nothing moves by itself */
    const char *motions; /* text of additional motion templates; NULL: none */
} viewer_options;

/* Errors: LUMEN_ERROR_UNAVAILABLE without a usable context, LUMEN_ERROR_INVALID (motions), LUMEN_ERROR_MEMORY,
 * LUMEN_ERROR_FAILED with the driver's words. */
lumen_status viewer_open(const viewer_options *options, viewer **out, lumen_error *error);
void viewer_close(viewer *one);

/* The size of the picture in pixels of the frame buffer, and how many of those a pixel of the page has. */
void viewer_resize(viewer *one, uint32_t width, uint32_t height, float pixel_ratio);

/* ---- What is shown -------------------------------------------------------------------------------- */

/* Dissolve (0.3 s), reform (0.7 s), settle (0.5 s); may be called at any time, the latest shape wins. The first N
 * particles stand exactly on the shape's points, the rest are copies with a jitter of 0.02. `shape` may be given
 * back at once. Needs positions and part_ids; attachments, colors, normals may be NULL. */
void viewer_show(viewer *one, const lumen_shape *shape);

/* The shape that is shown becomes a better one of the same text: no dissolve. */
void viewer_refine(viewer *one, const lumen_shape *shape);

/* Back to the slowly breathing ring. */
void viewer_rest(viewer *one);

/* Fades to another motion of the library within half a second. */
void viewer_move(viewer *one, const char *motion, const char *verb, float tempo, float size);

/* Fades to a plan made by hand: the motion lab. Its time 0 is when this shape was first moved by hand; what happens
 * once (motion_about.one_shot) happens again with each call. */
void viewer_move_plan(viewer *one, const motion_plan *plan);

/* The joints of what is shown, for motion_plan_make. */
const motion_joints *viewer_joints(const viewer *one);
const motion_library *viewer_motions(const viewer *one);

typedef enum viewer_phase { VIEWER_IDLE, VIEWER_DISSOLVE, VIEWER_REFORM, VIEWER_SETTLE, VIEWER_MOVE } viewer_phase;

/* Advances by the time since the last call (at most a tenth of a second at once) and draws. Returns whether the
 * next frame will differ from this one. */
bool viewer_frame(viewer *one, double seconds_now);

viewer_phase viewer_phase_now(const viewer *one);

/* ---- The one who looks ------------------------------------------------------------------------------ */

void viewer_orbit(viewer *one, float right, float up); /* radians */
void viewer_zoom(viewer *one, float factor);           /* above 1: nearer */
void viewer_look_again(viewer *one);                   /* from the start */
void viewer_turn(viewer *one, bool turning);           /* slow turning by itself */

/* The pointer in pixels of the frame buffer from the upper left; particles shy away from it. `present`: false when it
 * has left. */
void viewer_pointer(viewer *one, float x, float y, bool present);

/* Lights part k and dims the rest; 0: none. */
void viewer_highlight(viewer *one, uint32_t part);

/* The part under a pixel; 0: none. Reads one pixel back: for clicks, not for every frame. */
uint32_t viewer_part_at(viewer *one, float x, float y);

void viewer_true_colors(viewer *one, bool wanted); /* false: one color for each part (the usual) */
void viewer_still(viewer *one, bool still);
void viewer_voice(viewer *one, const voice_features *features); /* NULL: the microphone is off */

/* The color of part k as drawn without true colors, sRGB, for the legend. */
void viewer_part_color(const viewer *one, uint32_t part, uint8_t color[3]);

/* ---- For tests and captions -------------------------------------------------------------------------- */

typedef struct viewer_facts {
    uint32_t particles;
    bool float_targets;  /* the upper path */
    double frame_cpu_ms; /* what the last viewer_frame took of this thread, without the driver's drawing */
    uint64_t frames;
} viewer_facts;

viewer_facts viewer_facts_now(const viewer *one);

/* Reads back the particles: positions (n, 3) and part ids (n), n = side * side. Slow. */
lumen_status viewer_read(viewer *one, float *positions, uint8_t *part_ids, lumen_error *error);

#endif
