/*
 * sources.h: the text files that people edit, read for the lexicon compiler.
 *
 *     lexicon_sources sources = {0};
 *     status = sources_read(SOURCE_VERBS, "data/words/verbs.txt", text, length, memory, &sources, &error);
 *
 * In every file a # starts a comment that runs to the end of its line, blank lines mean nothing, words
 * are lower case with underscores for spaces, and one line says one thing:
 *
 *     concepts   concept NAME of PARENT [is nothing | is LEMMA.n.K, LEMMA.n.K ...] [also WORD, WORD ...]
 *     senses     WORD WORD ... = LEMMA.n.K   the words mean this sense of WordNet
 *                WORD WORD ... = @CONCEPT    the words mean this concept, where it exists
 *                WORD WORD ... = nothing     the words are no nouns here
 *     verbs      MOTION [tempo N] [size N] [by NOUN] : VERB VERB ...
 *     manners    [tempo N] [size N] : WORD WORD ...        adverbs and their adjectives
 *                strengthen N : WORD WORD ...              words such as "very"; below 0 they weaken
 *     functions  CLASS : WORD WORD ...
 *     traits     FORM : NOUN NOUN ...                      "necked : neck"
 *
 * Other lines of a concepts file (they describe shapes) are skipped. A line that is not understood is
 * LUMEN_ERROR_INVALID with the file, the line, the reason and the mend. Everything read lives in the arena.
 */
#ifndef LUMEN_TOOLS_SOURCES_H
#define LUMEN_TOOLS_SOURCES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

typedef enum source_kind {
    SOURCE_CONCEPTS,
    SOURCE_SENSES,
    SOURCE_VERBS,
    SOURCE_MANNERS,
    SOURCE_FUNCTIONS,
    SOURCE_TRAITS
} source_kind;

/* Where a line stands, for messages about it. */
typedef struct source_place {
    const char *file;
    uint32_t line;
} source_place;

typedef struct source_words {
    uint32_t count;
    const char *const *words;
} source_words;

typedef struct source_concept {
    source_place place;
    const char *name, *parent;
    bool is_nothing;
    source_words anchors; /* "horse.n.01" */
    source_words also;
} source_concept;

typedef struct source_sense {
    source_place place;
    source_words words;
    const char *meaning; /* "man.n.01", "@heart" or "nothing" */
} source_sense;

typedef struct source_verbs {
    source_place place;
    uint32_t motion; /* index in words_motion_names */
    float tempo, size;
    const char *by; /* subject of a text without a noun; NULL for none */
    source_words words;
} source_verbs;

typedef struct source_manner {
    source_place place;
    float tempo, size, strengthen;
    source_words words;
} source_manner;

typedef struct source_function {
    source_place place;
    uint32_t class_bit; /* 1 << index in words_class_names */
    source_words words;
} source_function;

typedef struct source_trait {
    source_place place;
    const char *form;
    source_words words;
} source_trait;

typedef struct lexicon_sources {
    uint32_t concept_count, sense_count, verb_count, manner_count, function_count, trait_count;
    source_concept *concepts;
    source_sense *senses;
    source_verbs *verbs;
    source_manner *manners;
    source_function *functions;
    source_trait *traits;
} lexicon_sources;

/* Reads `length` bytes of `text` as a file of this kind and adds its lines to `sources`. The text need
 * not end with a zero. */
lumen_status sources_read(source_kind kind, const char *file, const char *text, size_t length, arena *memory,
                          lexicon_sources *sources, lumen_error *error);

/* Splits "horse.n.01" into its lemma and its number. False when it is not of that form. */
bool sources_split_sense(const char *sense, char *lemma, size_t capacity, uint32_t *number);

#endif
