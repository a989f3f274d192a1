/*
 * words.h: from a text to who, what it does, and how.
 *
 *     words_phrase phrase;
 *     status = words_parse("the old owl flies slowly", NULL, &phrase, &error);
 *     // phrase.subject "owl", .concept_name "owl", .verb "fly", .adverb "slowly", .adjectives {"old"}
 *     // phrase.motion {"fly", 0.55, 1.0}, .canonical "old owl|fly|slowly"
 *
 * Any Unicode text is accepted; a noun that no table knows leaves concept_name empty (an abstract
 * shape). Tables are compiled into the program (WordNet 3.0 and the files of data/words); nothing is
 * read at run time, nothing is written: any number of threads may parse at once.
 */
#ifndef LUMEN_WORDS_WORDS_H
#define LUMEN_WORDS_WORDS_H

#include "lumen.h"

enum {
    WORDS_TEXT_BYTES = 1024, /* a cleaned text and its zero */
    WORDS_WORD_BYTES = 96,   /* a single word or multiword noun and its zero; longer ones are cut at a character */
    WORDS_ADJECTIVES_MAX = 8
};

typedef struct words_phrase {
    char text[WORDS_TEXT_BYTES];    /* cleaned: NFKC, no control characters, single spaces, as typed otherwise */
    char subject[WORDS_WORD_BYTES]; /* lemma of the noun: "horse", "palm tree"; what stood there if no noun is known */
    char concept_name[WORDS_WORD_BYTES]; /* concept whose shape stands for it ("horse" for "pony"); "" for none */
    char verb[WORDS_WORD_BYTES];         /* base form: "gallop"; "" without one */
    char adverb[WORDS_WORD_BYTES];       /* "slowly"; "" without one */
    char adjectives[WORDS_ADJECTIVES_MAX][WORDS_WORD_BYTES]; /* "old", "red", "long-necked", in the order of the text */
    uint32_t adjective_count;
    char motion[WORDS_WORD_BYTES];    /* motion template of the verb; "idle" without one */
    float tempo;                      /* 1 is normal */
    float size;                       /* 1 is normal */
    char canonical[WORDS_TEXT_BYTES]; /* equal for texts that mean the same: the ground of cache keys */
    char prompt[WORDS_TEXT_BYTES];    /* the image prompt for the network engines */
} words_phrase;

/* Understands `text` (UTF-8, zero-terminated). `verb`, when not NULL or blank, replaces the text's verb.
 * Errors: LUMEN_ERROR_INVALID for bad UTF-8, an empty or blank text, more than 200 characters, or digits
 * only: each with a message that says so. */
lumen_status words_parse(const char *text, const char *verb, words_phrase *phrase, lumen_error *error);

/* The concept that one noun ("ponies", "Fire-Engine", "fire_engine") leads to; "" for none. Never NULL. */
const char *words_concept_of(const char *noun);

/* All concepts that the tables know, in the order of their files; NULL beyond the last. */
uint32_t words_concept_count(void);
const char *words_concept_name(uint32_t index);

#endif
