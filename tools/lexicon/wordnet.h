/*
 * wordnet.h: the WordNet 3.0 database files in memory, for the lexicon compiler.
 *
 *     wordnet *net = NULL;
 *     if (wordnet_read("/usr/share/wordnet", memory, &net, &error) != LUMEN_OK) ...
 *     const wordnet_lemma *horse = wordnet_find(&net->nouns, "horse");
 *     uint32_t synset = horse->senses[0];              // horse.n.01
 *
 * The formats are described in the manual pages wndb(5WN), senseidx(5WN) and cntlist(5WN) of WordNet.
 * Everything lives in the arena that was given.
 */
#ifndef LUMEN_TOOLS_WORDNET_H
#define LUMEN_TOOLS_WORDNET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

/* Lexicographer files, lexnames(5WN): what kind of thing a synset is. */
enum {
    WORDNET_TOPS = 3,
    WORDNET_ACT = 4,
    WORDNET_ANIMAL = 5,
    WORDNET_ARTIFACT = 6,
    WORDNET_BODY = 8,
    WORDNET_COMMUNICATION = 10,
    WORDNET_FOOD = 13,
    WORDNET_GROUP = 14,
    WORDNET_LOCATION = 15,
    WORDNET_OBJECT = 17,
    WORDNET_PERSON = 18,
    WORDNET_PHENOMENON = 19,
    WORDNET_PLANT = 20,
    WORDNET_POSSESSION = 21,
    WORDNET_SHAPE = 25,
    WORDNET_SUBSTANCE = 27,
    WORDNET_VERB_MOTION = 38
};

#define WORDNET_NONE 0xffffffffu

typedef struct wordnet_synset {
    uint32_t offset;           /* its name in the database */
    uint32_t file;             /* lexicographer file */
    const char *words;         /* its words as the database writes them, with capitals, up to the pointers */
    uint32_t hypernym_count;   /* "is a" and "is an instance of" */
    const uint32_t *hypernyms; /* indices of synsets */
} wordnet_synset;

typedef struct wordnet_lemma {
    const char *text; /* lower case, underscores for spaces */
    uint32_t sense_count;
    const uint32_t *senses; /* indices of synsets, sense 1 first */
    uint32_t *tags;         /* how often each sense was met in the tagged texts */
} wordnet_lemma;

/* Nouns, verbs or adjectives. Adjectives carry no synsets: only lemmas and counts. */
typedef struct wordnet_part {
    uint32_t lemma_count;
    wordnet_lemma *lemmas; /* sorted by text, bytewise */
    uint32_t synset_count;
    wordnet_synset *synsets; /* sorted by offset */
} wordnet_part;

typedef struct wordnet_exception {
    const char *inflected; /* "mice" */
    const char *base;      /* "mouse": the first base where the file names several */
} wordnet_exception;

typedef struct wordnet_exceptions {
    uint32_t count;
    wordnet_exception *entries; /* in the order of the file */
} wordnet_exceptions;

typedef struct wordnet {
    wordnet_part nouns, verbs, adjectives;
    wordnet_exceptions noun_exceptions, verb_exceptions;
} wordnet;

/* Reads the database files of `folder`. Errors: LUMEN_ERROR_IO, LUMEN_ERROR_MEMORY, LUMEN_ERROR_INVALID. */
lumen_status wordnet_read(const char *folder, arena *memory, wordnet **out, lumen_error *error);

/* The lemma with this text, or NULL. */
const wordnet_lemma *wordnet_find(const wordnet_part *part, const char *text);

/* How often all senses of a lemma together were met; 0 for NULL. */
uint32_t wordnet_tags(const wordnet_lemma *lemma);

/* Whether the synset writes this lemma with a capital: "Jaguar" is a name, "jaguar" an animal. */
bool wordnet_is_capital(const wordnet_synset *synset, const char *lemma);

/* A whole file as zero-terminated text in the arena. */
lumen_status wordnet_file(const char *path, arena *memory, char **out, size_t *length, lumen_error *error);

#endif
