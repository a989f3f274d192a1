/*
 * sentence.h: who, what it does, and how: the rules of short English sentences.
 *
 *     sentence_parts parts;
 *     sentence_read(&items, &parts);
 *
 * The rules are plain and run once from left to right:
 *
 *  1. Words that ask ("show me", "i want to see") are skipped.
 *  2. The first noun phrase is the subject: articles and numbers are skipped, the last noun that has a
 *     shape is its head, what stands around it describes it. A phrase of quantity or picture ("a bunch of
 *     grapes", "a drawing of a cat") gives way to what it is of; a possessor gives way to what is owned.
 *  3. A word that could be noun or verb is a verb where its form and its neighbors ask for one: "-ing"
 *     before a noun or after one, "-s" after a singular noun, the plain form after a plural noun; which
 *     of the two a word is oftener decides the rest.
 *  4. In what follows, the first verb counts, all adverbs, adjectives after "is", and "with a long neck"
 *     becomes "long-necked". Objects and places are passed over.
 */
#ifndef LUMEN_WORDS_SENTENCE_H
#define LUMEN_WORDS_SENTENCE_H

#include "words/items.h"
#include "words/words.h"

typedef struct sentence_parts {
    const word_item *subject; /* NULL without a known noun */
    const word_item *verb;    /* NULL without one */
    const char *unknown;      /* without a known noun: the words that stood in its place; may be NULL */
    size_t unknown_length;
    uint32_t adjective_count;
    char adjectives[WORDS_ADJECTIVES_MAX][WORDS_WORD_BYTES];
    char adverb[WORDS_WORD_BYTES];
    float tempo, size; /* of the adverbs alone, between 0.1 and 8 */
} sentence_parts;

void sentence_read(const word_items *items, sentence_parts *out);

/* Reads a phrase as verb and adverbs only: "flying slowly". */
void sentence_read_verb(const word_items *items, sentence_parts *out);

#endif
