/*
 * procedural.h: the engine that needs no download: concept, template, implicit solids, meshes.
 *
 *     procedural_engine procedural = procedural_engine_make(library);
 *     status = procedural.base.generate(&procedural.base, &request, scratch, memory, &result, &error);
 *
 * The way of a word: sculpt.h holds the data, model.h places the solids of one individual, body.h turns
 * them into fields and, through the geometry room, into meshes.
 */
#ifndef LUMEN_PROCEDURAL_PROCEDURAL_H
#define LUMEN_PROCEDURAL_PROCEDURAL_H

#include "engine/engine.h"
#include "procedural/sculpt.h"

/* The concept that stands for what no table knows. Every library must define it. */
#define PROCEDURAL_ABSTRACT "abstract"

typedef struct procedural_engine {
    engine base; /* first, so that an engine can be seen as what it is */
    const sculpt_library *library;
} procedural_engine;

/* An engine over a library that must outlive it. Allocates nothing. */
procedural_engine procedural_engine_make(const sculpt_library *library);

/* The concept that the engine would sculpt for a name given by words ("" gives the abstract one). NULL only
 * when the library lacks even that. */
const sculpt_concept *procedural_concept(const sculpt_library *library, const char *name);

/* How many parts a shape of that phrase should have when the request does not say: as many as the template of its
 * concept, but 1 at least and LUMEN_REQUEST_PARTS_MAX at most. The usual number for engines that must be told one. */
uint32_t procedural_part_count(const sculpt_library *library, const words_phrase *phrase);

#endif
