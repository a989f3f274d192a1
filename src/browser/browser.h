/*
 * browser.h: what the page may ask of Lumen in WebAssembly. web/engine.js, the only file that calls it, turns these
 * functions into those that the page uses.
 *
 *     browser *one = browser_open();
 *     lumen_shape *shape = browser_make(one, "a horse galloping", NULL, 2048, 0, LUMEN_QUALITY_STANDARD);
 *     if (shape == NULL) show(browser_message(one));
 *     const browser_arrays *arrays = browser_arrays_of(one, shape);
 *     browser_facts(one, shape);                         // JSON, in browser_bytes(one)
 *     lumen_shape_free(shape);
 *     browser_close(one);
 *
 * Numbers, pointers and zero-terminated UTF-8 cross the border. A failure is NULL or false; browser_message then says
 * why. A page has one thread and one browser.
 */
#ifndef LUMEN_BROWSER_BROWSER_H
#define LUMEN_BROWSER_BROWSER_H

#include <emscripten.h>

#include "lumen.h"

/* What JavaScript can call: the linker keeps it and shows it there with an underscore before its name. */
#define BROWSER_API EMSCRIPTEN_KEEPALIVE

typedef struct browser browser;

/* NULL when memory runs out; browser_message tells when the tables could not be opened. */
BROWSER_API browser *browser_open(void);
BROWSER_API void browser_close(browser *one);

/* Why the last call failed; "" when it did not. */
BROWSER_API const char *browser_message(const browser *one);

BROWSER_API const char *browser_version(void);

/* The memory that is taken now, in bytes, without the tables. */
BROWSER_API size_t browser_memory(void);

/* ---- Shapes ---------------------------------------------------------------------------------------------- */

/* As lumen_generate; the shape is given back with browser_free. `verb` may be NULL. */
BROWSER_API lumen_shape *browser_make(browser *one, const char *text, const char *verb, uint32_t points, double seed,
                                      int quality);
BROWSER_API void browser_free(lumen_shape *shape);

/* Where a shape has its numbers; 0 for an array that is not there. */
typedef struct browser_arrays {
    uint32_t point_count;
    uint32_t part_count;
    const float *positions;     /* (N, 3) */
    const uint8_t *part_ids;    /* (N) */
    const float *attachments;   /* (N) */
    const uint8_t *colors;      /* (N, 3) */
    const float *normals;       /* (N, 3) */
    const uint8_t *part_colors; /* (P, 3) */
} browser_arrays;

/* Valid until the next call. */
BROWSER_API const browser_arrays *browser_arrays_of(browser *one, const lumen_shape *shape);

/* A shape that the page fills in, from what the service answered: arrays through browser_arrays_of, texts through
 * browser_draft_text. Freed by the next draft and by browser_close. `arrays` adds up what there is beside positions and
 * part ids. */
enum { BROWSER_ATTACHMENTS = 1, BROWSER_COLORS = 2, BROWSER_NORMALS = 4, BROWSER_PART_COLORS = 8 };
BROWSER_API lumen_shape *browser_draft(browser *one, uint32_t points, uint32_t parts, int arrays);

typedef enum browser_text {
    BROWSER_TEXT,
    BROWSER_SUBJECT,
    BROWSER_CONCEPT,
    BROWSER_VERB,
    BROWSER_TEMPLATE,
    BROWSER_MOTION,
    BROWSER_PIPELINE,
    BROWSER_KEY,
    BROWSER_PART_NAME /* and of the parts after the first: one more each */
} browser_text;

BROWSER_API bool browser_draft_text(browser *one, int which, const char *text);
BROWSER_API void browser_draft_numbers(browser *one, double seed, float tempo, float size);

/* ---- The sculpture --------------------------------------------------------------------------------------- */

/* Opens the viewer on the WebGL 2 context that JavaScript has put into Module.context. False with a message; the rest
 * works without, and what is said here to a viewer that is not there has no effect. */
BROWSER_API bool browser_see(browser *one, uint32_t side, bool still, bool lower);

/* Closes the viewer, also after its context was lost. */
BROWSER_API void browser_look_away(browser *one);

/* As viewer_show, viewer_refine, viewer_rest, viewer_move and so on of viewer/viewer.h. */
BROWSER_API void browser_resize(browser *one, uint32_t width, uint32_t height, float pixel_ratio);
BROWSER_API void browser_show(browser *one, const lumen_shape *shape);
BROWSER_API void browser_refine(browser *one, const lumen_shape *shape);
BROWSER_API void browser_rest(browser *one);
BROWSER_API void browser_move(browser *one, const char *motion, const char *verb, float tempo, float size);
BROWSER_API bool browser_frame(browser *one, double seconds);
BROWSER_API int browser_phase(const browser *one);
BROWSER_API void browser_orbit(browser *one, float right, float up);
BROWSER_API void browser_zoom(browser *one, float factor);
BROWSER_API void browser_look_again(browser *one);
BROWSER_API void browser_turn(browser *one, bool turning);
BROWSER_API void browser_pointer(browser *one, float x, float y, bool present);
BROWSER_API void browser_highlight(browser *one, uint32_t part);
BROWSER_API uint32_t browser_part_at(browser *one, float x, float y);
BROWSER_API void browser_true_colors(browser *one, bool wanted);
BROWSER_API void browser_still(browser *one, bool still);
BROWSER_API uint32_t browser_part_color(const browser *one, uint32_t part); /* 0xrrggbb */

/* {"particles": ..., "floatTargets": ..., "frameCpuMs": ..., "frames": ...}, in browser_bytes. */
BROWSER_API bool browser_viewer_facts(browser *one);

/* Reads the particles back: the address of their positions (n, 3), with their part ids (n bytes) behind them; n is in
 * the facts. NULL without a viewer or memory. */
BROWSER_API const float *browser_read(browser *one);

/* ---- Motion and voice ------------------------------------------------------------------------------------ */

/* The names of the motion templates as a JSON array, in browser_bytes. */
BROWSER_API bool browser_motions(browser *one);

/* The text of data/motion. */
BROWSER_API const char *browser_motion_templates(void);

/* [{"id", "name", "summary", "oneShot", "parameters": [{"name", "meaning", "place", "least", "most", "usual"}]}] */
BROWSER_API bool browser_primitives(browser *one);

/* A plan made by hand: it is cleared, rows are given the usual values of a primitive and changed through their 16
 * floats, and shown. NULL for a row or a primitive that does not exist. */
BROWSER_API void browser_plan_clear(browser *one);
BROWSER_API float *browser_plan_row(browser *one, int row, int primitive);
BROWSER_API void browser_plan_show(browser *one);

/* Takes samples of the microphone at a rate in hertz, which may not change until browser_deaf, and gives loudness,
 * pitch, brightness and onset (voice/voice.h). NULL with a message for a rate that does not go. */
BROWSER_API const float *browser_hear(browser *one, const float *samples, size_t count, unsigned rate);
BROWSER_API void browser_deaf(browser *one);

/* ---- Texts and files ------------------------------------------------------------------------------------- */

/* The object of the service's JSON without its long arrays. */
BROWSER_API bool browser_facts(browser *one, const lumen_shape *shape);

/* A file as in files/files.h: FILES_PLY, FILES_GLB or FILES_STL. */
BROWSER_API bool browser_file(browser *one, const lumen_shape *shape, int format);

/* What the last of these two wrote. */
BROWSER_API const unsigned char *browser_bytes(const browser *one);
BROWSER_API size_t browser_bytes_size(const browser *one);

#endif
