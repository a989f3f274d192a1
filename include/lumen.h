/*
 * lumen.h: a word becomes a part-labelled 3D point cloud.
 *
 * The shortest real use:
 *
 *     lumen *library = NULL;
 *     lumen_shape *shape = NULL;
 *     lumen_error error;
 *     lumen_request request = {.text = "a horse galloping"};
 *     if (lumen_open(NULL, &library, &error) != LUMEN_OK ||
 *         lumen_generate(library, &request, &shape, &error) != LUMEN_OK ||
 *         lumen_shape_write(shape, "horse.ply", &error) != LUMEN_OK)
 *         fprintf(stderr, "%s\n", error.message);
 *     lumen_shape_free(shape);
 *     lumen_close(library);
 *
 * One rule of ownership governs the whole interface: what a function hands out through an `out`
 * argument belongs to the caller, who gives it back with the matching `_free` or `_close`; everything
 * reached through a pointer inside such an object belongs to that object and lives as long as it does.
 *
 * Errors are values. Every function that can fail returns a lumen_status and, where `error` is not
 * NULL, writes a message that names the thing, the reason and the mend. Nothing is printed, nothing
 * exits, and an `out` argument is NULL after a failure.
 *
 * Threads: a `lumen` is immutable after lumen_open and may be used by any number of threads at once; those that ask an
 * engine that runs networks take turns. A `lumen_shape` is immutable after lumen_generate.
 *
 * Later versions add fields at the ends of structures alone, and zero in a field keeps what was before it.
 *
 * Coordinates: right-handed, +Y up, +Z forward (the way a creature looks), so that its left is +X:
 * the frame of glTF 2.0. Lengths have no unit; a finished shape spans [-1, 1] along its longest side.
 */
#ifndef LUMEN_H
#define LUMEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__) && !defined(LUMEN_NO_EXPORT)
#define LUMEN_API __attribute__((visibility("default")))
#else
#define LUMEN_API
#endif

/* ---- Status and errors ---------------------------------------------------------------------- */

typedef enum lumen_status {
    LUMEN_OK = 0,
    LUMEN_ERROR_INVALID,     /* the input is at fault; the message says how to mend it */
    LUMEN_ERROR_MEMORY,      /* memory ran out, or a declared limit would have been passed */
    LUMEN_ERROR_IO,          /* a file or stream could not be read or written */
    LUMEN_ERROR_UNAVAILABLE, /* the engine that was asked for is not there or not loaded */
    LUMEN_ERROR_FAILED,      /* the engine tried and failed */
    LUMEN_ERROR_CANCELLED    /* the progress callback asked to stop */
} lumen_status;

typedef struct lumen_error {
    lumen_status status;
    char message[384]; /* UTF-8, one sentence or two, no trailing newline */
} lumen_error;

/* The name of a status for logs: "ok", "invalid", "memory", ... Never NULL. */
LUMEN_API const char *lumen_status_name(lumen_status status);

/* ---- Limits that are contracts -------------------------------------------------------------- */

enum {
    LUMEN_TEXT_MAX_CHARACTERS = 200, /* Unicode characters, not bytes */
    LUMEN_PARTS_MAX = 32,            /* parts of any one shape */
    LUMEN_REQUEST_PARTS_MAX = 16,    /* parts that a request may ask for */
    LUMEN_POINTS_MIN = 256,
    LUMEN_POINTS_MAX = 65536,
    LUMEN_POINTS_DEFAULT = 2048
};

/* ---- Meshes ---------------------------------------------------------------------------------- */

/* A triangle mesh of one part: V vertices, T triangles. Every optional array may be NULL. */
typedef struct lumen_mesh {
    uint32_t vertex_count;   /* V */
    uint32_t triangle_count; /* T */
    float *positions;        /* (V, 3) */
    float *normals;          /* (V, 3) unit length, outward; optional */
    float *attachments;      /* (V) 0 at the joint with the parent part, 1 at the extremity; optional */
    uint8_t *colors;         /* (V, 3) sRGB; optional */
    uint32_t *triangles;     /* (T, 3) vertex indices, counter-clockwise seen from outside */
    uint8_t *hidden;         /* (T) 1 where a triangle lies inside another part and is never seen; optional */
} lumen_mesh;

/* ---- Shapes ---------------------------------------------------------------------------------- */

/* How the verb and the adverb want the shape to move. */
typedef struct lumen_motion {
    const char *motion; /* name of a motion template: "gallop", "fly", ...; "idle" without a verb */
    float tempo;        /* 1 is normal, 0.5 half as fast */
    float size;         /* 1 is normal, 0.5 half as large a movement */
} lumen_motion;

/* A finished shape: N points on the surface of P parts. Read only. */
typedef struct lumen_shape {
    uint32_t point_count;        /* N, exactly what was asked for */
    const float *positions;      /* (N, 3) within [-1, 1] */
    const float *normals;        /* (N, 3) unit length */
    const float *attachments;    /* (N) 0 at the joint, 1 at the extremity */
    const uint8_t *part_ids;     /* (N) k names part_names[k - 1]; 0 is no part */
    const uint8_t *colors;       /* (N, 3) sRGB */
    uint32_t part_count;         /* P */
    const char *const *part_names;      /* (P) in the template's order */
    const uint8_t *part_colors;         /* (P, 3) sRGB, one color that stands for the part */
    const lumen_mesh *part_meshes;      /* (P) closed surfaces in the frame of the points; a part may be empty */
    float bounding_box_min[3];   /* of the points */
    float bounding_box_max[3];
    const char *template_type;   /* "quadruped", ...; "abstract" for what no table knows */
    const char *concept_name;    /* the nearest concept with a shape of its own: "pony" is a "horse" */
    const char *subject;         /* the noun as understood: "horse" */
    const char *verb;            /* its base form: "gallop"; "" without one */
    const char *text;            /* the cleaned text that was asked for */
    const char *prompt;          /* the canonical image prompt of the subject and its verb */
    const char *pipeline;        /* the engine that made it: "procedural", ... */
    const char *key;             /* 16 hexadecimal digits; equal for requests that mean the same */
    uint64_t seed;
    bool cached;
    double generation_time_ms;
    lumen_motion motion;
    const float *part_confidence; /* (P) 0..1 how sure the names are; NULL: they are certain */
    const char *fallback_reason;  /* why "auto" did without a better engine that was there; NULL: it did not */
} lumen_shape;

/* ---- Requests -------------------------------------------------------------------------------- */

typedef enum lumen_quality {
    LUMEN_QUALITY_STANDARD = 0,
    LUMEN_QUALITY_FAST,
    LUMEN_QUALITY_HIGH
} lumen_quality;

/* How an engine that runs networks finds the surfaces of its parts. */
typedef enum lumen_extraction {
    LUMEN_EXTRACTION_ADAPTIVE = 0, /* asks the network only where the surface is */
    LUMEN_EXTRACTION_REFERENCE     /* on the lattices of PartCrafter's own program, at fifty times the cost and more */
} lumen_extraction;

/* Called now and then during generation; fraction runs from 0 to 1. Return false to cancel. Engines that run networks
 * tell the stages "image", "cutout", "encode", "part_diffusion", "surface", "naming", and "waiting" for their turn. */
typedef bool (*lumen_progress)(void *user, const char *stage, double fraction);

/* What to make. Zero in any field but `text` means "the usual". */
typedef struct lumen_request {
    const char *text;       /* UTF-8, a word or a short sentence; required */
    const char *verb;       /* overrides the verb of the text; NULL: from the text */
    const char *engine;     /* "auto", "procedural", ...; NULL: "auto" */
    lumen_quality quality;
    uint32_t num_parts;     /* 1..16 at most so many parts; 0: as many as the template has */
    uint32_t points;        /* 256..65536; 0: 2048 */
    uint64_t seed;          /* 0: the canonical individual; others vary it a little */
    uint32_t image_steps;   /* 1..4 of the picture that networks paint; 0: one, or those of the quality for a shape; others pass over it */
    lumen_progress progress; /* NULL: none */
    void *progress_user;

    /* For the engines that run networks; others take no picture and pass over the rest. */
    const void *image;  /* a PNG or JPEG file to start from, instead of painting the text; then the text only names the
                           thing, and may be NULL: the parts get no names */
    size_t image_size;  /* bytes */
    uint32_t steps;     /* of the diffusion, 1..1000; 0: those of the quality */
    uint32_t tokens;    /* of a part, 16..2048; 0: those of the quality */
    float guidance;     /* how strictly the picture is followed, 1 (and half the work) to 20; 0: that of the quality */
    lumen_extraction extraction;
} lumen_request;

/* ---- The library ----------------------------------------------------------------------------- */

typedef struct lumen lumen;

typedef struct lumen_options {
    const char *concepts;      /* text of additional templates and concepts (docs/sculpting.md); NULL: none */
    const char *concepts_name; /* what messages call it; NULL: "concepts" */
    const char *models;     /* the folder of models (docs/models.md); NULL: no engine runs networks, "auto" is procedural */
    uint64_t memory_budget; /* bytes that networks may take; 0: what the machine has free when they are asked */
    bool low_memory;        /* holds no network longer than it works */
    uint32_t threads;       /* of the networks; 0: one for each core */
    const char *precision;  /* "bf16" or "f32"; NULL: bf16 where the processor multiplies it */
} lumen_options;

/* Opens the library: reads the embedded tables, allocates a few megabytes; models are opened when they are asked for.
 * `options` may be NULL. Errors: LUMEN_ERROR_MEMORY; LUMEN_ERROR_INVALID when options->concepts does not parse. */
LUMEN_API lumen_status lumen_open(const lumen_options *options, lumen **out, lumen_error *error);

/* Gives back everything; `library` may be NULL. No other call may be using it. */
LUMEN_API void lumen_close(lumen *library);

/* Makes the shape of request->text. The same library version and request give the same points and meshes,
 * to the bit, on every machine; where networks run, on every machine of the same kind with the same options.
 * Errors: LUMEN_ERROR_INVALID (empty, too long, digits only, bad UTF-8, a value out of range), LUMEN_ERROR_UNAVAILABLE (engine), LUMEN_ERROR_MEMORY, LUMEN_ERROR_CANCELLED, LUMEN_ERROR_FAILED. */
LUMEN_API lumen_status lumen_generate(lumen *library, const lumen_request *request, lumen_shape **out,
                                      lumen_error *error);

LUMEN_API void lumen_shape_free(lumen_shape *shape);

/* Writes a shape to a file whose format the name's ending chooses: .ply .glb .stl .json .png.
 * The file appears whole or not at all (it is written beside its place and renamed). */
LUMEN_API lumen_status lumen_shape_write(const lumen_shape *shape, const char *path, lumen_error *error);

/* Draws `count` shapes, each with its text below, as one PNG sheet of `columns` columns (0: chosen). */
LUMEN_API lumen_status lumen_sheet_write(const lumen_shape *const *shapes, size_t count, uint32_t columns,
                                         const char *path, lumen_error *error);

/* The version of the library, "0.1.0". */
LUMEN_API const char *lumen_version(void);

#ifdef __cplusplus
}
#endif

#endif
