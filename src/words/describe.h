/*
 * describe.h: writing down how things are and how they move.
 *
 * Everything is added to the end of what a sentence_parts holds already; what finds no room is left out.
 */
#ifndef LUMEN_WORDS_DESCRIBE_H
#define LUMEN_WORDS_DESCRIBE_H

#include "words/phrase.h"
#include "words/sentence.h"

void add_adjective(sentence_parts *out, const char *text, size_t length);

/* What stands around the head of a phrase, in the order of the text. "long neck giraffe" and "long necked
 * giraffe" both give "long-necked". */
void add_adjectives(const sentence_reader *in, const noun_phrase *phrase, sentence_parts *out);

/* The form of a part of the body: "necked" for "neck"; NULL for other nouns. */
const char *trait_form(const word_item *item);

/* What "with" tells: "with a long neck" gives "long-necked", "with two heads" "two-headed", "with wings"
 * "winged"; a phrase about anything else gives nothing. */
void add_traits(const sentence_reader *in, const noun_phrase *phrase, sentence_parts *out);

/* An adverb, with its factors. *strength is 0 at first and carries "very" to the adverb after it. */
void add_adverb(sentence_parts *out, const word_item *item, float *strength);

/* The adverbs among the items of [start, end). */
void add_adverbs(const sentence_reader *in, int start, int end, sentence_parts *out);

#endif
