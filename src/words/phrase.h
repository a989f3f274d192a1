/*
 * phrase.h: what a word is where it stands, and where a noun phrase ends.
 *
 *     sentence_reader in = {items.items, (int)items.count};
 *     noun_phrase phrase = phrase_read(&in, 0);      // "the old owl" of "the old owl flies slowly"
 *     if (phrase.head != NO_ITEM) ...                // items[phrase.head] is "owl"
 *
 * Items are named by their place. Every question may be asked of a place beyond the end: the answer is no.
 */
#ifndef LUMEN_WORDS_PHRASE_H
#define LUMEN_WORDS_PHRASE_H

#include "words/items.h"

enum { NO_ITEM = -1 };

typedef struct sentence_reader {
    const word_item *items;
    int count;
} sentence_reader;

/* A noun phrase: items [start, end), the head among them. */
typedef struct noun_phrase {
    int start, end;
    int head;       /* the noun, or NO_ITEM */
    int participle; /* a verb in -ing that describes the head, or NO_ITEM */
    int number;     /* a number word, or NO_ITEM */
    bool opened;    /* an article or determiner stood before it */
} noun_phrase;

enum {
    ENDS_PHRASE = WORD_PREPOSITION | WORD_CONJUNCTION | WORD_COPULA | WORD_NEGATION | WORD_RELATIVE | WORD_ARTICLE |
                  WORD_DETERMINER | WORD_PRONOUN | WORD_POLITE | WORD_AUXILIARY,
    OPENS_PHRASE = WORD_ARTICLE | WORD_DETERMINER
};

/* Reads the noun phrase that starts at `at`; an empty one where none does. Articles and numbers before it
 * are passed over, adverbs within it are skipped. */
noun_phrase phrase_read(const sentence_reader *in, int at);

/* Whether the item is in one of these classes of function words. */
bool item_has(const sentence_reader *in, int at, int classes);
bool item_is_text(const sentence_reader *in, int at, const char *text);

bool item_has_concept(const word_item *item);
bool item_is_flagged(const word_item *item, uint16_t noun_flag);
bool item_strengthens(const word_item *item); /* "very" */

/* Whether the item is an adverb where it stands. */
bool item_is_adverb(const sentence_reader *in, int at);

/* Whether the item could go on a noun phrase that has begun: a noun, an adjective, a word not known. */
bool item_describes(const sentence_reader *in, int at);

/* Whether the item could be a noun that a word before it describes, or lead to one. */
bool item_could_be_noun(const sentence_reader *in, int at);

/* Whether the item, after the items from `start` on, is the verb of the sentence and so ends its phrase.
 * `opened` tells whether an article stood before those. */
bool item_is_verb(const sentence_reader *in, int start, int at, bool opened);

#endif
