/*
 * pipeline.h: the way of a word from text to shape, and what the command needs to know of it beyond lumen.h.
 *
 *     text -> words -> engine -> part meshes -> sampler -> lumen_shape
 *
 * lumen.c implements lumen.h on the rooms: read lumen_generate there to see the whole way at once.
 */
#ifndef LUMEN_PIPELINE_PIPELINE_H
#define LUMEN_PIPELINE_PIPELINE_H

#include "engine/engine.h"
#include "procedural/sculpt.h"
#include "shape/shape.h"
#include "words/words.h"

/* What a request would make, without making it. */
typedef struct pipeline_plan {
    words_phrase phrase;
    const engine *engine;     /* the one that would do it */
    const char *concept_name; /* of the sculpt library: "palm_tree" */
    const char *template_type;
    char identity[SHAPE_IDENTITY_BYTES]; /* equal for requests that mean the same */
    uint64_t key;                        /* its hash */
} pipeline_plan;

/* Checks a request and says what it means. Errors as lumen_generate's. */
lumen_status pipeline_plan_request(const lumen *library, const lumen_request *request, pipeline_plan *plan,
                                   lumen_error *error);

/* Makes one more engine known by its name, which "auto" never takes. `added` stays the caller's and lives as long as
 * the library. To be called before the library is shared among threads. Errors: LUMEN_ERROR_INVALID when the name is
 * taken or there are too many. */
lumen_status pipeline_add_engine(lumen *library, const engine *added, lumen_error *error);

/* The shapes that the library knows. */
const sculpt_library *pipeline_shapes(const lumen *library);

#endif
