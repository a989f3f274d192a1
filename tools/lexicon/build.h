/*
 * build.h: from WordNet and the people's files to the entries of the compiled tables.
 *
 *     lexicon_build build;
 *     status = build_lexicon(net, &sources, memory, &build, &error);
 *     status = write_lexicon(&build, stream, &error);
 *
 * How a noun finds its concept: concepts are anchored at synsets ("is horse.n.01", or the best sense of
 * their own name). Of every noun the best sense is chosen, and from it the nearest anchored synset is
 * looked for upwards along the hypernyms, breadth first. "Best" weighs what kind of thing a sense is
 * (one can make a sculpture of an animal, hardly of an institution) against how often it was met.
 */
#ifndef LUMEN_TOOLS_BUILD_H
#define LUMEN_TOOLS_BUILD_H

#include <stdio.h>

#include "sources.h"
#include "wordnet.h"
#include "words/lexicon.h"

/* The value of a word that senses.txt takes out of the nouns; no real value has these bits alone. */
#define TABLE_REMOVED ((uint16_t)0x8000)

/* A word of a table while it is being built. */
typedef struct build_entry {
    const char *word; /* spaces, not underscores */
    uint16_t value;
    uint8_t priority; /* of two entries for one word the higher stays */
} build_entry;

typedef struct build_table {
    uint32_t count, capacity;
    build_entry *entries;
} build_table;

/* Strings with an index each. */
typedef struct build_names {
    uint32_t count, capacity;
    const char **names;
} build_names;

typedef struct lexicon_build {
    const wordnet *net;
    const lexicon_sources *sources;
    arena *memory;
    build_names concepts; /* [0] is "" */
    uint32_t produce;     /* the synset above all fruit and vegetables */
    uint16_t *anchors;    /* per noun synset: concept index or 0 */
    build_table nouns, verbs, noun_exceptions, verb_exceptions, functions, manners, traits;
    build_names noun_bases, verb_bases, trait_forms;
} lexicon_build;

/* All tables. Errors: LUMEN_ERROR_INVALID for what the sources say wrongly (with file and line),
 * LUMEN_ERROR_MEMORY. */
lumen_status build_lexicon(const wordnet *net, const lexicon_sources *sources, arena *memory, lexicon_build *build,
                           lumen_error *error);

/* The parts of build_lexicon, one file each. */
lumen_status build_concepts(lexicon_build *build, lumen_error *error); /* concepts and anchors */
lumen_status build_nouns(lexicon_build *build, lumen_error *error);
lumen_status build_others(lexicon_build *build, lumen_error *error); /* verbs, exceptions, adverbs, ... */

/* The best concrete sense of a lemma. With `anchored`, only senses from which an anchor is reached count, and its
 * concept is handed out. WORDNET_NONE when there is none. */
uint32_t best_sense(const lexicon_build *build, const wordnet_lemma *lemma, bool anchored, uint16_t *out_concept,
                    uint32_t *out_number);

/* The concept of the nearest anchored synset upwards, 0 when none is reached. `steps` may be NULL. */
uint16_t nearest_concept(const lexicon_build *build, uint32_t synset, uint32_t *steps);

/* Whether an anchor of `concept` is reached upwards from `synset`, be it the nearest or not. */
bool reaches_concept(const lexicon_build *build, uint32_t synset, uint16_t concept);

/* Adds a word; underscores become spaces. Longer words than a table holds are left out. */
lumen_status table_add(lexicon_build *build, build_table *table, const char *word, uint16_t value, uint8_t priority,
                       lumen_error *error);

/* Sorts by the order of tables; of equal words the first one with the highest priority stays. */
void table_finish(build_table *table);

/* The index of `name`, which is added where it is new. Fails beyond `limit` names. */
lumen_status names_index(lexicon_build *build, build_names *names, const char *name, uint32_t limit, uint32_t *out,
                         lumen_error *error);

/* The concept called `name`, 0 for none. */
uint16_t find_concept(const lexicon_build *build, const char *name);

/* Writes a C source file that defines words_the_lexicon. */
lumen_status write_lexicon(const lexicon_build *build, FILE *out, lumen_error *error);

/* Tells people what the tables hold and which concrete nouns have no concept. */
void write_report(const lexicon_build *build, FILE *out);

#endif
