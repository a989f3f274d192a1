/*
 * engine.h: what every engine looks like, whether it sculpts from data or runs networks.
 *
 *     engine_result result;
 *     status = one->generate(one, &request, scratch, memory, &result, &error);
 *
 * An engine turns an understood phrase into one triangle mesh per part. Several threads may call generate at once, each
 * with arenas of its own: an engine is immutable once made, or, where it holds models, lets one at a time work.
 */
#ifndef LUMEN_ENGINE_ENGINE_H
#define LUMEN_ENGINE_ENGINE_H

#include "base/arena.h"
#include "words/words.h"

typedef struct engine_request {
    const words_phrase *phrase;
    lumen_quality quality;
    uint32_t num_parts; /* at most so many; 0: as many as there are */
    uint64_t seed;
    lumen_progress progress; /* may be NULL */
    void *progress_user;
    /* As in lumen_request, for engines that take them. */
    const void *image;
    size_t image_size;
    uint32_t image_steps, steps, tokens;
    float guidance;
    lumen_extraction extraction;
} engine_request;

/* P parts. Everything is allocated from the `memory` given to generate. */
typedef struct engine_result {
    const char *template_type;
    const char *concept_name;
    uint32_t part_count;
    const char **part_names;   /* (P) */
    uint8_t (*part_colors)[3]; /* (P) sRGB */
    lumen_mesh *part_meshes;   /* (P) closed; a part may be empty */
    float *part_confidence;    /* (P) 0..1 how sure the names are; NULL: certain */
} engine_result;

typedef struct engine engine;

struct engine {
    const char *name; /* "procedural" */

    /* How many requests one call could do together; 0 and 1: one at a time. */
    uint32_t batch_max;

    bool takes_images;

    /* Whether it can work now: LUMEN_OK, or LUMEN_ERROR_UNAVAILABLE and what to do about it. Quick; asks nothing but
     * whether files are there. NULL: always. */
    lumen_status (*check)(const engine *self, lumen_error *error);

    /* Makes the meshes. `scratch` may be used freely and is the caller's to reset. Errors:
     * LUMEN_ERROR_MEMORY, LUMEN_ERROR_CANCELLED, LUMEN_ERROR_FAILED. */
    lumen_status (*generate)(const engine *self, const engine_request *request, arena *scratch, arena *memory,
                             engine_result *result, lumen_error *error);
};

#endif
