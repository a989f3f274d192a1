/*
 * sculpt.h: the library of templates, concepts and adjectives that the procedural engine sculpts from.
 *
 * A template is a small program that places implicit solids part by part; a concept is a template with
 * other proportions and colors; an adjective multiplies proportions. All three are data: the text
 * files of data/sculpt, in the language that docs/sculpting.md describes, compiled into the program and
 * read once when the library opens.
 *
 *     sculpt_library *library;
 *     status = sculpt_library_open(texts, count, &library, &error);
 *     const sculpt_concept *horse = sculpt_find_concept(library, "horse");
 *     sculpt_template_name(library, horse);   // "quadruped"
 *     sculpt_library_close(library);
 *
 * A library is immutable once open: any number of threads may use it.
 */
#ifndef LUMEN_PROCEDURAL_SCULPT_H
#define LUMEN_PROCEDURAL_SCULPT_H

#include "lumen.h"

typedef struct sculpt_library sculpt_library;
typedef struct sculpt_concept sculpt_concept;

/* A text in the sculpt language; `name` stands in messages. Both must live only during the call. */
typedef struct sculpt_source {
    const char *name;
    const char *text;
    size_t size;
} sculpt_source;

/* Reads all sources as one library; a concept may be defined before its parent. A name defined twice: the
 * later one wins, so that a user's file can replace a shipped shape; what earlier sources make of that name keeps
 * the shape it was written for. Errors: LUMEN_ERROR_INVALID with
 * file, line, reason and mend; LUMEN_ERROR_MEMORY. */
lumen_status sculpt_library_open(const sculpt_source *sources, size_t count, sculpt_library **out, lumen_error *error);
void sculpt_library_close(sculpt_library *library);

/* The concept of that name (underscores stand for spaces), or NULL. */
const sculpt_concept *sculpt_find_concept(const sculpt_library *library, const char *name);

size_t sculpt_concept_count(const sculpt_library *library);
const sculpt_concept *sculpt_concept_at(const sculpt_library *library, size_t index);
const char *sculpt_concept_name(const sculpt_concept *entry);

/* True when it stands in another source than the first: it came beside the shipped ones. */
bool sculpt_is_added(const sculpt_concept *entry);
const char *sculpt_template_name(const sculpt_concept *entry);

/* The parts of its template: how many, at most LUMEN_PARTS_MAX, and their names in order. */
uint32_t sculpt_part_count(const sculpt_concept *entry);
const char *sculpt_part_name(const sculpt_concept *entry, uint32_t index);

#endif
