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

/* The engine of that name, whether it can work now or not; NULL: there is none. */
const engine *pipeline_engine(const lumen *library, const char *name);

/* The engines that run networks: network_engines.c, or where no networks run (the page) network_engines_absent.c. */
typedef struct network_engines network_engines;

/* *out is NULL, and no error, where options->models is. Errors: LUMEN_ERROR_INVALID, LUMEN_ERROR_MEMORY. */
lumen_status network_engines_open(const lumen_options *options, const sculpt_library *shapes, network_engines **out,
                                  lumen_error *error);
void network_engines_close(network_engines *all); /* NULL is fine */

/* The best first; NULL beyond the last, and for NULL. */
const engine *network_engines_at(const network_engines *all, size_t index);

/* The shapes that the library knows. */
const sculpt_library *pipeline_shapes(const lumen *library);

#endif
