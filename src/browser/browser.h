/*
 * browser.h: what the page may ask of Lumen in WebAssembly. web/engine.js, the only file that calls it, turns these
 * functions into those that the page uses.
 *
 *     browser *one = browser_open();
 *     lumen_shape *shape = browser_make(one, "a horse galloping", NULL, 2048, 0, LUMEN_QUALITY_STANDARD);
 *     if (shape == NULL) show(browser_message(one));
 *     const browser_arrays *arrays = browser_look(one, shape);
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

/* ---- Shapes ------------------------------------------------------------------------------------------------- */

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
BROWSER_API const browser_arrays *browser_look(browser *one, const lumen_shape *shape);

/* A shape that the page fills in, from what the service answered: arrays through browser_look, texts through
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

/* ---- Texts and files ----------------------------------------------------------------------------------------- */

/* The object of the service's JSON without its long arrays. */
BROWSER_API bool browser_facts(browser *one, const lumen_shape *shape);

/* A file as in files/files.h: FILES_PLY, FILES_GLB or FILES_STL. */
BROWSER_API bool browser_file(browser *one, const lumen_shape *shape, int format);

/* What the last of these two wrote. */
BROWSER_API const unsigned char *browser_bytes(const browser *one);
BROWSER_API size_t browser_bytes_size(const browser *one);

#endif
