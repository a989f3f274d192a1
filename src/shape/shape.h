/*
 * shape.h: from an engine's part meshes to the finished lumen_shape.
 */
#ifndef LUMEN_SHAPE_SHAPE_H
#define LUMEN_SHAPE_SHAPE_H

#include "engine/engine.h"

/* What a shape says about its making. Strings are copied. */
typedef struct shape_facts {
    const words_phrase *phrase;
    const char *pipeline;
    uint64_t seed;
    uint32_t points; /* exactly so many */
    uint64_t key;
} shape_facts;

enum { SHAPE_IDENTITY_BYTES = WORDS_TEXT_BYTES + 192 };

/* Writes what makes requests mean the same: canonical text, engine, quality, parts, points, seed, version. `shapes`
 * stands for the shapes that came with the options, `making` for the picture that it starts from and how networks were
 * told to work (0: nothing of the kind). */
void shape_identity(uint64_t shapes, const words_phrase *phrase, const char *pipeline, lumen_quality quality,
                    uint32_t num_parts, uint32_t points, uint64_t seed, uint64_t making,
                    char identity[SHAPE_IDENTITY_BYTES]);

/* The key of an identity: its hash. */
uint64_t shape_key(const char *identity);

/* Samples the surfaces, moves and scales points and meshes into [-1, 1] so that the points' longest side
 * spans it, and fills a shape. `memory` holds the meshes already; the shape lies in it and owns it from
 * here on: lumen_shape_free destroys it. After a failure `memory` is still the caller's. */
lumen_status shape_finish(const engine_result *made, const shape_facts *facts, arena *scratch, arena *memory,
                          lumen_shape **out, lumen_error *error);

/* A shape with every field zero that lies in `memory` and owns it from here on: lumen_shape_free destroys it. NULL when
 * memory runs out; `memory` is then still the caller's. */
lumen_shape *shape_allocate(arena *memory);

#endif
