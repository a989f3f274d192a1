/*
 * read.h: what the readers of formats share: a draft of a shape, and how it becomes whole.
 *
 * A reader fills a draft from bytes that it does not trust; draft_finish makes a shape of it: samples meshes, brings
 * everything into [-1, 1] and fills in what the file did not say.
 */
#ifndef LUMEN_FILES_READ_H
#define LUMEN_FILES_READ_H

#include "base/arena.h"
#include "files/files.h"
#include "lumen.h"

enum {
    READ_TEXT_BYTES = 1024, /* the longest text and its zero; what is longer is cut at a character */
    READ_NAME_BYTES = 64,   /* the same for names */
    READ_VERTICES_MAX = 4 << 20,
    READ_TRIANGLES_MAX = 8 << 20
};

typedef struct shape_draft {
    const char *name; /* what messages call the file */
    arena *memory;    /* the shape will lie in it: positions of points or meshes, texts */
    arena *scratch;

    /* Points ... */
    uint32_t point_count;
    float *positions;   /* (N, 3) finite */
    float *normals;     /* (N, 3) or NULL */
    float *attachments; /* (N) or NULL: computed */
    uint8_t *part_ids;  /* (N) at most part_count; or NULL: all in part 1 if there is one */
    uint8_t *colors;    /* (N, 3) or NULL */

    /* ... or a mesh for each part, from which points are taken. */
    lumen_mesh *part_meshes; /* (P) in `memory`, or NULL */

    uint32_t part_count;
    const char *part_names[LUMEN_PARTS_MAX]; /* of draft_text; NULL: "part 3" */
    uint8_t part_colors[LUMEN_PARTS_MAX][3];
    bool has_part_colors;                   /* false: the mean of the points' */
    float part_confidence[LUMEN_PARTS_MAX]; /* 0..1 */
    uint32_t has_part_confidence;           /* bit k: that of part k is said; names are certain unless all are */

    /* Of draft_text, or NULL: not said. */
    const char *text, *template_type, *concept_name, *subject, *verb, *pipeline, *key, *motion;
    float tempo, size; /* 0: not said */
    uint64_t seed;
    double generation_time_ms;
    bool cached;
} shape_draft;

/* A copy in the draft's memory of `length` bytes as a text of at most `room` bytes with its zero: what is not UTF-8 or
 * is a control character becomes "?", what is too long is cut at a character. NULL when memory runs out. */
const char *draft_text(shape_draft *draft, const char *bytes, size_t length, size_t room);

/* Notes how sure the name of part `part` (from 0) is; false for what is no number from 0 to 1. */
bool draft_sure(shape_draft *draft, uint32_t part, double confidence);

/* The failure of a file: "NAME cannot be read: FAULT; MEND". */
lumen_status draft_fail(const shape_draft *draft, lumen_error *error, const char *mend, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Makes the shape, which owns draft->memory from here on. `bytes` are the file's, for a key. After a failure the memory
 * is still the caller's. Errors: LUMEN_ERROR_INVALID (nothing to see), LUMEN_ERROR_MEMORY. */
lumen_status draft_finish(shape_draft *draft, const void *bytes, size_t size, lumen_shape **out, lumen_error *error);

/* Fills (N) attachments from where the points of parts lie: 0 where a part hangs on another, 1 where it is farthest
 * from it, 0 for the part on which all others hang. Errors: LUMEN_ERROR_MEMORY. */
lumen_status draft_attach(const shape_draft *draft, float *attachments, lumen_error *error);

/* ---- Formats: fill a draft from bytes ------------------------------------------------------------- */

lumen_status read_json(shape_draft *draft, const void *bytes, size_t size, lumen_error *error);
lumen_status read_ply(shape_draft *draft, const void *bytes, size_t size, lumen_error *error);
lumen_status read_glb(shape_draft *draft, const void *bytes, size_t size, lumen_error *error);

#endif
