/*
 * lexicon.h: the compiled tables of the words room, and how a word is looked up in them.
 *
 *     uint32_t place = table_find(&words_the_lexicon.nouns, "horse", 5);
 *     if (place != TABLE_NONE)
 *         concept = words_the_lexicon.concepts[noun_concept(table_value(&words_the_lexicon.nouns, place))];
 *
 * tools/lexicon writes the one words_lexicon at build time. It is constant: any number of threads may
 * read it.
 *
 * A table holds sorted words with 16 bits each. The words are front-coded in blocks of TABLE_BLOCK
 * (Witten, Moffat, Bell, "Managing Gigabytes", 2nd edition, section 4.1): the first word of a block
 * stands whole, of each further one only the end in which it differs from the word before. Words are
 * ASCII, so that the top bit can mark the last byte of each. How many bytes are shared stands in an array
 * of its own, which compresses better. A hyphen sorts as a space and equals it, so that "t-shirt" and
 * "t shirt" find each other.
 */
#ifndef LUMEN_WORDS_LEXICON_H
#define LUMEN_WORDS_LEXICON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TABLE_BLOCK = 16,
    TABLE_WORD_BYTES = 96 /* the longest word and its zero; words.h shows the same number */
};

#define TABLE_NONE 0xffffffffu

typedef struct words_table {
    uint32_t count;
    const uint8_t *ends;    /* the bytes that each word does not share with the one before */
    const uint8_t *shared;  /* (count) how many it does; 0 at the start of a block */
    const uint32_t *blocks; /* where each block starts in ends */
    const uint16_t *values;
} words_table;

/* The place of a word, or TABLE_NONE. */
uint32_t table_find(const words_table *table, const char *word, size_t length);

/* Whether some word of the table starts with these bytes. */
bool table_has_prefix(const words_table *table, const char *prefix, size_t length);

/* Writes the word at `place` with its own spelling and a zero; returns its length. */
size_t table_word(const words_table *table, uint32_t place, char out[TABLE_WORD_BYTES]);

static inline uint16_t table_value(const words_table *table, uint32_t place)
{
    return table->values[place];
}

/* How two words compare in a table: -1, 0 or 1. */
int table_compare(const char *left, size_t left_length, const char *right, size_t right_length);

/* ---- Nouns: value = concept | flags --------------------------------------------------------- */

enum {
    NOUN_CONCEPT_MASK = 0x07ff, /* index in concepts; 0 is "no concept" */
    NOUN_ANIMATE = 0x0800,      /* an animal or a person: what does things by itself */
    NOUN_ADJECTIVAL = 0x1000,   /* met more often as an adjective: "red", "giant" */
    NOUN_VERBAL = 0x2000,       /* met more often as a verb: "fly", "run" */
    NOUN_STRONG = 0x4000,       /* all the same a noun when it stands alone: an animal, or a concept's own name */
    NOUN_PROPER = 0x8000        /* written with a capital: "Paris" */
};

static inline uint32_t noun_concept(uint16_t value)
{
    return value & NOUN_CONCEPT_MASK;
}

/* ---- Verbs: value = index of a motion ------------------------------------------------------- */

enum { WORDS_MOTION_COUNT = 25, WORDS_MOTION_IDLE = 0 };
extern const char *const words_motion_names[WORDS_MOTION_COUNT];

typedef struct words_motion {
    uint8_t name; /* index in words_motion_names */
    float tempo, size;
    const char *by; /* subject of a text that has only this verb; "" for none */
} words_motion;

/* ---- Adverbs: value = index of a manner ----------------------------------------------------- */

typedef struct words_manner {
    float tempo, size;
    float strengthen; /* not 0: moves what follows away from 1 ("very") or, below 0, nearer to it */
} words_manner;

/* ---- Function words: value = bits of these classes ------------------------------------------ */

enum {
    WORD_ARTICLE = 1 << 0,     /* a, the */
    WORD_DETERMINER = 1 << 1,  /* this, my, some: opens a noun phrase, as articles do */
    WORD_NUMBER = 1 << 2,      /* two, several */
    WORD_PRONOUN = 1 << 3,     /* it, me, something: stands for a noun phrase that shows nothing */
    WORD_PREPOSITION = 1 << 4, /* in, over, down */
    WORD_CONJUNCTION = 1 << 5, /* and, or */
    WORD_AUXILIARY = 1 << 6,   /* has, can, will */
    WORD_COPULA = 1 << 7,      /* is, looks: an adjective or noun may follow */
    WORD_NEGATION = 1 << 8,    /* not, never */
    WORD_RELATIVE = 1 << 9,    /* that, who, while */
    WORD_REQUEST = 1 << 10,    /* draw, show, please: skipped at the start */
    WORD_QUANTITY = 1 << 11,   /* bunch, picture: "bunch of grapes" is about grapes */
    WORD_ADJUNCT = 1 << 12,    /* baby, toy: nouns that usually describe the next one */
    WORD_ADJECTIVE = 1 << 13,  /* red, friendly: describes even where the tables see a noun or adverb */
    WORD_POLITE = 1 << 14      /* please, thanks: skipped anywhere */
};
enum { WORDS_CLASS_COUNT = 15 };
extern const char *const words_class_names[WORDS_CLASS_COUNT];

/* ---- All of it ------------------------------------------------------------------------------ */

typedef struct words_lexicon {
    words_table nouns;
    words_table verbs;
    words_table noun_exceptions; /* "mice"; value: index in bases of "mouse" */
    words_table verb_exceptions; /* "flew" */
    words_table functions;
    words_table manners;    /* adverbs, value: index of a manner */
    words_table traits;     /* "neck", value: index in trait_forms of "necked" */
    uint32_t concept_count; /* with concepts[0], which is "" */
    const char *const *concepts;
    const char *const *noun_bases;
    const char *const *verb_bases;
    uint32_t trait_form_count;
    const char *const *trait_forms;
    const words_motion *motions; /* [0] is idle, for verbs without a motion */
    const words_manner *manner_list;
} words_lexicon;

extern const words_lexicon words_the_lexicon;

#endif
