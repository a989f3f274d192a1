/*
 * morphology.h: from an inflected word to its dictionary form.
 *
 *     noun_form noun;
 *     if (morphology_noun("mice", 4, &noun)) ...   // the place of "mouse", plural
 *     verb_form verb;
 *     if (morphology_verb("galloping", 9, &verb)) ...
 *
 * The rules are those of the manual page morphy(7WN) of WordNet: first the lists of exceptions, then
 * endings taken off one after another until a known word is left. Doubled consonants ("travelling") are
 * undone by rule as well. Words are folded; a multiword noun is inflected at its last word.
 */
#ifndef LUMEN_WORDS_MORPHOLOGY_H
#define LUMEN_WORDS_MORPHOLOGY_H

#include "words/lexicon.h"

typedef struct noun_form {
    uint32_t place; /* in words_the_lexicon.nouns */
    uint16_t value;
    bool plural;
} noun_form;

typedef enum verb_ending { VERB_BASE, VERB_S, VERB_PAST, VERB_ING } verb_ending;

typedef struct verb_form {
    uint32_t place; /* in words_the_lexicon.verbs */
    uint16_t value; /* index of its motion; 0 moves nothing */
    verb_ending ending;
} verb_form;

/* Whether the word is a noun. One that leads to a concept is preferred. */
bool morphology_noun(const char *word, size_t length, noun_form *out);

/* Whether the word is a verb. */
bool morphology_verb(const char *word, size_t length, verb_form *out);

/* Writes the form in -ing of a verb: "gallop" becomes "galloping", "run" "running", "lie" "lying". */
void morphology_ing(const char *verb, char out[TABLE_WORD_BYTES + 8]);

#endif
