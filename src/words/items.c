#include "words/items.h"

#include <string.h>

#include "words/unicode.h"

enum { SPAN_MAX = 5 /* words of the longest multiword expression that is looked for */ };

/* ---- Cutting -------------------------------------------------------------------------------- */

static void add_item(word_items *out, const char *text, size_t length, bool follows_break, bool is_glued)
{
    if (out->count < ITEMS_MAX && length > 0)
        out->items[out->count++] = (word_item){.text = text,
                                               .length = length,
                                               .follows_break = follows_break,
                                               .is_glued = is_glued,
                                               .manner = ITEM_NO_MANNER};
}

/* Adds a word; "it's" and "don't" become two. */
static void add_word(word_items *out, const char *text, size_t length, bool follows_break)
{
    static const char *const tails[] = {"n't", "'s", "'re", "'ll", "'ve", "'d", "'m"};
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
        size_t size = strlen(tails[i]);
        if (length > size && memcmp(text + length - size, tails[i], size) == 0) {
            add_item(out, text, length - size, follows_break, false);
            add_item(out, text + length - size, size, false, true);
            return;
        }
    }
    add_item(out, text, length, follows_break, false);
}

/* Words are letters, with single hyphens and apostrophes inside. */
static void cut_words(const char *folded, word_items *out)
{
    const char *start = NULL, *cursor = folded;
    bool follows_break = false;
    for (;;) {
        const char *here = cursor;
        unicode_kind kind = unicode_next(&cursor);
        if (kind == UNICODE_PUNCTUATION && start != NULL && (*here == '-' || *here == '\'')) {
            const char *ahead = cursor;
            if (unicode_next(&ahead) == UNICODE_LETTER)
                continue;
        }
        if (kind == UNICODE_LETTER) {
            if (start == NULL)
                start = here;
            continue;
        }
        if (start != NULL) {
            add_word(out, start, (size_t)(here - start), follows_break);
            start = NULL;
            follows_break = false;
        }
        if (kind == UNICODE_END)
            return;
        follows_break = follows_break || kind == UNICODE_PUNCTUATION;
    }
}

/* ---- Readings of a single word -------------------------------------------------------------- */

static uint16_t classes_of(const char *text, size_t length)
{
    const words_table *functions = &words_the_lexicon.functions;
    uint32_t place = table_find(functions, text, length);
    return place != TABLE_NONE ? table_value(functions, place) : 0;
}

static int listed_manner(const char *text, size_t length)
{
    uint32_t place = table_find(&words_the_lexicon.manners, text, length);
    return place != TABLE_NONE ? (int)table_value(&words_the_lexicon.manners, place) : ITEM_NO_MANNER;
}

/* "gently" from "gentle", "lazily" from "lazy", "frantically" from "frantic", "slowly" from "slow". */
static int manner_of(const word_item *item)
{
    static const struct {
        const char *ending, *instead;
    } rules[] = {{"ly", ""}, {"ily", "y"}, {"ly", "le"}, {"ally", ""}, {"y", "e"}};
    int manner = listed_manner(item->text, item->length);
    if (manner != ITEM_NO_MANNER || item->length < 5 || item->length >= TABLE_WORD_BYTES ||
        memcmp(item->text + item->length - 2, "ly", 2) != 0)
        return manner;
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        char stem[TABLE_WORD_BYTES + 4];
        size_t cut = strlen(rules[i].ending), kept = item->length - cut;
        if (cut >= item->length || memcmp(item->text + kept, rules[i].ending, cut) != 0)
            continue;
        memcpy(stem, item->text, kept);
        memcpy(stem + kept, rules[i].instead, strlen(rules[i].instead));
        manner = listed_manner(stem, kept + strlen(rules[i].instead));
        if (manner != ITEM_NO_MANNER)
            return manner;
    }
    bool other = item->is_noun || item->is_verb || (item->classes & WORD_ADJECTIVE) != 0;
    return other ? ITEM_NO_MANNER : ITEM_PLAIN_MANNER;
}

/* A noun written as one word that the tables write as two: "firetruck", "icecream". */
static bool noun_of_joined(const word_item *item, noun_form *out)
{
    char parted[TABLE_WORD_BYTES];
    if (item->length < 5 || item->length + 1 >= TABLE_WORD_BYTES)
        return false;
    for (size_t at = 2; at + 2 <= item->length; at++) {
        memcpy(parted, item->text, at);
        parted[at] = ' ';
        memcpy(parted + at + 1, item->text + at, item->length - at);
        if (table_has_prefix(&words_the_lexicon.nouns, parted, at + 2) &&
            morphology_noun(parted, item->length + 1, out) && noun_concept(out->value) != 0)
            return true;
    }
    return false;
}

/* The same word without its hyphens: "tea-pot". */
static bool noun_without_hyphens(const char *text, size_t length, noun_form *out)
{
    char joined[TABLE_WORD_BYTES];
    size_t size = 0;
    if (length >= TABLE_WORD_BYTES)
        return false;
    for (size_t i = 0; i < length; i++)
        if (text[i] != '-' && text[i] != ' ')
            joined[size++] = text[i];
    return size < length && morphology_noun(joined, size, out) && noun_concept(out->value) != 0;
}

bool items_noun(const char *folded, noun_form *out)
{
    word_item item = {.text = folded, .length = strlen(folded)};
    return morphology_noun(item.text, item.length, out) || noun_without_hyphens(item.text, item.length, out) ||
           noun_of_joined(&item, out);
}

static void read_word(word_item *item)
{
    item->classes = classes_of(item->text, item->length);
    item->is_noun = morphology_noun(item->text, item->length, &item->noun);
    item->is_verb = morphology_verb(item->text, item->length, &item->verb);
    if (!item->is_noun && !item->is_verb && item->classes == 0)
        item->is_noun =
            noun_without_hyphens(item->text, item->length, &item->noun) || noun_of_joined(item, &item->noun);
    item->manner = manner_of(item);
}

/* ---- Multiword expressions ------------------------------------------------------------------ */

static size_t span_length(const word_item *first, uint32_t words)
{
    return (size_t)(first[words - 1].text + first[words - 1].length - first->text);
}

/* How many words from here may belong together: none goes beyond a comma. */
static uint32_t longest_span(const word_item *first, uint32_t left)
{
    uint32_t words = 1;
    while (words < left && words < SPAN_MAX && !first[words].follows_break)
        words++;
    while (words > 1 && span_length(first, words) + 1 >= TABLE_WORD_BYTES)
        words--;
    return words;
}

/* Whether some expression starts with this word and the first letter of the next: "geese" must find "goose". */
static bool may_start(const words_table *table, const word_item *first)
{
    return table_has_prefix(table, first->text, span_length(first, 2) - (first[1].length - 1));
}

static uint32_t manner_span(word_item *first, uint32_t longest)
{
    if (longest < 2 || !may_start(&words_the_lexicon.manners, first))
        return 0;
    for (uint32_t words = longest; words >= 2; words--) {
        int manner = listed_manner(first->text, span_length(first, words));
        if (manner != ITEM_NO_MANNER) {
            first->manner = manner;
            return words;
        }
    }
    return 0;
}

/* Whether the first word of an expression only tells how the rest is: a "brown bear" is a bear that is brown,
 * though a "hot dog" is no dog. An "orange tree" need not be orange. */
static bool only_describes(const word_item *first, uint32_t words)
{
    noun_form whole = first->noun, rest, alone;
    size_t skip = (size_t)(first[1].text - first->text);
    if (!morphology_noun(first[1].text, span_length(first, words) - skip, &rest) ||
        noun_concept(rest.value) != noun_concept(whole.value))
        return false;
    bool thing = morphology_noun(first->text, first->length, &alone) && noun_concept(alone.value) != 0;
    return !thing || (alone.value & NOUN_ADJECTIVAL) != 0;
}

static uint32_t noun_span(word_item *first, uint32_t longest)
{
    uint16_t opening = classes_of(first->text, first->length);
    if (longest < 2 || (opening & (WORD_ARTICLE | WORD_DETERMINER | WORD_PRONOUN)) != 0)
        return 0;
    for (uint32_t words = may_start(&words_the_lexicon.nouns, first) ? longest : 0; words >= 2; words--)
        if (morphology_noun(first->text, span_length(first, words), &first->noun) &&
            noun_concept(first->noun.value) != 0 && !((opening & WORD_ADJECTIVE) != 0 && only_describes(first, words)))
            return words;
    /* "tea pot", but not "green house" or "dragon fly": those are read word by word. */
    noun_form joined, second;
    size_t size = span_length(first, 2);
    bool plain = opening == 0 && classes_of(first[1].text, first[1].length) == 0 && !first[1].is_glued &&
                 first->text[first->length] == ' ' && first->length > 2 && first[1].length > 2;
    if (plain && noun_without_hyphens(first->text, size, &joined) && (joined.value & NOUN_PROPER) == 0 &&
        (!morphology_noun(first[1].text, first[1].length, &second) || (second.value & NOUN_VERBAL) == 0)) {
        verb_form verb;
        if (!morphology_verb(first->text, first->length, &verb) || verb.ending == VERB_BASE) {
            first->noun = joined;
            return 2;
        }
    }
    return 0;
}

void items_read(const char *folded, word_items *out)
{
    out->count = 0;
    cut_words(folded, out);
    uint32_t count = out->count, kept = 0;
    for (uint32_t i = 0; i < count;) {
        word_item item = out->items[i];
        uint32_t longest = longest_span(&out->items[i], count - i);
        uint32_t words = manner_span(&out->items[i], longest);
        if (words > 0) {
            item.manner = out->items[i].manner;
        } else if ((words = noun_span(&out->items[i], longest)) > 0) {
            item.is_noun = true;
            item.noun = out->items[i].noun;
        }
        if (words > 0) {
            item.length = span_length(&out->items[i], words);
        } else {
            read_word(&item);
            words = 1;
        }
        out->items[kept++] = item;
        i += words;
    }
    out->count = kept;
}
