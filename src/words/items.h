/*
 * items.h: a folded text cut into words and multiword expressions, each with all it could be.
 *
 *     word_items items;
 *     items_read("a big red fire engine", &items);   // 4 items; the last is the noun "fire engine"
 *
 * What an item is in its sentence is decided later, by sentence.h. Texts point into what was given.
 */
#ifndef LUMEN_WORDS_ITEMS_H
#define LUMEN_WORDS_ITEMS_H

#include "words/morphology.h"

enum {
    ITEMS_MAX = 256,       /* words of a text; what comes after is not read */
    ITEM_NO_MANNER = -1,   /* no adverb */
    ITEM_PLAIN_MANNER = -2 /* an adverb in -ly that no table knows */
};

typedef struct word_item {
    const char *text; /* as folded, without a zero */
    size_t length;
    uint16_t classes;   /* bits of function word classes */
    bool follows_break; /* a comma or other mark stands before it */
    bool is_glued;      /* no space before it: the "'s" of "it's" */
    bool is_noun, is_verb;
    noun_form noun;
    verb_form verb;
    int manner; /* index in manner_list, or one of the two above */
} word_item;

typedef struct word_items {
    uint32_t count;
    word_item items[ITEMS_MAX];
} word_items;

/* Whether a folded word or expression is a noun, be it joined or parted otherwise than in the tables. */
bool items_noun(const char *folded, noun_form *out);

void items_read(const char *folded, word_items *out);

#endif
