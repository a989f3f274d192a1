#include "words/morphology.h"

#include <string.h>

typedef struct ending_rule {
    const char *ending, *instead;
} ending_rule;

static bool ends_with(const char *word, size_t length, const char *ending)
{
    size_t size = strlen(ending);
    return length > size && memcmp(word + length - size, ending, size) == 0;
}

/* Writes the word with its last `cut` bytes replaced; its length, or 0 where that does not fit. */
static size_t replace_end(const char *word, size_t length, size_t cut, const char *instead, char out[TABLE_WORD_BYTES])
{
    size_t added = strlen(instead);
    if (length <= cut || length - cut + added >= TABLE_WORD_BYTES)
        return 0;
    memcpy(out, word, length - cut);
    memcpy(out + length - cut, instead, added);
    return length - cut + added;
}

/* ---- Nouns ---------------------------------------------------------------------------------- */

/* Takes a found noun unless a better one is already there; true once it leads to a concept. */
static bool take_noun(const char *word, size_t length, bool plural, noun_form *out, bool *found)
{
    const words_table *nouns = &words_the_lexicon.nouns;
    uint32_t place = length > 0 ? table_find(nouns, word, length) : TABLE_NONE;
    if (place == TABLE_NONE)
        return false;
    uint16_t value = table_value(nouns, place);
    if (!*found || noun_concept(value) != 0)
        *out = (noun_form){place, value, plural};
    *found = true;
    return noun_concept(value) != 0;
}

bool morphology_noun(const char *word, size_t length, noun_form *out)
{
    static const ending_rule rules[] = {{"s", ""},      {"ses", "s"},   {"xes", "x"},   {"zes", "z"},
                                        {"ches", "ch"}, {"shes", "sh"}, {"men", "man"}, {"ies", "y"}};
    char candidate[TABLE_WORD_BYTES];
    bool found = false;
    if (length < 1 || length >= TABLE_WORD_BYTES)
        return false;
    if (take_noun(word, length, false, out, &found))
        return true;
    size_t last = length; /* where the last word starts */
    while (last > 0 && word[last - 1] != ' ' && word[last - 1] != '-')
        last--;
    uint32_t exception = table_find(&words_the_lexicon.noun_exceptions, word + last, length - last);
    if (exception != TABLE_NONE) {
        const char *base = words_the_lexicon.noun_bases[table_value(&words_the_lexicon.noun_exceptions, exception)];
        size_t size = last == 0 ? strlen(base) : replace_end(word, length, length - last, base, candidate);
        if (take_noun(last == 0 ? base : candidate, size, true, out, &found))
            return true;
    }
    if (word[length - 1] != 's' && !ends_with(word, length, "men"))
        return found;
    /* "glass" is no plural, whatever its ending says. */
    for (size_t i = 0; i < sizeof rules / sizeof rules[0] && !ends_with(word, length, "ss"); i++) {
        if (!ends_with(word, length, rules[i].ending))
            continue;
        size_t size = replace_end(word, length, strlen(rules[i].ending), rules[i].instead, candidate);
        if (size > 1 && take_noun(candidate, size, true, out, &found))
            return true;
    }
    return found;
}

/* ---- Verbs ---------------------------------------------------------------------------------- */

static bool take_verb(const char *word, size_t length, verb_ending ending, verb_form *out)
{
    const words_table *verbs = &words_the_lexicon.verbs;
    uint32_t place = length > 1 ? table_find(verbs, word, length) : TABLE_NONE;
    if (place == TABLE_NONE)
        return false;
    *out = (verb_form){place, table_value(verbs, place), ending};
    return true;
}

static bool is_vowel(char letter)
{
    return memchr("aeiou", letter, 5) != NULL;
}

/* "rid" of "riding": a single vowel between consonants, where a verb without e would have doubled. */
static bool wants_e(const char *stem, size_t length)
{
    return length >= 3 && !is_vowel(stem[length - 1]) && memchr("wxy", stem[length - 1], 3) == NULL &&
           is_vowel(stem[length - 2]) && !is_vowel(stem[length - 3]);
}

/* What is left of "riding", "running", "singing" or "jumped" without its ending. */
static bool take_stem(const char *word, size_t length, verb_ending ending, verb_form *out)
{
    char with_e[TABLE_WORD_BYTES];
    size_t size = replace_end(word, length, 0, "e", with_e);
    if (length < 2)
        return false;
    if (wants_e(word, length) && take_verb(with_e, size, ending, out))
        return true;
    if (take_verb(word, length, ending, out) || take_verb(with_e, size, ending, out))
        return true;
    return word[length - 1] == word[length - 2] && take_verb(word, length - 1, ending, out);
}

bool morphology_verb(const char *word, size_t length, verb_form *out)
{
    char candidate[TABLE_WORD_BYTES];
    if (length < 2 || length >= TABLE_WORD_BYTES)
        return false;
    uint32_t exception = table_find(&words_the_lexicon.verb_exceptions, word, length);
    if (exception != TABLE_NONE) {
        const char *base = words_the_lexicon.verb_bases[table_value(&words_the_lexicon.verb_exceptions, exception)];
        verb_ending ending = ends_with(word, length, "ing") ? VERB_ING : word[length - 1] == 's' ? VERB_S : VERB_PAST;
        if (take_verb(base, strlen(base), ending, out))
            return true;
    }
    if (take_verb(word, length, VERB_BASE, out))
        return true;
    if (ends_with(word, length, "ing"))
        return take_stem(word, length - 3, VERB_ING, out);
    if (ends_with(word, length, "ied"))
        return take_verb(candidate, replace_end(word, length, 3, "y", candidate), VERB_PAST, out);
    if (ends_with(word, length, "ed"))
        return take_stem(word, length - 2, VERB_PAST, out);
    if (ends_with(word, length, "ies") &&
        take_verb(candidate, replace_end(word, length, 3, "y", candidate), VERB_S, out))
        return true;
    if (!ends_with(word, length, "s") || ends_with(word, length, "ss"))
        return false;
    return take_verb(word, length - 1, VERB_S, out) ||
           (ends_with(word, length, "es") && take_verb(word, length - 2, VERB_S, out));
}

void morphology_ing(const char *verb, char out[TABLE_WORD_BYTES + 8])
{
    size_t length = strnlen(verb, TABLE_WORD_BYTES - 1);
    memcpy(out, verb, length);
    out[length] = 0;
    size_t vowels = 0;
    for (size_t i = 0; i < length; i++)
        vowels += is_vowel(verb[i]) ? 1 : 0;
    if (ends_with(verb, length, "ie")) {
        out[length - 2] = 'y';
        length--;
    } else if (length > 2 && verb[length - 1] == 'e' && memchr("eoy", verb[length - 2], 3) == NULL) {
        length--;
    } else if (vowels == 1 && wants_e(verb, length)) {
        out[length] = verb[length - 1];
        length++;
    }
    memcpy(out + length, "ing", 4);
}
